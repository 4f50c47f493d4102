"""The whole way with what has no normal beats: nothing is refused, and nothing dangerous looks normal."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import pipeline as hv
from pipeline.analysis import PACED, VENTRICULAR
from pipeline.datasets import demo_path
from pipeline.export import to_json
from pipeline.synthesis.non_ecg import draw_fibrillation
from pipeline.synthesis.pacing import with_spikes
from pipeline.types import RHYTHM_CODES, Analysis, Recording

FS = 250.0
N = round(60 * FS)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def fibrillation() -> np.ndarray:
    return 0.6 * draw_fibrillation(N, FS, rng())


def noise() -> np.ndarray:
    return rng().normal(0, 0.2, N)


def at_rest() -> np.ndarray:
    return rng().normal(0, 0.008, N) + 0.02 * np.sin(2 * np.pi * 0.2 * np.arange(N) / FS)


def constant() -> np.ndarray:
    return np.full(N, 0.5)


def analysed(*leads: np.ndarray) -> Analysis:
    names = ("II", "V1")[: len(leads)]
    return hv.analyse(Recording.from_array(np.stack(leads, axis=1), fs=FS, leads=names, calibrated=False))


@pytest.mark.parametrize(
    ("drawn", "code"), [(fibrillation, "VFL"), (noise, "NOISE"), (at_rest, "ASYS"), (constant, "NOISE")]
)
def test_a_recording_without_beats_has_a_rhythm_and_no_beat(drawn: Callable[[], np.ndarray], code: str) -> None:
    found = to_json(analysed(drawn()))
    assert found["beats"] == []
    seconds = dict.fromkeys(RHYTHM_CODES, 0.0)
    for episode in found["rhythm"]:
        seconds[episode["rhythm"]] += episode["stop_s"] - episode["start_s"]
    assert seconds[code] > 0.9 * 60
    assert (found["rhythm"][0]["start_s"], found["rhythm"][-1]["stop_s"]) == (0.0, 60.0)


def test_waves_of_one_frequency_have_no_normal_beat() -> None:
    found = analysed(np.sin(2 * np.pi * 5 * np.arange(N) / FS))
    assert found.counts()["N"] == found.counts()["S"] == 0
    assert {episode.rhythm for episode in found.rhythm} <= {"VFL", "VT", "NOISE"}


def test_beats_that_are_given_inside_fibrillation_are_not_normal() -> None:
    from pipeline.analysis import analyse, load_classifier

    recording = Recording.from_array(fibrillation(), fs=FS, leads="II", calibrated=False)
    given = np.arange(200, N - 200, 200)
    found = analyse(recording, load_classifier("rhythm_svdb"), samples=given)
    within = [e for e in found.rhythm if e.rhythm == "VFL"]
    inside = [any(e.start_s <= t < e.stop_s for e in within) for t in found.time_s]
    assert np.mean(inside) > 0.9
    pairs = zip(found.symbol, found.status, found.reason, inside, strict=True)
    wrong = [reason for symbol, status, reason, there in pairs if there and symbol in "NS" and status == "classified"]
    assert wrong == []
    assert VENTRICULAR in found.reason or set(found.symbol) <= {"V", "F", "Q"}


def test_paced_beats_are_q_and_say_so() -> None:
    demo = hv.read_recording(demo_path())
    plain = hv.analyse(demo)
    normal = plain.sample[(np.array(plain.symbol) == "N") & (np.array(plain.status) == "classified")]
    found = hv.analyse(with_spikes(demo, normal, rng()))
    near = np.abs(found.sample[:, None] - normal[None]).min(axis=1) < 0.1 * demo.fs
    paced = np.array([reason == PACED for reason in found.reason])
    assert paced[near].mean() > 0.9
    assert paced[~near].mean() < 0.2
    assert {found.symbol[k] for k in np.flatnonzero(paced)} == {"Q"}
    assert {found.status[k] for k in np.flatnonzero(paced)} == {"classified"}
    assert sum(e.seconds for e in found.rhythm if e.rhythm == "P") > 0.5 * found.duration_s


def test_a_sentinel_for_a_second_is_said_and_makes_no_ectopic_beat() -> None:
    demo = hv.read_recording(demo_path())
    usual = hv.analyse(demo)
    spoiled = demo.p_signal.copy()
    spoiled[round(120 * demo.fs) : round(121 * demo.fs)] = -9999
    found = hv.analyse(Recording.from_array(spoiled, fs=demo.fs, leads=demo.leads, calibrated=False))
    assert any("not read" in notice for notice in found.notices)
    assert any(
        s.leads == ("MLII",) and s.start_s >= 119 and s.stop_s <= 122 for s in found.quality.segments if s.reason
    )
    far = [np.abs(one.time_s - 120.5) > 20 for one in (usual, found)]
    counts = [
        sum(
            symbol in "SVF" and status == "classified"
            for symbol, status, k in zip(a.symbol, a.status, out, strict=True)
            if k
        )
        for a, out in zip((usual, found), far, strict=True)
    ]
    assert abs(counts[0] - counts[1]) <= 0.05 * counts[0]
    beside = (found.time_s > 121) & (found.time_s < 122)
    assert not {found.symbol[k] for k in np.flatnonzero(beside) if found.status[k] == "classified"} - {"N", "Q"}
