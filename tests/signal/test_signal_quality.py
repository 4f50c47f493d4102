"""What noise, artefacts and lost leads do to verdicts, classes and notices."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pipeline.analysis import analyse, load_classifier, prepare
from pipeline.config import DEFAULT, RECORDING_NETWORK
from pipeline.datasets import demo_path
from pipeline.intake import read_path
from pipeline.signal.noise import judge_noise
from pipeline.signal.quality import BESIDE, NO_ECG, beside_lost
from pipeline.signal.sampling import qrs_width_ms
from pipeline.synthesis.non_ecg import KINDS, draw_fibrillation, draw_non_ecg
from pipeline.types import Analysis, FloatArray, Quality, QualitySegment, Recording, read_only
from tests.signal.test_signal_artefacts import FS, heart, recording

SIGNAL = DEFAULT.signal


@pytest.fixture(scope="module")
def demo() -> Recording:
    return read_path(demo_path())


def analysed(given: Recording) -> Analysis:
    return analyse(given, load_classifier(RECORDING_NETWORK))


def changed(given: Recording, p_signal: FloatArray, fs: float | None = None) -> Recording:
    return dataclasses.replace(given, p_signal=read_only(p_signal), reference=None, fs=fs or given.fs)


@pytest.mark.parametrize("seconds", [0.004, 1.0, 2.0])
def test_a_sentinel_in_a_clean_ecg_makes_no_class_and_does_not_go_unmentioned(seconds):
    lead = heart()
    lead[7500 : 7500 + round(seconds * FS)] = -9999.0
    found = analysed(recording(lead))
    counts = found.counts()
    assert counts["S"] == counts["V"] == counts["F"] == 0
    assert counts["N"] >= 70
    assert any("II was not read where it is no ECG" in notice for notice in found.notices)
    lost = [segment for segment in found.quality.segments if segment.verdict == "gap"]
    assert [(round(one.start_s, 1), one.leads) for one in lost] == [(30.0, ("II",))]


def test_a_gap_between_two_steps_of_the_working_signal_leaves_nothing_over():
    lead, fs = heart(), 360.0
    lead[3600:3800] = np.nan
    found = prepare(Recording.from_array(lead[:, None], fs=fs, leads=("II",))).quality.segments
    assert [(one.start_s, one.stop_s) for one in found if one.verdict == "gap"] == [
        (10.0, pytest.approx(3800 / fs, abs=0.004))
    ]


def test_what_is_not_n_beside_a_gap_is_not_classified(demo):
    holed = demo.p_signal.copy()
    rng = np.random.default_rng(0)
    for start in range(10, 290, 15):
        first = round((start + rng.uniform(0, 2)) * demo.fs)
        holed[first : first + round(2 * demo.fs)] = np.nan
    found = analysed(changed(demo, holed))
    beside = beside_lost(found.time_s, found.quality)
    classified = np.array(found.status) == "classified"
    assert beside.sum() >= 40
    assert set(np.array(found.symbol)[beside & classified]) <= {"N", "Q"}
    assert BESIDE in found.reason


def test_beside_are_the_beats_around_a_gap_and_within_a_second_after_it():
    quality = Quality(
        (
            QualitySegment(0, 10, "good", ""),
            QualitySegment(10, 12, "gap", "nothing was recorded", ("II",)),
            QualitySegment(12, 30, "good", ""),
            QualitySegment(30, 40, "good", "flat line", ("V1",)),
            QualitySegment(40, 60, "good", ""),
        ),
        1.0,
    )
    times = np.array([7.0, 8.5, 12.3, 12.9, 13.1, 20.0, 29.6, 35.0, 40.4, 41.0])
    assert beside_lost(times, quality).tolist() == [False, True, True, True, False, False, True, False, True, False]


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"square"}))  # whose edges, filtered, may look like beats
@pytest.mark.parametrize("seed", [11, 12])
def test_what_is_no_ecg_gives_no_class(kind, seed):
    lead = draw_non_ecg(kind, 30_000, FS, np.random.default_rng(seed))
    found = analysed(recording(lead))
    classified = np.array(found.status) == "classified"
    assert classified.sum() <= 3
    assert any(segment.reason == NO_ECG for segment in found.quality.segments)


def test_no_ecg_is_not_said_of_an_ecg_an_asystole_or_fibrillation(demo):
    lead = heart(120.0)
    lead[10_000:14_000] = 0.01 * np.random.default_rng(1).normal(size=4000)
    wave = draw_fibrillation(30_000, FS, np.random.default_rng(77))
    for given in (demo, recording(lead), recording(wave)):
        reasons = [segment.reason for segment in prepare(given).quality.segments]
        assert NO_ECG not in reasons


def test_a_dead_first_lead_is_passed_over_and_said_so():
    for dead in (np.zeros(15_000, np.float32), np.full(15_000, np.nan, np.float32)):
        found = analysed(recording(dead, heart()))
        assert found.leads == ("V5",)
        assert found.counts()["N"] == 75
        assert any(notice.startswith("Lead II holds a signal in") for notice in found.notices)


def test_a_first_lead_that_is_all_noise_is_read_second():
    noise = (2 * np.random.default_rng(4).normal(size=30_000)).astype(np.float32)
    found = analysed(recording(noise, heart(120.0)))
    assert found.leads == ("V5", "II")
    assert "Lead II is hidden by noise: lead V5 was read first." in found.notices
    assert found.counts()["N"] > 100


def test_a_lead_that_the_user_asks_for_is_read_even_if_another_is_better():
    half = heart()
    half[:9000] = np.nan
    assert prepare(recording(half, heart()), leads=("II",)).leads == ("II",)


def test_an_inverted_second_lead_is_noticed_where_it_should_point_up():
    def notices(name: str) -> list[str]:
        given = dataclasses.replace(recording(heart(), -heart(seed=1)), leads=("II", name))
        return [notice for notice in prepare(given).notices if "points down" in notice]

    assert notices("V5") == ["The QRS of lead V5 points down: the electrodes may be swapped."]
    assert notices("V1") == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        *(("V1", False), ("Lead V1", False), ("MCL1", False), ("MV2", False), ("V4R", False), ("aVR", False)),
        *(("C1", False), ("CM1", False), ("II", True), ("V5", True), ("CM5", True)),
    ],
)
def test_a_lead_alone_is_noticed_only_where_its_qrs_points_up_in_health(name, said):
    alone = dataclasses.replace(recording(-heart()), leads=(name,))
    assert any("points down" in notice for notice in prepare(alone).notices) == said


def test_noise_takes_classes_away_and_the_rest_keeps_its_own(demo):
    given = demo.p_signal.copy()
    first, last = round(100 * demo.fs), round(140 * demo.fs)
    rng = np.random.default_rng(3)
    given[first:last] += (3 * rng.normal(size=(last - first, given.shape[1]))).astype(np.float32)
    clean, noisy = analysed(demo), analysed(changed(demo, given))
    inside = (noisy.time_s > 101) & (noisy.time_s < 139)
    assert not (inside & (np.array(noisy.status) == "classified")).any()
    before = {round(t, 2): s for t, s in zip(clean.time_s, clean.symbol, strict=True) if not 95 < t < 145}
    after = {round(t, 2): s for t, s in zip(noisy.time_s, noisy.symbol, strict=True) if not 95 < t < 145}
    assert sum(after.get(t) == s for t, s in before.items()) > 0.95 * len(before)


def test_windows_cover_the_signal_once(demo):
    prepared = prepare(demo)
    verdicts = judge_noise(prepared.conditioned, prepared.beats.r_peak, prepared.beats.r_peak, doubtful=0.1)
    assert verdicts.start_s[0] == 0
    assert np.allclose(verdicts.start_s[1:], verdicts.stop_s[:-1])
    assert verdicts.stop_s[-1] == pytest.approx(demo.duration_s, abs=0.01)
    assert ((verdicts.wrong >= 0) & (verdicts.wrong <= 1)).all()


@pytest.mark.parametrize(("factor", "asked"), [(1.0, False), (2.0, True), (3.0, True), (0.5, True), (1 / 3, True)])
@pytest.mark.parametrize("rr_s", [0.7, 0.9, 1.1])
def test_a_sampling_frequency_that_is_wrong_by_two_or_three_is_asked_about(factor, asked, rr_s):
    given = dataclasses.replace(recording(heart(120.0, rr_s=rr_s)), fs=FS * factor)
    notices = [notice for notice in prepare(given).notices if "is the sampling frequency really" in notice]
    assert len(notices) == asked
    assert all(f"really {FS * factor:g} Hz?" in notice for notice in notices)


def test_the_width_of_a_qrs_is_what_a_reader_would_measure():
    given = prepare(recording(heart()))
    assert qrs_width_ms(given.conditioned, given.beats.r_peak) == pytest.approx(80, abs=24)
