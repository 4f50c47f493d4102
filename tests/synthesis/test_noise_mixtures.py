"""Noise that changes, at any sampling frequency, and signals that are no ECG."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.datasets import demo_path
from pipeline.intake import read_path
from pipeline.synthesis.noise import add_noise, half_of, noise_record
from pipeline.synthesis.noise_mixtures import beginning, mixture, noise_at, with_noise
from pipeline.synthesis.non_ecg import KINDS, draw_fibrillation, draw_non_ecg


def test_a_part_of_a_recording_keeps_its_beats_at_their_places():
    whole = read_path(demo_path())
    part = beginning(whole, 60.0, start_s=30.0)
    assert part.duration_s == pytest.approx(60.0, abs=0.01)
    first = round(30 * whole.fs)
    assert part.reference is not None
    assert whole.reference is not None
    at = whole.reference.sample
    inside = at[(at >= first) & (at < first + 60 * whole.fs)]
    assert np.array_equal(part.reference.sample + first, inside)
    assert len(part.reference.symbol) == inside.size


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_what_is_drawn_is_finite_and_as_large_as_an_ecg(kind):
    for seed in range(3):
        lead = draw_non_ecg(kind, 10_000, 250.0, np.random.default_rng(seed))
        assert lead.shape == (10_000,)
        assert np.isfinite(lead).all()
        assert 0.05 < lead.std() < 1.5


def test_fibrillation_is_drawn_between_two_and_nine_hertz():
    for seed in range(5):
        lead = draw_fibrillation(30_000, 250.0, np.random.default_rng(seed))
        power = np.abs(np.fft.rfft(lead - lead.mean())) ** 2
        frequency = np.fft.rfftfreq(lead.size, 1 / 250)
        assert power[(frequency > 1.5) & (frequency < 18)].sum() > 0.9 * power.sum()


@pytest.mark.data
def test_noise_at_the_recordings_own_rate_is_that_of_add_noise():
    whole = read_path(demo_path())
    ours = with_noise(whole, "em", 6.0, half=1).p_signal
    record = noise_record("em")
    theirs = add_noise(whole, half_of(record, 1), 6.0, whole.reference.sample, measured=record).p_signal
    assert np.abs(ours - theirs).max() < 0.01


@pytest.mark.data
def test_noise_keeps_its_power_at_another_rate():
    slow, fast = noise_at("ma", 0, 128.0), noise_at("ma", 0, 360.0)
    assert len(slow) / 128 == pytest.approx(len(fast) / 360, abs=0.1)
    assert 0.5 < slow.std() / fast.std() < 1.05


@pytest.mark.data
def test_a_mixture_has_clean_and_noisy_stretches():
    whole = read_path(demo_path())
    added = np.abs(mixture(whole, np.random.default_rng(1), half=0).p_signal - whole.p_signal)
    seconds = added[: len(added) // 360 * 360].reshape(-1, 360, added.shape[1]).max(axis=(1, 2))
    assert (seconds > 0.2).any()
    assert seconds.min() < 0.05
