"""Beats that drop out while P waves march on, and what only looks like it."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.rhythm.conduction_measures import conduction_of
from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.dropped_beats import find_dropped_beats, without_false_s_in_block
from pipeline.types import Episode
from tests.rhythm.test_conduction import SECONDS, context, drawn, share_named

PP_S, PR_S = 0.75, 0.17
P_S = np.arange(0.5, SECONDS - 1, PP_S)


def found(seen):
    return find_dropped_beats(seen, conduction_of(seen))


@pytest.mark.parametrize("every", [3, 4, 6])
@pytest.mark.parametrize("fs", [250.0, 360.0])
def test_single_beats_that_drop_out_with_a_constant_pr_are_block_of_mobitz_s_second_type(every, fs):
    conducted = np.arange(P_S.size) % every != every - 1
    beats = P_S[conducted] + PR_S
    seen = context(drawn(P_S, beats, fs=fs), time_s=beats)
    episodes = found(seen)
    assert {(one.rhythm, one.detail) for one in episodes} == {("BII", "Mobitz II")}
    assert share_named(episodes, "BII", 6, 52) > 0.95


def test_pauses_without_a_p_wave_and_a_rhythm_without_pauses_are_no_block():
    conducted = np.arange(P_S.size) % 4 != 3
    stopped = context(drawn(P_S[conducted], P_S[conducted] + PR_S), time_s=P_S[conducted] + PR_S)
    usual = context(drawn(P_S, P_S + PR_S), time_s=P_S + PR_S)
    assert found(stopped) == found(usual) == []


def test_beats_that_the_detector_missed_are_no_block():
    beats = P_S + PR_S
    assert found(context(drawn(P_S, beats), time_s=beats[np.arange(P_S.size) % 4 != 3])) == []


def test_p_waves_that_come_early_and_are_blocked_are_no_block_of_the_node():
    every = np.arange(P_S.size) % 4
    p_s = np.where(every == 3, P_S - 0.25 * PP_S, P_S)
    beats = P_S[every != 3] + PR_S
    assert found(context(drawn(p_s, beats), time_s=beats)) == []


def test_in_second_degree_block_no_beat_is_early_by_its_place():
    rows = [[0.2, 0.8, 0, 0, 0], [0.1, 0.1, 0.8, 0, 0], [0.2, 0.35, 0.45, 0, 0], [0.6, 0.4, 0, 0, 0],
            [0.45, 0.55, 0, 0, 0], [0, 0, 0, 0, 0], [0.3, 0.7, 0, 0, 0]]  # fmt: skip
    p, in_doubt = np.array(rows, np.float32), 4
    time_s = np.array([4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 15.0])
    trusted = np.arange(time_s.size) != in_doubt
    beats = RhythmContext(20.0, time_s, np.full(7, "N"), trusted, p.max(axis=1), np.zeros(7, np.bool_))
    changed = without_false_s_in_block(p, beats, [Episode(0, 10, "BII")])
    assert changed[0] == pytest.approx([1.0, 0, 0, 0, 0])
    assert np.array_equal(changed[1:], np.array(rows, np.float32)[1:])  # V stays V, and doubt stays doubt
    assert p[0, 1] == pytest.approx(0.8)
