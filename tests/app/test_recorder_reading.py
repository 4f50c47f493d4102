"""The table of what the recorder measured, beside what was measured here."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def drawn() -> None:
    """The recorder's reading of a recording whose file holds an interval, a rate and an axis."""
    from types import SimpleNamespace
    from unittest.mock import patch

    from app.analyse import recorder
    from pipeline.twelve_leads.recorder import Compared

    rows = [
        Compared("QT", "ms", 368.0, 385.0, 17.0),
        Compared("rate", "1/min", 61.0, 63.0, 2.0),
        Compared("QRS axis", "deg", 52.0, 49.0, -3.0),
    ]
    device = SimpleNamespace(device="Maker ECG-1", statements=())
    case = SimpleNamespace(recording=SimpleNamespace(device=device), analysis=SimpleNamespace(measured=None))
    with patch.object(recorder, "compared", lambda *_: rows):
        recorder.draw(case)  # type: ignore[arg-type]


def test_differences_are_signed_numbers_with_a_unit_and_no_apostrophe() -> None:
    page = AppTest.from_function(drawn, default_timeout=60).run()
    assert not page.exception
    table = page.dataframe[0].value
    assert table["Difference"].tolist() == ["+17 ms", "+2/min", "-3°"]
    assert table["Recorder"].tolist() == ["368 ms", "61/min", "52°"]
