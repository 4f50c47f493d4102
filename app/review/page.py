"""Review: the cardiologist's workbench, where every finding is seen, decided and saved."""

import re

import streamlit as st

from app.common import reader, theme_change
from app.common.open_study import still_there
from app.common.text import plain
from app.common.theme import is_dark
from app.review import beat as review_beat
from app.review import decide, extremes, head, keyboard, strip, tabs, triage_list
from app.review.rows import NO_SAMPLE
from app.review.session import Place, ReviewSession, review_session, switch_study
from pipeline.cases.study_review import review_of
from pipeline.errors import EcgError
from pipeline.store.reviews import stamp, standing
from pipeline.store.second_reading import is_blind
from pipeline.store.studies import Study, study_at, worklist

RECENT = 6
# One dense screen: less air around it than pages to be read have, and no gap between buttons that belong together.
STYLE = """<style>
.stMainBlockContainer { padding: 4.25rem 2rem 1rem; }
.st-key-review-study { gap: 0.5rem; }
.st-key-review-study [data-testid=stVerticalBlock] { gap: 0.45rem; }
.st-key-review-head strong { font-size: 1.15rem; }
.st-key-review-head small strong, .st-key-review-head [data-testid=stCaptionContainer] strong { font-size: inherit; }
.st-key-review-study button { min-height: 2.1rem; padding-top: 0.1rem; padding-bottom: 0.1rem; }
.st-key-review-study table { font-size: 0.85rem; }
.st-key-review-study th, .st-key-review-study td { padding: 0.15rem 0.6rem; }
@media (max-width: 640px) {
  .stMainBlockContainer { padding-left: 0.75rem; padding-right: 0.75rem; }
  .st-key-review-study button code, .st-key-review-help { display: none; }
}
</style>"""


def _follow() -> ReviewSession:
    """The study and finding that the address names; without one, the study that was open."""
    here = review_session()
    named = st.query_params.get("study", ""), st.query_params.get("reading", "")
    if named[0] and named != here.addressed:
        number = _number(named[0])
        if number != here.study_id or (named[1] == "second") != (here.reading == "second"):
            here = switch_study(number, "second" if named[1] == "second" else "main")
            here.finding = st.query_params.get("at", "")
            here.back_to = _place()
        here.addressed = named
    return here


def _place() -> Place | None:
    """The beat and the window that the address names; None where it names none."""
    beat, start = st.query_params.get("beat", ""), st.query_params.get("from", "")
    if not (re.fullmatch(r"[0-9]{1,12}", beat) and re.fullmatch(r"[0-9]{1,7}(\.[0-9])?", start)):
        return None
    return Place(int(beat), float(start), st.query_params.get("about", "") == "beat")


def _number(address: str) -> int:
    """The number of the study at an address; 0, which no study has, if there is none."""
    try:
        return study_at(address, reader=reader.current()).id
    except EcgError:
        return 0


def _address(here: ReviewSession, study: Study) -> None:
    """Makes the address name what is open, so that a refresh opens it again."""
    wanted = {"study": study.token}
    if here.reading == "second":
        wanted["reading"] = "second"
    here.addressed = wanted["study"], wanted.get("reading", "")
    if here.finding:
        wanted["at"] = here.finding
    if here.sample != NO_SAMPLE:
        wanted |= {"beat": str(here.sample), "from": f"{max(0.0, here.viewport.start_s):.1f}"}
        if here.scope != "finding":  # the next key must not decide about more than it did
            wanted["about"] = "beat"
    if st.query_params.to_dict() != wanted:
        st.query_params.from_dict(wanted)


@st.fragment
def _study() -> None:
    """The whole study: a decision redraws it and nothing else."""
    here = review_session()
    try:
        who = reader.current()
        seen = stamp(here.study_id or 0, reading=here.reading, reader=who)
        if here.reading == "main" and is_blind(seen, who):
            here = switch_study(here.study_id or 0, "second")  # their own reading: the first one would unblind it
        if here.review is None or here.review.standing.stamp != seen:
            now = standing(here.study_id or 0, reading=here.reading, reader=who)
            here.put(review_of(still_there(here.review, now.study), now, here.review))
        review = here.review
    except EcgError as error:
        st.error(plain(str(error)), icon=":material/error:")
        _recent()
        return
    if review is None:
        return
    _address(here, review.study)
    with st.container(key="review-study"):
        head.draw(here, review)
        left, right = st.columns([10, 33], gap="small")
        with left:
            triage_list.draw(here, review, dark=is_dark())
        with right:
            strip.draw(here, review)
            extremes.draw(here, review)
            decide.draw(here, review)
            beat, whole = st.columns([4, 9], gap="medium")
            with beat:
                review_beat.draw(here, review)
            with whole:
                tabs.draw(here, review)
    keyboard.listen()


def _recent() -> None:
    """The studies that were changed last."""
    found = worklist(sort="updated", descending=True, page_size=RECENT, reader=reader.current()).studies
    if found:
        st.subheader("Last changed", anchor=False)
    for study in found:
        st.button(
            f"{plain(study.record)} · {study.state.replace('_', ' ')} · {plain(study.model)}", key=f"recent-{study.id}",
            icon=":material/rate_review:", on_click=_choose, args=(study.token,),
        )  # fmt: skip


def _choose(address: str) -> None:
    st.query_params.from_dict({"study": address})


def _nothing() -> None:
    st.title("Review a recording", anchor=False)
    st.markdown("Open a recording on the Analyse page and press **Review this recording**, or choose a study here.")
    st.page_link("analyse/page.py", label="Analyse a recording", icon=":material/cardiology:")
    try:
        _recent()
    except EcgError as error:
        st.error(plain(str(error)), icon=":material/error:")


st.html(STYLE)
theme_change.watch()
if _follow().study_id is None:
    _nothing()
else:
    _study()
