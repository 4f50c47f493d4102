"""Recordings become folders of pictures: what is written equals the manifest, and a stopped run goes on."""

from __future__ import annotations

import csv
import json
import os
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import wfdb

from pipeline._util.png_mark import BEAT, NETWORKS, is_marked
from pipeline.errors import DataError
from pipeline.image_folders.dataset import read_folder
from pipeline.intake import read_picture
from pipeline.picture_sets.making import make_picture_set
from pipeline.picture_sets.options import PictureSetOptions
from pipeline.picture_sets.sources import find_sources
from tests.helpers.records import WidthRule, write_record


def not_asked():
    raise AssertionError("a network was asked although there is a reference")


@pytest.fixture(scope="module")
def records(tmp_path_factory) -> Path:
    """Five annotated recordings."""
    folder = tmp_path_factory.mktemp("records")
    for number, name in enumerate(("a", "b", "c", "d", "e")):
        write_record(folder, name, seed=number)
    return folder


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def pictures_of(folder: Path) -> list[str]:
    return sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*.png"))


def made(records, output, *, load=not_asked, **options):
    return make_picture_set(find_sources([str(records)]), PictureSetOptions(**options), output, load=load)


def test_the_manifest_lists_exactly_the_pictures_and_the_card_counts_them(records, tmp_path):
    card = made(records, tmp_path / "o", size_px=(64, 64))
    rows = rows_of(tmp_path / "o")
    assert sorted(row["picture"] for row in rows) == pictures_of(tmp_path / "o")
    assert card.counts == {"": dict(Counter(row["label"] for row in rows))}
    assert (card.pictures, card.records, card.patients, card.predicted) == (len(rows), 5, 5, 0)
    assert {row["picture"].split("/")[0] for row in rows} == {"N", "V"}
    assert all(row["picture"].split("/")[0] == row["label"] for row in rows)
    stored = json.loads((tmp_path / "o" / "card.json").read_text())
    assert (stored["pictures"], stored["style"], stored["size_px"]) == (len(rows), "plain", [64, 64])
    assert f"# {len(rows)} pictures in style plain" in (tmp_path / "o" / "README.md").read_text()


def test_samples_and_labels_are_those_of_the_annotations(records, tmp_path):
    made(records / "a.hea", tmp_path / "o")
    truth = wfdb.rdann(str(records / "a"), "atr")
    known = dict(zip(truth.sample.tolist(), truth.symbol, strict=True))
    rows = rows_of(tmp_path / "o")
    assert len(rows) == len(known)
    assert all(known[int(row["sample"])] == row["label"] for row in rows)
    assert {row["predicted"] for row in rows} == {"no"}


@pytest.mark.parametrize("style", ["plain", "paper", "spectrogram", "scalogram", "gaf"])
def test_each_style_gives_pictures_of_the_size_that_the_intake_reads(records, tmp_path, style):
    made(records / "a.hea", tmp_path / "o", style=style, size_px=(80, 64), most=2)
    found = [read_picture((tmp_path / "o" / name).read_bytes(), name).pixels for name in pictures_of(tmp_path / "o")]
    assert len(found) == 4
    assert {pixels.shape for pixels in found} == {(64, 80, 3)}
    assert all(pixels.std() > 5 for pixels in found)
    assert len({pixels.tobytes() for pixels in found}) == 4


@pytest.mark.parametrize(
    ("style", "note", "noted"),
    [
        *[("plain", BEAT, True), ("paper", BEAT, True), ("gaf", BEAT, False), ("model", BEAT, False)],
        *[("model", NETWORKS, True), ("plain", NETWORKS, False)],
    ],
)
def test_curves_of_one_beat_are_noted_as_such(records, tmp_path, style, note, noted):
    made(records / "a.hea", tmp_path / "o", style=style, most=2)
    files = [tmp_path / "o" / name for name in pictures_of(tmp_path / "o")]
    assert [is_marked(file.read_bytes(), note) for file in files] == [noted] * 4


def test_the_model_style_is_the_picture_that_the_networks_see(records, tmp_path):
    from pipeline.analysis import prepare
    from pipeline.config import DEFAULT
    from pipeline.features.beat_image import render_pictures

    made(records / "a.hea", tmp_path / "o", style="model")
    recording = find_sources([str(records / "a.hea")])[0].read()
    beats = prepare(recording, samples=recording.reference.sample).beats
    row = rows_of(tmp_path / "o")[7]
    index = np.flatnonzero(beats.sample == int(row["sample"]))
    drawn = cv2.imread(str(tmp_path / "o" / row["picture"]))[..., ::-1]
    np.testing.assert_array_equal(drawn, render_pictures(beats, index, DEFAULT.picture)[0])


