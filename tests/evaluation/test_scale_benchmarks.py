"""How the benchmarks of speed and scale count what they report."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.cascade import ALONE, ALWAYS, Way, gain, row
from benchmarks.fusion import Answers, changes
from benchmarks.light_client import Tab
from benchmarks.roofline import best_s, flop
from benchmarks.sessions import Diary, growth_mb, waits_of, wrapped
from benchmarks.soak import Note, notes, summary
from tests.helpers.server import Server

MS = {"rhythm_svdb": 0.25, "vgg16": 7.5}


def _p(*classes, confidence):
    """Probabilities of beats, of which the class of each has its confidence."""
    p = np.repeat((1 - np.array(confidence))[:, None] / 4, 5, axis=1)
    p[np.arange(len(classes)), ["NSVFQ".index(one) for one in classes]] = confidence
    return p


@pytest.fixture
def record():
    """Four beats N, V, N, S: the fast network takes the third for V and, in doubt, the last for N; vgg16 is right."""
    fast = _p("N", "V", "V", "N", confidence=[0.99, 0.95, 0.9, 0.55])
    slow = _p("N", "V", "N", "S", confidence=[0.9, 0.9, 0.9, 0.9])
    return Answers("made", fast, slow, np.array([0, 2, 0, 1]))


def test_a_cascade_asks_about_doubtful_and_about_abnormal_beats(record):
    assert Way(0.6, False, 1.0).asked(record).tolist() == [False, False, False, True]
    assert Way(0.0, True, 1.0).asked(record).tolist() == [False, True, True, False]
    assert Way(0.6, True, 1.0).asked(record).tolist() == [False, True, True, True]
    assert not ALONE.asked(record).any()
    assert ALWAYS.asked(record).all()


def test_only_beats_that_were_asked_about_get_another_answer(record):
    def right(way):
        return int(np.trace(way.matrix(record)))

    assert [right(way) for way in (ALONE, Way(0.6, False, 1.0), Way(0.6, True, 1.0), ALWAYS)] == [2, 3, 4, 4]
    assert right(Way(0.6, True, 0.4)) == 3  # four tenths turn the doubtful beat, not the one that is called V for sure


def test_a_way_costs_both_networks_and_gains_where_it_gains_least(record):
    confused = Answers("other", record.by_picture, record.by_rhythm, record.label)  # here vgg16 is the worse one
    found = {"good": [record], "bad": [confused]}
    alone, asked = row(ALONE, found, MS), row(Way(0.6, True, 1.0), found, MS)
    assert alone.cost == 1
    assert asked.cost == pytest.approx(1 + 30 * 5 / 8)  # 3 of 4 beats, and 2 of 4
    assert row(ALWAYS, found, MS).cost == 30
    assert gain(asked, alone) == asked.scores["bad"]["kappa"] - alone.scores["bad"]["kappa"] < 0


def test_what_changes_nothing_has_an_interval_of_nothing(record):
    same = np.array([[ALONE.matrix(record)] * 2] * 3)
    assert set(map(tuple, changes(same).values())) == {(0.0, 0.0, 0.0)}


def test_a_log_is_read_up_to_the_line_that_a_killed_process_left(tmp_path):
    log = tmp_path / "log.jsonl"
    lines = [json.dumps(vars(Note("first", n, n, n / 100, 900.0 + n / 1000, 2.0))) for n in (1000, 20_000)]
    log.write_text("\n".join([*lines, '{"process": "fir']), encoding="utf-8")
    assert [note.total for note in notes(log)] == [1000, 20_000]
    assert notes(tmp_path / "none.jsonl") == []


def test_memory_of_each_process_is_compared_with_its_own_first_tenth():
    first = [Note("a", n, n, n / 100, mb, 2.0) for n, mb in ((1000, 900.0), (10_000, 1000.0))]
    second = [Note("b", 10_000 + n, n, n / 100, mb, 4.0) for n, mb in ((1000, 500.0), (4000, 930.0), (40_000, 960.0))]
    found = summary("vgg16", first + second)
    assert (found.predictions, found.processes, found.cpu_s, found.load) == (50_000, 2, 500.0, 3.2)
    assert found.growth_mb == 100  # of the first; the second grew by 30
    assert found.memory[-1].done == 40_000


def test_a_page_with_another_recording_or_without_its_own_is_wrong():
    diary = Diary()

    def seen(text):
        diary.check(SimpleNamespace(text=text, failed=""), "person03x1")
        return diary.wrong

    assert seen("person03x1 of 30 min, person03x1") == 0
    assert seen("person03x1 beside person04x1") == 1
    assert seen("person03x0, which was open before") == 2
    assert seen("nothing") == 3
    assert diary.checked == 4


def test_growth_is_from_the_second_fifth_to_the_last():
    assert growth_mb(np.array([10, 90, 100, 100, 101, 102, 103, 104, 110, 110.0])) == 10
    assert waits_of([0.1] * 95 + [9.0] * 5).p95_s < 9
    assert waits_of([0.1] * 90 + [9.0] * 10).p95_s == 9


def test_a_layer_is_counted_by_its_products():
    convolution = SimpleNamespace(kernel=np.zeros((3, 3, 3, 64)), output=np.zeros((1, 64, 96, 64)))
    assert flop(convolution) == 2 * 64 * 96 * 27 * 64
    assert flop(SimpleNamespace(kernel=np.zeros((3072, 128)), output=np.zeros((1, 128)))) == 2 * 3072 * 128
    calls = []
    best_s([lambda: calls.append("a"), lambda: calls.append("b")], 2)
    assert calls == ["a", "b"] * 3  # by turns, the first round to warm up


def test_a_long_item_is_wrapped_as_an_item():
    text = wrapped("- " + "word " * 40)
    assert max(map(len, text.splitlines())) <= 100
    assert text.splitlines()[1].startswith("  word")


def test_a_light_client_sees_pages_as_a_browser_does(tmp_path):
    folders = {"HEARTVISION_CACHE": str(tmp_path / "cache"), "HEARTVISION_HOME": str(tmp_path / "home")}
    server = Server(tmp_path / "log", folders)
    tab = Tab(server.address, reader="Ada")
    try:
        tab.open("about")
        assert "About HeartVision" in tab.text
        tab.switch("Review")
        assert "Review a recording" in tab.text
        assert "About HeartVision" not in tab.text  # what the last page drew is gone
        tab.switch("Analyse")
        assert tab.can_press("demo-start")
        assert not tab.failed
    finally:
        tab.close()
        server.stop()
