"""Picture: upload images of single beats; see the trace found, its class and where the network looked."""

from __future__ import annotations

import streamlit as st

from app.common.text import plain
from pipeline.config import DEFAULT, PICTURE_ENDINGS
from pipeline.errors import EcgError

HONEST = (
    "A single beat without its rhythm cannot show that it came early: supraventricular ectopics look normal here. "
    "Read such pictures for their shape only."
)

st.title("Pictures of single beats", anchor=False)
uploads = st.file_uploader(
    "One or more pictures, each of one beat, or a zip of them",
    type=[*PICTURE_ENDINGS, "zip"],
    accept_multiple_files=True,
    max_upload_size=DEFAULT.limits.upload_bytes // 2**20,
    key="beat-pictures",
)
st.caption(
    f"PNG or JPEG, WebP or PDF, any line and background, up to {DEFAULT.limits.picture_bytes // 2**20} MB and "
    f"{DEFAULT.limits.picture_pixels // 1_000_000} megapixels each and {DEFAULT.limits.pictures} in all. "
    "Files stay on this machine."
)
st.caption(HONEST)
if uploads:
    from app.picture import results  # here, because an empty page needs none of it

    try:
        results.draw([(upload.name, upload.getvalue()) for upload in uploads])
    except EcgError as error:
        st.error(plain(str(error)), icon=":material/error:")
else:
    from app.picture import evaluation

    evaluation.draw()
