"""What repeats is no noise."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.signal.conditioning import Conditioned
from pipeline.signal.repeating import repeating_windows

FS = 250.0
SECONDS = 60.0
START_S = np.arange(0.0, SECONDS, 4.0)


def bigeminy(noise_mv=0.01, motion_mv=0.0):
    """Narrow beats and broad ones after each, in one lead; motion lasts from 20 to 40 s."""
    t = np.arange(round(SECONDS * FS)) / FS
    rng = np.random.default_rng(0)
    lead = rng.normal(0, noise_mv, t.size)
    beats = np.sort(np.concatenate([np.arange(0.5, SECONDS - 1, 1.6), np.arange(0.95, SECONDS - 1, 1.6)]))
    for k, at in enumerate(beats):
        width, height = ((0.012, 1.0), (0.045, 1.4))[k % 2]
        lead += height * np.exp(-0.5 * ((t - at) / width) ** 2)
        lead += (0.25, -0.5)[k % 2] * np.exp(-0.5 * ((t - at - 0.28) / 0.06) ** 2)
    moved = np.convolve(rng.normal(size=t.size), np.hanning(60) / 5, mode="same")
    lead += motion_mv * moved * ((t > 20) & (t < 40))
    signal = lead[:, None].astype(np.float32)
    return Conditioned(signal, FS, ((0, t.size),)), np.round(beats * FS).astype(np.int64)


def windows(conditioned, r_peak, asked=None):
    every = np.ones(START_S.size, np.bool_) if asked is None else asked
    return repeating_windows(conditioned, r_peak, START_S, START_S + 4.0, every)


@pytest.mark.parametrize("noise_mv", [0.0, 0.01])
def test_bigeminy_repeats_although_its_neighbours_differ(noise_mv):
    assert windows(*bigeminy(noise_mv)).all()


def test_motion_does_not_repeat():
    found = windows(*bigeminy(motion_mv=0.15))
    assert found[[0, 1, 2, 11, 12, 13]].all()
    assert not found[5:10].any()


def test_only_windows_with_beats_that_are_asked_for_can_repeat():
    conditioned, r_peak = bigeminy()
    asked = START_S < 8.0
    assert windows(conditioned, r_peak, asked).tolist() == asked.tolist()
    assert not windows(conditioned, r_peak[:5]).any()


def test_waves_where_no_beat_was_found_are_not_passed_over():
    conditioned, r_peak = bigeminy()
    t = np.arange(len(conditioned.signal)) / FS
    free = (t > 25.2) & (t < 28.0)
    signal = np.where(free, 0.6 * np.sin(2 * np.pi * 5 * t), conditioned.signal[:, 0])[:, None].astype(np.float32)
    kept = r_peak[(r_peak < 25.0 * FS) | (r_peak > 28.0 * FS)]
    assert not windows(Conditioned(signal, FS, conditioned.segments), kept)[6]
