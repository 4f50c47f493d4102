"""The part of the Evaluation page on measured statements: how often each is right, end to end."""

from __future__ import annotations

from typing import Final

import pandas as pd
import streamlit as st

from app.common.text import plain
from app.evaluation.shared import show_caption, show_table
from pipeline.config import ROOT
from pipeline.errors import DataError
from pipeline.evaluation.statement_schema import (
    STATEMENTS_FILE,
    StatementScores,
    StatementsEvaluation,
    read_statements,
)
from pipeline.wording import UNDEFINED, score

COMMAND: Final = "python -m pipeline evaluate --twelve-leads"
HOW_TO_READ: Final = """
- **Stated** is what cardiologists wrote of a record: SCP-ECG statements of PTB-XL, diagnoses in the headers of LUDB.
  They saw the ECG and often more; a voltage or a Q wave alone is not their whole reason, so no criterion finds all.
- **Sensitivity**, **specificity** and **right** (positive predictive value) are of the published criterion as it
  stands, from our own marks. In brackets: 95 % Wilson intervals.
- **Sensitivity at .97** is what the criterion's number finds at the limit with a specificity of 97 %, which need not be
  the published one. Criteria that do not read one number have their own sensitivity there, if they are as specific.
- **Not shown** are statements that were wrong more often than right. They are in JSON, FHIR and the report. Urgent
  ones are always shown, with their figure. An **ST elevation** that is not called acute is an old infarction in most.
"""


def show_statements() -> None:
    """Scores of each statement, rare ones case by case, and ST, T and Q in LUDB."""
    st.header("Measured statements", anchor=False)
    if not STATEMENTS_FILE.is_file():
        st.info(f"Statements have not been evaluated yet; run `{COMMAND}`.")
        return
    try:
        found = read_statements()
    except DataError as error:
        st.warning(f"The evaluation of statements cannot be shown: {plain(str(error))}")
        return
    with st.expander("How to read this", icon=":material/menu_book:"):
        st.markdown(HOW_TO_READ)
    show_table(_scores(found), "statements.csv")
    show_table(_shares(found), "statements-shares.csv")
    with st.expander("Rare statements, record by record", icon=":material/list:"):
        show_table(_cases(found), "statements-cases.csv")
    show_caption(found.provenance, str(STATEMENTS_FILE.relative_to(ROOT)))


def _scores(found: StatementsEvaluation) -> pd.DataFrame:
    return pd.DataFrame([_row(one) for one in found.statements])


def _row(one: StatementScores) -> dict[str, object]:
    at = one.se_at_97
    return {
        "Statement": one.title,
        "Stated": one.positives,
        "Said": one.right + one.wrong,
        "Sensitivity": score(one.se.value, one.se.low, one.se.high),
        "Specificity": score(one.sp.value, one.sp.low, one.sp.high),
        "Right": score(one.ppv.value, one.ppv.low, one.ppv.high),
        "Sensitivity at .97": UNDEFINED if at is None else score(at.value, at.low, at.high),
        "Shown": "no" if one.weak else "yes",
    }


def _shares(found: StatementsEvaluation) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "Records": one.title,
                "Number": f"{one.count} of {one.of}",
                "Share": score(one.share.value, one.share.low, one.share.high),
                "The others": ", ".join(case.record for case in one.without),
            }
            for one in found.shares
        ]
    )


def _cases(found: StatementsEvaluation) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {"Statement": one.title, "Record": case.record, "Found": "yes" if case.found else "no",
             "What was said": ", ".join(case.said)}
            for one in found.statements
            for case in one.cases
        ]
    )  # fmt: skip
