"""The places that stand for a group, side by side on ECG paper: what one decision about all of it is taken on."""

from __future__ import annotations

import numpy as np
import streamlit as st
from numpy.typing import NDArray

from app.common.ecg_svg import NAME_MM, paper, path, svg, text
from app.common.theme import Palette, palette
from app.review.session import ReviewSession
from pipeline.cases.strip_content import recorded_leads
from pipeline.cases.study_review import StudyReview
from pipeline.review.groups import AROUND_S, Extreme, FindingGroup

Array = NDArray[np.float64]
MM_S, MM_MV = 25.0, 10.0
FAMILY_MM_S, FAMILY_S, FAMILY_LATE_S = 50.0, 0.8, 0.1  # of overlaid beats: so much, and more after R than before
HALF_MM, GAP_MM = 14.0, 4.0  # on either side of the middle, and between two places
ROW_MM, LEAST_MM = 385.0, 7.0  # what is wider goes on below, on lower paper, but never lower than this
ONE_PX, ROWS_PX = 140, 275  # greatest height of one row, and of several
WIDE_PX, LETTER_PX = 1000.0, 11.5  # of the drawing: how wide it is, and how high letters are at least
_CSS = """
.extremes svg { display: block; width: 100%; max-height: var(--high); }
.extremes path { fill: none; stroke-linejoin: round; }
.extremes .fine { stroke-width: 0.1; } .extremes .bold { stroke-width: 0.2; } .extremes .trace { stroke-width: 0.32; }
.extremes text { font-family: var(--st-font); }
.extremes g.place { cursor: pointer; }
@media (max-width: 640px) { .extremes { overflow-x: auto; } .extremes svg { width: 900px; max-height: none; } }
"""
_JS = """
export default function ({ data, parentElement, setTriggerValue }) {
  const place = parentElement.querySelector(".extremes");
  place.innerHTML = data.svg;
  place.style.setProperty("--high", `${data.high}px`);
  place.querySelector("svg").setAttribute("preserveAspectRatio", "xMinYMin meet");
  place.setAttribute("aria-label", data.words);
  place.onclick = (event) => {
    const found = event.target.closest("g.place");
    if (found) setTriggerValue("chosen", Number(found.dataset.number));
  };
}
"""

_show = st.components.v2.component(
    "heartvision_extremes", html='<div class="extremes" role="img"></div>', css=_CSS, js=_JS
)


def draw(session: ReviewSession, review: StudyReview) -> None:
    """All places of the group that is looked at, or the next members of an opened one; nothing for a finding."""
    places = session.places() if session.scope == "finding" else ()
    if not places or (len(places) < 2 and not session.opened):
        return
    shown = session.extreme if isinstance(session.current, FindingGroup) else 0
    rows = _in_rows([_length_s(place) * _mm_s(place) for place in places])
    whole = max(x + width for x, width, _ in rows)
    count, mm_px = rows[-1][2] + 1, whole / WIDE_PX
    letters_mm = max(NAME_MM, LETTER_PX * mm_px)  # the wider the paper, the smaller it is drawn
    half_mm = min(HALF_MM, max(LEAST_MM, (ROWS_PX * mm_px / count - _above_mm(letters_mm)) / 2))
    high_mm = _above_mm(letters_mm) + 2 * half_mm
    parts, colours = list[str](), palette()
    for number, (place, (x, _, row)) in enumerate(zip(places, rows, strict=True)):
        drawn = _panel(review, place, x, colours, letters_mm, half_mm, chosen=number == shown)
        moved = f' transform="translate(0 {row * high_mm:.2f})"' if row else ""
        parts.append(f'<g class="place" data-number="{number}"{moved}>{"".join(drawn)}</g>')
    drawing = svg(parts, whole, count * high_mm)
    words = "; ".join(f"{place.label} at {review.when(place.start_s, tenths=False)}" for place in places)

    def chosen() -> None:
        session.show_place(int(st.session_state["review-places"].chosen))

    data = {"svg": drawing, "words": words, "high": ONE_PX if count == 1 else ROWS_PX}
    _show(key="review-places", data=data, on_chosen_change=chosen)


def _in_rows(widths: list[float]) -> list[tuple[float, float, int]]:
    """Where each place lies: from where on, how wide, mm, and in which row."""
    found, x, row = list[tuple[float, float, int]](), 0.0, 0
    for width in widths:
        if x > 0 and x + width > ROW_MM:
            x, row = 0.0, row + 1
        found.append((x, width, row))
        x += width + GAP_MM
    return found


def _mm_s(place: Extreme) -> float:
    return FAMILY_MM_S if place.beats else MM_S


def _length_s(place: Extreme) -> float:
    """How much of a place is shown."""
    return FAMILY_S if place.beats else place.shown_s


def _above_mm(letters_mm: float) -> float:
    """Room above the paper for two lines of letters."""
    return 3.0 * letters_mm


def _panel(
    review: StudyReview, place: Extreme, x: float, colours: Palette, letters_mm: float, half_mm: float, *,
    chosen: bool,
) -> list[str]:  # fmt: skip
    """One place as SVG from `x` on, in millimetres."""
    mm_s, length, above = _mm_s(place), _length_s(place), _above_mm(letters_mm)
    middle = (place.start_s + min(place.stop_s, place.start_s + length - 2 * AROUND_S)) / 2
    if place.beats:
        middle = (place.start_s + place.stop_s) / 2 + FAMILY_LATE_S
    start = min(max(0.0, middle - length / 2), max(0.0, review.material.recording.duration_s - length))
    width, zero = length * mm_s, above + half_mm
    offsets = [(other - place.beats[0]) / review.beats.fs for other in place.beats] or [0.0]
    curves = [_curve(review, start + offset, length) for offset in offsets]
    reach = max((float(np.nanmax(np.abs(y))) for _, y in curves if np.isfinite(y).any()), default=1.0)
    scale = min(MM_MV, half_mm / max(reach, 1e-6))
    at = review.window(start, start + length)
    letters = [
        text(x + (float(review.beats.time_s[i]) - start) * mm_s, above - 0.3 * letters_mm, review.letter(int(i)),
             letters_mm, colours.text, anchor="middle")
        for i in at
    ]  # fmt: skip
    title = f"{place.label} · {review.when(place.start_s, tenths=False)}"
    if scale < MM_MV:
        title = f"{title} · {scale:.2g} mm/mV"
    return [
        f'<g transform="translate({x:.2f} {above:.2f})">{paper(width, 2 * half_mm, colours)}</g>',
        *(path(x + time * mm_s, zero - value * scale, colours.muted) for time, value in curves[1:]),
        path(x + curves[0][0] * mm_s, zero - curves[0][1] * scale, colours.trace),
        text(x, 1.1 * letters_mm, title, letters_mm, colours.text, bold=chosen),
        *letters,
    ]


def _curve(review: StudyReview, start_s: float, length_s: float) -> tuple[Array, Array]:
    """The first lead between two times: seconds from the start, and mV about the median."""
    lead = recorded_leads(review.material.recording, review.study.leads[:1], start_s, start_s + length_s)[0]
    value = np.asarray(lead.value_mv, np.float64)
    level = float(np.nanmedian(value)) if np.isfinite(value).any() else 0.0
    return np.asarray(lead.time_s - start_s, np.float64), value - level
