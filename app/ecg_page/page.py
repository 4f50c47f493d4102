"""12-lead page: a scan, export or photo goes in; every step is shown and can be corrected; a recording comes out."""

from __future__ import annotations

import streamlit as st

from app.common.session import session
from app.common.text import plain
from pipeline.config import DEFAULT, PICTURE_ENDINGS
from pipeline.datasets import demo_page_path
from pipeline.errors import EcgError

SAMPLE = demo_page_path()
HONEST = (
    "Signals read from a picture are less precise than recorded ones, and a page shows most leads for a few seconds "
    "only. Compare the coloured lines with the page before you accept them."
)

st.title("A 12-lead page becomes a recording", anchor=False)
upload = st.file_uploader(
    "A scan, an export or a photo of one page",
    type=list(PICTURE_ENDINGS),
    max_upload_size=DEFAULT.limits.picture_bytes // 2**20,
    key="page-upload",
)
given = session().page if upload is None else None
sample = st.toggle("Look at a sample page instead", key="page-sample", disabled=upload is not None or given is not None)
st.caption(
    "Twelve leads in any usual layout (also Cabrera's), a few leads, or one lead over several rows, as watches print. "
    f"PNG, JPEG, WebP or PDF, up to {DEFAULT.limits.picture_bytes // 2**20} MB and "
    f"{DEFAULT.limits.picture_pixels // 1_000_000} megapixels, on millimetre paper. Files stay on this machine. "
    "The sample is drawn from LUDB record 10 (Kalyakulina 2020, ODC-By 1.0)."
)
st.caption(HONEST)
if given is not None and st.button(f"Close {plain(given[0])}", icon=":material/close:", key="page-close"):
    session().page = None
    st.rerun()
if upload is not None or given is not None or sample:
    from app.ecg_page import steps  # here, because an empty page needs none of it

    chosen = given if upload is None else (upload.name, upload.getvalue())
    name, payload = chosen or (SAMPLE.name, SAMPLE.read_bytes())
    try:
        steps.draw(name, payload)
    except EcgError as error:
        st.error(plain(str(error)), icon=":material/error:")
