"""The beat that is looked at: the answer in force beside the model's, its picture, and its family."""

from __future__ import annotations

import numpy as np
import streamlit as st

from app.common import review_charts
from app.common.review_charts import Shape
from app.common.text import plain
from app.common.theme import ARTEFACT, BADGES, is_dark, palette
from app.review.session import Bench
from pipeline.cases.desk import HUMAN_WORDS, Desk
from pipeline.config import DEFAULT
from pipeline.features.beat_image import render_large
from pipeline.labels import CLASS_NAMES, NOT_CLASSIFIED
from pipeline.review.morphology import NO_FAMILY
from pipeline.signal.windows import beat_offsets, gather
from pipeline.wording import clock, grouped, percent

PICTURE_PX = 230
PICTURE_WORDS = "The beat, the rhythm around it, and its RR intervals as bars"
OVERLAID = 30  # beats of a family drawn below one of them: enough to see how they vary
STATIC = {"displayModeBar": False, "staticPlot": True}
MEANINGS = {**CLASS_NAMES, NOT_CLASSIFIED: "Not classified", ARTEFACT: "Artefact"}


def draw(bench: Bench, desk: Desk) -> None:
    """All about one beat, in a column."""
    at = desk.position(bench.sample)
    if at is None:
        st.caption("No beat is chosen.")
        return
    _answers(desk, at)
    st.plotly_chart(_figure(desk, bench.sample), theme=None, config=STATIC, key="review-beat",
                    alt="The beat over the median of its family")  # fmt: skip
    _family(desk, bench.sample)
    _picture(desk, bench.sample)
    if desk.beats.comment[at]:
        st.markdown(f":material/comment: {plain(desk.beats.comment[at])}")


def _answers(desk: Desk, at: int) -> None:
    letter, said, human = desk.letter(at), desk.model_letter(at), str(desk.beats.human[at])
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        st.markdown(f"**{clock(float(desk.beats.time_s[at]))}**", width="content")
        st.badge(f"{letter}  {MEANINGS[letter]}", color=BADGES[letter])
        if human:
            st.badge(HUMAN_WORDS[human], icon=":material/check:", color="green")
    rr = float(desk.beats.rr_s[at])
    before = f" · RR before {rr * 1000:.0f} ms" if np.isfinite(rr) else ""
    st.caption(f"{_model_words(desk, at, said)}{before}")


def _model_words(desk: Desk, at: int, said: str) -> str:
    if not said:
        return "Added by hand; the model had no beat here"
    if said == NOT_CLASSIFIED:
        return f"Model: not classified, {plain(_reason(desk, int(desk.beats.sample[at])))}"
    return f"Model: {said}, confidence {percent(float(desk.beats.confidence[at]))}"


def _reason(desk: Desk, sample: int) -> str:
    analysis = desk.material.analysis
    found = int(np.searchsorted(analysis.sample, sample))
    return analysis.reason[found] or "no reason is kept"


def _figure(desk: Desk, sample: int) -> object:
    prepared = desk.material.prepared.beats
    offsets = beat_offsets(prepared.fs, DEFAULT.picture)
    r_peak = _r_peak(desk, sample)
    values = np.stack([gather(lead, r_peak + offsets) for lead in prepared.signal.T], axis=1)
    own = Shape("beat", "", offsets / prepared.fs, values)
    families, number = desk.material.families, desk.family_of(sample)
    if number == NO_FAMILY:
        return review_charts.beat((own, None), prepared.leads, palette())
    usual = Shape("family", "", families.offset_s, families.median[number])
    others = np.array([_r_peak(desk, other) for other in _overlaid(desk, number, sample)], np.int64)
    below = np.stack([gather(lead, others[:, None] + offsets) for lead in prepared.signal.T], axis=-1)
    return review_charts.beat((own, usual), prepared.leads, palette(), others=below)


def _overlaid(desk: Desk, number: int, sample: int) -> tuple[int, ...]:
    """Beats of a family to lie below one of them: from the most to the least typical, evenly."""
    others = tuple(other for other in desk.family_samples(number) if other != sample)
    return others[:: max(1, -(-len(others) // OVERLAID))]


def _r_peak(desk: Desk, sample: int) -> int:
    """Where a beat lies in the filtered signal: the model's beats are known there, added ones are converted."""
    prepared = desk.material.prepared.beats
    at = int(np.searchsorted(prepared.sample, sample))
    if at < prepared.sample.size and prepared.sample[at] == sample:
        return int(prepared.r_peak[at])
    return round(sample / desk.beats.fs * prepared.fs)


def _family(desk: Desk, sample: int) -> None:
    number = desk.family_of(sample)
    if number == NO_FAMILY:
        st.caption("Looks like no other beats here.")
        return
    size = int(desk.material.families.size[number])
    overlaid = len(_overlaid(desk, number, sample))
    some = "" if overlaid == size - 1 else f"{overlaid} of "
    below = f" Grey: {some}its other beats." if overlaid else ""
    st.caption(f"Blue: median of family {number + 1}, {grouped(size)} beats.{below}")


def _picture(desk: Desk, sample: int) -> None:
    """The picture of a beat that a network was asked about."""
    beats = desk.material.prepared.beats
    at = int(np.searchsorted(beats.sample, sample))
    if at >= beats.sample.size or beats.sample[at] != sample:
        return
    picture = render_large(beats, at, DEFAULT.picture, scale=4, dark=is_dark())
    st.image(picture, width=PICTURE_PX, caption=PICTURE_WORDS, alt=PICTURE_WORDS)
