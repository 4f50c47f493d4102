"""Decides how the page is laid out: its columns, and which lead stands in which box."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.digitisation.ink import Mask
from pipeline.digitisation.label_evidence import (
    NEAR_MM,
    LabelFit,
    fit_labels,
    limb_misfit,
    limb_odds,
    rows_alike,
    said_lead,
)
from pipeline.digitisation.layouts import LAYOUTS, ONE_LEAD, PageLayout, layout_names, layout_of, other_order
from pipeline.digitisation.phrases import Word
from pipeline.digitisation.speed_and_gain import Pulse
from pipeline.digitisation.trace import Trace
from pipeline.digitisation.words import LEAD_NAMES
from pipeline.errors import IntakeError

Matrix = NDArray[np.float64]

_GAP_MM: Final = 0.4
_FOOT_MM: Final = 1.0  # foot of a pulse that runs into the trace without a gap
_RARE: Final = -1.0  # log odds of a rarer layout
_LIKELY: Final = 1.2  # log odds from which on one layout is clearly better than the next
_ROWS_ALIKE: Final = 2.0  # log odds for one lead where all rows show waves of the same size
_UNSURE: Final = 0.4
_ALL_READ: Final = 0.9  # share of a layout's names that is enough where it has but few
_MOST: Final = 0.6  # share of the rows that must bear the same name to be one lead
_RARE_ROWS: Final = 5  # three rows of leads and two strips; often four rows and a line of text
_LESS_CLEAR: Final = 0.85  # share of the other rows' clearness
_UNEVEN: Final = 0.2  # row distances may differ by this share
_JUMP: Final = 0.12  # weight of a jump of the traces: beats make some too
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
    """The layout of a page.

    Attributes
    ----------
    name : str
        One of `layouts.layout_names`.
    confidence : float
        0..1.
    reason : str
        The evidence for it.
    others : tuple of str
        Others with as many rows.
    names : tuple of (int, str)
        The names that were read in their places, by box.
    likely : bool
        Whether it is clearly better than the others, even if not sure.
    """

    name: str
    confidence: float
    reason: str
    others: tuple[str, ...] = ()
    names: tuple[tuple[int, str], ...] = ()
    likely: bool = False


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
    ends = [_ends(trace, [one for one in pulses if one.lane == i], px_per_mm) for i, trace in enumerate(traces)]
    starts, stops = (np.array(part, np.float64) for part in zip(*ends, strict=True))
    return round(float(np.median(starts))), round(float(np.median(stops)))


def _ends(trace: Trace, pulses: Sequence[Pulse], px_per_mm: int) -> tuple[int, int]:
    """Return where a trace begins and ends without its pulses, of which one may stand at either end."""
    every = [_without(trace, pulse, px_per_mm) for pulse in pulses]
    return max((start for start, _ in every), default=trace.start), min((stop for _, stop in every), default=trace.stop)


def _without(trace: Trace, pulse: Pulse, px_per_mm: int) -> tuple[int, int]:
    seen = np.isfinite(trace.row)
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

    A lane is left out only if no common layout has this many rows, one has a row less, and that end is both spaced
    differently from the others and less clear (`clear` (n,), 0..1) than all of them; clearly less if a rarer layout
    has this many rows.
    """
    keep = np.ones(lanes.size, np.bool_)
    counts = {layout.rows for layout in LAYOUTS.values()}
    if lanes.size in counts - {_RARE_ROWS} or lanes.size - 1 not in counts:
        return keep
    share = _LESS_CLEAR if lanes.size == _RARE_ROWS else 1.0
    apart = np.diff(lanes)
    usual = float(np.median(apart))
    odd = [end for end, gap in ((0, apart[0]), (-1, apart[-1])) if abs(gap / usual - 1) > _UNEVEN]
    worst = min(odd, key=lambda end: float(clear[end]), default=None)
    if worst is not None and clear[worst] < share * np.delete(clear, worst).min():
        keep[worst] = False
    return keep


