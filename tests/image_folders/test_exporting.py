"""Exported networks, loaded again: by the command itself, and by the scripts of the documentation."""

from __future__ import annotations

import errno
import importlib.util
import io
import json
import os
import runpy
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from models import export
from models.registry import WEIGHTS
from pipeline import cli
from pipeline._util.typed_json import read_as
from pipeline.config import ROOT
from pipeline.errors import DataError, ModelError
from pipeline.evaluation.own_records import read_own_evaluation
from pipeline.image_folders.exporting import Exported, _without_dumps, export_network, source_of
from pipeline.image_folders.predicting import load_run, predict_files
from pipeline.image_folders.training_set import seen_by
from pipeline.intake import read_picture
from tests.helpers.records import write_record
from tests.helpers.trained_runs import trained_on_curves

RUNTIMES = {
    "keras": ("keras", ("keras",)),
    "h5": ("keras", ("keras",)),
    "savedmodel": ("savedmodel", ("tensorflow",)),
    "tflite": ("tflite", ("ai_edge_litert",)),
    "onnx": ("onnx", ("tf2onnx", "onnx", "onnxruntime")),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    root = tmp_path_factory.mktemp("exported")
    trained_on_curves(root)
    return root


@pytest.fixture(scope="module")
def written(made):
    """A function that writes a format with the command, once; it returns the file and what was said."""
    done = {}

    def write(form):
        if form not in done:
            path, said = made / f"curves{export.SUFFIXES[form] or '-graph'}", io.StringIO()
            with redirect_stdout(said):
                assert cli.main(["export", "--run", str(made / "run"), "--format", form, "--output", str(path)]) == 0
            done[form] = path, said.getvalue()
        return done[form]

    return write


@pytest.mark.parametrize("form", [form for form in RUNTIMES if form != "onnx"])
def test_a_format_that_needs_no_further_package_is_written_and_answers_alike_in_a_new_process(made, written, form):
    path, said = written(form)
    told = read_as(Exported, path.with_name(f"{path.name}.json"), again="")
    assert told.classes == ("high", "low")
    assert (told.format, told.run, told.model, told.input_shape) == (form, "run", "cnn", (64, 64, 3))
    assert told.compared.inputs == 100
    assert told.compared.largest_difference <= told.compared.tolerance == export.TOLERANCE
    assert said.splitlines()[:2] == [str(path), f"{path}.json"]
    assert "Loaded again in a new process" in said
    assert not list(made.glob(".heartvision-*"))


@pytest.mark.parametrize("form", RUNTIMES)
def test_the_documented_script_classifies_as_predict_does_and_needs_nothing_of_ours(made, written, form, tmp_path):
    script, needed = RUNTIMES[form]
    if missing := [name for name in needed if importlib.util.find_spec(name) is None]:
        assert "CI" not in os.environ, f"{missing[0]} is not installed, which requirements-dev.txt names"
        pytest.skip(f"{missing[0]} is not installed")
    path, _ = written(form)
    file = ROOT / "docs" / "exported" / f"classify_{script}.py"
    source = file.read_text(encoding="utf-8")
    assert not any(name in source for name in ("pipeline", "models."))
    assert sum(bool(line) for line in source.splitlines()) <= 20
    assert_script_answers_as_predict(file, path, made / "run", made / "curves" / "low" / "0a.png", tmp_path)


def assert_script_answers_as_predict(file, path, run, picture, folder):
    there = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    done = subprocess.run(
        [sys.executable, "-P", str(file), str(path), str(picture)],
        capture_output=True, text=True, cwd=folder, check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in there if path != str(ROOT))},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = {name: float(p) for name, p in (line.split("\t") for line in done.stdout.splitlines())}
    answer = next(predict_files(load_run(run), [picture]))[0]
    assert answer.p is not None
    assert found == pytest.approx(dict(zip(("high", "low"), answer.p.tolist(), strict=True)), abs=0.02)


