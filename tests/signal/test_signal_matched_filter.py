"""The gain of a known wave, in noise that goes together in neighbouring samples and in both leads."""

import numpy as np
import pytest

from pipeline.signal.matched_filter import levelled, matched_gain

N = 6000
WAVE = np.exp(-0.5 * ((np.arange(17) - 8) / 2.5) ** 2)[:, None] * np.array([[1.0, 0.6]])
AT = np.arange(100, N - 100, 75)


def recorded(noise, seed=0):
    """Return two leads with the wave at `AT`, and slow noise that both have in common."""
    common = np.convolve(np.random.default_rng(seed).normal(size=N + 8), np.ones(9), "valid") / 3
    signal = noise * np.stack([common, common], axis=1) + 0.05 * np.random.default_rng(seed + 1).normal(size=(N, 2))
    for at in AT:
        signal[at - 8 : at + 9] += WAVE
    return signal.astype(np.float32)


def test_the_gain_is_one_where_the_wave_stands_and_none_between():
    gain = matched_gain(recorded(0.0), WAVE.astype(np.float32), np.ones(N, bool))
    assert gain[AT] == pytest.approx(1.0, abs=0.25)
    assert np.abs(gain[AT + 37]).max() < 0.3


def test_noise_that_both_leads_have_in_common_disturbs_it_less_than_a_plain_correlation():
    signal = recorded(1.0)
    gain = matched_gain(signal, WAVE.astype(np.float32), np.ones(N, bool))
    pieces = signal[np.arange(8, N - 8)[:, None] + np.arange(-8, 9)]
    plain = np.einsum("nml,ml->n", levelled(np.moveaxis(pieces, 2, 1)).swapaxes(1, 2), WAVE)
    plain = plain / np.sum(levelled(WAVE.T.astype(np.float32)) ** 2)
    ours, theirs = (
        (line[AT - shift].mean() - line[AT + 37 - shift].mean()) / line[AT + 37 - shift].std()
        for line, shift in ((gain, 0), (plain, 8))
    )
    assert ours > 1.5 * theirs


def test_offset_and_slope_are_no_wave():
    signal = recorded(0.3)
    tilted = signal + np.stack([np.linspace(0, 5, N), np.linspace(9, 0, N)], axis=1).astype(np.float32)
    wave, places = WAVE.astype(np.float32), np.ones(N, bool)
    inside = slice(20, N - 20)
    assert matched_gain(tilted, wave, places)[inside] == pytest.approx(
        matched_gain(signal, wave, places)[inside], abs=0.02
    )


def test_nothing_is_found_where_there_is_nothing_to_learn_from():
    assert not matched_gain(recorded(0.3), WAVE.astype(np.float32), np.zeros(N, bool)).any()
