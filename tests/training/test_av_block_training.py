"""What the training of `av_block` says of held-out recordings, from episodes that are known."""

import json

import numpy as np
import pytest

from pipeline.rhythm.blocks import CALIBRATION
from pipeline.synthesis.conduction import Made
from pipeline.training.rhythms.av_block import SCORES, Measured, held_out_scores
from pipeline.types import Episode, Recording

SIGNAL = Recording.from_array(np.zeros(720), fs=360.0, leads="II", calibrated=False)


def recording(kind="", episodes=(), noise=""):
    none = np.zeros(0)
    made = Made(SIGNAL, kind, tuple(episodes), noise) if kind else None
    return Measured(made, 180.0, none, np.zeros((0, 1), np.float32), none.astype(np.int64), none.astype(np.bool_))


def block(start_s, stop_s, confidence=0.9):
    return Episode(start_s, stop_s, "BII", "2:1", confidence)


def test_an_episode_counts_as_found_where_half_of_it_is_named():
    two = recording("2:1", [(20.0, 60.0), (100.0, 140.0)], noise="6 dB")
    scores = held_out_scores([(two, [block(20, 41), block(100, 119)])])
    assert scores["with noise"] == {"2:1": {"episodes": 2, "found": 0.5}}
    assert scores["by noise"] == {"6 dB": {"episodes": 2, "found": 0.5}}
    clean = held_out_scores([(recording("complete", [(20.0, 60.0)]), [block(20, 60)])])
    assert clean["by noise"] == {"none": {"episodes": 1, "found": 1.0}}
    assert clean["with noise"] == {}


def test_block_where_there_is_none_is_counted_by_what_the_recording_is():
    scores = held_out_scores([(recording(), [block(5, 9)]), (recording("first degree", [(20.0, 60.0)]), [])])
    assert scores["without block"]["as recorded"] == {"hours": 0.05, "episodes in 24 h": 480.0}
    assert scores["without block"]["first degree"]["episodes in 24 h"] == 0


def test_confidence_is_calibrated_by_how_often_episodes_of_made_recordings_are_block():
    right, wrong = recording("2:1", [(20.0, 60.0)], noise="6 dB"), recording("pauses", noise="6 dB")
    found = [(right, [block(20, 60, 0.9)])] * 9 + [(wrong, [block(20, 60, 0.9)])] * 9
    found += [(right, [block(20, 60, 0.99)])] * 19 + [(wrong, [block(20, 60, 0.99)])]
    fit = held_out_scores(found)["confidence"]
    assert (fit["episodes"], fit["right"]) == (38, pytest.approx(28 / 38, abs=1e-4))
    odds = fit["slope"] * np.log(0.9 / 0.1) + fit["intercept"]
    assert odds == pytest.approx(0.0, abs=0.1)


def test_the_calibration_in_use_is_that_of_the_last_training():
    fit = json.loads(SCORES.read_text())["confidence"]
    assert (fit["slope"], fit["intercept"]) == CALIBRATION
