"""Real files of other formats, which this repository does not hold, against independent readers."""

from __future__ import annotations

from functools import cache

import pytest

from benchmarks.formats import BLOCK, CHECKS, PAGE, Agreement, agreements, table
from pipeline.config import data_root

FOLDER = data_root() / "formats"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="the folder of real files is missing")
NO_SIGNAL = {"hl7_aecg/empty.xml", "hl7_aecg/minimum_aecg.xml", "philips_sierra/invalid-doc-version.xml"}


@cache
def _rows() -> tuple[Agreement, ...]:
    return tuple(agreements(FOLDER))


def test_every_file_is_read_but_those_without_signal_or_of_an_unknown_version() -> None:
    assert {row.file for row in _rows() if row.difference is None} == NO_SIGNAL
    assert {row.file.split("/")[0] for row in _rows()} == {check.folder for check in CHECKS}


def test_every_sample_is_within_a_step_of_what_an_independent_reader_gives() -> None:
    steps = {row.file: row.difference for row in _rows() if row.difference is not None}
    wide = {file for file in steps if file.endswith(".bdf")}  # 24 bits of 1.2 nV: as many as a float of 32 bits holds
    assert max(steps[file] for file in steps if file not in wide) < 0.01
    assert max(steps[file] for file in wide) < 0.1


def test_the_page_of_formats_has_the_table_as_it_is_now() -> None:
    text = PAGE.read_text("utf-8")
    found = BLOCK.search(text)
    assert found is not None
    assert found[0] == f"{found[1]}{table(list(_rows()))}{found[2]}"
