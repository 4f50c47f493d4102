"""Stress: sampled beats stand for all, the file tells what was sampled, and worse signals score worse."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest

from pipeline._util.typed_json import read_as
from pipeline.evaluation import sampling, stress
from pipeline.evaluation.predict import predict_record
from pipeline.evaluation.stress_schema import StressTest
from pipeline.intake import read_path
from pipeline.labels import AAMI_CLASSES
from pipeline.synthesis.noise import NOISES
from pipeline.types import read_only
from tests.helpers.records import WidthRule, write_record
from tests.helpers.results import evaluated_model

MODEL = evaluated_model("rule")
CAPS = dict.fromkeys(AAMI_CLASSES, 1000)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    home = tmp_path_factory.mktemp("data")
    for folder in ("mitdb", "nstdb"):
        (home / folder).mkdir()
    write_record(home / "mitdb", "100", seed=1)
    write_record(home / "mitdb", "232", seed=2)
    for seed, name in enumerate(NOISES):
        write_record(home / "nstdb", name, seed=seed, annotated=False)
    return home


def test_a_sample_takes_at_most_its_cap_of_each_class_and_stands_for_all():
    truth = np.array([0] * 100 + [2] * 7 + [0] * 50)
    index, weight = sampling.draw_sample(truth, [10, 5, 5, 5, 5], seed=3)
    assert np.bincount(truth[index]).tolist() == [10, 0, 5]
    assert np.all(np.diff(index) > 0)
    assert weight[truth[index] == 0] == pytest.approx(15.0)
    assert weight[truth[index] == 2] == pytest.approx(1.4)
    again, _ = sampling.draw_sample(truth, [10, 5, 5, 5, 5], seed=3)
    assert np.array_equal(index, again)


def test_the_weighted_counts_estimate_those_of_all_beats_without_bias():
    rng = np.random.default_rng(0)
    truth = rng.choice(5, 3000, p=[0.8, 0.05, 0.1, 0.04, 0.01])
    predicted = np.where(rng.random(3000) < 0.8, truth, rng.integers(0, 5, 3000))
    whole = np.bincount(truth * 6 + predicted, minlength=36)
    drawn = []
    for seed in range(300):
        index, weight = sampling.draw_sample(truth, [60] * 5, seed=seed)
        drawn.append(np.bincount(truth[index] * 6 + predicted[index], weight, minlength=36))
        assert drawn[-1].sum() == pytest.approx(3000)
    spread = np.std(drawn, axis=0) / np.sqrt(300)
    assert np.all(np.abs(np.mean(drawn, axis=0) - whole) <= 4 * spread + 1e-6)


def test_without_a_cap_the_counts_are_those_of_the_whole_evaluation(data):
    recording = read_path(data / "mitdb" / "100")
    found = sampling.sampled(recording, WidthRule(), caps=CAPS)
    whole = predict_record(recording, WidthRule(), kind="reference")
    truth = np.array([AAMI_CLASSES.index(symbol) for symbol in recording.reference.symbol])
    answers = np.where(whole.has_p, whole.p.argmax(axis=1), 4)
    assert np.array_equal(found.matrix.ravel(), np.bincount(truth * 6 + answers, minlength=36))
    assert found.beats == truth.size == found.flags.sum()
    assert found.classified[0] + found.unclassified == truth.size
    assert found.classified[1] == np.sum((answers == truth)[whole.has_p])
    assert not found.gated.any()  # nothing is noisy


def test_what_the_quality_gate_stops_is_counted_beside_what_gets_a_class(data):
    recording = read_path(data / "mitdb" / "100")
    rng = np.random.default_rng(0)
    half = len(recording.p_signal) // 2
    p_signal = recording.p_signal.copy()
    p_signal[half:] += rng.normal(0, 1.5, p_signal[half:].shape).astype(np.float32)
    found = sampling.sampled(replace(recording, p_signal=read_only(p_signal)), WidthRule(), caps=CAPS)
    (classified, _), (gated, right) = found.classified, found.gated
    assert 20 < gated < 48
    assert classified + found.unclassified == 68
    assert gated <= found.unclassified
    assert right <= gated


def test_only_the_sampled_beats_are_asked_about(data):
    rule = WidthRule()
    found = sampling.sampled(read_path(data / "mitdb" / "100"), rule, caps=CAPS | {"N": 10, "V": 5})
    assert rule.asked == found.beats == 15
    assert found.matrix.sum() == pytest.approx(68)


def test_a_record_that_is_refused_has_its_beats_unread(data):
    recording = read_path(data / "mitdb" / "100")
    flat = replace(recording, p_signal=read_only(np.zeros_like(recording.p_signal)))
    found = sampling.sampled(flat, WidthRule(), caps=CAPS)
    assert found.matrix[:, 4].sum() == found.matrix.sum() == found.unclassified == 68


@pytest.mark.parametrize("fs", stress.RATES_HZ)
def test_another_sampling_frequency_keeps_beats_and_gaps_at_their_times_and_their_answers(data, fs):
    recording = read_path(data / "mitdb" / "100")
    p_signal = recording.p_signal.copy()
    p_signal[-round(5 * recording.fs) :] = np.nan
    found = stress.at_rate(replace(recording, p_signal=read_only(p_signal)), fs)
    assert found.duration_s == pytest.approx(recording.duration_s, abs=0.01)
    assert np.allclose(found.reference.sample / fs, recording.reference.sample / recording.fs, atol=0.5 / fs)
    assert np.isnan(found.p_signal[:, 0]).mean() * found.duration_s == pytest.approx(5, abs=0.02)
    as_recorded = sampling.sampled(recording, WidthRule(), caps=CAPS)
    other = sampling.sampled(stress.at_rate(recording, fs), WidthRule(), caps=CAPS)
    assert np.abs(other.matrix - as_recorded.matrix).sum() <= 2  # one answer of 68 may differ


def test_noise_is_of_the_half_that_taught_no_network(data):
    recording, noise = (read_path(data / name) for name in ("mitdb/100", "nstdb/em"))
    loud = np.random.default_rng(0).normal(size=noise.p_signal.shape).astype(np.float32)
    loud[: len(loud) // 2] = 0
    known = {"em": replace(noise, p_signal=read_only(loud))}
    mixed = stress.worse(recording, stress.Condition("em_0", "", "em", 0.0), known)
    assert np.all(mixed.p_signal != recording.p_signal)


def test_the_file_tells_every_condition_its_caps_and_the_beats_read(data, tmp_path):
    told = []
    path = stress.stress_classifier(
        WidthRule(), MODEL, data, tmp_path / "stress.json", records=("100", "232"), resamples=20,
        caps=CAPS | {"N": 20}, cache=tmp_path, progress=lambda fraction, sentence: told.append(fraction),
    )  # fmt: skip
    content = read_as(StressTest, path, again="")
    assert content.caps["N"] == 20
    assert content.beats == 2 * (20 + 13)
    found = {condition.name: condition for condition in content.conditions}
    assert list(found) == [condition.name for condition in stress.conditions()]
    assert len(found) == 1 + 3 * len(stress.SNRS_DB) + 2 + len(stress.RATES_HZ)
    assert set(found["clean"].overall) == set(stress.SHOWN)
    assert found["clean"].without_232["V_f1"].value is not None
    assert found["clean"].overall["accuracy"].value > found["em_0"].overall["accuracy"].value
    assert (found["em_24"].snr_db, found["clean"].snr_db) == (24, None)
    assert (found["fs_250"].fs, found["clean"].fs) == (250, None)
    assert told == sorted(told)
    assert max(told) < 1


def test_another_database_is_sampled_too_but_for_the_records_that_taught_the_network(data, tmp_path):
    home = tmp_path / "data"
    shutil.copytree(data, home)
    (home / "svdb").mkdir()
    for seed, name in enumerate(("800", "801", "802")):
        write_record(home / "svdb", name, seed=seed)
    path = stress.stress_classifier(
        WidthRule(), replace(MODEL, train_records=("801",)), home, tmp_path / "stress.json", records=("100",),
        resamples=20, caps=CAPS, cache=tmp_path,
    )  # fmt: skip
    other = read_as(StressTest, path, again="").conditions[1]
    assert (other.name, other.records, other.beats) == ("svdb", 2, 2 * 68)
    assert other.without_232 is None


def test_an_interrupted_stress_goes_on_without_asking_the_network_again(data, tmp_path):
    job = {"records": ("100",), "resamples": 20, "caps": CAPS, "cache": tmp_path}
    first = stress.stress_classifier(WidthRule(), MODEL, data, tmp_path / "first.json", **job)
    rule = WidthRule()
    second = stress.stress_classifier(rule, MODEL, data, tmp_path / "second.json", **job)
    assert rule.asked == 0
    assert json.loads(second.read_text())["conditions"] == json.loads(first.read_text())["conditions"]
