"""Studies to list, read and sign, and the pages that show them."""

from __future__ import annotations

import json
from typing import Any

from streamlit.testing.v1 import AppTest

from pipeline.config import ROOT
from tests.helpers import review_study

MAIN = str(ROOT / "app" / "main.py")
ANNA, BERT, CARLA = "Dr. Anna Müller", "Bert 山田", "Carla Weiß"
BEATS = "NNVNSNNUFNVVVNNNN"


def study(record: str = "case", classes: str = BEATS) -> int:
    return review_study.study(record, classes)


def opened(view: str, **query: object) -> AppTest:
    page = AppTest.from_file(MAIN, default_timeout=300).run()
    page.switch_page(f"{view}/page.py")
    for name, value in query.items():
        page.query_params[name] = str(value)
    return page.run()


def reading_as(page: AppTest, name: str) -> AppTest:
    page.text_input(key="reader-name").set_value(name)
    return page.button(key="reader-take").click().run()


def said(page: AppTest) -> str:
    """Everything that is written on the page."""
    kinds = ("title", "markdown", "caption", "info", "warning", "error", "success")
    return "\n".join(element.value for kind in kinds for element in getattr(page, kind)).replace("\\", "")


def rows(page: AppTest) -> list[dict[str, Any]]:
    """What the table of studies was given."""
    found = [element.proto for element in page.get("bidi_component")]
    table = next(proto for proto in found if proto.component_name == "heartvision_worklist")
    return json.loads(table.json)["rows"]
