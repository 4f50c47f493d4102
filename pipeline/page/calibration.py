"""Speed and gain: from the calibration pulse and from printed words, or not at all; never a guess."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.page.trace import Trace
from pipeline.page.words import Word

Matrix = NDArray[np.float64]

SPEEDS: Final = (25.0, 50.0)
GAINS: Final = (5.0, 10.0, 20.0)
_PULSE_S: Final = 0.2  # a calibration pulse is 1 mV for 0.2 s
_HEIGHT_TOLERANCE: Final = 0.08
_WIDTH_TOLERANCE: Final = 0.16
_HEIGHT_MM: Final = (4.0, 22.0)
_WIDTH_MM: Final = (1.2, 11.5)
_FLAT_MM: Final = 0.4
_SEARCH_MM: Final = 32.0  # from the ends of a trace


@dataclass(frozen=True)
class Pulse:
    """A calibration pulse on one lane: `left`, `right` columns of its flanks, `top` and `foot` rows, in pixels."""

    lane: int
    left: float
    right: float
    top: float
    foot: float


@dataclass(frozen=True)
class Measured:
    """A value, how sure it is (0..1), and where it comes from, in words."""

    value: float
    confidence: float
    source: str


def find_pulses(traces: tuple[Trace, ...], px_per_mm: int) -> tuple[Pulse, ...]:
    """The pulses on which the lanes agree: about as high, as wide and at the same end of the page."""
    found = [pulse for i, trace in enumerate(traces) for pulse in _pulses(i, trace, px_per_mm)]
    best: list[Pulse] = []
    for pulse in found:
        alike = [other for other in found if _same(pulse, other, px_per_mm)]
        firsts = {other.lane: other for other in sorted(alike, key=lambda other: -abs(other.left - pulse.left))}
        if len(firsts) > len(best):
            best = [firsts[lane] for lane in sorted(firsts)]
    enough = len(best) >= min(2, len(traces)) and len(best) >= 0.3 * len(traces)
    return tuple(best) if enough else ()


def _same(one: Pulse, other: Pulse, px_per_mm: int) -> bool:
    return (
        abs(one.left - other.left) < 4 * px_per_mm
        and abs((one.right - one.left) - (other.right - other.left)) < px_per_mm
        and abs((one.foot - one.top) - (other.foot - other.top)) < 0.8 * px_per_mm
    )


def _pulses(lane: int, trace: Trace, px_per_mm: int) -> list[Pulse]:
    """Plateaus near the ends of a trace that rise and fall within a millimetre."""
    known = np.flatnonzero(np.isfinite(trace.row))
    if not known.size:
        return []
    search = _SEARCH_MM * px_per_mm
    near = (known < known[0] + search) | (known > known[-1] - search)
    found = []
    for start, stop in _plateaus(trace.row, known[near], px_per_mm):
        top = float(np.median(trace.row[start:stop]))
        foot = _foot(trace, start, stop, px_per_mm)
        width = (stop - start) / px_per_mm
        if foot is None or not _WIDTH_MM[0] <= width <= _WIDTH_MM[1]:
            continue
        if _HEIGHT_MM[0] <= (foot - top) / px_per_mm <= _HEIGHT_MM[1]:
            left, right = _flanks(trace.row, start, stop, (top + foot) / 2, px_per_mm)
            found.append(Pulse(lane, left, right, top, foot))
    return found


def _plateaus(row: Matrix, columns: NDArray[np.int64], px_per_mm: int) -> list[tuple[int, int]]:
    """Stretches [start, stop) of neighbouring columns in which the row hardly changes."""
    runs = []
    start = int(columns[0])
    for before, after in zip(columns, columns[1:], strict=False):
        level = float(np.median(row[start : before + 1]))
        if after != before + 1 or abs(row[after] - level) > _FLAT_MM * px_per_mm:
            runs.append((start, int(before) + 1))
            start = int(after)
    runs.append((start, int(columns[-1]) + 1))
    return [run for run in runs if run[1] - run[0] >= 0.8 * px_per_mm]


def _foot(trace: Trace, start: int, stop: int, px_per_mm: int) -> float | None:
    """The row at the foot of a plateau, where the trace falls steeply on both sides; None where it does not."""
    beside = []
    for columns in (range(start - 1, start - 3 * px_per_mm, -1), range(stop, stop + 3 * px_per_mm)):
        inside = [column for column in columns if 0 <= column < trace.row.size and np.isfinite(trace.row[column])]
        flat = trace.row[inside[round(0.7 * px_per_mm) :]] if inside else np.empty(0)
        if flat.size:
            beside.append(float(np.median(flat)))
    if not beside:
        return None
    top = float(np.median(trace.row[start:stop]))
    low = [value for value in beside if value - top > _HEIGHT_MM[0] * px_per_mm]
    if len(low) < len(beside):
        return None
    return min(low, key=lambda value: abs(value - trace.lane))


def _flanks(row: Matrix, start: int, stop: int, middle: float, px_per_mm: int) -> tuple[float, float]:
    """Where the trace crosses the pulse's half height on both sides, or the plateau's ends."""
    left, right = float(start), float(stop - 1)
    for column in range(start, max(1, start - 2 * px_per_mm), -1):
        if np.isfinite(row[column - 1]) and row[column - 1] >= middle > row[column]:
            left = column - (middle - row[column]) / (row[column - 1] - row[column])
            break
    for column in range(stop - 1, min(row.size - 1, stop + 2 * px_per_mm)):
        if np.isfinite(row[column + 1]) and row[column + 1] >= middle > row[column]:
            right = column + (middle - row[column]) / (row[column + 1] - row[column])
            break
    return left, right


def gain_of(pulses: tuple[Pulse, ...], words: tuple[Word, ...], px_per_mm: int) -> Measured | None:
    """Millimetres per millivolt, by the height of the pulses and by what is printed; None where neither says."""
    height = float(np.median([pulse.foot - pulse.top for pulse in pulses])) / px_per_mm if pulses else 0.0
    seen = [gain for gain in GAINS if abs(height / gain - 1) < _HEIGHT_TOLERANCE]
    return _agreed(seen, _printed(words, "mm/mV"), f"the calibration pulse is {height:.1f} mm high")


def speed_of(pulses: tuple[Pulse, ...], words: tuple[Word, ...], px_per_mm: int) -> Measured | None:
    """Millimetres per second, by the width of the pulses and by what is printed; None where neither says."""
    width = float(np.median([pulse.right - pulse.left for pulse in pulses])) / px_per_mm if pulses else 0.0
    seen = [speed for speed in SPEEDS if abs(width / (_PULSE_S * speed) - 1) < _WIDTH_TOLERANCE]
    return _agreed(seen, _printed(words, "mm/s"), f"the calibration pulse is {width:.1f} mm wide")


def _printed(words: tuple[Word, ...], unit: str) -> list[float]:
    return sorted({float(word.text.split()[0]) for word in words if word.text.endswith(" " + unit)})


def _agreed(seen: list[float], printed: list[float], how: str) -> Measured | None:
    if len(printed) > 1 or (seen and printed and seen != printed):
        return None
    if seen and printed:
        return Measured(seen[0], 1.0, f"{how}, and it is printed")
    if seen:
        return Measured(seen[0], 0.85, how)
    return Measured(printed[0], 0.8, "it is printed") if printed else None
