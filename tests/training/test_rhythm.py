"""The network over beats: what its answers depend on, how it is put together, and that it does what pictures do."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from scipy import signal as sps

from models import registry, rhythm, trees
from models.errors import ModelError
from models.networks import NETWORKS
from models.registry import Classifier
from models.runtime import keras
from pipeline._util.typed_json import read_as
from pipeline.analysis import analyse, check_classifier, classify, prepare
from pipeline.config import DEFAULT, data_root
from pipeline.datasets import demo_path
from pipeline.datasets.splits import DS1, training_half
from pipeline.explain.heatmaps import SIGNAL, explain_beat
from pipeline.explain.occlusion import occlude
from pipeline.features.beat_sequence import frame, row_size, rows
from pipeline.intake import read_path
from pipeline.labels import AAMI_CLASSES, aami_class
from pipeline.training.rhythm_network import members as rhythm_members
from pipeline.training.rhythm_network import training
from pipeline.training.rhythm_network.boosted_trees import TreesPlan
from pipeline.training.rhythm_network.patients import Simulated, load_rhythm_training_data
from pipeline.training.rhythm_network.windows import Changes
from pipeline.training.schema import CrossValidation
from pipeline.training.training_set import PACED_TRAINING
from pipeline.types import Analysis, Recording

ROW = row_size(DEFAULT.sequence)


@pytest.fixture(scope="module")
def recording() -> Recording:
    return read_path(demo_path())


@pytest.fixture(scope="module")
def network() -> Classifier:
    return registry.load("rhythm")


@pytest.fixture(scope="module")
def seen(recording: Recording) -> np.ndarray:
    """The rows of the demo's reference beats."""
    assert recording.reference is not None
    beats = prepare(recording, samples=recording.reference.sample).beats
    return rows(beats, np.arange(len(beats)), frame(beats, DEFAULT.sequence, DEFAULT.signal), DEFAULT.sequence)


@pytest.fixture(scope="module")
def analysis(recording: Recording, network: Classifier) -> Analysis:
    assert recording.reference is not None
    return analyse(recording, network, samples=recording.reference.sample)


def same_class(first: Analysis, second: Analysis) -> float:
    both = first.has_p & second.has_p
    return float(np.mean(first.p.argmax(axis=1)[both] == second.p.argmax(axis=1)[both]))


def test_the_ensemble_answers_with_the_mean_of_its_members_and_its_trees(seen: np.ndarray) -> None:
    members = []
    for seed in range(rhythm.MEMBERS):
        keras().utils.set_random_seed(seed)
        members.append(rhythm.member((ROW,), 5))
    ensemble, start = rhythm.build((ROW,), 5), np.arange(5, dtype=np.float32)
    no_trees = {name: np.zeros((trees.ROUNDS, 5, trees.NODES), np.float32) for name in trees.NODE} | {"start": start}
    rhythm.assemble(ensemble, members, no_trees)
    alone = np.mean([rhythm.forward(part)(seen[:90]) for part in members], axis=0)
    expected = (1 - rhythm.TREES_SHARE) * alone + rhythm.TREES_SHARE * start
    assert np.abs(rhythm.forward(ensemble)(seen[:90]) - expected).max() < 1e-4


def test_the_shipped_trees_differ_from_the_members_and_have_their_share(network: Classifier, seen: np.ndarray) -> None:
    asked = keras().Model(network.model.inputs, network.model.get_layer("trees").output)
    by_trees, whole = rhythm.forward(asked)(seen[:90]), network.logits(seen[:90])
    by_members = (whole - rhythm.TREES_SHARE * by_trees) / (1 - rhythm.TREES_SHARE)
    assert np.abs(by_members - by_trees).max() > 0.5


def test_an_answer_depends_on_its_neighbours_and_on_none_beyond_the_margin(
    network: Classifier, seen: np.ndarray
) -> None:
    whole, margin = network.predict(seen[:200]), DEFAULT.sequence.margin_beats
    part = network.predict(seen[100 - margin : 101 + margin])
    assert np.abs(part[margin] - whole[100]).max() < 1e-4
    assert np.abs(network.predict(seen[100:101])[0] - whole[100]).max() > 1e-3


def test_beats_in_another_order_get_other_answers(network: Classifier, seen: np.ndarray) -> None:
    order = np.random.default_rng(0).permutation(300)
    mixed = np.empty((300, 5), np.float32)
    mixed[order] = network.predict(seen[:300][order])
    assert np.abs(mixed - network.predict(seen[:300])).max() > 0.2


