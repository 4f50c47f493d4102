"""A run on a folder can be repeated, stopped and resumed: the same weights, byte for byte."""

from __future__ import annotations

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

import models
from models import registry
from pipeline._util.files import write_json
from pipeline._util.typed_json import to_json
from pipeline.cli import main
from pipeline.cli.train_folder import _best
from pipeline.errors import DataError
from pipeline.image_folders import training
from pipeline.image_folders.fitting import folder_use
from pipeline.image_folders.places import CHECKPOINT
from pipeline.image_folders.runs import FolderRun, list_runs, read_run
from pipeline.image_folders.settings import usual_plan
from pipeline.image_folders.training import run_folder
from tests.helpers.picture_folders import SMALL_NETWORK, curves_folder
from tests.helpers.runs import draw_folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return curves_folder(tmp_path_factory.mktemp("data") / "curves")


@pytest.fixture(autouse=True)
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network `small` beside those of models/, and a home for runs."""
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "small.py").write_text(SMALL_NETWORK)
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path / "more")])
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path / "home"))


@pytest.fixture
def only_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the results beside the weights, only run.json is written: plots and reports take seconds."""

    def write(folder: Path, run: FolderRun, *rest: object) -> FolderRun:
        write_json(folder / "run.json", to_json(run))
        return run

    monkeypatch.setattr(training, "write_results", write)


def sha256(run: Path) -> str:
    return registry.manifest("small", run).sha256


def stopping(after: int):
    """Return a progress function that interrupts the training at the call of this number within epochs."""
    calls: list[str] = []

    def progress(fraction: float, sentence: str) -> None:
        if sentence.startswith("Epoch"):
            calls.append(sentence)
            if len(calls) == after:
                raise KeyboardInterrupt

    return progress


@pytest.mark.usefixtures("only_weights")
def test_one_seed_gives_one_sha_and_another_seed_another(folder: Path, tmp_path: Path) -> None:
    first, second = (run_folder("small", folder, tmp_path / name) for name in "ab")
    assert sha256(first) == sha256(second)
    assert (first / "small" / "weights.npz").read_bytes() == (second / "small" / "weights.npz").read_bytes()
    plan = usual_plan(folder_use("small"))
    other = run_folder("small", folder, tmp_path / "c", plan=replace(plan, seed=1))
    assert sha256(other) != sha256(first)


@pytest.mark.usefixtures("only_weights")
@pytest.mark.parametrize("after", [1, 4, 6, 8])  # in the first epoch, and in and after later ones of both phases
def test_a_stopped_run_goes_on_and_ends_as_if_it_had_not_been_stopped(folder: Path, tmp_path: Path, after: int) -> None:
    whole = run_folder("small", folder, tmp_path / "whole")
    output = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        run_folder("small", folder, output, progress=stopping(after))
    assert (output / CHECKPOINT).is_dir()
    assert not (output / "run.json").exists()
    said: list[str] = []
    run_folder("small", folder, output, progress=lambda fraction, sentence: said.append(sentence))
    assert sha256(output) == sha256(whole)
    found, expected = read_run(output).curves, read_run(whole).curves
    assert {name: values for name, values in found.items() if name != "minutes"} == {
        name: values for name, values in expected.items() if name != "minutes"
    }
    epochs = sum(sentence.startswith("Epoch") and "val_loss" in sentence for sentence in said)
    assert epochs == len(expected["loss"]) - after // 2
    assert not (output / CHECKPOINT).exists()


