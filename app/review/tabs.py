"""Summaries of the whole recording, updated with every decision; only the open tab is drawn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from app.common import ecg_chart, ecg_sheet, ecg_svg, page_source, review_charts, rhythm_view, strip_chart, strip_marks
from app.common.review_charts import DayRow, Shape
from app.common.text import plain
from app.common.theme import by_touch, palette
from app.review import median_tab
from app.review.session import ReviewSession
from app.review.strip import pickable
from pipeline.cases.study_review import LETTER, StudyReview
from pipeline.config import REVIEW
from pipeline.labels import AAMI_CLASSES, CLASS_NAMES
from pipeline.review.beats_in_force import REJECTED, UNCLASSIFIED, ReviewedBeats
from pipeline.review.hrv import HrvMeasure
from pipeline.review.morphology import family_class_shares
from pipeline.review.rhythm_events import moving_rate
from pipeline.review.summary import Moment, Series, begun, enclosed, poincare, tachogram
from pipeline.signal.decimation import decimate
from pipeline.store.recordings import envelope
from pipeline.twelve_leads.layouts import SHEET_LAYOUTS, is_sheet
from pipeline.twelve_leads.sheet import ecg_sheet as ecg_sheet_of
from pipeline.twelve_leads.sheet import page_s
from pipeline.wording import burden, grouped, of_the_classified, share

DAY_FROM_S = 1200.0  # shorter recordings have no day
ROW_S, SHORT_ROW_S = 3600.0, 300.0
SHORT_DAY_S = 2 * ROW_S
COLUMNS = 700
FAMILIES_SHOWN = 8
TREND_POINTS, TREND_PX = 1500, 640
PER_MINUTE = "{:.0f}/min"
SPEED_MM_S, GAIN_MM_MV, POINTS_PER_MM = 25.0, 10.0, 10.0  # of the ECG on paper
SHORT_TERM = {
    "mean_nn": "Mean NN", "sdnn": "SDNN", "rmssd": "RMSSD", "pnn50": "pNN50", "sd1": "SD1", "sd2": "SD2",
}  # fmt: skip
LONG_TERM = {"sdann": "SDANN", "sdnn_index": "SDNN index", "triangular_index": "Triangular index"}
WHOLE = replace(REVIEW, points_max=10**9)  # no point is left out
Part = Callable[[ReviewSession, StudyReview], None]


def draw(session: ReviewSession, review: StudyReview) -> None:
    """The tabs."""
    parts: dict[str, Part] = {
        "Summary": _summary, "Rhythm": _rhythm, "Families": _families, "Trend": _trend, "RR": _intervals,
        "HRV": _variability,
    }  # fmt: skip
    if is_sheet(review.material.recording.leads):
        parts = {"All leads": _all_leads, "Median beat": median_tab.draw, **parts}
    if review.material.recording.duration_s > DAY_FROM_S:
        parts["Day"] = _day
    for tab, part in zip(st.tabs(list(parts), key="review-tabs", on_change="rerun"), parts.values(), strict=True):
        if tab.open:
            with tab:
                part(session, review)


def _all_leads(session: ReviewSession, review: StudyReview) -> None:
    """The window in every lead, as an ECG on paper, with the classes in force."""
    recording, viewport = review.material.recording, session.viewport
    start_s = min(viewport.start_s, max(0.0, recording.duration_s - page_s(SPEED_MM_S, recording.duration_s)))
    sheet = ecg_sheet_of(
        recording, SHEET_LAYOUTS["3x4"], start_s=start_s, speed_mm_s=SPEED_MM_S, gain_mm_mv=GAIN_MM_MV,
        points_per_mm=POINTS_PER_MM,
    )  # fmt: skip
    stop_s = start_s + page_s(SPEED_MM_S, recording.duration_s)
    marking, analysis, touch = median_tab.marking(session, review), review.material.analysis, by_touch()
    marked = [
        beat
        for beat in strip_marks.beats(recording, analysis, (start_s, stop_s), marking)
        if (at := review.position(beat.sample)) is not None and review.beats.aami[at] != REJECTED
    ]
    movable = marking.move is not None
    ticks = strip_marks.ticks(sheet, marked, marking, palette(), chosen=session.sample, when=review.when)
    also = ecg_svg.OnSheet(
        review.marks(review.window(start_s, stop_s)), session.sample, review.beats.rhythm,
        analysis.quality.segments, () if movable else ticks, start=recording.start,
    )  # fmt: skip
    drawn = ecg_sheet.Drawn(
        ecg_svg.sheet_svg(sheet, also, palette()), sheet.speed_mm_s, sheet.gain_mm_mv, sheet.width_mm, sheet.height_mm,
        ticks if movable else (),
    )  # fmt: skip
    median_tab.offer_beats(session, review)
    ecg_sheet.draw(
        drawn, f"review-sheet-{recording.digest[:8]}", label=f"ECG, {sheet.layout.title}, {sheet.scales}",
        beat=session.look_at, look=session.jump,
        moved=strip_marks.taking(sheet, marked, marking),
    )  # fmt: skip
    strip_marks.draw(analysis, marked, marking, chosen=session.sample, key="review-sheet", when=review.when)
    how = (strip_marks.how(by_touch=touch),) if movable else ()
    st.caption(plain(" ".join((*sheet.notes, "As recorded, not filtered.", strip_marks.WORDS, *how))))
    page_source.draw(recording.digest)


def _summary(session: ReviewSession, review: StudyReview) -> None:
    summary, total = review.summary, max(1, len(review.beats))
    rate = summary.rate
    rows = [
        (
            "Heart rate",
            f"mean {_number(rate.mean)}, lowest {_moment(review, rate.lowest, PER_MINUTE)}, "
            f"highest {_moment(review, rate.highest, PER_MINUTE)}",
        ),
        ("Longest interval", _moment(review, begun(summary.longest_rr), "{:.2f} s")),
        ("Decided by hand", f"{grouped(summary.reviewed)} of {grouped(len(review.beats))} beats"),
    ]
    lines = ["| Class | Beats | Burden |", "|---|--:|--:|"]
    for letter in AAMI_CLASSES:
        part = burden(summary.counts, letter)
        lines.append(f"| **{letter}** {CLASS_NAMES[letter]} | {grouped(summary.counts[letter])} | {part} |")
    for letter, words in ((UNCLASSIFIED, "not classified"), (REJECTED, "artefact")):
        count = summary.counts[letter]
        if count:
            of_all = f"{share(count / total)} of all"
            lines.append(f"| **{LETTER.get(letter, letter)}** {words} | {grouped(count)} | {of_all} |")
    left, right = st.columns([3, 2], gap="medium")
    left.markdown("\n".join(lines))
    if len(review.beats):
        left.caption(of_the_classified(summary.counts))
    right.markdown("\n".join(f"**{name}**  \n{value}\n" for name, value in rows))


def _rhythm(session: ReviewSession, review: StudyReview) -> None:
    rhythm_view.tables(review.beats.rhythm, key=f"review-rhythm-{session.picks}", jump=session.jump,
                       beside=False, start=review.material.recording.start)  # fmt: skip


def _number(value: float | None) -> str:
    return "unknown" if value is None else PER_MINUTE.format(value)


def _moment(review: StudyReview, moment: Moment | None, form: str) -> str:
    if moment is None:
        return "unknown"
    return f"{form.format(moment.value)} at {review.when(moment.time_s, tenths=False)}"


def _families(session: ReviewSession, review: StudyReview) -> None:
    """Median beats, largest family first; choosing one makes decisions be about all its beats."""
    found = review.material.families
    count = found.size.size
    if not count:
        st.caption("No beats look enough alike to make a family.")
        return
    shown = st.session_state.get("review-family-page") or 0
    numbers = tuple(range(shown * FAMILIES_SHOWN, min(count, (shown + 1) * FAMILIES_SHOWN)))
    shares = family_class_shares(found, review.beats)
    shapes = tuple(_shape(review, number, shares[number]) for number in numbers)
    chosen = session.family if session.scope == "family" else review.family_of(session.sample)
    _pick_family(session, shapes, numbers, chosen)
    with st.container(horizontal=True, gap="xxsmall", vertical_alignment="center", key="review-family-list"):
        for number, shape in zip(numbers, shapes, strict=True):
            st.button(
                f"{number + 1}", key=f"family-{number}", on_click=session.choose_family, args=(number,), wrap=False,
                type="primary" if session.scope == "family" and number == session.family else "secondary",
                help=shape.name,
            )  # fmt: skip
        if count > FAMILIES_SHOWN:
            st.selectbox(
                "More families", range(-(-count // FAMILIES_SHOWN)), key="review-family-page", width=130,
                label_visibility="collapsed",
                format_func=lambda i: f"{i * FAMILIES_SHOWN + 1} to {min(count, (i + 1) * FAMILIES_SHOWN)}",
            )  # fmt: skip
    st.caption(
        "Choose a family; the buttons under the strip then decide about all its beats: a class, Artefact or Not a beat."
    )


def _shape(review: StudyReview, number: int, shares: np.ndarray) -> Shape:
    found = review.material.families
    best = int(shares.argmax())
    label = AAMI_CLASSES[best] if shares[best] else ""
    count = len(review.family_samples(number))
    name = f"{count} beats, {label} {share(float(shares[best]))}" if label else f"{count} beats"
    return Shape(name, label, found.offset_s, found.median[number])


def _pick_family(session: ReviewSession, shapes: tuple[Shape, ...], numbers: tuple[int, ...], chosen: int) -> None:
    key = f"review-families-{session.picks}"

    def picked() -> None:
        points = st.session_state[key].selection.points
        if points:
            data = points[0]["customdata"]
            session.choose_family(int(data[0] if isinstance(data, list) else data))

    st.plotly_chart(
        review_charts.families(shapes, numbers, chosen, palette()), key=key, on_select=picked, theme=None,
        selection_mode="points", config={"displayModeBar": False, "doubleClick": False}, alt="Median beat per family",
    )  # fmt: skip


def _trend(session: ReviewSession, review: StudyReview) -> None:
    beats = review.beats
    rate = moving_rate(beats.rr_s).astype(float)
    position = np.arange(len(beats))
    if position.size > TREND_POINTS:
        time_s, rate = decimate(beats.time_s, rate, TREND_POINTS)
        position = np.searchsorted(beats.time_s, time_s).clip(0, len(beats) - 1)
    figure = ecg_chart.trend(
        beats.time_s[position], rate, review.marks(_lanes(review)), palette(),
        duration_s=review.material.recording.duration_s, window=_window(session), beat=beats.sample[position],
        quality=review.material.analysis.quality.segments, rhythm=review.beats.rhythm,
        width_px=strip_chart.PHONE_PX if by_touch() else TREND_PX, start=review.material.recording.start,
    )  # fmt: skip
    rhythm_view.legend(review.beats.rhythm)
    pickable(session, review, figure, "review-trend", "Heart rate over the recording with ectopic beats marked")
    st.caption("Median of eight intervals; a click leads there.")


def _lanes(review: StudyReview) -> np.ndarray:
    """Beats that are not N, thinned to one per class and pixel-wide stretch."""
    beats = review.beats
    if not len(beats):
        return np.zeros(0, np.int64)
    wanted = np.flatnonzero((beats.aami != "N") & (beats.aami != REJECTED))
    bucket = (beats.time_s[wanted] / max(review.material.recording.duration_s, 1e-9) * TREND_POINTS).astype(int)
    kind = np.unique(beats.aami[wanted], return_inverse=True)[1]
    _, first = np.unique(np.stack([bucket, kind]), axis=1, return_index=True)
    return wanted[np.sort(first)]


def _intervals(session: ReviewSession, review: StudyReview) -> None:
    beats, colours, phone = review.beats, palette(), by_touch()
    left, right = st.columns([5, 2], gap="small")
    with left:
        series = tachogram(beats)
        label = tuple(review.letter(int(i)) for i in series.position)
        figure = review_charts.tachogram(
            series.x,
            series.y,
            beats.sample[series.position],
            label,
            colours,
            _window(session),
            session.picked,
            narrow=phone,
            start=review.material.recording.start,
        )
        pickable(
            session, review, figure, "review-tachogram", "RR intervals over time",
            inside=lambda x, y: _around(beats, tachogram(beats, config=WHOLE), np.asarray(x), np.divide(y, 1000)),
        )  # fmt: skip
    with right:
        cloud = poincare(beats)
        figure = review_charts.poincare(
            cloud.x, cloud.y, beats.sample[cloud.position], colours, session.picked, narrow=phone
        )
        pickable(
            session, review, figure, "review-poincare", "Poincare plot of intervals between N beats",
            inside=lambda x, y: _around(beats, poincare(beats, WHOLE), np.divide(x, 1000), np.divide(y, 1000)),
        )  # fmt: skip
    if not phone:
        st.caption("A click leads to a beat; draw a line around several to decide about all of them.")


def _around(
    beats: ReviewedBeats, series: Series, x_s: NDArray[np.float64], y_s: NDArray[np.float64]
) -> tuple[int, ...]:
    """The samples of the beats inside an outline in seconds."""
    return tuple(beats.sample[enclosed(series, x_s.tolist(), y_s.tolist())].tolist())


def _variability(session: ReviewSession, review: StudyReview) -> None:
    found = review.variability
    for names, column in zip((SHORT_TERM, LONG_TERM), st.columns(2, gap="medium"), strict=True):
        rows = [f"| {words} | {_measured(getattr(found, name))} |" for name, words in names.items()]
        column.markdown("\n".join(["| Measure | Value |", "|---|---|", *rows]))
    st.caption(
        f"From {found.n_intervals} intervals between two N beats in sinus rhythm, {found.seconds / 60:.1f} "
        "min in all, as the Task Force of 1996 defines the measures."
    )


def _measured(measure: HrvMeasure) -> str:
    return f":gray[{measure.reason}]" if measure.value is None else f"**{measure.value:.1f}** {measure.unit}"


def _day(session: ReviewSession, review: StudyReview) -> None:
    recording = review.material.recording
    row_s = ROW_S if recording.duration_s > SHORT_DAY_S else SHORT_ROW_S
    starts = np.arange(0, recording.duration_s, row_s)
    lead = review.study.leads[0]
    rows = tuple(
        DayRow(float(s), envelope(recording, lead, float(s), min(recording.duration_s, float(s) + row_s), COLUMNS))
        for s in starts
    )
    figure = review_charts.day(rows, row_s, review.marks(_lanes(review)), _window(session), palette(),
                               review.material.recording.start)  # fmt: skip
    pickable(session, review, figure, "review-day", "The whole recording in rows, ectopic beats in colour")
    length = "an hour" if row_s == ROW_S else f"{row_s / 60:.0f} minutes"
    st.caption(f"Each row is {length} of lead {plain(lead)}; a click leads there.")


def _window(session: ReviewSession) -> tuple[float, float]:
    return session.viewport.span_s