def test_no_beats_get_no_answers(network: Classifier) -> None:
    assert network.predict(np.zeros((0, ROW), np.float32)).shape == (0, 5)


def test_pictures_are_refused(network: Classifier) -> None:
    picture = np.zeros((1, DEFAULT.picture.height_px, DEFAULT.picture.width_px, 3), np.uint8)
    with pytest.raises(ModelError, match="reads float32 beats"):
        network.predict(picture)
    with pytest.raises(ModelError, match="reads whole recordings"):
        network.predict_uploads(picture)


def test_sequences_of_another_making_are_refused(network: Classifier) -> None:
    finer = dataclasses.replace(DEFAULT, sequence=dataclasses.replace(DEFAULT.sequence, step_s=0.004))
    check_classifier(network, DEFAULT)
    with pytest.raises(ModelError, match="sequences of beats"):
        check_classifier(network, finer)


def test_the_ventricular_beats_of_the_demo_are_found(recording: Recording, analysis: Analysis) -> None:
    assert recording.reference is not None
    truth = np.array([aami_class(symbol) for symbol in recording.reference.symbol])
    found = np.array(analysis.symbol)
    assert np.mean(found[truth == "V"] == "V") > 0.9
    assert np.mean(found[truth == "N"] == "N") > 0.9


@pytest.mark.parametrize("factor", [0.1, 4.0, 10.0])
def test_the_amplitude_changes_no_class(
    recording: Recording, network: Classifier, analysis: Analysis, factor: float
) -> None:
    assert recording.reference is not None
    louder = dataclasses.replace(recording, p_signal=(recording.p_signal * factor).astype(np.float32))
    if factor == 10:  # in millivolts, the highest of it would be masked as what no ECG has
        louder = dataclasses.replace(louder, calibrated=(False,))
    assert same_class(analysis, analyse(louder, network, samples=recording.reference.sample)) > 0.995


@pytest.mark.parametrize("fs", [128, 500, 1000])
def test_the_sampling_frequency_changes_hardly_a_class(
    recording: Recording, network: Classifier, analysis: Analysis, fs: int
) -> None:
    assert recording.reference is not None
    resampled = sps.resample_poly(recording.p_signal, fs * 9, int(recording.fs * 9), axis=0).astype(np.float32)
    other = dataclasses.replace(recording, p_signal=resampled, fs=float(fs), reference=None)
    found = analyse(other, network, samples=np.round(recording.reference.sample * fs / recording.fs).astype(np.int64))
    assert same_class(analysis, found) > 0.97


def test_a_second_lead_of_nothing_is_no_second_lead(
    recording: Recording, network: Classifier, analysis: Analysis
) -> None:
    assert recording.reference is not None
    flat = np.zeros((recording.n_samples, 1), np.float32)
    both = dataclasses.replace(
        recording,
        p_signal=np.concatenate([recording.p_signal[:, :1], flat], axis=1),
        leads=(recording.leads[0], "V1"),
        calibrated=(True, True),
    )
    found = analyse(both, network, samples=recording.reference.sample)
    assert np.abs(found.p - analysis.p).max() < 1e-3


def test_beats_with_a_reason_get_no_answer_and_the_others_keep_theirs(
    recording: Recording, network: Classifier, analysis: Analysis
) -> None:
    assert recording.reference is not None
    prepared = prepare(recording, samples=recording.reference.sample)
    reason = tuple("asked not to" if i % 3 == 0 else known for i, known in enumerate(prepared.beats.reason))
    found = classify(dataclasses.replace(prepared, beats=dataclasses.replace(prepared.beats, reason=reason)), network)
    assert not found.has_p[::3].any()
    assert np.abs(found.p[found.has_p] - analysis.p[found.has_p]).max() < 1e-4


def test_covering_what_is_ventricular_costs_the_class_and_a_usual_beat_has_nothing_to_cover(
    recording: Recording, network: Classifier, analysis: Analysis
) -> None:
    assert recording.reference is not None
    beats = prepare(recording, samples=recording.reference.sample).beats
    surest = int(analysis.p[:, AAMI_CLASSES.index("V")].argmax())
    found = occlude(network, beats, surest)
    assert found.class_name == "V"
    near = np.abs(found.time_s) < 0.15
    assert found.fall[near].max() == found.fall.max() > 0.1
    shown = explain_beat(network, beats, surest)
    assert shown.heatmap.method == SIGNAL
    assert shown.heatmap.values.max() == pytest.approx(1.0, abs=0.02)
    assert shown.heatmap.values.shape == shown.picture.shape[:2]


