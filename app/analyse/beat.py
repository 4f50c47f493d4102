"""One beat: the verdict, the signal, the picture that the network saw and where it looked."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.common import cache, ecg_chart, overlays
from app.common.session import Session
from app.common.text import confidence_words, plain
from app.common.theme import BADGES, is_dark, palette
from pipeline.cases.case import Case, window_leads
from pipeline.cases.strip_content import StripLead
from pipeline.config import DEFAULT
from pipeline.errors import ModelError
from pipeline.explain.heatmaps import SIGNAL, BeatExplanation
from pipeline.features.beat_image import render_large
from pipeline.labels import CLASS_NAMES, NOT_CLASSIFIED, aami_class, class_title
from pipeline.wording import grouped, percent

CHART = {"displayModeBar": False, "staticPlot": True}
HOW_TO_READ = (
    "Top: the beat ({first}: first lead, green: second lead, blue: this recording's usual beat). Middle: three seconds "
    "before and after it; green ticks are R peaks, blue ticks where they would be at an even rhythm. Bottom: RR "
    "intervals, this beat's own two in green, the blue line their mean. Orange veil: what spoke most for the class."
)
HOW_SIGNAL = (
    "This network reads the signal of the beat and its neighbours, not the picture. Orange: where its answer would "
    "lose most if the beat looked usual there; over the RR bars, if no interval were known."
)
BLANK = "Nothing in the picture spoke for this class (the heatmap is blank), so none is shown."
BLANK_SIGNAL = "Nothing that was covered or hidden spoke for this class, so no heat is shown."


def draw(session: Session) -> None:
    """The selected beat; what needs a network comes last, so that everything else shows at once."""
    case, beat = session.case, session.beat
    if case is None:
        return
    st.subheader(
        f"Beat {grouped(beat + 1)} of {grouped(len(case.letters))}, at {case.when(case.time_s[beat])}", anchor=False
    )
    left, right = st.columns([5, 7], gap="medium")
    with left:
        _verdict(case, beat)
        if case.analysis.has_p[beat]:
            figure = ecg_chart.probabilities(case.analysis.p[beat], palette())
            st.plotly_chart(figure, theme=None, config=CHART, key="probabilities", alt="Probability of each class")
        _neighbours(case, beat)
    with right:
        signal_place = st.container(height="content")
        large, exact = st.columns([3, 2], gap="small")
    _pictures(case, beat, signal_place, large, exact)
    with right:
        st.caption(HOW_TO_READ.format(first="red" if is_dark() else "black"))


def _pictures(
    case: Case, beat: int, signal_place: DeltaGenerator, large: DeltaGenerator, exact: DeltaGenerator
) -> None:
    config = DEFAULT.picture
    found = _explain(case, beat) if not case.prepared.beats.reason[beat] else None
    hot = None if found is None or found.heatmap.blank else found
    with signal_place:
        _signal(case, beat, hot)
    with large:
        picture = render_large(case.prepared.beats, beat, config, dark=is_dark())
        shown = picture if hot is None else overlays.with_heat(picture, hot.heatmap.values)
        caption = (
            "The beat's picture"
            if hot is None
            else f"Where it looked for {hot.heatmap.class_name} ({hot.heatmap.method})"
        )
        st.image(shown, caption=caption, width="stretch", alt=caption)
        if found is not None and hot is None:
            st.info(BLANK_SIGNAL if found.heatmap.method == SIGNAL else BLANK, icon=":material/visibility_off:")
    if found is not None:
        with exact:
            seen = overlays.enlarged(found.picture, 8)
            text = f"Exactly what the network saw, {config.width_px} × {config.height_px} pixels"
            if found.heatmap.method == SIGNAL:
                text = "As a network that reads pictures would see it"
                st.caption(HOW_SIGNAL)
            st.image(seen, caption=text, width="stretch", output_format="PNG", alt=text)


def _explain(case: Case, beat: int) -> BeatExplanation | None:
    try:
        with st.spinner("Looking where the network looked", show_time=False):
            network = cache.classifier(case.analysis.model)
            return cache.explanation(case.analysis.digest, case.prepared.leads, network, case.prepared.beats, beat)
    except ModelError as error:
        st.error(plain(str(error)))
        return None


def _signal(case: Case, beat: int, found: BeatExplanation | None) -> None:
    """The beat as recorded, with the heat folded over it in time."""
    config, at = DEFAULT.picture, float(case.time_s[beat])
    leads = window_leads(case, max(0.0, at - config.beat_before_s), at + config.beat_after_s)
    around = tuple(StripLead(lead.name, lead.time_s - at, lead.value_mv, lead.calibrated) for lead in leads)
    time_s = np.empty(0) if found is None else found.time_s
    heat = np.empty(0) if found is None else found.heat
    figure = ecg_chart.beat_heat(around, time_s, heat, palette())
    st.plotly_chart(figure, theme=None, config=CHART, key="beat-heat", alt="The beat with the network's heat over time")


def _verdict(case: Case, beat: int) -> None:
    analysis, letter = case.analysis, case.letters[beat]
    if letter == NOT_CLASSIFIED:
        st.badge("not classified", color="yellow", icon=":material/help:")
        st.markdown(f"Reason: {plain(analysis.reason[beat])}.")
        if not analysis.has_p[beat]:
            return
        letter = analysis.symbol[beat]
        st.markdown(f"The network leaned to **{letter}** ({CLASS_NAMES[letter].lower()}).")
    else:
        with st.container(horizontal=True, gap="small"):
            st.badge(class_title(letter), color=BADGES[letter])
            _binary(case, beat)
        words = confidence_words(float(analysis.confidence[beat]))
        st.markdown(f"The network is **{words}**: confidence {percent(float(analysis.confidence[beat]))}.")
    share = percent(float(analysis.abnormal[beat]))
    st.caption(f"Abnormal {share}; called abnormal from {percent(analysis.threshold)} on.")
    if letter == "N" and case.abnormal[beat]:
        st.caption("N is the single most likely class, yet the others together pass the threshold: look closely.")
    _reference(case, beat)


def _binary(case: Case, beat: int) -> None:
    """Marks a beat that the network calls abnormal; its absence is no normal beat, as other leads were not read."""
    if case.abnormal[beat]:
        st.badge("Abnormal", color="red", icon=":material/priority_high:")


def _reference(case: Case, beat: int) -> None:
    if case.recording.reference is None:
        return
    symbol = case.references[beat]
    if not symbol:
        st.caption("The annotation file has no beat here.")
        return
    found = aami_class(symbol) or "Q"
    agrees = "agrees" if found == case.analysis.symbol[beat] else "**differs**"
    st.markdown(
        f"The annotation file says **{found}** ({CLASS_NAMES[found].lower()}; symbol {plain(symbol)}): {agrees}."
    )


def _neighbours(case: Case, beat: int) -> None:
    rr_s, mean_s = case.beats.rr_s, case.prepared.beats.mean_rr_s
    after = float(rr_s[beat + 1]) if beat + 1 < rr_s.size else math.nan
    st.markdown(f"RR before **{_interval(float(rr_s[beat]), mean_s)}**, after **{_interval(after, mean_s)}**.")
    around = range(max(0, beat - 3), min(len(case.letters), beat + 4))
    row = "  ".join(f"[{case.letters[i]}]" if i == beat else case.letters[i] for i in around)
    st.text(f"Neighbours: {row}")


def _interval(rr_s: float, mean_s: float) -> str:
    if not math.isfinite(rr_s):
        return "unknown"
    return f"{rr_s * 1000:.0f} ms ({rr_s / mean_s:.0%} of the mean)".replace("%", " %")
