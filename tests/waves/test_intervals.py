"""Intervals from marks: per beat, per recording and per hour, and QTc where rate and rhythm allow it."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.measurements import WAVE_MARKS, Waves
from pipeline.waves.intervals import beat_intervals, hourly, spreads
from pipeline.waves.qtc import corrected, why_none

# Of one beat, seconds from R: P 80-200 ms before the QRS, which lasts 90 ms, QT 390 ms.
BEAT = dict(zip(WAVE_MARKS, (-0.20, -0.15, -0.09, -0.04, 0.0, 0.05, 0.2, 0.27, 0.35), strict=True))


def marked(n: int = 10, rr_s: float = 0.8, **changes: float) -> Waves:
    """N equal beats in lead II."""
    beat_s = 0.5 + rr_s * np.arange(n)
    row = np.array([{**BEAT, **changes}[name] for name in WAVE_MARKS])
    times = beat_s[:, None] + row
    return Waves(("II",), beat_s, times[:, None, :], times)


def of(waves: Waves, usual=None):
    n = len(waves)
    return beat_intervals(
        waves, np.ones(n, np.bool_) if usual is None else usual, np.diff(waves.beat_s, prepend=np.nan)
    )


def test_intervals_are_the_distances_between_their_marks():
    found = spreads(of(marked()))
    medians = {name: spread.median for name, spread in found.items()}
    assert medians == pytest.approx({"RR": 800, "P": 110, "PR": 160, "QRS": 90, "QT": 390})
    assert found["RR"].beats == 9
    assert found["QT"].beats == 10


def test_unusual_beats_do_not_count():
    waves = marked()
    times = waves.overall_s.copy()
    times[3, WAVE_MARKS.index("qrs_off")] += 0.09
    usual = np.arange(10) != 3
    found = spreads(of(Waves(waves.leads, waves.beat_s, waves.time_s, times), usual))
    assert (found["QRS"].median, found["QRS"].high, found["QRS"].beats) == (90.0, 90.0, 9)


def test_a_p_wave_before_few_beats_gives_no_pr():
    waves = marked()
    times = waves.overall_s.copy()
    times[:6, :3] = np.nan
    found = spreads(of(Waves(waves.leads, waves.beat_s, waves.time_s, times)))
    assert {"P", "PR"}.isdisjoint(found)
    assert "QT" in found


def test_a_rhythm_without_p_has_no_pr():
    assert "PR" not in spreads(of(marked()), with_p=False)


def test_impossible_distances_are_mistaken_marks():
    assert "QRS" not in spreads(of(marked(qrs_off=0.4)))


def test_short_recordings_have_no_hours_and_an_hour_without_beats_has_nones():
    assert hourly(of(marked()), 10.0) == ()
    waves = marked(n=4000, rr_s=0.8)
    found = hourly(of(waves), 3 * 3600.0)
    assert len(found) == 3
    assert found[0]["PR"] == pytest.approx(160)
    assert found[0]["QTc"] == pytest.approx(390 / 0.8 ** (1 / 3), abs=0.1)
    assert set(found[2].values()) == {None}


@pytest.mark.parametrize("rr_ms", [1000.0])
def test_at_sixty_a_minute_all_formulas_agree(rr_ms):
    assert set(corrected(400, rr_ms).values()) == {400.0}


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"rhythm": "atrial fibrillation"}, "atrial fibrillation"),
        ({"rr_ms": 450.0}, "133 beats"),
        ({"rr_ms": 1600.0}, "38 beats"),
        ({"qrs_ms": 140.0}, "140 ms"),
        ({"qt_ms": None}, "uncertain"),
        ({}, ""),
    ],
)
def test_what_forbids_a_qtc_is_said(facts, words):
    said = why_none(**{"rhythm": "", "qt_ms": 400.0, "rr_ms": 800.0, "qrs_ms": 90.0, **facts})
    assert words in said
    assert bool(said) == bool(facts)


def test_an_hour_in_a_rhythm_that_forbids_a_qtc_has_none():
    beats = of(marked(n=9000, rr_s=0.8))
    found = hourly(beats, 2 * 3600.0, without_qtc=beats.beat_s < 3600)
    assert found[0]["QTc"] is None
    assert found[0]["QT"] == found[1]["QT"] == pytest.approx(390)
    assert found[1]["QTc"] is not None


def test_an_hour_with_a_wide_qrs_has_no_qtc():
    assert {hour["QTc"] for hour in hourly(of(marked(n=9000, qrs_off=0.1)), 2 * 3600.0)} == {None}
