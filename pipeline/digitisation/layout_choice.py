"""Decides how the page is laid out: its columns, and which lead stands in which box."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.digitisation.ink import Mask
from pipeline.digitisation.layouts import LAYOUTS, TWELVE_LEADS, PageLayout
from pipeline.digitisation.speed_and_gain import Pulse
from pipeline.digitisation.trace import Trace
from pipeline.digitisation.words import Word
from pipeline.errors import IntakeError

Matrix = NDArray[np.float64]

_GAP_MM: Final = 0.4
_FOOT_MM: Final = 1.0  # foot of a pulse that runs into the trace without a gap
_NEAR_MM: Final = 3.5  # greatest distance of a rule, or of a label's first letter, from where a column begins
_LABEL_MM: Final = 14.0  # on most pages labels stand this close to the beginning of their column
_WRONG: Final = 0.8  # penalty for a label that contradicts a layout
_WEIGHT: Final = MappingProxyType({"I": 0.05, "II": 0.4, "III": 0.6})  # any stroke looks like an I
_UNEVEN: Final = 0.2  # row distances may differ by this share
_STRIP_ALIKE: Final = 0.9  # correlation above which a strip shows the same lead as a box
_STRIP_CLEARER: Final = 0.04


@dataclass(frozen=True)
class LeadBox:
    """Where a lead is on the sheet.

    Attributes
    ----------
    lead : str
        Name of the lead.
    row : int
        The lane whose trace it is on.
    start, stop : int
        Its columns [`start`, `stop`), pixels of the sheet.
    strip : bool
        Whether it is a rhythm strip over all columns of leads.
    """

    lead: str
    row: int
    start: int
    stop: int
    strip: bool = False


@dataclass(frozen=True)
class LayoutChoice:
    """A layout by name, "" if none fits; its confidence (0..1); the evidence for it; others with as many rows."""

    name: str
    confidence: float
    reason: str
    others: tuple[str, ...] = ()


def time_span(traces: tuple[Trace, ...], pulses: tuple[Pulse, ...], px_per_mm: int) -> tuple[int, int]:
    """Return the first and last column (exclusive) in which the page shows the patient, not a calibration pulse.

    Parameters
    ----------
    traces : tuple of Trace
        One per lane.
    pulses : tuple of Pulse
        Calibration pulses.
    px_per_mm : int
        Resolution of the sheet, pixels per millimetre.
    """
    by_lane = {pulse.lane: pulse for pulse in pulses}
    ends = [_ends(trace, by_lane.get(i), px_per_mm) for i, trace in enumerate(traces)]
    starts, stops = (np.array(part, np.float64) for part in zip(*ends, strict=True))
    return round(float(np.median(starts))), round(float(np.median(stops)))


def _ends(trace: Trace, pulse: Pulse | None, px_per_mm: int) -> tuple[int, int]:
    seen = np.isfinite(trace.row)
    if pulse is None:
        return trace.start, trace.stop
    on_left = pulse.left - trace.start < trace.stop - pulse.right
    begin = round(pulse.right) if on_left else round(pulse.left)
    step = 1 if on_left else -1
    reach = [begin + step * i for i in range(1, 6 * px_per_mm) if 0 <= begin + step * i < seen.size]
    blank = [column for column in reach if not seen[column]]
    if len(blank) < _GAP_MM * px_per_mm:
        edge = begin + step * round(_FOOT_MM * px_per_mm)
    else:
        after = [column for column in reach if seen[column] and (column - blank[-1]) * step > 0]
        edge = after[0] if after else blank[-1]
    return (edge, trace.stop) if on_left else (trace.start, edge + 1)


def evenly_spaced(lanes: Matrix, clear: Matrix) -> Mask:
    """Tell which lanes (n,) are rows of a page, leaving out an odd one (an edge, a line of text) at the top or bottom.

    A lane is left out only if no known layout has this many rows, one has a row less, and that end is both spaced
    differently from the others and less clear (`clear` (n,), 0..1) than all of them.
    """
    keep = np.ones(lanes.size, np.bool_)
    counts = {layout.rows for layout in LAYOUTS.values()}
    if lanes.size in counts or lanes.size - 1 not in counts:
        return keep
    apart = np.diff(lanes)
    usual = float(np.median(apart))
    odd = [end for end, gap in ((0, apart[0]), (-1, apart[-1])) if abs(gap / usual - 1) > _UNEVEN]
    worst = min(odd, key=lambda end: float(clear[end]), default=None)
    if worst is not None and clear[worst] < np.delete(clear, worst).min():
        keep[worst] = False
    return keep


def choose_layout(
    lanes: Matrix, span: tuple[int, int], words: tuple[Word, ...], rule: Mask, jumps: Matrix, px_per_mm: int
) -> LayoutChoice:
    """Choose the layout with as many rows as lanes that is best supported by labels, rules and jumps of the traces.

    Parameters
    ----------
    lanes : (n,) float64
        Rows of the lanes, pixels.
    span : tuple[int, int]
        First and last column of the traces, pixels.
    words : tuple of Word
        Words read on the page.
    rule : (w,) bool
        Columns in which a line stands between the columns of leads.
    jumps : (w,) float64
        How far the traces jump at each column, in units of the usual.
    px_per_mm : int
        Resolution of the sheet, pixels per millimetre.
    """
    fitting = [layout for layout in LAYOUTS.values() if layout.rows == len(lanes)]
    if not fitting:
        return LayoutChoice("", 0.0, f"{len(lanes)} rows of traces were found, and no known layout has so many")
    labels = [word for word in words if word.text in TWELVE_LEADS]
    scored = []
    for layout in fitting:
        right, wrong = _label_score(layout, lanes, span, labels, px_per_mm)
        joint = _joint_score(layout, span, rule, jumps, px_per_mm)
        scored.append((right - _WRONG * wrong + joint, right, wrong, layout.name))
    scored.sort(key=lambda item: -item[0])
    best = scored[0]
    margin = best[0] - scored[1][0] if len(scored) > 1 else max(0.0, best[0])
    others = tuple(item[3] for item in scored[1:])
    reason = f"{len(lanes)} rows; {len({word.text for word in labels})} different lead names read"
    return LayoutChoice(best[3], _confidence(best[1], best[2], margin, len(scored)), reason, others)


def _confidence(right: float, wrong: float, margin: float, candidates: int) -> float:
    if wrong > right:
        return 0.3
    if right >= 2 and margin >= 1:
        return 0.95
    if right >= 1 and margin >= 0.7:
        return 0.8
    if candidates == 1:
        return 0.65
    return 0.6 if margin >= 1.5 else 0.4


def _label_score(
    layout: PageLayout, lanes: Matrix, span: tuple[int, int], labels: list[Word], px_per_mm: int
) -> tuple[float, float]:
    """Return how much of what was read stands where the layout has it, and how much does not."""
    boxes = {(row, column): lead for row, column, _, lead in layout.boxes()}
    width = (span[1] - span[0]) / len(layout.columns)
    below = len(layout.columns[0])
    right = wrong = 0.0
    for word in labels:
        row = row_of(word, lanes)
        if row is None:
            continue
        column = int(np.clip((word.x + _NEAR_MM * px_per_mm - span[0]) // width, 0, len(layout.columns) - 1))
        away_mm = (word.x - span[0] - column * width) / px_per_mm
        weight = word.alike**2 * _WEIGHT.get(word.text, 1.0) * (1.0 if away_mm < _LABEL_MM else 0.5)
        if row >= below:
            column, weight = 0, 0.5 * weight * (away_mm < _LABEL_MM and column == 0)
        if boxes[row, column] == word.text:
            right += weight
        else:
            wrong += weight
    return right, wrong


def row_of(word: Word, lanes: Matrix) -> int | None:
    """Return the lane that a word belongs to: the next one below it, or one just above it; None if there is none."""
    apart = float(np.median(np.diff(lanes))) if lanes.size > 1 else 200.0
    distance = lanes - word.y
    near = np.where((distance > -0.3 * apart) & (distance < 0.85 * apart), np.abs(distance), np.inf)
    return int(near.argmin()) if np.isfinite(near.min()) else None


def _joint_score(layout: PageLayout, span: tuple[int, int], rule: Mask, jumps: Matrix, px_per_mm: int) -> float:
    """Score a layout by the rules and jumps at the joints of its columns."""
    count = len(layout.columns)
    found = np.flatnonzero(rule[span[0] + px_per_mm * 5 : span[1] - px_per_mm * 5]) + span[0] + px_per_mm * 5
    joints = np.array([span[0] + (span[1] - span[0]) * i / count for i in range(1, count)])
    reach = round(_NEAR_MM * px_per_mm)
    score = 0.0
    for joint in joints:
        score += 1.0 if found.size and np.abs(found - joint).min() <= reach else 0.0
        near = jumps[max(0, round(joint) - reach // 2) : round(joint) + reach // 2]
        score += 0.25 * float(np.clip(near.max(initial=0.0) - 3.0, 0, 4))
    groups = np.split(found, np.flatnonzero(np.diff(found) > reach) + 1) if found.size else []
    for group in groups:
        away = np.abs(joints - group.mean()).min() if joints.size else np.inf
        score -= 1.0 if away > reach else 0.0
    return score


def jumps_of(traces: tuple[Trace, ...], px_per_mm: int) -> Matrix:
    """Return the jump of the traces' levels at each column (w,), relative to the usual; QRS complexes are ignored."""
    width = traces[0].row.size
    side = round(0.8 * px_per_mm)
    found = []
    for trace in traces:
        row = np.interp(np.arange(width), np.flatnonzero(ok := np.isfinite(trace.row)), trace.row[ok])
        before, after = row[: -2 * side], row[2 * side :]
        flat = np.abs(np.gradient(row))
        calm = (flat[: -2 * side] < 0.25) & (flat[2 * side :] < 0.25)
        step = np.zeros(width)
        step[side:-side] = np.where(calm, np.abs(after - before), 0)
        found.append(step)
    every = np.sort(np.array(found), axis=0)[-max(1, len(found) * 2 // 3) :].mean(axis=0)
    return np.asarray(every / max(0.3, float(np.percentile(every, 95))))


def lead_boxes(
    layout: PageLayout,
    span: tuple[int, int],
    rule: Mask,
    px_per_mm: int,
    names: Mapping[int, str] | None = None,
    joints: tuple[int, ...] | None = None,
) -> tuple[LeadBox, ...]:
    """Lay out the boxes over a span of columns: between the stated joints, or evenly and moved to nearby rules.

    Parameters
    ----------
    layout : PageLayout
        The layout.
    span : tuple[int, int]
        First and last column of the traces, pixels.
    rule : (w,) bool
        Columns in which a line stands between the columns of leads.
    px_per_mm : int
        Resolution of the sheet, pixels per millimetre.
    names : mapping of int to str, optional
        Lead names that differ from the layout's, by box.
    joints : tuple of int, optional
        Columns where one column of leads ends and the next begins, pixels.

    Raises
    ------
    IntakeError
        If there are not as many joints as the layout needs, or they do not rise inside the span.
    """
    count = len(layout.columns)
    if joints is None:
        edges = _even_edges(count, span, rule, px_per_mm)
    else:
        edges = [span[0], *joints, span[1]]
        if len(edges) != count + 1 or any(after <= before for before, after in pairwise(edges)):
            raise IntakeError(
                f"The columns of leads must be divided {count - 1} times between column {span[0]} and {span[1]}, from "
                f"left to right; {joints} are given. Move them."
            )
    return tuple(
        LeadBox(
            (names or {}).get(i, lead),
            row,
            edges[column],
            edges[column + spanned],
            spanned > 1 or row >= len(layout.columns[0]),
        )
        for i, (row, column, spanned, lead) in enumerate(layout.boxes())
    )


def _even_edges(count: int, span: tuple[int, int], rule: Mask, px_per_mm: int) -> list[int]:
    edges = [round(span[0] + (span[1] - span[0]) * i / count) for i in range(count + 1)]
    reach = round(_NEAR_MM * px_per_mm)
    for i in range(1, count):
        near = np.flatnonzero(rule[max(0, edges[i] - reach) : edges[i] + reach])
        if near.size:
            edges[i] = max(0, edges[i] - reach) + round(float(near.mean()))
    return edges


def strip_lead(strip: LeadBox, boxes: tuple[LeadBox, ...], traces: tuple[Trace, ...]) -> str | None:
    """Identify the lead that a strip shows: the one whose box it repeats, column by column.

    Parameters
    ----------
    strip : LeadBox
        The box of the strip.
    boxes : tuple of LeadBox
        All boxes of the page.
    traces : tuple of Trace
        One per lane.

    Returns
    -------
    str or None
        Lead name; None if none stands out.
    """
    alike: dict[str, float] = {}
    for box in boxes:
        if not box.strip:
            one, other = (traces[row].row[box.start : box.stop] for row in (strip.row, box.row))
            both = np.isfinite(one) & np.isfinite(other)
            if both.mean() > 0.6 and one[both].std() > 0 and other[both].std() > 0:
                alike[box.lead] = float(np.corrcoef(one[both], other[both])[0, 1])
    ranked = sorted(alike.items(), key=lambda item: -item[1])
    if not ranked or ranked[0][1] < _STRIP_ALIKE:
        return None
    if len(ranked) > 1 and ranked[0][1] - ranked[1][1] < _STRIP_CLEARER:
        return None
    return ranked[0][0]
