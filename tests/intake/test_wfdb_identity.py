"""Who was recorded and when: read from WFDB headers, dropped unless asked for."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pytest

from pipeline.identity import Identity
from pipeline.intake import read_path, read_uploads
from pipeline.intake.wfdb_identity import stated_identity

COMMENTS = b"""# Name: M\xc3\xbcller, Anna
#<patient id>: 4711-X
# Sex: F
# DOB: 1951-07-30
# Indication: palpitations at night
# Dx: 426783006
"""


@pytest.mark.parametrize(
    ("fields", "start"),
    [
        ("11:49:19 02/05/2005", datetime(2005, 5, 2, 11, 49, 19)),
        ("11:49:19.25 02/25/2005", datetime(2005, 2, 25, 11, 49, 19, 250_000)),
        ("2014-03-29 08:03:08", datetime(2014, 3, 29, 8, 3, 8)),
        ("05-May-2020 09:49:17", datetime(2020, 5, 5, 9, 49, 17)),
        ("0:00:00 02/05/2005", datetime(2005, 5, 2)),
        ("8:04:00", datetime(1, 1, 1, 8, 4)),
        ("0:0:0 0/0/0", None),
        ("00:00:00", None),
        ("25:00:00 02/05/2005", None),
        ("11:49:19 31/31/2005", datetime(1, 1, 1, 11, 49, 19)),
        ("", None),
        ("02/05/2005", None),
        ("11:49:19 01/01/0001", datetime(1, 1, 1, 11, 49, 19)),
    ],
)
def test_the_start_is_read_in_the_ways_that_headers_write_it(fields: str, start: datetime | None) -> None:
    assert stated_identity(f"r 1 300 9000 {fields}\r\nr.dat 16\r\n".encode()).start == start


def test_comments_of_known_names_say_who_was_recorded() -> None:
    found = stated_identity(b"r 1 300 9000 2014-03-29 08:03:08\nr.dat 16\n" + COMMENTS, "F")
    assert found == Identity(
        "4711-X", "M\u00fcller, Anna", "F", 1951, "palpitations at night", datetime(2014, 3, 29, 8, 3, 8)
    )


@pytest.mark.parametrize("said", ["# Name: unknown", "#Rx: Unknown", "# named: x", "#Dx: 426783006", "# a b c", "#"])
def test_other_comments_say_nobody(said: str) -> None:
    assert not stated_identity(f"r 1 300 9000\nr.dat 16\n{said}\n".encode())


def test_what_a_header_states_is_cut_to_a_size_that_can_be_kept() -> None:
    found = stated_identity(f"r 1 300 9\n# Name: {'x' * 300}\x1b[31m\n# DOB: 1066\n".encode())
    assert (len(found.name), found.birth_year) == (200, None)


def _record(folder: Path, name: str, first: str, comments: bytes = b"") -> list[tuple[str, bytes]]:
    signal = (200 * np.sin(np.arange(3600) / 20)).astype("<i2").tobytes()
    header = f"{name} 1 360 3600 {first}\n{name}.dat 16 200 16 0 0 0 0 II\n".encode() + comments
    (folder / f"{name}.hea").write_bytes(header)
    (folder / f"{name}.dat").write_bytes(signal)
    return [(f"{name}.hea", header), (f"{name}.dat", signal)]


def test_a_reader_drops_who_and_when_unless_it_is_asked(tmp_path: Path) -> None:
    files = _record(tmp_path, "r", "8:00:00 02/05/2005", COMMENTS)
    dropped, kept = read_path(tmp_path / "r.hea"), read_path(tmp_path / "r.hea", identity=True)
    assert (dropped.identity, dropped.sex) == (None, "F")
    assert kept.identity == read_uploads(files, identity=True)[0].identity
    assert kept.identity is not None
    assert (kept.identity.patient_id, kept.identity.start) == ("4711-X", datetime(2005, 5, 2, 8))
    assert kept.digest == dropped.digest
    assert read_uploads(files)[0].identity is None


@pytest.mark.parametrize(("first", "hour"), [("7:00:00 02/05/2005", 7), ("", 8)])
def test_of_several_segments_the_master_states_the_start_or_else_the_first(
    tmp_path: Path, first: str, hour: int
) -> None:
    _record(tmp_path, "a", "8:00:00 02/05/2005", COMMENTS)
    _record(tmp_path, "b", "9:00:00 02/05/2005")
    (tmp_path / "m.hea").write_text(f"m/2 1 360 7200 {first}\na 3600\nb 3600\n")
    found = read_path(tmp_path / "m.hea", identity=True).identity
    assert found is not None
    assert (found.start, found.patient_id) == (datetime(2005, 5, 2, hour), "4711-X")


def test_a_gap_first_leaves_the_start_of_a_later_segment_out(tmp_path: Path) -> None:
    _record(tmp_path, "a", "8:00:00 02/05/2005")
    (tmp_path / "m.hea").write_text("m/2 1 360 7200\n~ 3600\na 3600\n")
    assert read_path(tmp_path / "m.hea", identity=True).identity is None
