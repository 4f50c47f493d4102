"""The report: its numbers agree with each other and with the metrics, and it is strict JSON."""

from __future__ import annotations

import json
import zlib
from base64 import b64decode

import numpy as np
import pytest

from models.registry import WEIGHTS
from pipeline._util.typed_json import from_json, to_json
from pipeline.datasets.splits import DS2
from pipeline.errors import DataError
from pipeline.evaluation import report, report_curves, saved
from pipeline.evaluation.record_predictions import RecordPredictions
from pipeline.evaluation.report_schema import RefusedRecord, Report
from pipeline.evaluation.schema import Estimate
from tests.helpers.predictions import detected, synthetic


@pytest.fixture(scope="module")
def at_reference():
    return report.evaluate_predictions([synthetic(name) for name in DS2], kind="reference", resamples=200)


@pytest.fixture(scope="module")
def at_detected():
    records = [detected(synthetic(name)) for name in DS2]
    return report.evaluate_predictions(records, kind="detected", resamples=200)


def test_a_report_is_strict_json_of_modest_size(at_reference, at_detected):
    for found in (at_reference, at_detected):
        text = json.dumps(to_json(found), allow_nan=False)
        assert from_json(Report, json.loads(text)) == found
        assert len(text) < 150_000


def test_every_interval_holds_its_value(at_reference, at_detected):
    for found in (at_reference, at_detected):
        for name, estimate in found.overall.items():
            assert estimate.value is not None, name
            assert estimate.low - 1e-3 <= estimate.value <= estimate.high + 1e-3, name


def test_counts_agree_with_each_other_everywhere(at_reference, at_detected):
    for found in (at_reference, at_detected):
        counts = np.array(found.confusion.counts)
        assert counts[:5].sum() == found.beats.reference
        assert counts[:, :5].sum() == found.beats.detected
        assert counts.sum() - np.trace(counts) == found.error_count
        assert sum(row.errors for row in found.per_record) == found.error_count
        for i, row in enumerate(found.classes):
            assert row.reference == counts[i].sum() == sum(getattr(r, row.aami) for r in found.per_record)
            assert (row.predicted, row.correct) == (counts[:, i].sum(), counts[i, i])
        assert found.overall["accuracy"].value == pytest.approx(np.trace(counts) / counts.sum(), abs=1e-5)


def test_detected_beats_that_are_the_reference_beats_give_the_same_scores(at_reference):
    records = [synthetic(name) for name in DS2]
    found = report.evaluate_predictions(records, kind="detected", resamples=200)
    assert found.overall == at_reference.overall


def test_variants_count_fewer_beats_by_their_rules(at_reference):
    found = {variant.name: np.array(variant.confusion.counts) for variant in at_reference.variants}
    whole = found["whole"].sum()
    assert found["without_232"].sum() == found["without_202"].sum() == whole - 400
    assert found["bxb"].sum() == whole
    assert found["bxb"][1].sum() > found["whole"][1].sum()
    assert found["ec57"].sum() == found["ec57_de_chazal"].sum()
    for name in ("bxb", "ec57", "ec57_de_chazal"):
        others = [item for item in map(synthetic, DS2) if item.record != "232"]
        assert found[f"{name}_without_232"].sum() < found[name].sum(), name
        assert found["bxb_without_232"].sum() == sum(item.sample.size for item in others)
    assert whole * 0.75 < found["ec57"].sum() < whole * 0.9
    assert at_reference.ec57.name == "ec57"
    assert at_reference.variants[0].overall == at_reference.overall


def test_the_row_of_s_without_232_is_that_of_a_report_on_the_other_records(at_reference):
    others = [synthetic(name) for name in DS2 if name != "232"]
    alone = report.evaluate_predictions(others, kind="reference", resamples=20)
    row, expected = at_reference.s_without_232, alone.classes[1]
    for key in ("reference", "predicted", "correct", "auc", "ap", "ece"):
        assert getattr(row, key) == getattr(expected, key), key
    assert row.f1.value == expected.f1.value
    assert alone.s_without_232 is None


