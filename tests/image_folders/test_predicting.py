"""A trained run at work: unseen pictures, folders of them, bad files, doubt, and scores on a labelled folder."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest

from models.registry import Classifier
from pipeline import cli
from pipeline.errors import DataError, ModelError
from pipeline.image_folders.predicting import (
    TrainedRun,
    _answer,
    find_pictures,
    find_run,
    fits,
    heat_on_upload,
    load_run,
    predict_files,
    predict_pictures,
)
from pipeline.image_folders.runs import rename_run
from pipeline.image_folders.scoring import evaluate_run, figures, read_run_evaluation
from pipeline.image_folders.taught import read_taught
from tests.helpers.printed_page import drawn
from tests.helpers.trained_runs import trained_on_curves
from tests.hostile.make_corpus import encoded


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with curves/ and run/."""
    root = tmp_path_factory.mktemp("trained")
    trained_on_curves(root)
    return root


@pytest.fixture(scope="module")
def trained(made):
    return load_run(made / "run")


def with_least(trained, confidence):
    manifest = replace(trained.classifier.manifest, abstain_below=confidence)
    return TrainedRun(trained.folder, trained.run, Classifier(manifest, trained.classifier.model))


def turned(source, target):
    """Other pictures under the same names: those of the source, mirrored."""
    for file in source.rglob("*.png"):
        place = target / file.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place), cv2.imread(str(file))[:, ::-1])
    return target


def test_predict_writes_the_contract_for_files_and_walked_folders(made, tmp_path, capsys):
    given = tmp_path / "new" / "high"
    given.mkdir(parents=True)
    picture = (made / "curves" / "high" / "1a.png").read_bytes()
    (given / "one.png").write_bytes(picture)
    (given / "notes.txt").write_text("no picture")
    (given / ".hidden.png").write_bytes(picture)
    (tmp_path / "broken.png").write_bytes(picture[:60])
    arguments = [str(tmp_path / "new"), str(tmp_path / "broken.png"), str(tmp_path / "missing.png")]
    code = cli.main(["predict", "--run", str(made / "run"), *arguments, "--output", str(tmp_path / "o.json")])
    found = json.loads((tmp_path / "o.json").read_text())
    assert code == 3
    assert found["run"] == str(made / "run")
    assert [each["picture"] for each in found["pictures"]] == [str(given / "one.png"), *arguments[1:]]
    assert [each["status"] for each in found["pictures"]] == ["classified", "unclassified", "unclassified"]
    good, broken, missing = found["pictures"]
    assert list(good) == ["picture", "status", "class", "p", "confidence", "reason"]
    assert set(good["p"]) == {"high", "low"}
    assert sum(good["p"].values()) == pytest.approx(1, abs=1e-4)
    assert good["confidence"] == max(good["p"].values()) == good["p"][good["class"]]
    assert (broken["class"], broken["p"], broken["confidence"]) == (None, None, 0.0)
    assert "damaged" in broken["reason"]
    assert "not found" in missing["reason"]
    said = capsys.readouterr()
    assert said.out == f"3 pictures: 1 {good['class']}, 2 unclassified\n"
    assert len(said.err.splitlines()) == 2


def test_the_answers_are_those_that_training_stored_for_the_test_pictures(made, trained):
    from pipeline.image_folders.predictions import read_predictions

    stored = read_predictions(made / "run")
    files = [made / "curves" / path for path in stored.paths]
    found = np.stack([answer.p for answer, _ in predict_files(trained, files)])
    np.testing.assert_allclose(found, stored.p, atol=0.02)  # weights are stored in float16


