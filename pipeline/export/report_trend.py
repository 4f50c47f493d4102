"""The heart-rate trend of a report: minimum, mean and maximum over time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Final

import numpy as np

from pipeline.export.pdf_page import ACCENT, ALARM, INNER_MM, LEFT_MM, MUTED, RIGHT_MM, RULE, Align, ReportSheet
from pipeline.export.report_content import ReportContent
from pipeline.export.strip_choice import STRIP_S, strips
from pipeline.review.readable import readable_rr_s
from pipeline.review.rhythm_events import moving_rate
from pipeline.rhythm_names import RHYTHM_NAMES
from pipeline.types import FloatArray

BUCKETS: Final = 350  # about two per millimetre

_AXIS_MM: Final = 9.0
_BAND_MM: Final = 3.0
_THINNEST_MM: Final = 0.4  # of an episode that would be too short to see
_BAND: Final = (200, 220, 232)
_STEPS_S: Final = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 21600)


@dataclass(frozen=True, eq=False)
class Trend:
    """Heart rates in beats per minute at `time_s` (n,), seconds: `low`, `mean` and `high` (n,) of each stretch."""

    time_s: FloatArray
    low: FloatArray
    mean: FloatArray
    high: FloatArray


def trend(content: ReportContent, buckets: int = BUCKETS) -> Trend:
    """Return minimum, mean and maximum moving rate in each of `buckets` equal stretches that has a readable one."""
    beats = content.beats
    rates = moving_rate(readable_rr_s(beats.rate_rr_s, beats.time_s, beats.unread)).astype(np.float64)
    known = np.isfinite(rates)
    rate, at = rates[known], beats.time_s[known]
    bucket = (at / max(content.analysis.duration_s, 1e-9) * min(buckets, max(1, len(beats) // 4))).astype(np.int64)
    first = np.flatnonzero(np.diff(bucket, prepend=-1))
    if not first.size:
        return Trend(*(np.zeros(0, np.float32) for _ in range(4)))
    sizes = np.diff(np.append(first, rate.size))
    time_s, mean = (np.add.reduceat(values, first) / sizes for values in (at, rate))
    parts = (time_s, np.minimum.reduceat(rate, first), mean, np.maximum.reduceat(rate, first))
    return Trend(*(part.astype(np.float32) for part in parts))


def axis_seconds(duration_s: float, start: datetime | None = None) -> list[float]:
    """Return the round times, in seconds from the start, that stand at the axis: about nine.

    Parameters
    ----------
    duration_s : float
        Length of the recording, seconds.
    start : datetime, optional
        Clock time of its first sample: the times are then round on the clock.
    """
    step = next((step for step in _STEPS_S if duration_s / step <= 9), _STEPS_S[-1])
    of_day = 0.0 if start is None else 3600 * start.hour + 60 * start.minute + start.second + start.microsecond / 1e6
    return np.arange(-of_day % step, duration_s + 1e-6, step).tolist()


def draw_trend(sheet: ReportSheet, content: ReportContent, y: float, height: float, *, numbers: bool = True) -> None:
    """Draw the trend, with the numbers of the strips above the times that they show.

    Parameters
    ----------
    sheet : ReportSheet
        The document.
    content : ReportContent
        The report.
    y : float
        Upper edge, mm.
    height : float
        Height, mm.
    numbers : bool, optional
        Whether the strips are numbered above it.
    """
    found = trend(content)
    if content.beats.rhythm:
        _draw_band(sheet, content, y)
        y, height = y + _BAND_MM + 1, height - _BAND_MM - 1
    if not found.time_s.size:
        sheet.say(LEFT_MM, y + 6, "Too few beats for a trend.", 8, colour=MUTED)
        return
    low, high = _range(found)
    top, bottom = y + 4, y + height - 4
    left, width = LEFT_MM + _AXIS_MM, INNER_MM - _AXIS_MM
    x = left + found.time_s / content.analysis.duration_s * width
    _draw_axes(sheet, content, (low, high), top, bottom)

    def at(rate: FloatArray) -> list[tuple[float, float]]:
        heights = bottom - (rate - low) / (high - low) * (bottom - top)
        return list(zip(x.tolist(), heights.tolist(), strict=True))

    lows, means, highs = at(found.low), at(found.mean), at(found.high)
    parts = pieces(found.time_s)
    for a, b in parts:
        sheet.set_fill_color(*_BAND)
        sheet.polygon(lows[a:b] + highs[a:b][::-1], style="F")
    sheet.set_draw_color(*ACCENT)
    sheet.set_line_width(0.3)
    for a, b in parts:
        sheet.polyline(means[a:b])
    if numbers:
        _draw_numbers(sheet, content, top, bottom)


def _draw_band(sheet: ReportSheet, content: ReportContent, y: float) -> None:
    """Draw the rhythm of the whole recording as a coloured band, the most urgent over what is too short to see."""
    left, width = LEFT_MM + _AXIS_MM, INNER_MM - _AXIS_MM
    duration_s = max(content.analysis.duration_s, 1e-9)
    order = {rhythm: number for number, rhythm in enumerate(RHYTHM_NAMES)}
    for episode in sorted(content.beats.rhythm, key=lambda episode: -order[episode.rhythm]):
        length = max(_THINNEST_MM, episode.seconds / duration_s * width)
        x = min(left + episode.start_s / duration_s * width, RIGHT_MM - length)
        sheet.rhythm(x, y, length, _BAND_MM, episode)


def _range(found: Trend) -> tuple[float, float]:
    """Return round heart rates that enclose everything drawn."""
    low = np.floor(float(found.low.min()) / 20) * 20
    high = np.ceil(float(found.high.max()) / 20) * 20
    return float(low), float(max(high, low + 40))


def pieces(time_s: FloatArray) -> list[tuple[int, int]]:
    """Return the stretches [a, b) of a trend without a gap of more than three usual steps."""
    step = np.diff(time_s)
    cuts = np.flatnonzero(step > 3 * max(float(np.median(step)), 1e-9)) + 1 if step.size else np.zeros(0, np.int64)
    edges = [0, *cuts.tolist(), time_s.size]
    return [(a, b) for a, b in pairwise(edges) if b - a >= 2]


def _draw_axes(
    sheet: ReportSheet, content: ReportContent, rates: tuple[float, float], top: float, bottom: float
) -> None:
    (low, high), duration_s = rates, content.analysis.duration_s
    left, width = LEFT_MM + _AXIS_MM, INNER_MM - _AXIS_MM
    sheet.set_draw_color(*RULE)
    sheet.set_line_width(0.15)
    step = 20 if high - low <= 120 else 40
    for rate in np.arange(low, high + 1, step).tolist():
        y = bottom - (rate - low) / (high - low) * (bottom - top)
        sheet.line(left, y, RIGHT_MM, y)
        sheet.say(left - 1.5, y + 0.8, f"{rate:.0f}", 6.5, colour=MUTED, align="R")
    seconds = axis_seconds(duration_s, content.start)
    for second, text in zip(seconds, content.axis(seconds), strict=True):
        x = left + second / duration_s * width
        sheet.line(x, bottom, x, bottom + 1)
        align: Align = "R" if x > RIGHT_MM - 6 else "C"
        sheet.say(x, bottom + 3.8, text, 6.5, colour=MUTED, align=align)


def _draw_numbers(sheet: ReportSheet, content: ReportContent, top: float, bottom: float) -> None:
    """Draw the numbers of the strips where there is space for them."""
    left, width = LEFT_MM + _AXIS_MM, INNER_MM - _AXIS_MM
    taken: list[float] = []
    for strip in strips(content):
        x = left + (strip.start_s + STRIP_S / 2) / content.analysis.duration_s * width
        if left <= x <= RIGHT_MM and all(abs(x - other) >= 4 for other in taken):
            taken.append(x)
            sheet.set_draw_color(*ALARM)
            sheet.set_line_width(0.15)
            sheet.line(x, top - 0.5, x, bottom)
            sheet.say(x, top - 1.3, str(strip.number), 6.5, bold=True, colour=ALARM, align="C")