def test_the_counts_and_answers_of_each_record_are_kept(at_reference, at_detected):
    for found in (at_reference, at_detected):
        rows = found.per_record
        total = np.sum([row.confusion for row in rows], axis=0).reshape(6, 6)
        assert np.array_equal(total, found.confusion.counts)
        assert np.all(np.sum([row.binary for row in rows], axis=0) > 0)
        for row in rows:
            cells = np.frombuffer(zlib.decompress(b64decode(row.answers)), np.uint8)
            assert tuple(np.bincount(cells, minlength=36).tolist()) == row.confusion


def test_a_variant_without_a_record_that_is_not_there_does_not_apply():
    found = report.evaluate_predictions([synthetic("100"), synthetic("103")], kind="reference", resamples=20)
    applies = {variant.name: variant.applies for variant in found.variants}
    assert applies["whole"]
    assert not applies["without_232"]


def test_curves_are_thin_and_run_from_end_to_end(at_reference):
    roc, pr = at_reference.roc, at_reference.pr
    assert len(roc.fpr) <= report_curves.CURVE_POINTS
    assert len(pr.recall) <= report_curves.CURVE_POINTS
    assert (roc.fpr[0], roc.tpr[0], roc.fpr[-1], roc.tpr[-1]) == (0, 0, 1, 1)
    assert {pr.recall[0], pr.recall[-1]} == {0, 1}
    area = np.trapezoid(roc.tpr, roc.fpr)
    assert area == pytest.approx(at_reference.overall["binary_auc"].value, abs=2e-3)


def test_the_threshold_sweep_meets_the_overall_scores_at_one_half(at_reference, at_detected):
    for found in (at_reference, at_detected):
        sweep = found.thresholds
        at = sweep.threshold.index(0.5)
        for name in ("se", "sp", "ppv", "f1", "balanced_accuracy"):
            assert getattr(sweep, name)[at] == pytest.approx(found.overall[f"binary_{name}"].value, abs=1e-5)
        assert list(sweep.se) == sorted(sweep.se, reverse=True)
        assert list(sweep.flagged_per_hour) == sorted(sweep.flagged_per_hour, reverse=True)
        assert 150 <= len(sweep.threshold) <= 250


def test_flags_per_hour_by_hand():
    item = synthetic("100")
    found = report.evaluate_predictions([item], kind="reference", resamples=20)
    at = found.thresholds.threshold.index(0.5)
    flagged = np.sum(1 - item.p[:, 0].astype(float) >= 0.5)
    assert found.thresholds.flagged_per_hour[at] == pytest.approx(flagged / (650_000 / 360 / 3600), rel=1e-4)


def test_the_errors_are_wrong_confident_and_not_all_of_one_kind(at_reference):
    errors = at_reference.errors
    assert 0 < len(errors) <= report_curves.ERRORS
    confidence = [error.confidence for error in errors]
    assert confidence == sorted(confidence, reverse=True)
    kinds = [(error.record, error.truth, error.predicted) for error in errors]
    assert max(kinds.count(kind) for kind in kinds) <= report_curves.ERRORS_PER_KIND
    for error in errors:
        item = synthetic(error.record)
        i = item.reference_sample.tolist().index(error.sample)
        assert item.reference_symbol[i] == error.symbol
        assert error.truth != error.predicted == max(error.p, key=error.p.get)


def test_a_perfect_classifier_has_no_errors_and_full_marks():
    records = [synthetic(name, skill=60.0) for name in DS2[:4]]
    found = report.evaluate_predictions(records, kind="reference", resamples=50)
    assert found.errors == ()
    assert found.error_count == 0
    for name in ("accuracy", "macro_f1", "kappa", "j_kappa", "binary_auc", "binary_balanced_accuracy"):
        assert found.overall[name] == Estimate(1, 1, 1)
    assert found.overall["ece"].value == pytest.approx(0, abs=1e-4)


