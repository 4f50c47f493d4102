"""Rhythm events and the triage list, on sequences written by hand and on the rhythms of MIT-BIH."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.config import REVIEW
from pipeline.review.morphology import Families
from pipeline.review.rhythm_events import af_like_intervals, events, irregularity, moving_rate
from pipeline.review.triage import BeatFilter, beats_passing, disagreements, findings_passing, triage
from pipeline.types import Analysis, Quality, QualitySegment
from tests.helpers.review_beats import FS, written


def found(classes, rr_s=0.8, **options):
    """Kind, first and last position of each event."""
    return [(event.kind, event.first, event.last) for event in events(written(classes, rr_s, **options))]


def intervals(classes, **special):
    """0.8 s before every beat, except those given as `at3=0.5`."""
    rr_s = np.full(len(classes), 0.8)
    for name, value in special.items():
        rr_s[int(name[2:])] = value
    return rr_s


@pytest.mark.parametrize(
    ("classes", "rr_s", "expected"),
    [
        ("NNVVNN", 0.5, [("v_couplet", 2, 3)]),
        ("NNVVVNN", 0.5, [("v_triplet", 2, 4)]),
        ("NNVVVNN", 0.6, [("v_triplet", 2, 4)]),
        ("NNVVVNN", 0.61, [("idioventricular", 2, 4)]),
        ("NNVVVVNN", 0.5, [("vt", 2, 5)]),
        ("NNVVVVNN", 0.9, [("idioventricular", 2, 5)]),
        ("N" + "V" * 61 + "N", 0.5, [("vt_sustained", 1, 61)]),
        ("N" + "V" * 60 + "N", 0.5, [("vt", 1, 60)]),
        ("NNSSNN", 0.5, [("s_couplet", 2, 3)]),
        ("NNSSSNN", 0.5, [("svt", 2, 4)]),
        ("NNSSSNN", 0.8, [("atrial_rhythm", 2, 4)]),
        ("NNVSVNN", 0.5, []),
        ("NNVFVNN", 0.5, []),
        ("NVN", 0.8, []),
    ],
)
def test_runs_have_the_names_that_cardiologists_give_them(classes, rr_s, expected):
    assert found(classes, rr_s) == expected


def test_a_wave_too_soon_after_a_ventricular_beat_is_a_part_of_it():
    assert found("NNVVVNN", intervals("NNVVVNN", at2=0.5, at3=0.24, at4=0.4)) == [("v_couplet", 2, 4)]
    assert found("NNVVVVNN", intervals("NNVVVVNN", at2=0.5, at3=0.24, at4=0.4, at5=0.4)) == [("vt", 2, 5)]
    assert found("NNVVNN", intervals("NNVVNN", at2=0.5, at3=0.24)) == []


@pytest.mark.parametrize("between", ["X", "U", "N", "F", "Q"])
def test_rejected_unclassified_and_other_beats_end_a_run(between):
    assert found("NVV" + between + "VVN", 0.5) == [("v_couplet", 1, 2), ("v_couplet", 4, 5)]


def test_a_gap_in_the_signal_ends_a_run():
    assert found("NVVVVN", 0.5, breaks=[3]) == [("v_couplet", 1, 2), ("v_couplet", 3, 4)]


@pytest.mark.parametrize(
    ("classes", "expected"),
    [
        ("NNNVNVNVNN", [("bigeminy", 2, 7)]),
        ("NNNVNVNNN", []),
        ("NNNVNVNVVNN", [("v_couplet", 7, 8)]),
        ("NNNSNSNSNN", [("s_bigeminy", 2, 7)]),
        ("NNVNNVNNVNN", [("trigeminy", 0, 8)]),
        ("NNVNNVNN", []),
        ("NNSNNSNNSNN", [("s_trigeminy", 0, 8)]),
        ("NVNVXVNVN", []),
        ("NVNUNVNVN", []),
    ],
)
def test_bigeminy_and_trigeminy_need_three_cycles_in_a_row(classes, expected):
    assert found(classes) == expected


def test_a_gap_ends_a_bigeminy():
    assert found("NVNVNVNVN", breaks=[4]) == []


@pytest.mark.parametrize(
    ("classes", "special", "expected"),
    [
        ("NNNNNN", {"at3": 2.0}, [("pause", 2, 3)]),
        ("NNNNNN", {"at3": 1.99}, []),
        ("NNNNNN", {"at3": 3.0}, [("long_pause", 2, 3)]),
        ("NNNNNN", {"at3": 2.5, "at4": 2.2}, [("pause", 2, 4)]),
        ("NNNVNN", {"at3": 0.5, "at4": 3.1}, [("long_pause", 3, 4)]),
        ("NNNVNN", {"at3": 0.5, "at4": 2.4}, [("pause", 3, 4)]),
    ],
)
def test_pauses_are_told_from_long_pauses(classes, special, expected):
    assert found(classes, intervals(classes, **special)) == expected


@pytest.mark.parametrize("ectopic", "VSF")
def test_a_pause_that_only_makes_up_for_an_early_beat_is_compensatory(ectopic):
    slow = [1.4, 1.4, 1.4, 0.6, 2.2, 1.4]
    assert found(f"NNN{ectopic}NN", slow) == [("compensatory_pause", 3, 4)]
    assert found("NNNNNN", slow) == [("pause", 3, 4)]


@pytest.mark.parametrize(("run", "kind"), [("S", "compensatory_pause"), ("SS", "compensatory_pause"), ("SSS", "pause")])
def test_after_a_run_there_is_nothing_to_make_up_for(run, kind):
    classes = f"NNN{run}NN"
    slow = [1.4, 1.4, 1.4, *[0.6] * len(run), 2.2, 1.4]
    assert [name for name, _, _ in found(classes, slow) if "pause" in name] == [kind]


@pytest.mark.parametrize(
    ("doubled_s", "expected"),
    [(1.6, [("missing_beat", 19, 20)]), (1.4, []), (1.9, [])],
    ids=["twice", "not twice", "more than twice"],
)
def test_an_interval_of_two_beats_among_steady_ones_is_a_finding(doubled_s, expected):
    assert found("N" * 40, intervals("N" * 40, at20=doubled_s)) == expected


def test_an_interval_of_two_beats_in_an_irregular_rhythm_is_none():
    rr_s = np.random.default_rng(0).uniform(0.5, 1.1, 40)
    rr_s[20] = 1.6
    assert ("missing_beat", 19, 20) not in found("N" * 40, rr_s)


def test_no_pause_is_found_across_a_gap_or_a_rejected_beat():
    assert found("NNNNNN", intervals("NNNNNN", at3=5.0), breaks=[3]) == []
    assert found("NNXNNN", intervals("NNXNNN", at2=2.5, at3=2.5)) == []


def test_slow_and_fast_stretches_last_at_least_thirty_seconds():
    assert found("N" * 60, 1.3) == [("bradycardia", 0, 59)]
    assert found("N" * 60, 0.5) == []  # 29.5 s
    assert found("N" * 62, 0.5) == [("tachycardia", 0, 61)]
    assert found("N" * 60, 1.0) == []


def test_an_ectopic_beat_parts_a_fast_stretch():
    kinds = found("N" * 100 + "V" + "N" * 100, 0.5)
    assert kinds == [("tachycardia", 0, 99), ("tachycardia", 101, 200)]


def irregular_rr(n, seed=1):
    return np.random.default_rng(seed).uniform(0.4, 1.1, n)


def test_irregular_beats_are_af_like_and_regular_ones_are_not():
    rr_s = np.concatenate([np.full(100, 0.8), irregular_rr(150), np.full(100, 0.8)])
    (event,) = events(written("N" * 350, rr_s))
    assert event.kind == "af_like"
    assert 90 <= event.first <= 116
    assert 234 <= event.last <= 260


def test_breathing_and_trigeminy_are_not_af_like():
    breathing = 0.8 + 0.1 * np.sin(np.arange(300) / 4)
    trigeminy = np.tile([0.8, 0.5, 1.1], 100)
    assert not af_like_intervals(written("N" * 300, breathing)).any()
    assert not af_like_intervals(written("NSN" * 100, trigeminy)).any()


def test_ventricular_beats_neither_make_nor_part_an_af_like_stretch():
    rr_s = irregular_rr(200)
    classes = list("N" * 200)
    for at in range(20, 200, 20):
        classes[at] = "V"
    (event,) = [event for event in events(written("".join(classes), rr_s)) if event.kind == "af_like"]
    assert event.count > 180
    bigeminal = np.tile([0.5, 1.1], 100)
    assert not af_like_intervals(written("VN" * 100, bigeminal)).any()


def test_a_gap_parts_an_af_like_stretch():
    kinds = [event.kind for event in events(written("N" * 200, irregular_rr(200), breaks=[100]))]
    assert kinds == ["af_like", "af_like"]


def test_windows_do_not_reach_across_a_gap_or_a_rejected_beat():
    assert af_like_intervals(written("N" * 40, irregular_rr(40))).any()
    assert not af_like_intervals(written("N" * 40, irregular_rr(40), breaks=[20])).any()
    assert not af_like_intervals(written("N" * 20 + "X" + "N" * 19, irregular_rr(40))).any()


def test_irregular_intervals_at_ventricular_beats_say_nothing_about_the_atria():
    rr_s = irregular_rr(120)
    assert af_like_intervals(written("N" * 120, rr_s)).any()
    assert not af_like_intervals(written("NVV" * 40, rr_s)).any()


def test_a_fast_irregular_rhythm_is_not_called_a_tachycardia():
    assert {kind for kind, _, _ in found("N" * 300, irregular_rr(300) * 0.65)} == {"af_like"}


def test_the_irregularity_is_that_of_a_naive_sample_entropy():
    rr_s = irregular_rr(80, seed=3).astype(np.float32)
    size, tolerance = REVIEW.af_intervals, REVIEW.af_tolerance_s
    naive = []
    for start in range(rr_s.size - size + 1):
        window = rr_s[start : start + size]
        single = double = 0
        for i in range(size - 1):
            for j in range(i + 1, size - 1):
                near = abs(window[i] - window[j]) <= tolerance
                single += near
                double += near and abs(window[i + 1] - window[j + 1]) <= tolerance
        naive.append(-np.log((double + 0.5) / (single + 0.5)) + np.log(2 * tolerance) - np.log(window.mean()))
    np.testing.assert_allclose(irregularity(rr_s), naive, rtol=1e-5)


def test_the_moving_rate_is_that_of_a_naive_median():
    rr_s = irregular_rr(60).astype(np.float32)
    rr_s[[0, 30]] = np.nan
    rate = moving_rate(rr_s)
    for at in range(60):
        window = rr_s[max(0, at - 7) : at + 1]
        expected = 60 / np.median(window) if window.size == 8 and not np.isnan(window).any() else np.nan
        assert rate[at] == pytest.approx(expected, rel=1e-6, nan_ok=True)


@pytest.mark.parametrize("classes", ["", "N", "V", "NN", "VV", "XX", "X" * 50, "U" * 50, "V" * 50, "F" * 40])
def test_events_and_findings_of_the_smallest_and_oddest_recordings(classes):
    beats = written(classes, 0.5)
    listed = triage(beats)
    assert len({finding.id for finding in listed}) == len(listed)
    undecided = {sample for finding in listed for sample in finding.samples}
    assert set(beats.sample[np.isin(beats.aami, ["V", "F", "U"])].tolist()) <= undecided


MIXED = "NNNVNNVVNNNVVVVNNNSNNFNNNVNVNVNNUUNQN"


def test_the_list_has_the_most_important_first():
    rows = triage(written(MIXED, 0.55))
    assert [row.kind for row in rows] == [
        "vt",
        "v_couplet",
        "bigeminy",
        "ectopic_v",
        "fusion",
        "ectopic_s",
        "paced_or_unclassifiable",
        "unclassified",
    ]
    assert [row.priority for row in rows] == sorted(row.priority for row in rows)
    assert rows[0].detail == "4 beats at 109/min, 1.6 s, confidence 95 %"


def test_longer_runs_come_first_and_then_earlier_ones():
    rows = triage(written("NVVVVNNVVVVVNNVVVVN", 0.5))
    assert [len(row.samples) for row in rows] == [5, 4, 4]
    assert rows[1].start_s < rows[2].start_s


def test_single_ectopics_are_one_row_and_those_in_runs_are_not_in_it():
    beats = written(MIXED, 0.55)
    (row,) = [row for row in triage(beats) if row.kind == "ectopic_v"]
    assert row.samples == tuple(beats.sample[[3, 25, 27, 29]].tolist())
    assert row.detail == "4 beats, confidence 95 %"


def test_a_class_given_by_hand_is_not_listed_with_the_models_confidence_in_another():
    beats = written("NNNVNNNVNNN", 0.55)
    given = replace(beats, aami=np.array(list("NNNFNNNVNNN")))
    details = {row.kind: row.detail for row in triage(given)}
    assert details == {"fusion": "1 beat", "ectopic_v": "1 beat, confidence 95 %"}


def families_of(beats, numbers):
    n = len(beats)
    return Families(
        sample=beats.sample,
        family=np.array(numbers, np.int64),
        distance=np.zeros(n, np.float32),
        size=np.bincount(np.array(numbers)[np.array(numbers) >= 0]),
        median=np.zeros((max(numbers) + 1, 4, 1), np.float32),
        offset_s=np.zeros(4, np.float32),
    )


def test_ectopics_are_listed_by_family_with_the_largest_first():
    beats = written("NVNNVNNVNNVN")
    rows = triage(beats, families_of(beats, [0, 1, 0, 0, 2, 0, 0, 2, 0, 0, -1, 0]))
    assert [(row.title, len(row.samples)) for row in rows if row.kind == "ectopic_v"] == [
        ("Ventricular ectopics, family 3", 2),
        ("Ventricular ectopics, family 2", 1),
        ("Ventricular ectopics of no family", 1),
    ]


def test_doubtful_beats_stay_listed_as_reviewed_after_they_were_decided():
    confidence = [0.9, 0.6, 0.9, 0.5, 0.9]
    before = triage(written("NNNNN", confidence=confidence))
    half = triage(written("NVNNN", confidence=confidence, model="NNNNN", decided=[1]))
    after = triage(written("NVNNN", confidence=confidence, model="NNNNN", decided=[1, 3]))
    doubtful = [next(row for row in rows if row.kind == "doubtful") for rows in (before, half, after)]
    assert len({row.id for row in doubtful}) == 1
    assert len({row.samples for row in doubtful}) == 1
    assert [row.reviewed for row in doubtful] == [False, False, True]


@pytest.mark.parametrize(("start_s", "listed"), [(0.05, []), (0.2, [1])])
def test_an_unclassified_beat_that_an_end_of_the_recording_cuts_off_is_not_listed(start_s, listed):
    rows = triage(written("UNNN", start_s=start_s))
    assert [len(row.samples) for row in rows if row.kind == "unclassified"] == listed


def test_unclassified_beats_are_grouped_by_spells_and_stay_after_a_decision():
    model = "N" + "U" * 4 + "N" * 20 + "U" * 2 + "N"
    before = [row for row in triage(written(model)) if row.kind == "unclassified"]
    decided = model.replace("U", "N")
    after = [row for row in triage(written(decided, model=model, decided=[1, 2, 3, 4])) if row.kind == "unclassified"]
    assert [len(row.samples) for row in before] == [4, 2]
    assert [(row.id, row.samples) for row in after] == [(row.id, row.samples) for row in before]
    assert [row.reviewed for row in after] == [True, False]


def test_a_finding_is_reviewed_once_all_of_its_beats_are():
    assert not triage(written("NNVVNN", 0.5, decided=[2]))[0].reviewed
    assert triage(written("NNVVNN", 0.5, decided=[2, 3]))[0].reviewed


def test_a_bigeminy_is_about_its_ectopic_beats_only():
    row = next(row for row in triage(written("NNVNVNVNN", decided=[2, 4, 6])) if row.kind == "bigeminy")
    assert len(row.samples) == 3
    assert row.reviewed


def test_the_ids_of_other_findings_survive_an_edit():
    before, after = triage(written(MIXED, 0.55)), triage(written("NNNNNNVVNNNVVVVNNNSNNFNNNVNVNVNNUUNQN", 0.55))
    assert [row.id for row in before] == [row.id for row in after]


def test_a_run_that_grows_keeps_its_id():
    before, after = triage(written("NNVVVNN", 0.5)), triage(written("NNVVVVN", 0.5))
    assert (before[0].kind, after[0].kind) == ("v_triplet", "vt")
    assert before[0].id == after[0].id


classes_drawn = st.text("NNNNVVSFQUX", min_size=0, max_size=120)


@given(classes_drawn, st.floats(0.3, 3.5), st.integers(0, 100_000))
def test_findings_do_not_depend_on_when_the_recording_starts(classes, rr_s, shift):
    beats = written(classes, rr_s)
    later = replace(beats, sample=beats.sample + shift, n_samples=beats.n_samples + shift)
    for one, other in zip(triage(beats), triage(later), strict=True):
        assert (one.kind, one.title, one.detail, one.reviewed) == (
            other.kind,
            other.title,
            other.detail,
            other.reviewed,
        )
        assert tuple(sample + shift for sample in one.samples) == other.samples


@given(classes_drawn, st.lists(st.floats(0.3, 3.5), min_size=120, max_size=120))
def test_every_finding_is_about_beats_that_are_there_and_no_id_comes_twice(classes, rr_s):
    beats = written(classes, rr_s[: len(classes)])
    rows = triage(beats)
    assert len({row.id for row in rows}) == len(rows)
    for row in rows:
        assert row.samples
        assert np.isin(row.samples, beats.sample).all()
        assert list(row.samples) == sorted(set(row.samples))


@given(classes_drawn)
def test_every_ectopic_beat_is_in_the_list(classes):
    beats = written(classes, 0.7)
    listed = {sample for row in triage(beats) for sample in row.samples}
    assert set(beats.sample[np.isin(beats.aami, list("VSFQU"))].tolist()) <= listed


@pytest.mark.parametrize(
    ("wanted", "positions"),
    [
        (BeatFilter(), [0, 1, 2, 3, 4]),
        (BeatFilter(classes=frozenset("VS")), [1, 3]),
        (BeatFilter(confidence=(0.5, 0.8)), [1, 2]),
        (BeatFilter(span_s=(1.8, 3.4)), [1, 2]),
        (BeatFilter(reviewed=True), [3]),
        (BeatFilter(reviewed=False, classes=frozenset("VS")), [1]),
        (BeatFilter(among=(360,)), [0]),
    ],
)
def test_each_filter_lets_the_right_beats_pass(wanted, positions):
    beats = written("NVNSN", decided=[3], confidence=[0.9, 0.5, 0.8, 0.9, 1.0])
    assert np.flatnonzero(beats_passing(beats, wanted)).tolist() == positions


def test_a_finding_passes_with_one_of_its_beats():
    beats = written("NVVNNSNNVNNNVN", 0.5, decided=[5])
    rows = triage(beats)

    def passing(wanted):
        return [row.kind for row in findings_passing(rows, beats, wanted)]

    assert passing(BeatFilter()) == ["v_couplet", "ectopic_v", "ectopic_s"]
    assert passing(BeatFilter(classes=frozenset("V"))) == ["v_couplet", "ectopic_v"]
    assert passing(BeatFilter(reviewed=True)) == ["ectopic_s"]
    assert passing(BeatFilter(reviewed=False)) == ["v_couplet", "ectopic_v"]
    assert passing(BeatFilter(span_s=(5.0, 6.0))) == ["ectopic_v"]  # its first beat lies at 5.0 s
    assert passing(BeatFilter(span_s=(5.5, 6.0))) == []  # between its two beats
    assert passing(BeatFilter(among=(int(beats.sample[5]),))) == ["ectopic_s"]


def analysis_of(sample, classes, status=None):
    p = np.eye(5, dtype=np.float32)[["NSVFQ".index(c) for c in classes]].reshape(-1, 5)
    n = len(classes)
    return Analysis(
        *("r", "d", FS, 100.0, ("MLII",), "other", "1", "1"),
        quality=Quality((QualitySegment(0.0, 100.0, "good", ""),), 1.0),
        sample=np.asarray(sample, np.int64),
        p=p,
        has_p=np.ones(n, bool),
        confidence=np.ones(n, np.float32),
        status=status or ("classified",) * n,
        reason=("",) * n,
        notices=(),
        threshold=0.5,
    )


def test_disagreements_are_beats_that_both_networks_classified_otherwise():
    beats = written("NVNSUN", model="NVNSUN")
    near = beats.sample + np.array([0, 10, 0, 5, 0, 60])  # the last one is 167 ms away: another beat
    other = analysis_of(near, "NNNVVV")
    assert disagreements(beats, other).tolist() == beats.sample[[1, 3]].tolist()
    unsure = analysis_of(near, "NNNVVV", ("classified", "unclassified", *("classified",) * 4))
    assert disagreements(beats, unsure).tolist() == beats.sample[[3]].tolist()


def test_disagreements_do_not_change_with_decisions():
    beats = written("NNN", model="NVN", decided=[1])
    assert disagreements(beats, analysis_of(beats.sample, "NNN")).tolist() == [int(beats.sample[1])]


def test_nothing_disagrees_with_an_analysis_without_beats():
    assert disagreements(written("NN"), analysis_of([], "")).size == 0
    assert disagreements(written(""), analysis_of([100], "N")).size == 0
