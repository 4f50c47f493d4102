"""No table that can be taken away by the button above it holds a formula: text of others is made safe first."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

from app.common.safe_table import safe_table

APP = Path(__file__).resolve().parent.parent.parent / "app"
# Tables of shipped results and of our own words and numbers only: no cell comes from a file, a reader or a folder.
OWN = (
    *("evaluation/class_report.py", "evaluation/page.py", "evaluation/shared.py", "evaluation/whole_images.py"),
    *("picture/evaluation.py", "dataset/page.py", "common/median_panel.py", "analyse/measurements.py"),
    *("analyse/explorer.py", "ecg_page/steps.py"),
)


def tables(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "dataframe":
            yield node


@pytest.mark.parametrize("begin", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "＝1+1", "＋1", "－1", "＠x"])
def test_text_that_a_spreadsheet_would_run_is_made_plain_in_cells_and_column_names(begin: str) -> None:
    made = safe_table(pd.DataFrame({begin: [begin, "N"], "n": [-1.5, 2.0]}))
    assert made.columns.tolist() == [f"'{begin}", "n"]
    assert made[f"'{begin}"].tolist() == [f"'{begin}", "N"]
    assert made["n"].tolist() == [-1.5, 2.0]


@pytest.mark.parametrize("text", ["+16 ms", "-3/min", "+0.25 mV", "-12°", "+4 %"])
def test_a_signed_number_with_its_unit_is_shown_as_it_is(text: str) -> None:
    assert safe_table(pd.DataFrame({"change": [text]}))["change"].tolist() == [text]


def test_every_table_with_words_of_others_is_made_safe() -> None:
    found = {
        str(path.relative_to(APP)): [ast.unparse(call.args[0]) for call in tables(path)]
        for path in sorted(APP.rglob("*.py"))
    }
    found = {name: shown for name, shown in found.items() if shown}
    assert set(OWN) <= set(found), "a file of OWN shows no table any more"
    shown_safely = ("shown",)  # app/picture/results.py makes it of a safe table, in words
    wrong = {
        name: [text for text in texts if "safe_table(" not in text and text not in shown_safely]
        for name, texts in found.items()
        if name not in OWN
    }
    assert {name: texts for name, texts in wrong.items() if texts} == {}