def test_without_a_reference_labels_are_predicted_and_marked(records, tmp_path):
    folder = tmp_path / "r"
    write_record(folder_of(folder), "bare", annotated=False)
    write_record(folder, "told", seed=1)
    rule = WidthRule()
    card = made(folder, tmp_path / "o", load=lambda: rule)
    predicted = {row["record"]: row["predicted"] for row in rows_of(tmp_path / "o")}
    assert predicted == {"bare": "yes", "told": "no"}
    assert card.predicted == sum(row["predicted"] == "yes" for row in rows_of(tmp_path / "o")) > 50
    assert card.models == ("rule 1",)
    assert "**predicted** by rule 1" in (tmp_path / "o" / "README.md").read_text()
    confidences = [float(row["confidence"]) for row in rows_of(tmp_path / "o") if row["record"] == "bare"]
    assert all(0 < value < 1 for value in confidences)


def folder_of(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def test_normal_and_abnormal_are_class_n_and_the_others(records, tmp_path):
    card = made(records / "a.hea", tmp_path / "o", label="normal-abnormal")
    truth = Counter(wfdb.rdann(str(records / "a"), "atr").symbol)
    assert card.counts[""] == {"abnormal": truth["V"], "normal": truth["N"]}
    assert any("does not mean a normal ECG" in notice for notice in card.notices)


def test_a_rhythm_strip_lies_inside_one_annotated_rhythm(tmp_path):
    folder = folder_of(tmp_path / "r")
    write_record(folder, "a", seconds=70)
    beats = wfdb.rdann(str(folder / "a"), "atr")
    sample = np.concatenate([[0], beats.sample, [35 * 360 + 7]])
    symbol, note = ["+", *beats.symbol, "+"], ["(N", *[""] * beats.sample.size, "(AFIB"]
    order = np.argsort(sample, kind="stable")
    wfdb.wrann("a", "atr", sample[order], [symbol[i] for i in order], aux_note=[note[i] for i in order],
               write_dir=str(folder))  # fmt: skip
    made(folder, tmp_path / "o", label="rhythm", window_s=(0.0, 5.0))
    rows = rows_of(tmp_path / "o")
    assert Counter(row["label"] for row in rows) == {"N": 7, "AFIB": 6}
    for row in rows:
        inside = (0, 35.02) if row["label"] == "N" else (35.01, 70)
        assert inside[0] <= float(row["start_s"]) < float(row["stop_s"]) <= inside[1]
        assert float(row["stop_s"]) - float(row["start_s"]) == pytest.approx(5.0)


def test_a_rerun_makes_only_what_is_not_finished(records, tmp_path, monkeypatch):
    from pipeline.picture_sets import making

    asked = []
    cut = making.cut
    monkeypatch.setattr(making, "cut", lambda source, *rest: asked.append(source.record) or cut(source, *rest))
    made(records, tmp_path / "o")
    before = {name: (tmp_path / "o" / name).read_bytes() for name in pictures_of(tmp_path / "o")}
    (tmp_path / "o" / next(name for name in before if "/c_" in name)).unlink()
    made(records, tmp_path / "o")
    assert asked == ["a", "b", "c", "d", "e", "c"]
    assert {name: (tmp_path / "o" / name).read_bytes() for name in pictures_of(tmp_path / "o")} == before


def test_a_killed_run_leaves_no_half_picture_and_goes_on(records, tmp_path, monkeypatch):
    from pipeline.picture_sets import making

    whole = tmp_path / "whole"
    made(records, whole)
    count = []

    def killed(picture):
        count.append(1)
        if len(count) > 150:
            raise KeyboardInterrupt
        return making_png(picture)

    making_png = making.png_bytes
    monkeypatch.setattr(making, "png_bytes", killed)
    with pytest.raises(KeyboardInterrupt):
        made(records, tmp_path / "o")
    left = pictures_of(tmp_path / "o")
    assert 0 < len(left) < len(pictures_of(whole))
    assert all(cv2.imread(str(tmp_path / "o" / name)) is not None for name in left)
    monkeypatch.setattr(making, "png_bytes", making_png)
    made(records, tmp_path / "o")
    assert pictures_of(tmp_path / "o") == pictures_of(whole) == sorted(r["picture"] for r in rows_of(tmp_path / "o"))


def test_pictures_of_a_stopped_record_that_is_not_asked_for_again_are_removed(records, tmp_path, monkeypatch):
    from pipeline.picture_sets import making

    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(making.Memory, "finish", stopped)
    with pytest.raises(KeyboardInterrupt):
        made(records / "a.hea", tmp_path / "o")
    assert pictures_of(tmp_path / "o")
    monkeypatch.undo()
    made(records / "b.hea", tmp_path / "o")
    assert pictures_of(tmp_path / "o") == sorted(row["picture"] for row in rows_of(tmp_path / "o"))
    assert {row["record"] for row in rows_of(tmp_path / "o")} == {"b"}


def test_a_recording_whose_annotations_have_changed_is_made_again(records, tmp_path):
    folder = folder_of(tmp_path / "r")
    write_record(folder, "a")
    made(folder, tmp_path / "o")
    beats = wfdb.rdann(str(folder / "a"), "atr")
    wfdb.wrann("a", "atr", beats.sample[:20], ["S"] * 20, write_dir=str(folder))
    card = made(folder, tmp_path / "o")
    assert card.counts == {"": {"S": 20}}
    assert pictures_of(tmp_path / "o") == sorted(row["picture"] for row in rows_of(tmp_path / "o"))


def test_a_second_call_adds_records_to_the_same_set(records, tmp_path):
    made(records / "a.hea", tmp_path / "o")
    card = made(records / "b.hea", tmp_path / "o")
    assert card.records == 2
    assert {row["record"] for row in rows_of(tmp_path / "o")} == {"a", "b"}


def test_a_folder_with_other_pictures_is_refused_and_stays(records, tmp_path):
    made(records / "a.hea", tmp_path / "o")
    before = pictures_of(tmp_path / "o")
    with pytest.raises(DataError, match="made with another style"):
        made(records / "a.hea", tmp_path / "o", style="gaf")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "thesis.txt").write_text("mine")
    with pytest.raises(DataError, match="'own' is not empty"):
        made(records / "a.hea", tmp_path / "own")
    assert pictures_of(tmp_path / "o") == before
    assert [file.name for file in (tmp_path / "own").iterdir()] == ["thesis.txt"]


