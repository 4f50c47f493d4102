"""Marks lie where the waves are, whatever the rate, the scale, the polarity and the company of a lead."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.datasets import demo_path
from pipeline.intake import read_path
from pipeline.measurements import WAVE_MARKS, Waves
from pipeline.types import Episode
from pipeline.waves.delineate import delineate, spans_without_p
from tests.helpers.made_ecg import QRS, P, T, made_ecg


def _inner(waves: Waves, name: str, lead: str | None = None) -> NDArray[np.float64]:
    """Return a mark less R of all but the first and the last beat."""
    return (waves.marks(name, lead) - waves.beat_s)[1:-1]  # type: ignore[arg-type]


@pytest.mark.parametrize("fs", [100.0, 128.0, 250.0, 360.0, 500.0, 1000.0])
def test_waves_are_marked_where_they_are_at_any_rate(fs: float) -> None:
    waves = delineate(*_ecg(fs))
    expected = {"p_peak": P[0], "qrs_peak": QRS[1][0], "t_peak": T[0]}
    for name, seconds in expected.items():
        assert np.abs(_inner(waves, name, "II") - seconds).max() < 0.012, name
    edges = {
        **{"p_on": P[0] - 2.4 * P[1], "p_off": P[0] + 2.4 * P[1]},
        **{"qrs_on": -0.045, "qrs_off": 0.055, "t_off": T[0] + 2.2 * T[1]},
    }
    for name, seconds in edges.items():
        assert np.nanmax(np.abs(_inner(waves, name, "II") - seconds)) < 0.03, name
        assert np.isfinite(_inner(waves, name, "II")).mean() > 0.8, name


def test_the_marks_of_a_beat_are_in_order() -> None:
    waves = delineate(*_ecg(500.0))
    marks = waves.time_s[1:-1, 0]
    assert np.isfinite(marks).all()
    assert (np.diff(marks, axis=1) >= 0).all()


def test_the_marks_of_a_real_recording_are_in_order_as_far_as_they_are_known() -> None:
    recording = read_path(demo_path())
    assert recording.reference is not None
    beat_s = recording.reference.sample / recording.fs
    waves = delineate(recording.p_signal, recording.fs, recording.leads, beat_s)
    for earlier, later in pairwise(WAVE_MARKS):
        apart = waves.marks(later, "MLII") - waves.marks(earlier, "MLII")
        assert np.isfinite(apart).mean() > 0.5
        assert np.nanmin(apart) >= 0, (earlier, later)


def test_scale_polarity_and_baseline_of_a_lead_do_not_matter() -> None:
    lead, fs, names, r_peak_s = _ecg(500.0)
    usual = delineate(lead, fs, names, r_peak_s).time_s
    for changed in (3 * lead, -lead, lead + 2):
        other = delineate(changed, fs, names, r_peak_s).time_s
        assert np.abs(other - usual)[1:-1].max() < 0.012


def test_an_ecg_without_p_waves_gets_no_p_marks() -> None:
    lead, r_peak_s = made_ecg(500.0, p_height=0.0)
    waves = delineate(lead, 500.0, ("II",), r_peak_s)
    assert np.isnan(waves.time_s[:, :, :3]).all()
    assert np.isnan(waves.overall_s[:, :3]).all()
    assert np.isfinite(waves.marks("qrs_peak", "II")).all()


def test_no_p_wave_is_marked_in_the_stretches_that_have_none() -> None:
    lead, fs, names, r_peak_s = _ecg(250.0)
    waves = delineate(lead, fs, names, r_peak_s, without_p=[(4.0, 8.0)])
    inside = (r_peak_s >= 4) & (r_peak_s < 8)
    assert np.isnan(waves.marks("p_peak", "II")[inside]).all()
    assert np.isnan(waves.marks("p_on")[inside]).all()
    assert np.isfinite(waves.marks("p_peak", "II")[~inside][1:-1]).all()
    assert np.isfinite(waves.marks("t_peak", "II")[inside]).all()


def test_a_flat_lead_and_a_lead_that_was_not_recorded_have_no_mark_and_change_no_other() -> None:
    lead, fs, names, r_peak_s = _ecg(500.0)
    alone = delineate(lead, fs, names, r_peak_s)
    wide = np.concatenate([lead, np.zeros_like(lead), np.full_like(lead, np.nan)], axis=1)
    waves = delineate(wide, fs, ("II", "V1", "V2"), r_peak_s)
    assert np.isnan(waves.time_s[:, 1:]).all()
    np.testing.assert_array_equal(waves.time_s[:, 0], alone.time_s[:, 0])


def test_a_gap_has_no_mark() -> None:
    lead, fs, names, r_peak_s = _ecg(500.0)
    usual = delineate(lead, fs, names, r_peak_s)
    broken = lead.copy()
    broken[round(5.0 * fs) : round(6.5 * fs)] = np.nan
    waves = delineate(broken, fs, names, r_peak_s)
    marked = waves.time_s[np.isfinite(waves.time_s)]
    assert not ((marked > 5.0) & (marked < 6.5)).any()
    far = (r_peak_s > 0.7) & ((r_peak_s < 4) | (r_peak_s > 8)) & (r_peak_s < 11)
    np.testing.assert_allclose(waves.time_s[far], usual.time_s[far], atol=0.012)


def test_the_order_of_leads_does_not_matter() -> None:
    lead, r_peak_s = made_ecg(500.0)
    other, _ = made_ecg(500.0, seed=1)
    both = delineate(np.concatenate([lead, -0.4 * other], axis=1), 500.0, ("a", "b"), r_peak_s)
    swapped = delineate(np.concatenate([-0.4 * other, lead], axis=1), 500.0, ("b", "a"), r_peak_s)
    np.testing.assert_allclose(both.time_s, swapped.time_s[:, ::-1], atol=1e-4)
    np.testing.assert_allclose(both.overall_s, swapped.overall_s, atol=1e-4)


def test_long_recordings_are_marked_piece_by_piece_as_a_whole() -> None:
    lead, r_peak_s = made_ecg(250.0, 400.0)
    whole = delineate(lead, 250.0, ("II",), r_peak_s)
    first = round(260.0 * 250)
    inside = (r_peak_s > 270) & (r_peak_s < 390)
    part = delineate(lead[first:], 250.0, ("II",), r_peak_s[r_peak_s > 260] - 260.0)
    there = part.time_s[inside[r_peak_s > 260]] + 260.0
    assert len(whole) == r_peak_s.size
    assert np.nanmax(np.abs(there - whole.time_s[inside])) < 0.012


def test_beats_outside_the_recording_and_no_beat_at_all_give_no_marks() -> None:
    lead, fs, names, _ = _ecg(250.0)
    assert np.isnan(delineate(lead, fs, names, np.array([40.0])).time_s).all()
    none = delineate(lead, fs, names, np.empty(0))
    assert none.time_s.shape == (0, 1, len(WAVE_MARKS))
    assert none.overall_s.shape == (0, len(WAVE_MARKS))


def test_the_rhythms_that_have_no_p_wave_are_known() -> None:
    rhythm = [Episode(0, 5, "N", ""), Episode(5, 9, "AFIB", ""), Episode(9, 12, "P", ""), Episode(12, 20, "BII", "")]
    assert spans_without_p(rhythm) == ((5, 9), (9, 12))


def test_twelve_leads_of_ten_seconds_take_less_than_a_quarter_of_a_second() -> None:
    lead, r_peak_s = made_ecg(500.0, 10.0)
    wide = np.concatenate([lead * size for size in np.linspace(-1, 1, 12)], axis=1)
    names = tuple(map(str, range(12)))
    delineate(wide, 500.0, names, r_peak_s)
    started = time.process_time()
    delineate(wide, 500.0, names, r_peak_s)
    assert time.process_time() - started < 0.25


def _ecg(fs: float) -> tuple[NDArray[np.float32], float, tuple[str, ...], NDArray[np.float64]]:
    lead, r_peak_s = made_ecg(fs)
    return lead, fs, ("II",), r_peak_s


def test_in_bigeminy_the_beats_with_a_p_wave_keep_it_and_the_others_get_none() -> None:
    lead, r_peak_s = made_ecg(250.0, 30.0, rr_s=1.6)
    at = np.arange(len(lead)) / 250.0
    early_s = r_peak_s[:-1] + 0.7
    for r in early_s:  # a broad beat without a P wave
        lead[:, 0] += 1.4 * np.exp(-0.5 * ((at - r) / 0.035) ** 2) - 0.4 * np.exp(-0.5 * ((at - r - 0.3) / 0.06) ** 2)
    beat_s = np.sort(np.concatenate([r_peak_s, early_s]))
    p = np.isfinite(delineate(lead, 250.0, ("II",), beat_s).marks("p_peak", "II"))
    assert p[np.isin(beat_s, r_peak_s)][1:-1].all()
    assert not p[np.isin(beat_s, early_s)].any()
