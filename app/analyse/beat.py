"""One beat: the signal on paper, its picture and where a network looked, and what two networks say."""

from __future__ import annotations

import math

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from app.common import cache, ecg_chart, overlays
from app.common.session import Session
from app.common.text import confidence_words, plain
from app.common.theme import BADGES, is_dark, palette
from models import registry
from pipeline.cases.case import Case, window_leads
from pipeline.cases.strip_content import StripLead
from pipeline.config import DEFAULT
from pipeline.errors import ModelError
from pipeline.explain.heatmaps import SIGNAL, BeatExplanation
from pipeline.explain.second_opinion import Opinion, agreement, second_network
from pipeline.features.beat_image import render_large
from pipeline.labels import CLASS_NAMES, NOT_CLASSIFIED, aami_class, class_title
from pipeline.wording import grouped, percent

CHART = {"displayModeBar": False, "staticPlot": True}
PAPER_PX, BARS_PX = 190, 150
PICTURE = (
    "**The picture**, as a network that reads pictures sees it. Top: the beat ({first}: first lead, green: second "
    "lead, blue: this recording's usual beat). Middle: three seconds before and after it; green ticks are R peaks, "
    "blue ticks where they would be at an even rhythm. Bottom: RR intervals, this beat's own two in green, the blue "
    "line their mean."
)
VEIL = "**Orange**: what spoke most for the class, in the picture and, folded in time, over the signal on paper."
VEIL_SIGNAL = (
    "**Orange**: this network reads the signal of the beat and its neighbours, not the picture. Its answer would lose "
    "most if the beat looked usual there; over the RR bars, if no interval were known."
)
BLANK = "Nothing in the picture spoke for this class (the heatmap is blank), so none is shown."
BLANK_SIGNAL = "Nothing that was covered or hidden spoke for this class, so no heat is shown."


def draw(session: Session) -> None:
    """The selected beat; what needs a network comes last, so that everything else shows at once."""
    case, beat = session.case, session.beat
    if case is None:
        return
    with st.container(gap="xsmall"):
        at = case.when(case.time_s[beat])
        st.subheader(f"Beat {grouped(beat + 1)} of {grouped(len(case.letters))}, at {at}", anchor=False)
        _verdict(case, beat)
        said, bars = st.empty(), st.empty()
        _reference(case, beat)
        left, right = st.columns(2, gap="small")
        paper, picture = left.empty(), right.empty()
        _neighbours(case, beat)
        way = st.container(horizontal=True, vertical_alignment="center", gap="small")
    _signal(paper, case, beat, None)
    if case.prepared.beats.reason[beat]:
        _picture(picture, case, beat, None)
        return
    if case.analysis.has_p[beat]:
        _bars(bars, case, beat, None)
    second = _second(said, case, beat)
    if second is not None:
        said.markdown(_agreement(case, beat, second))
        _bars(bars, case, beat, second)
    with way:
        found = _chosen_heat(case, beat, second)
        _help(found)
    if found is not None:
        _signal(paper, case, beat, found)
    _picture(picture, case, beat, found)  # once: a picture that is replaced at once may be gone when the browser asks


def _second(place: DeltaGenerator, case: Case, beat: int) -> Opinion | None:
    """What the second network says of the beat; None if there is none."""
    name = second_network(case.analysis.model)
    if name is None:
        return None
    try:
        with place, st.spinner("A second network looks at the beat", show_time=False):
            prepared = case.prepared
            return cache.opinion(case.analysis.digest, prepared.leads, cache.classifier(name), prepared.beats, beat)
    except ModelError as error:
        st.error(plain(str(error)))
        return None


def _chosen_heat(case: Case, beat: int, second: Opinion | None) -> BeatExplanation | None:
    """Where the chosen network looked: the one that reads pictures unless the reader asks for the other."""
    titles = [registry.manifest(case.analysis.model).title]
    if second is not None:
        titles.insert(0, second.title) if _is_of_picture(second.explanation) else titles.append(second.title)
        chosen = st.selectbox("Where it looked", titles, key="heat-of", label_visibility="collapsed", width="stretch")
        if chosen == second.title:
            return second.explanation
    return _explain(case, beat)


def _is_of_picture(found: BeatExplanation | None) -> bool:
    return found is not None and found.heatmap.method != SIGNAL


def _explain(case: Case, beat: int) -> BeatExplanation | None:
    try:
        with st.spinner("Looking where the network looked", show_time=False):
            network = cache.classifier(case.analysis.model)
            return cache.explanation(case.analysis.digest, case.prepared.leads, network, case.prepared.beats, beat)
    except ModelError as error:
        st.error(plain(str(error)))
        return None


