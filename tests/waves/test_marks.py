"""Marks of waves are told apart by their name and lead."""

import numpy as np

from pipeline.measurements import WAVE_MARKS, Waves


def test_marks_of_one_lead_and_of_all():
    in_leads = np.arange(2 * 2 * 9, dtype=float).reshape(2, 2, 9)
    overall = -np.arange(2 * 9, dtype=float).reshape(2, 9)
    waves = Waves(("I", "II"), np.array([1.0, 2.0]), in_leads, overall)
    at = WAVE_MARKS.index("t_off")
    assert len(waves) == 2
    assert waves.marks("t_off", "II").tolist() == in_leads[:, 1, at].tolist()
    assert waves.marks("t_off").tolist() == overall[:, at].tolist()
