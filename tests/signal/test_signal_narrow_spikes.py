"""Spikes that are narrower than any QRS."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.analysis import prepare
from pipeline.config import DEFAULT, data_root
from pipeline.intake import read_path
from pipeline.signal.artefacts import find_artefacts
from pipeline.types import FloatArray, Recording

FS = 360.0
BEATS_S = np.arange(0.5, 59.0, 0.8)
SPIKES_S = BEATS_S[5:70:7] + 0.3


def lead(spikes_s: np.ndarray, *, width: int = 2, height_mv: float = 5.0, fs: float = FS) -> FloatArray:
    """Draw QRS complexes of 1 mV, narrow for a heart, and spikes of some samples."""
    time_s = np.arange(round(60 * fs)) / fs
    values = sum(np.exp(-0.5 * ((time_s - at) / 0.01) ** 2) for at in BEATS_S)
    values = values + np.random.default_rng(0).normal(0, 0.01, time_s.size)
    for at in np.round(spikes_s * fs).astype(np.int64):
        values[at : at + width] += height_mv
    return np.asarray(values, np.float32)


def spikes_in(*leads: FloatArray, fs: float = FS) -> list[tuple[str, float]]:
    names = ("II", "V1")[: len(leads)]
    found = find_artefacts(Recording.from_array(np.stack(leads, axis=1), fs=fs, leads=names), DEFAULT.signal)
    return [(one.lead, (one.start + one.stop) / 2 / fs) for one in found.artefacts if one.kind == "spike"]


@pytest.mark.parametrize("width", [1, 2, 4])
@pytest.mark.parametrize("height_mv", [3.0, -15.0])
def test_a_spike_of_one_to_four_samples_is_masked_where_it_is(width: int, height_mv: float) -> None:
    found = spikes_in(lead(SPIKES_S, width=width, height_mv=height_mv), lead(SPIKES_S[:0]))
    assert {name for name, _ in found} == {"II"}
    assert [at for _, at in found] == pytest.approx(SPIKES_S, abs=4 / FS)


def test_a_wave_of_six_samples_may_be_a_qrs() -> None:
    assert spikes_in(lead(SPIKES_S, width=6)) == []


def test_spikes_as_frequent_as_the_stimuli_of_a_pacemaker_stay() -> None:
    assert spikes_in(lead(BEATS_S - 0.15)) == []


def test_a_spike_below_two_and_a_half_millivolts_stays() -> None:
    assert spikes_in(lead(SPIKES_S, height_mv=2.0)) == []


def test_at_a_rate_at_which_a_qrs_is_as_sharp_nothing_is_masked() -> None:
    assert spikes_in(lead(SPIKES_S, width=1, fs=125.0), fs=125.0) == []


@pytest.mark.data
@pytest.mark.parametrize("width", [1, 4])
@pytest.mark.parametrize("leads", [1, 2])
def test_spikes_in_one_lead_or_in_two_cost_no_beat_of_record_100_and_make_none(width: int, leads: int) -> None:
    recording = read_path(data_root() / "mitdb" / "100.hea")
    p_signal = recording.p_signal[: 60 * 360, :leads].copy()
    clean = prepare(Recording.from_array(p_signal, fs=FS, leads=recording.leads[:leads])).beats.sample
    spikes = (clean[5:-2:7] + clean[6:-1:7]) // 2
    for at in spikes:
        p_signal[at : at + width] = 15
    found = prepare(Recording.from_array(p_signal, fs=FS, leads=recording.leads[:leads])).beats.sample
    assert found.size == clean.size
    assert np.abs(found - clean).max() <= 4
