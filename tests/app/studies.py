"""Studies to list, read and sign, and the pages that show them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from streamlit.testing.v1 import AppTest

from pipeline.config import ROOT
from pipeline.domain import Analysis, Recording
from pipeline.store.listing import study_of_analysis
from pipeline.store.recordings import keep
from tests.unit.review_study import analysed

MAIN = str(ROOT / "app" / "main.py")
ANNA, BERT = "Dr. Anna Müller", "Bert 山田"
BEATS = "NNVNSNNUFNVVVNNNN"


def recorded(analysis: Analysis) -> Recording:
    """A signal with a bump at each beat, and some noise."""
    shape = (round(analysis.duration_s * analysis.fs), 1)
    signal = np.random.default_rng(0).normal(0, 0.02, shape).astype(np.float32)
    for sample in analysis.sample:
        signal[sample - 5 : sample + 6, 0] += np.hanning(11)
    return Recording(analysis.record, analysis.fs, signal, analysis.leads, analysis.digest, (True,))


def study(record: str = "case", classes: str = BEATS) -> int:
    analysis = analysed(classes, record=record)
    return study_of_analysis(analysis, keep(recorded(analysis))).id


def opened(view: str, **query: object) -> AppTest:
    page = AppTest.from_file(MAIN, default_timeout=300).run()
    page.switch_page(f"views/{view}.py")
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