@pytest.mark.usefixtures("only_weights")
def test_a_stopped_run_of_the_usual_place_is_found_again_and_one_of_other_settings_is_not(folder: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run_folder("small", folder, progress=stopping(4))
    plan = usual_plan(folder_use("small"))
    other = run_folder("small", folder, plan=replace(plan, batch=8))
    assert list_runs() == (other,)
    again = run_folder("small", folder)
    assert sorted(list_runs()) == sorted((again, other))
    assert {path.name for path in (again.parent).iterdir()} == {again.name, other.name}


TRAIN_WITH = """
import sys
import models
models.__path__.append(sys.argv[1])
from pipeline.cli import main
from pipeline.cli.train_folder import _best
sys.exit(main(sys.argv[2:]))
"""  # `train` in a process of its own, with the networks of a further folder


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL")
def test_a_search_whose_process_is_killed_goes_on_with_the_trials_it_finished(folder: Path, tmp_path: Path) -> None:
    output, told = tmp_path / "run", tmp_path / "told"
    options = ["--model", "small", "--data", str(folder), "--output", str(output), "--epochs", "2", "--tune", "5"]
    words = [sys.executable, "-c", TRAIN_WITH, str(tmp_path / "more"), "train", *options]
    with told.open("w") as file, subprocess.Popen(words, stdout=file, stderr=file) as killed:
        until = time.monotonic() + 120
        while told.read_text().count(" ended, loss ") < 2:
            assert killed.poll() is None, told.read_text()
            assert time.monotonic() < until
            time.sleep(0.01)
        time.sleep(0.05)  # in the third trial rather than in its first line: Optuna waits half a minute for a dead lock
        killed.send_signal(signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL
    assert not (output / "run.json").exists()
    again = subprocess.run(words, capture_output=True, text=True, check=True, timeout=180)
    (kept,) = re.findall(r"^(\d) of 5 trials are kept from an earlier search$", again.stderr, re.MULTILINE)
    ends = re.findall(r"^Trial \d of 5 ended, loss (\S+): learning_rate ([^,]+), ", told.read_text(), re.MULTILINE)
    assert 2 <= len(ends) <= int(kept) < 5
    assert len(re.findall(r"^Trial \d of 5 (?:ended|stopped)", again.stderr, re.MULTILINE)) == 5 - int(kept)
    run = read_run(output)
    assert len(run.trials) == 5
    found = [(f"{trial.val_loss:.3f}", f"{trial.learning_rate:.3g}") for trial in run.trials]
    assert found[: len(ends)] == [(f"{float(loss):.3f}", rate) for loss, rate in ends]
    assert len(set(found)) == 5
    best = min(run.trials, key=lambda trial: trial.val_loss)
    assert (run.plan.learning_rate, run.plan.frozen_up_to) == (best.learning_rate, best.frozen_up_to)
    assert min(run.curves["val_loss"]) == pytest.approx(best.val_loss, abs=2e-5)  # the same training, once more


@pytest.mark.usefixtures("only_weights")
def test_a_finished_run_and_the_shipped_weights_are_never_written_over(folder: Path, tmp_path: Path) -> None:
    done = run_folder("small", folder, tmp_path / "done")
    with pytest.raises(DataError, match=r"'.*done' holds a finished run; choose another --output"):
        run_folder("small", folder, done)
    with pytest.raises(DataError, match="lies in the shipped weights"):
        run_folder("small", folder, registry.WEIGHTS / "new")


def test_the_figures_are_those_of_the_epoch_whose_weights_were_kept() -> None:
    told = _best({"val_loss": [0.9, 0.5, None, 0.5], "val_accuracy": [0.1, 0.2, 0.3, 0.4]})
    assert told == "best of 4 epochs is 4, held-out loss 0.500, accuracy 0.400"


def test_the_command_line_trains_with_its_options_and_prints_the_figures(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, output = tmp_path / "s.toml", tmp_path / "run"
    file.write_text("epochs = 3\nbatch = 8\nseed = 5\n[class_weights]\nhigh = 2\n")
    command = ["train", "--model", "small", "--data", str(folder), "--output", str(output), "--config", str(file)]
    assert main([*command, "--size", "64x96", "--epochs", "2", "--frozen-up-to", "none", "--augmentation", "0"]) == 0
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == str(output)
    assert str(output.resolve()) in [str(place.resolve()) for place in list_runs()]
    run = read_run(output)
    assert run.plan.input_shape == (64, 96, 3)
    assert (run.plan.head_epochs, run.plan.tuning_epochs, run.plan.batch, run.plan.seed) == (1, 1, 8, 5)
    assert (run.plan.class_weights, run.plan.frozen_up_to, run.plan.augmentation) == ("high=2", "none", 0.0)
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "val_macro_f1"} <= set(run.curves)
    assert len(run.curves["val_accuracy"]) == len(run.curves["val_loss"]) == 2
    assert run.start == "a start of its own"
    assert f"accuracy {run.report.overall.accuracy.value:.3f}" in said.out
    assert "best of 2 epochs" in said.out
    assert all(sentence in said.out for sentence in run.warnings)
    epochs = [line for line in said.err.splitlines() if line.startswith("Epoch ")]
    assert [line.split(" loss ")[0] for line in epochs] == ["Epoch 1/1", "Epoch 1/1"]  # of the head, and of all of it
    for line, loss, right in zip(epochs, run.curves["val_loss"], run.curves["val_accuracy"], strict=True):
        assert f"val_loss {loss:.4f}, val_accuracy {right:.4f}" in line
    told = "python -m pipeline train --model small --data curves --epochs 2 --batch 8 --seed 5 --class-weights high=2"
    assert run.provenance.command == f"{told} --size 64x96 --frozen-up-to none --augmentation 0.0"
    assert registry.load("small", output).classes == ("high", "low")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--model", "small", "--data", "FOLDER", "--frozen-up-to", "third"], 2, "has no layer 'third' to freeze"),
        (["--model", "small", "--data", "FOLDER", "--dropout", "2"], 2, "The command line sets dropout to 2.0"),
        (["--model", "small", "--data", "FOLDER", "--ship"], 2, "--ship does not apply to pictures of a folder"),
        (["--model", "small", "--data", "FOLDER", "--without", "201"], 2, "--without does not apply to pictures of a"),
        (["--model", "small", "--data", "FOLDER", "--class-weights", "hihg=2"], 2, "class_weights names 'hihg'"),
        (["--model", "rhythm", "--data", "FOLDER"], 2, "cannot be trained on a folder; choose one of"),
        (["--model", "small", "--data", "FOLDER", "--output", "FOLDER/run"], 2, "lies in the folder of pictures"),
        (["--model", "page", "--data", "RECORDS"], 2, "'page' learns pictures in folders of classes, and"),
        (["--model", "small", "--data", "FOLDER/mistyped"], 3, "There is no folder"),
        (["--model", "small", "--data", "FOLDER/high"], 3, "holds pictures in no class's folder"),
        (["--model", "cnn", "--size", "64"], 2, "--size does not apply to network 'cnn' on beats"),
        (["--model", "cnn", "--ship", "--output", "x"], 2, "--ship writes to models/weights and --output elsewhere"),
        (["--model", "cnn", "--output", str(registry.WEIGHTS / "x")], 2, "lies in the shipped weights; --ship writes"),
        (["--all"], 2, "add --ship to write over their weights, or --output DIR"),
    ],
)
def test_what_cannot_be_trained_is_one_sentence_that_names_it(
    arguments: list[str], code: int, message: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "records").mkdir()
    (tmp_path / "records" / "1.hea").write_text("1 1 360 0")
    places = {"FOLDER": str(folder), "RECORDS": str(tmp_path / "records")}
    named = [re.sub("FOLDER|RECORDS", lambda found: places[found[0]], word) for word in arguments]
    assert main(["train", *named]) == code
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("full", ["models.loop._save_arrays", "models.registry.write"])
@pytest.mark.usefixtures("only_weights")
def test_a_full_disk_is_a_sentence_and_the_training_goes_on_once_there_is_room(
    full: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_room(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    command = ["train", "--model", "small", "--data", str(folder), "--output", str(tmp_path / "run"), "--epochs", "1"]
    with monkeypatch.context() as patch:
        patch.setattr(full, no_room)
        assert main(command) == 3
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith(f"The run could not be written to {str(tmp_path / 'run')!r} (No space left on device)")
    assert main(command) == 0
    assert read_run(tmp_path / "run").report.pictures


def test_a_search_whose_trials_cannot_be_kept_is_one_sentence(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path / "file"))
    command = ["train", "--model", "small", "--data", str(folder), "--output", str(tmp_path / "run"), "--tune", "2"]
    assert main(command) == 3
    (told,) = capsys.readouterr().err.splitlines()
    assert told.startswith(
        f"The trials cannot be kept in {str(tmp_path / 'file' / 'runs' / 'tune')!r} (Not a directory)"
    )


@pytest.mark.parametrize("option", [["--frozen-up-to", "third"], ["--class-weights", "hihg=2"]])
def test_a_refused_training_leaves_nothing_behind(folder: Path, tmp_path: Path, option: list[str]) -> None:
    for output in (tmp_path / "new", tmp_path / "there"):
        (tmp_path / "there").mkdir(exist_ok=True)
        assert main(["train", "--model", "small", "--data", str(folder), "--output", str(output), *option]) == 2
    assert not (tmp_path / "new").exists()
    assert list((tmp_path / "there").iterdir()) == []


def test_a_folder_of_ones_own_work_is_refused_and_kept(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "proj" / "checkpoint" / "mine.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("years of work")
    command = ["train", "--model", "small", "--data", str(folder), "--output", str(tmp_path / "proj")]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert "proj' is not empty and holds no unfinished run; choose another --output." in said
    assert len(said.splitlines()) == 1
    assert [file for file in (tmp_path / "proj").rglob("*") if file.is_file()] == [mine]
    assert mine.read_text() == "years of work"


def test_patients_and_files_left_out_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recwarn: pytest.WarningsRecorder
) -> None:
    data = draw_folder(tmp_path / "set")
    (data / "high").rename(data / "心電図")
    pictures = sorted(data.glob("*/*.png"))
    lines = [f"{file.relative_to(data).as_posix()},p{int(file.stem) // 2 % 8}" for file in pictures]
    (data / "manifest.csv").write_text("\n".join(["picture,patient", *lines]), encoding="utf-8")
    for number in range(8):
        (data / "low" / f"broken{number}.png").write_bytes(b"")
    (data / "odd").mkdir()
    (data / "low" / "0.png").rename(data / "odd" / "0.png")
    output = tmp_path / "run"
    command = ["train", "--model", "small", "--data", str(data), "--output", str(output), "--epochs", "2"]
    assert main(command) == 0
    said, run = capsys.readouterr().out, read_run(output)
    assert run.division.by_patient
    assert run.verdict.sentences[0].startswith("Divided by patient, as manifest.csv names them:")
    assert run.verdict.sentences[0] in said
    assert "No test picture is of 'odd' (1 in all)" in said
    assert "8 files were left out:" in said
    assert "\nand 3 more." in said
    assert "Glyph" not in said
    assert not [each for each in recwarn if "Glyph" in str(each.message)]
    with (output / "training_pictures.csv").open(encoding="utf-8") as file:
        assert len(file.readlines()) == 1 + run.division.train + run.division.validation


@pytest.mark.usefixtures("only_weights")
def test_earlier_runs_without_the_newer_settings_are_still_read(folder: Path, tmp_path: Path) -> None:
    done = run_folder("small", folder, tmp_path / "done")
    raw = json.loads((done / "run.json").read_text())
    for name in ("warmup_epochs", "size_px", "augmentation", "class_weights", "reads"):
        raw["plan"].pop(name, None)
    raw.pop("start", None)
    raw.pop("warnings", None)
    (done / "run.json").write_text(json.dumps(raw))
    run = read_run(done)
    assert (run.plan.reads, run.plan.warmup_epochs, run.start, run.warnings) == ("pictures", 0, "", ())