def test_links_are_followed_and_a_folder_that_holds_itself_is_walked_once(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.png").write_bytes(b"x")
    os.symlink(tmp_path / "a" / "1.png", tmp_path / "a" / "2.png")
    os.symlink(tmp_path / "a", tmp_path / "a" / "again")
    assert [path.name for path in find_pictures([tmp_path / "a"])] == ["1.png", "2.png"]


def test_a_folder_without_pictures_is_named(tmp_path):
    with pytest.raises(DataError, match=r"holds no .png"):
        find_pictures([tmp_path])


def test_an_answer_below_the_runs_threshold_has_a_reason_and_no_class(made, trained):
    pixels = cv2.imread(str(made / "curves" / "low" / "0a.png"))
    sure = predict_pictures(with_least(trained, 0.0), [("a", pixels, "")])[0][0]
    doubt = predict_pictures(with_least(trained, 1.01), [("a", pixels, "")])[0][0]
    assert sure.class_name in ("high", "low")
    assert doubt.class_name is None
    assert doubt.confidence == pytest.approx(sure.confidence)
    assert repr(sure.class_name) in doubt.reason


def test_training_chooses_the_threshold_on_the_validation_pictures(trained):
    least = trained.classifier.abstain_below
    assert 0.5 <= least <= 1.0
    assert least != 0.5


def test_a_few_validation_pictures_make_no_answer_certain_and_leave_none_like_them_without_a_class(made, trained):
    assert trained.run.division.validation == 8
    answers = [answer for answer, _ in predict_files(trained, sorted((made / "curves").rglob("*.png")))]
    assert {answer.class_name for answer in answers} == {"high", "low"}
    assert max(answer.confidence for answer in answers) < 0.95


def test_a_run_is_found_by_path_name_and_label_and_another_is_named(made, tmp_path, monkeypatch):
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path))
    (tmp_path / "runs").mkdir()
    os.symlink(made / "run", tmp_path / "runs" / "20260101-cnn-curves")
    rename_run(tmp_path / "runs" / "20260101-cnn-curves", "My curves")
    assert find_run(str(made / "run")) == made / "run"
    assert find_run("My curves") == find_run("20260101-cnn-curves") == tmp_path / "runs" / "20260101-cnn-curves"
    with pytest.raises(ModelError, match=r"'nothing' is no folder.*20260101-cnn-curves"):
        find_run("nothing")
    with pytest.raises(ModelError, match=r"holds no run.json"):
        find_run(str(tmp_path))
    assert cli.main(["predict", "--run", "nothing", "x.png"]) == 2


def test_damaged_weights_answer_nothing(made, tmp_path, capsys):
    import shutil

    copied = shutil.copytree(made / "run", tmp_path / "run")
    (copied / "cnn" / "weights.npz").write_bytes(b"x")
    assert cli.main(["predict", "--run", str(copied), str(made / "curves")]) == 2
    assert "SHA-256" in capsys.readouterr().err


@pytest.mark.parametrize(("size", "fitting"), [((64, 64), True), ((100, 80), True), ((160, 100), False)])
def test_a_picture_fits_by_its_proportions(trained, size, fitting):
    assert fits(trained.run, *size, page=False) == fitting


def test_a_run_on_pages_fits_pages_of_any_size_and_nothing_else(trained):
    pages = replace(trained.run, plan=replace(trained.run.plan, reads="pages"))
    assert fits(pages, 2213, 1572, page=True)
    assert not fits(pages, 64, 64, page=False)


def test_picture_with_a_run_gives_the_fields_of_picture(made, tmp_path):
    picture = str(made / "curves" / "low" / "0a.png")
    arguments = ["picture", picture, "--model", str(made / "run"), "--heatmap", str(tmp_path / "heat")]
    assert cli.main([*arguments, "--output", str(tmp_path / "o.json")]) in (0, 3)
    found = json.loads((tmp_path / "o.json").read_text())
    assert found["model"] == str(made / "run")
    assert found["pictures"][0]["picture"] == picture
    assert set(found["pictures"][0]["p"]) == {"high", "low"}
    assert [file.name for file in (tmp_path / "heat").iterdir()] == ["001_0a.png"]


def test_heat_covers_the_upload_and_not_the_paper_around_it(made, trained):
    from models.gradcam import Heatmap

    values = np.zeros((64, 64), np.float32)
    values[16:48] = 1.0  # where an upload twice as wide as high lies
    found = heat_on_upload(Heatmap(values, "low", blank=False), 640, 320)
    assert found.shape == (32, 64)
    assert found.min() == 1.0


def test_a_run_is_scored_on_a_labelled_folder(made, tmp_path, capsys):
    output = tmp_path / "e.json"
    code = cli.main(["evaluate", "--run", str(made / "run"), "--data", str(made / "curves"), "--output", str(output)])
    assert code == 0
    found = read_run_evaluation(output)
    assert found.report.pictures == 48
    assert found.report.groups == 24  # each picture is there twice
    assert found.classes == ("high", "low")
    assert sum(map(sum, found.report.confusion)) == 48
    right = found.report.confusion[0][0] + found.report.confusion[1][1]
    assert found.report.overall.accuracy.value == pytest.approx(right / 48, abs=1e-3)
    said = capsys.readouterr().out
    assert said == f"{figures(found)}{output}\n"
    run = load_run(made / "run").run
    assert found.taught == run.division.train + run.division.validation
    assert f"The run was trained on {found.taught} of these 48 pictures" in said
    assert "macro-F1" in said


