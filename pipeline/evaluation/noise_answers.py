"""What a network answers for a recording in noise, beside what it answers for the same recording without."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.analysis import BeatClassifier, Prepared, classify
from pipeline.config import Config
from pipeline.evaluation.matching import NONE, match_beats
from pipeline.labels import AAMI_CLASSES, NOT_CLASSIFIED, aami_class
from pipeline.signal.beats import cut_beats
from pipeline.signal.conditioning import condition
from pipeline.signal.noise_measures import NoiseWindows, noise_windows
from pipeline.signal.r_peaks import detect_r_peaks, slopes
from pipeline.types import FloatArray, IntArray, Quality, QualitySegment, Recording


@dataclass(frozen=True, eq=False)
class Answers:
    """Beats of a recording with the network's answers, whatever the noise, and the windows that they lie in.

    Attributes
    ----------
    time_s : (n,) float64
        R peaks, seconds.
    symbol : (n,) str
        AAMI class, `NOT_CLASSIFIED` where the network is not confident enough.
    confidence : (n,) float32
        Largest probability.
    windows : NoiseWindows
        What the signal measures, window by window.
    """

    time_s: NDArray[np.float64]
    symbol: NDArray[np.str_]
    confidence: FloatArray
    windows: NoiseWindows


@dataclass(frozen=True, eq=False)
class Judged:
    """Answers beside what they should be.

    Attributes
    ----------
    wrong : (n,) bool
        Answered beats whose class is not the expected one, or that are none.
    missed_s : (m,) float64
        Expected beats that were not found, seconds.
    expected : int
        Number of expected beats.
    """

    wrong: NDArray[np.bool_]
    missed_s: NDArray[np.float64]
    expected: int


def answers(recording: Recording, leads: tuple[str, ...], classifier: BeatClassifier, config: Config) -> Answers:
    """Find and classify all beats, without regard to noise.

    Parameters
    ----------
    recording : Recording
        The recording.
    leads : tuple of str
        The leads that are read.
    classifier : BeatClassifier
        The network.
    config : Config
        Settings of the pipeline.
    """
    conditioned = condition(recording, leads, config.signal)
    steep = slopes(conditioned, config.signal)
    r_peak = detect_r_peaks(conditioned, config.signal, lambda: steep)
    sample = np.clip(np.round(r_peak * recording.fs / conditioned.fs).astype(np.int64), 0, recording.n_samples - 1)
    good = Quality((QualitySegment(0.0, recording.duration_s, "good", ""),), 1.0)
    beats = cut_beats(conditioned, leads, r_peak, sample, good, config, lambda: steep)
    analysis = classify(Prepared(recording, leads, good, beats, ()), classifier, config)
    sure = np.array([status == "classified" for status in analysis.status], np.bool_)
    symbol = np.where(sure, np.array(analysis.symbol, "<U1"), NOT_CLASSIFIED)
    return Answers(r_peak / conditioned.fs, symbol, analysis.confidence, noise_windows(conditioned, r_peak, steep))


def expected_answers(
    recording: Recording, clean: Answers, config: Config
) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    """Return times (m,), s, and classes (m,) of the reference beats: the clean answer, else the reference class.

    Parameters
    ----------
    recording : Recording
        The recording without noise, with reference beats.
    clean : Answers
        What the network answers for it.
    config : Config
        Settings of the pipeline.
    """
    time_s, symbol = reference_beats(recording)
    reference, found = pairs(time_s, clean.time_s, config)
    known = clean.symbol[found] != NOT_CLASSIFIED
    symbol[reference[known]] = clean.symbol[found[known]]
    return time_s, symbol


def reference_beats(recording: Recording) -> tuple[NDArray[np.float64], NDArray[np.str_]]:
    """Return times (m,), s, and AAMI classes (m,) of the reference beats of a recording."""
    assert recording.reference is not None
    symbol = np.array([aami_class(symbol) or AAMI_CLASSES[-1] for symbol in recording.reference.symbol], "<U1")
    return recording.reference.sample / recording.fs, symbol


def judged(found: Answers, time_s: NDArray[np.float64], symbol: NDArray[np.str_], config: Config) -> Judged:
    """Compare answers with what is expected.

    Parameters
    ----------
    found : Answers
        The answers.
    time_s : (m,) float64
        Expected beats, seconds.
    symbol : (m,) str
        Their classes.
    config : Config
        Its match window is used.
    """
    expected, own = pairs(time_s, found.time_s, config)
    right = np.zeros(found.time_s.size, np.bool_)
    right[own] = found.symbol[own] == symbol[expected]
    answered = found.symbol != NOT_CLASSIFIED
    return Judged(answered & ~right, np.delete(time_s, expected), time_s.size)


def pairs(reference: NDArray[np.float64], found: NDArray[np.float64], config: Config) -> tuple[IntArray, IntArray]:
    """Return the indices (k,) of reference beats and of found ones that belong together.

    Parameters
    ----------
    reference, found : (n,) and (m,) float64
        Times, seconds.
    config : Config
        Its match window is used.
    """
    times = (np.round(1000 * values).astype(np.int64) for values in (reference, found))
    matching = match_beats(*times, fs=1000.0, window_ms=config.match_window_ms)
    both = (matching.reference != NONE) & (matching.detected != NONE)
    return matching.reference[both], matching.detected[both]
