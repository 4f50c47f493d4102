"""Marks that a reader moves on single beats: their intervals, the median beat and all that is measured follow."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.analysis import analyse, load_classifier, with_measurements
from pipeline.config import RECORDING_NETWORK
from pipeline.measurements import WAVE_MARKS
from pipeline.twelve_leads import median_beat as subject
from pipeline.twelve_leads.remeasured import beat_marks, remeasured
from pipeline.types import Analysis, Recording
from tests.helpers.twelve_lead_ecg import LEADS, made_ecg

FS = 500.0
T_OFF = WAVE_MARKS.index("t_off")
LATER_S = 0.06


@pytest.fixture(scope="module")
def twelve() -> tuple[Recording, Analysis]:
    recording = Recording.from_array(made_ecg(10.0), fs=FS, leads=LEADS, name="twelve")
    return recording, with_measurements(recording, analyse(recording, load_classifier(RECORDING_NETWORK)))


@pytest.fixture(scope="module")
def found(twelve: tuple[Recording, Analysis]) -> subject.MarkedStretch:
    return subject.marked_stretch(*twelve, 0.0, 10.0)


def moved_by(found: subject.MarkedStretch, analysis: Analysis, rows: range) -> dict[int, subject.MarksS]:
    """The end of T of some beats `LATER_S` later."""
    return {
        int(analysis.sample[found.position[row]]): {"t_off": beat_marks(found.waves, row)["t_off"] + LATER_S}
        for row in rows
    }


def test_only_the_beat_that_was_moved_changes_and_in_every_lead_by_as_much(
    twelve: tuple[Recording, Analysis], found: subject.MarkedStretch
) -> None:
    after = subject.with_beats_moved(*twelve, found, moved_by(found, twelve[1], range(4, 5)))
    change = after.waves.overall_s - found.waves.overall_s
    assert change[4, T_OFF] == pytest.approx(LATER_S)
    in_leads = (after.waves.time_s - found.waves.time_s)[4, :, T_OFF]
    assert in_leads[np.isfinite(in_leads)] == pytest.approx(LATER_S)
    change[4, T_OFF] = 0.0
    assert not np.nan_to_num(change).any()


def test_one_beat_of_many_leaves_the_medians_and_most_of_them_move_them(
    twelve: tuple[Recording, Analysis], found: subject.MarkedStretch
) -> None:
    recording, analysis = twelve
    model = analysis.measured
    assert model is not None
    assert found.beat is not None
    few, most = (moved_by(found, analysis, range(1, stop)) for stop in (2, 10))
    one, many = (subject.measured_again(recording, analysis, found, {}, own) for own in (few, most))
    assert one is not None
    assert many is not None
    assert one.intervals["QT"].median == pytest.approx(model.intervals["QT"].median, abs=4)
    assert one.intervals["QT"].high > model.intervals["QT"].high + 10
    assert many.intervals["QT"].median == pytest.approx(model.intervals["QT"].median + 1000 * LATER_S, abs=4)
    assert many.leads["V5"].intervals_ms["QT"].median > model.leads["V5"].intervals_ms["QT"].median + 40
    after = subject.with_beats_moved(recording, analysis, found, most)
    assert after.beat is not None
    assert after.beat.marks_s["t_off"] == pytest.approx(found.beat.marks_s["t_off"] + LATER_S, abs=0.004)


def test_a_mark_moved_on_a_beat_stays_there_when_that_of_the_median_beat_moves(
    twelve: tuple[Recording, Analysis], found: subject.MarkedStretch
) -> None:
    recording, analysis = twelve
    own = moved_by(found, analysis, range(4, 5))
    by_beats = subject.with_beats_moved(recording, analysis, found, own)
    assert by_beats.beat is not None
    waves = subject.with_median_moved(analysis, by_beats, {"t_off": by_beats.beat.marks_s["t_off"] - 0.04}, own)
    change = (waves.overall_s - found.waves.overall_s)[:, T_OFF]
    assert change[4] == pytest.approx(LATER_S)
    assert np.delete(change, 4)[np.isfinite(np.delete(change, 4))] == pytest.approx(-0.04)


def test_statements_that_rest_on_the_medians_follow(
    twelve: tuple[Recording, Analysis], found: subject.MarkedStretch
) -> None:
    recording, analysis = twelve
    assert analysis.measured is not None
    by_s = 0.240 - analysis.measured.intervals["PR"].median / 1000
    own = {
        int(analysis.sample[position]): {"p_on": beat_marks(found.waves, row)["p_on"] - by_s}
        for row, position in enumerate(found.position.tolist())
        if "p_on" in beat_marks(found.waves, row)
    }
    again = subject.measured_again(recording, analysis, found, {}, own)
    assert again is not None
    assert again.intervals["PR"].median == pytest.approx(240, abs=4)
    assert "1AVB" not in {one.code for one in analysis.measured.statements}
    assert "1AVB" in {one.code for one in again.statements}


def test_what_is_said_of_a_moved_beat_is_its_own(
    twelve: tuple[Recording, Analysis], found: subject.MarkedStretch
) -> None:
    recording, analysis = twelve
    own = moved_by(found, analysis, range(4, 5))
    (beat,) = remeasured(recording, analysis, {}, own).beats
    assert beat.sample == int(analysis.sample[found.position[4]])
    assert beat.intervals_ms["QT"] - beat.before_ms["QT"] == pytest.approx(1000 * LATER_S)
    assert beat.intervals_ms["QRS"] == beat.before_ms["QRS"]
    assert beat.found_s["t_off"] == pytest.approx(beat.moved_s["t_off"] - LATER_S)
    assert set(beat.st_mv) >= set(LEADS)
    nowhere = remeasured(recording, analysis, {}, {int(beat.sample) + 3: dict(beat.moved_s)})
    assert nowhere.beats == ()
