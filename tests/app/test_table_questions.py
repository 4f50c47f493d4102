"""What is asked about a table before it is read."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def asked() -> None:
    """A page that asks about a table which states its rate but no unit."""
    import math

    from app.common import table_questions

    rows = "".join(f"{i / 250:.3f},{math.sin(i / 9):.3f}\n" for i in range(3000))
    table_questions.ask([("a.csv", f"time,ecg\n{rows}".encode())], "asked")


def test_a_unit_that_the_file_does_not_state_is_asked_in_words_that_are_no_answer() -> None:
    page = AppTest.from_function(asked, default_timeout=60).run()
    assert not page.exception
    (unit,) = page.selectbox
    assert unit.value is None
    assert unit.placeholder == "choose what the device states"
