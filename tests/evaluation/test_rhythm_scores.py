"""Scores of named rhythms, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.datasets.rhythm_references import HIGH_GRADE
from pipeline.evaluation import rhythm_scores as scores
from pipeline.types import Episode

TARGETS = {target.name: target for target in scores.TARGETS}
ALARMS = {alarm.name: alarm for alarm in scores.ALARMS}
WHOLE = (Episode(0, 100, "N"),)
AF = (Episode(0, 40, "N"), Episode(40, 80, "AFIB"), Episode(80, 100, "N"))
NAMED = (Episode(0, 50, "N"), Episode(50, 90, "AFIB"), Episode(90, 100, "N"))
FLUTTER = (
    Episode(0, 20, "N"),
    Episode(20, 30, "VFL", "VF"),
    Episode(30, 40, "VFL", "VFL"),
    Episode(40, 50, "NOISE"),
    Episode(50, 60, "VT"),
    Episode(60, 62, "VT"),  # a short one: touches, but is of another grade
    Episode(62, 100, "N"),
)


def episodes(*spans, until=100.0):
    """Episodes (start, stop, code), and sinus rhythm between them."""
    found, at = [], 0.0
    for start, stop, code in spans:
        found += [Episode(at, start, "N")] if start > at else []
        found.append(Episode(start, stop, code))
        at = stop
    return (*found, Episode(at, until, "N")) if at < until else tuple(found)


@pytest.mark.parametrize(
    ("target", "annotated", "named", "tp", "fn", "fp", "tn"),
    [
        ("AFIB", AF, NAMED, 30, 10, 10, 50),
        ("AFIB", AF, (), 0, 40, 0, 60),
        ("AFIB", WHOLE, NAMED, 0, 0, 40, 60),
        ("AFIB", (), NAMED, 0, 0, 0, 0),  # nothing was annotated
        ("AFIB", AF, episodes((40, 80, "AFL")), 0, 40, 0, 60),
        ("AFIB_AFL", AF, episodes((40, 80, "AFL")), 40, 0, 0, 60),
        ("sinus", AF, NAMED, 50, 10, 10, 30),
        ("sinus", (Episode(0, 50, "SBR"), Episode(50, 100, "ST")), WHOLE, 100, 0, 0, 0),
        ("sinus", (Episode(0, 50, "N", HIGH_GRADE), Episode(50, 100, "N")), WHOLE, 50, 0, 0, 0),
        ("VF_VFL", FLUTTER, episodes((25, 45, "VFL")), 15, 5, 0, 70),  # 40 to 45 is noise
        ("VF", FLUTTER, episodes((25, 45, "VFL")), 0, 10, 0, 80),
        ("VFL", FLUTTER, episodes((25, 45, "VFL")), 10, 0, 5, 75),
        ("VT", FLUTTER, episodes((55, 70, "VT")), 5, 5, 8, 70),  # neither noise nor the short run counts
        ("VT_any", FLUTTER, episodes((20, 55, "VFL")), 5, 5, 0, 58),  # of others, only sinus rhythm
        ("shockable", FLUTTER, episodes((25, 70, "VFL")), 25, 5, 8, 50),
        ("NOISE", FLUTTER, episodes((45, 55, "NOISE")), 5, 5, 5, 85),
    ],
)
def test_seconds_are_counted_by_what_is_annotated_and_what_is_named(target, annotated, named, tp, fn, fp, tn):
    matrix = scores.time_matrix(scores.graded(annotated), named)
    assert scores.time_counts(matrix, TARGETS[target]).tolist() == pytest.approx([tp, fn, fp, tn])


def test_a_matrix_holds_every_second_once():
    matrix = scores.time_matrix(AF, NAMED)
    assert matrix.sum() == pytest.approx(100)
    n, af = scores.STATES.index("N"), scores.STATES.index("AFIB")
    assert (matrix[n, n], matrix[n, af], matrix[af, n], matrix[af, af]) == (50, 10, 10, 30)


def test_time_scores_are_shares_of_seconds():
    found = scores.time_scores(np.array([30.0, 10, 10, 50]))
    assert found == {"se": 0.75, "sp": pytest.approx(50 / 60), "ppv": 0.75, "f1": 0.75}
    assert np.isnan(scores.time_scores(np.array([0.0, 0, 10, 50]))["se"])


@pytest.mark.parametrize(
    "wrong", [(Episode(0, 10, "N"), Episode(5, 20, "N")), (Episode(10, 20, "N"), Episode(0, 10, "N"))]
)
def test_episodes_that_overlap_or_are_out_of_order_are_refused(wrong):
    with pytest.raises(ValueError, match="overlap or are out of order"):
        scores.time_matrix(WHOLE, wrong)


@pytest.mark.parametrize(
    ("target", "annotated", "named", "count"),
    [
        ("AFIB", AF, NAMED, (1, 1, 1, 1)),
        ("AFIB", AF, (), (1, 0, 0, 0)),
        ("AFIB", WHOLE, NAMED, (0, 0, 1, 0)),
        ("AFIB", AF, episodes((45, 50, "AFIB"), (60, 65, "AFIB"), (90, 95, "AFIB")), (1, 1, 3, 2)),
        ("AFIB", (), NAMED, (0, 0, 0, 0)),  # nobody annotated that time: neither right nor wrong
        ("VF_VFL", FLUTTER, episodes((29, 31, "VFL")), (1, 1, 1, 1)),  # fibrillation and flutter that touch are one
        ("VF_VFL", FLUTTER, episodes((42, 48, "VFL")), (1, 0, 0, 0)),  # all of it in noise
        ("VT", FLUTTER, episodes((61, 63, "VT")), (1, 0, 0, 0)),  # the short run and the beat after it
        ("VT", FLUTTER, episodes((55, 63, "VT"), (70, 80, "VT")), (1, 1, 2, 1)),
        ("VF_VFL_4s", episodes((10, 13, "VFL"), (50, 54, "VFL")), (), (1, 0, 0, 0)),
    ],
)
def test_episodes_are_found_where_they_overlap(target, annotated, named, count):
    assert scores.episode_count(scores.graded(annotated), named, TARGETS[target]) == scores.EpisodeCount(*count)


def test_an_episode_can_be_asked_to_be_named_for_a_share_of_it():
    half = episodes((40, 60, "AFIB"))
    assert scores.episode_count(AF, half, TARGETS["AFIB"], least_share=0.49).found == 1
    assert scores.episode_count(AF, half, TARGETS["AFIB"], least_share=0.5).found == 0


def test_missed_episodes_are_listed():
    annotated = episodes((10, 13, "VFL"), (50, 54, "VFL"), (70, 80, "VFL"))
    named = episodes((75, 76, "VFL"))
    assert scores.missed_episodes(annotated, named, TARGETS["VF_VFL"]) == ((10, 13), (50, 54))
    assert scores.missed_episodes(annotated, named, TARGETS["VF_VFL_4s"]) == ((50, 54),)


@pytest.mark.parametrize(
    ("alarm", "annotated", "named", "justified", "false"),
    [
        ("VT_VF", WHOLE, episodes((10, 12, "VT"), (50, 60, "VFL")), (), ((10, 12), (50, 60))),
        ("VT_VF", WHOLE, episodes((10, 12, "VT"), (50, 60, "VFL")), ((11.5, 13.0),), ((50, 60),)),
        ("VT_VF", WHOLE, episodes((10, 12, "VT")), ((12.1, 13.0),), ()),  # 0.1 s beside: within the window
        ("VT_VF", WHOLE, episodes((10, 12, "VT")), ((12.2, 13.0),), ((10, 12),)),
        (
            "VT_VF",
            FLUTTER,
            episodes((22, 24, "VT"), (41, 43, "VT"), (60.5, 61.5, "VT"), (80, 82, "VT")),
            (),
            ((80, 82),),
        ),
        ("VT_VF", (), episodes((10, 12, "VT")), (), ((10, 12),)),  # beats alone are annotated
        ("AF", AF, episodes((10, 20, "AFIB"), (70, 90, "AFL")), (), ((10, 20),)),
        ("block", WHOLE, episodes((10, 20, "BI"), (30, 40, "BII")), (), ((30, 40),)),
        ("ASYS", WHOLE, episodes((10, 13, "ASYS"), (50, 53, "ASYS")), ((9.9, 12.9),), ((50, 53),)),
    ],
)
def test_alarms_are_false_where_nothing_justifies_them(alarm, annotated, named, justified, false):
    assert scores.false_alarms(scores.graded(annotated), named, ALARMS[alarm], justified=justified) == false


def test_runs_of_v_beats_are_tachycardia_from_three_beats_and_a_hundred_a_minute_on():
    #           0    1    2    3    4    5    6    7    8    9
    symbol = ["N", "V", "V", "V", "N", "V", "V", "N", "E", "V", "V"]
    time_s = np.array([0, 1.0, 1.6, 2.2, 3, 4, 4.4, 5, 6, 6.7, 7.4])
    assert scores.ventricular_runs(time_s, symbol) == ((1.0, 2.2),)  # exactly 100; the last one has 86 a minute
    assert scores.ventricular_runs(time_s, symbol, least_bpm=80) == ((1.0, 2.2), (6.0, 7.4))
    assert scores.ventricular_runs(time_s, symbol, least_beats=2)[1] == (4.0, 4.4)
    assert scores.ventricular_runs(np.empty(0), []) == ()


def test_pauses_are_long_intervals_without_flutter():
    time_s = np.array([0, 1, 4, 5, 15, 17.4])
    assert scores.pauses(time_s, WHOLE) == ((1, 4), (5, 15))
    assert scores.pauses(time_s, episodes((5.2, 14, "VFL"))) == ((1, 4),)


def test_annotated_tachycardia_is_graded_by_its_length_and_by_its_rate():
    long, short = Episode(10, 20, "VT"), Episode(30, 32, "VT")
    assert [scores.state_of(e) for e in scores.graded((long, short))] == ["VT", scores.OTHER_VT]
    slow, fast = np.arange(10, 20, 0.7), np.arange(10, 20, 0.5)
    assert scores.state_of(scores.graded((long,), slow)[0]) == scores.OTHER_VT
    assert scores.state_of(scores.graded((long,), fast)[0]) == "VT"


def test_the_error_of_a_burden_is_that_of_annotated_time():
    assert scores.burden_error(scores.time_matrix(AF, episodes((60, 100, "AFIB"))), TARGETS["AFIB"]) == (40, 40)
    noisy = (Episode(0, 50, "NOISE"), Episode(50, 100, "AFIB"))
    assert scores.burden_error(scores.time_matrix(noisy, episodes((75, 100, "AFIB"))), TARGETS["AFIB"]) == (100, 50)
    assert scores.burden_error(scores.time_matrix((), NAMED), TARGETS["AFIB"]) is None


def test_pooled_scores_add_up_seconds_and_draw_records():
    matrices = [scores.time_matrix(AF, NAMED), scores.time_matrix(WHOLE, WHOLE)]
    found = scores.pooled_time(matrices, ["x/1", "x/2"], TARGETS["AFIB"], resamples=200)
    assert found["se"].value == 0.75
    assert found["sp"].value == pytest.approx(150 / 160)
    assert (found["sp"].low, found["sp"].high) == (pytest.approx(50 / 60), 1.0)  # one record twice, or the other


def test_records_of_one_person_are_drawn_together():
    matrices = [scores.time_matrix(AF, NAMED), scores.time_matrix(WHOLE, WHOLE)]
    found = scores.pooled_time(matrices, ["mitdb/201", "mitdb/202"], TARGETS["AFIB"], resamples=200)["sp"]
    assert found.low == found.high == pytest.approx(150 / 160)


def test_pooled_episodes_and_alarms():
    counts = [scores.EpisodeCount(4, 3, 5, 2), scores.EpisodeCount(1, 1, 0, 0)]
    found = scores.pooled_episodes(counts, ["x/1", "x/2"], resamples=50)
    assert (found["se"].value, found["ppv"].value) == (0.8, 0.4)
    assert scores.pooled_alarms([1, 0], [6.0, 6.0], ["x/1", "x/2"], resamples=50).value == 2.0


def test_strips_are_counted_whole():
    found = scores.strip_scores([True, True, False, False], [True, False, True, False], resamples=50)
    assert [found[name].value for name in ("se", "sp", "ppv", "f1")] == [0.5, 0.5, 0.5, 0.5]


def test_the_overlap_with_spans_that_overlap_each_other_counts_once():
    spans, others = np.array([[0.0, 10], [20, 30]]), np.array([[5.0, 8], [2, 6], [9, 25], [28, 28]])
    assert scores._shared_s(spans, others).tolist() == [7, 5]


def test_every_target_asks_for_states_that_there_are():
    for target in scores.TARGETS:
        assert target.truth | target.named | target.left_out <= set(scores.STATES)
    for alarm in scores.ALARMS:
        assert alarm.truth | alarm.named <= set(scores.STATES)
