"""Which intervals between the beats in force are RR intervals: gaps, artefacts, silences and noise break them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.labels import AAMI_CLASSES
from pipeline.review.decisions import Stretch
from pipeline.review.signal_evidence import SignalEvidence, Spans
from pipeline.rhythm_names import episode_at
from pipeline.signal.at_rest import Silence
from pipeline.types import Analysis, Episode, IntArray, read_only

UNCLASSIFIED: Final = "U"
REJECTED: Final = "X"


def broken_and_silent(
    sample: IntArray,
    aami: NDArray[np.str_],
    rhythm: Sequence[Episode],
    artefacts: Sequence[Stretch],
    evidence: SignalEvidence,
) -> tuple[NDArray[np.bool_], dict[int, Silence]]:
    """Tell which intervals, each named by the beat that ends it, are no RR intervals, and which of them are silent.

    In noise too short to be a finding, a lost signal is told all the same; other waves in it are noise.

    Parameters
    ----------
    sample : (n,) int64
        The beats in force.
    aami : (n,) str
        Their classes.
    rhythm : sequence of Episode
        The rhythm in force.
    artefacts : sequence of Stretch
        What a reader has marked as artefact.
    evidence : SignalEvidence
        What the signal shows between beats.

    Returns
    -------
    broken : (n,) bool
        What is no RR interval.
    silences : dict of int to Silence
        Those that are long and not at rest, by the position of the beat that ends them.
    """
    short = [one for one in rhythm if one.rhythm == "NOISE" and one.seconds < evidence.config.unreadable_s]
    noisy = across_no_beats(sample, short, evidence.fs)
    broken = breaks_before(sample, aami, evidence.gaps, artefacts)
    broken |= across_no_beats(sample, [one for one in rhythm if one not in short], evidence.fs)
    found = long_silences(sample, broken, evidence)
    silences = {at: silence for at, silence in found.items() if silence == "lost" or not noisy[at]}
    broken |= noisy
    broken[list(silences)] = True
    return broken, silences


def long_rests(sample: IntArray, broken: NDArray[np.bool_], evidence: SignalEvidence) -> list[tuple[float, float]]:
    """Return the long RR intervals in which a lead was seen at rest, seconds; none if no signal is known.

    Parameters
    ----------
    sample : (n,) int64
        The beats in force.
    broken : (n,) bool
        Where the interval before the beat is no RR interval.
    evidence : SignalEvidence
        What the signal shows between beats.
    """
    ends = _long(sample, broken, evidence) if evidence.signal else []
    return [(int(sample[at - 1]) / evidence.fs, int(sample[at]) / evidence.fs) for at in ends]


def inside(sample: IntArray, stretches: Sequence[Stretch]) -> NDArray[np.bool_]:
    """Tell which samples (n,), increasing, lie in one of the stretches."""
    found = np.zeros(sample.size, np.bool_)
    for start, stop in stretches:
        found[np.searchsorted(sample, start) : np.searchsorted(sample, stop)] = True
    return found


def across_no_beats(sample: IntArray, rhythm: Sequence[Episode], fs: float) -> NDArray[np.bool_]:
    """Tell which intervals (n,), each named by the beat that ends it, span a stretch in which no beat can be found.

    That is fibrillation or flutter of the ventricles that touches the interval, and noise over half of it.

    Parameters
    ----------
    sample : (n,) int64
        The beats in force.
    rhythm : sequence of Episode
        The rhythm in force.
    fs : float
        Sampling frequency, Hz.
    """
    broken = np.zeros(sample.size + 1, np.bool_)
    for episode in rhythm:
        if episode.rhythm not in ("VFL", "NOISE"):
            continue
        span = episode.start_s * fs, episode.stop_s * fs
        first, last = np.searchsorted(sample, span[0], side="right"), np.searchsorted(sample, span[1])
        if episode.rhythm == "VFL":
            broken[first : last + 1] = True
        elif first >= last and 0 < first < sample.size:
            broken[first] |= 2 * (span[1] - span[0]) >= sample[first] - sample[first - 1]
    return broken[:-1]


def hidden_beats(
    analysis: Analysis, rhythm: Sequence[Episode], sample: IntArray, aami: NDArray[np.str_]
) -> NDArray[np.bool_] | None:
    """Tell which beats (n,) nobody could class because of noise; None where an earlier version did not look for it.

    Parameters
    ----------
    analysis : Analysis
        The model's answer, with the quality of the signal.
    rhythm : sequence of Episode
        The rhythm in force.
    sample : (n,) int64
        The beats in force.
    aami : (n,) str
        Their classes.
    """
    if not rhythm:
        return None
    time_s = sample / analysis.fs
    poor = np.array([segment.verdict != "good" for segment in analysis.quality.segments], np.bool_)
    unreadable = np.array([episode.rhythm == "NOISE" for episode in rhythm], np.bool_)
    noisy = unreadable[episode_at(rhythm, time_s)]
    if poor.size:
        noisy |= poor[analysis.quality.index_at(time_s)]
    return read_only(np.asarray(noisy & (aami == UNCLASSIFIED), np.bool_))


def long_silences(sample: IntArray, broken: NDArray[np.bool_], evidence: SignalEvidence) -> dict[int, Silence]:
    """Return the long intervals in which the leads are not at rest, by the position of the beat that ends them.

    Parameters
    ----------
    sample : (n,) int64
        The beats in force.
    broken : (n,) bool
        Where the interval before the beat is no RR interval for another reason.
    evidence : SignalEvidence
        What the signal shows between beats.
    """
    long = _long(sample, broken, evidence)
    judged = {at: evidence.between(int(sample[at - 1]), int(sample[at])) for at in long}
    return {at: silence for at, silence in judged.items() if silence != "rest"}


def _long(sample: IntArray, broken: NDArray[np.bool_], evidence: SignalEvidence) -> list[int]:
    long = ~broken[1:] & (np.diff(sample) >= evidence.config.pause_s * evidence.fs)
    return (np.flatnonzero(long) + 1).tolist()


def breaks_before(
    sample: IntArray, aami: NDArray[np.str_], breaks: Spans, artefacts: Sequence[Stretch]
) -> NDArray[np.bool_]:
    """Tell where the interval before a beat (n,) spans a gap or an artefact, or begins or ends with a rejected beat.

    Parameters
    ----------
    sample : (n,) int64
        The beats in force.
    aami : (n,) str
        Their classes.
    breaks : Spans
        Samples [start, stop) where nothing was recorded.
    artefacts : sequence of Stretch
        What a reader has marked as artefact.
    """
    broken = np.zeros(sample.size + 1, np.bool_)
    spans = np.array([*breaks, *artefacts], np.int64).reshape(-1, 2)
    for first, last in zip(*np.searchsorted(sample, spans.T), strict=True):
        broken[first : last + 1] = True
    rejected = aami == REJECTED
    broken[:-1] |= rejected
    broken[1:] |= rejected
    broken[0] = True
    return broken[:-1]


def model_answers(analysis: Analysis) -> NDArray[np.str_]:
    """Return the model's class of each beat (n,), `UNCLASSIFIED` for those that it left without one."""
    names = np.array([*AAMI_CLASSES, UNCLASSIFIED])
    classified = np.array([status == "classified" for status in analysis.status], np.bool_) & analysis.has_p
    return np.asarray(names[np.where(classified, analysis.p.argmax(axis=1), len(AAMI_CLASSES))])
