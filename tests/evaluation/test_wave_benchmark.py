"""How marks of waves are compared with those of cardiologists."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.wave_tables import tables_of
from benchmarks.waves import differences, interval_ms, no_p_counts, p_counts, within
from pipeline.datasets.wave_references import MarkedWaves, WaveReference

R = np.array([1.0, 2.0, 3.0])
AROUND = {"p": (-0.2, -0.15, -0.1), "qrs": (-0.05, 0.0, 0.05), "t": (0.2, 0.3, 0.4)}


def _waves(r=R, **moved):
    return {name: MarkedWaves(*(r + at + moved.get(name, 0.0) for at in (three))) for name, three in AROUND.items()}


def _reference(**without):
    waves = _waves()
    for name in without:
        waves[name] = MarkedWaves(*(np.empty(0),) * 3)
    return WaveReference(waves, 0.8, 3.4)


def test_differences_are_found_less_reference_one_to_one_within_150_ms():
    found = _waves(t=0.02)
    errors, count = differences(_reference(), found, "t off")
    assert errors == pytest.approx([20, 20, 20])
    assert count == 3
    far, _ = differences(_reference(), _waves(t=0.2), "t off")
    assert far.size == 0
    twice = found | {"t": MarkedWaves(*(np.concatenate([at, at + 0.05]) for at in (R, R, R + 0.42)))}
    assert differences(_reference(), twice, "t off")[0] == pytest.approx([20, 20, 20])


def test_a_mark_that_is_uncertain_is_not_counted_as_found():
    t = _waves()["t"]
    found = _waves() | {"t": MarkedWaves(t.on_s, t.peak_s, np.array([1.4, np.nan, 3.4]))}
    errors, count = differences(_reference(), found, "t off")
    assert (errors.size, count) == (2, 3)


def test_waves_outside_what_was_marked_do_not_count():
    early = np.array([0.2, 1.0, 2.0, 3.0, 4.0])
    kept = within(_waves(early), _reference())
    assert [kept[name].on_s.size for name in ("p", "qrs", "t")] == [3, 3, 3]


def test_p_waves_are_counted_one_by_one():
    assert p_counts(_reference(), _waves()) == (3, 3, 3)
    assert p_counts(_reference(), _waves(np.array([1.0, 2.0, 2.5, 3.0]))) == (3, 3, 4)
    assert p_counts(_reference(p=None), _waves()) == (0, 0, 3)


def test_a_p_wave_before_a_beat_without_one_is_false():
    assert no_p_counts(_reference(p=None), _waves()) == (2, 2)  # not the first beat: nothing is known before it
    assert no_p_counts(_reference(p=None), _waves(p=-0.4)) == (2, 0)


@pytest.mark.parametrize(("name", "length"), [("PR", 150), ("QRS", 100), ("QT", 450)])
def test_intervals_are_medians_over_the_beats(name, length):
    assert interval_ms(_waves(), name) == pytest.approx(length)


def test_an_interval_without_its_wave_is_no_number():
    assert np.isnan(interval_ms(_reference(p=None).waves, "PR"))
    assert np.isnan(interval_ms(_reference(t=None).waves, "QT"))


def test_the_tables_show_every_detector_of_the_stored_file():
    from benchmarks.results import WaveBenchmark
    from benchmarks.wave_tables import PAGE, REPORT
    from pipeline._util.typed_json import read_as

    report = read_as(WaveBenchmark, REPORT, again="")
    paragraphs = list(tables_of(report))
    assert all(paragraphs[at].count(f"| {name} |") == 1 for at in (2, 4, 6) for name in report.scores)
    assert "\n\n".join(paragraphs) in PAGE.read_text("utf-8")
