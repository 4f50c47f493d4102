"""Pauses and asystole: intervals without a QRS in which the leads are at rest."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from pipeline.config import REVIEW
from pipeline.rhythm.context import RhythmContext
from pipeline.signal.at_rest import between_beats
from pipeline.signal.beat_windows import gather
from pipeline.signal.median import median
from pipeline.types import Episode, FloatArray

PAUSE_S: Final = 2.5  # from R peak to R peak; a shorter one may follow any early beat
ASYSTOLE_S: Final = 4.0  # no QRS for so long: CinC Challenge 2015, doi:10.1109/CIC.2015.7408639
CONFIDENCE: Final = 0.98  # with a beat on either side: of 214 that `benchmarks.asystole` names, none is false
EDGE_CONFIDENCE: Final = 0.9  # at the start or end: the recording may have begun or ended with an electrode off
BEATS_ONLY_CONFIDENCE: Final = 0.8  # without a signal, the interval may hold beats that nobody marked
NO_BEAT_CONFIDENCE: Final = 0.7  # without any QRS nothing says how high one would be
CONSTANT_MV: Final = 1e-4  # a tenth of a microvolt is less than the noise of any amplifier: no electrode is connected
SETTLED_S: Final = (0.0, 1.0, 2.0)  # after fibrillation
DRIFT_S: Final = 2.0  # half a breath: baselines wander with breathing, an amplifier recovers within a second or two
DRIFT_HEIGHT: Final = 0.65  # of a QRS, within that time: chosen on DS1
BEAT_REACH_S: Final = 0.08  # half of the window in which missed beats are looked for
BEATS_MEASURED: Final = 500  # make up the usual beat
BEAT_ALIKE: Final = 0.95  # correlation from which a wave looks like the usual beat ...
BEAT_HEIGHT: Final = 0.7  # ... if it is at least so high, and at most 1 / 0.7 times
LOW_MV: Final = 0.25  # without any QRS: steps no higher than this are at rest, P waves among them
LOW_MEDIAN_MV: Final = 0.06  # and half of the steps are lower than this: P waves are rare, fibrillation is not

Span = tuple[float, float]


def find_pauses(context: RhythmContext, *, shortest_s: float = PAUSE_S) -> list[Episode]:
    """Find pauses and asystole: from the R peak before to the R peak after, or to the recording's start or end.

    An interval counts if nothing was lost in it, at least one lead is at rest and none shows waves like its usual beat;
    where leads are dead, noisy or fibrillating it is none. Without a signal, its length alone decides.

    Parameters
    ----------
    context : RhythmContext
        Beats and signal; both may be missing.
    shortest_s : float, optional
        Shortest interval without a QRS, seconds.

    Returns
    -------
    list of Episode
        Code ASYS, in order of time; `detail` is "pause" below four seconds, else "asystole".
    """
    if not len(context):
        return _without_beats(context, shortest_s)
    judged = [_judged(context, span) for span in _intervals(context, shortest_s)]
    return [episode for episode in judged if episode is not None]


def find_pauses_after(waves: Iterable[Episode], context: RhythmContext) -> list[Episode]:
    """Find asystole that follows fibrillation, up to the next beat, the next fibrillation or the end.

    Parameters
    ----------
    waves : iterable of Episode
        Ventricular fibrillation and flutter. They end to about a second: what follows is at rest from there, or up to
        `SETTLED_S` later.
    context : RhythmContext
        Beats and signal; without a signal nothing is found.

    Returns
    -------
    list of Episode
        Code ASYS, in order of time, at least `ASYSTOLE_S` each, from the end of the fibrillation.
    """
    known = sorted(waves, key=lambda episode: episode.start_s)
    if context.conditioned is None or not known:
        return []
    starts = np.sort(np.concatenate([context.time_s, [episode.start_s for episode in known], [context.duration_s]]))
    found = list[Episode]()
    for episode in known:
        stop = float(starts[np.searchsorted(starts, episode.stop_s)])
        tries = ((episode.stop_s + later, stop) for later in SETTLED_S)
        long = (span for span in tries if span[1] - span[0] >= ASYSTOLE_S and _is_at_rest(context, span))
        if next(long, None):
            found.append(_episode((episode.stop_s, stop), EDGE_CONFIDENCE, "no QRS, and the baseline is at rest"))
    return found


def _is_at_rest(context: RhythmContext, span: Span) -> bool:
    if len(context):
        return _judged(context, span) is not None
    conditioned = context.conditioned
    assert conditioned is not None
    first, last = (round(at * conditioned.fs) for at in span)
    return _recorded(conditioned.segments, first, last) and any(
        _is_low(lead[first:last], conditioned.fs) for lead in conditioned.signal.T
    )


def _intervals(context: RhythmContext, shortest_s: float) -> list[Span]:
    """Return the long intervals between beats; with a signal, those before the first and after the last too."""
    first, last, whole = context.time_s[:-1], context.time_s[1:], ~context.break_before[1:]
    if context.conditioned is not None:
        first, last = np.append(0.0, context.time_s), np.append(context.time_s, context.duration_s)
        whole = np.concatenate([[True], whole, [True]])
    long = np.flatnonzero(whole & (last - first >= shortest_s))
    return list(zip(first[long].tolist(), last[long].tolist(), strict=True))


def _judged(context: RhythmContext, span: Span) -> Episode | None:
    """Return the episode between two beats, or a beat and an end of the recording; None if it is no pause."""
    conditioned, (first, last) = context.conditioned, span
    if conditioned is None:
        return _episode(span, BEATS_ONLY_CONFIDENCE, "no beat was marked")
    fs = conditioned.fs
    if not _recorded(conditioned.segments, first * fs, last * fs):
        return None
    begins, ends = first <= 0, last >= context.duration_s
    start = round(first * fs) - begins * round(REVIEW.silence_after_s * fs)  # no T wave at the start, no P at the end
    stop = round(last * fs) + ends * round(REVIEW.silence_before_s * fs)
    if between_beats(tuple(conditioned.signal.T), context.heights, (start, stop), fs) != "rest":
        return None
    if _is_adrift(context, (start / fs, stop / fs)) or _has_missed_beats(context, (first, last)):
        return None
    confidence = EDGE_CONFIDENCE if begins or ends else CONFIDENCE
    return _episode(span, confidence, "no QRS, and the baseline is at rest")


def _is_adrift(context: RhythmContext, span_s: Span) -> bool:
    """Tell whether all leads, as recorded, run away in the interval, as after an electrode that came off.

    The filtered leads do not show it: what decays within seconds is no baseline of a heart at rest.
    """
    recording = context.recording
    if recording is None:
        return False
    start = max(0, round((span_s[0] + REVIEW.silence_after_s) * recording.fs))
    stop = round((span_s[1] - REVIEW.silence_before_s) * recording.fs)
    size = max(1, round(REVIEW.silence_step_s * recording.fs))
    columns = [recording.leads.index(name) for name in context.leads]
    drifts = [_drift(np.asarray(recording.p_signal[start:stop, column]), size) for column in columns]
    return all(drift >= DRIFT_HEIGHT * height for drift, height in zip(drifts, context.heights, strict=True))


def _has_missed_beats(context: RhythmContext, span_s: Span) -> bool:
    """Tell whether a lead holds waves between two beats that look like its usual beat, and are about as high.

    They are beats that an artefact in another lead hid from the detector.
    """
    conditioned = context.conditioned
    assert conditioned is not None
    fs, reach = conditioned.fs, round(BEAT_REACH_S * conditioned.fs)
    first, last = (round(at * fs) for at in span_s)
    some_s = context.time_s[:: max(1, -(-len(context) // BEATS_MEASURED)), None]
    some = np.round(some_s * fs).astype(np.int64) + np.arange(-reach, reach + 1)
    return any(
        _matches(lead[max(0, first + 2 * reach) : last - 2 * reach], median(gather(lead, some), axis=0))
        for lead in conditioned.signal.T
    )


def _matches(lead: FloatArray, usual: FloatArray) -> bool:
    """Tell whether a stretch of a lead looks like the usual beat anywhere."""
    if lead.size <= usual.size:
        return False
    shape = (usual - usual.mean()).astype(np.float64)
    values, power = lead.astype(np.float64), float(np.square(shape).sum())
    ones = np.ones(shape.size)
    spread = np.correlate(np.square(values), ones) - np.square(np.correlate(values, ones)) / shape.size
    height = np.correlate(values, shape) / max(power, 1e-12)  # relative to the usual beat
    alike = height * np.sqrt(power / np.maximum(spread, 1e-12))
    return bool(((alike >= BEAT_ALIKE) & (height >= BEAT_HEIGHT) & (height <= 1 / BEAT_HEIGHT)).any())


def _drift(lead: FloatArray, size: int) -> float:
    """Return the most that the level of a lead changes within `DRIFT_S`, mV; 0 if it is too short to tell."""
    steps = lead[: lead.size // size * size].reshape(-1, size)
    level = np.median(steps[np.isfinite(steps).all(axis=1)], axis=1)
    within = round(DRIFT_S / REVIEW.silence_step_s)
    if level.size < 2:
        return 0.0
    windows = np.lib.stride_tricks.sliding_window_view(level, min(within, level.size))
    return float(np.ptp(windows, axis=1).max())


def _without_beats(context: RhythmContext, shortest_s: float) -> list[Episode]:
    """Return asystole over a whole recording in which no beat was found, if a lead is alive and low."""
    conditioned = context.conditioned
    if conditioned is None or context.duration_s < shortest_s:
        return []
    at_rest = any(_is_low(lead, conditioned.fs) for lead in conditioned.signal.T)
    if not at_rest or not _recorded(conditioned.segments, 0, len(conditioned.signal)):
        return []
    return [_episode((0.0, context.duration_s), NO_BEAT_CONFIDENCE, "no QRS, and the baseline is at rest")]


def _is_low(lead: FloatArray, fs: float) -> bool:
    """Tell whether a lead without a known QRS is alive, and flat but for P waves."""
    size = round(REVIEW.silence_step_s * fs)
    steps = lead[: lead.size // size * size].reshape(-1, size)
    heights = np.ptp(steps, axis=1) if steps.size else np.zeros(1)
    alive = float(np.median(heights)) >= CONSTANT_MV  # else nothing tells a dead electrode from a dead heart
    return alive and float(heights.max()) < LOW_MV and float(np.median(heights)) < LOW_MEDIAN_MV


def _recorded(segments: tuple[tuple[int, int], ...], first: float, last: float) -> bool:
    """Tell whether one stretch without gaps holds all between two positions, samples at the working rate."""
    return any(start <= first + 1 and last <= stop + 1 for start, stop in segments)


def _episode(span: Span, confidence: float, why: str) -> Episode:
    seconds = span[1] - span[0]
    kind = "asystole" if seconds >= ASYSTOLE_S else "pause"
    return Episode(*span, "ASYS", kind, confidence, f"{why} for {seconds:.1f} s")
