"""Over all leads: the earliest onset and the latest end, but not that of a lead which stands alone."""

from __future__ import annotations

import numpy as np

from pipeline.measurements import WAVE_MARKS
from pipeline.waves.over_leads import over_leads

ON, PEAK, OFF = (WAVE_MARKS.index(name) for name in ("qrs_on", "qrs_peak", "qrs_off"))


def _marks(n_leads: int) -> np.ndarray:
    one = np.array([0.80, 0.84, 0.88, 0.95, 1.00, 1.05, 1.20, 1.30, 1.40])
    return np.broadcast_to(one, (1, n_leads, 9)).copy()


def test_onsets_are_the_earliest_and_ends_the_latest() -> None:
    marks = _marks(2)
    marks[0, 1, ON], marks[0, 1, OFF] = 0.94, 1.06
    found = over_leads(marks)[0]
    assert (found[ON], found[OFF]) == (0.94, 1.06)


def test_one_lead_far_away_does_not_decide() -> None:
    marks = _marks(12)
    marks[0, 3, ON], marks[0, 5, OFF] = 0.85, 1.2
    found = over_leads(marks)[0]
    assert abs(found[ON] - 0.95) < 0.002
    assert abs(found[OFF] - 1.05) < 0.002


def test_three_leads_that_agree_on_an_earlier_onset_decide() -> None:
    marks = _marks(12)
    marks[0, :3, ON] = 0.93
    assert abs(over_leads(marks)[0, ON] - 0.93) < 0.002


def test_a_wave_in_few_leads_is_not_there() -> None:
    marks = _marks(12)
    marks[0, 2:, :3] = np.nan
    found = over_leads(marks)[0]
    assert np.isnan(found[:3]).all()
    assert np.isfinite(found[3:]).all()


def test_without_any_mark_there_is_none() -> None:
    assert np.isnan(over_leads(np.full((2, 12, 9), np.nan))).all()
    assert over_leads(np.empty((0, 12, 9))).shape == (0, 9)
