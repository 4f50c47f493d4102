"""What a run leaves in its folder, how runs are named, deleted and compared."""

from __future__ import annotations

import csv
import json
import re
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from models.runtime import tensorflow
from pipeline._util import provenance
from pipeline._util.files import write_json
from pipeline._util.typed_json import to_json
from pipeline.errors import DataError
from pipeline.evaluation.class_scores import class_report
from pipeline.image_folders.html_report import write_report
from pipeline.image_folders.plots import PLOTS, write_plots
from pipeline.image_folders.predictions import (
    Predictions,
    compare_runs,
    read_predictions,
    write_predictions,
)
from pipeline.image_folders.results import EVENTS
from pipeline.image_folders.runs import (
    LABEL_MAX,
    FolderRun,
    delete_run,
    list_runs,
    read_run,
    rename_run,
    run_label,
    runs_folder,
)
from pipeline.image_folders.samples import RANDOM, chosen_samples
from tests.helpers.runs import train_small_run

OUTSIDE = re.compile(r"""(?:src|href)\s*=\s*["']\s*(?!data:|#)|url\(\s*(?!#)|@import|<script""")


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One run of the custom CNN on 48 drawn pictures; its folder is not changed."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("HEARTVISION_HOME", str(home))
        yield train_small_run(home)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_folder: Path) -> Path:
    """A home with two finished runs of the same answers."""
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path))
    for name in ("20260101-first", "20260102-second"):
        place = tmp_path / "runs" / name
        write_predictions(place, read_predictions(run_folder))
        write_json(place / "run.json", to_json(read_run(run_folder)))
    return tmp_path / "runs"


def test_each_test_picture_is_stored_with_its_digest_class_and_probabilities(run_folder):
    run, found = read_run(run_folder), read_predictions(run_folder)
    assert len(found.paths) == run.report.pictures == run.division.test
    assert found.classes == run.classes
    confusion = np.zeros((2, 2), int)
    np.add.at(confusion, (found.label, found.p.argmax(axis=1)), 1)
    assert confusion.tolist() == [list(row) for row in run.report.confusion]
    assert np.allclose(found.p.sum(axis=1), 1, atol=1e-5)
    assert {len(digest) for digest in found.digests} == {64}
    with (run_folder / "predictions.csv").open(newline="") as file:
        first = next(csv.DictReader(file))
    assert float(first["confidence"]) == pytest.approx(float(found.p[0].max()), abs=1e-6)


def test_the_environment_is_said_with_versions_and_what_git_does_not_know(run_folder):
    here = read_run(run_folder).environment
    assert here is not None
    assert here.numpy == np.__version__
    assert here.tensorflow == tensorflow().__version__
    assert here.keras
    assert here.python.count(".") == 2
    assert "cores" in here.processor
    assert here.dtype in ("float32", "mixed_bfloat16")