def script_paper(picture, shape, folder, monkeypatch):
    """What a script gives to its network: the script is run here, with a network that keeps its input."""
    seen = []
    (folder / "n.json").write_text(json.dumps({"input_shape": shape, "classes": []}))
    network = SimpleNamespace(predict=lambda paper, verbose: seen.append(paper) or [[]])
    monkeypatch.setattr("keras.saving.load_model", lambda path, compile: network)
    monkeypatch.setattr(sys, "argv", ["", str(folder / "n"), str(picture)])
    runpy.run_path(str(ROOT / "docs" / "exported" / "classify_keras.py"))
    return seen[0][0]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a script leaves its files to its end
@pytest.mark.parametrize("size", [(33, 21), (64, 64), (90, 47), (200, 311)])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "I;16", "I;16 transparent"])
def test_the_scripts_read_a_picture_as_predict_does(mode, size, tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    facts = {"transparency": 30000} if mode == "I;16 transparent" else {}
    if mode.startswith("I;16"):
        values = rng.integers(0, 65536, size).astype(np.uint16)
        values[:5] = 30000
    else:
        values = rng.integers(0, 256, (*size, {"RGB": 3, "RGBA": 4}.get(mode, 1))).squeeze().astype(np.uint8)
    Image.fromarray(values).save(tmp_path / "p.png", **facts)
    picture = read_picture((tmp_path / "p.png").read_bytes(), "p.png").pixels
    expected = seen_by(picture, (64, 80, 3), "pictures")
    found = script_paper(tmp_path / "p.png", (64, 80, 3), tmp_path, monkeypatch)
    assert np.abs(found - expected).max() <= 1


def test_what_export_did_not_write_is_never_replaced(made, tmp_path, capsys):
    thesis, beside = tmp_path / "thesis.txt", tmp_path / "notes.json"
    thesis.write_text("four years")
    beside.write_text("{}")
    for name in ("thesis.txt", "notes"):
        arguments = ["export", "--run", str(made / "run"), "--format", "tflite", "--output", str(tmp_path / name)]
        assert cli.main(arguments) == 3
        assert "was not written by `export`; choose another --output" in capsys.readouterr().err
    assert sorted(file.name for file in tmp_path.iterdir()) == ["notes.json", "thesis.txt"]
    assert (thesis.read_text(), beside.read_text()) == ("four years", "{}")


@pytest.mark.parametrize("form", ["keras", "savedmodel"])
def test_an_earlier_export_makes_way_only_to_one_that_was_verified(made, written, form, monkeypatch, tmp_path):
    source, earlier = source_of(None, str(made / "run")), written(form)[0]
    path = tmp_path / earlier.name
    (shutil.copytree if earlier.is_dir() else shutil.copy)(earlier, path)
    shutil.copy(f"{earlier}.json", f"{path}.json")
    before = Path(f"{path}.json").stat().st_mtime_ns
    inputs = export.sample_inputs(source.classifier, source.golden)
    right = export.expected(source.classifier, inputs)
    monkeypatch.setattr(export, "answers_in_fresh_process", lambda form, path, inputs: right + 0.5)
    with pytest.raises(ModelError, match="answers otherwise"):
        export_network(source, form, path)
    assert path.exists()
    assert Path(f"{path}.json").stat().st_mtime_ns == before
    marked = path / "fingerprint.pb" if path.is_dir() else path
    marked.write_bytes(b"earlier")
    monkeypatch.setattr(export, "answers_in_fresh_process", lambda form, path, inputs: right)
    export_network(source, form, path)
    assert marked.read_bytes() != b"earlier"
    assert sorted(file.name for file in tmp_path.iterdir()) == [path.name, f"{path.name}.json"]


def test_without_its_packages_onnx_is_refused_before_anything_is_written(made, monkeypatch, capsys, tmp_path):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "tf2onnx" else find(name))
    arguments = ["export", "--run", str(made / "run"), "--format", "onnx", "--output", str(tmp_path / "n.onnx")]
    assert cli.main(arguments) == 2
    assert "needs tf2onnx" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_file_that_answers_otherwise_is_not_written(made, monkeypatch, tmp_path):
    monkeypatch.setattr(export, "answers_in_fresh_process", lambda form, path, inputs: np.full((100, 2), 0.5))
    with pytest.raises(ModelError, match="answers otherwise"):
        export_network(source_of(None, str(made / "run")), "keras", tmp_path / "n.keras")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("form", ["h5", "savedmodel"])
