"""A whole evaluation on small synthetic recordings: files in, evaluation.json and the sheet of errors out."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace

import cv2
import numpy as np
import pytest

from models import registry
from pipeline._util import provenance
from pipeline._util.files import write_json
from pipeline._util.provenance import Provenance
from pipeline._util.typed_json import to_json
from pipeline.cli import everything, main
from pipeline.config import DEFAULT, data_root
from pipeline.datasets.splits import DS2, PACED
from pipeline.errors import DataError
from pipeline.evaluation import error_images, predict, run, uncertainty
from pipeline.evaluation.report import evaluate_predictions
from pipeline.evaluation.report_schema import WrongBeat
from pipeline.evaluation.saved import read_evaluation, read_measured
from pipeline.evaluation.schema import SheetLayout
from pipeline.intake import read_path
from pipeline.training.detectors import DETECTORS
from tests.helpers.records import WidthRule, write_record
from tests.helpers.results import evaluated_model

MODEL = evaluated_model("rule")
PROVENANCE = Provenance("a test", "abc123", "synthetic", "2026-11-22T00:00:00+00:00")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    found = tmp_path_factory.mktemp("mitdb")
    write_record(found, "100", seed=1)
    write_record(found, "103", seed=2)
    return found


def evaluated(folder, tmp_path, classifier=None, records=("100", "103"), **options):
    return run.evaluate_classifier(
        classifier or WidthRule(),
        MODEL,
        folder,
        "ds2",
        tmp_path / "evaluation.json",
        records=records,
        provenance=PROVENANCE,
        cache=tmp_path / "cache",
        resamples=20,
        **options,
    )


def test_an_evaluation_goes_from_files_to_one_json_with_its_provenance(folder, tmp_path):
    told = []
    path = evaluated(folder, tmp_path, progress=lambda fraction, sentence: told.append((fraction, sentence)))
    content = read_evaluation(path)
    assert content.provenance == PROVENANCE
    assert content.model == MODEL
    assert content.random_split is None
    for kind in predict.KINDS:
        assert content.of(kind).records == ("100", "103")
        assert content.of(kind).left_out == PACED
        assert content.of(kind).beats.reference == 136
        assert content.of(kind).overall["qrs_se"].value > 0.95
        assert content.of(kind).overall["binary_auc"].value > 0.9
    assert [fraction for fraction, _ in told] == sorted(fraction for fraction, _ in told)
    assert told[-1] == (1.0, "2 records evaluated")


def test_another_database_is_scored_but_for_the_records_that_taught_the_network(tmp_path):
    home = tmp_path / "svdb"
    home.mkdir()
    for seed, name in enumerate(("800", "801")):
        write_record(home, name, seed=seed)
    model = replace(MODEL, train_records=("106", "801"))
    path = run.evaluate_classifier(
        WidthRule(), model, tmp_path, "svdb", tmp_path / "evaluation-svdb.json", cache=tmp_path / "c", resamples=20
    )
    content = read_evaluation(path)
    assert content.reference.records == content.detected.records == ("800",)
    assert content.seen == ()
    assert content.reference.left_out == ()
    assert content.error_sheet.file == "evaluation-svdb-errors.png"
    assert content.provenance.data == "MIT-BIH Supraventricular Arrhythmia Database 1.0.0, 1 records"
    assert content.provenance.command == "python -m pipeline evaluate --model rule --split svdb"
    assert content.speed.beats == sum(content.of(kind).beats.read for kind in predict.KINDS)
    assert content.speed.beats_per_s > 0


def test_uncertainty_leaves_out_the_patients_that_taught_the_network_and_asks_it_nothing_twice(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "DS2", ("100",))
    for database, names in (("mitdb", ("100",)), ("svdb", [str(name) for name in range(800, 841)])):
        (tmp_path / database).mkdir()
        for name in names:
            write_record(tmp_path / database, name, seed=int(name), seconds=12)
    model = replace(MODEL, train_records=("801",), validation_records=("803",))
    path, rule = tmp_path / "evaluation.json", WidthRule()
    options = {"provenance": PROVENANCE, "cache": tmp_path / "c", "resamples": 20}
    run.evaluate_classifier(rule, model, tmp_path, "ds2", path, **options)
    uncertainty.add_uncertainty(rule, model, tmp_path, path, cache=tmp_path / "c")
    asked, found = rule.asked, read_evaluation(path).uncertainty
    here, there = found.tested
    used = found.calibration.records + here.records
    assert len(used) == 39
    assert not {"801", "803"} & set(used)
    assert there.records == ("100",)
    assert there.app.beats == there.app.answered * there.app.beats > 0  # clean, and below is 0
    uncertainty.add_uncertainty(rule, model, tmp_path, path, cache=tmp_path / "c")
    run.evaluate_classifier(rule, model, tmp_path, "ds2", path, **options)
    assert rule.asked == asked
    again = read_evaluation(path).uncertainty
    assert again.provenance.command == "python -m pipeline evaluate --model rule --uncertainty"
    assert replace(again, provenance=found.provenance) == found
    with pytest.raises(DataError, match="is of other weights"):
        uncertainty.add_uncertainty(rule, replace(model, sha256="1" * 64), tmp_path, path, cache=tmp_path / "c")


def test_the_json_keeps_plain_lists_on_a_line_and_is_otherwise_indented(tmp_path):
    content = {"a": [1, 2.5, None, "[x, y]"], "ä": [{"b": {}}, [[1], [2]]], "c": []}
    write_json(tmp_path / "x.json", content)
    text = (tmp_path / "x.json").read_text(encoding="utf-8")
    assert json.loads(text) == content
    assert text.splitlines()[1:3] == [' "a": [1, 2.5, null, "[x, y]"],', ' "ä": [']
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"a": [{"b": float("nan")}]})


def test_an_interrupted_evaluation_resumes_without_asking_the_network_again(folder, tmp_path):
    first, second = WidthRule(), WidthRule()
    with pytest.raises(DataError, match=r"Record '105' is missing"):
        evaluated(folder, tmp_path, first, records=("100", "105"))
    evaluated(folder, tmp_path, second)
    assert first.asked > 0
    assert second.asked < 1.2 * first.asked  # record 103 only
    third = WidthRule()
    before = (tmp_path / "evaluation.json").read_text()
    evaluated(folder, tmp_path, third)
    assert third.asked == 0
    assert (tmp_path / "evaluation.json").read_text() == before


def test_the_cache_knows_weights_and_their_calibration_but_no_words_about_them():
    facts = evaluated_model("cnn")
    known = predict.code_id(DEFAULT, facts, "reference")
    for key, other in (("sha256", "1" * 64), ("logit_bias", (0.0, 2.0)), ("temperature", 2.0)):
        assert predict.code_id(DEFAULT, replace(facts, **{key: other}), "reference") != known
    assert predict.code_id(DEFAULT, replace(facts, title="B", threshold=0.1), "reference") == known


def test_the_cache_outlives_changes_that_cannot_change_an_answer():
    scoring = replace(DEFAULT, match_window_ms=100.0, learning_period_s=0.0, predict_batch=7)
    assert predict.code_id(scoring, MODEL, "detected") == predict.code_id(DEFAULT, MODEL, "detected")
    signal = replace(DEFAULT, signal=replace(DEFAULT.signal, lowpass_hz=30.0))
    assert predict.code_id(signal, MODEL, "detected") != predict.code_id(DEFAULT, MODEL, "detected")


def test_predictions_at_given_beats_outlive_a_change_of_the_detector(monkeypatch):
    asked: list[dict[str, object]] = []
    monkeypatch.setattr(predict, "fingerprint", lambda *modules, **options: str(asked.append(options)))
    for kind in ("reference", "detected"):
        predict.code_id(DEFAULT, MODEL, kind)
    assert [len(options["leave_out"]) for options in asked] == [len(predict.DETECTING), 0]
    assert asked[0]["facts"] == asked[1]["facts"]


def test_a_record_without_signal_is_read_and_its_beats_count_as_missed(folder, tmp_path):
    write_record(folder, "105", flat=True)
    content = read_evaluation(evaluated(folder, tmp_path, records=("100", "105")))
    detected = content.detected
    assert detected.refused == ()
    assert detected.overall["qrs_se"].value == pytest.approx(0.5, abs=0.03)


def test_a_record_without_annotations_cannot_be_evaluated(folder, tmp_path):
    write_record(folder, "111", annotated=False)
    with pytest.raises(DataError, match=r"Record '111' has no reference beats \(.atr\)"):
        evaluated(folder, tmp_path, records=("111",))


@pytest.mark.parametrize(
    ("split", "records", "message"),
    [("ds3", None, "The split 'ds3' is not known"), ("ds2", ("102",), "Record '102' is not part of the split 'ds2'")],
)
def test_unknown_splits_and_records_are_refused(folder, tmp_path, split, records, message):
    with pytest.raises(DataError, match=message):
        run.evaluate_classifier(WidthRule(), MODEL, folder, split, tmp_path / "e.json", records=records)


def test_a_database_of_which_every_record_taught_the_network_is_refused(folder, tmp_path):
    model = replace(MODEL, train_records=("100", "103"))
    with pytest.raises(DataError, match="Network 'rule' was trained on all records of the split 'ds2'"):
        run.evaluate_classifier(WidthRule(), model, folder, "ds2", tmp_path / "e.json", records=("100", "103"))


def test_a_result_makes_its_folder_and_what_cannot_be_written_is_one_sentence(folder, tmp_path):
    path = evaluated(folder, tmp_path / "new", records=("100",))
    assert path.with_name("errors.png").is_file()
    assert path.stat().st_mode & 0o044 == 0o044  # others may read it, as every file of the repository
    with pytest.raises(DataError, match=r"The file 'x.json' could not be written"):
        write_json(path / "x.json", {})


def test_the_sheet_holds_the_pictures_of_the_errors_and_stays_small(folder, tmp_path):
    path = evaluated(folder, tmp_path)
    content = read_evaluation(path)
    found, layout = content.reference.errors, content.error_sheet
    assert found
    assert layout.count == len(found)
    sheet = path.with_name(layout.file)
    assert sheet.stat().st_size <= error_images.SHEET_BYTES
    tiles = error_images.read_sheet(sheet, layout)
    live = error_images.error_pictures(found, folder)
    for tile, picture in zip(tiles, live, strict=True):
        assert tile.shape == picture.shape
        assert np.abs(tile.astype(int) - picture).max() <= 17


def _wrong(record, sample):
    return WrongBeat(record, sample, 0.0, "N", "N", "V", 0.9, {})


def test_the_picture_of_an_error_is_that_of_its_beat(folder):
    recording = read_path(folder / "100")
    wide, narrow = (int(recording.reference.sample[i]) for i in (4, 5))
    one, other = error_images.error_pictures([_wrong("100", s) for s in (wide, narrow)], folder)
    assert np.sum(one[..., 0] < 128) > np.sum(other[..., 0] < 128)
    with pytest.raises(DataError, match="has no reference beat at one of the samples"):
        error_images.error_pictures([_wrong("100", wide + 1)], folder)


def test_a_sheet_is_shrunk_until_it_fits(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (5, 128, 192, 3)).astype(np.uint8)
    layout = error_images.write_sheet(list(noise), tmp_path / "e.png", max_bytes=60_000)
    assert (tmp_path / "e.png").stat().st_size <= 60_000
    assert layout.width_px < 192
    assert len(error_images.read_sheet(tmp_path / "e.png", layout)) == 5
    with pytest.raises(ValueError, match="at least one picture"):
        error_images.write_sheet([], tmp_path / "none.png")


def test_a_sheet_that_does_not_fit_its_layout_is_refused(tmp_path):
    layout = SheetLayout("e.png", columns=4, width_px=10, height_px=10, count=3)
    with pytest.raises(DataError, match=r"e.png is missing or does not fit"):
        error_images.read_sheet(tmp_path / "e.png", layout)
    cv2.imwrite(str(tmp_path / "e.png"), np.zeros((10, 30, 3), np.uint8))
    with pytest.raises(DataError, match=r"e.png is missing or does not fit"):
        error_images.read_sheet(tmp_path / "e.png", layout)


def test_the_random_split_is_added_with_its_warning_and_stays_until_the_pictures_change(folder, tmp_path):
    path = evaluated(folder, tmp_path)
    predictions = [predict.predict_record(read_path(folder / "100"), WidthRule(), kind="reference")]
    run.add_random_split(path, evaluate_predictions(predictions, kind="reference", resamples=20))
    content = read_evaluation(path)
    assert content.random_split.optimistic is True
    assert content.random_split.label.startswith("Optimistic: beats of the same patients were trained on")
    evaluated(folder, tmp_path)
    assert read_evaluation(path).random_split == content.random_split
    changed = replace(content, model=replace(content.model, sha256="1" * 64))
    write_json(path, to_json(changed))
    evaluated(folder, tmp_path)
    assert read_evaluation(path).random_split == content.random_split
    changed = replace(changed, model=replace(content.model, preprocessing="other pictures"))
    write_json(path, to_json(changed))
    evaluated(folder, tmp_path)
    assert read_evaluation(path).random_split is None


@pytest.mark.parametrize("twelve_leads", [True, False])
def test_all_means_every_kind_of_evaluation_of_every_network_in_an_order_that_works(
    twelve_leads, monkeypatch, capsys, tmp_path
):
    asked, again = [], []
    monkeypatch.setenv("HEARTVISION_DATA", str(tmp_path))
    if twelve_leads:
        (tmp_path / "ptbxl").mkdir()
    for name in ("superclasses", "statements"):
        monkeypatch.setattr(
            f"pipeline.cli.evaluate._evaluate_{name}", lambda options, name=name: again.append(name) or 0
        )
    monkeypatch.setattr(
        "pipeline.cli.evaluate._evaluated", lambda options, data, progress: asked.append(options) or "file"
    )
    monkeypatch.setattr("pipeline.cli.evaluate._main_figures", lambda options, written: "")
    monkeypatch.setattr("pipeline.cli.train.train_again", lambda arguments, data, output: again.append(arguments) or 0)
    monkeypatch.setattr("pipeline.cli.evaluate._evaluate_pictures", lambda options: again.append("pictures") or 0)
    monkeypatch.setattr("pipeline.cli.evaluate._evaluate_rhythm", lambda options: again.append("rhythm") or 0)
    monkeypatch.setattr("pipeline.cli.evaluate.current_commit", lambda: "another")
    assert main(["evaluate", "--all"]) == 0
    names = registry.available()
    told = [(o.model, o.split, o.uncertainty, o.stress, o.explanations) for o in asked]
    kinds = [
        *(("ds2", False, False, None), ("svdb", False, False, None), ("ds2", True, False, None)),
        *(("ds2", False, True, None), ("ds2", False, False, 20)),
    ]
    assert told == [(name, *kind) for name in names for kind in kinds]
    assert capsys.readouterr().out.splitlines() == ["file"] * len(told)
    assert ("train", "--model", "vgg16", "--random-split") in again
    last = ["pictures", "rhythm", *(("superclasses", "statements") if twelve_leads else ())]
    assert [each for each in again if isinstance(each, str)] == last


def test_two_networks_are_compared_with_and_without_the_record_of_most_s_beats(capsys):
    assert main(["evaluate", "--compare", "rhythm", "vgg16"]) == 0
    lines = capsys.readouterr().out.splitlines()
    headings = [line for line in lines if " against " in line]
    usual = [f"ds2 at {kind} beats, rhythm against vgg16" for kind in predict.KINDS]
    assert headings == [usual[0], f"{usual[0]}, without record 232", usual[1], f"{usual[1]}, without record 232"]
    assert [line for line in lines if line.endswith(" records")] == ["22 records", "21 records"] * 2


@pytest.mark.parametrize("part", ["ds2", "svdb", "uncertainty", "stress"])
def test_all_goes_on_after_what_the_same_code_has_measured_of_the_same_weights(part, tmp_path):
    made = read_measured("cnn", part, registry.WEIGHTS)[1].commit
    assert everything.is_measured("cnn", part, made, registry.WEIGHTS)
    assert everything.is_measured("cnn", part, f"{made}+changes", registry.WEIGHTS)
    assert not everything.is_measured("cnn", part, "another", registry.WEIGHTS)
    assert not everything.is_measured("cnn", part, "", registry.WEIGHTS)
    shutil.copytree(registry.WEIGHTS / "cnn", tmp_path / "cnn")
    manifest = tmp_path / "cnn" / "manifest.json"
    raw = {name: value for name, value in json.loads(manifest.read_text()).items() if name != "seal"}
    manifest.write_text(json.dumps(raw | {"sha256": "0" * 64}))
    assert not everything.is_measured("cnn", part, made, tmp_path)


@pytest.mark.parametrize("part", ["explanations", "ds1"])
def test_what_was_not_measured_is_not_done(part):
    assert not everything.is_measured("cnn", part, "", registry.WEIGHTS)
    assert read_measured("cnn", part, registry.WEIGHTS) is None


def test_every_network_is_trained_again_by_its_own_command_after_what_it_starts_from(monkeypatch, tmp_path, capsys):
    asked = []
    monkeypatch.setattr("pipeline.cli.train._train_one", lambda options: asked.append(options) or 0)
    monkeypatch.setattr("pipeline.cli.train.current_commit", lambda: "another")
    assert main(["train", "--all", "--data", str(tmp_path / "d"), "--output", str(tmp_path / "o")]) == 0
    names = [options.model for options in asked]
    assert set(names) == {*registry.available(), *DETECTORS, "pictures", "page"}
    assert names.index("vgg16") < names.index("pictures")
    budget = next(options for options in asked if options.model == "mobilenet")
    assert (budget.epochs, budget.pictures, budget.output) == (3, 6000, tmp_path / "o")
    assert {options.data for options in asked if options.model != "page"} == {tmp_path / "d"}
    assert asked[names.index("page")].data == tmp_path / "d" / "ecg_pages"
    (tmp_path / "o" / "cnn").mkdir(parents=True)
    (tmp_path / "o" / "cnn" / "manifest.json").write_text(json.dumps({"commit": "another+changes"}))
    asked.clear()
    assert main(["train", "--all", "--output", str(tmp_path / "o")]) == 0
    assert "cnn" not in [options.model for options in asked]
    assert "cnn was trained at this commit; skipped." in capsys.readouterr().err


def test_the_commit_of_the_working_tree_is_known():
    commit = provenance.current_commit()
    assert len(commit.removesuffix("+changes")) == 12


def test_changed_results_are_no_changed_sources(tmp_path, monkeypatch):
    for name in ("pipeline/a.py", "models/weights/n/evaluation.json", "docs/card.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1")
    who = ("-c", "user.name=t", "-c", "user.email=t@t")
    for arguments in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "all"]):
        subprocess.run(["git", *arguments], cwd=tmp_path, check=True)
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    for name in ("models/weights/n/evaluation.json", "docs/card.md"):
        (tmp_path / name).write_text("2")
    assert "+" not in provenance.current_commit()
    (tmp_path / "pipeline" / "a.py").write_text("2")
    assert provenance.current_commit().endswith("+changes")


@pytest.mark.data
def test_ds2_holds_the_beats_of_the_published_tables_and_232_three_quarters_of_its_s_beats():
    from pipeline.labels import aami_class

    counts = dict.fromkeys("NSVFQ", 0)
    of_232 = 0
    for record in DS2:
        reference = read_path(data_root() / "mitdb" / record).reference
        for symbol in reference.symbol:
            counts[aami_class(symbol)] += 1
        if record == "232":
            of_232 = sum(aami_class(symbol) == "S" for symbol in reference.symbol)
    assert counts == {"N": 44259, "S": 1837, "V": 3221, "F": 388, "Q": 7}
    assert of_232 == 1382