def test_code_that_differs_from_the_commit_is_named(monkeypatch, tmp_path):
    def git(*arguments: str) -> None:
        identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        subprocess.run(["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "one.py").write_text("a = 1\n")
    git("init", "-q")
    git("add", ".")
    git("commit", "-qm", "one")
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    monkeypatch.setattr(provenance, "IS_CHECKOUT", True)
    clean = provenance.current_environment((), "float32")
    assert (clean.changed, clean.untracked) == ((), ())
    (tmp_path / "models" / "one.py").write_text("a = 2\n")
    (tmp_path / "models" / "mine.py").write_text("b = 1\n")
    dirty = provenance.current_environment(("H200",), "float32")
    assert dirty.changed == ("models/one.py",)
    assert dirty.untracked == ("models/mine.py",)
    assert dirty.gpus == ("H200",)


def test_every_plot_is_there_as_png_and_as_svg(run_folder):
    for name in PLOTS:
        picture = cv2.imread(str(run_folder / "plots" / f"{name}.png"))
        assert picture is not None
        assert min(picture.shape[:2]) > 300
        assert len(np.unique(picture)) > 10
        drawn = (run_folder / "plots" / f"{name}.svg").read_text()
        assert drawn.rstrip().endswith("</svg>")
    assert ">Epoch<" in (run_folder / "plots" / "loss.svg").read_text()
    assert ">high<" in (run_folder / "plots" / "confusion.svg").read_text()


def test_epochs_are_whole_numbers_on_the_axes(run_folder):
    for name in ("loss", "accuracy"):
        drawn = (run_folder / "plots" / f"{name}.svg").read_text()
        axis = drawn[drawn.index('id="matplotlib.axis_1"') : drawn.index('id="matplotlib.axis_2"')]
        ticks = re.findall(r">([\d.]+)</text>", axis)
        assert ticks
        assert all(tick.isdigit() for tick in ticks), ticks


def test_the_curves_are_events_that_tensorboard_reads(run_folder):
    from tensorflow.core.util.event_pb2 import Event

    (file,) = (run_folder / EVENTS).glob("events.out.tfevents.*")
    found: dict[str, list[tuple[int, float]]] = {}
    for record in tensorflow().data.TFRecordDataset(str(file)).as_numpy_iterator():
        event = Event.FromString(record)
        for value in event.summary.value:
            found.setdefault(value.tag, []).append((event.step, value.simple_value))
    curves = read_run(run_folder).curves
    assert found.keys() == curves.keys()
    for name, values in curves.items():
        assert [step for step, _ in found[name]] == list(range(1, len(values) + 1))
        assert [value for _, value in found[name]] == pytest.approx(
            [struct.unpack("f", struct.pack("f", value))[0] for value in values]
        )


def test_the_report_is_one_file_that_loads_nothing_and_has_the_numbers_of_the_run(run_folder):
    page = (run_folder / "report.html").read_text()
    assert not OUTSIDE.search(page)
    run = read_run(run_folder)
    accuracy = run.report.overall.accuracy.value
    assert f"{accuracy * 100:.1f} %" in page
    assert all(f"<td>{name}</td>" in page for name in run.classes)
    assert page.count("<svg ") == len(PLOTS)
    assert page.count("data:image/png;base64,") == sum(1 + bool(sample.heatmap) for sample in run.samples)
    assert str(run.environment.tensorflow) in page
    assert len(set(re.findall(r' id="([^"]+)"', page))) == len(re.findall(r' id="([^"]+)"', page))


@pytest.mark.parametrize("classes", [2, 30])
def test_long_names_and_many_classes_fit_into_the_plots(run_folder, tmp_path, classes):
    rng = np.random.default_rng(classes)
    label = np.arange(classes * 4) % classes
    names = tuple(f"{i} {'a very long name of a class ' * 3}"[:80] for i in range(classes))
    report = class_report(rng.dirichlet(np.ones(classes), label.size), label, names)
    run = replace(read_run(run_folder), classes=names, report=report, curves={"loss": (1.0,), "val_loss": (None,)})
    assert write_plots(tmp_path, run) == tuple(PLOTS)  # a warning that there is no room fails
    assert "…" in (tmp_path / "plots" / "confusion.svg").read_text("utf-8")


def test_names_in_a_report_are_text_and_no_markup(run_folder, tmp_path):
    run = replace(read_run(run_folder), classes=("<b>high</b>", "low & slow"), samples=(), dataset="<i>x</i>")
    write_plots(tmp_path, run)
    page = write_report(tmp_path, run).read_text()
    assert "<b>high" not in page
    assert "<i>x" not in page
    assert "&lt;b&gt;high&lt;/b&gt;" in page


def test_samples_are_mistakes_random_ones_and_some_of_each_class_with_heatmaps(run_folder):
    run, found = read_run(run_folder), read_predictions(run_folder)
    assert {sample.class_name for sample in run.samples if sample.chosen == "class"} == set(run.classes)
    assert sum(sample.chosen == "random" for sample in run.samples) == min(RANDOM, len(found.paths))
    assert all(sample.predicted != sample.class_name for sample in run.samples if sample.chosen == "mistake")
    row = {path: i for i, path in enumerate(found.paths)}
    for sample in run.samples:
        picture = cv2.imread(str(run_folder / sample.file))
        assert picture is not None
        assert sample.confidence == pytest.approx(float(found.p[row[sample.path]].max()), abs=1e-4)
        if sample.heatmap:
            assert not np.array_equal(cv2.imread(str(run_folder / sample.heatmap)), picture)
    assert any(sample.heatmap for sample in run.samples)


def test_the_same_seed_chooses_the_same_samples_and_the_surest_mistakes_come_first():
    p = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.7, 0.3]], np.float32)
    label = np.array([1, 0, 1, 1])
    stand_in = Predictions(("a", "b"), tuple("wxyz"), tuple("wxyz"), np.arange(4), label, p)
    found = chosen_samples(stand_in, 5)
    assert [i for i, reason in found if reason == "mistake"] == [0, 3, 1]
    assert found == chosen_samples(stand_in, 5)
    assert {i for i, reason in found if reason == "class"} == {0, 1, 2, 3}


