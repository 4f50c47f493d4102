"""From a finished analysis to its study, and from there to the Review page."""

from __future__ import annotations

import streamlit as st

from app.common.text import plain
from pipeline.cases.case import Case
from pipeline.errors import EcgError


def offer(case: Case) -> None:
    """A button that opens the study of this analysis, made if there is none."""
    if not st.button("Review this recording", icon=":material/rate_review:", type="primary", key="review-this"):
        return
    from pipeline.store.listing import study_of_analysis  # SQLAlchemy is slow to import

    try:
        study = study_of_analysis(case.analysis, case.recording)
    except EcgError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    st.switch_page("review/page.py", query_params={"study": str(study.id)})
