"""Intervals of each beat, of a recording and of its hours, from the marks of the waves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.measurements import Spread, WaveMark, Waves
from pipeline.waves.qtc import QRS_WIDE_MS, USED, corrected

INTERVALS: Final = ("RR", "P", "PR", "QRS", "QT")
# Milliseconds outside which a mark must be wrong.
POSSIBLE_MS: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {"RR": (150, 10_000), "P": (30, 220), "PR": (60, 600), "QRS": (40, 300), "QT": (180, 800)}
)
_BETWEEN: Final[tuple[tuple[str, WaveMark, WaveMark], ...]] = (
    *(("P", "p_on", "p_off"), ("PR", "p_on", "qrs_on"), ("QRS", "qrs_on", "qrs_off"), ("QT", "qrs_on", "t_off")),
)
RANGE: Final = (5, 95)  # percentiles that a spread gives as its low and high end
SEEN_MIN: Final = 0.5  # of the usual beats: a P wave before fewer belongs to no interval of the recording
HOUR_S: Final = 3600.0
HOURS_FROM: Final = 2  # hours; a shorter recording has no hourly course


@dataclass(frozen=True, eq=False)
class BeatIntervals:
    """Intervals beat by beat.

    Attributes
    ----------
    beat_s : (n,) float64
        R peaks, seconds from sample 0.
    usual : (n,) bool
        Beats that stand for the recording: neither ectopic nor paced.
    ms : mapping of str to (n,) float64
        "RR" to the beat before, "P", "PR", "QRS" and "QT", milliseconds; NaN where not measured.
    """

    beat_s: NDArray[np.float64]
    usual: NDArray[np.bool_]
    ms: Mapping[str, NDArray[np.float64]]


def beat_intervals(
    waves: Waves, usual: NDArray[np.bool_], rr_s: NDArray[np.floating], lead: str | None = None
) -> BeatIntervals:
    """Return the intervals of each beat, those that no heart has left out.

    Parameters
    ----------
    waves : Waves
        Marks of n beats.
    usual : (n,) bool
        Beats that stand for the recording.
    rr_s : (n,) float
        Seconds to the beat before, NaN where there is none.
    lead : str, optional
        The lead to measure in; the marks over all leads if None.
    """
    found: dict[str, NDArray[np.float64]] = {"RR": 1000 * np.asarray(rr_s, np.float64)}
    for name, start, stop in _BETWEEN:
        found[name] = 1000 * (waves.marks(stop, lead) - waves.marks(start, lead))
    possible = {name: _within(values, *POSSIBLE_MS[name]) for name, values in found.items()}
    return BeatIntervals(waves.beat_s, np.asarray(usual, np.bool_), MappingProxyType(possible))


def spreads(beats: BeatIntervals, *, with_p: bool = True) -> dict[str, Spread]:
    """Return each interval over the usual beats.

    Parameters
    ----------
    beats : BeatIntervals
        Beat by beat.
    with_p : bool, optional
        Whether the rhythm has P waves that lead to the QRS; without, "P" and "PR" are left out.
    """
    found: dict[str, Spread] = {}
    for name in INTERVALS:
        values = beats.ms[name][beats.usual]
        values = values[np.isfinite(values)]
        enough = values.size >= max(1.0, SEEN_MIN * np.count_nonzero(beats.usual)) or name == "RR"
        if values.size and enough and (with_p or name not in ("P", "PR")):
            found[name] = _spread(values)
    return found


def hourly(
    beats: BeatIntervals, duration_s: float, *, with_p: bool = True, without_qtc: NDArray[np.bool_] | None = None
) -> tuple[dict[str, float | None], ...]:
    """Return the medians of each hour, and the QTc in use; nothing for a recording under two hours.

    Parameters
    ----------
    beats : BeatIntervals
        Beat by beat.
    duration_s : float
        Duration of the recording, seconds.
    with_p : bool, optional
        As in `spreads`.
    without_qtc : (n,) bool, optional
        Beats in a rhythm that forbids a QTc: an hour in which most usual beats are such has none. Nor has an hour with
        a wide QRS.
    """
    hours = int(np.ceil(duration_s / HOUR_S - 1e-9))
    if duration_s < HOURS_FROM * HOUR_S:
        return ()
    hour = np.minimum(beats.beat_s // HOUR_S, hours - 1)
    forbidden = np.zeros(beats.beat_s.size, np.bool_) if without_qtc is None else without_qtc
    return tuple(_medians(beats, hour == i, forbidden, with_p) for i in range(hours))


def _medians(
    beats: BeatIntervals, chosen: NDArray[np.bool_], forbidden: NDArray[np.bool_], with_p: bool
) -> dict[str, float | None]:
    usual = beats.usual & chosen
    part = BeatIntervals(beats.beat_s, usual, beats.ms)
    found = spreads(part, with_p=with_p)
    medians: dict[str, float | None] = {name: found[name].median if name in found else None for name in INTERVALS}
    qt, rr = medians["QT"], medians["RR"]
    none = 2 * np.count_nonzero(usual & forbidden) > np.count_nonzero(usual)
    none = none or (medians["QRS"] or 0.0) >= QRS_WIDE_MS
    medians["QTc"] = None if none or qt is None or rr is None else corrected(qt, rr).get(USED)
    return medians


def _spread(values: NDArray[np.float64]) -> Spread:
    low, middle, high = np.percentile(values, [RANGE[0], 50, RANGE[1]]).tolist()
    return Spread(round(middle, 1), round(low, 1), round(high, 1), int(values.size))


def _within(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    return np.where((values >= low) & (values <= high), values, np.nan)