def choose_layout(
    lanes: Matrix,
    span: tuple[int, int],
    words: tuple[Word, ...],
    rule: Mask,
    traces: tuple[Trace, ...],
    px_per_mm: int,
) -> LayoutChoice:
    """Choose the layout that best explains the names of the leads, the lines between columns, and the traces.

    Without names no choice is sure: lines and traces say how many columns there are, not which leads.

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
    traces : tuple of Trace
        One per lane.
    px_per_mm : int
        Resolution of the sheet, pixels per millimetre.
    """
    layouts = [layout for name in layout_names(len(lanes)) if (layout := layout_of(name, len(lanes)))]
    jumps = jumps_of(traces, px_per_mm)
    scored = []
    for layout in layouts:
        fit = fit_labels(layout, lanes, span, words, px_per_mm)
        joint = _joint_score(layout, span, rule, jumps, px_per_mm)
        scored.append((fit.score + joint + _prior(layout, span, traces), fit, layout.name))
    scored.sort(key=lambda item: -item[0])
    best, fit, name = scored[0]
    margin = best - scored[1][0] if len(scored) > 1 else 0.0
    confidence = _confidence(fit, margin)
    if name == ONE_LEAD:
        confidence = 0.8 if margin >= _LIKELY and _is_one_lead(fit, words, len(lanes)) else _UNSURE
    read = len({word.text for word in words if word.text in LEAD_NAMES})
    reason = f"{len(lanes)} rows; {read} different lead names read"
    others = tuple(item[2] for item in scored[1:])
    return LayoutChoice(name, confidence, reason, others, fit.names, likely=bool(margin >= _LIKELY))


def _prior(layout: PageLayout, span: tuple[int, int], traces: tuple[Trace, ...]) -> float:
    """Return the log odds of a layout before its names are read: rare ones less, and limb leads that do not add up."""
    if layout.in_turn:
        return 2 * _RARE + (_ROWS_ALIKE if rows_alike(span, traces) else -2 * _ROWS_ALIKE)
    twin = other_order(layout)
    against = 0.0 if twin is None else limb_odds(limb_misfit(layout, span, traces), limb_misfit(twin, span, traces))
    return _RARE * (layout.free or layout.cabrera) + min(0.0, against)


def _is_one_lead(fit: LabelFit, words: tuple[Word, ...], rows: int) -> bool:
    """Tell whether the page says that all its rows are one lead: "Lead I", or the same name before most rows."""
    named = {text for _, text in fit.names} - {"I"}  # any stroke looks like an I
    said = said_lead(words)
    return len(fit.names) >= max(2.0, _MOST * rows) or (said is not None and named <= {said})


def _confidence(fit: LabelFit, margin: float) -> float:
    if (fit.right < 1 and fit.share < _ALL_READ) or fit.wrong > fit.right:
        return 0.3 if fit.wrong > fit.right else _UNSURE
    if margin >= 2 * _LIKELY and fit.right >= 2:
        return 0.95
    return 0.8 if margin >= _LIKELY else _UNSURE


def _joint_score(layout: PageLayout, span: tuple[int, int], rule: Mask, jumps: Matrix, px_per_mm: int) -> float:
    """Score a layout by the rules and jumps at the joints of its columns."""
    count = len(layout.columns)
    found = np.flatnonzero(rule[span[0] + px_per_mm * 5 : span[1] - px_per_mm * 5]) + span[0] + px_per_mm * 5
    joints = np.array([span[0] + (span[1] - span[0]) * i / count for i in range(1, count)])
    reach = round(NEAR_MM * px_per_mm)
    score = 0.0
    for joint in joints:
        score += 1.0 if found.size and np.abs(found - joint).min() <= reach else 0.0
        near = jumps[max(0, round(joint) - reach // 2) : round(joint) + reach // 2]
        score += _JUMP * float(np.clip(near.max(initial=0.0) - 3.0, 0, 4))
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


def boxes_in_turn(
    traces: tuple[Trace, ...], pulses: tuple[Pulse, ...], span: tuple[int, int], lead: str, px_per_mm: int
) -> tuple[LeadBox, ...]:
    """Lay out one lead over all rows; a row that begins later or ends earlier than the others keeps its own ends.

    Parameters
    ----------
    traces : tuple of Trace
        One per row.
    pulses : tuple of Pulse
        Calibration pulses.
    span : tuple[int, int]
        First and last column of most traces, pixels.
    lead : str
        Its name.
    px_per_mm : int
        Resolution of the sheet, pixels per millimetre.
    """
    boxes = []
    for row, trace in enumerate(traces):
        own = _ends(trace, [pulse for pulse in pulses if pulse.lane == row], px_per_mm)
        start = own[0] if own[0] > span[0] + NEAR_MM * px_per_mm else span[0]
        stop = own[1] if own[1] < span[1] - NEAR_MM * px_per_mm else span[1]
        boxes.append(LeadBox(lead, row, start, stop))
    return tuple(boxes)


def _even_edges(count: int, span: tuple[int, int], rule: Mask, px_per_mm: int) -> list[int]:
    edges = [round(span[0] + (span[1] - span[0]) * i / count) for i in range(count + 1)]
    reach = round(NEAR_MM * px_per_mm)
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
