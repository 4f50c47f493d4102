"""Spliced pauses and hard beats are what they say: nothing recorded is lost, and the reference fits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.synthesis.hard_beats import with_fast_runs, with_low_beats, with_spikes, with_tall_t
from pipeline.synthesis.pauses import with_pauses
from pipeline.types import Annotations, Recording

FS = 250.0
RR_S = 0.9


@pytest.fixture(scope="module")
def recording() -> Recording:
    """Four minutes of narrow beats with P and T waves on a moving baseline; the second lead is half as high."""
    rng = np.random.default_rng(4)
    sample = np.round((1.0 + RR_S * np.arange(264)) * FS).astype(np.int64)
    t = np.arange(round(240 * FS)) / FS
    lead = 0.1 * np.sin(2 * np.pi * 0.1 * t)
    for at in sample / FS:
        for height, centre, width in ((0.12, -0.16, 0.02), (1.0, 0.0, 0.012), (0.3, 0.28, 0.03)):
            lead += height * np.exp(-0.5 * np.square((t - at - centre) / width))
    leads = np.stack([lead, lead / 2], axis=1) + rng.normal(0, 0.01, (t.size, 2))
    given = Recording.from_array(leads, fs=FS, leads=("MLII", "V1"))
    return replace(given, reference=Annotations(sample, ("N",) * sample.size))


def test_a_pause_adds_its_length_and_keeps_every_recorded_sample_and_beat(recording: Recording) -> None:
    longer, pauses = with_pauses(recording, np.random.default_rng(0), count=5, seconds=(3.0, 20.0))
    assert recording.reference is not None
    assert longer.reference is not None
    added = sum(pause.after - pause.before for pause in pauses) - len(pauses) * round(RR_S * FS)
    assert longer.n_samples - recording.n_samples == pytest.approx(added, abs=2 * len(pauses))
    assert longer.reference.sample.size == recording.reference.sample.size
    assert np.array_equal(longer.p_signal[: pauses[0].before], recording.p_signal[: pauses[0].before])
    after = pauses[-1].after
    assert np.array_equal(
        longer.p_signal[after:], recording.p_signal[recording.n_samples - (longer.n_samples - after) :]
    )
    near = longer.reference.sample[:, None] + np.arange(-5, 6)
    before = recording.reference.sample[:, None] + np.arange(-5, 6)
    assert np.array_equal(longer.p_signal[near], recording.p_signal[before])


def test_pauses_last_as_long_as_asked_hold_no_beat_and_lie_between_beats(recording: Recording) -> None:
    longer, pauses = with_pauses(recording, np.random.default_rng(1), count=6, seconds=(2.5, 6.0))
    assert longer.reference is not None
    assert [pause.p_waves for pause in pauses] == [False, True] * 3
    for pause in pauses:
        assert 2.5 <= (pause.after - pause.before) / FS <= 6.01
        at = np.searchsorted(longer.reference.sample, [pause.before, pause.after])
        assert longer.reference.sample[at].tolist() == [pause.before, pause.after]
        assert at[1] - at[0] == 1


def test_only_pauses_with_p_waves_have_them_at_the_sinus_rate(recording: Recording) -> None:
    longer, pauses = with_pauses(recording, np.random.default_rng(2), count=6, seconds=(10.0, 12.0))
    for pause in pauses:
        inside = longer.p_signal[pause.before + round(0.6 * FS) : pause.after - round(0.6 * FS), 0]
        smooth = np.convolve(inside, np.ones(9) / 9, "valid")
        steps = smooth[: smooth.size // 225 * 225].reshape(-1, 225)  # one cycle each
        heights = np.ptp(steps, axis=1)
        assert (np.min(heights) > 0.07) == pause.p_waves
        assert np.max(np.abs(np.diff(longer.p_signal[pause.before + 100 : pause.after - 100, 0]))) < 0.15


def test_no_room_means_no_pause(recording: Recording) -> None:
    assert recording.reference is not None
    ectopic = replace(recording, reference=Annotations(recording.reference.sample, ("V",) * 264))
    same, pauses = with_pauses(ectopic, np.random.default_rng(0), count=3)
    assert pauses == ()
    assert same is ectopic


def test_tall_t_waves_are_added_after_every_beat_and_move_none(recording: Recording) -> None:
    tall = with_tall_t(recording, np.random.default_rng(3))
    assert recording.reference is not None
    sample = recording.reference.sample[2:-2]
    added = np.abs(tall.p_signal[:, 0] - recording.p_signal[:, 0])
    assert np.all(added[sample] < 0.05)
    windows = added[sample[:, None] + np.arange(round(0.15 * FS), round(0.5 * FS))]
    assert np.all(windows.max(axis=1) > 0.3)


def test_fast_runs_hold_intervals_down_to_a_fifth_of_a_second_with_a_beat_at_each(recording: Recording) -> None:
    fast = with_fast_runs(recording, np.random.default_rng(5), seconds=120.0)
    assert fast.reference is not None
    rr_s = np.diff(fast.reference.sample) / FS
    assert 0.19 < rr_s.min() < 0.36
    assert rr_s.max() > 0.45
    assert fast.duration_s == 120.0
    peaks = fast.reference.sample[:, None] + np.arange(-8, 9)
    assert np.median(np.abs(fast.p_signal[peaks, 0]).argmax(axis=1)) == 8


def test_spikes_are_narrow_and_stand_away_from_the_beats(recording: Recording) -> None:
    spiked = with_spikes(recording, np.random.default_rng(6))
    assert recording.reference is not None
    at = np.flatnonzero(np.abs(spiked.p_signal[:, 0] - recording.p_signal[:, 0]) > 0)
    assert at.size > 20
    distance = np.abs(at[:, None] - recording.reference.sample).min(axis=1)
    assert distance.min() >= 0.075 * FS
    assert np.diff(at).min() >= 1


def test_low_beats_are_few_and_lower_and_the_rest_is_as_it_was(recording: Recording) -> None:
    low = with_low_beats(recording, np.random.default_rng(7))
    assert recording.reference is not None
    changed = np.abs(low.p_signal - recording.p_signal).max(axis=1) > 0
    near = recording.reference.sample[:, None] + np.arange(-15, 15)
    by_beat = changed[near].any(axis=1)
    assert 0 < by_beat.sum() < 30
    assert changed.sum() <= by_beat.sum() * 30
    heights = np.ptp(low.p_signal[near, 0], axis=1) / np.ptp(recording.p_signal[near, 0], axis=1)
    assert np.all(heights[by_beat] < 0.7)
