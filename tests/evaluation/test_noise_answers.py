"""Answers in noise are compared with the right ones, and the curves count them."""

from __future__ import annotations

import numpy as np

from pipeline.config import DEFAULT
from pipeline.evaluation.noise_answers import Answers, judged
from pipeline.evaluation.noise_curves import SNRS_DB, Counted, missed_targets
from pipeline.signal.noise_measures import NoiseWindows
from pipeline.synthesis.noise import NOISE_KINDS

NO_WINDOWS = NoiseWindows(np.zeros(0), np.zeros(0, np.bool_), np.zeros((0, 0), np.float32))


def found(*beats: tuple[float, str]) -> Answers:
    time_s, symbol = np.array([t for t, _ in beats]), np.array([s for _, s in beats], "<U1")
    return Answers(time_s, symbol, np.ones(time_s.size, np.float32), NO_WINDOWS)


def test_another_class_an_extra_beat_and_a_lost_one_are_wrong_and_no_answer_is_not():
    time_s, symbol = np.array([1.0, 2.0, 3.0, 4.0]), np.array(["N", "V", "N", "N"])
    result = judged(found((1.01, "N"), (2.0, "N"), (2.5, "V"), (3.1, "?")), time_s, symbol, DEFAULT)
    assert result.wrong.tolist() == [False, True, True, False]
    assert result.missed_s.tolist() == [4.0]
    assert result.expected == 4


def test_counts_of_recordings_add_up():
    assert Counted(10, 9, 1, 2) + Counted(5, 5, 0, 1) == Counted(15, 14, 1, 3)


def test_a_missed_target_is_named():
    shares = {"beats": 100, "answered": 0.9, "wrong more than clean": 0.0}
    curves = {f"{kind} {snr_db:g} dB": dict(shares) for kind in NOISE_KINDS for snr_db in SNRS_DB}
    curves["clean"] = dict(shares)
    written = {"curves": {"mitdb": curves}}
    assert missed_targets(written, wrong_max=0.01, answered=(0.9, 0.8)) == []
    curves["em 0 dB"]["wrong more than clean"] = 0.02
    curves["ma 18 dB"]["answered"] = 0.1
    assert missed_targets(written, wrong_max=0.01, answered=(0.9, 0.8)) == [
        "mitdb, em 0 dB: +0.020 wrong",
        "mitdb, 18 dB: 0.633 answered",
    ]
    written["vfdb"] = {"held out": {"no rhythm either": {"flagged at .95 of the rest kept": 0.3}}}
    assert missed_targets(written, wrong_max=1, answered=(), clean_min=0.95, flagged_min=0.4) == [
        "mitdb, clean: 0.900 answered",
        "vfdb, annotated noise: 0.300 flagged",
    ]
