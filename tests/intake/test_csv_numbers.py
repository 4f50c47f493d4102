"""What a table's cells may be as numbers: whatever is called one is one, and anything else is refused in a sentence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import IntakeError, LimitError
from pipeline.intake.csv_dialect import Dialect
from pipeline.intake.csv_reader import CsvOptions, read_csv
from tests.intake.test_csv_dialects import BREATH, MV, OPENSIGNALS, ROWS, SECONDS, A, table, whole

MARKS = (".", ",", "'", " ", "\u00a0", "\u202f")
GROUPS = st.lists(st.sampled_from(MARKS[:3]) | st.sampled_from(MARKS), max_size=3).map(
    lambda marks: "1" + "".join(f"{mark}234" for mark in marks)
)
NUMBERS = st.tuples(st.sampled_from(("", "-", "+", "\u2212")), GROUPS, st.sampled_from(("", ".5", ",5", ".5e3", "e-3")))
SIGNS = st.text("0123456789.,'+-eE \u00a0\u202f\u2212", max_size=12)


@settings(max_examples=600, deadline=None)
@given(NUMBERS.map("".join) | SIGNS, st.sampled_from(".,"), st.just("") | st.sampled_from(MARKS))
def test_whatever_is_called_a_number_is_one(cell, decimal, thousands):
    dialect = Dialect(";", decimal, "" if thousands == decimal else thousands, 2)
    if dialect.is_number(cell):
        assert isinstance(dialect.value(cell), float)


@pytest.mark.parametrize(
    ("cell", "decimal", "value"),
    [
        ("1.234,5", ",", 1234.5),
        ("1,234.5", ".", 1234.5),
        ("-1'234'567.5", ".", -1234567.5),
        ("1 234", ",", 1234.0),
        ("1.234,567.8", ".", None),
        ("1.234,567.8", ",", None),
        ("1,234.567,8", ".", None),
        ("1'234,567", ".", None),
        ("1'234.5", ",", None),
    ],
)
def test_a_number_has_one_mark_between_thousands_and_the_decimal_mark_of_its_table(cell, decimal, value):
    dialect = Dialect(";", decimal, "", 2)
    assert dialect.is_number(cell) == (value is not None)
    assert value is None or dialect.value(cell) == value


@pytest.mark.parametrize("cell", ["1.234,567.8", "1,234.567,8", "1'234,567.8"])
def test_a_cell_with_two_marks_between_thousands_is_refused_in_a_sentence(cell):
    cells = [cell if i == 1500 else a for i, a in enumerate(A)]
    with pytest.raises(IntakeError, match="column 2 of the CSV file is not a number"):
        read_csv("r", table(SECONDS, cells, sep=";", names="time;II"), CsvOptions(None, "mV"))


@pytest.mark.parametrize("rate", ["9" * 400, "1e400", "NaN", "[]"])
def test_a_sampling_rate_of_opensignals_that_is_none_is_no_rate(rate):
    above = OPENSIGNALS.replace('"sampling rate": 250', f'"sampling rate": {rate}')
    payload = table(whole(np.arange(ROWS) % 16), whole(BREATH), whole(512 + MV * 200), sep="\t", above=above)
    with pytest.raises((IntakeError, LimitError)):
        read_csv("r", payload, CsvOptions(None, "none"))
