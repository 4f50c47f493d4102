"""Rhythms that a detector gets wrong: asystole, tall T waves, 245/min, pacing spikes, and records with pauses."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.config import DEFAULT, data_root
from pipeline.intake import read_path
from pipeline.signal.conditioning import condition
from pipeline.signal.leads import choose_leads
from pipeline.signal.r_peaks import detect_r_peaks
from pipeline.signal.standing_out import standing_out
from pipeline.synthesis.pauses import with_pauses
from pipeline.types import Recording

FS = 250.0
P, QRS, T = (0.12, -0.16, 0.022), ((-0.1, -0.028, 0.009), (1.0, 0.0, 0.011), (-0.2, 0.03, 0.01)), (0.3, 0.27, 0.045)
Wave = tuple[float, float, float]  # mV, seconds after R, standard deviation in seconds


def drawn(
    times: NDArray[np.float64],
    seconds: float,
    *,
    p: Wave = P,
    t: Wave = T,
    more_p: NDArray[np.float64] | None = None,
    fs: float = FS,
) -> NDArray[np.float64]:
    """A lead with a beat at each time, in a little noise on a moving baseline; `more_p` are P waves without a beat."""
    axis = np.arange(round(seconds * fs)) / fs
    lead = np.random.default_rng(0).normal(0, 0.012, axis.size) + 0.05 * np.sin(2 * np.pi * 0.2 * axis)
    waves = [(at, wave) for at in times for wave in (p, *QRS, t)]
    waves += [(at, p) for at in (more_p if more_p is not None else ())]
    for at, (height, centre, width) in waves:
        near = slice(max(0, int((at + centre - 5 * width) * fs)), int((at + centre + 5 * width) * fs) + 1)
        lead[near] += height * np.exp(-0.5 * np.square((axis[near] - at - centre) / width))
    return lead


def peaks_s(lead: NDArray[np.float64], fs: float = FS) -> NDArray[np.float64]:
    recording = Recording.from_array(lead, fs=fs, leads="II")
    conditioned = condition(recording, ("II",), DEFAULT.signal)
    return np.asarray(detect_r_peaks(conditioned, DEFAULT.signal) / conditioned.fs)


def kept_s(lead: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what an analysis keeps of the detected beats: not those that are part of a baseline at rest."""
    conditioned = condition(Recording.from_array(lead, fs=FS, leads="II"), ("II",), DEFAULT.signal)
    r_peak = detect_r_peaks(conditioned, DEFAULT.signal)
    return np.asarray(r_peak[standing_out(conditioned, r_peak)] / conditioned.fs)


def the_same(found: NDArray[np.float64], times: NDArray[np.float64], within_s: float = 0.05) -> bool:
    return found.size == times.size and bool(np.all(np.abs(found - times) <= within_s))


@pytest.mark.parametrize("pause_s", [2.5, 4.0, 12.0, 30.0, 60.0])
@pytest.mark.parametrize("p_waves", [False, True], ids=["no P waves", "P waves go on"])
def test_asystole_keeps_the_beats_beside_it_and_has_none_inside(pause_s: float, p_waves: bool) -> None:
    before = np.arange(1.0, 20.5, 0.9)
    times = np.concatenate([before, before[-1] + pause_s + 0.9 * np.arange(20)])
    more_p = np.arange(before[-1] + 0.9, times[before.size] - 0.5, 0.87) if p_waves else None
    assert the_same(kept_s(drawn(times, times[-1] + 2, more_p=more_p)), times)


@pytest.mark.parametrize("height", [0.8, 1.0, 1.3])
def test_a_t_wave_as_tall_as_the_qrs_is_no_beat(height: float) -> None:
    times = np.arange(1.0, 59.0, 1.0)
    assert the_same(peaks_s(drawn(times, 60.0, t=(height, 0.27, 0.04))), times)


@pytest.mark.parametrize("bpm", [150, 200, 245])
def test_fast_rates_keep_every_beat(bpm: float) -> None:
    times = np.arange(1.0, 39.0, 60 / bpm)
    short = (0.2, 0.35 * 60 / bpm, 0.03)
    found = peaks_s(drawn(times, 40.0, p=(0.0, -0.1, 0.02), t=short))
    assert the_same(found, times)


@pytest.mark.parametrize("height_mv", [-3.0, -1.0, 1.0, 3.0])
def test_a_spike_between_beats_is_none_and_moves_no_r_peak(height_mv: float) -> None:
    fs = 1000.0
    times = np.arange(1.0, 59.0, 0.9)
    lead = drawn(times, 60.0, fs=fs)
    plain = peaks_s(lead, fs)
    spikes = np.round((times[::2] - 0.18) * fs).astype(np.int64)
    lead[spikes] += height_mv
    lead[spikes + 1] += height_mv
    assert the_same(plain, times)
    assert the_same(peaks_s(lead, fs), plain, within_s=0.004)


@pytest.mark.data
@pytest.mark.parametrize("record", ["100", "234"])
def test_asystole_in_a_recorded_rhythm_is_found_whole(record: str) -> None:
    recording = read_path(data_root() / "mitdb" / record)
    longer, pauses = with_pauses(recording, np.random.default_rng(9), count=6, seconds=(3.0, 20.0))
    conditioned = condition(longer, choose_leads(longer.leads), DEFAULT.signal)
    found = detect_r_peaks(conditioned, DEFAULT.signal) / conditioned.fs
    assert len(pauses) == 6
    for pause in pauses:
        inside = (found > pause.before / longer.fs - 0.1) & (found < pause.after / longer.fs + 0.1)
        assert found[inside] == pytest.approx([pause.before / longer.fs, pause.after / longer.fs], abs=0.1)
