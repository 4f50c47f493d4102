"""Diagnostic classes and urgent statements on the Analyse page."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.analyse import superclasses
from app.common.session import Session
from models.superclasses import SUPERCLASSES
from pipeline.config import ROOT
from pipeline.evaluation.superclass_schema import shipped_superclasses
from pipeline.measurements import Measurements, Statement
from pipeline.store.recordings import save_recording
from pipeline.twelve_leads import superclasses as answering
from pipeline.types import Recording
from tests.helpers.pages import settled
from tests.helpers.twelve_lead_ecg import LEADS, made_ecg

NORMAL = Statement("NORM", "normal", "Normal ECG.", "all read")
URGENT = (
    Statement("STEMI", "infarction", "ST elevation, anterior.", "V2 0.3 mV [limit 0.2]", urgent=True),
    Statement("VT", "rhythm", "Ventricular tachycardia.", "180/min", urgent=True),
)


@pytest.fixture(scope="module")
def made() -> Recording:
    return save_recording(Recording.from_array(made_ecg(), fs=500.0, leads=LEADS, name="made"))


@pytest.fixture
def page(made: Recording) -> AppTest:
    opened = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=120)
    opened.query_params["recording"] = made.digest
    return settled(opened.run())


def measured(page: AppTest) -> Measurements:
    found = session(page).case
    assert found is not None
    assert found.analysis.measured is not None
    return found.analysis.measured


def session(page: AppTest) -> Session:
    return page.session_state["heartvision"]


def with_measured(page: AppTest, found: Measurements) -> AppTest:
    """The page as it would be had something else been measured."""
    case = session(page).case
    assert case is not None
    session(page).case = replace(case, analysis=replace(case.analysis, measured=found))
    return page.run()


def bars(page: AppTest) -> dict[str, str]:
    texts = [bar.proto.text for bar in page.get("progress")]
    return {text.split("**")[1]: text for text in texts}


def captions(page: AppTest) -> str:
    return "\n".join(str(caption.value).replace("\\", "") for caption in page.caption)


def test_all_classes_are_named_and_those_over_their_threshold_called(page: AppTest) -> None:
    diagnosis = dict(zip(SUPERCLASSES, (0.7, 0.12, 0.1, 0.9994, 0.0), strict=True))
    with_measured(page, replace(measured(page), diagnosis=diagnosis, statements=()))
    assert not page.exception
    assert tuple(bars(page)) == SUPERCLASSES
    assert "myocardial infarction: **12.0 %** :orange-badge[called from 11 % on]" in bars(page)["MI"]
    assert bars(page)["STTC"] == "**STTC** ST or T change: **10.0 %**"
    assert "> 99.9 %" in bars(page)["CD"]
    assert "second opinion" in captions(page)


def test_the_figures_are_those_of_the_evaluation(page: AppTest) -> None:
    evaluation = shipped_superclasses()
    assert evaluation is not None
    assert evaluation.elsewhere is not None
    assert evaluation.elsewhere.ece.value is not None
    for each in evaluation.classes:
        assert f"{each.name} {each.auroc.value:.2f}" in captions(page)
    assert f"off by {100 * evaluation.elsewhere.ece.value:.0f} percentage points" in captions(page)
    assert "do not come true" not in superclasses.trust_words(replace(evaluation, elsewhere=None))


@pytest.mark.parametrize(
    ("probability", "statements", "normal"),
    [(0.95, (NORMAL,), True), (0.95, (), False), (0.95, URGENT, False), (0.5, (NORMAL,), False)],
)
def test_an_ecg_is_called_normal_only_if_network_and_statements_agree(
    page: AppTest, probability: float, statements: tuple[Statement, ...], normal: bool
) -> None:
    diagnosis = {**dict.fromkeys(SUPERCLASSES, 0.01), "NORM": probability}
    with_measured(page, replace(measured(page), diagnosis=diagnosis, statements=statements))
    assert ("normal ECG" in bars(page)["NORM"]) == normal
    assert ("orange-badge" in bars(page)["NORM"]) == normal
    assert (superclasses.NOT_NORMAL in bars(page)["NORM"]) == (not normal and probability > 0.9)


def test_without_classes_there_is_no_block_and_no_choice(page: AppTest) -> None:
    with_measured(page, replace(measured(page), diagnosis={}))
    assert not page.exception
    assert not bars(page)
    assert not [box for box in page.selectbox if box.key == superclasses.HEAT_KEY]


def test_what_speaks_for_a_class_is_worked_out_once_and_laid_on_the_sheet(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, original = [], answering.superclass_heat

    def counted(*values: object) -> np.ndarray | None:
        asked.append(values[-1])
        return original(*values)  # type: ignore[arg-type]

    monkeypatch.setattr(answering, "superclass_heat", counted)
    assert "Orange: what speaks for" not in captions(page)
    for name in ("MI", "HYP", "MI", ""):
        page.selectbox(key=superclasses.HEAT_KEY).set_value(name).run()
        assert not page.exception
        assert (f"Orange: what speaks for {name} " in captions(page)) == bool(name)
    assert asked == ["MI", "HYP"]


def test_a_long_recording_has_no_choice(page: AppTest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(superclasses, "HEAT_MAX_S", 5.0)
    page.run()
    assert bars(page)
    assert not [box for box in page.selectbox if box.key == superclasses.HEAT_KEY]


def test_urgent_statements_stand_first_with_their_numbers(page: AppTest) -> None:
    assert not page.error
    with_measured(page, replace(measured(page), statements=(*URGENT, NORMAL)))
    parts = [part.type for part in page.main]
    assert parts.index("error") < min(parts.index(kind) for kind in ("selectbox", "subheader", "metric"))
    assert len(page.error) == 1
    said = page.error[0].value.replace("\\", "")
    assert said == "**ST elevation, anterior.** V2 0.3 mV [limit 0.2]  \n**Ventricular tachycardia.** 180/min"
    listed = [line.value for line in page.markdown if "Urgent" in str(line.value)]
    assert len(listed) == len(URGENT)
