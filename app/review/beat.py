"""The beat that is looked at: the answer in force beside the model's, its picture, and its family."""

from __future__ import annotations

import numpy as np
import streamlit as st

from app.common import review_charts
from app.common.review_charts import Shape
from app.common.text import plain
from app.common.theme import ARTEFACT, BADGES, is_dark, palette
from app.review.session import ReviewSession
from pipeline.cases.study_review import HUMAN_WORDS, StudyReview
from pipeline.config import DEFAULT
from pipeline.features.beat_image import render_large
from pipeline.labels import CLASS_NAMES, NOT_CLASSIFIED, class_title
from pipeline.review.morphology import NO_FAMILY
from pipeline.signal.beat_windows import beat_offsets, gather
from pipeline.wording import grouped, percent

PICTURE_PX = 230
PICTURE_WORDS = "The beat, the rhythm around it, and its RR intervals as bars"
OVERLAID = 30  # beats of a family drawn below one of them: enough to see how they vary
STATIC = {"displayModeBar": False, "staticPlot": True}
TITLES = {
    **{letter: class_title(letter) for letter in CLASS_NAMES},
    **{NOT_CLASSIFIED: f"{NOT_CLASSIFIED}  Not classified", ARTEFACT: f"{ARTEFACT}  Artefact"},
}


def draw(session: ReviewSession, review: StudyReview) -> None:
    """All about one beat, in a column."""
    _comment(review.comment_on(session.target(), session.stretches), len(session.stretches or session.target()))
    at = review.position(session.sample)
    if at is None:
        st.caption("No beat is chosen." if len(review.beats) else "No beat was found in this recording.")
        return
    _answers(review, at)
    st.plotly_chart(_figure(review, session.sample), theme=None, config=STATIC, key="review-beat",
                    alt="The beat over the median of its family")  # fmt: skip
    _family(review, session.sample)
    _picture(review, session.sample)
    own = review.beats.comment[at]
    if own and own != review.comment_on(session.target(), session.stretches):
        _comment(own, 1)


def _comment(text: str, about: int) -> None:
    """A comment, with how many beats or stretches it is on."""
    if text:
        more = f" :gray[· on all {grouped(about)}]" if about > 1 else ""
        st.markdown(f":material/comment: {plain(text)}{more}")


def _answers(review: StudyReview, at: int) -> None:
    letter, said, human = review.letter(at), review.model_letter(at), str(review.beats.human[at])
    with st.container(horizontal=True, gap="xsmall", vertical_alignment="center"):
        st.markdown(f"**{review.when(review.beats.time_s[at])}**", width="content")
        st.badge(TITLES[letter], color=BADGES[letter])
        if human:
            st.badge(HUMAN_WORDS[human], icon=":material/check:", color="green")
    rr = float(review.beats.rr_s[at])
    before = f" · RR before {rr * 1000:.0f} ms" if np.isfinite(rr) else ""
    st.caption(f"{_model_words(review, at, said)}{before}")


def _model_words(review: StudyReview, at: int, said: str) -> str:
    if not said:
        return "Added by hand; the model had no beat here"
    if said == NOT_CLASSIFIED:
        return f"Model: not classified, {plain(_reason(review, int(review.beats.sample[at])))}"
    return f"Model: {said}, confidence {percent(float(review.beats.confidence[at]))}"


def _reason(review: StudyReview, sample: int) -> str:
    analysis = review.material.analysis
    found = int(np.searchsorted(analysis.sample, sample))
    return analysis.reason[found] or "no reason is kept"


def _figure(review: StudyReview, sample: int) -> object:
    prepared = review.material.prepared.beats
    offsets = beat_offsets(prepared.fs, DEFAULT.picture)
    r_peak = _r_peak(review, sample)
    values = np.stack([gather(lead, r_peak + offsets) for lead in prepared.signal.T], axis=1)
    own = Shape("beat", "", offsets / prepared.fs, values)
    families, number = review.material.families, review.family_of(sample)
    if number == NO_FAMILY:
        return review_charts.beat((own, None), prepared.leads, palette())
    usual = Shape("family", "", families.offset_s, families.median[number])
    others = np.array([_r_peak(review, other) for other in _overlaid(review, number, sample)], np.int64)
    below = np.stack([gather(lead, others[:, None] + offsets) for lead in prepared.signal.T], axis=-1)
    return review_charts.beat((own, usual), prepared.leads, palette(), others=below)


def _overlaid(review: StudyReview, number: int, sample: int) -> tuple[int, ...]:
    """Beats of a family to lie below one of them: from the most to the least typical, evenly."""
    others = tuple(other for other in review.family_samples(number) if other != sample)
    return others[:: max(1, -(-len(others) // OVERLAID))]


def _r_peak(review: StudyReview, sample: int) -> int:
    """Where a beat lies in the filtered signal: the model's beats are known there, added ones are converted."""
    prepared = review.material.prepared.beats
    at = int(np.searchsorted(prepared.sample, sample))
    if at < prepared.sample.size and prepared.sample[at] == sample:
        return int(prepared.r_peak[at])
    return round(sample / review.beats.fs * prepared.fs)


def _family(review: StudyReview, sample: int) -> None:
    number = review.family_of(sample)
    if number == NO_FAMILY:
        st.caption("Looks like no other beats here.")
        return
    size = int(review.material.families.size[number])
    overlaid = len(_overlaid(review, number, sample))
    some = "" if overlaid == size - 1 else f"{overlaid} of "
    below = f" Grey: {some}its other beats." if overlaid else ""
    st.caption(f"Blue: median of family {number + 1}, {grouped(size)} beats.{below}")


def _picture(review: StudyReview, sample: int) -> None:
    """The picture of a beat that a network was asked about."""
    beats = review.material.prepared.beats
    at = int(np.searchsorted(beats.sample, sample))
    if at >= beats.sample.size or beats.sample[at] != sample:
        return
    picture = render_large(beats, at, DEFAULT.picture, scale=4, dark=is_dark())
    st.image(picture, width=PICTURE_PX, caption=PICTURE_WORDS, alt=PICTURE_WORDS)
