"""The Evaluation page: how well each network works on patients it has never seen, and where it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Final

import streamlit as st

from app.common import cache
from app.common.text import plain
from app.common.theme import palette
from app.evaluation import charts, tables
from app.evaluation.confident_errors import show_errors
from app.evaluation.explanations import show_explanations
from app.evaluation.folder_runs import show_runs
from app.evaluation.rhythm import show_rhythm
from app.evaluation.robustness import show_against, show_stress, show_uncertainty
from app.evaluation.scores import (
    show_calibration,
    show_classes,
    show_curves,
    show_random_split,
    show_records,
    show_summary,
    show_threshold,
    show_training,
)
from app.evaluation.shared import (
    KINDS,
    SPLIT_NAMES,
    EvaluationView,
    download_button,
    how_to_read,
    show_figure,
    show_source,
)
from app.evaluation.statements import show_statements
from app.evaluation.twelve_leads import show_twelve_leads
from app.evaluation.whole_images import show_pages
from models import registry
from pipeline.config import RECORDING_NETWORK
from pipeline.errors import DataError
from pipeline.evaluation.evaluation_schema import Evaluation
from pipeline.evaluation.saved import EVALUATED_SPLITS, evaluation_file
from pipeline.evaluation.schema import EvaluationSplit

SECTIONS: Final[Mapping[str, Callable[[EvaluationView], None]]] = MappingProxyType(
    {
        "Summary": show_summary,
        "Classes": show_classes,
        "Records": show_records,
        "ROC and PR": show_curves,
        "Threshold": show_threshold,
        "Calibration": show_calibration,
        "Uncertainty": show_uncertainty,
        "Noise and leads": show_stress,
        "Against another": show_against,
        "Errors": show_errors,
        "Explanations": show_explanations,
        "Training": show_training,
        "Random split": show_random_split,
    }
)


def load_evaluations(split: EvaluationSplit) -> dict[str, Evaluation]:
    """The evaluations on a split of all networks that have one; for others, a sentence on the page."""
    found: dict[str, Evaluation] = {}
    for name in registry.available(registry.WEIGHTS):
        file = evaluation_file(name, split, registry.WEIGHTS)
        if not file.is_file():
            command = f"python -m pipeline evaluate --model {name}" + ("" if split == "ds2" else f" --split {split}")
            st.info(f"The network {plain(name)} has not been evaluated yet on these patients; run `{command}`.")
            continue
        try:
            found[name] = cache.evaluation(file)
        except DataError as error:
            st.warning(f"The evaluation of the network {plain(name)} cannot be shown: {plain(str(error))}")
    return found


st.title("Evaluation", anchor=False)
st.write("How well each network reads beats of patients it has never seen, by the rules of ANSI/AAMI EC57.")

with st.container(horizontal=True, vertical_alignment="bottom"):
    there = [s for s in EVALUATED_SPLITS if s == "ds2" or any(
        evaluation_file(name, s, registry.WEIGHTS).is_file() for name in registry.available(registry.WEIGHTS)
    )]  # fmt: skip
    split = st.segmented_control(
        "Patients", there, format_func=SPLIT_NAMES.__getitem__, default="ds2", required=True, key="evaluation-split"
    )
    kind = st.segmented_control(
        "Beats", list(KINDS), format_func=KINDS.__getitem__, default="reference", required=True, key="evaluation-kind"
    )
    picture = st.segmented_control(
        "Save figures as", charts.PICTURES, default="PNG", required=True, key="evaluation-picture"
    )

evaluations = load_evaluations(split)
if not evaluations:
    st.info("There is no evaluation to show yet: train a network and run `python -m pipeline evaluate --model NAME`.")
    st.stop()

usual = RECORDING_NETWORK if RECORDING_NETWORK in evaluations else next(iter(evaluations))
first = EvaluationView(usual, kind, evaluations[usual], palette(), picture, evaluations)
with st.expander("How to read this", icon=":material/menu_book:"):
    st.markdown(how_to_read(first.evaluation, kind))

st.header("Networks side by side", anchor=False)
pinned = {"Network": st.column_config.TextColumn(pinned=True, width=240)}
pinned |= {name: st.column_config.TextColumn(width=width) for name, width in tables.BOARD_WIDTHS.items()}
st.dataframe(tables.comparison(evaluations, kind), width="stretch", hide_index=True, column_config=pinned)
if told := tables.different_patients(evaluations, kind):
    st.warning(plain(told), icon=":material/group_off:")
download_button(
    "Download all measures as CSV", partial(tables.comparison_csv, evaluations), "heartvision-evaluation.csv"
)
board = st.container()  # its figure is drawn last: it is the slowest part of the page


@st.fragment
def show_one() -> None:
    """One network in depth; choices made here do not affect the board."""
    chosen = st.selectbox(
        "Network",
        list(evaluations),
        index=list(evaluations).index(usual),
        format_func=lambda name: tables.title_of(name, evaluations[name]),
        key="evaluation-model",
    )
    section = st.segmented_control(
        "Section", list(SECTIONS), default="Summary", required=True, key="evaluation-section"
    )
    SECTIONS[section](replace(first, name=chosen, evaluation=evaluations[chosen]))


def show_sources(view: EvaluationView) -> None:
    """Where the board's numbers come from, network by network."""
    for name, content in evaluations.items():
        show_source(replace(view, name=name, evaluation=content))


st.header("One network in depth", anchor=False)
show_one()

compared = {measure: tables.COMPARED[measure] for measure in tables.known(tables.COMPARED, evaluations, kind)}
compared.pop("ece", None)  # no share
figures = [
    (tables.title_of(name, content), {m: tables.measured(content.of(kind), m) for m in compared})
    for name, content in evaluations.items()
]
with board:
    alt = "Measures of all networks with their intervals"
    show_figure(first, charts.compare(figures, compared, first.colours), alt, source=show_sources)

show_rhythm(picture)
show_twelve_leads(picture)
show_statements()
show_pages(picture)
show_runs(picture)
