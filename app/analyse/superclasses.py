"""Five diagnostic classes by a network that reads all leads at once: how likely each is, and where on the sheet."""

from __future__ import annotations

from dataclasses import replace

import streamlit as st

from app.common import cache
from app.common.ecg_svg import HeatOnSheet
from app.common.session import Session
from app.common.text import plain
from models.superclasses import SUPERCLASSES, superclass_manifest
from pipeline.cases.case import Case
from pipeline.errors import EcgError
from pipeline.evaluation.schema import Estimate
from pipeline.evaluation.superclass_schema import SuperclassEvaluation, shipped_superclasses
from pipeline.measurements import Measurements
from pipeline.twelve_leads.superclasses import HEAT_FS_HZ, HEAT_MAX_S, SUPERCLASS_NAMES, said
from pipeline.wording import UNDEFINED, share

NONE = "What speaks for ..."  # no class is chosen
HEAT_KEY = "sheet-heat"
UNREMARKABLE = "as recordings without a finding in PTB-XL"  # NORM, where this ECG may not be called normal
NOT_NORMAL = "not called normal: the statements above do not say so"
SECOND = (
    "A second opinion beside the statements: a network read all leads at once, without their criteria. "
    "An ECG may be of several classes."
)
NO_MAP = "There is no map: too little of the recording has all leads."


def draw(found: Measurements) -> None:
    """Each class with its calibrated probability, and how far such probabilities can be trusted."""
    st.markdown("**Diagnostic classes** :gray-badge[second opinion]")
    called, facts = said(found.diagnosis), superclass_manifest()
    normal = may_be_normal(found)
    with st.container(gap="xxsmall"):
        for name, least in zip(facts.classes, facts.thresholds, strict=True):
            words = SUPERCLASS_NAMES[name] if name != "NORM" or normal else UNREMARKABLE
            text = f"**{name}** {words}: **{share(found.diagnosis[name])}**"
            if name in called and (name != "NORM" or normal):
                text += f" :orange-badge[called from {round(100 * least)} % on]"
            elif name in called:
                text += f" :gray-badge[{NOT_NORMAL}]"
            st.progress(found.diagnosis[name], text=text)
    evaluation = shipped_superclasses()
    trust = "" if evaluation is None else f" {trust_words(evaluation)}"
    st.caption(plain(SECOND + trust), help=None if evaluation is None else plain(evaluation.caution))


def may_be_normal(found: Measurements) -> bool:
    """Whether both the network and the statements call an ECG normal.

    Statements do so only where all twelve leads were read and nothing urgent or abnormal was found.
    """
    return "NORM" in said(found.diagnosis) and any(one.code == "NORM" for one in found.statements)


def trust_words(evaluation: SuperclassEvaluation) -> str:
    """How well the classes are told on PTB-XL, and what becomes of the probabilities elsewhere."""
    each = ", ".join(f"{one.name} {_two(one.auroc)}" for one in evaluation.classes)
    words = f"AUROC on {evaluation.records} recordings of PTB-XL: {each}."
    if (other := evaluation.elsewhere) is None or other.ece.value is None:
        return words
    return (
        f"{words} Elsewhere the probabilities do not come true as they stand: on {other.title} they were off by "
        f"{100 * other.ece.value:.0f} percentage points on average (mean AUROC {_two(other.auroc)}). "
        "Read them as a ranking."
    )


def _two(area: Estimate) -> str:
    return UNDEFINED if area.value is None else f"{area.value:.2f}"


def choose(session: Session, case: Case) -> None:
    """Draw the choice of a class to be explained on the sheet; a recording longer than ten minutes has none."""
    if case.recording.duration_s > HEAT_MAX_S:
        return
    st.session_state[HEAT_KEY] = session.sheet.heat
    st.selectbox(
        "Show what speaks for", ["", *SUPERCLASSES], key=HEAT_KEY, width=180, label_visibility="collapsed",
        format_func=lambda name: f"What speaks for {name}" if name else NONE, on_change=_chosen, args=(session,),
    )  # fmt: skip


def _chosen(session: Session) -> None:
    session.sheet = replace(session.sheet, heat=st.session_state[HEAT_KEY])


def heat(session: Session, case: Case) -> tuple[HeatOnSheet | None, str]:
    """What speaks for the chosen class, and a sentence about it; None and "" if none is chosen."""
    name, found = session.sheet.heat, case.analysis.measured
    if found is None or not name or case.recording.duration_s > HEAT_MAX_S:
        return None, ""
    try:
        values = cache.superclass_heat(case.recording, name)
    except EcgError as error:
        return None, str(error)
    if values is None:
        return None, NO_MAP
    words = (
        f"Orange: what speaks for {name} by the network (probability {share(found.diagnosis[name])}). "
        "The strongest place of the recording has the fullest colour, also where the class is unlikely."
    )
    return HeatOnSheet(values, HEAT_FS_HZ), words