def test_a_run_of_an_earlier_version_is_read_and_says_that_it_cannot_be_compared(home, run_folder):
    old = json.loads((run_folder / "run.json").read_text())
    for name in ("environment", "importance"):
        old.pop(name, None)
    for sample in old["samples"]:
        sample.pop("heatmap", None)
        sample.pop("chosen", None)
    place = home / "20250101-old"
    write_json(place / "run.json", old)
    assert read_run(place).environment is None
    with pytest.raises(DataError, match=r"has no predictions.csv: an earlier version"):
        compare_runs(place, home / "20260101-first")


def test_a_run_gets_a_name_and_its_path_stays(home):
    folder = list_runs()[0]
    assert run_label(folder) == folder.name
    assert rename_run(folder, "  ours,\n with\tdropout ") == "ours, with dropout"
    assert run_label(folder) == "ours, with dropout"
    assert list_runs()[0] == folder
    assert isinstance(read_run(folder), FolderRun)
    with pytest.raises(DataError, match="Another run is called"):
        rename_run(list_runs()[1], "ours, with dropout")
    with pytest.raises(DataError, match=f"at most {LABEL_MAX}"):
        rename_run(folder, "x" * (LABEL_MAX + 1))
    assert rename_run(folder, "") == folder.name


def test_a_deleted_run_is_gone_and_nothing_else_is(home, tmp_path):
    first, second = list_runs()
    delete_run(first)
    assert list_runs() == (second,)
    assert [place.name for place in home.iterdir()] == [second.name]
    outside = tmp_path / "elsewhere"
    write_json(outside / "run.json", {})
    (home / "link").symlink_to(outside)
    for wrong in (outside, home, home / "20260102-second" / "..", first):
        with pytest.raises(DataError, match="no run"):
            delete_run(wrong)
    delete_run(home / "link")
    assert list_runs() == (second,)
    assert (outside / "run.json").is_file()


def test_a_run_whose_deletion_was_interrupted_is_not_listed(home):
    list_runs()[0].rename(home / ".deleted-1")
    assert [folder.name for folder in list_runs()] == ["20260101-first"]
    assert runs_folder() == home


def test_two_runs_with_the_same_answers_do_not_differ(home):
    first, second = list_runs()
    compared = compare_runs(first, second)
    assert compared.found.pictures == compared.first == compared.second
    assert (compared.found.only_first, compared.found.only_second, compared.found.p) == (0, 0, 1.0)
    assert all(row.difference == 0 and row.p == 1 for row in compared.found.differences)


def test_runs_are_compared_on_the_pictures_that_both_were_tested_on(home):
    first, second = list_runs()
    found = read_predictions(first)
    order = np.arange(len(found.paths))[::-1][:6]
    part = Predictions(
        found.classes,
        tuple(f"elsewhere/{found.paths[i]}" for i in order),
        tuple(found.digests[i] for i in order),
        found.group[order],
        found.label[order],
        1 - found.p[order],
    )
    write_predictions(second, part)
    compared = compare_runs(first, second)
    distinct = len({found.digests[i] for i in order})
    assert (compared.first, compared.second, compared.found.pictures) == (len(found.paths), 6, distinct)
    assert compared.found.only_first + compared.found.only_second == distinct


def test_runs_on_other_pictures_or_classes_are_not_compared(home):
    first, second = list_runs()
    found = read_predictions(first)
    write_predictions(second, replace(found, classes=("left", "right")))
    with pytest.raises(DataError, match="one knows 'high', 'low', the other 'left', 'right'"):
        compare_runs(first, second)
    write_predictions(second, replace(found, digests=tuple("f" * 63 + str(i) for i in range(len(found.paths)))))
    with pytest.raises(DataError, match=f"none of the {len(found.paths)} test pictures"):
        compare_runs(first, second)
    write_predictions(second, replace(found, label=1 - found.label))
    with pytest.raises(DataError, match="in one and"):
        compare_runs(first, second)
    (second / "predictions.csv").write_text("picture,sha256\n1,2\n")
    with pytest.raises(DataError, match="damaged"):
        compare_runs(first, second)


def test_class_names_with_commas_and_quotes_survive_the_table(tmp_path, run_folder):
    found = replace(read_predictions(run_folder), classes=('a, "b"', "p_c\n"))
    write_predictions(tmp_path, found)
    again = read_predictions(tmp_path)
    assert again.classes == found.classes
    assert again.label.tolist() == found.label.tolist()
    assert again.paths == found.paths
