"""Usual beats inside what looks ventricular, and gaps in which none comes back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import signal as sps

from pipeline.rhythm.usual_beats import GAP_S, KnownBeats, across_gaps, without_usual_beats
from pipeline.types import FloatArray, IntArray

FS = 250.0
SECONDS = 100


def beats_at(time_s: list[float], shape: FloatArray) -> FloatArray:
    lead = np.zeros(round(SECONDS * FS), np.float32)
    for at in time_s:
        first = round(at * FS) - len(shape) // 2
        lead[first : first + len(shape)] += shape
    return lead


def broad(width_s: float = 0.06) -> FloatArray:
    time_s = np.arange(-0.3, 0.3, 1 / FS)
    shape = np.exp(-0.5 * (time_s / width_s) ** 2) - 0.6 * np.exp(-0.5 * ((time_s - 0.2) / 0.06) ** 2)
    return np.asarray(shape, np.float32)


def record(rr_s: float = 0.6, fibrillates: tuple[float, float] | None = None) -> KnownBeats:
    time_s = np.arange(1.0, SECONDS - 1, rr_s)
    lead = beats_at(time_s.tolist(), broad())
    if fibrillates is not None:
        first, last = (round(edge * FS) for edge in fibrillates)
        sos = sps.butter(2, (3.5, 6.0), "bandpass", fs=FS, output="sos")
        waves = sps.sosfiltfilt(sos, np.random.default_rng(0).standard_normal(last - first))
        lead[first:last] = 0.4 * waves / waves.std()
    return KnownBeats(np.stack([lead, -0.5 * lead], axis=1).astype(np.float32), FS, time_s)


def states(*found: tuple[int, int]) -> IntArray:
    of = np.zeros(SECONDS, np.int64)
    for first, last in found:
        of[first:last] = 1
    return of


def test_an_episode_of_usual_beats_is_none() -> None:
    assert without_usual_beats(states((40, 60)), record()).sum() <= 1


def test_fibrillation_with_detected_peaks_stays() -> None:
    found = states((40, 60))
    assert np.array_equal(without_usual_beats(found, record(fibrillates=(40, 60))), found)


def test_the_part_of_an_episode_with_usual_beats_is_cut_off() -> None:
    left = without_usual_beats(states((40, 70)), record(fibrillates=(40, 55)))
    assert left[40:54].all()
    assert not left[57:].any()


def test_beats_that_look_alike_but_are_fast_stay() -> None:
    fast = record(0.3)
    slow_s = np.concatenate([np.arange(1, 40, 0.6), np.arange(40, 60, 0.3), np.arange(60, 99, 0.6)])
    lead = beats_at(slow_s.tolist(), broad(0.04))
    known = KnownBeats(lead[:, None].astype(np.float32), fast.fs, slow_s)
    assert without_usual_beats(states((42, 58)), known)[43:57].all()


def test_taller_waves_are_no_usual_beats() -> None:
    known = record()
    tall = known.signal.copy()
    tall[round(39.5 * FS) : round(60.5 * FS)] *= 2
    assert without_usual_beats(states((40, 60)), KnownBeats(tall, FS, known.time_s)).sum() == 20


def test_without_usual_beats_elsewhere_nothing_is_cut() -> None:
    found = states((0, SECONDS))
    assert np.array_equal(without_usual_beats(found, record()), found)


@pytest.mark.parametrize(("probability", "joined"), [(0.2, True), (0.01, False), (0.0, False)])
def test_a_gap_without_usual_beats_is_filled_unless_it_is_silent_or_unlikely(probability: float, joined: bool) -> None:
    found = states((30, 45), (55, 80))
    sure = np.where(found, 0.9, probability).astype(np.float32)
    left = across_gaps(found, found, sure, record(fibrillates=(30, 80)))
    assert left[45:55].all() == joined
    assert left.sum() == (50 if joined else 40)


def test_a_gap_in_which_usual_beats_came_back_stays() -> None:
    found = states((30, 45), (55, 80))
    lead = record(fibrillates=(30, 45)).signal.copy()
    lead[round(55 * FS) : round(80 * FS)] = record(fibrillates=(55, 80)).signal[round(55 * FS) : round(80 * FS)]
    known = KnownBeats(lead, FS, record().time_s)
    assert not across_gaps(found, found, np.full(SECONDS, 0.9, np.float32), known)[47:53].any()


def test_a_long_gap_stays() -> None:
    found = states((10, 20), (21 + GAP_S, SECONDS))
    known = record(fibrillates=(5, 99))
    assert np.array_equal(across_gaps(found, found, np.full(SECONDS, 0.9, np.float32), known), found)


def test_beats_before_and_after_fibrillation_are_not_in_a_row() -> None:
    whole = record(fibrillates=(40, 46))
    known = replace(whole, time_s=whole.time_s[(whole.time_s < 40) | (whole.time_s > 46)])
    assert without_usual_beats(states((38, 48)), known)[41:45].all()
