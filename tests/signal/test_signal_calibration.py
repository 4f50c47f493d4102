"""Calibration pulses are no ECG, and no ECG is taken for them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.signal.calibration import calibration_spans
from tests.helpers.made_ecg import made_ecg


def pulses(fs: float, seconds: float, period_s: float, high_s: float, mv: float = 1.0) -> NDArray[np.float32]:
    time_s = np.arange(round(seconds * fs)) / fs
    noise = np.random.default_rng(0).normal(0, 0.003, time_s.size)
    return (mv * (time_s % period_s < high_s) + noise).astype(np.float32)


@pytest.mark.parametrize(
    ("fs", "period_s", "high_s", "mv"),
    [(1000, 2.0, 1.0, 2.0), (360, 1.0, 0.5, 1.0), (250, 1.0, 0.2, 1.0), (128, 0.5, 0.1, -1.0)],
)
def test_pulses_of_a_calibration_are_found(fs, period_s, high_s, mv):
    lead = pulses(fs, 30, period_s, high_s, mv)
    assert calibration_spans(lead, fs) == [(0, lead.size)]


def test_an_ecg_that_follows_pulses_is_left():
    fs = 250.0
    lead = np.concatenate([pulses(fs, 20, 1.0, 0.5), made_ecg(fs, 40.0)[0][:, 0]])
    ((start, stop),) = calibration_spans(lead, fs)
    assert start == 0
    assert 18 * fs <= stop <= 22 * fs


@pytest.mark.parametrize("fs", [128.0, 250.0, 1000.0])
def test_no_ecg_no_step_and_no_noise_of_one_digit_are_pulses(fs):
    ecg = made_ecg(fs, 30.0)[0][:, 0]
    step = np.where(np.arange(ecg.size) < ecg.size // 2, 0, 3).astype(np.float32) + ecg * 0.01
    digit = 0.2 * np.random.default_rng(0).integers(0, 2, ecg.size).astype(np.float32)
    for lead in (ecg, 10 * ecg, step, digit, np.zeros(ecg.size, np.float32), ecg[: round(fs)]):
        assert calibration_spans(lead, fs) == []


@pytest.mark.parametrize("digit", [0.05, 0.1, 0.125, 0.2])
@pytest.mark.parametrize("beside", [0, 10])
def test_a_flat_line_that_flickers_between_two_digits_is_no_pulse(digit, beside):
    fs = 250.0
    time_s = np.arange(round(20 * fs)) / fs
    noise = np.random.default_rng(0).normal(0, 0.01, time_s.size)
    flat = np.round(0.5 + 0.15 * np.sin(2 * np.pi * 0.7 * time_s) + noise)
    ecg = np.round(made_ecg(fs, 30.0)[0][: round(beside * fs), 0] / digit)
    assert calibration_spans((np.concatenate([ecg, flat]) * digit).astype(np.float32), fs) == []


def test_low_pulses_of_a_fine_recorder_and_pulses_of_two_values_are_found():
    fs = 250.0
    low = np.round(pulses(fs, 20, 1.0, 0.5, 0.4) / 0.005) * 0.005
    exact = np.where(np.arange(low.size) / fs % 1 < 0.5, 1.0, 0.0)
    for lead in (low, exact):
        assert calibration_spans(lead.astype(np.float32), fs) == [(0, lead.size)]
