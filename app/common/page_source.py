"""The page of paper that a recording was read from, and what the page network says of it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import streamlit as st

from app.common import sign_in
from app.common.safe_table import safe_table
from app.common.text import formatted, plain
from pipeline.export.report_page_source import KNOWN, TITLE
from pipeline.labels import PAGE_CLASS_NAMES
from pipeline.page_classifier.schema import read_page_evaluation
from pipeline.store.page_sources import load_page_source
from pipeline.wording import UNDEFINED, percent

_RARE = "myocardial_infarction"


def draw(digest: str) -> None:
    """The photo and the page network's class as a second opinion, for a recording that was read from a page."""
    found = load_page_source(digest, reader=sign_in.asking())
    if found is None:
        return
    with st.expander(TITLE, icon=":material/scan:"):
        left, right = st.columns(2, gap="medium")
        if found.photo:
            words = "The page, with the lines as they were read"
            left.image(found.photo, caption=words, width="stretch", alt="Photo of the page")
        else:
            left.caption("The photo was not kept.")
        with right:
            if found.heat:
                words = "Orange: the leads that spoke for the class of the page"
                st.image(found.heat, caption=words, width="stretch", alt=words)
            if found.class_name:
                draw_class(found.class_name, found.p, confident=found.confident, known=found.known)
            else:
                st.info(plain(f"The page network gives no class: {found.why_none}"), icon=":material/block:")


def draw_class(class_name: str, p: Mapping[str, float], *, confident: bool, known: bool) -> None:
    """The class of a page, its probabilities, and what they are worth."""
    with st.container(horizontal=True, gap="small"):
        normal = class_name == "normal"
        st.badge(PAGE_CLASS_NAMES.get(class_name, plain(class_name)), color="gray" if normal else "orange")
        if not confident:
            st.badge("not confident", color="yellow")
        if known:
            st.badge("a training page", color="red")
    table = pd.DataFrame(
        {"Class": [PAGE_CLASS_NAMES.get(name, name) for name in p], "Probability": np.array(list(p.values()))}
    ).sort_values("Probability", ascending=False)
    st.dataframe(formatted(safe_table(table), {"Probability": percent}), hide_index=True, width="stretch")
    if known:
        st.warning(KNOWN, icon=":material/history_edu:")
    st.warning(limits(), icon=":material/science:")


def limits() -> str:
    """What the network's training data means for its answer, in numbers of its own evaluation."""
    content = read_page_evaluation()
    rare, pages = content.pages[_RARE], sum(content.pages.values())
    recall = content.networks["vgg16"].class_row(_RARE).recall
    found, low, high = (UNDEFINED if p is None else percent(p) for p in (recall.value, recall.low, recall.high))
    return (
        f"For research only. The network learnt from {pages} pages of one hospital, of which only {rare} show an "
        f"infarction: of such pages it found {found} (95 % interval {low} to {high}), so **it cannot rule out an "
        "infarction**."
    )
