"""A network scored on any folder of records: what is scored, what is left out and named, and what is printed."""

from __future__ import annotations

import hashlib
import shutil

import numpy as np
import pytest
import wfdb

from pipeline import cli
from pipeline.errors import DataError
from pipeline.evaluation import own_records
from pipeline.evaluation.own_records import evaluate_own, figures, is_own_folder, read_own_evaluation
from tests.helpers import hospital_files
from tests.helpers.records import FS, WidthRule, write_record
from tests.helpers.results import evaluated_model


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Two records that can be scored, one of them in a subfolder with the same name, and every kind that cannot."""
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(own_records, "load_described", lambda name, weights: (WidthRule(), evaluated_model()))
    root = tmp_path / "mine"
    for name in ("good", "sub/good", "bare", "nofs", "paced", "odd", "empty"):
        place = root / name.rpartition("/")[0]
        place.mkdir(parents=True, exist_ok=True)
        write_record(place, name.rpartition("/")[2], seed=len(name), annotated=name != "bare")
    header = (root / "nofs.hea").read_text()
    (root / "nofs.hea").write_text(header.replace(f" {FS} 25200", "", 1))
    note(root, "paced", ["/"] * 5 + ["N"])
    note(root, "odd", ["N", "V", "e", "!", "+", "~", "Q"], extra=(5, 42))
    note(root, "empty", ["+", "~"])
    (root / "sub" / "scan").write_bytes(hospital_files.dicom(hospital_files.counts()))
    return root


def note(root, name, symbols, extra=()):
    """Other annotations for a record; `extra` is a sample in tenths of a second and an annotation code for users."""
    at = (np.arange(len(symbols)) + 1) * FS
    wfdb.wrann(name, "atr", at.astype(np.int64), symbols, write_dir=str(root))
    if extra:
        file = root / f"{name}.atr"
        payload = file.read_bytes()
        word = (extra[1] << 10 | extra[0] * FS // 10).to_bytes(2, "little")
        file.write_bytes(payload[:-2] + word + b"\0\0")


@pytest.fixture
def found(folder, tmp_path):
    return evaluate_own("rule", folder, tmp_path / "e.json", cache=tmp_path / "cache")[1]


def test_every_record_with_beats_is_scored_by_its_path_both_ways(found):
    assert found.reference.records == found.detected.records == ("good", "odd", "sub/good")
    assert [row.record for row in found.reference.per_record] == ["good", "odd", "sub/good"]
    assert found.reference.overall["qrs_se"].value == 1.0
    assert found.detected.overall["qrs_se"].value < 1.0 or found.detected.overall["qrs_ppv"].value < 1.0
    assert found.reference.overall["V_se"].low is not None
    assert found.reference.ec57.start_s == 300


def test_what_cannot_be_scored_is_named_with_its_reason(found):
    reasons = {each.record: each.reason for each in found.skipped}
    assert set(reasons) == {"bare", "nofs", "paced", "empty", "sub/scan"}
    assert reasons["sub/scan"] == "It has no reference beats: only a WFDB record has them, in its .atr file."
    assert "no .atr file" in reasons["bare"]
    assert "sampling frequency" in reasons["nofs"]
    assert reasons["paced"] == "Paced: 5 of 6 beats are; EC57 leaves such records out."
    assert "mark no beat" in reasons["empty"]
    assert found.reference.left_out == ("paced",)


def test_symbols_outside_aamis_table_do_not_count_and_are_counted(found):
    assert found.not_beats == {"!": 1, "+": 1, "~": 1, " ": 1}
    assert found.symbols["e"] == found.symbols["Q"] == 1
    assert found.classes == {"N": "N", "V": "V", "e": "N", "Q": "Q"}
    assert sum(found.symbols.values()) == found.reference.beats.reference


def test_the_file_is_read_as_it_was_written(folder, tmp_path):
    written, found = evaluate_own("rule", folder, cache=tmp_path / "cache")
    assert written == tmp_path / "home" / "evaluations" / "rule-mine.json"
    assert read_own_evaluation(written) == found


def test_the_main_figures_name_everything(found):
    told = figures(found)
    for record in ("bare", "nofs", "paced", "empty"):
        assert f"{record}: not scored. " in told
    assert "1 user-defined" in told
    assert "End to end, at detected beats (rule, 3 records)" in told
    assert "sub/good" in told
    assert "EC57: first 5 minutes left out" in told
    assert "no beat is left" in told  # of records that are all shorter than that


def test_another_folders_record_of_the_same_name_is_not_taken_for_this_one(folder, tmp_path):
    first = evaluate_own("rule", folder / "sub", tmp_path / "1.json", cache=tmp_path / "cache")[1]
    (tmp_path / "other").mkdir()
    write_record(tmp_path / "other", "good", seconds=40, seed=9)
    second = evaluate_own("rule", tmp_path / "other", tmp_path / "2.json", cache=tmp_path / "cache")[1]
    assert first.reference.beats.reference == 68
    assert second.reference.beats.reference == 38


def test_one_record_gives_no_interval_and_says_so(folder, tmp_path):
    found = evaluate_own("rule", folder / "sub", tmp_path / "e.json", cache=tmp_path / "cache")[1]
    assert found.reference.overall["qrs_se"].value == 1.0
    assert found.reference.overall["qrs_se"].low is None
    told = figures(found)
    assert "without intervals, which one patient does not give" in told
    assert "95 % intervals" not in told
    assert "nan" not in told
    assert "–100.0)" not in told


@pytest.mark.parametrize("what", [["--model", "rhythm_svdb"], ["--run", "R"], ["--rhythm"]])
def test_a_folder_that_is_not_there_is_named(tmp_path, capsys, what):
    assert cli.main(["evaluate", *what, "--data", str(tmp_path / "nodir")]) == 3
    assert f"There is no folder {str(tmp_path / 'nodir')!r}; check its path." in capsys.readouterr().err


def test_a_record_with_a_dot_in_its_name_is_scored(tmp_path, monkeypatch):
    monkeypatch.setattr(own_records, "load_described", lambda name, weights: (WidthRule(), evaluated_model()))
    (tmp_path / "f").mkdir()
    write_record(tmp_path / "f", "day")
    for ending in ("hea", "dat", "atr"):
        (tmp_path / "f" / f"day.{ending}").rename(tmp_path / "f" / f"day.1.{ending}")
    header = tmp_path / "f" / "day.1.hea"
    header.write_text(header.read_text().replace("day.dat", "day.1.dat"))
    found = evaluate_own("rule", tmp_path / "f", tmp_path / "e.json", cache=tmp_path / "cache")[1]
    assert found.reference.records == ("day.1",)


def test_a_signal_that_the_network_was_trained_on_is_said(folder, tmp_path, monkeypatch):
    digest = hashlib.sha256((folder / "good.dat").read_bytes()).hexdigest()
    trained = evaluated_model(train_records=("101",))
    monkeypatch.setattr(own_records, "load_described", lambda name, weights: (WidthRule(), trained))
    monkeypatch.setattr(own_records, "checksums", lambda base: {"101.dat": digest, "102.dat": "0"})
    found = evaluate_own("rule", folder, tmp_path / "e.json", cache=tmp_path / "cache")[1]
    assert found.seen == ("good",)
    assert "The network was trained on good" in figures(found)


def test_a_folder_without_a_record_that_can_be_scored_is_refused(folder, tmp_path):
    with pytest.raises(DataError, match=r"There is no record \(\.hea\)"):
        evaluate_own("rule", tmp_path / "mine" / "nothing", tmp_path / "e.json")
    shutil.rmtree(folder / "sub")
    for name in ("good", "odd"):
        (folder / f"{name}.atr").unlink()
    with pytest.raises(DataError, match="None of the 6 records can be scored; bare: It has no annotations"):
        evaluate_own("rule", folder, tmp_path / "e.json")


def test_the_public_databases_are_no_folder_of_ones_own(tmp_path):
    from pipeline.datasets.splits import DS2

    assert not is_own_folder(tmp_path / "nothing")
    (tmp_path / "100.hea").touch()
    assert is_own_folder(tmp_path)
    for record in DS2:
        (tmp_path / f"{record}.hea").touch()
    assert not is_own_folder(tmp_path)
    (tmp_path / "all" / "mitdb").mkdir(parents=True)
    (tmp_path / "all" / "mitdb" / "100.hea").touch()
    assert not is_own_folder(tmp_path / "all")


def test_the_command_scores_and_prints(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(own_records, "CACHE", tmp_path / "cache")
    code = cli.main(["evaluate", "--model", "rule", "--data", str(folder), "--output", str(tmp_path / "e.json")])
    assert code == 0
    said = capsys.readouterr().out
    assert said.endswith(f"{tmp_path / 'e.json'}\n")
    assert "V Se" in said
