"""The Evaluation page's section on runs on folders: all of them, one in depth, two compared; names and deleting."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.evaluation import run_comparison, run_search
from pipeline._util.files import write_json
from pipeline._util.typed_json import to_json
from pipeline.image_folders.predictions import read_predictions, write_predictions
from pipeline.image_folders.runs import SettingImportance, SettingsTrial, list_runs, read_run, rename_run, run_label
from tests.helpers.runs import train_small_run

TRIALS = (
    SettingsTrial(1e-3, 0.4, 0.5, "a", 0.5, batch=32, augmentation=1.0),
    SettingsTrial(3e-4, 0.2, 0.1, "b", 0.4, batch=16, augmentation=0.2),
    SettingsTrial(3e-3, 0.2, 0.1, "b", 0.9, batch=16, augmentation=0.2, state="pruned"),
)


def _section() -> None:
    from app.evaluation.folder_runs import show_runs

    show_runs("PNG")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("HEARTVISION_HOME", str(home))
        yield train_small_run(home)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained: Path) -> Path:
    """A home with a run with a search, and an earlier one that calls every test picture the other class."""
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path))
    run, answers = read_run(trained), read_predictions(trained)
    turned = replace(answers, p=np.ascontiguousarray(answers.p[:, ::-1]))
    for name, found, trials in (("20260101-old", turned, ()), ("20260102-new", answers, TRIALS)):
        place = tmp_path / "runs" / name
        write_predictions(place, found)
        importance = (SettingImportance("learning_rate", 0.8), SettingImportance("batch", 0.2)) if trials else ()
        write_json(place / "run.json", to_json(replace(run, trials=trials, importance=importance)))
        (place / "samples").mkdir()
        for file in (trained / "samples").iterdir():
            (place / "samples" / file.name).write_bytes(file.read_bytes())
        (place / "report.html").write_bytes((trained / "report.html").read_bytes())
    return tmp_path


@pytest.fixture
def page(home: Path) -> AppTest:
    return AppTest.from_function(_section, default_timeout=60).run()


def said(page: AppTest) -> str:
    return "\n".join(text.value for text in (*page.markdown, *page.caption, *page.info, *page.warning))


def test_all_runs_are_listed_with_their_scores_newest_first(page, trained):
    assert not page.exception
    board = page.dataframe[0].value
    assert list(board["Run"]) == ["20260102-new", "20260101-old"]
    assert set(board["Test pictures"]) == {read_run(trained).report.pictures}


def test_a_run_in_depth_has_its_search_samples_and_environment(page, home, trained):
    assert "3 trials on held-out pictures, 1 of them stopped early" in said(page)
    facts = next(frame.value for frame in page.dataframe if "Setting" in frame.value)
    here = read_run(trained).environment
    assert f"{here.python}, {here.keras}, {here.tensorflow}, {here.numpy}" in set(facts["Value"])
    page.button_group(key="run-samples-20260102-new").set_value("class").run()
    assert not page.exception
    page.selectbox(key="evaluation-run").set_value(list_runs()[1]).run()
    assert not page.exception
    assert "trials on held-out pictures" not in said(page)


def test_parallel_coordinates_have_a_line_per_trial_and_an_axis_per_setting():
    (lines,) = run_search.parallel_figure(TRIALS).data
    assert [axis.label for axis in lines.dimensions] == [*("Rate", "Dropout", "Depth", "Batch", "Changes", "Loss")]
    assert list(lines.dimensions[-1]["values"]) == [0.5, 0.4, 0.9]
    assert list(lines.dimensions[0].ticktext) == ["0.0005", "0.001", "0.002"]
    assert list(lines.dimensions[3].ticktext) == [16, 32]
    old = tuple(replace(trial, batch=0, augmentation=-1.0) for trial in TRIALS)
    assert [axis.label for axis in run_search.parallel_figure(old).data[0].dimensions][-2:] == ["Depth", "Loss"]


def test_runs_are_compared_with_their_differences_and_p(page, trained):
    page.button_group(key="runs-view").set_value("Compare runs").run()
    assert not page.exception
    side = page.dataframe[1].value
    assert list(side.columns) == ["", "20260102-new", "20260101-old"]
    right = read_predictions(trained)
    n, correct = len(right.paths), int((right.p.argmax(axis=1) == right.label).sum())
    assert f"On the {n} test pictures that both have, only 20260102\\-new is right about {correct}" in said(page)
    assert list(page.dataframe[2].value["Measure"]) == ["Macro-F1", "Accuracy", "Balanced accuracy"]


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.0017533949176923758, "0.00175"), (1.0, "1"), ((48, 80), "48 x 80"), (32, "32"), ("sqrt", "sqrt")],
)
def test_settings_are_written_as_people_write_them(value, written):
    assert run_comparison._setting(value) == written


def test_runs_that_cannot_be_compared_say_why(page, home):
    (home / "runs" / "20260101-old" / "predictions.csv").unlink()
    page.button_group(key="runs-view").set_value("Compare runs").run()
    assert not page.exception
    assert "an earlier version made it" in said(page)


def test_a_run_is_renamed_and_its_folder_stays(page, home):
    page.text_input(key="run-name-20260102-new").set_value("with dropout")
    next(button for button in page.button if button.label == "Save the name").click().run()
    assert not page.exception
    assert list(page.dataframe[0].value["Run"]) == ["with dropout", "20260101-old"]
    assert page.selectbox(key="evaluation-run").options == ["with dropout", "20260101-old"]
    assert page.selectbox(key="evaluation-run").value == home / "runs" / "20260102-new"
    assert (home / "runs" / "20260102-new" / "run.json").is_file()


def test_a_name_that_is_taken_is_refused_with_a_sentence(page, home):
    rename_run(list_runs()[1], "ours")
    page.text_input(key="run-name-20260102-new").set_value("ours")
    next(button for button in page.button if button.label == "Save the name").click().run()
    assert "Another run is called" in page.error[0].value
    assert run_label(list_runs()[0]) == "20260102-new"


def test_a_run_is_deleted_only_after_it_was_asked(page, home):
    page.button(key="run-delete").click().run()
    assert len(list_runs()) == 2
    assert "cannot be brought back" in said(page)
    page.button(key="run-delete-no").click().run()
    assert len(list_runs()) == 2
    page.button(key="run-delete").click().run()
    page.button(key="run-delete-sure").click().run()
    assert not page.exception
    assert [folder.name for folder in list_runs()] == ["20260101-old"]
    assert list(page.run().dataframe[0].value["Run"]) == ["20260101-old"]


def test_a_file_outside_the_runs_folder_is_not_shown(home, tmp_path):
    folder = list_runs()[0]
    run = read_run(folder)
    stray = tuple(replace(sample, file="../../secret.png", heatmap="") for sample in run.samples)
    (tmp_path / "secret.png").write_bytes((folder / run.samples[0].file).read_bytes())
    write_json(folder / "run.json", to_json(replace(run, samples=stray)))
    page = AppTest.from_function(_section, default_timeout=60).run()
    assert not page.exception
    assert not page.get("imgs")
