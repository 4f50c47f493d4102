"""Superclasses are scored by heads that have not seen the patient; what is stated is what was measured."""

from __future__ import annotations

import numpy as np
import pytest

from models.registry import WEIGHTS
from models.superclasses import SUPERCLASSES, load_superclasses, superclass_manifest
from pipeline.datasets.superclass_references import read_ludb_superclasses, read_superclass_references
from pipeline.errors import DataError
from pipeline.evaluation import superclass_faithfulness
from pipeline.evaluation.superclass_faithfulness import removal_curves
from pipeline.evaluation.superclass_head import (
    FOLDS,
    balanced_thresholds,
    called_out_of_fold,
    fit_alone,
    fit_head,
    out_of_fold,
    patient_folds,
    specific_thresholds,
)
from pipeline.evaluation.superclass_records import read_superclass_records
from pipeline.evaluation.superclass_schema import read_superclass_evaluation
from pipeline.evaluation.superclass_text import superclass_lines
from pipeline.evaluation.superclasses import evaluate_superclasses, score_elsewhere
from pipeline.training import detectors
from pipeline.training import superclasses as training
from pipeline.twelve_leads.superclass_input import readable_stretches
from pipeline.twelve_leads.superclasses import read_superclasses
from tests.helpers.twelve_lead_ecg import LEADS, STATEMENTS, made_ecg, pytorch_weights, write_ptbxl

CODES = tuple(STATEMENTS)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A PTB-XL of 36 records of 30 patients in three folds, and the authors' weights, made up."""
    folder = tmp_path_factory.mktemp("data")
    own = [(CODES[i % 5],) if i % 4 else (CODES[i % 5], CODES[(i + 2) % 5]) for i in range(36)]
    write_ptbxl(folder / "ptbxl", [(i % 30, (1, 2, 9)[i % 30 % 3], codes) for i, codes in enumerate(own)])
    (folder / "weights").mkdir()
    np.savez(folder / "weights" / training.BASE, **pytorch_weights())
    return folder


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    detectors.train_detector("superclasses", data, folder, progress=lambda done, sentence: None)
    return folder


@pytest.fixture(scope="module")
def content(data, trained):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(superclass_faithfulness, "PER_CLASS", 1)
        kept = {name: superclass_faithfulness.HEATS[name] for name in ("integrated gradients", "amplitude")}
        patch.setattr(superclass_faithfulness, "HEATS", kept)
        return read_superclass_evaluation(evaluate_superclasses(data, weights=trained))


@pytest.fixture
def logits():
    """Mean logits (200, 5), superclasses that follow from them by a known rule, and folds."""
    rng = np.random.default_rng(0)
    found = rng.normal(size=(200, 5)) * [1, 2, 3, 4, 5]
    stated = rng.random((200, 5)) < 1 / (1 + np.exp(-2 * (found / [1, 2, 3, 4, 5])))
    return found, stated, np.arange(200) % 5


def test_training_scales_leads_to_mean_0_and_deviation_1(data, trained):
    network = load_superclasses(trained)
    assert network.manifest.calibrated_on[:2] == ("ptbxl/00001_lr", "ptbxl/00002_lr")
    assert len(network.manifest.calibrated_on) == 36
    records = read_superclass_records(read_superclass_references(data / "ptbxl"))
    values = np.concatenate(
        [readable_stretches(each.p_signal_mv, each.leads, each.fs, network)[0].values for each in records]
    )
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=0.01)
    np.testing.assert_allclose(values.std(axis=0), 1, atol=0.01)


def test_training_without_the_authors_weights_says_what_is_missing(data, tmp_path):
    (tmp_path / "ptbxl").symlink_to(data / "ptbxl")
    with pytest.raises(DataError, match="ecgresnet_ptbxl_relu"):
        training.run(tmp_path, tmp_path / "out")


def test_the_head_finds_the_factors_that_made_the_superclasses(logits):
    found, stated, _ = logits
    factors = fit_head(found, stated).factors * [1, 2, 3, 4, 5]
    assert (factors.argmax(axis=1) == np.arange(5)).all()
    off = fit_alone(found, stated).factors
    assert (off[~np.eye(5, dtype=bool)] == 0).all()


def test_a_head_never_sees_the_fold_that_it_answers(logits):
    found, stated, fold = logits
    before = out_of_fold(found, stated, fold)
    turned = stated.copy()
    turned[fold == 2] = ~turned[fold == 2]
    after = out_of_fold(found, turned, fold)
    np.testing.assert_array_equal(before[fold == 2], after[fold == 2])
    assert (before[fold != 2] != after[fold != 2]).all()


def test_thresholds_come_from_the_other_folds(logits):
    found, stated, fold = logits
    p = out_of_fold(found, stated, fold)
    turned = stated.copy()
    turned[fold == 1] = ~turned[fold == 1]
    for choose in (balanced_thresholds, specific_thresholds):
        one, other = (called_out_of_fold(p, each, fold, choose) for each in (stated, turned))
        np.testing.assert_array_equal(one[fold == 1], other[fold == 1])


