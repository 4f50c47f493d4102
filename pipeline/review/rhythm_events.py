"""Rhythm events in the beats in force: runs, bigeminy, pauses, slow, fast and irregular stretches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pipeline.config import REVIEW, ReviewConfig
from pipeline.review.beats_in_force import ReviewedBeats
from pipeline.rhythm.runs import as_text, beats_apart, cycles_of, runs_of
from pipeline.signal.at_rest import Silence
from pipeline.signal.median import median
from pipeline.types import FloatArray

EventKind = Literal[
    "vt_sustained",
    "vt",
    "v_triplet",
    "idioventricular",
    "v_couplet",
    "bigeminy",
    "trigeminy",
    "svt",
    "atrial_rhythm",
    "s_couplet",
    "s_bigeminy",
    "s_trigeminy",
    "long_pause",
    "pause",
    "no_beats",
    "missing_beat",
    "signal_lost",
    "compensatory_pause",
    "af_like",
    "bradycardia",
    "tachycardia",
]
Mask = NDArray[np.bool_]

_CYCLES: Final[Mapping[EventKind, str]] = MappingProxyType(
    {"bigeminy": "NV", "trigeminy": "NNV", "s_bigeminy": "NS", "s_trigeminy": "NNS"}
)
_PAUSES: Final[tuple[EventKind, ...]] = ("pause", "long_pause", "compensatory_pause")
_SILENCES: Final[Mapping[Silence, EventKind]] = MappingProxyType({"waves": "no_beats", "lost": "signal_lost"})
_ECTOPIC: Final = "VSF"
_ASIDE: Final = "VFXU"  # intervals next to these say nothing about the irregularity of the atria


@dataclass(frozen=True)
class RhythmEvent:
    """One rhythm event.

    Attributes
    ----------
    kind : EventKind
        What it is.
    first, last : int
        Positions in `ReviewedBeats` of the first and the last beat.
    start_s, stop_s : float
        Times of these two beats, seconds.
    seconds : float
        Time between them.
    bpm : float
        Mean rate between them, 1/min.
    longest_s : float
        Longest interval in it, seconds.
    letter : str
        Class of the ectopic beats that it is about, "" if it is about all.
    """

    kind: EventKind
    first: int
    last: int
    start_s: float
    stop_s: float
    seconds: float
    bpm: float
    longest_s: float
    letter: str = ""

    @property
    def count(self) -> int:
        """Number of beats, both ends included."""
        return self.last - self.first + 1


def events(beats: ReviewedBeats, config: ReviewConfig = REVIEW) -> tuple[RhythmEvent, ...]:
    """Find all rhythm events, in order of time.

    Runs are beats of one class in a row: rejected ("X") and unclassified ("U") beats and breaks of the signal end them,
    as does a beat of any other class. With three or more beats, a run at `run_bpm` or more is a tachycardia, a slower
    one an idioventricular (V) or atrial (S) rhythm. A long interval is a pause if the leads are at rest; otherwise it
    is "no_beats" (waves that nobody has marked) or "signal_lost" (see `review.signal_evidence`).

    References
    ----------
    Al-Khatib SM et al. 2017 AHA/ACC/HRS guideline, doi:10.1161/CIR.0000000000000549 (runs; there "> 100/min", here
    a run at exactly 100/min is listed as well). Kusumoto FM et al. 2018, doi:10.1161/CIR.0000000000000628 (pauses,
    bradycardia). Bigeminy, trigeminy and the 2 s of a pause are custom of Holter reports: ADR 0007.
    """
    letters = beat_letters(beats)
    irregular = af_like_intervals(beats, letters, config)
    found = [
        *_runs(beats, letters, config),
        *_grouped(beats, letters, config),
        *_pauses(beats, letters, config),
        *(_event(beats, _SILENCES[silence], at - 1, at) for at, silence in beats.silences.items()),
        *_stretches(beats, "af_like", irregular, config),
        *_slow_and_fast(beats, letters, irregular, config),
    ]
    return tuple(sorted(found, key=lambda event: (event.first, event.last, event.kind)))


def beat_letters(beats: ReviewedBeats) -> NDArray[np.uint8]:
    """Return the class in force of each beat (n,) as an ASCII code: comparing and searching bytes is fast."""
    return ascii_codes(beats.aami)


def ascii_codes(letters: NDArray[np.str_]) -> NDArray[np.uint8]:
    """Return the code of each letter (n,), 0 for an empty one."""
    return letters.astype("<U1").view(np.uint32).astype(np.uint8)


def is_class(letters: NDArray[np.uint8], classes: str) -> Mask:
    """Tell which beats (n,) are of one of the classes."""
    wanted = np.zeros(256, np.bool_)
    wanted[np.frombuffer(classes.encode(), np.uint8)] = True
    return wanted[letters]


def normal_intervals(beats: ReviewedBeats, letters: NDArray[np.uint8] | None = None) -> Mask:
    """Tell which intervals (n,), each named by the beat that ends it, join two adjacent N beats without a break."""
    normal = is_class(beat_letters(beats) if letters is None else letters, "N")
    found = np.zeros(len(beats), np.bool_)
    found[1:] = normal[1:] & normal[:-1] & ~beats.break_before[1:]
    return found


def moving_rate(rr_s: FloatArray, config: ReviewConfig = REVIEW) -> FloatArray:
    """Return the heart rate (n,), 1/min: 60 s over the median of the last `rate_beats` intervals; NaN if one is NaN."""
    rate = np.full(rr_s.size, np.nan, np.float32)
    if rr_s.size >= config.rate_beats:
        windows = np.sort(sliding_window_view(rr_s, config.rate_beats), axis=1)  # NaN sorts to the end
        low, high = windows[:, (config.rate_beats - 1) // 2], windows[:, config.rate_beats // 2]
        rate[config.rate_beats - 1 :] = np.where(np.isnan(windows[:, -1]), np.nan, 120 / (low + high))
    return rate


def af_like_intervals(
    beats: ReviewedBeats, letters: NDArray[np.uint8] | None = None, config: ReviewConfig = REVIEW
) -> Mask:
    """Tell which intervals lie in a stretch so irregular that it looks like atrial fibrillation.

    Intervals next to V, F and unclassified beats are left out and the others joined; breaks and rejected beats end a
    window. An interval counts if at least half of the windows over it reach `af_threshold`. This is irregularity, not a
    diagnosis: P waves are not examined.

    Parameters
    ----------
    beats : ReviewedBeats
        The beats in force.
    letters : (n,) uint8, optional
        Their `beat_letters`, if known.
    config : ReviewConfig, optional
        Window, tolerance (s) and threshold.

    Returns
    -------
    (n,) bool
        Per interval, named by the beat that ends it.
    """
    letters = beat_letters(beats) if letters is None else letters
    aside = is_class(letters, _ASIDE)
    usable = np.zeros(len(beats), np.bool_)
    usable[1:] = ~(aside[1:] | aside[:-1] | beats.break_before[1:])
    where = np.flatnonzero(usable)
    score = irregularity(beats.rr_s[where], config)
    segment = np.cumsum(beats.break_before)[where]
    whole = segment[: score.size] == segment[segment.size - score.size :]
    flagged = np.zeros(len(beats), np.bool_)
    votes = _cover(whole & (score >= config.af_threshold), where.size, config.af_intervals)
    flagged[where] = (votes > 0) & (2 * votes >= _cover(whole, where.size, config.af_intervals))
    return flagged


def irregularity(rr_s: FloatArray, config: ReviewConfig = REVIEW) -> NDArray[np.float64]:
    """Return the coefficient of sample entropy of each window of `af_intervals` intervals.

    Deviations from the reference: the tolerance is fixed (there it grows until enough intervals match; here half a
    match is added to both counts), and the window is longer: 32 intervals, not 12.

    Parameters
    ----------
    rr_s : (n,) float32
        RR intervals, seconds.
    config : ReviewConfig, optional
        Window and tolerance (s).

    Returns
    -------
    (n - af_intervals + 1,) float64
        Empty if there are too few intervals.

    References
    ----------
    Lake DE, Moorman JR. Accurate estimation of entropy in very short physiological time series. Am J Physiol Heart Circ
    Physiol 2011;300:H319-25. doi:10.1152/ajpheart.00561.2010.
    """
    size, count = config.af_intervals, max(0, rr_s.size - config.af_intervals + 1)
    single, double = np.zeros(count, np.int32), np.zeros(count, np.int32)
    if count == 0:
        return np.zeros(0)
    for lag in range(1, size - 1):
        near = np.abs(rr_s[lag:] - rr_s[:-lag]) <= config.af_tolerance_s
        single += _window_sums(near, size - lag - 1, count)
        double += _window_sums(near[1:] & near[:-1], size - lag - 1, count)
    entropy = np.log((single + 0.5) / (double + 0.5))
    mean = sliding_window_view(rr_s, size).mean(axis=1)
    return np.asarray(entropy + np.log(2 * config.af_tolerance_s) - np.log(mean), np.float64)


def _window_sums(values: Mask, size: int, count: int) -> NDArray[np.int32]:
    total = np.zeros(values.size + 1, np.int32)
    np.cumsum(values, out=total[1:])
    return np.asarray(total[size : size + count] - total[:count])


def _cover(windows: Mask, n: int, size: int) -> NDArray[np.int64]:
    """Count the marked windows that lie over each of `n` intervals."""
    change = np.zeros(n + size + 1, np.int64)
    at = np.flatnonzero(windows)
    change[at] += 1
    change[at + size] -= 1
    return np.cumsum(change)[:n]


def _event(beats: ReviewedBeats, kind: EventKind, first: int, last: int, letter: str = "") -> RhythmEvent:
    sample = beats.sample[first : last + 1]
    seconds = int(sample[-1] - sample[0]) / beats.fs
    return RhythmEvent(
        kind=kind,
        first=first,
        last=last,
        start_s=int(sample[0]) / beats.fs,
        stop_s=int(sample[-1]) / beats.fs,
        seconds=seconds,
        bpm=60 * (last - first) / seconds,
        longest_s=seconds if last == first + 1 else int(np.diff(sample).max()) / beats.fs,
        letter=letter,
    )


def _runs(beats: ReviewedBeats, letters: NDArray[np.uint8], config: ReviewConfig) -> Iterator[RhythmEvent]:
    for letter, first, last in runs_of(as_text(letters, beats.break_before)):
        time_s = beats.sample[first : last + 1] / beats.fs
        apart = beats_apart(time_s, config.v_apart_s) if letter == "V" else time_s.size
        count = time_s.size if apart >= config.run_beats else apart
        if count > 1:
            yield _event(beats, _run_kind(letter, count, float(time_s[-1] - time_s[0]), config), first, last, letter)


def _run_kind(letter: str, count: int, seconds: float, config: ReviewConfig) -> EventKind:
    fast = 60 * (count - 1) >= config.run_bpm * seconds
    if letter == "S":
        return "s_couplet" if count < config.run_beats else "svt" if fast else "atrial_rhythm"
    if count < config.run_beats:
        return "v_couplet"
    if not fast:
        return "idioventricular"
    if seconds >= config.sustained_s:
        return "vt_sustained"
    return "v_triplet" if count == config.run_beats else "vt"


def _grouped(beats: ReviewedBeats, letters: NDArray[np.uint8], config: ReviewConfig) -> Iterator[RhythmEvent]:
    """Find bigeminy and trigeminy: every second or third beat a single ectopic, for `cycles` cycles or more."""
    text = as_text(letters, beats.break_before)
    for kind, cycle in _CYCLES.items():
        for first, last in cycles_of(text, cycle, config.cycles):
            yield _event(beats, kind, first, last, cycle[-1])


def _pauses(beats: ReviewedBeats, letters: NDArray[np.uint8], config: ReviewConfig) -> Iterator[RhythmEvent]:
    """Find long intervals; those that follow each other are one event."""
    rr_s = beats.rr_s
    kinds = np.where(rr_s >= config.long_pause_s, 2, rr_s >= config.pause_s).astype(np.int8)
    after = np.flatnonzero((kinds == 1) & _after_few_early(letters, config))
    usual = np.where(normal_intervals(beats, letters), rr_s, np.nan)
    kinds[[k for k in after.tolist() if _is_compensatory(rr_s, usual, k, config)]] = 3
    for number, kind in enumerate(_PAUSES, start=1):
        for first, last in stretches(kinds == number):
            yield _event(beats, kind, first - 1, last)
    for k in np.flatnonzero(doubled_intervals(beats, letters, config) & (kinds == 0)).tolist():
        yield _event(beats, "missing_beat", k - 1, k)


def _after_few_early(letters: NDArray[np.uint8], config: ReviewConfig) -> Mask:
    """Tell which intervals (n,) follow an ectopic beat or a couplet.

    After a run there is nothing to make up for: what follows is how long the heart takes to begin again.
    """
    early = np.concatenate([np.zeros(config.run_beats, np.bool_), is_class(letters, _ECTOPIC)])
    before = sliding_window_view(early, config.run_beats)[:-1]
    return np.asarray(before[:, -1] & ~before.all(axis=1))


def doubled_intervals(
    beats: ReviewedBeats, letters: NDArray[np.uint8] | None = None, config: ReviewConfig = REVIEW
) -> Mask:
    """Tell which intervals (n,) between N beats are twice as long as the steady ones around them.

    A beat was missed there, or the heart dropped one: in neither case is it a normal interval of the sinus rhythm.

    Parameters
    ----------
    beats : ReviewedBeats
        The beats.
    letters : (n,) uint8, optional
        What `beat_letters` returns, for who has it.
    config : ReviewConfig, optional
        What counts as double, and as steady.
    """
    normal = normal_intervals(beats, letters)
    rr_s = np.where(normal, beats.rr_s, np.nan).astype(np.float64)
    found, reach = np.zeros(len(beats), np.bool_), config.doubled_neighbours
    low, high = config.doubled_ratio
    with np.errstate(invalid="ignore"):
        long = rr_s > 0.75 * low * np.concatenate([[np.nan], rr_s[:-1]])
    for k in np.flatnonzero(long).tolist():
        around = np.concatenate([rr_s[max(0, k - reach) : k], rr_s[k + 1 : k + 1 + reach]])
        around = around[np.isfinite(around)]
        if around.size >= reach:
            usual = float(median(around))
            if low * usual <= rr_s[k] <= high * usual:  # the cheaper question first: most are not twice as long
                found[k] = median(np.abs(around - usual)) <= config.doubled_steady * usual
    return found


def _is_compensatory(rr_s: FloatArray, usual_s: FloatArray, k: int, config: ReviewConfig) -> bool:
    """Tell whether the interval that ends at beat `k` only makes up for the early beat before it."""
    before = usual_s[max(0, k - 1 - config.usual_intervals) : k - 1]
    before = before[~np.isnan(before)]
    if before.size == 0:
        return False
    return bool(rr_s[k - 1] + rr_s[k] <= 2 * config.compensatory_ratio * median(before))


def stretches(mask: Mask) -> list[tuple[int, int]]:
    """Return first and last position of each stretch of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(first), int(stop) - 1) for first, stop in edges.reshape(-1, 2)]