def test_a_folder_that_cannot_be_written_is_one_sentence(made, form, monkeypatch, tmp_path, capsys):
    usual = os.mkdir

    def read_only(path, *rest, **options):
        if str(path).startswith(str(tmp_path)):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        usual(path, *rest, **options)

    monkeypatch.setattr(os, "mkdir", read_only)
    assert (
        cli.main(["export", "--run", str(made / "run"), "--format", form, "--output", str(tmp_path / f"n.{form}")]) == 3
    )
    said = "could not be written (Read-only file system); check the folder.\n"
    assert capsys.readouterr().err == f"'n.{form}' {said}"
    assert not list(tmp_path.iterdir())


def test_a_file_that_does_not_load_is_said(made, tmp_path):
    (tmp_path / "n.keras").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="does not load in a new process"):
        export.answers_in_fresh_process("keras", tmp_path / "n.keras", np.zeros((1, 64, 64, 3), np.float32))


@pytest.mark.parametrize(
    ("form", "name", "said"),
    [("keras", "n.txt", "names end in .keras"), ("h5", "n.keras", "names end in .h5"), ("tflite", "", "is a folder")],
)
def test_an_output_that_does_not_suit_the_format_is_bad_use(made, form, name, said, tmp_path, capsys):
    arguments = ["export", "--run", str(made / "run"), "--format", form, "--output", str(tmp_path / name)]
    assert cli.main(arguments) == 2
    assert said in capsys.readouterr().err


def test_other_files_are_never_replaced_by_a_graph(made, monkeypatch, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    source = source_of(None, str(made / "run"))
    expected = export.expected(source.classifier, export.sample_inputs(source.classifier, source.golden))
    monkeypatch.setattr(export, "answers_in_fresh_process", lambda form, path, inputs: expected)
    with pytest.raises(DataError, match="holds other files"):
        export_network(source, "savedmodel", tmp_path / "mine")
    assert [file.name for file in tmp_path.iterdir()] == ["mine"]
    assert [file.name for file in (tmp_path / "mine").iterdir()] == ["letter.txt"]


def test_an_unknown_network_is_bad_use(tmp_path, capsys):
    assert cli.main(["export", "--model", "oracle", "--format", "keras", "--output", str(tmp_path / "n.keras")]) == 2
    assert "no trained network 'oracle'" in capsys.readouterr().err


@pytest.mark.parametrize(("name", "shows"), [("cnn", "beat pictures"), ("rhythm_svdb", "beats"), ("page", "pages")])
def test_a_shipped_network_says_what_it_reads(name, shows):
    source = source_of(name, None)
    assert source.shows == shows
    assert len(source.golden)


def test_a_network_trained_on_the_public_data_in_a_run_is_exported_and_scored_too(tmp_path, capsys):
    shutil.copytree(WEIGHTS / "cnn", tmp_path / "run" / "cnn")
    source = source_of(None, str(tmp_path / "run"))
    assert (source.shows, source.run, source.classifier.name) == ("beat pictures", "run", "cnn")
    (tmp_path / "records").mkdir()
    write_record(tmp_path / "records", "mine", seconds=30)
    arguments = ["evaluate", "--run", str(tmp_path / "run"), "--data", str(tmp_path / "records")]
    assert cli.main([*arguments, "--output", str(tmp_path / "e.json")]) == 0
    assert read_own_evaluation(tmp_path / "e.json").reference.records == ("mine",)
    assert "cnn, 1 record)" in capsys.readouterr().out


def test_the_description_is_json_that_anyone_can_read(written):
    path, _ = written("keras")
    told = json.loads(path.with_name("curves.keras.json").read_text(encoding="utf-8"))
    assert told["classes"] == ["high", "low"]
    assert told["input"]["shape"] == [None, 64, 64, 3]
    assert any("INTER_AREA" in step for step in told["input"]["steps"])


def test_what_converters_dump_below_python_stays_out_of_the_terminal(capfd):
    with _without_dumps():
        os.write(2, b"W0000 tflite: a dump\n")
    os.write(2, b"afterwards\n")
    with pytest.raises(ModelError, match="told"), _without_dumps():
        raise ModelError("told")
    os.write(2, b"and again\n")
    assert capfd.readouterr().err == "afterwards\nand again\n"
