"""The entry point: page configuration and navigation, nothing else. Start with `streamlit run app/main.py`."""

import sys
from pathlib import Path

import streamlit as st

APP = Path(__file__).resolve().parent
if str(APP.parent) not in sys.path:  # `streamlit run` puts the script's own folder on the path, not the repository
    sys.path.insert(0, str(APP.parent))

from app.common import sign_in  # noqa: E402
from app.common.server import hide_media, keep_tidy, stay_on_this_machine  # noqa: E402
from pipeline.wording import RESEARCH_USE  # noqa: E402

stay_on_this_machine()
hide_media()
keep_tidy()
st.set_page_config(page_title="HeartVision", page_icon=str(APP / "icon.svg"), layout="wide")
st.logo(str(APP / "logo.svg"), size="large")
PAGES = {  # folder and address: title, icon
    "worklist": ("Worklist", "list_alt"),
    "analyse": ("Analyse", "cardiology"),
    "review": ("Review", "rate_review"),
    "study": ("Study", "draw"),
    "picture": ("Picture", "image"),
    "ecg_page": ("12-lead page", "scan"),
    "live": ("Live", "sensors"),
    "dataset": ("Dataset", "database"),
    "evaluation": ("Evaluation", "monitoring"),
    "about": ("About", "info"),
}
# The address, where it is not the folder's name. The first page is at the root, and then nothing is at its own address:
# under another one it leaves that to the entry below, which shows the same page at /analyse.
ADDRESSES = {"ecg_page": "page", "analyse": "start"}
page = st.navigation(
    [
        st.Page(
            APP / folder / "page.py",
            title=title,
            icon=f":material/{icon}:",
            url_path=ADDRESSES.get(folder, folder),
            default=folder == "analyse",
            visibility="hidden" if folder == "study" else "visible",
        )
        for folder, (title, icon) in PAGES.items()
    ]
    + [st.Page(APP / "analyse" / "page.py", title="Analyse", url_path="analyse", visibility="hidden")],
    position="top",
)
SCRIPTS = {ADDRESSES.get(folder, folder): f"{folder}/page.py" for folder in PAGES}
body, foot = st.container(), st.container()
foot.caption(RESEARCH_USE)  # first, so that it is shown even if a page stops early
with body:
    admitted = not sign_in.is_on() or sign_in.admit(SCRIPTS)
if admitted:
    with foot:
        sign_in.draw()
    with body:
        try:
            page.run()
        finally:
            sign_in.end_run()
