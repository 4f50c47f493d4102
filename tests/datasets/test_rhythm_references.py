"""Annotated rhythms as episodes: from literal annotations, from files of wfdb, and from the public databases."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import wfdb

from pipeline.config import data_root
from pipeline.datasets.rhythm_references import (
    LABELS,
    read_rhythms,
    read_strip_labels,
    rhythm_episodes,
    strip_rhythm,
)
from pipeline.errors import DataError
from pipeline.intake.wfdb_annotations import Marks, parse_notes
from pipeline.types import RHYTHM_CODES, Episode


def marks(*rows):
    """Annotations (sample, symbol, note)."""
    note = {index: row[2] for index, row in enumerate(rows) if len(row) > 2}
    return Marks(np.array([row[0] for row in rows], np.int64), tuple(row[1] for row in rows), note)


def spans(*rows, fs=10.0, duration_s=100.0):
    return [(e.start_s, e.stop_s, e.rhythm, e.detail) for e in rhythm_episodes(marks(*rows), fs, duration_s)[0]]


def test_a_rhythm_lasts_to_the_next_label():
    assert spans((10, "+", "(N"), (50, "N"), (300, "+", "(AFIB"), (400, "+", "(N")) == [
        (1, 30, "N", ""),
        (30, 40, "AFIB", ""),
        (40, 100, "N", ""),
    ]


def test_a_label_that_repeats_the_last_one_goes_on_with_it():
    assert spans((0, "+", "(N"), (50, "+", "(N"), (60, "+", "(NSR")) == [(0, 100, "N", "")]


def test_two_words_for_one_thing_have_one_meaning():
    assert LABELS["VF"] == LABELS["VFIB"]
    assert LABELS["N"] == LABELS["NSR"]
    assert LABELS["P"] == LABELS["PM"]
    assert (LABELS["VF"], LABELS["VFL"]) == (("VFL", "VF"), ("VFL", "VFL"))  # one code, told apart by its detail
    assert {code for code, _ in LABELS.values()} <= set(RHYTHM_CODES)


def test_time_before_the_first_label_and_under_an_unknown_one_is_left_out():
    found, unknown = rhythm_episodes(marks((100, "+", "(N"), (200, "+", "(XYZ"), (300, "+", "(VT")), 10.0, 50.0)
    assert found == (Episode(10, 20, "N"), Episode(30, 50, "VT"))
    assert unknown == {"XYZ": 1}


def test_flutter_lies_between_its_marks():
    rows = [(0, "+", "(B"), (100, "["), (120, "+", "(VFL"), (130, "!"), (200, "]"), (210, "+", "(N")]
    assert spans(*rows) == [(0, 10, "B", ""), (10, 20, "VFL", "VFL"), (21, 100, "N", "")]


def test_marks_that_are_no_rhythm_change_nothing():
    assert spans((0, "+", "(N"), (10, "~"), (20, "+", ""), (30, '"', "MISSB")) == [(0, 100, "N", "")]


def test_notes_are_read_as_wfdb_writes_them(tmp_path):
    samples, symbols = np.array([5, 70, 9000]), ["+", "N", "+"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wfdb.wrann("r", "atr", samples, symbols, aux_note=["(N", "", "(AFIB\0"], write_dir=str(tmp_path))
    found = parse_notes((tmp_path / "r.atr").read_bytes(), fs=360)
    assert (found.sample.tolist(), found.symbol, found.note) == ([5, 70, 9000], ("+", "N", "+"), {0: "(N", 2: "(AFIB"})


def test_a_record_without_annotations_is_refused(tmp_path):
    (tmp_path / "r.hea").write_text("r 1 360 3600\n")
    with pytest.raises(DataError, match="mitdb/r"):
        read_rhythms(tmp_path / "r", "mitdb")
    (tmp_path / "r.hea").write_text("r\n")
    with pytest.raises(DataError, match="neither sampling frequency nor length"):
        read_rhythms(tmp_path / "r", "mitdb")


def test_strips_have_one_label_and_others_have_no_rhythm(tmp_path):
    (tmp_path / "REFERENCE.csv").write_text("A1,N\nA2,O\nA3,A\n")
    for name in ("A1", "A2"):
        (tmp_path / f"{name}.hea").write_text("")
    assert read_strip_labels(tmp_path) == {"A1": "N", "A2": "O"}
    assert strip_rhythm("A", 30.0) == (Episode(0, 30, "AFIB"),)
    assert strip_rhythm("~", 30.0) == (Episode(0, 30, "NOISE"),)
    assert strip_rhythm("O", 30.0) == ()
    (tmp_path / "REFERENCE.csv").write_text("A1,X\n")
    with pytest.raises(DataError, match="A1,X"):
        read_strip_labels(tmp_path)


@pytest.mark.data
@pytest.mark.parametrize(
    ("database", "record", "minutes"),
    [
        ("mitdb", "207", {"VFL": 2.4, "SVTA": 0.9}),
        ("mitdb", "231", {"BII": 11.7}),
        ("mitdb", "232", {"SBR": 30.1}),
    ],
)
def test_public_records_hold_so_many_minutes_of_a_rhythm(database, record, minutes):
    found = read_rhythms(data_root() / database / record, database)
    assert not found.unknown
    assert all(a.stop_s <= b.start_s for a, b in zip(found.episodes, found.episodes[1:], strict=False))
    for code, expected in minutes.items():
        assert sum(e.seconds for e in found.episodes if e.rhythm == code) / 60 == pytest.approx(expected, abs=0.06)


@pytest.mark.data
def test_annotations_are_those_that_wfdb_reads():
    found = read_rhythms(data_root() / "mitdb" / "207", "mitdb")
    theirs = wfdb.rdann(str(data_root() / "mitdb" / "207"), "atr")
    labels = [note.strip("(\0") for note, symbol in zip(theirs.aux_note, theirs.symbol, strict=True) if symbol == "+"]
    assert {LABELS[label][0] for label in labels} == {episode.rhythm for episode in found.episodes}
    assert len(found.symbol) == sum(symbol in "NLRVAaJSEFejnf/Q?r" for symbol in theirs.symbol)