def test_the_specific_threshold_leaves_97_of_100_alone(logits):
    found, stated, fold = logits
    p = out_of_fold(found, stated, fold)
    for i, least in enumerate(specific_thresholds(p, stated)):
        without = p[~stated[:, i], i]
        assert np.mean(without < least) >= 0.97
        assert np.mean(without < least - 0.05) < 1


def test_all_records_of_a_patient_are_in_one_fold():
    patients = [str(i % 40) for i in range(100)]
    fold = patient_folds(patients, 0)
    assert all(len({fold[i] for i in range(100) if patients[i] == name}) == 1 for name in set(patients))
    assert set(fold) == set(range(FOLDS))
    assert (fold != patient_folds(patients, 1)).any()


def test_an_evaluation_counts_records_patients_and_folds(content, trained):
    assert (content.records, content.patients, content.folds) == (36, 30, 3)
    assert content.model.sha256 == superclass_manifest(trained).sha256
    assert [each.name for each in content.classes] == list(SUPERCLASSES)
    assert sum(each.records for each in content.classes) == 36 + 9
    assert all(sum(each.records for each in found.bins) == 36 for found in content.classes)
    assert content.auroc.value == pytest.approx(np.mean([each.auroc.value for each in content.classes]), abs=1e-4)
    assert content.ece.value == pytest.approx(np.mean([each.ece.value for each in content.classes]), abs=1e-4)
    assert content.heads[0].auroc == content.auroc
    assert "may have seen some" in content.caution
    assert content.elsewhere is None


def test_another_database_is_scored_at_the_shipped_thresholds(data, trained, tmp_path):
    folder = tmp_path / "ludb"
    write_ptbxl(folder, [(i, 1, CODES[i % 5 : i % 5 + 1]) for i in range(20)])
    for file in (folder / "records100").iterdir():
        file.rename(folder / file.name)
    columns = ("Conduction abnormalities", "Hypertrophies", "Cardiac pacing", "Ischemia")
    said = {"CD": "block,,,,", "HYP": ",big,,,", "MI": ",,,Scar formation,", "STTC": ",,,Ischemia,", "NORM": ",,,,"}
    rows = [f"{i + 1:05}_lr,{said[SUPERCLASSES[i % 5]]}" for i in range(20)]
    head = ",".join(("ID", *columns, "Non-specific repolarization abnormalities"))
    (folder / "ludb.csv").write_text("\n".join([head, *rows]), encoding="utf-8")
    network = load_superclasses(trained)
    found = score_elsewhere(folder, network)
    assert found.records == 20
    assert [each.records for each in found.classes] == [4] * 5
    records = read_superclass_records(read_ludb_superclasses(folder))
    p = np.array([list(read_superclasses(r.p_signal_mv, r.leads, r.fs, network=network).values()) for r in records])
    called = p >= np.array(network.manifest.thresholds)
    for i, each in enumerate(found.classes):
        assert each.called.se.value == pytest.approx(called[i::5, i].mean())


def test_maps_are_compared_with_a_random_order(content):
    heat = content.heat
    assert set(heat.areas) == {"integrated gradients", "amplitude", "random"}
    for name, better in heat.better_than_random.items():
        gained = heat.areas["random"].deletion.value - heat.areas[name].deletion.value
        assert better.deletion.value == pytest.approx(gained, abs=1e-4)
    curve = heat.curves["amplitude"]
    assert curve.deletion[0] == pytest.approx(curve.insertion[-1], abs=1e-4)
    assert curve.deletion[-1] == pytest.approx(curve.insertion[0], abs=1e-4)


def test_curves_go_from_the_whole_recording_to_none_of_it():
    network, ecg = load_superclasses(), made_ecg()
    values = readable_stretches(ecg, LEADS, 500.0, network)[0].values
    whole = read_superclasses(ecg, LEADS, 500.0)["STTC"]
    deletion, insertion = removal_curves(values, np.abs(values), "STTC", network, seed=0)
    assert deletion[0] == insertion[-1] == pytest.approx(whole, abs=1e-5)
    assert deletion[-1] == insertion[0]


def test_each_superclass_has_a_line(content):
    lines = superclass_lines(content)
    assert lines[0].startswith("36 records of 30 patients in 3 folds: AUROC 0.")
    assert [line.split()[0] for line in lines[1:6]] == list(SUPERCLASSES)
    assert lines[-1] == content.caution


def test_the_shipped_figures_are_of_the_shipped_weights_and_good_enough():
    found = read_superclass_evaluation(WEIGHTS / "superclasses" / "evaluation.json")
    assert found.model.sha256 == superclass_manifest().sha256
    assert found.records == len(superclass_manifest().calibrated_on)
    assert found.auroc.value >= 0.90
    assert found.ece.value <= 0.06
    shown = found.heat.areas[found.heat.shipped]
    assert shown.deletion.value == min(each.deletion.value for each in found.heat.areas.values())
    assert found.heat.better_than_random[found.heat.shipped].insertion.low > 0
