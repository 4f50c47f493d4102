"""Intervals, axis and statements at a glance, urgent ones first; the numbers behind them on request."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.common.session import Session
from app.common.text import plain
from pipeline.cases.case import Case
from pipeline.evaluation.statement_schema import StatementScores, shipped_statements
from pipeline.evaluation.statement_text import caution_of
from pipeline.measurements import Measurements, Statement
from pipeline.wording import UNDEFINED, looked_for_words, score

MEANINGS = {
    "PR": "From the onset of P to the onset of the QRS; 120 to 200 ms is usual.",
    "QRS": "Over all leads, from the earliest onset to the latest end; up to 110 ms is usual.",
    "QT": "From the onset of the QRS to the end of T.",
}
OLD = "Intervals were not measured: this recording was analysed by an earlier version. Analyse it again to see them."
MOVED = "Intervals and statements follow the marks that you moved; the review of this recording can keep them."
TILE = 128


def draw(session: Session, case: Case) -> None:
    """The measurements of the open case, by the marks that the reader moved if any, or why there are none."""
    found, moved = case.analysis.measured, None
    st.subheader("Measurements", anchor=False)
    if session.moved_marks or session.moved_beats:
        from app.analyse import median_beat  # SciPy, which the first page does not need

        moved = median_beat.measured_again(session, case)
    if moved is not None:
        found = moved
        st.markdown(f":orange-badge[:material/edit: moved marks] {MOVED}")
    if found is None:
        st.caption(OLD)
        return
    hidden = tuple(one for one in found.statements if _is_weak(one))
    shown = [one for one in found.statements if one not in hidden]
    with st.container(gap="xxsmall"):
        for one in shown:
            _statement(one)
        if not shown:
            st.markdown("No statement is made.")
    _tiles(found)
    if found.why_no_qtc:
        st.caption(plain(found.why_no_qtc))
    st.caption(plain(looked_for_words(found)) + (f" {_hidden_words(hidden)}" if hidden else ""))
    if found.diagnosis:
        from app.analyse import superclasses  # SciPy, which the first page does not need

        superclasses.draw(found)
    if found.leads:
        with st.expander("Levels and amplitudes by lead", icon=":material/table_chart:"):
            _levels(found)


def _statement(one: Statement) -> None:
    text = plain(one.text)
    line = f":red-badge[:material/emergency: Urgent] :red[**{text}**]" if one.urgent else f"**{text}**"
    st.markdown(f"{line} :small[{plain(one.evidence + caution_of(one))}]", help=plain(_reliability(one)))


def _is_weak(one: Statement) -> bool:
    """Whether the evaluation found a statement too weak to be shown; an urgent one is shown all the same."""
    scores = _scores(one)
    return scores is not None and scores.weak and not one.urgent


def _reliability(one: Statement) -> str:
    scores = _scores(one)
    if scores is None:
        return "How often this statement is right was not measured."
    return (
        f"On PTB-XL and LUDB: sensitivity {score(scores.se.value, scores.se.low, scores.se.high)}, "
        f"specificity {score(scores.sp.value)}, right in {score(scores.ppv.value)} of {scores.right + scores.wrong}."
    )


def _scores(one: Statement) -> StatementScores | None:
    evaluation = shipped_statements()
    return None if evaluation is None else evaluation.of(one.code)


def _hidden_words(hidden: tuple[Statement, ...]) -> str:
    names = ", ".join(dict.fromkeys(one.code for one in hidden))
    return f"Not shown, as too weak by the Evaluation page, but in the JSON: {plain(names)}."


def _tiles(found: Measurements) -> None:
    with st.container(horizontal=True, gap="small"):
        for name, meaning in MEANINGS.items():
            spread = found.intervals.get(name)
            value = UNDEFINED if spread is None else f"{spread.median:.0f} ms"
            _tile(name, value, "not measured" if spread is None else f"{spread.low:.0f} to {spread.high:.0f}", meaning)
        used = found.qtc_used
        value = f"{found.qtc_ms[used]:.0f} ms" if used else UNDEFINED
        others = ", ".join(f"{name} {ms:.0f} ms" for name, ms in found.qtc_ms.items())
        _tile("QTc", value, used or "none", others or found.why_no_qtc or "not measured")
        axis = {name: f"{degrees:.0f}°" for name, degrees in found.axis_deg.items()}
        rest = ", ".join(f"{name} {value}" for name, value in axis.items() if name != "QRS")
        meaning = "Frontal plane, from net areas in I and aVF; a QRS axis of -30 to 90 degrees is usual."
        _tile("Axis of QRS", axis.get("QRS", UNDEFINED), rest or "needs two limb leads", meaning)


def _tile(name: str, value: str, below: str, meaning: str) -> None:
    st.metric(name, value, help=plain(meaning), width=TILE, border=True, delta=below, delta_color="off",
              delta_arrow="off")  # fmt: skip


def _levels(found: Measurements) -> None:
    rows = [
        {
            "Lead": name,
            **{f"ST {at}": lead.st_mv.get(at) for at in ("J", "J60", "J80")},
            **{wave: lead.amplitudes_mv.get(wave) for wave in ("P", "Q", "R", "S", "R'", "T")},
            "Q ms": lead.q_ms,
        }
        for name, lead in found.leads.items()
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch")
    st.caption("mV against the end of the PR segment, in the median of the usual beats.")
