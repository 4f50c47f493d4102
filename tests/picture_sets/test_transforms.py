"""The transforms show what a signal is made of: the frequency of a sine, the place of a click, sums of angles."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal as sps

from pipeline.picture_sets.transforms import BAND_HZ, BINS, SCALES, gramian_angular_field, scalogram, spectrogram

FS = 250.0
MARGIN = 250


def sine(hz: float) -> np.ndarray:
    return np.sin(2 * np.pi * hz * np.arange(800) / FS)[None].astype(np.float32)


@pytest.mark.parametrize("hz", [8.0, 15.0, 30.0])
def test_a_sine_is_a_line_at_its_frequency(hz):
    rows = spectrogram(sine(hz), FS, MARGIN)[0].mean(axis=1)
    shown = np.fft.rfftfreq(BINS, 1 / FS)
    shown = shown[shown <= BAND_HZ[1]][::-1]
    assert shown[rows.argmax()] == pytest.approx(hz, abs=1.5)
    scales = np.geomspace(BAND_HZ[1], BAND_HZ[0], SCALES)
    assert scales[scalogram(sine(hz), FS, MARGIN)[0].mean(axis=1).argmax()] == pytest.approx(hz, rel=0.06)


def test_sines_of_one_height_are_equally_strong_at_all_scales():
    both = sine(5.0) + sine(25.0)
    power = scalogram(both, FS, MARGIN)[0].mean(axis=1)
    scales = np.geomspace(BAND_HZ[1], BAND_HZ[0], SCALES)
    low, high = (power[np.abs(scales - hz).argmin()] for hz in (5.0, 25.0))
    assert low == pytest.approx(high, abs=0.03)


@pytest.mark.parametrize("make", [spectrogram, scalogram])
def test_a_click_is_where_it_happens(make):
    signal = np.zeros((1, 800), np.float32)
    signal[0, MARGIN + 75] = 1.0
    columns = make(signal, FS, MARGIN)[0][:10].mean(axis=0)
    assert columns.argmax() / columns.size == pytest.approx(0.25, abs=0.02)


def test_the_spectrogram_is_scipys():
    signal = np.random.default_rng(0).normal(size=(1, 800)).astype(np.float32)
    ours = spectrogram(signal, FS, MARGIN)[0][:, 0]
    window = np.hanning(52)[1:-1]
    piece = signal[0, MARGIN - 25 : MARGIN + 25]
    _, _, theirs = sps.spectrogram(
        piece, FS, window=window, nperseg=50, noverlap=0, nfft=BINS, detrend=False, mode="magnitude"
    )
    kept = theirs[:, 0][: ours.size][::-1]
    level = 20 * np.log10(kept / kept.max())
    known = ours > 0
    assert np.ptp((ours * 45)[known] - level[known]) < 0.01


@pytest.mark.parametrize("make", [spectrogram, scalogram])
def test_size_does_not_change_the_picture_and_silence_is_black(make):
    signal = np.random.default_rng(1).normal(size=(1, 800)).astype(np.float32)
    np.testing.assert_allclose(make(signal, FS, MARGIN), make(3 * signal, FS, MARGIN), atol=1e-3)
    assert not make(np.zeros((1, 800), np.float32), FS, MARGIN).any()


def test_the_field_is_the_cosine_of_the_sum_of_angles():
    signal = np.random.default_rng(2).normal(size=(1, 60)).astype(np.float32)
    field = gramian_angular_field(signal, 60)[0]
    scaled = 2 * (signal[0] - signal[0].min()) / np.ptp(signal[0]) - 1
    angle = np.arccos(np.clip(scaled, -1, 1))
    np.testing.assert_allclose(2 * field - 1, np.cos(angle[:, None] + angle[None]), atol=1e-5)


def test_a_smaller_field_averages():
    signal = np.repeat(np.random.default_rng(3).normal(size=(1, 20)), 4, axis=1).astype(np.float32)
    np.testing.assert_allclose(gramian_angular_field(signal, 20), gramian_angular_field(signal[:, ::4], 20), atol=1e-4)
