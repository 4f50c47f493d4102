"""The part of the Evaluation page on rhythms: its numbers are those of the file, in every part and for every source."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from app.common.theme import DARK
from app.evaluation import rhythm, rhythm_tables
from pipeline._util.files import write_json
from pipeline._util.provenance import Provenance
from pipeline._util.typed_json import rounded, to_json
from pipeline.datasets.rhythm_references import RhythmReference
from pipeline.evaluation.rhythm_report import compare, sources
from pipeline.evaluation.rhythm_schema import EvaluatedDetector, RhythmEvaluation, rhythm_file
from pipeline.types import Episode
from tests.helpers.evaluations import charts_of, opened, said, write_network


def reference(record, *episodes, seconds=1800.0, unknown=None):
    at = np.arange(0, seconds, 0.8)
    sample = np.round(at * 360).astype(np.int64)
    return RhythmReference(record, 360.0, seconds, sample, ("N",) * at.size, episodes, unknown or {})


def evaluation():
    """Two records of vfdb read from the signal, two of ltafdb from beats, two strips."""
    vf = (Episode(0, 600, "N"), Episode(600, 640, "VFL", "VF"), Episode(640, 650, "NOISE"), Episode(650, 1800, "N"))
    named = (
        Episode(0, 605, "N", confidence=0.97),
        Episode(605, 630, "VFL", "VF", 0.8),
        Episode(630, 1000, "N"),
        Episode(1000, 1010, "VT", "", 0.6),
        Episode(1010, 1800, "N"),
    )
    missed = (Episode(0, 600, "N"), Episode(600, 605, "VFL", "VFL"), Episode(605, 1800, "N"))
    af, strip = (Episode(0, 900, "AFIB"), Episode(900, 1800, "N")), (Episode(0, 30, "AFIB"),)
    sinus, quiet = (Episode(0, 1800, "N"),), (Episode(0, 30, "N"),)
    found = [
        compare(reference("vfdb/418", *vf), named, "signal", held_out=("waveform",)),
        compare(reference("vfdb/419", *missed, unknown={"XYZ": 2}), (), "signal", refused="Nothing can be read."),
        compare(reference("ltafdb/00", *af), af, "beats", seen=("af",)),
        compare(reference("ltafdb/01", *af), sinus, "beats", seen=("af",)),
        compare(reference("cinc2017/A1", *strip, seconds=30.0), strip, "signal", label="A"),
        compare(reference("cinc2017/A2", *quiet, seconds=30.0), quiet, "signal", label="N"),
    ]
    detector = EvaluatedDetector(
        name="waveform", title="Ventricular rhythms", sha256="ab" * 32, trained_on="12 records of vfdb", records=12,
        size_bytes=400_000, folds=12, commit="abc", command="python -m pipeline train --model waveform",
    )  # fmt: skip
    made = Provenance("python -m pipeline evaluate --rhythm", "abc123", "made records", "2026-11-30T00:00:00+00:00")
    return RhythmEvaluation(
        provenance=made, network="rhythm_svdb", network_sha256="cd" * 32, network_trained_on="DS1",
        detectors=(detector,), sources=sources(found),
    )  # fmt: skip


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    write_network(folder, "cnn")
    write_json(rhythm_file(folder), to_json(rounded(evaluation())))
    return folder


def part(monkeypatch, weights, name, source="vfdb-signal"):
    page = opened(monkeypatch, weights)
    page.selectbox(key="evaluation-rhythm-source").select(source).run()
    page.segmented_control(key="evaluation-rhythm-section").set_value(name).run()
    assert not page.exception, page.exception
    return page


def table(page, column):
    """The first table with such a column."""
    return next(each.value for each in page.dataframe if column in each.value.columns)


def test_without_a_file_the_page_says_what_to_run(monkeypatch, tmp_path):
    write_network(tmp_path, "cnn")
    assert "Rhythms have not been evaluated yet; run `python -m pipeline evaluate --rhythm`." in said(
        opened(monkeypatch, tmp_path)
    )


@pytest.mark.parametrize("text", ["", "[]", '{"schema": "heartvision.rhythm/0"}'])
def test_a_broken_file_is_named_in_one_sentence(monkeypatch, tmp_path, text):
    write_network(tmp_path, "cnn")
    rhythm_file(tmp_path).parent.mkdir()
    rhythm_file(tmp_path).write_text(text)
    assert "evaluate \\-\\-rhythm" in said(opened(monkeypatch, tmp_path))


def test_the_databases_stand_side_by_side_with_the_numbers_of_the_file(monkeypatch, weights):
    board = table(opened(monkeypatch, weights), "VF/VFL Se %").set_index("Records")
    assert list(board.index) == ["vfdb · signal", "cinc2017 · signal", "ltafdb · reference beats"]
    assert board.loc["vfdb · signal", "VF/VFL Se %"] == pytest.approx(100 * 25 / 45, abs=0.01)
    assert board.loc["vfdb · signal", "False VT or VF, 24 h"] == 24.0
    assert board.loc["ltafdb · reference beats", "AF Se %"] == 50.0
    assert np.isnan(board.loc["cinc2017 · signal", "False pauses, 24 h"])


def test_rhythms_are_told_by_their_seconds(monkeypatch, weights):
    page = part(monkeypatch, weights, "Rhythms")
    rows = table(page, "Specificity").set_index("Rhythm")
    assert rows.loc["Ventricular fibrillation or flutter", "Annotated"] == "0.8 min"
    assert rows.loc["Ventricular fibrillation or flutter", "Sensitivity"].startswith("55.6 % (")
    assert "4 s and more" not in " ".join(rows.index)
    assert "read by detectors trained without them: 1 by waveform" in said(page)
    assert "1 could not be read" in said(page)
    assert "XYZ \\(2\\)" in said(page)
    minutes = table(page, "nothing").set_index("Annotated")
    assert minutes.loc["VF", "VF"] == pytest.approx(25 / 60, abs=1e-3)
    assert len(charts_of(page)) == 2  # the board of networks, and this


def test_episodes_and_the_missed_ones_are_told(monkeypatch, weights):
    page = part(monkeypatch, weights, "Episodes")
    rows = table(page, "More than half named").set_index("Rhythm")
    assert rows.loc["Ventricular fibrillation or flutter, 4 s and more", ["Annotated", "Found"]].tolist() == [2, 1]
    assert "2 episodes, 1 not named" in said(page)
    assert table(page, "Seconds")[["Record", "Seconds"]].values.tolist() == [["vfdb/419", 5.0]]


def test_false_alarms_are_counted_and_placed(monkeypatch, weights):
    page = part(monkeypatch, weights, "False alarms")
    rows = table(page, "Per 24 h").set_index("Alarm")
    assert rows.loc["VT or VF", "False"] == 1
    assert rows.loc["VT or VF", "Per 24 h"].startswith("24.00 (")
    assert table(page, "Seconds")["From"].tolist() == ["16:40.0"]


def test_the_burden_of_af_is_drawn_record_by_record(monkeypatch, weights):
    page = part(monkeypatch, weights, "AF burden", "ltafdb-beats")
    assert "in half of the records or less; most in record 01: 50.0 points" in said(page)
    assert "**read by detectors that were trained on them: 2 by af**" in said(page)
    figure = rhythm_tables.burden(evaluation().source("ltafdb-beats").rows, DARK)
    assert (list(figure.data[1].x), list(figure.data[1].y)) == ([0.5, 0.5], [0.5, 0.0])


def test_confidences_are_drawn_with_the_hours_behind_them(monkeypatch, weights):
    page = part(monkeypatch, weights, "Confidence")
    (drawn,) = [chart for chart in charts_of(page) if "stated confidence" in json.dumps(chart)]
    assert drawn["data"][1]["x"] == pytest.approx([0.6, 0.8, 0.988], abs=0.01)


def test_one_rhythm_is_told_record_by_record(monkeypatch, weights):
    page = part(monkeypatch, weights, "By record")
    page.selectbox(key="rhythm-target-vfdb-signal").select("VF_VFL").run()
    rows = table(page, "Held-out detectors").set_index("Record")
    assert rows.loc["418", "Se %"] == pytest.approx(62.5)
    assert rows.loc["419", "Not read"] == "Nothing can be read."
    assert rows.loc["418", "Held-out detectors"] == "waveform"


def test_detectors_have_cards(monkeypatch, weights):
    page = part(monkeypatch, weights, "Detectors")
    assert "trained on DS1" in said(page)
    card = page.table[0].value["Value"]
    assert card["Trained on"] == "12 records of vfdb"
    assert card["Held out"].startswith("trained 12 more times")
    assert card["Weights"].startswith("0.40 MB")


def test_strips_are_told_by_their_label(monkeypatch, weights):
    page = part(monkeypatch, weights, "Rhythms", "cinc2017-signal")
    rows = table(page, "called AF").set_index("Label")
    assert rows.loc["AF", "called AF"] == 1
    assert rows.loc["sinus rhythm", "called something else"] == 1
    for name in ("False alarms", "AF burden", "By record", "Confidence", "Episodes", "Detectors"):
        part(monkeypatch, weights, name, "cinc2017-signal")


@pytest.mark.parametrize(
    ("held_out", "seen", "words"),
    [
        ({}, {}, "None of the 2 records was part of the training"),
        ({"waveform": 2}, {}, "Of 2 records: read by detectors trained without them: 2 by waveform; all others"),
        ({"af": 1}, {"quality": 1}, "**read by detectors that were trained on them: 1 by quality**"),
    ],
)
def test_it_is_said_who_was_trained_on_what(held_out, seen, words):
    source = replace(evaluation().sources[0], held_out=held_out, seen=seen)
    assert words in rhythm_tables.training_statement(source)


def test_numbers_have_as_many_digits_as_they_deserve():
    assert [rhythm._number(value) for value in (1298.02, 26.0, 0.5, 13.25)] == ["1 298", "26", "0.50", "13.2"]


def noise_file(folder):
    """As `benchmarks.noise` leaves it."""
    shares = {"beats": 100, "answered": 0.9, "wrong": 0.02, "wrong more than clean": 0.0, "changed by noise": 0.0}
    curves = {name: shares | {"wrong": 0.02 + 0.01 * i} for i, name in enumerate(("clean", "em 24 dB", "em 12 dB"))}
    roc = {"flagged at .95 of the rest kept": 0.4, "false and true positives": [[1.0, 1.0], [0.05, 0.4], [0.0, 0.0]]}
    windows = {"windows of noise": 10, "other windows": 90, "classes wrong": roc, "no ECG": roc}
    windows |= {"no rhythm either": roc}
    made = {"command": "python -m benchmarks.noise", "commit": "abc", "made": "2026-11-30", "network": "rhythm_svdb"}
    write_json(folder / "noise_curves.json", made | {"curves": {"mitdb": curves}, "vfdb": {"held out": windows}})
    return folder / "noise_curves.json"


def test_answers_in_noise_are_drawn_where_they_were_measured(monkeypatch, weights, tmp_path):
    monkeypatch.setattr(rhythm, "NOISE_CURVES", tmp_path / "none.json")
    assert "run `python -m benchmarks.noise`" in said(part(monkeypatch, weights, "Noise"))
    monkeypatch.setattr(rhythm, "NOISE_CURVES", noise_file(tmp_path))
    page = part(monkeypatch, weights, "Noise")
    assert "10 windows, against 90 with a rhythm" in said(page)
    assert any("no ventricular rhythm" in json.dumps(chart) for chart in charts_of(page))
    (drawn,) = [chart for chart in charts_of(page) if "signal-to-noise" in json.dumps(chart)]
    assert (drawn["data"][0]["name"], drawn["data"][0]["x"]) == ("electrode motion, mitdb", [24.0, 12.0])
    assert drawn["data"][0]["y"] == pytest.approx([0.03, 0.04])
    assert "python -m benchmarks.noise" in said(page)
    (tmp_path / "noise_curves.json").write_text("{}")
    assert "noise\\_curves" in said(part(monkeypatch, weights, "Noise"))
