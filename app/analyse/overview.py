"""The recording at a glance: name, signal quality, beats and rates; and the way to its review."""

from __future__ import annotations

import streamlit as st

from app.analyse import controls, twelve_leads
from app.common import patient, sign_in
from app.common.session import Session
from app.common.text import plain
from app.common.theme import BADGES, by_touch
from models import registry
from pipeline.cases.case import Case, quality_text
from pipeline.errors import EcgError
from pipeline.labels import AAMI_CLASSES, CLASS_NAMES, NOT_CLASSIFIED
from pipeline.review.beats_in_force import UNCLASSIFIED
from pipeline.review.summary import range_words
from pipeline.rhythm_names import rhythm_name
from pipeline.twelve_leads.derived_leads import standard_name
from pipeline.wording import UNDEFINED, burden, duration, grouped, of_the_classified, share

TRAINED_ON = (
    "The network was trained on this record of the MIT-BIH database, so it reads it better than a new patient's; "
    "the Evaluation page has figures for patients it never saw."
)
URGENT_SHOWN, PHONE_SHOWN = 4, 2


def draw(session: Session) -> None:
    """Name, actions, what was read of the recording and how well, urgent episodes, counts and rates, in few lines."""
    case = session.case
    if case is None:
        return
    recording, analysis = case.recording, case.analysis
    as_ecg = twelve_leads.is_open(session) and not by_touch()  # which needs the height
    read = [standard_name(lead) or lead for lead in analysis.leads]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(plain(recording.name), anchor=False, width="content" if as_ecg else "stretch")
        if as_ecg:
            _numbers(case)
        controls.choose(session)
        offer_review(case)
    with st.container(gap="xxsmall"):
        patient.head(recording.identity)
        st.caption(
            f"{duration(recording.duration_s)} · {recording.fs:g} Hz · read from {plain(' and '.join(read))}"
            f"{_other_leads(case)} · signal {quality_text(analysis.quality)} · "
            f"{share(analysis.quality.analysed_fraction)} analysed"
            f" · {grouped(len(case.letters))} beats by {plain(analysis.model)} {plain(analysis.model_version[:7])}"
            f" · {plain(case.looked_at)}"
        )
        for notice in analysis.notices:
            st.markdown(f":orange[:material/warning:] :small[{plain(notice)}]")
        if _in_training(case):
            st.markdown(f":blue[:material/school:] :small[{TRAINED_ON}]")
        _urgent(session, case)
        if not as_ecg:
            _numbers(case)


def draw_urgent_statements(case: Case) -> None:
    """What someone must look at now, with its numbers, in red; the whole list is in the measurements.

    An urgent rhythm is a button below, which leads to it.
    """
    found = case.analysis.measured
    told = "rhythm" if case.urgent else ""
    urgent = [] if found is None else [one for one in found.statements if one.urgent and one.group != told]
    if urgent:
        lines = (f"**{plain(one.text)}** {plain(one.evidence)}" for one in urgent)
        st.error("  \n".join(lines), icon=":material/emergency:")


def _numbers(case: Case) -> None:
    """Beats of each class and the heart rate, in one line."""
    found, rate = case.summary, case.summary.rate
    parts = [
        f":{BADGES[label]}-badge[**{label}** {grouped(found.counts[label])} · {burden(found.counts, label)}]"
        for label in AAMI_CLASSES
    ]
    if unclassified := found.counts[UNCLASSIFIED]:
        left = share(unclassified / max(1, len(case.letters)))
        parts.append(f":{BADGES[NOT_CLASSIFIED]}-badge[**not classified** {grouped(unclassified)} · {left} of all]")
    mean = UNDEFINED if rate.mean is None else f"{rate.mean:.0f}/min"
    parts.append(f"&nbsp; **{mean}** :small[mean rate, {range_words(rate)}]")
    st.markdown(" ".join(parts), help=_meanings(case), width="stretch")


def _meanings(case: Case) -> str:
    classes = "; ".join(f"{label} {CLASS_NAMES[label].lower()}" for label in AAMI_CLASSES)
    rates = "The range is from the slowest to the fastest median of 8 beats."
    return f"Beats by class: {classes}. {of_the_classified(case.summary.counts) if case.letters else ''} {rates}"


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
            words = f"{rhythm_name(episode).name}, {duration(episode.seconds)} at {case.when(episode.start_s)}"
            st.button(plain(words), key=f"urgent-{number}", on_click=session.look, args=(episode.start_s,), wrap=False)
        if (more := len(case.urgent) - shown) > 0:
            st.caption(f"and {more} more below", width="content")


def offer_review(case: Case) -> None:
    """A button that opens the study of this analysis, made if there is none."""
    if not st.button("Review this recording", icon=":material/rate_review:", type="primary", key="review-this"):
        return
    from pipeline.store.listing import study_of_analysis  # SQLAlchemy is not for those who only look

    try:
        study = study_of_analysis(case.analysis, case.recording, reader=sign_in.asking())
    except EcgError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    st.switch_page("review/page.py", query_params={"study": study.token})
