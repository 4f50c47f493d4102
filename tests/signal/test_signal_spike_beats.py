"""Beats that are a spike."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from pipeline.analysis import prepare
from pipeline.config import data_root
from pipeline.intake import read_path
from pipeline.signal.spike_beats import are_spikes
from pipeline.types import FloatArray, Recording

FS = 360.0
BEATS_S = np.arange(0.5, 29.0, 0.8)
SPIKES_S = BEATS_S[5:30:5] + 0.4


def lead(spikes_s: np.ndarray, *, height: float = 1.0, fs: float = FS) -> FloatArray:
    """Draw a QRS at `BEATS_S`, and spikes of 10 ms."""
    time_s = np.arange(round(30 * fs)) / fs
    noise = np.random.default_rng(0).normal(0, 0.01, time_s.size)
    waves = sum(np.exp(-0.5 * ((time_s - at) / 0.02) ** 2) for at in BEATS_S)
    spikes = sum(5.0 * ((time_s >= at) & (time_s < at + 0.01)) for at in spikes_s)
    return np.asarray(height * (waves + spikes) + noise, np.float32)


def samples(times_s: np.ndarray, fs: float = FS) -> np.ndarray:
    return np.round(times_s * fs).astype(np.int64)


def test_spikes_between_beats_are_none_and_all_beats_stay() -> None:
    both = np.sort(np.concatenate([BEATS_S, SPIKES_S]))
    found = are_spikes([lead(SPIKES_S), lead(SPIKES_S, height=0.5)], samples(both), FS)
    assert both[found].tolist() == SPIKES_S.tolist()


def test_a_spike_in_one_lead_only_is_seen() -> None:
    both = np.sort(np.concatenate([BEATS_S, SPIKES_S]))
    found = are_spikes([lead(SPIKES_S), lead(SPIKES_S[:0], height=0.5)], samples(both), FS)
    assert both[found].tolist() == SPIKES_S.tolist()


@pytest.mark.parametrize("before_s", [0.0, 0.04, 0.1])
def test_a_spike_that_a_qrs_follows_is_a_beat(before_s: float) -> None:
    spikes_s = BEATS_S - before_s
    leads = [lead(spikes_s), lead(spikes_s, height=0.5)]
    assert not are_spikes(leads, samples(spikes_s), FS).any()


def test_a_broad_low_beat_among_narrow_ones_is_no_spike() -> None:
    time_s = np.arange(round(30 * FS)) / FS
    broad = BEATS_S[10::7]
    narrow = np.setdiff1d(BEATS_S, broad)
    waves = sum(1.5 * np.exp(-0.5 * ((time_s - at) / 0.012) ** 2) for at in narrow)
    waves += sum(0.8 * np.exp(-0.5 * ((time_s - at) / 0.05) ** 2) for at in broad)
    noise = np.random.default_rng(0).normal(0, 0.01, (2, time_s.size))
    leads = [np.asarray(waves * height + own, np.float32) for height, own in zip((1.0, 0.7), noise, strict=True)]
    assert not are_spikes(leads, samples(BEATS_S), FS).any()


def test_in_one_lead_in_few_beats_or_at_a_low_rate_none_is_a_spike() -> None:
    both = samples(np.sort(np.concatenate([BEATS_S, SPIKES_S])))
    leads = [lead(SPIKES_S), lead(SPIKES_S, height=0.5)]
    assert not are_spikes(leads[:1], both, FS).any()
    assert not are_spikes(leads, both[:4], FS).any()
    slow = [lead(SPIKES_S, fs=125.0), lead(SPIKES_S, fs=125.0)]
    assert not are_spikes(slow, samples(np.concatenate([BEATS_S, SPIKES_S]), 125.0), 125.0).any()


@pytest.mark.data
def test_spikes_of_fifteen_millivolts_make_no_beats_in_record_100() -> None:
    recording = read_path(data_root() / "mitdb" / "100.hea")
    p_signal = recording.p_signal[: 60 * 360].copy()
    clean = prepare(Recording.from_array(p_signal, fs=FS, leads=recording.leads)).beats.sample
    spikes = (clean[10:60:5] + clean[11:61:5]) // 2
    for at in spikes:
        p_signal[at : at + 2] += 15
    found = prepare(Recording.from_array(p_signal, fs=FS, leads=recording.leads)).beats.sample
    assert np.abs(found[:, None] - spikes).min() > 0.1 * FS
    assert Counter(np.abs(found[:, None] - clean).min(axis=0) <= 4) == {True: clean.size}