def _stretches(beats: ReviewedBeats, kind: EventKind, intervals: Mask, config: ReviewConfig) -> Iterator[RhythmEvent]:
    """Yield events of at least `stretch_s` over marked intervals, including beats in between without usable ones."""
    joined = _bridged(beats, intervals) if kind == "af_like" else intervals
    for first, last in stretches(joined):
        event = _event(beats, kind, first - 1, last)
        if event.seconds >= config.stretch_s:
            yield event


def _bridged(beats: ReviewedBeats, intervals: Mask) -> Mask:
    """Mark also the unused intervals between two marked ones, unless there is a break."""
    aside = is_class(beat_letters(beats), _ASIDE)
    left_out = ~beats.break_before & (aside | np.concatenate([[False], aside[:-1]]))
    joined = intervals.copy()
    for first, last in stretches(left_out):
        if first > 0 and last + 1 < joined.size and intervals[first - 1] and intervals[last + 1]:
            joined[first : last + 1] = True
    return joined


def _slow_and_fast(
    beats: ReviewedBeats, letters: NDArray[np.uint8], irregular: Mask, config: ReviewConfig
) -> Iterator[RhythmEvent]:
    """Find stretches of N beats only, outside AF-like ones, in which the moving rate is always low or always high."""
    regular = normal_intervals(beats, letters) & ~irregular
    rate = moving_rate(np.where(regular, beats.rr_s, np.float32(np.nan)), config)
    limits: tuple[tuple[EventKind, Any], ...] = (
        ("bradycardia", rate < config.bradycardia_bpm),
        ("tachycardia", rate > config.tachycardia_bpm),
    )
    for kind, beyond in limits:
        starts = beyond[config.rate_beats - 1 :]
        yield from _stretches(beats, kind, _cover(starts, len(beats), config.rate_beats) > 0, config)
