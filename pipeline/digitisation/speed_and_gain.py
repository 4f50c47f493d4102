"""Speed and gain, from the calibration pulses and from printed words, or not at all; never a guess."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.digitisation.ink import Ink, Mask
from pipeline.digitisation.phrases import Word
from pipeline.signal.gaps import runs

Matrix = NDArray[np.float64]

SPEEDS: Final = (25.0, 50.0)
GAINS: Final = (5.0, 10.0, 20.0)
GAIN_PAIRS: Final = ((10.0, 5.0), (20.0, 10.0))  # of the limb leads and of the chest leads, where they differ
_PULSE_S: Final = 0.2  # a calibration pulse is 1 mV for 0.2 s
_HEIGHT_TOLERANCE: Final = 0.08
_WIDTH_TOLERANCE: Final = 0.16
_WIDTH_MM: Final = (1.9, 11.5)
_FLAT_MM: Final = 0.35
_SEARCH_MM: Final = 45.0  # from the edges of the sheet
_INK: Final = 0.35
_UPRIGHT: Final = 0.85  # share of the height of a pulse's stroke that shows ink
_ROOF: Final = 0.8  # share of its width
_SAME_PLACE_MM: Final = 2.0
_SAME_WIDTH_MM: Final = 0.6
_AGREE: Final = 0.3  # share of the lanes that must show the same pulse
_OTHER_END: Final = 0.8  # of these, share that must show one at the other end too
_CUT_MM: Final = 1.0  # of a roof that the edge of the paper cuts
_CUT_AGREE: Final = 0.8  # share of the lanes that must show the same cut pulse


@dataclass(frozen=True)
class Pulse:
    """A calibration pulse.

    Attributes
    ----------
    lane : int
        The lane that it is on.
    left, right : float
        Columns of its flanks, pixels of the sheet.
    top, foot : float
        Rows of its top and foot, pixels of the sheet.
    whole : bool
        Whether both flanks are seen; where the paper's edge cuts it, its width tells nothing.
    """

    lane: int
    left: float
    right: float
    top: float
    foot: float
    whole: bool = True


@dataclass(frozen=True)
class MeasuredValue:
    """A value, its confidence (0..1), and where it comes from, in words."""

    value: float
    confidence: float
    source: str


def find_pulses(ink: Ink, lanes: Matrix, px_per_mm: int) -> tuple[Pulse, ...]:
    """Find the calibration pulses on which the lanes agree: alike in height and width, at the same end of the page.

    Where the other lanes have another gain, their pulses stand in the same place with another height; they count too.
    So do pulses on which the lanes agree at the other end of the page, as where chest leads have a gain of their own.
    If no whole pulse is there, those count of which the edge of the paper leaves one flank and a piece of the roof.

    Parameters
    ----------
    ink : Ink
        The ink of the sheet.
    lanes : (n,) float64
        Rows of the lanes, pixels.
    px_per_mm : int
        Resolution of the sheet, pixels per millimetre.
    """
    mask = ink.strength > _INK
    upright = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    found = [pulse for i, lane in enumerate(lanes) for pulse in _pulses(mask, upright, i, float(lane), px_per_mm)]
    best = _agreeing(found, px_per_mm)
    if len(best) < max(2.0, _AGREE * lanes.size):
        return _cut_by_the_edge(mask, upright, lanes, px_per_mm)
    every = [*best, *_of_other_height(found, best, lanes.size, px_per_mm), *_at_other_end(found, best, mask, px_per_mm)]
    return tuple(sorted(every, key=lambda pulse: (pulse.lane, pulse.left)))


def _cut_by_the_edge(mask: Mask, upright: NDArray[np.uint8], lanes: Matrix, px_per_mm: int) -> tuple[Pulse, ...]:
    """Return the pulses, one a lane, that begin before the first column with ink or end behind the last."""
    inked = np.flatnonzero(mask.any(axis=0))
    if not inked.size:
        return ()
    ends = int(inked[0]), int(inked[-1]) + 1
    each = [_pulses(mask, upright, i, float(lane), px_per_mm, ends) for i, lane in enumerate(lanes)]
    best = _agreeing([pulse for found in each for pulse in found], px_per_mm)
    return tuple(best) if len(best) >= max(2.0, _CUT_AGREE * lanes.size) else ()


def _agreeing(found: list[Pulse], px_per_mm: int) -> list[Pulse]:
    """Return the pulses, one a lane, on which most lanes agree."""
    best: list[Pulse] = []
    for pulse in found:
        alike = [other for other in found if _same(pulse, other, px_per_mm)]
        firsts = {other.lane: other for other in sorted(alike, key=lambda other: -abs(other.left - pulse.left))}
        if len(firsts) > len(best):
            best = [firsts[lane] for lane in sorted(firsts)]
    return best


def _at_other_end(found: list[Pulse], best: list[Pulse], mask: Mask, px_per_mm: int) -> list[Pulse]:
    """Return the pulses on which the lanes agree at the other end of the page, as wide as `best`; none of few lanes."""
    middle = mask.shape[1] / 2
    left, wide = (float(np.median([value(pulse) for pulse in best])) for value in (_left_of, _width_of))
    other = [
        pulse
        for pulse in found
        if (pulse.left < middle) != (left < middle) and abs(_width_of(pulse) - wide) < _SAME_WIDTH_MM * px_per_mm
    ]
    there = _agreeing(other, px_per_mm)
    return there if len(there) >= max(2.0, _OTHER_END * len(best)) else []


def _left_of(pulse: Pulse) -> float:
    return pulse.left


def _width_of(pulse: Pulse) -> float:
    return pulse.right - pulse.left


def _of_other_height(found: list[Pulse], best: list[Pulse], lanes: int, px_per_mm: int) -> list[Pulse]:
    """Return the pulses of the other lanes, if all of them have one of the same place and width as `best`."""
    left = float(np.median([pulse.left for pulse in best]))
    wide = float(np.median([pulse.right - pulse.left for pulse in best]))
    others: dict[int, Pulse] = {}
    for pulse in found:
        alike = abs(pulse.left - left) < _SAME_PLACE_MM * px_per_mm
        if alike and abs(pulse.right - pulse.left - wide) < _SAME_WIDTH_MM * px_per_mm and _gain_near(pulse, px_per_mm):
            others.setdefault(pulse.lane, pulse)
    rest = [others[lane] for lane in sorted(others) if lane not in {pulse.lane for pulse in best}]
    return rest if len(rest) >= max(2, lanes - len(best)) else []


def _gain_near(pulse: Pulse, px_per_mm: int) -> float | None:
    height = (pulse.foot - pulse.top) / px_per_mm
    return next((gain for gain in GAINS if abs(height / gain - 1) < _HEIGHT_TOLERANCE), None)


def _same(one: Pulse, other: Pulse, px_per_mm: int) -> bool:
    return (
        abs(one.left - other.left) < 4 * px_per_mm
        and abs((one.right - one.left) - (other.right - other.left)) < px_per_mm
        and abs((one.foot - one.top) - (other.foot - other.top)) < 0.8 * px_per_mm
    )


def _pulses(
    mask: Mask,
    upright: NDArray[np.uint8],
    lane: int,
    row: float,
    px_per_mm: int,
    edges: tuple[int, int] | None = None,
) -> list[Pulse]:
    """Find two upright strokes near an end of the page with a flat roof between them and nothing inside.

    With the `edges` of the ink, [first, last) column, one of the two strokes is such an edge.
    """
    found = []
    least_mm = _WIDTH_MM[0] if edges is None else _CUT_MM
    total = np.concatenate([np.zeros((1, mask.shape[1])), np.cumsum(upright, axis=0, dtype=np.float64)])
    for gain in GAINS:
        first, last = round(row - (gain - 0.8) * px_per_mm), round(row - 1.2 * px_per_mm)
        if first - 2 * px_per_mm < 0 or last >= len(mask):
            continue
        strokes = runs((total[last] - total[first]) / (last - first) > _UPRIGHT)
        for (a, b), (c, d) in pairwise(strokes) if edges is None else _beside_edges(strokes, edges):
            left, right = (a + b - 1) / 2, (c + d - 1) / 2
            at_end = min(left, mask.shape[1] - right) < _SEARCH_MM * px_per_mm
            if at_end and least_mm <= (right - left) / px_per_mm <= _WIDTH_MM[1]:
                pulse = _pulse(mask, lane, row, gain, (left, right), (b, c), px_per_mm)
                found += [replace(pulse, whole=edges is None)] if pulse else []
    return found


def _beside_edges(
    strokes: list[tuple[int, int]], edges: tuple[int, int]
) -> tuple[tuple[tuple[int, int], tuple[int, int]], ...]:
    """Return each edge of the ink with the stroke next to it."""
    first, last = edges
    return (((first, first), strokes[0]), (strokes[-1], (last, last))) if strokes else ()


def _pulse(
    mask: Mask, lane: int, row: float, gain: float, flanks: tuple[float, float], inner: tuple[int, int], px_per_mm: int
) -> Pulse | None:
    """Measure the pulse between two strokes; None if it has no roof or no room."""
    start, stop = inner
    high, low = round(row - 1.12 * gain * px_per_mm), round(row - 0.85 * gain * px_per_mm)
    roof = mask[max(0, high) : low, start:stop]
    if stop - start < 2 or roof.any(axis=0).mean() < _ROOF:
        return None
    tops = roof.argmax(axis=0)[roof.any(axis=0)]
    if np.ptp(np.percentile(tops, (15, 85))) > _FLAT_MM * px_per_mm:
        return None
    middle = slice(start + (stop - start) // 4, stop - (stop - start) // 4)
    room = mask[low + px_per_mm : round(row - 2 * px_per_mm), middle]
    if room.size and room.mean() > 0.2:
        return None
    rows = np.nonzero(roof)[0]
    top = max(0, high) + float(np.median(rows))
    beside = mask[round(row - 2.5 * px_per_mm) : round(row + 3 * px_per_mm)]
    foot = []
    for flank in flanks:
        inked = np.flatnonzero(beside[:, max(0, round(flank) - 1) : round(flank) + 2].any(axis=1))
        foot += [float(inked[-1])] if inked.size else []
    thick = float(np.median(roof.sum(axis=0)))
    if not foot:
        return None
    return Pulse(lane, flanks[0], flanks[1], top, round(row - 2.5 * px_per_mm) + min(foot) - (thick - 1) / 2)


def gain_of(pulses: tuple[Pulse, ...], words: tuple[Word, ...], px_per_mm: int) -> MeasuredValue | None:
    """Determine the gain from the height of the pulses and from what is printed.

    Parameters
    ----------
    pulses : tuple of Pulse
        Calibration pulses.
    words : tuple of Word
        Words read on the page.
    px_per_mm : int
        Resolution of the sheet, pixels per millimetre.

    Returns
    -------
    MeasuredValue or None
        Millimetres per millivolt; None where neither tells, or where they tell of several gains.
    """
    height = float(np.median([pulse.foot - pulse.top for pulse in pulses])) / px_per_mm if pulses else 0.0
    if len(gains_seen(pulses, px_per_mm)) > 1:
        return None
    seen = [gain for gain in GAINS if abs(height / gain - 1) < _HEIGHT_TOLERANCE]
    return _agreed(seen, _printed(words, "mm/mV"), f"the calibration pulse is {height:.1f} mm high")


def gains_seen(pulses: tuple[Pulse, ...], px_per_mm: int) -> dict[float, tuple[int, ...]]:
    """Return the lanes of each gain that the heights of the pulses show."""
    found: dict[float, tuple[int, ...]] = {}
    for pulse in pulses:
        gain = _gain_near(pulse, px_per_mm)
        if gain is not None:
            found[gain] = (*found.get(gain, ()), pulse.lane)
    return {gain: lanes for gain, lanes in found.items() if len(lanes) > 1}


def gain_pair(
    pulses: tuple[Pulse, ...], words: tuple[Word, ...], chest_lanes: tuple[int, ...], px_per_mm: int
) -> tuple[MeasuredValue, MeasuredValue] | None:
    """Determine two gains, of the limb leads and of the chest leads, from pulses of two heights or "10/5 mm/mV".

    Parameters
    ----------
    pulses : tuple of Pulse
        Calibration pulses.
    words : tuple of Word
        Words read on the page.
    chest_lanes : tuple of int
        Lanes with chest leads only.
    px_per_mm : int
        Resolution of the sheet, pixels per millimetre.

    Returns
    -------
    tuple of MeasuredValue, or None
        None where the page does not show two gains, or not which leads have which.
    """
    seen = gains_seen(pulses, px_per_mm)
    if len(seen) == 2 and not chest_lanes:
        return _pair_of_ends(pulses, px_per_mm)
    if len(seen) == 2:
        sides = {lane: gain for gain, rows in seen.items() for lane in rows}
        limb = sorted({sides[lane] for lane in sides if lane not in chest_lanes})
        chest = sorted({sides[lane] for lane in sides if lane in chest_lanes})
        if len(limb) != 1 or len(chest) != 1 or limb == chest:
            return None
        how = "the calibration pulse of these rows"
        return MeasuredValue(limb[0], 0.85, how), MeasuredValue(chest[0], 0.85, how)
    pairs = {word.text.split()[0] for word in words if word.text.endswith(" mm/mV") and "/" in word.text.split()[0]}
    if len(pairs) != 1:
        return None
    limb_mm, chest_mm = (float(part) for part in pairs.pop().split("/"))
    if not set(seen) <= {limb_mm, chest_mm}:
        return None
    return MeasuredValue(limb_mm, 0.8, "it is printed"), MeasuredValue(chest_mm, 0.8, "it is printed")


def _pair_of_ends(pulses: tuple[Pulse, ...], px_per_mm: int) -> tuple[MeasuredValue, MeasuredValue] | None:
    """Return the gains of pulses that stand at both ends of rows: limb leads begin a row, chest leads end it."""
    sides: dict[str, set[float | None]] = {"left": set(), "right": set()}
    for lane in {pulse.lane for pulse in pulses}:
        own = [pulse for pulse in pulses if pulse.lane == lane]
        if len(own) == 2:
            sides["left"].add(_gain_near(own[0], px_per_mm))
            sides["right"].add(_gain_near(own[1], px_per_mm))
    limb, chest = (next(iter(gains)) if len(gains) == 1 else None for gains in sides.values())
    if limb is None or chest is None or limb == chest:
        return None
    how = "the calibration pulse at this end of the rows"
    return MeasuredValue(limb, 0.85, how), MeasuredValue(chest, 0.85, how)


def speed_of(pulses: tuple[Pulse, ...], words: tuple[Word, ...], px_per_mm: int) -> MeasuredValue | None:
    """Determine the paper speed from the width of the pulses and from what is printed.

    Parameters
    ----------
    pulses : tuple of Pulse
        Calibration pulses.
    words : tuple of Word
        Words read on the page.
    px_per_mm : int
        Resolution of the sheet, pixels per millimetre.

    Returns
    -------
    MeasuredValue or None
        Millimetres per second; None where neither tells.
    """
    widths = [pulse.right - pulse.left for pulse in pulses if pulse.whole]
    width = float(np.median(widths)) / px_per_mm if widths else 0.0
    seen = [speed for speed in SPEEDS if abs(width / (_PULSE_S * speed) - 1) < _WIDTH_TOLERANCE]
    return _agreed(seen, _printed(words, "mm/s"), f"the calibration pulse is {width:.1f} mm wide")


def _printed(words: tuple[Word, ...], unit: str) -> list[float]:
    texts = {word.text.split()[0] for word in words if word.text.endswith(" " + unit)}
    return sorted({float(part) for text in texts for part in text.split("/")})


def _agreed(seen: list[float], printed: list[float], how: str) -> MeasuredValue | None:
    if len(printed) > 1 or (seen and printed and seen != printed):
        return None
    if seen and printed:
        return MeasuredValue(seen[0], 1.0, f"{how}, and it is printed")
    if seen:
        return MeasuredValue(seen[0], 0.85, how)
    return MeasuredValue(printed[0], 0.8, "it is printed") if printed else None
