"""Marks of cardiologists are read as they were written, and no patient is on two sides of the split."""

from __future__ import annotations

import numpy as np
import pytest
import wfdb

from pipeline.datasets.wave_references import (
    LUDB_HELD_OUT,
    LUDB_VALIDATION,
    QTDB_HELD_OUT,
    QTDB_VALIDATION,
    ludb_records,
    qtdb_records,
    read_wave_reference,
)
from pipeline.errors import DataError


def _write(folder, symbols, samples, fs=500):
    (folder / "7.hea").write_text(f"7 1 {fs} 5000\n")
    wfdb.wrann("7", "ii", np.array(samples), symbol=list(symbols), fs=fs, write_dir=str(folder))


def test_waves_are_read_with_their_edges(tmp_path):
    _write(tmp_path, "(p)(N)(t)", [100, 120, 140, 160, 180, 210, 300, 350, 400])
    found = read_wave_reference(tmp_path / "7.hea", "ii")
    assert [found.waves["p"].on_s[0], found.waves["p"].peak_s[0], found.waves["p"].off_s[0]] == [0.2, 0.24, 0.28]
    assert [found.waves["qrs"].on_s[0], found.waves["qrs"].off_s[0]] == [0.32, 0.42]
    assert found.waves["t"].off_s.tolist() == [0.8]
    assert (found.start_s, found.stop_s) == (0.2, 0.8)


def test_an_edge_that_was_not_marked_is_unknown_and_u_waves_are_no_wave(tmp_path):
    _write(tmp_path, "N)t)u)(V)", [180, 210, 350, 400, 450, 470, 500, 520, 560])
    found = read_wave_reference(tmp_path / "7.hea", "ii")
    assert found.waves["qrs"].peak_s.tolist() == [0.36, 1.04]
    assert np.isnan(found.waves["qrs"].on_s[0])
    assert found.waves["qrs"].off_s[0] == 0.42
    assert np.isnan(found.waves["t"].on_s).all()
    assert found.waves["t"].off_s.tolist() == [0.8]
    assert found.waves["p"].on_s.size == 0


def test_missing_marks_are_one_sentence(tmp_path):
    with pytest.raises(DataError, match="'v1' of record '7' cannot be read"):
        read_wave_reference(tmp_path / "7.hea", "v1")


def test_each_record_is_for_one_purpose(tmp_path):
    assert (len(LUDB_HELD_OUT), len(LUDB_VALIDATION)) == (41, 20)
    for name in (*LUDB_HELD_OUT, *LUDB_VALIDATION, "5"):
        (tmp_path / f"{name}.hea").touch()
    parts = ludb_records(tmp_path)
    assert (parts.training, set(parts.validation)) == (("5",), set(LUDB_VALIDATION))
    assert parts.held_out == LUDB_HELD_OUT
    assert not set(LUDB_HELD_OUT) & set(LUDB_VALIDATION)


def test_records_of_patients_of_other_databases_are_left_out(tmp_path):
    for name in (*QTDB_HELD_OUT, *QTDB_VALIDATION, "sel30", "sel100", "sel820"):
        (tmp_path / f"{name}.hea").touch()
    parts = qtdb_records(tmp_path)
    assert parts.training == ("sel30",)
    assert parts.held_out == QTDB_HELD_OUT
    assert not set(QTDB_HELD_OUT) & set(QTDB_VALIDATION)