def test_another_recording_of_the_same_name_is_named_and_replaces_nothing(records, tmp_path):
    other = folder_of(tmp_path / "other")
    write_record(other, "a", seed=9)
    made(records / "a.hea", tmp_path / "o")
    card = made(other, tmp_path / "o")
    assert [(refused.record, "another recording of this name" in refused.reason) for refused in card.refused] == [
        ("a", True)
    ]
    assert card.records == 1


def test_an_unreadable_record_is_named_and_the_others_are_made(records, tmp_path):
    folder = folder_of(tmp_path / "r")
    write_record(folder, "good")
    write_record(folder, "bad")
    (folder / "bad.dat").write_bytes(b"\x89PNG\r\n\x1a\n")
    card = made(folder, tmp_path / "o")
    assert [(refused.record, refused.reason) for refused in card.refused] == [
        ("bad", "The signal file is a PNG picture, not WFDB samples.")
    ]
    assert {row["record"] for row in rows_of(tmp_path / "o")} == {"good"}
    assert "bad: The signal file is a PNG picture" in (tmp_path / "o" / "README.md").read_text()


def test_nothing_to_draw_is_one_sentence(tmp_path):
    folder = folder_of(tmp_path / "r")
    write_record(folder, "short")
    (folder / "short.dat").write_bytes(b"")
    with pytest.raises(DataError, match=r"nothing to draw in these recordings\. short: The signal file"):
        made(folder, tmp_path / "o")
    write_record(folder, "short")
    assert made(folder, tmp_path / "o", style="gaf", most=1).pictures  # the folder was not taken by the other style


def test_an_output_that_cannot_be_made_is_named_and_not_the_cache(records, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match=r"The folder '.*file/o' cannot be written .*; choose another --output"):
        made(records, tmp_path / "file" / "o")


def test_another_size_is_called_size(records, tmp_path):
    made(records, tmp_path / "o", size_px=(64, 64), most=1)
    with pytest.raises(DataError, match="made with another size; choose"):
        made(records, tmp_path / "o", size_px=(32, 64), most=1)


