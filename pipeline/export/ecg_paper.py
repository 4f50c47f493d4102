"""ECG paper on a PDF page, true to scale: all lengths in millimetres, all lines vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from fpdf import FPDF
from scipy.ndimage import maximum_filter1d, minimum_filter1d

from pipeline.signal.gaps import runs
from pipeline.types import FloatArray, IntArray

SPEED_MM_S: Final = 25.0  # IEC 60601-2-25
GAIN_MM_MV: Final = 10.0
GAINS_MM_MV: Final = (GAIN_MM_MV, 5.0, 2.5, 1.0)
SQUARE_MM: Final = 5.0
PULSE_MM: Final = 10.0  # paper on the left that holds the calibration pulse of 1 mV, 200 ms
LABEL_MM: Final = 5.0  # above the pulse, for the name of the lead
LANE_MIN_MM: Final = 25.0
LANE_MAX_MM: Final = 60.0
POINTS_PER_MM: Final = 10
_APART_MM: Final = 2.0  # between two traces at least

_FINE: Final = ((251, 218, 215), 0.09)
_BOLD: Final = ((238, 168, 162), 0.18)
_TRACE: Final = ((16, 18, 24), 0.22)
_NO_SIGNAL: Final = (225, 228, 231)


@dataclass(frozen=True)
class Lane:
    """Space for one lead: `height` in mm; `offset_mv` lies `zero` mm above its bottom; `gain` in mm per mV."""

    height: float
    zero: float
    offset_mv: float
    gain: float

    def y_of(self, bottom: float, value_mv: FloatArray) -> FloatArray:
        """Return the page heights (n,), in mm, of values (n,), for a lane whose lower edge is at `bottom`."""
        return np.asarray(bottom - self.zero - (value_mv - self.offset_mv) * self.gain, np.float32)


def lane_for(value_mv: FloatArray) -> Lane:
    """Return the lane that holds values (n,), in mV: at 10 mm/mV, less only if that would need more than `LANE_MAX_MM`.

    The median lies on a millimetre line, so that a pulse or a wave can be measured in squares.
    """
    known = value_mv[np.isfinite(value_mv)]
    if not known.size:
        return Lane(LANE_MIN_MM, LANE_MIN_MM / 2, 0.0, GAIN_MM_MV)
    low, offset, high = (float(v) for v in (known.min(), np.median(known), known.max()))
    room, span = LANE_MAX_MM - LABEL_MM - 4, max(high, offset + 1.0) - low  # the pulse of 1 mV is part of it
    gain = next((g for g in GAINS_MM_MV if span * g <= room), room / span)
    below, above = np.ceil((offset - low) * gain) + 1, np.ceil(max((high - offset) * gain + 1, gain + LABEL_MM))
    height = np.clip(np.ceil((below + above) / SQUARE_MM) * SQUARE_MM, LANE_MIN_MM, LANE_MAX_MM)
    return Lane(float(height), float(below), offset, float(gain))


def arbitrary_lane(value: FloatArray) -> Lane:
    """Return the lane of a lead whose values (n,) are not millivolts: as high as they need, without a scale."""
    known = value[np.isfinite(value)]
    span = float(np.ptp(known)) if known.size else 0.0
    offset = float(np.median(known)) if known.size else 0.0
    low = float(known.min()) if known.size else 0.0
    gain = (LANE_MIN_MM - 5) / span if span > 0 else 1.0
    return Lane(LANE_MIN_MM, float(np.round((offset - low) * gain + 2.5)), offset, gain)


def set_closer(lanes: Sequence[Lane], values_mv: Sequence[FloatArray], fs: float, name_mm: float) -> list[Lane]:
    """Return lanes, the first one on top, as close to each other as their traces allow: these may leave their lane.

    Names and pulses keep their room. Zero lines stay on millimetre lines, and the last lane ends on a bold line.

    Parameters
    ----------
    lanes : sequence of Lane
        From top to bottom, each as `lane_for` returned it.
    values_mv : sequence of (n,) float32
        What each of them shows, mV, NaN in gaps; all from the same sample on.
    fs : float
        Sampling frequency, Hz.
    name_mm : float
        How far the name of a lead reaches over its trace, mm.
    """
    reaches = [_reach(lane, value, fs) for lane, value in zip(lanes, values_mv, strict=True)]
    closer = list(lanes[:1])
    for upper, lower, (low, _), (_, high) in zip(lanes, lanes[1:], reaches, reaches[1:], strict=False):
        named = lower.gain + LABEL_MM  # above the zero line of its pulse
        high[: round(name_mm)] = np.maximum(high[: round(name_mm)], named)
        apart = max(float((high - low).max(initial=0.0)), named) + _APART_MM
        closer.append(replace(lower, height=min(lower.height, float(np.ceil(apart)) + lower.zero - upper.zero)))
    rest = -sum(lane.height for lane in closer) % SQUARE_MM
    return [*closer[:-1], replace(closer[-1], height=closer[-1].height + rest, zero=closer[-1].zero + rest)]


def _reach(lane: Lane, value_mv: FloatArray, fs: float) -> tuple[FloatArray, FloatArray]:
    """Return how low and how high a trace comes around each millimetre (k,), mm from its zero line; 0 in gaps."""
    height = np.nan_to_num((value_mv - lane.offset_mv) * lane.gain)
    starts = np.unique((np.arange(0.0, value_mv.size * SPEED_MM_S / fs) * fs / SPEED_MM_S).astype(np.int64))
    low, high = np.minimum.reduceat(height, starts), np.maximum.reduceat(height, starts)
    return minimum_filter1d(low, 3, mode="nearest"), maximum_filter1d(high, 3, mode="nearest")


def draw_paper(pdf: FPDF, x: float, y: float, width: float, height: float) -> None:
    """Draw lines every 1 mm and, bolder, every 5 mm.

    Parameters
    ----------
    pdf : FPDF
        The document.
    x, y : float
        Top left corner, mm.
    width, height : float
        Size, mm; multiples of 5 mm.
    """
    for step, (colour, thickness) in ((1.0, _FINE), (SQUARE_MM, _BOLD)):
        pdf.set_draw_color(*colour)
        pdf.set_line_width(thickness)
        for i in range(round(width / step) + 1):
            pdf.line(x + i * step, y, x + i * step, y + height)
        for i in range(round(height / step) + 1):
            pdf.line(x, y + i * step, x + width, y + i * step)


def draw_pulse(pdf: FPDF, x: float, bottom: float, lane: Lane) -> None:
    """Draw the calibration pulse: 1 mV for 200 ms, so 10 mm by 5 mm at the usual gain.

    Parameters
    ----------
    pdf : FPDF
        The document.
    x : float
        Left edge, mm.
    bottom : float
        Lower edge of the lane, mm.
    lane : Lane
        Where to draw, and at which gain.
    """
    zero = bottom - lane.zero
    top = zero - lane.gain
    trace_pen(pdf)
    pdf.polyline([(x + 1, zero), (x + 2.5, zero), (x + 2.5, top), (x + 7.5, top), (x + 7.5, zero), (x + 9, zero)])


def draw_trace(pdf: FPDF, x: float, bottom: float, lane: Lane, first_s: float, fs: float, value_mv: FloatArray) -> None:
    """Draw samples; gaps (NaN) stay open and turn grey.

    Parameters
    ----------
    pdf : FPDF
        The document.
    x : float
        Left edge of the paper, mm.
    bottom : float
        Lower edge of the lane, mm.
    lane : Lane
        Where to draw, and at which gain.
    first_s : float
        Time of the first sample from `x`, seconds.
    fs : float
        Sampling frequency, Hz.
    value_mv : (n,) float32
        Samples, mV, NaN in gaps.
    """
    at_mm = x + (first_s + np.arange(value_mv.size) / fs) * SPEED_MM_S
    known = np.isfinite(value_mv)
    for a, b in runs(~known):
        pdf.set_fill_color(*_NO_SIGNAL)
        stop = float(at_mm[b]) if b < known.size else float(at_mm[-1])
        pdf.rect(float(at_mm[a]), bottom - lane.height, stop - float(at_mm[a]), lane.height, "F")
    trace_pen(pdf)
    for a, b in runs(known):
        keep = a + _thinned(value_mv[a:b], fs)
        y = lane.y_of(bottom, value_mv[keep])
        pdf.polyline(list(zip(at_mm[keep].tolist(), y.tolist(), strict=True)))


def trace_pen(pdf: FPDF) -> None:
    """Take the pen that traces are drawn with."""
    colour, thickness = _TRACE
    pdf.set_draw_color(*colour)
    pdf.set_line_width(thickness)


def _thinned(value: FloatArray, fs: float) -> IntArray:
    """Return which samples (m,) of (n,) to draw: all, or the lowest and highest of each tenth of a millimetre."""
    step = int(fs / SPEED_MM_S / POINTS_PER_MM)
    if step < 4:
        return np.arange(value.size, dtype=np.int64)
    whole = value.size // step * step
    buckets = value[:whole].reshape(-1, step)
    start = np.arange(0, whole, step)
    picked = np.concatenate((start + buckets.argmin(axis=1), start + buckets.argmax(axis=1), [0, value.size - 1]))
    return np.unique(picked).astype(np.int64)