def test_a_record_that_was_refused_counts_as_missed_beats():
    empty = synthetic("103")
    nothing = RecordPredictions(
        "103",
        empty.fs,
        empty.n_samples,
        empty.reference_sample,
        empty.reference_symbol,
        np.zeros(0, np.int64),
        np.zeros((0, 5), np.float32),
        np.zeros(0, bool),
    )
    found = report.evaluate_predictions(
        [synthetic("100"), nothing], kind="detected", resamples=20, refused={"103": "no usable lead"}
    )
    assert found.refused == (RefusedRecord("103", "no usable lead"),)
    assert found.overall["qrs_se"].value == pytest.approx(0.5)
    assert found.per_record[1].confidence is None


def test_one_class_alone_leaves_curves_empty_instead_of_wrong():
    n = 30
    at = np.arange(1, n + 1, dtype=np.int64) * 300
    p = np.tile(np.array([0.9, 0.025, 0.025, 0.025, 0.025], np.float32), (n, 1))
    item = RecordPredictions("100", 360.0, 20_000, at, ("N",) * n, at, p, np.ones(n, bool))
    found = report.evaluate_predictions([item], kind="reference", resamples=20)
    assert found.roc.fpr == found.pr.recall == ()
    assert found.overall["binary_auc"].value is None
    assert found.overall["S_f1"].value is None


@pytest.mark.parametrize("records", [[], ["100", "100"]])
def test_no_records_and_doubled_records_are_refused(records):
    with pytest.raises(ValueError, match="At least one record is needed, and each once"):
        report.evaluate_predictions([synthetic(name) for name in records], kind="reference")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read as JSON"),
        ("", "cannot be read as JSON"),
        ("[1, 2]", "has the schema None"),
        ('{"schema": "other/9"}', "has the schema 'other/9'"),
        ('{"schema": "heartvision.evaluation/1", "model": {}}', "lacks split, seen, provenance;"),
    ],
)
def test_a_broken_evaluation_file_is_refused_in_one_sentence(tmp_path, text, message):
    path = tmp_path / "evaluation.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(DataError, match=message):
        saved.read_evaluation(path)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("reference", "hours"), "8", r"should have a number at reference.hours, not '8'"),
        (("reference", "hours"), None, r"should have a number at reference.hours, not None"),
        (("model", "seed"), 1.5, r"should have a whole number at model.seed, not 1.5"),
        (("model", "seed"), True, r"should have a whole number at model.seed, not True"),
        (("reference", "beats"), [], r"should have an object at reference.beats, not \[\]"),
        (("reference", "records"), "100", r"should have a list at reference.records, not '100'"),
        (("reference", "records"), ["100", 103], r"should have a text at reference.records\[1\], not 103"),
        (("reference", "kind"), "both", r"should have one of 'reference', 'detected' at reference.kind, not 'both'"),
        (("detected", "overall", "ece"), {"value": 0.1}, r"lacks detected.overall.ece.low, detected.overall.ece.high"),
        (("speed",), {"beats_per_s": 1.0, "beats": 2, "cores": 2, "disks": 1}, r"has speed.disks, which is not known"),
    ],
)
def test_a_value_of_another_kind_is_named_with_its_place(tmp_path, place, value, message):
    content = json.loads((WEIGHTS / "vgg16" / "evaluation.json").read_text())
    at = content
    for name in place[:-1]:
        at = at[name]
    at[place[-1]] = value
    path = tmp_path / "evaluation.json"
    path.write_text(json.dumps(content))
    with pytest.raises(DataError, match=rf"evaluation.json {message}; run `python -m pipeline evaluate` again"):
        saved.read_evaluation(path)


def test_a_truncated_evaluation_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "evaluation.json"
    path.write_bytes((WEIGHTS / "vgg16" / "evaluation.json").read_bytes()[:-1000])
    with pytest.raises(DataError, match="cannot be read as JSON"):
        saved.read_evaluation(path)
