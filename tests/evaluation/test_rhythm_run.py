"""The evaluation of rhythms on small made databases, with finders by rule."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import wfdb
from sklearn.ensemble import HistGradientBoostingClassifier

from models import registry
from models.boosted_trees import from_scikit_learn
from models.detectors import load_detector, write_detector
from models.errors import ModelError
from pipeline._util.typed_json import from_json, to_json
from pipeline.datasets.rhythm_references import RhythmReference
from pipeline.errors import DataError, SignalError
from pipeline.evaluation import rhythm_run
from pipeline.evaluation.held_out_detectors import readers
from pipeline.evaluation.rhythm_report import compare
from pipeline.evaluation.rhythm_schema import RhythmEvaluation, read_rhythm_evaluation
from pipeline.evaluation.run import describe_model
from pipeline.types import Episode
from tests.helpers.records import FS, WidthRule, write_record

SECONDS = 60


def annotate(folder, name, labels, *, v_from=None):
    """Beats each second and rhythm labels (second, label); from `v_from` on, three V beats in a row."""
    at = np.arange(1, SECONDS - 1) * FS
    symbols = ["V" if v_from is not None and v_from <= i < v_from + 3 else "N" for i in range(at.size)]
    rows = sorted([(int(s), y, "") for s, y in zip(at, symbols, strict=True)] + [(s * FS, "+", x) for s, x in labels])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wfdb.wrann(
            name, "atr", np.array([row[0] for row in rows]), [row[1] for row in rows],
            aux_note=[row[2] for row in rows], write_dir=str(folder),
        )  # fmt: skip


@pytest.fixture
def data(tmp_path):
    """Two records of mitdb, one of ltafdb without signal, two strips."""
    for name in ("mitdb", "ltafdb", "cinc2017"):
        (tmp_path / name).mkdir()
    for name in ("100", "101"):
        write_record(tmp_path / "mitdb", name, seconds=SECONDS, annotated=False)
    annotate(tmp_path / "mitdb", "100", [(0, "(N"), (20, "(AFIB"), (40, "(N")])
    annotate(tmp_path / "mitdb", "101", [(0, "(N"), (30, "(MAT")])
    (tmp_path / "ltafdb" / "00.hea").write_text(f"00 2 {FS} {SECONDS * FS}\n")
    annotate(tmp_path / "ltafdb", "00", [(0, "(AFIB")])
    for name in ("A1", "A2"):
        write_record(tmp_path / "cinc2017", name, seconds=30, annotated=False)
    (tmp_path / "cinc2017" / "REFERENCE.csv").write_text("A1,N\nA2,A\n")
    return tmp_path


def af_from_20_to_50(sample, symbol, fs):
    return (Episode(0, 20, "N"), Episode(20, 50, "AFIB", confidence=0.8), Episode(50, float(sample[-1]) / fs, "N"))


SINUS = (Episode(0, 60, "N"),)


def run(data, find=af_from_20_to_50, *, rhythm=SINUS, **options):
    """Evaluate with a network by rule; `rhythm` is what an analysis of a signal names, or an error."""
    asked = []

    def analysed(recording, classifier, config):
        asked.append(recording.name)
        if isinstance(rhythm, Exception):
            raise rhythm
        return type("Analysis", (), {"rhythm": tuple(e for e in rhythm if e.start_s < recording.duration_s)})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rhythm_run, "analyse", analysed)
        patch.setattr(rhythm_run, "read_waves", lambda recording, analysis: None)
        patch.setattr(rhythm_run, "with_measured_pr", lambda recording, analysis, marked: analysis)
        patch.setattr(rhythm_run, "fingerprint", lambda *names, facts: "code")
        file = rhythm_run.evaluate_with(
            WidthRule(), describe_model(registry.available()[0]), data, data / "out" / "evaluation.json",
            find=find, cache=data / "runs", weights=options.pop("weights", data / "no weights"), **options,
        )  # fmt: skip
    return read_rhythm_evaluation(file), asked


def test_every_database_is_read_in_each_way_that_it_allows(data):
    content, asked = run(data)
    assert [source.name for source in content.sources] == [
        *("mitdb-signal", "cinc2017-signal", "mitdb-beats", "ltafdb-beats"),
        "mitdb_ds2-signal",
    ]
    assert asked == ["100", "101", "A1", "A2"]
    assert [row.record for row in content.source("mitdb-beats").rows] == ["mitdb/100", "mitdb/101"]
    assert content.source("mitdb_ds2-signal").records == 1  # 101 is of DS1
    assert content.source("mitdb_ds2-signal").rows == ()


def test_seconds_and_episodes_are_those_of_the_records(data):
    content, _ = run(data)
    af = content.source("mitdb-beats").target("AFIB")
    # 100: 20 s of AF found, 10 s too many. 101: 10 s of sinus rhythm called AF, the rest is under an unknown label.
    assert (af.minutes, af.records) == (pytest.approx(20 / 60, abs=1e-4), 1)
    assert af.time["se"].value == 1.0
    assert af.time["ppv"].value == pytest.approx(20 / 40)
    assert af.time["sp"].value == pytest.approx((20 + 10 + 20) / (20 + 20 + 30), abs=1e-4)
    assert (af.annotated, af.found, af.half_found, af.named, af.right) == (1, 1, 1, 2, 1)
    assert content.source("mitdb-beats").unknown == {"MAT": 1}
    assert content.source("mitdb-beats").rows[0].seconds["AFIB"] == {"AFIB": 20.0}
    signal = content.source("mitdb-signal").target("AFIB")
    assert (signal.time["se"].value, signal.time["ppv"].value) == (0.0, None)
    assert [(place.record, place.start_s, place.stop_s) for place in signal.missed] == [("mitdb/100", 20, 40)]


def test_burdens_alarms_and_confidences_are_told(data):
    content, _ = run(data)
    beats, ltaf = content.source("mitdb-beats"), content.source("ltafdb-beats")
    assert {alarm.name: alarm.false for alarm in beats.alarms} == {"VT_VF": 0, "AF": 1, "block": 0, "P": 0}
    hours = 2 * SECONDS / 3600
    rate = next(alarm.per_24h for alarm in beats.alarms if alarm.name == "AF")
    assert rate.value == pytest.approx(24 / hours)
    assert ltaf.burden.worst == pytest.approx(50, abs=2)
    assert ltaf.burden.worst_record == "ltafdb/00"
    named_af = [entry for entry in beats.confidence if entry.stated == pytest.approx(0.8)]
    assert [entry.right for entry in named_af] == [pytest.approx(20 / 40)]


def test_beats_justify_an_alarm_of_tachycardia(data):
    annotate(data / "mitdb", "100", [(0, "(N")], v_from=30)  # 60 a minute: no tachycardia
    named = (Episode(0, 31, "N"), Episode(31, 34, "VT"), Episode(34, 60, "N"))
    content, _ = run(data, rhythm=named)
    assert next(alarm.false for alarm in content.source("mitdb-signal").alarms if alarm.name == "VT_VF") == 2


def test_pauses_are_false_without_a_long_interval_and_always_in_healthy_people():
    at, named = np.array([0, 1, 4, 5]) * FS, (Episode(0, 1, "N"), Episode(1, 4, "ASYS"), Episode(4, 5, "N"))

    def false(record, read_from, sample):
        reference = RhythmReference(record, FS, 6.0, sample, ("N",) * len(sample), (Episode(0, 6, "N"),), {})
        return compare(reference, named, read_from).false.get("ASYS")

    assert false("mitdb/100", "signal", at) == ()
    assert false("mitdb/100", "signal", np.arange(6) * FS) == ((1, 4),)
    assert false("mitdb/100", "beats", at) is None  # it follows from the beats that were given
    assert false("nsr2db/nsr001", "beats", at) == ((1, 4),)


def test_strips_are_called_by_what_fills_half_of_them(data):
    content, _ = run(data, rhythm=(Episode(0, 10, "NOISE"), Episode(10, 20, "N"), Episode(20, 30, "AFIB")))
    strips = content.source("cinc2017-signal").strips
    assert strips.called == {"N": {"N": 0, "A": 1, "~": 0}, "A": {"N": 0, "A": 1, "~": 0}}
    assert (strips.overall["se"].value, strips.overall["sp"].value) == (1.0, 0.0)


def test_a_record_that_is_refused_counts_as_not_named(data):
    content, _ = run(data, rhythm=SignalError("Nothing can be read."))
    source = content.source("mitdb-signal")
    assert (source.refused, source.rows[0].refused) == (2, "Nothing can be read.")
    assert source.target("AFIB").time["se"].value == 0.0
    assert content.source("cinc2017-signal").strips.called["N"] == {"N": 0, "A": 0, "~": 1}


def test_records_that_were_read_are_not_read_again(data):
    first, asked = run(data)
    again, none = run(data, find=None)
    assert (len(asked), none) == (4, [])
    assert again.sources == first.sources


def test_the_file_is_read_as_it_was_written(data):
    content, _ = run(data)
    raw = json.loads((data / "out" / "evaluation.json").read_text())
    assert to_json(from_json(RhythmEvaluation, raw)) == raw
    assert content.provenance.command == "python -m pipeline evaluate --rhythm"
    (data / "out" / "evaluation.json").write_text(json.dumps(raw | {"schema": "heartvision.rhythm/0"}))
    with pytest.raises(DataError, match="evaluate --rhythm"):
        read_rhythm_evaluation(data / "out" / "evaluation.json")


def test_a_folder_without_any_database_is_refused(tmp_path):
    with pytest.raises(DataError, match="None of"):
        run(tmp_path)


# Detectors that were not trained on the record in hand

FACTS = {"temperature": 1.0, "bias": (0.0, 0.0), "trained_on": "", "commit": "", "command": "", "seed": 0}


def detector(folder, *records, turned=False):
    x = np.linspace(0, 1, 100)[:, None]
    trees = from_scikit_learn(HistGradientBoostingClassifier(max_iter=2).fit(x, (x[:, 0] > 0.5) != turned))
    facts = FACTS | {"train_records": records, "training_minutes": 0.0}
    return write_detector("af", trees, title="AF", classes=("no", "yes"), measures=("x",), facts=facts, folder=folder)


def fold(folds, number, *records, turned=False):
    """Like a training: the files of the detector in fold_K itself, and folds.json."""
    place = folds / "af" / f"fold_{number}"
    detector(folds / "made", *records, turned=turned).rename(_made(place))
    return place


def _made(place: Path) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def test_a_record_that_was_trained_on_is_read_by_the_fold_without_it(tmp_path):
    weights, folds = tmp_path / "weights", tmp_path / "folds"
    detector(weights, "mitdb/100", "mitdb/101", "mitdb/202")
    place = fold(folds, 0, "mitdb/101", turned=True)
    (folds / "af" / "folds.json").write_text(json.dumps({"mitdb/100": 0}))
    own = readers("mitdb/100", weights=weights, folds=folds)
    assert (own.places, own.seen) == ({"af": place}, ())
    unknown = readers("mitdb/105", weights=weights, folds=folds)
    assert (unknown.places, unknown.seen) == ({}, ())
    assert own.versions != unknown.versions
    assert readers("mitdb/101", weights=weights, folds=folds).seen == ("af",)  # no fold holds it out
    assert readers("mitdb/201", weights=weights, folds=folds).seen == ("af",)  # the man of 202


def test_a_fold_that_knows_the_record_or_is_missing_is_refused(tmp_path):
    weights, folds = tmp_path / "weights", tmp_path / "folds"
    detector(weights, "mitdb/100")
    fold(folds, 0, "mitdb/100")
    (folds / "af" / "folds.json").write_text(json.dumps({"mitdb/100": 0}))
    with pytest.raises(DataError, match="was trained on it"):
        readers("mitdb/100", weights=weights, folds=folds)
    (folds / "af" / "folds.json").write_text(json.dumps({"mitdb/100": 1}))
    with pytest.raises(DataError, match="is missing"):
        readers("mitdb/100", weights=weights, folds=folds)
    (folds / "af" / "folds.json").write_text("[1]")
    with pytest.raises(DataError, match="folds of detector"):
        readers("mitdb/100", weights=weights, folds=folds)


def test_finders_get_the_fold_and_the_evaluation_says_so(data, monkeypatch):
    weights, folds = data / "weights", data / "folds"
    detector(weights, "mitdb/100", "ltafdb/00")
    fold(folds, 0, turned=True)
    (folds / "af" / "folds.json").write_text(json.dumps({"mitdb/100": 0}))
    monkeypatch.setattr("models.detectors.WEIGHTS", weights)

    def find(sample, symbol, fs):
        yes = float(load_detector("af").probabilities(np.array([[0.9]]))[0, 1]) > 0.5
        return (Episode(0, 60, "AFIB" if yes else "N"),)

    content, _ = run(data, find, weights=weights, folds=folds)
    rows = {row.record: row for row in content.source("mitdb-beats").rows}
    assert rows["mitdb/100"].held_out == ("af",)
    assert set(rows["mitdb/100"].seconds["AFIB"]) == {"N"}  # the turned fold
    assert set(rows["mitdb/101"].seconds["N"]) == {"AFIB"}  # the detector itself
    assert content.source("ltafdb-beats").seen == {"af": 1}
    assert content.source("mitdb-beats").held_out == {"af": 1}
    assert content.source("mitdb-signal").held_out == {}  # nothing there asked for the detector
    (found,) = content.detectors
    assert (found.name, found.records, found.folds) == ("af", 2, 1)


def test_a_missing_detector_is_no_refusal(data):
    with pytest.raises(ModelError):
        run(data, rhythm=ModelError("Detector 'x' cannot be loaded."))
