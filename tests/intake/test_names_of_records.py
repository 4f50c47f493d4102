"""What a recording is called: letters of any script stay, and nothing that a path or a header could mistake."""

from __future__ import annotations

import json
import unicodedata

import numpy as np
import pytest
import wfdb

from pipeline import cli
from pipeline.errors import IntakeError
from pipeline.export.wfdb_files import wfdb_name, write_record
from pipeline.intake import read_path
from pipeline.intake.content import safe_name
from pipeline.types import RECORD_NAME, Recording
from tests.hostile.make_corpus import record, table


@pytest.mark.parametrize("name", ["Иванов_Пётр", "王小明", "Ζωή", "محمد_علي", "राम-1", "Zoë", "ถึง", "208_excerpt"])
def test_names_of_any_script_survive(name):
    assert safe_name(name) == unicodedata.normalize("NFC", name)
    assert safe_name(unicodedata.normalize("NFD", name)) == unicodedata.normalize("NFC", name)
    assert RECORD_NAME.fullmatch(safe_name(name))


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "etc_passwd"),
        ("a\u202eb", "a_b"),  # written from right to left
        ("a\u200bb\u0000c\nd", "a_b_c_d"),
        ("😀", "recording"),
        ("___", "recording"),
        ("-", "recording"),
        ("", "recording"),
        ("x\udcff", "x"),
        ("<b>王</b>", "b_王_b"),
        ("王" * 100, "王" * 64),
        ("\U00020000" * 64, "\U00020000" * 50),
    ],
)
def test_what_is_no_letter_does_not(name, safe):
    assert safe_name(name) == safe
    assert len(safe_name(name).encode()) <= 200


def test_wfdb_s_names_are_ascii_and_differ(tmp_path):
    names = ["Иванов", "Петров", "王小明", "208_excerpt"]
    written = [wfdb_name(name) for name in names]
    assert len(set(written)) == 4
    assert all(name.isascii() for name in written)
    assert written[-1] == names[-1]
    x_mv = np.sin(np.arange(2500) / 20)
    header = write_record(Recording.from_array(x_mv, fs=250, leads="II", name="王小明"), tmp_path)
    np.testing.assert_allclose(wfdb.rdrecord(str(header.with_suffix(""))).p_signal[:, 0], x_mv, atol=6e-4)


def test_every_format_of_a_result_can_be_written_under_such_a_name(tmp_path):
    for name in ("Иванов_Пётр", "王小明"):
        path = tmp_path / f"{name}.csv"
        path.write_bytes(table(rows=6000))
        asked = ["analyse", str(path), "--fs", "250", "--unit", "mV", "--format", "json,csv,atr,pdf,fhir"]
        assert cli.main([*asked, "--output", str(tmp_path / "o")]) == 0
        assert json.loads((tmp_path / "o" / f"{name}.json").read_text("utf-8"))["record"] == name
        assert (tmp_path / "o" / f"{name}.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize("name", ["Иванов_Пётр", "王小明", "राम-1"])
def test_a_record_of_such_a_name_is_found_beside_its_header(tmp_path, name):
    for file, payload in record().items():
        (tmp_path / file.replace("r.", f"{unicodedata.normalize('NFD', name)}.")).write_bytes(
            payload.replace(b"r 2 ", f"{name} 2 ".encode()).replace(b"r.dat", f"{name}.dat".encode())
        )
    (header,) = tmp_path.glob("*.hea")
    assert read_path(header).name == name
    header.write_bytes(header.read_bytes().replace(name.encode(), "\u202e".encode() + name.encode()))
    with pytest.raises(IntakeError, match="path or unusual characters"):
        read_path(header)
