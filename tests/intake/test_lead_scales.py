"""Headers that give each lead a range of one millivolt, and the two facts about the patient that a header may state."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config import DEFAULT
from pipeline.intake.lead_scales import NOTICE, common_scale
from pipeline.intake.wfdb_header import parse_header
from pipeline.intake.wfdb_reader import read_wfdb

NAMES = ("i", "ii", "iii", "v2")


@pytest.fixture
def steps():
    """I, II, III and V2 in microvolts: III is II less I."""
    t = np.linspace(0, 10, 5000)
    first, second = 400 * np.sin(7 * t) ** 15, 900 * np.sin(7 * t + 0.2) ** 15
    return np.round(np.stack([first, second, second - first, 2200 * np.sin(7 * t) ** 9], axis=1)).astype(np.int16)


def _record(steps, gains, comments=""):
    lines = [f"x {len(gains)} 500 {len(steps)}"]
    for i, gain in enumerate(gains):
        total = int(steps[:, i].astype(np.int64).sum()) & 0xFFFF
        total -= 0x10000 if total >= 0x8000 else 0
        lines.append(f"x.dat 16 {gain}(0)/mV 16 0 {steps[0, i]} {total} 0 {NAMES[i]}")
    return read_wfdb("x", ("\n".join(lines) + "\n" + comments).encode(), {b"x.dat": steps.tobytes()})


def test_leads_that_a_header_scales_each_to_one_millivolt_are_read_as_the_microvolts_they_are(steps):
    recording = _record(steps, np.ptp(steps, axis=0).tolist())
    np.testing.assert_allclose(recording.p_signal, steps / 1000, atol=1e-4)
    assert NOTICE in recording.notices


def test_gains_of_one_size_stay(steps):
    recording = _record(steps, [1000] * 4)
    np.testing.assert_allclose(recording.p_signal, steps / 1000, atol=1e-4)
    assert NOTICE not in recording.notices


def test_leads_of_one_millivolt_whose_steps_break_einthovens_law_stay(steps):
    steps = steps.copy()
    steps[:, 2] = np.roll(steps[:, 2], 400)
    gains = np.ptp(steps, axis=0)
    assert common_scale((steps / gains).astype(np.float32), NAMES, gains.tolist()) is None


@pytest.mark.parametrize(
    ("comments", "age", "sex"),
    [
        ("#<age>: 55\n#<sex>: M\n", 55, "M"),
        ("# Age: 74\r\n# Sex: Female\r\n", 74, "F"),
        ("#Age: 300\n#Sex: Unknown\n", None, None),
        ("# Paget's disease, age: 7 decades\n", None, None),
    ],
)
def test_age_and_sex_are_all_that_is_read_of_comments(comments, age, sex):
    header = parse_header(f"x 1 500 5\nx.dat 16 1000/mV 16 0 0 0 0 II\n{comments}".encode(), DEFAULT.limits)
    assert (header.age_years, header.sex) == (age, sex)
