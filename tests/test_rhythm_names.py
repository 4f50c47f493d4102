"""The one table of what rhythms are called, and how long each lasts."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config import ROOT
from pipeline.rhythm_names import RHYTHM_NAMES, episode_at, in_sinus, rhythm_name, rhythm_times
from pipeline.types import RHYTHM_CODES, Episode, RhythmCode

DAY = (Episode(0.0, 10.0, "N"), Episode(10.0, 16.0, "AFIB"), Episode(16.0, 20.0, "N"), Episode(20.0, 40.0, "AFIB"))


def test_every_rhythm_has_a_name_and_a_short_one_that_no_other_has() -> None:
    assert set(RHYTHM_NAMES) == set(RHYTHM_CODES)
    for names in ([form.name for form in RHYTHM_NAMES.values()], [form.short for form in RHYTHM_NAMES.values()]):
        assert all(names)
        assert len(set(names)) == len(names)


def test_what_kills_comes_first_and_sinus_rhythm_last() -> None:
    assert list(RHYTHM_NAMES)[:3] == ["VFL", "ASYS", "VT"]
    assert list(RHYTHM_NAMES)[-1] == "N"


@pytest.mark.parametrize(
    ("rhythm", "detail", "name", "snomed"),
    [
        ("VFL", "VF", "Ventricular fibrillation", "164896001"),
        ("VFL", "VFL", "Ventricular flutter", "111288001"),
        ("VFL", "", "Ventricular fibrillation or flutter", ""),
        ("BII", "Wenckebach", "Wenckebach AV block", "54016002"),
        ("BII", "2:1", "2:1 AV block", "195042002"),
        ("BII", "high degree, 3:1", "High-degree AV block", "195042002"),
        ("P", "dual chamber", "Paced rhythm, dual chamber", "10370003"),
        ("AFIB", "", "Atrial fibrillation", "164889003"),
        ("ASYS", "", "Asystole or pause", ""),
        ("ASYS", "pause", "Pause", ""),
        ("ASYS", "asystole", "Asystole", ""),
    ],
)
def test_a_detail_says_more_exactly_what_a_rhythm_is(rhythm: RhythmCode, detail: str, name: str, snomed: str) -> None:
    found = rhythm_name(Episode(0.0, 9.0, rhythm, detail))
    assert (found.name, found.snomed) == (name, snomed)


def test_times_and_shares_add_up_and_the_most_urgent_comes_first() -> None:
    found = rhythm_times(DAY)
    assert [(row.rhythm, row.seconds, row.count, row.longest.start_s) for row in found] == [
        ("AFIB", 26.0, 2, 20.0),
        ("N", 14.0, 2, 0.0),
    ]
    assert sum(row.share for row in found) == pytest.approx(1.0)
    assert rhythm_times(()) == ()


def test_an_episode_holds_from_its_start_until_before_its_end() -> None:
    at = np.array([0.0, 9.999, 10.0, 39.9, 40.0])
    assert episode_at(DAY, at).tolist() == [0, 0, 1, 3, 3]
    assert in_sinus(DAY, at).tolist() == [True, True, False, False, False]
    assert in_sinus((), at).all()


def test_no_other_module_names_rhythms() -> None:
    """A name that only a table of rhythms would have is written in the one table alone."""
    files = [path for folder in ("app", "pipeline") for path in (ROOT / folder).rglob("*.py")]
    found = {path.name for path in files if '"2nd-degree block"' in path.read_text(encoding="utf-8")}
    assert found == {"rhythm_names.py"}
