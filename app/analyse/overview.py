"""The recording at a glance: name, signal quality, beats and rates; and the way to its review."""

from __future__ import annotations

import streamlit as st

from app.common.session import Session
from app.common.text import plain
from app.common.theme import by_touch
from models import registry
from pipeline.cases.case import Case, quality_text
from pipeline.errors import EcgError
from pipeline.labels import AAMI_CLASSES, CLASS_NAMES
from pipeline.review.beats_in_force import UNCLASSIFIED
from pipeline.review.summary import range_words
from pipeline.rhythm_names import rhythm_name
from pipeline.wording import UNDEFINED, burden, clock, duration, grouped, of_the_classified, share

TRAINED_ON = (
    "The network was trained on this record of the MIT-BIH database, so it reads it better than a new patient's; "
    "the Evaluation page has figures for patients it never saw."
)
URGENT_SHOWN, PHONE_SHOWN = 4, 2


def draw(session: Session) -> None:
    """Name, quality, what was looked at, urgent episodes, notices, counts and rates."""
    case = session.case
    if case is None:
        return
    recording, analysis = case.recording, case.analysis
    st.subheader(plain(recording.name), anchor=False)
    st.caption(
        f"{duration(recording.duration_s)} · {recording.fs:g} Hz · read from {plain(' and '.join(analysis.leads))}"
        f"{_other_leads(case)} · signal {quality_text(analysis.quality)} · "
        f"{share(analysis.quality.analysed_fraction)} analysed"
        f" · {grouped(len(case.letters))} beats by {plain(analysis.model)} {plain(analysis.model_version[:7])}"
    )
    st.markdown(f":material/visibility: {plain(case.looked_at)}")
    _urgent(session, case)
    for notice in analysis.notices:
        st.warning(plain(notice), icon=":material/warning:")
    if _in_training(case):
        st.info(TRAINED_ON, icon=":material/school:")
    _numbers(case)


def draw_urgent_statements(case: Case) -> None:
    """What someone must look at now, with its numbers, in red; the whole list is in the measurements."""
    found = case.analysis.measured
    urgent = [] if found is None else [one for one in found.statements if one.urgent]
    if urgent:
        lines = (f"**{plain(one.text)}** {plain(one.evidence)}" for one in urgent)
        st.error("  \n".join(lines), icon=":material/emergency:")


def _numbers(case: Case) -> None:
    found, rate = case.summary, case.summary.rate
    unclassified = found.counts[UNCLASSIFIED]
    with st.container(horizontal=True, gap="small"):
        for label in AAMI_CLASSES:
            _count(label, found.counts[label], burden(found.counts, label), CLASS_NAMES[label])
        left = f"{share(unclassified / max(1, len(case.letters)))} of all"
        _count("Not classified", unclassified, left, "Beats without a usable answer, each with its reason.")
        mean = UNDEFINED if rate.mean is None else f"{rate.mean:.0f}/min"
        st.metric(
            "Mean heart rate", mean, width=150, border=True, delta=range_words(rate),
            delta_color="off", delta_arrow="off", help="Below it the slowest and the fastest median of 8 beats.",
        )  # fmt: skip
    if case.letters:
        st.caption(of_the_classified(found.counts))


def _count(label: str, count: int, below: str, meaning: str) -> None:
    st.metric(label, grouped(count), help=meaning, width=112 if len(label) == 1 else 150, border=True, delta=below,
              delta_color="off", delta_arrow="off")  # fmt: skip


def _other_leads(case: Case) -> str:
    others = len(case.recording.leads) - len(case.analysis.leads)
    return f" ({others} more)" if others else ""


def _in_training(case: Case) -> bool:
    """Whether the record's number is among the network's training records (a hint, as names can be anything)."""
    facts = registry.manifest(case.analysis.model)
    return case.recording.name.split("_")[0] in {*facts.train_records, *facts.validation_records}


def _urgent(session: Session, case: Case) -> None:
    """The most urgent episodes, each a button that leads there."""
    if not case.urgent:
        return
    shown = PHONE_SHOWN if by_touch() else URGENT_SHOWN
    with st.container(horizontal=True, gap="small", vertical_alignment="center", key="urgent"):
        st.badge("Urgent", color="red", icon=":material/emergency:")
        for number, episode in enumerate(case.urgent[:shown]):
            words = f"{rhythm_name(episode).name}, {duration(episode.seconds)} at {clock(episode.start_s)}"
            st.button(plain(words), key=f"urgent-{number}", on_click=session.look, args=(episode.start_s,), wrap=False)
        if (more := len(case.urgent) - shown) > 0:
            st.caption(f"and {more} more below", width="content")


def offer_review(case: Case) -> None:
    """A button that opens the study of this analysis, made if there is none."""
    if not st.button("Review this recording", icon=":material/rate_review:", type="primary", key="review-this"):
        return
    from pipeline.store.listing import study_of_analysis  # SQLAlchemy is not for those who only look

    try:
        study = study_of_analysis(case.analysis, case.recording)
    except EcgError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    st.switch_page("review/page.py", query_params={"study": str(study.id)})
