"""Median beats as SVG on ECG paper: all leads over each other, or one beside the other. No st.*."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from app.common.ecg_sheet import Drawn, SheetMark
from app.common.ecg_svg import NAME_MM, SMALL_MM, paper, path, svg, text
from app.common.theme import Palette
from pipeline.measurements import WaveMark
from pipeline.review.moved_marks import MOVABLE
from pipeline.twelve_leads.derived_leads import TWELVE_LEADS
from pipeline.twelve_leads.layouts import SHEET_LAYOUTS, cells
from pipeline.twelve_leads.median_beat import MedianBeat

OVERLAID_MM_S, OVERLAID_MM_MV = 200.0, 20.0
SIDE_MM_S, SIDE_MM_MV = 50.0, 10.0
_LEFT_MM, _TOP_MM, _AXIS_MM, _GAP_MM = 5.0, 12.0, 5.0, 5.0
_LEAST_MM = 10.0  # above and below a zero line
_MOST_MM = 70.0
_TICK_S = 0.1


@dataclass(frozen=True, eq=False)
class Curve:
    """A median beat and the colour that it is drawn in."""

    beat: MedianBeat
    colour: str


def overlaid(beat: MedianBeat, marks_s: Mapping[WaveMark, float], colours: Palette, *, movable: bool = True) -> Drawn:
    """All leads on one zero line, limb and chest leads in two colours, with marks.

    Parameters
    ----------
    beat : MedianBeat
        The beat.
    marks_s : mapping of WaveMark to float
        Its marks, seconds from the R peak.
    colours : Palette
        The colours of the paper.
    movable : bool, optional
        Whether the marks can be dragged; else they are fine lines.
    """
    start = float(beat.time_s[0])
    above, below = (_reach(sign * beat.value_mv * OVERLAID_MM_MV) for sign in (1, -1))
    zero = _TOP_MM + above
    height, width = zero + below, _LEFT_MM + _whole((float(beat.time_s[-1]) - start) * OVERLAID_MM_S)
    x = _LEFT_MM + (beat.time_s - start) * OVERLAID_MM_S
    parts = [paper(width, height, colours), *_ticks(beat, width, height, start, colours)]
    for i, lead in enumerate(beat.leads):
        stroke = path(x, zero - beat.value_mv[:, i] * OVERLAID_MM_MV, lead_colour(lead, colours))
        parts.append(f'<g class="lead"><title>{html.escape(lead)}</title>{stroke}</g>')
    marks = tuple(
        SheetMark(name, label, _LEFT_MM + (marks_s[name] - start) * OVERLAID_MM_S)
        for name, label in MOVABLE.items()
        if name in marks_s
    )
    if not movable:
        parts += [part for i, mark in enumerate(marks) for part in _fixed(mark, i, height, colours)]
    drawn = svg(parts, width, height, below=_AXIS_MM)
    return Drawn(drawn, OVERLAID_MM_S, OVERLAID_MM_MV, width, height, marks if movable else ())


def time_of(beat: MedianBeat, x_mm: float) -> float:
    """Seconds from the R peak of a place on `overlaid`, mm."""
    return float(beat.time_s[0]) + (x_mm - _LEFT_MM) / OVERLAID_MM_S


def lead_colour(lead: str, colours: Palette) -> str:
    """One colour for chest leads, one for all others."""
    return colours.classes["V"] if lead in TWELVE_LEADS[6:] else colours.classes["S"]


def side_by_side(
    curves: Sequence[Curve], marks_s: Mapping[WaveMark, float], colours: Palette, leads: Sequence[str] | None = None
) -> Drawn:
    """Each lead in a panel of its own, in the places of 3x4; several beats lie over each other.

    Parameters
    ----------
    curves : sequence of Curve
        The beats; the last lies on top.
    marks_s : mapping of WaveMark to float
        Marks that are drawn as fine lines, seconds from the R peak.
    colours : Palette
        The colours of the paper.
    leads : sequence of str, optional
        Which leads; those of the first beat if None.
    """
    first = curves[0].beat
    places = [cell for cell in cells(SHEET_LAYOUTS["3x4"], leads or first.leads) if not cell.strip]
    start, stop = float(first.time_s[0]), float(first.time_s[-1])
    step = _whole((stop - start) * SIDE_MM_S) + _GAP_MM
    width = _LEFT_MM + step * max(cell.columns for cell in places)
    zero, height = _zero_lines(curves, [(cell.row, cell.lead) for cell in places])
    parts = [paper(width, height, colours)]
    for cell in places:
        left = _LEFT_MM + cell.column * step
        for name in MOVABLE:
            if name in marks_s:
                x = left + (marks_s[name] - start) * SIDE_MM_S
                line = f"M{x:.2f} {zero[cell.row] - 9:g}V{zero[cell.row] + 6:g}"
                parts.append(f'<path class="fixed" d="{line}" stroke="{colours.muted}"/>')
        for curve in curves:
            parts.append(_panel(curve, cell.lead, left, zero[cell.row], start))
        star = "*" if cell.lead in first.derived else ""
        parts.append(
            text(left, zero[cell.row] - _LEAST_MM + NAME_MM, f"{cell.lead}{star}", NAME_MM, colours.text,
                 halo=colours.paper, bold=True)
        )  # fmt: skip
    scales = text(width - 0.5, height - 1, f"{SIDE_MM_S:g} mm/s · {SIDE_MM_MV:g} mm/mV", SMALL_MM, colours.muted,
                  anchor="end", halo=colours.paper)  # fmt: skip
    return Drawn(svg([*parts, scales], width, height), SIDE_MM_S, SIDE_MM_MV, width, height)


def _fixed(mark: SheetMark, number: int, height: float, colours: Palette) -> tuple[str, str]:
    """A mark that cannot be dragged; its name stands where that of one that can does."""
    y = 3 + number % 3 * 3
    line = f'<path class="fixed" d="M{mark.x_mm:.2f} 0V{height:g}" stroke="{colours.text}"/>'
    return line, text(mark.x_mm + 0.8, y, mark.label, SMALL_MM, colours.text, halo=colours.paper)


def _panel(curve: Curve, lead: str, left: float, zero: float, start: float) -> str:
    if lead not in curve.beat.leads:
        return ""
    value = curve.beat.value_mv[:, curve.beat.leads.index(lead)]
    return path(left + (curve.beat.time_s - start) * SIDE_MM_S, zero - value * SIDE_MM_MV, curve.colour)


def _zero_lines(curves: Sequence[Curve], places: Sequence[tuple[int, str]]) -> tuple[list[float], float]:
    """Heights of the zero lines of the rows and of the paper, mm."""
    zero, edge = [], 0.0
    for row in range(max(row for row, _ in places) + 1):
        values = [
            curve.beat.value_mv[:, curve.beat.leads.index(lead)] * SIDE_MM_MV
            for curve in curves
            for at, lead in places
            if at == row and lead in curve.beat.leads
        ]
        every = np.concatenate(values)
        zero.append(edge + _reach(every))
        edge = zero[-1] + _reach(-every)
    return zero, edge


def _reach(value_mm: np.ndarray) -> float:
    """Whole squares that hold the highest value, mm."""
    known = value_mm[np.isfinite(value_mm)]
    highest = float(known.max()) if known.size else 0.0
    return _whole(min(max(highest + 2, _LEAST_MM), _MOST_MM))


def _whole(length_mm: float) -> float:
    return float(np.ceil(length_mm / 5) * 5)


def _ticks(beat: MedianBeat, width: float, height: float, start: float, colours: Palette) -> list[str]:
    """Tenths of a second from the R peak below the paper, and its scales."""
    times = np.arange(np.ceil(start / _TICK_S), np.floor(float(beat.time_s[-1]) / _TICK_S)) * _TICK_S
    y = height + 3.4
    ticks = [
        text(_LEFT_MM + (t - start) * OVERLAID_MM_S, y, "R" if abs(t) < 1e-9 else f"{1000 * t:.0f}", SMALL_MM,
             colours.muted, anchor="middle")
        for t in times.tolist()
    ]  # fmt: skip
    scales = f"ms · {OVERLAID_MM_S:g} mm/s · {OVERLAID_MM_MV:g} mm/mV"
    return [*ticks, text(width - 0.5, height - 1, scales, SMALL_MM, colours.muted, anchor="end", halo=colours.paper)]