def test_names_in_any_script_keep_their_letters(tmp_path):
    folder = folder_of(tmp_path / "записи" / "心电图 (2)")
    write_record(folder, "r")
    (folder / "r.hea").rename(folder / "Žofie=心.hea")
    (folder / "r.atr").rename(folder / "Žofie=心.atr")
    card = made(tmp_path / "записи", tmp_path / "вывод")
    assert card.records == 1
    row = rows_of(tmp_path / "вывод")[0]
    assert row["record"] == "心电图 (2)/Žofie=心"
    assert row["picture"] == f"{row['label']}/心电图__2__Žofie_心_{int(row['sample']):08d}.png"
    assert (tmp_path / "вывод" / row["picture"]).is_file()


def test_records_of_one_name_in_two_folders_are_kept_apart(tmp_path):
    for number, name in enumerate(("x y", "x_y")):
        write_record(folder_of(tmp_path / "r" / name), "100", seed=number)
    card = made(tmp_path / "r", tmp_path / "o")
    assert card.records == 2
    assert len(pictures_of(tmp_path / "o")) == len(rows_of(tmp_path / "o")) == 136
    assert {row["record"] for row in rows_of(tmp_path / "o")} == {"x y/100", "x_y/100"}


def test_at_most_so_many_of_each_class_and_record(records, tmp_path):
    card = made(records, tmp_path / "o", most=3)
    assert card.counts == {"": {"N": 15, "V": 15}}
    places = [int(row["sample"]) for row in rows_of(tmp_path / "o") if row["record"] == "a" and row["label"] == "N"]
    assert places[0] < 10 * 360
    assert places[-1] > 60 * 360


def test_the_folder_is_read_for_training_with_its_parts(records, tmp_path):
    made(records, tmp_path / "o", split="patient", size_px=(48, 48), most=6)
    dataset = read_folder(tmp_path / "o")
    assert dataset.splits == ("train", "validation", "test")
    assert dataset.classes == ("N", "V")
    assert dataset.refused == ()
    assert len(dataset.pictures) == len(rows_of(tmp_path / "o")) == 60


def test_a_full_disk_is_one_sentence(records, tmp_path, monkeypatch):
    from pipeline.picture_sets import making

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(making.os, "replace", full)
    with pytest.raises(DataError, match=r"could not be written \(No space left on device\)"):
        made(records / "a.hea", tmp_path / "o")


def test_paper_is_true_to_scale():
    """A pulse of 1 mV is 10 mm high, and one of 0.2 s is 5 mm wide, in a picture with 8 pixels per mm."""
    from pipeline.picture_sets.drawing import INK, draw_on_paper

    fs = 250.0
    pulse = np.zeros((1, 300), np.float32)
    pulse[0, 100:150] = 1.0
    picture = draw_on_paper(pulse, fs, (240, 240), 10.0)[0]  # 1.2 s, 30 mm: 8 pixels per mm
    dark = np.abs(picture.astype(int) - INK).sum(axis=2) < 90
    height = [np.flatnonzero(dark[:, column]).mean() for column in (40, 100)]
    assert height[0] - height[1] == pytest.approx(80, abs=0.6)
    edges = np.flatnonzero(dark[120])
    assert edges[edges > 100].mean() - edges[edges < 100].mean() == pytest.approx(40, abs=1)


def test_a_lead_without_gain_is_not_drawn_to_scale(tmp_path):
    folder = folder_of(tmp_path / "r")
    write_record(folder, "a")
    header = (folder / "a.hea").read_text().replace("200(0)/mV", "0(0)/mV").replace("200.0(0)/mV", "0(0)/mV")
    (folder / "a.hea").write_text(header)
    with pytest.raises(DataError, match="MLII has no gain, so that it cannot be drawn to scale"):
        made(folder, tmp_path / "o", style="paper")


def test_a_record_may_be_called_like_anything_that_the_folder_remembers(tmp_path):
    folder = folder_of(tmp_path / "r")
    for number, name in enumerate(("settings", "drafts", "records", "manifest")):
        write_record(folder, name, seed=number, seconds=20)
    assert made(folder, tmp_path / "o").records == 4
    assert made(folder, tmp_path / "o").records == 4


def test_more_pictures_than_training_reads_are_said(records, tmp_path, monkeypatch):
    from pipeline.picture_sets import making

    monkeypatch.setattr(making, "FILES_MAX", 10)
    card = made(records / "a.hea", tmp_path / "o")
    said = f"The set has {card.pictures} pictures; a network is trained on folders of at most 10: make fewer"
    assert any(notice.startswith(said) for notice in card.notices)