def test_pictures_that_were_trained_on_are_known_in_a_folder_of_another_name_and_new_ones_are_not(
    made, trained, tmp_path
):
    shutil.copytree(made / "curves", tmp_path / "renamed")
    copied = evaluate_run(trained, tmp_path / "renamed", tmp_path / "e.json")[1]
    assert copied.taught == trained.run.division.train + trained.run.division.validation
    assert "The run was trained on" in figures(copied)
    new = evaluate_run(trained, turned(made / "curves", tmp_path / "curves"), tmp_path / "f.json")[1]
    assert new.taught == 0
    (tmp_path / "run").mkdir()
    for file in ("run.json", "predictions.csv"):
        shutil.copy(made / "run" / file, tmp_path / "run")
    assert read_taught(tmp_path / "run") is None


def test_pictures_of_one_patient_give_no_interval_and_it_is_said(made, trained, tmp_path):
    folder = turned(made / "curves", tmp_path / "one")
    rows = [f"{file.relative_to(folder).as_posix()},p" for file in folder.rglob("*.png")]
    (folder / "manifest.csv").write_text("\n".join(["picture,patient", *rows]))
    found = evaluate_run(trained, folder, tmp_path / "e.json")[1]
    assert (found.report.groups, found.report.pictures) == (1, 48)
    assert found.report.overall.accuracy.value is not None
    assert found.report.overall.accuracy.low is None
    assert "no interval can be given" in figures(found)


def test_a_doubtful_confidence_is_told_apart_from_the_least_one(trained):
    answer = _answer(with_least(trained, 0.9997), "a.png", np.array([0.9994, 0.0006]))
    assert answer.class_name is None
    assert "The confidence of 99.94 % is below 99.97 %" in answer.reason
    plain = _answer(with_least(trained, 0.8), "a.png", np.array([0.7, 0.3]))
    assert "The confidence of 70 % is below 80 %" in plain.reason


def test_only_the_test_part_is_scored_where_there_is_one(made, trained, tmp_path):
    for part, names in (("train", ("1a", "3a")), ("test", ("5a",))):
        for name, number in (("high", 0), ("low", -1)):
            place = tmp_path / "parts" / part / name
            place.mkdir(parents=True)
            for file in names:
                source = made / "curves" / name / f"{int(file[:-1]) + number}a.png"
                (place / f"{file}.png").write_bytes(source.read_bytes())
    written, found = evaluate_run(trained, tmp_path / "parts", tmp_path / "e.json")
    assert (found.part, found.report.pictures) == ("test", 2)
    assert read_run_evaluation(written) == found


def test_a_class_that_the_run_does_not_know_is_named(made, trained, tmp_path):
    for name in ("high", "wide"):
        (tmp_path / "f" / name).mkdir(parents=True)
        (tmp_path / "f" / name / "a.png").write_bytes((made / "curves" / "high" / "1a.png").read_bytes())
    with pytest.raises(DataError, match="the class 'wide', which the run 'run' does not know"):
        evaluate_run(trained, tmp_path / "f", tmp_path / "e.json")


def test_evaluate_run_needs_data(made, capsys):
    assert cli.main(["evaluate", "--run", str(made / "run")]) == 2
    assert "needs --data" in capsys.readouterr().err


def test_page_with_a_run_names_the_runs_class_and_still_writes_the_recording(made, tmp_path):
    (tmp_path / "p.png").write_bytes(encoded(drawn().picture))
    arguments = ["page", str(tmp_path / "p.png"), "--output", str(tmp_path / "o")]
    given = ["--speed", "25", "--gain", "10"]
    assert cli.main([*arguments, *given, "--model", str(made / "run")]) == 0
    facts = json.loads((tmp_path / "o" / "p.page.json").read_text())
    assert set(facts["p"]) == {"high", "low"}
    assert facts["class"] in ("high", "low", None)
    assert bool(facts["class"]) != bool(facts["class_reason"])
    assert facts["version"] == load_run(made / "run").classifier.version
    assert (tmp_path / "o" / "p.hea").is_file()
    assert cli.main([*arguments, "--model", "nothing"]) == 2
