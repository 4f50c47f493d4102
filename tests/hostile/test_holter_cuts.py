"""Holter and hand-held files that end anywhere: a sentence or a recording."""

from __future__ import annotations

from functools import partial

import pytest

from pipeline.config import DEFAULT
from pipeline.intake.formats.table import FORMATS
from tests.hostile.fuzz_cases import fuzz_cases
from tests.hostile.fuzzing import read_or_sentence

CUTS = 97  # every so many bytes, and every one of the header's first
NAMES = (*("EDF, EDF+, BDF", "ISHNE Holter", "MFER", "AliveCor Kardia ATC", "AliveCor Kardia JSON", "Movesense JSON"),)


@pytest.mark.parametrize("name", NAMES)
def test_a_file_that_ends_anywhere_is_refused_or_read(name):
    read = next(each for each in FORMATS if each.name == name).read
    case = next(each for each in fuzz_cases() if each.name == name)
    for ((_, whole),) in case.uploads:
        for stop in (*range(0, 600, 7), *range(600, len(whole), CUTS)):
            found = read_or_sentence(partial(read, "cut", limits=DEFAULT.limits), whole[:stop])
            assert found if isinstance(found, str) else found.leads
