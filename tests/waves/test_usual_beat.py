"""The median beat and the waves in it, against beats that the test draws itself."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.measurements import WAVE_MARKS, Waves
from pipeline.types import Recording
from pipeline.waves.shapes import lead_shapes
from pipeline.waves.usual_beat import usual_beat

MARKS = dict(zip(WAVE_MARKS, (-0.20, -0.15, -0.10, -0.05, 0.0, 0.05, 0.18, 0.27, 0.36), strict=True))


def triangle(t, at, width, mv):
    return mv * np.clip(1 - np.abs(t - at) / (width / 2), 0, None)


def drawn(fs=500.0, *, st_mv=0.15, waves=((-0.03, 0.04, -0.2), (0.0, 0.04, 1.0), (0.03, 0.04, -0.4)), wander=0.0):
    """Ten beats of lead II: P 0.1 mV, the QRS of `waves` (at, width, mV), an ST level and a T wave of 0.3 mV."""
    t = np.arange(round(10 * fs)) / fs
    beat_s = 0.8 + 0.9 * np.arange(10)
    y = np.zeros(t.size)
    for at in beat_s:
        y += triangle(t - at, -0.15, 0.1, 0.1) + triangle(t - at, 0.27, 0.16, 0.3)
        y += sum(triangle(t - at, *wave) for wave in waves)
        y += st_mv * ((t - at > 0.05) & (t - at < 0.19))
    y += wander * np.sin(2 * np.pi * 0.2 * t)
    times = beat_s[:, None] + np.array([MARKS[name] for name in WAVE_MARKS])
    recording = Recording.from_array(y, fs=fs, leads="II")
    return recording, Waves(("II",), beat_s, times[:, None, :], times)


def shape(*args, **options):
    recording, waves = drawn(*args, **options)
    beat = usual_beat(recording, waves, np.ones(len(waves), np.bool_))
    assert beat is not None
    return lead_shapes(beat, beat.curve_mv, beat.leads)["II"]


@pytest.mark.parametrize("fs", [250.0, 500.0, 1000.0])
def test_q_r_and_s_are_found_with_their_size_at_any_sampling_frequency(fs):
    found = shape(fs)
    assert (found.q.mv, found.r.mv, found.s.mv) == pytest.approx((-0.2, 1.0, -0.4), abs=0.08)
    assert found.r2 is None
    assert found.p_mv == pytest.approx(0.1, abs=0.02)
    assert found.t_mv == pytest.approx(0.3, abs=0.03)


def test_st_levels_are_against_the_end_of_pr_whatever_the_baseline_does():
    for wander in (0.0, 0.3):
        found = shape(wander=wander)
        assert found.st_mv["J60"] == pytest.approx(0.15, abs=0.03)
        assert found.st_mv["J80"] == pytest.approx(0.15, abs=0.03)


def test_amplitudes_follow_the_gain_and_the_sign():
    once, down = shape(), shape(st_mv=-0.15, waves=((-0.03, 0.04, 0.2), (0.0, 0.04, -1.0), (0.03, 0.04, 0.4)))
    assert down.r.mv == pytest.approx(0.2, abs=0.03)
    assert down.s.mv == pytest.approx(-once.r.mv, abs=0.05)
    assert down.r2.mv == pytest.approx(0.4, abs=0.06)
    assert down.last_is_positive


def test_a_complex_without_r_is_a_qs_as_long_as_it_is():
    found = shape(waves=((0.0, 0.08, -1.2),))
    assert found.is_qs
    assert found.r_mv == 0
    assert found.q.ms == pytest.approx(78, abs=6)


def test_an_elevated_st_segment_is_no_r_prime():
    found = shape(st_mv=0.5, waves=((-0.02, 0.04, 0.6), (0.015, 0.03, -0.9)))
    assert found.r2 is None
    assert found.s is not None


def test_beats_that_are_not_usual_do_not_change_the_median():
    recording, waves = drawn()
    signal = recording.p_signal.copy()
    signal[round((waves.beat_s[4] - 0.05) * 500) : round((waves.beat_s[4] + 0.1) * 500)] += 2
    other = Recording.from_array(signal, fs=500.0, leads="II")
    usual = np.arange(10) != 4
    one, two = usual_beat(recording, waves, usual), usual_beat(other, waves, usual)
    inside = slice(round(0.3 * 500), round(0.6 * 500))
    np.testing.assert_allclose(one.curve_mv[inside], two.curve_mv[inside], atol=0.02)


def test_no_marked_qrs_no_usual_beat():
    recording, waves = drawn()
    nothing = Waves(waves.leads, waves.beat_s, waves.time_s * np.nan, waves.overall_s * np.nan)
    assert usual_beat(recording, nothing, np.ones(10, np.bool_)) is None
