"""Of a long recording the median beat of every half minute is marked, and the P wave of each beat in one lead."""

from __future__ import annotations

import numpy as np

from pipeline.waves.delineate import delineate
from pipeline.waves.long import delineate_long, usual_waves
from tests.helpers.made_ecg import made_ecg


def test_the_median_beat_has_the_marks_of_the_beats() -> None:
    lead, r_peak_s = made_ecg(250.0, 92.0)
    both = np.concatenate([lead, -lead], axis=1)
    usual = usual_waves(both, 250.0, ("II", "aVR"), r_peak_s)
    each = delineate(both, 250.0, ("II", "aVR"), r_peak_s)
    assert len(usual) == 3  # of the last two seconds there are too few beats
    assert np.isin(usual.beat_s, r_peak_s).all()
    assert np.abs(usual.beat_s - [15, 45, 75]).max() < 0.8
    expected = np.nanmedian(each.time_s - each.beat_s[:, None, None], axis=0)
    assert np.abs(usual.time_s - usual.beat_s[:, None, None] - expected).max() < 0.016


def test_noise_of_single_beats_does_not_reach_the_median_beat() -> None:
    lead, r_peak_s = made_ecg(250.0, 60.0)
    quiet = usual_waves(lead, 250.0, ("II",), r_peak_s)
    noisy = lead.copy()
    noisy[2500:3500] += np.random.default_rng(0).normal(0, 1, (1000, 1)).astype(np.float32)
    assert np.abs(usual_waves(noisy, 250.0, ("II",), r_peak_s).time_s - quiet.time_s).max() < 0.016


def test_each_beat_gets_its_p_wave_in_one_lead_and_nothing_else() -> None:
    lead, r_peak_s = made_ecg(250.0, 90.0)
    both = np.concatenate([-lead, lead], axis=1)
    found = delineate_long(both, 250.0, ("V1", "II"), r_peak_s, p_lead="II", without_p=[(0.0, 40.0)])
    p, early = found.p_waves, r_peak_s < 40
    assert p.leads == ("II",)
    assert len(p) == r_peak_s.size
    assert np.isnan(p.time_s[:, :, 3:]).all()
    assert np.isnan(p.marks("p_peak")[early]).all()
    assert np.isfinite(p.marks("p_peak")[~early][:-1]).all()
    assert np.isnan(found.usual.marks("p_on")[0])
    assert np.isfinite(found.usual.marks("p_on")[2])


def test_without_enough_beats_there_is_no_median_beat() -> None:
    lead, r_peak_s = made_ecg(250.0, 60.0)
    none = usual_waves(lead, 250.0, ("II",), r_peak_s[:2])
    assert len(none) == 0
    assert none.time_s.shape == (0, 1, 9)


def test_a_lead_that_was_not_recorded_has_no_mark() -> None:
    lead, r_peak_s = made_ecg(250.0, 60.0)
    both = np.concatenate([lead, np.full_like(lead, np.nan)], axis=1)
    found = usual_waves(both, 250.0, ("II", "V1"), r_peak_s)
    assert np.isnan(found.time_s[:, 1]).all()
    assert np.isfinite(found.time_s[:, 0, 3:6]).all()