def _picture(place: DeltaGenerator, case: Case, beat: int, found: BeatExplanation | None) -> None:
    """The beat's picture, large, under the heat."""
    hot = found if found is not None and not found.heatmap.blank else None
    picture = render_large(case.prepared.beats, beat, DEFAULT.picture, dark=is_dark())
    shown = picture if hot is None else overlays.with_heat(picture, hot.heatmap.values)
    words = (
        "The beat's picture" if hot is None else f"Where it looked for {hot.heatmap.class_name}: {hot.heatmap.method}"
    )
    if found is not None and hot is None:
        words = BLANK_SIGNAL if found.heatmap.method == SIGNAL else BLANK
    place.image(shown, caption=words, width="stretch", alt=words)


def _help(found: BeatExplanation | None) -> None:
    """How to read the picture, and exactly what the network saw."""
    with st.popover("", icon=":material/help:", type="tertiary", help="How to read this picture"):
        st.markdown(PICTURE.format(first="red" if is_dark() else "black"))
        if found is None:
            return
        of_signal = found.heatmap.method == SIGNAL
        st.markdown(VEIL_SIGNAL if of_signal else VEIL)
        text = f"Exactly what the network saw, {DEFAULT.picture.width_px} × {DEFAULT.picture.height_px} pixels"
        if of_signal:
            text = "As a network that reads pictures would see it"
        seen = overlays.enlarged(found.picture, 6)
        st.image(seen, caption=text, width="content", output_format="PNG", alt=text)


def _signal(place: DeltaGenerator, case: Case, beat: int, found: BeatExplanation | None) -> None:
    """The beat as recorded, with the heat folded over it in time."""
    config, at = DEFAULT.picture, float(case.time_s[beat])
    leads = window_leads(case, max(0.0, at - config.beat_before_s), at + config.beat_after_s)
    around = tuple(StripLead(lead.name, lead.time_s - at, lead.value_mv, lead.calibrated) for lead in leads)
    hot = found is not None and not found.heatmap.blank
    time_s, heat = (found.time_s, found.heat) if found is not None and hot else (np.empty(0), np.empty(0))
    figure = ecg_chart.beat_heat(around, time_s, heat, palette(), height_px=PAPER_PX)
    place.plotly_chart(
        figure, theme=None, config=CHART, key="beat-heat" if found is not None else "beat-paper",
        alt="The beat on ECG paper, with the network's heat over time",
    )  # fmt: skip


def _bars(place: DeltaGenerator, case: Case, beat: int, second: Opinion | None) -> None:
    """The probabilities of both networks, the second's pale."""
    p = (case.analysis.p[beat],) if second is None else (case.analysis.p[beat], second.p)
    place.plotly_chart(
        ecg_chart.probabilities(p, palette(), height_px=BARS_PX), theme=None, config=CHART,
        key=f"probabilities-{len(p)}", alt="Probability of each class, by each network",
    )  # fmt: skip


def _agreement(case: Case, beat: int, second: Opinion) -> str:
    text = plain(agreement(case.letters[beat], second))
    differs = case.letters[beat] not in (NOT_CLASSIFIED, second.letter) and second.letter != NOT_CLASSIFIED
    sign = ":orange[:material/call_split:]" if differs else ":material/group:"
    return f"{sign} {text} :small[:gray[Pale bars: {plain(second.title)}.]]"


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
        share, limit = percent(float(analysis.abnormal[beat])), percent(analysis.threshold)
        st.markdown(
            f"The network is **{words}**: confidence {percent(float(analysis.confidence[beat]))}.",
            help=f"Abnormal {share}; called abnormal from {limit} on.",
        )
    if letter == "N" and case.abnormal[beat]:
        st.caption("N is the single most likely class, yet the others together pass the threshold: look closely.")


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
    st.markdown(f"The annotation file {agrees}: **{found}** ({CLASS_NAMES[found].lower()}; symbol {plain(symbol)}).")


def _neighbours(case: Case, beat: int) -> None:
    rr_s, mean_s = case.beats.rr_s, case.prepared.beats.mean_rr_s
    after = float(rr_s[beat + 1]) if beat + 1 < rr_s.size else math.nan
    around = range(max(0, beat - 3), min(len(case.letters), beat + 4))
    row = " ".join(f"[{case.letters[i]}]" if i == beat else case.letters[i] for i in around)
    st.caption(
        f"RR before **{_interval(float(rr_s[beat]), mean_s)}**, after **{_interval(after, mean_s)}**. "
        f"Neighbours: {plain(row)}"
    )


def _interval(rr_s: float, mean_s: float) -> str:
    if not math.isfinite(rr_s):
        return "unknown"
    return f"{rr_s * 1000:.0f} ms ({rr_s / mean_s:.0%} of the mean)".replace("%", " %")