@pytest.mark.data
@pytest.mark.slow
def test_training_writes_a_network_that_loads_and_the_scores_of_who_was_left_out(tmp_path: Path) -> None:
    trees = (TreesPlan(windows=0, bins=16), TreesPlan(windows=2, bins=16))
    simulated = Simulated((("premature", 1),), (), 100)
    plan = training.RhythmPlan(epochs=1, steps=2, seed=7, simulated=simulated, trees=trees)
    folds = (("101", "201"), ("106",), ("108",), ("109",), ("112",))
    folder = training.run(data_root(), tmp_path, plan=plan, folds=folds, without=("201",), runs=tmp_path / "runs")
    loaded = registry.load("rhythm", tmp_path)
    assert folder == tmp_path / "rhythm"
    assert loaded.manifest.input_shape == (ROW,)
    assert set(loaded.manifest.train_records) == {"101", "106", "108", "109", "112", *PACED_TRAINING}
    assert loaded.manifest.command == "python -m pipeline train --model rhythm --without 201"
    scores = read_as(CrossValidation, folder / "scores.json", again="")
    assert scores.held_out_trees is not None
    assert scores.held_out_members is not None
    assert scores.held_out.beats == scores.held_out_trees.beats == scores.held_out_members.beats
    assert (folder / "history.json").is_file()


def test_checkpoints_are_of_one_plan_and_of_the_code_that_made_them(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = training.RhythmPlan()
    known = plan.key(DEFAULT, DS1)
    assert plan.key(DEFAULT, DS1) == known
    assert plan.key(DEFAULT, DS1[1:]) != known
    assert dataclasses.replace(plan, steps=7).key(DEFAULT, DS1) != known
    makers = rhythm_members.MAKERS
    assert {"pipeline.synthesis.rhythms", "pipeline.training.rhythm_network.augmentation", "models.rhythm"} <= set(
        makers
    )
    monkeypatch.setattr(rhythm_members, "MAKERS", tuple(each for each in makers if not each.endswith("rhythms")))
    assert plan.key(DEFAULT, DS1) != known


def test_half_of_another_database_teaches_the_second_version_and_the_other_half_none() -> None:
    assert NETWORKS["rhythm_svdb"].also_trained_on == "svdb"
    taught = {name: set(registry.manifest(name).train_records) for name in ("rhythm", "rhythm_svdb")}
    assert taught["rhythm"] == {*DS1, *PACED_TRAINING}
    others = taught["rhythm_svdb"] - taught["rhythm"]
    assert len(others) == 26
    assert set(training_half(["803", "800", "802", "801"])) == {"800", "802"}
    if (data_root() / "svdb").is_dir():
        assert others == set(training_half(file.stem for file in (data_root() / "svdb").glob("*.hea")))


@pytest.mark.data
def test_patients_of_another_database_are_left_out_as_those_of_the_first_are(tmp_path: Path) -> None:
    material = load_rhythm_training_data(
        *(data_root() / "mitdb", ["101", "106"], data_root() / "svdb", ["800", "803"]),
        *(Simulated((("premature", 1),), (("fibrillation", 1),), 100), 7, DEFAULT, lambda fraction, sentence: None),
    )
    assert list(material.recorded) == ["101", "106"]
    assert list(material.others) == ["800", "803"]
    kept = material.without(["106", "803"])
    assert list(kept.recorded) == ["101"]
    assert list(kept.others) == ["800"]
    assert list(kept.simulated) == ["101", "800"]
    recorded, simulated = material.unseen(["106", "803"])
    assert [record.name for record in recorded] == ["106", "803"]
    assert [record.name for record in simulated] == ["106-premature", "803-fibrillation"]
    sampler = kept.sampler(DEFAULT, 0, 1, Changes())
    assert [record.name for record in sampler.others] == ["800"]
    assert len(sampler.simulated) == 2


def test_as_many_folds_as_members_are_needed() -> None:
    with pytest.raises(training.DataError, match="2 for each"):
        training.run(folds=(("100",),))


@pytest.mark.parametrize(
    ("without", "told"),
    [
        (("100",), "Record '100' is not trained on; those that are: 101, 106,"),
        (("118", "116", "122", "205"), "a fold would be empty"),
    ],
)
def test_only_what_teaches_can_be_left_out_and_no_whole_fold(without: tuple[str, ...], told: str) -> None:
    with pytest.raises(training.DataError, match=told):
        training.run(without=without)


def test_its_module_is_all_that_a_network_over_beats_needs() -> None:
    assert NETWORKS["rhythm"].reads == "beats"
    assert NETWORKS["vgg16"].reads == "pictures"
