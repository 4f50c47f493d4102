"""Marks of waves are told apart by their name and lead."""

import numpy as np

from pipeline.measurements import WAVE_MARKS, Waves
from pipeline.waves.inputs import LeadLines
from pipeline.waves.long import _medians
from pipeline.waves.marks import marks_of, marks_of_each


def test_marks_of_one_lead_and_of_all():
    in_leads = np.arange(2 * 2 * 9, dtype=float).reshape(2, 2, 9)
    overall = -np.arange(2 * 9, dtype=float).reshape(2, 9)
    waves = Waves(("I", "II"), np.array([1.0, 2.0]), in_leads, overall)
    at = WAVE_MARKS.index("t_off")
    assert len(waves) == 2
    assert waves.marks("t_off", "II").tolist() == in_leads[:, 1, at].tolist()
    assert waves.marks("t_off").tolist() == overall[:, at].tolist()


def test_marks_of_many_single_beats_are_those_of_each_alone():
    rng = np.random.default_rng(3)
    values = rng.normal(0, 0.3, (6, 2, 512, 2)).astype(np.float32)
    at = np.arange(512)
    p = np.stack([np.exp(-0.5 * ((at - middle) / 8) ** 2) for middle in (220, 256, 330)], axis=-1)
    p = np.clip(p + rng.normal(0, 0.02, (6, 2, 512, 3)), 0, 1).astype(np.float32)
    missing = np.zeros((6, 2, 512), np.bool_)
    missing[2, 0], missing[3, :, 300:] = True, True
    r_s = 256 / 250
    each = [marks_of(p[k], LeadLines(values[k], missing[k]), np.array([r_s]))[0] for k in range(6)]
    together = marks_of_each(p, values[..., 0], missing, r_s)
    assert np.isfinite(together[0]).any()
    np.testing.assert_array_equal(together, np.stack(each))


def test_the_median_of_beats_leaves_out_what_is_missing():
    rows = np.array([[3, 1, 2, 4], [5, np.nan, 1, np.nan], [np.nan] * 4, [np.nan, 7, 8, 9]], np.float32)
    middle, missing = _medians(rows.copy())
    assert middle.tolist() == [2.5, 3.0, 0.0, 8.0]
    assert missing.tolist() == [False, False, True, False]
    assert _medians(rows[:1].copy())[0].tolist() == [2.5]