def test_a_name_that_is_no_text_or_has_control_characters_is_shown_harmlessly(tmp_path):
    folder = folder_of(tmp_path / "r")
    write_record(folder, "r", seconds=20)
    for name in (b"b\xff\xfe", b"c\x1b[31m\n"):
        for ending in (b".hea", b".atr"):
            (Path(os.fsdecode(os.fsencode(folder) + b"/" + name + ending))).write_bytes(
                (folder / f"r{ending.decode()}").read_bytes()
            )
    card = made(folder, tmp_path / "o")
    assert card.records == 3
    assert {row["record"] for row in rows_of(tmp_path / "o")} == {"r", "b??", "c?[31m?"}
    assert made(folder, tmp_path / "o").pictures == card.pictures


def test_two_runs_at_once_in_one_folder_are_refused_in_a_sentence(records, tmp_path, monkeypatch):
    from pipeline.picture_sets import making

    said = []
    cut = making.cut

    def meanwhile(source, *rest):
        with pytest.raises(DataError) as refused:
            made(records / "b.hea", tmp_path / "o")
        said.append(str(refused.value))
        monkeypatch.setattr(making, "cut", cut)
        return cut(source, *rest)

    monkeypatch.setattr(making, "cut", meanwhile)
    assert made(records / "a.hea", tmp_path / "o").records == 1
    assert said == [
        "Another run is making pictures in the folder 'o'; wait until it has ended, or choose another --output."
    ]
    assert made(records / "b.hea", tmp_path / "o").records == 2


def test_the_model_style_is_square_where_a_square_is_asked_for(records, tmp_path):
    for name, size_px, shape in (
        ("own", None, (64, 96)),
        ("square", (224, 224), (224, 224)),
        ("w", (120, 90), (90, 120)),
    ):
        made(records / "a.hea", tmp_path / name, style="model", size_px=size_px, most=1)
        drawn = [cv2.imread(str(tmp_path / name / picture)) for picture in pictures_of(tmp_path / name)]
        assert {picture.shape[:2] for picture in drawn} == {shape}
        assert "theirs is 96 x 64 pixels, 3:2" in (tmp_path / name / "README.md").read_text()
        marked = np.flatnonzero(drawn[0].max(axis=(1, 2)) > 40)
        assert marked[0] < shape[0] * 0.4
        assert marked[-1] > shape[0] * 0.8


@pytest.mark.parametrize("style", ["plain", "paper"])
def test_a_picture_of_a_beat_does_not_show_the_next_one(tmp_path, style):
    """A beat some 0.35 s after another one: the curve of the first ends 0.1 s before it, the other's begins later."""
    from pipeline.analysis import prepare
    from pipeline.picture_sets.drawing import INK, MARGIN

    folder = folder_of(tmp_path / "r")
    write_record(folder, "a", seconds=20)
    sample = wfdb.rdann(str(folder / "a"), "atr").sample[2:12]
    first, second = int(sample[4]), int(sample[4]) + round(0.35 * 360)
    wfdb.wrann("a", "atr", np.sort([*sample, second]), ["N"] * 11, write_dir=str(folder))
    made(folder, tmp_path / "o", style=style, window_s=(0.3, 0.5), size_px=(320, 320))
    rows = {int(row["sample"]): row for row in rows_of(tmp_path / "o")}
    assert len(rows) == 11
    beats = prepare(find_sources([str(folder)])[0].read(), samples=np.sort([*sample, second])).beats
    apart_s = round(float(np.diff(beats.r_peak).min() / beats.fs) - 0.1, 2)
    assert 0.1 < apart_s < 0.3
    for at, row in rows.items():
        begin_s, end_s = (round(float(row[name]) - at / 360, 2) for name in ("start_s", "stop_s"))
        assert (begin_s, end_s) == (-apart_s if at == second else -0.3, apart_s if at == first else 0.5)
        picture = cv2.imread(str(tmp_path / "o" / row["picture"]))[..., ::-1].astype(int)
        ink = np.flatnonzero((np.abs(picture - INK).sum(axis=2) < 150).any(axis=0))
        margin = MARGIN * 320 if style == "plain" else 0
        px_per_s = (320 - 2 * margin) / 0.8
        assert ink[0] == pytest.approx(margin + (begin_s + 0.3) * px_per_s, abs=5)
        assert ink[-1] == pytest.approx(margin + (end_s + 0.3) * px_per_s, abs=5)
