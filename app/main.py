"""The entry: page configuration and navigation, nothing else. Start with `streamlit run app/main.py`."""

import sys
from pathlib import Path

import streamlit as st

APP = Path(__file__).resolve().parent
if str(APP.parent) not in sys.path:  # `streamlit run` puts the script's own folder on the path, not the repository
    sys.path.insert(0, str(APP.parent))

from app.common.theme import RESEARCH_USE  # noqa: E402

st.set_page_config(page_title="HeartVision", page_icon=str(APP / "icon.svg"), layout="wide")
st.logo(str(APP / "logo.svg"), size="large")
page = st.navigation(
    [
        st.Page(APP / "worklist/page.py", title="Worklist", icon=":material/list_alt:"),
        st.Page(APP / "analyse/page.py", title="Analyse", icon=":material/cardiology:", default=True),
        st.Page(APP / "review/page.py", title="Review", icon=":material/rate_review:"),
        st.Page(APP / "study/page.py", title="Study", icon=":material/draw:", visibility="hidden"),
        st.Page(APP / "picture/page.py", title="Picture", icon=":material/image:"),
        st.Page(APP / "ecg_page/page.py", title="12-lead page", icon=":material/scan:"),
        st.Page(APP / "dataset/page.py", title="Dataset", icon=":material/database:"),
        st.Page(APP / "evaluation/page.py", title="Evaluation", icon=":material/monitoring:"),
        st.Page(APP / "about/page.py", title="About", icon=":material/info:"),
    ],
    position="top",
)
body, foot = st.container(), st.container()
foot.caption(RESEARCH_USE)  # first, so that it stands there even if a page stops early
with body:
    page.run()
