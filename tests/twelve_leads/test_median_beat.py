"""The median beat: of usual beats only, aligned on R, all leads on one time base; intervals follow its marks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.measurements import Measurements
from pipeline.twelve_leads import median_beat as subject
from pipeline.twelve_leads.median_beat import MedianBeat, beat_measures, marked_stretch, st_levels, stretch_of
from pipeline.types import Analysis, Quality, QualitySegment, Recording

FS = 500.0
LEADS = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
P_S, T_S = -0.17, 0.26


def shape(time_s):
    """A beat of 1 mV with a P wave and a T wave; R at 0 s."""
    qrs = np.clip(1 - np.abs(time_s) / 0.04, 0, None)
    return qrs + 0.15 * np.exp(-(((time_s - P_S) / 0.03) ** 2)) + 0.3 * np.exp(-(((time_s - T_S) / 0.06) ** 2))


def recording(seconds=20.0, *, ectopic=(), noise_mv=0.0):
    """Beats every 0.8 s; that of lead k is k/10 mV higher; ectopic ones are broad, inverted and early by nothing."""
    n = round(seconds * FS)
    time_s = np.arange(n) / FS
    at = np.arange(1.0, seconds - 1.0, 0.8)
    signal = np.zeros((n, len(LEADS)))
    for i, second in enumerate(at):
        one = -2 * np.clip(1 - np.abs(time_s - second) / 0.12, 0, None) if i in ectopic else shape(time_s - second)
        signal += one[:, None] * (1 + np.arange(len(LEADS)) / 10)
    signal += np.random.default_rng(4).normal(0, noise_mv, signal.shape) if noise_mv else 0
    return Recording.from_array(signal, fs=FS, leads=LEADS), at


def analysis(at, letters, seconds):
    p = np.full((at.size, 5), 0.02, np.float32)
    p[np.arange(at.size), ["NSVFQ".index(letter) for letter in letters]] = 0.92
    return Analysis(
        record="made", digest="ab" * 32, fs=FS, duration_s=seconds, leads=("II",), model="m", model_version="0",
        version="0.1.0", quality=Quality((QualitySegment(0.0, seconds, "good", ""),), 1.0),
        sample=np.round(at * FS).astype(np.int64), p=p, has_p=np.ones(at.size, bool), confidence=p.max(axis=1),
        status=("classified",) * at.size, reason=("",) * at.size, notices=(), threshold=0.5,
    )  # fmt: skip


def beat_of(*, ectopic=(), noise_mv=0.0, seconds=20.0):
    made, at = recording(seconds, ectopic=ectopic, noise_mv=noise_mv)
    letters = ["V" if i in ectopic else "N" for i in range(at.size)]
    found = marked_stretch(made, analysis(at, letters, seconds), 0.0, seconds)
    assert found.beat is not None
    return found.beat, at


def test_it_is_the_shape_of_the_beats_in_every_lead():
    beat, at = beat_of()
    assert beat.value_mv.shape == (beat.time_s.size, 12)
    assert beat.beats == at.size
    assert beat.rr_s == pytest.approx(0.8, abs=0.002)
    near = (beat.time_s > -0.3) & (beat.time_s < 0.4)  # the beats before and after lie outside
    for number, lead in enumerate(LEADS):
        expected = shape(beat.time_s) * (1 + number / 10)
        got = beat.value_mv[:, beat.leads.index(lead)]
        assert_allclose(got[near] - got[near].min(), (expected - expected[near].min())[near], atol=0.05)
    assert beat.time_s[beat.value_mv[:, beat.leads.index("V6")].argmax()] == pytest.approx(0, abs=0.004)


def test_derived_leads_are_there_and_follow_from_i_and_ii():
    beat, _ = beat_of()
    assert beat.derived == ("III", "aVR", "aVL", "aVF")
    one, two, three = (beat.value_mv[:, beat.leads.index(lead)] for lead in ("I", "II", "III"))
    assert_allclose(three, two - one, atol=1e-5)


def test_ectopic_beats_change_nothing():
    clean, _ = beat_of()
    mixed, at = beat_of(ectopic=(3, 9, 14))
    assert mixed.beats == at.size - 3
    assert_allclose(mixed.value_mv, clean.value_mv, atol=0.05)


def test_noise_is_averaged_out():
    clean, _ = beat_of()
    noisy, _ = beat_of(noise_mv=0.05)
    near = (clean.time_s > -0.3) & (clean.time_s < 0.4)
    difference = (noisy.value_mv - clean.value_mv)[near][:, clean.leads.index("V1")]
    assert np.std(difference) < 0.03


def test_without_beats_there_is_none():
    made, at = recording()
    nothing = analysis(at[:0], [], 20.0)
    assert marked_stretch(made, nothing, 0.0, 20.0).beat is None


def test_marks_are_in_seconds_from_the_start_of_the_recording():
    made, at = recording(90.0)
    found = marked_stretch(made, analysis(at, ["N"] * at.size, 90.0), 30.0, 60.0)
    assert ((found.waves.beat_s >= 30.0) & (found.waves.beat_s < 60.0)).all()
    onset = found.waves.marks("qrs_on")
    assert_allclose(found.waves.beat_s - onset, 0.04, atol=0.03)


@pytest.mark.parametrize(
    ("seconds", "at_s", "expected"),
    [(10, 5, (0, 10)), (60, 59, (0, 60)), (90, 5, (0, 30)), (90, 31, (30, 60)), (100, 99, (70, 100))],
)
def test_long_recordings_are_shown_in_half_minutes(seconds, at_s, expected):
    made = Recording.from_array(np.ones((round(seconds * 100), 1)), fs=100, leads=["I"])
    assert stretch_of(made, at_s) == expected


MARKS = {"p_on": -0.22, "p_off": -0.12, "qrs_on": -0.05, "qrs_off": 0.05, "t_off": 0.36}


def test_intervals_follow_the_marks():
    beat, _ = beat_of()
    found = beat_measures(beat, MARKS)
    assert {name: round(value) for name, value in found.items()} == {
        "P": 100, "PR": 170, "QRS": 100, "QT": 410, "QTc": round(410 / beat.rr_s ** (1 / 3)),
    }  # fmt: skip
    moved = beat_measures(beat, {**MARKS, "qrs_on": -0.07})
    assert [round(moved[name]) for name in ("PR", "QRS", "QT")] == [150, 120, 430]
    assert "QTc" not in beat_measures(beat, MARKS, with_qtc=False)
    assert set(beat_measures(beat, {"qrs_on": -0.05})) == set()
    assert "PR" not in beat_measures(beat, {**MARKS, "p_on": -0.9})  # no heart has that


def test_st_levels_refer_to_the_end_of_the_pr_segment():
    time_s = np.arange(-200, 350) / FS
    value = np.where(time_s > 0.05, 0.25, 0.05)[:, None] * np.array([1.0, 2.0])
    beat = MedianBeat(("V1", "V2"), (), time_s, value.astype(np.float32), {}, 9, 0.8)
    levels = st_levels(beat, MARKS)
    assert_allclose(levels["V1"], (0.2, 0.2), atol=1e-6)
    assert_allclose(levels["V2"], (0.4, 0.4), atol=1e-6)
    assert st_levels(beat, {"qrs_on": -0.05}) == {}


def test_a_stretch_reads_only_its_samples():
    made, at = recording(120.0)
    hidden = np.array(made.p_signal)
    hidden[: round(29 * FS)] = np.nan
    hidden[round(61 * FS) :] = np.nan
    other = Recording.from_array(hidden, fs=FS, leads=LEADS)
    known = replace(analysis(at, ["N"] * at.size, 120.0), measured=Measurements())
    first, second = (marked_stretch(one, known, 30.0, 60.0) for one in (made, other))
    assert first.beat is not None
    assert second.beat is not None
    assert_allclose(first.beat.value_mv, second.beat.value_mv)
    assert subject.STRETCH_S == 30.0


def test_statements_follow_the_marks_that_a_reader_moves():
    made, at = recording()
    read = analysis(at, "N" * at.size, 20.0)
    found = marked_stretch(made, read, 0.0, 20.0)
    assert found.beat is not None
    before = subject.measured_again(made, read, found, {"p_on": found.beat.marks_s["p_on"]})
    assert before is not None
    assert "1AVB" not in [one.code for one in before.statements]
    by_s = 0.220 - before.intervals["PR"].median / 1000
    moved = subject.measured_again(made, read, found, {"p_on": found.beat.marks_s["p_on"] - by_s})
    assert moved is not None
    assert moved.intervals["PR"].median == pytest.approx(220, abs=1)
    assert moved.intervals["QT"] == before.intervals["QT"]
    assert "1AVB" in [one.code for one in moved.statements]
    put = subject.measured_again(made, read, replace(found, beat=replace(found.beat, marks_s={})), {"t_off": 0.45})
    assert put is not None
    assert put.intervals["QT"].median > before.intervals["QT"].median


def test_a_stretch_of_a_longer_recording_changes_no_statement():
    made, at = recording(70.0)
    read = analysis(at, "N" * at.size, 70.0)
    assert subject.measured_again(made, read, marked_stretch(made, read, 0.0, 30.0), {"p_on": -0.3}) is None
