"""The part of the Evaluation page on twelve leads: five superclasses, whether probabilities come true, and the maps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.common.text import plain
from app.common.theme import Palette, palette
from app.evaluation import charts, tables
from app.evaluation.explanations import WAYS, removal_chart
from app.evaluation.shared import download_button, show_caption, show_table
from models import registry
from models.superclasses import NAME
from pipeline.errors import DataError
from pipeline.evaluation.schema import Estimate
from pipeline.evaluation.superclass_schema import (
    OtherDatabase,
    StatedBin,
    SuperclassEvaluation,
    read_superclass_evaluation,
)
from pipeline.wording import UNDEFINED, no_share, score

COMMAND: Final = f"python -m pipeline evaluate --model {NAME}"
DRAWN: Final = 4  # maps in a figure: the shown one, the next best, and those for comparison
RANDOM: Final = "random"
HOW_TO_READ: Final = """
- **The five superclasses** are those of PTB-XL: normal ECG, myocardial infarction, ST or T change, conduction
  disturbance, hypertrophy. An ECG may have several; their probabilities need not sum to 100 %.
- **AUROC** is how often a recording with the superclass gets a higher probability than one without it.
- **Calibration error** is how far stated probabilities are from what came true, in five bins. Drawing patients anew
  adds scatter to it, so its interval lies rather high.
- **Called** is a superclass from a probability on. The threshold for each recording comes from the other folds; so does
  the one that leaves 97 % of the recordings without the superclass alone.
- **The numbers in brackets** hold the true value with 95 % confidence, for patients like these.
- **Maps** show where in time and lead a superclass comes from. Tenths of a second of single leads are removed in the
  order of a map, or put back: a good map makes the probability fall early, or rise early. *Amplitude* shows only where
  the signal is large, and *random* nothing.
"""


@st.fragment
def show_twelve_leads(picture: str) -> None:
    """What the network over twelve leads is worth; figures are saved as `picture`, "PNG" or "SVG"."""
    st.header("Twelve leads", anchor=False)
    file = registry.WEIGHTS / NAME / "evaluation.json"
    if not file.is_file():
        st.info(f"The superclasses of twelve leads have not been evaluated yet; run `{COMMAND}`.")
        return
    try:
        content = read_superclass_evaluation(file)
    except DataError as error:
        st.warning(plain(str(error)))
        return
    st.markdown(_introduction(content))
    st.warning(plain(content.caution), icon=":material/visibility:")
    with st.expander("How to read this part", icon=":material/menu_book:"):
        st.markdown(HOW_TO_READ)
    show_table(board(content), "twelve-leads.csv", alt="The superclasses of twelve leads")
    chosen = st.segmented_control(
        "Superclass", [each.name for each in content.classes], default=content.classes[0].name, required=True,
        key="evaluation-superclass",
    )  # fmt: skip
    found = next(each for each in content.classes if each.name == chosen)
    title = f"{found.title[:1].upper()}{found.title[1:]}: calibration error {no_share(found.ece.value)}"
    _figure(reliability(found.bins, title, palette()), f"Stated probabilities of {found.name}", picture)
    _show_maps(content, picture)
    with st.expander("Other ways to make probabilities of the network's answers, and other records"):
        show_table(heads(content), "twelve-leads-heads.csv", alt="Ways to make probabilities")
    _show_elsewhere(content.elsewhere)
    show_caption(content.provenance, f"models/weights/{NAME}/evaluation.json")


def board(content: SuperclassEvaluation) -> pd.DataFrame:
    """Each superclass, and their mean, with all measures as text."""
    rows = [
        {
            "Superclass": each.title,
            "Recordings": each.records,
            "AUROC": _three(each.auroc),
            "Calibration error": _three(each.ece),
            "Called from": f"{each.threshold:.0%}".replace("%", " %"),
            "Sensitivity": _share(each.balanced.se),
            "Specificity": _share(each.balanced.sp),
            "Positive predictivity": _share(each.balanced.ppv),
            "Sensitivity at specificity 97 %": _share(each.specific.se),
        }
        for each in content.classes
    ]
    mean = {"Superclass": "mean", "AUROC": _three(content.auroc), "Calibration error": _three(content.ece)}
    return pd.DataFrame([*rows, dict.fromkeys(rows[0], UNDEFINED) | {"Recordings": content.records} | mean])


def heads(content: SuperclassEvaluation) -> pd.DataFrame:
    """Ways to make probabilities of logits; the first is the shipped one."""
    return pd.DataFrame(
        [
            {"Probabilities from": each.name, "Mean AUROC": _three(each.auroc), "Calibration error": _three(each.ece)}
            for each in (*content.heads, content.chosen_on, content.on_pages)
        ]
    )


def elsewhere(found: OtherDatabase) -> pd.DataFrame:
    """Each superclass in another database, at the shipped thresholds."""
    return pd.DataFrame(
        [
            {
                "Superclass": each.name,
                "Recordings": each.records,
                "AUROC": _three(each.auroc),
                "Sensitivity": _share(each.called.se),
                "Specificity": _share(each.called.sp),
                "Positive predictivity": _share(each.called.ppv),
            }
            for each in found.classes
        ]
    )


def maps(content: SuperclassEvaluation) -> pd.DataFrame:
    """Areas under the curves of each map, and by how much it is better than a random order."""
    rows = []
    for name, area in content.heat.areas.items():
        row, better = {"Map": _named(name, content)}, content.heat.better_than_random.get(name)
        for way, told in WAYS.items():
            row[f"{told}: area"] = _three(area.by(way))
            row[f"{told}: better than random by"] = _three(better.by(way)) if better else UNDEFINED
        rows.append(row)
    return pd.DataFrame(rows)


def reliability(bins: Sequence[StatedBin], title: str, colours: Palette) -> go.Figure:
    """How often a stated probability came true, bin by bin; larger points stand for more recordings."""
    filled = [each for each in bins if each.records]
    count = np.array([each.records for each in filled], float)
    figure = go.Figure(
        go.Scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": colours.muted, "dash": "dot"}, hoverinfo="skip")
    )
    figure.add_scatter(
        x=[each.stated for each in filled],
        y=[each.observed for each in filled],
        name="recordings",
        mode="lines+markers",
        line={"color": colours.classes["S"], "width": 1.5},
        marker={"size": 6 + 22 * np.sqrt(count / max(count.max(initial=0), 1)), "opacity": 0.75},
        cliponaxis=False,
        customdata=count,
        hovertemplate="stated %{x:.1%}, came true %{y:.1%}<br>%{customdata} recordings<extra></extra>",
    )
    figure.update_xaxes(title="stated probability", range=[-0.02, 1.02], tickformat=".0%", fixedrange=True)
    figure.update_yaxes(title="share in which it was true", range=[-0.02, 1.02], tickformat=".0%", fixedrange=True)
    return figure.update_layout(
        title=title, height=380, margin={"l": 8, "r": 8, "t": 48, "b": 8}, dragmode=False, showlegend=False
    )


def _introduction(content: SuperclassEvaluation) -> str:
    return (
        f"What the network over all twelve leads is worth on {content.records} recordings of {content.patients} "
        f"patients of PTB-XL, in {content.folds} folds by patient: mean AUROC **{_three(content.auroc)}**, calibration "
        f"error **{_three(content.ece)}**. On a page of 3x4, which shows 2.5 s of each lead, they are "
        f"{_three(content.on_pages.auroc)} and {_three(content.on_pages.ece)}."
    )


def _show_maps(content: SuperclassEvaluation, picture: str) -> None:
    st.subheader("Where in time and lead", anchor=False)
    others = [name for name in content.heat.curves if name not in (content.heat.shipped, RANDOM)]
    names = {name: _named(name, content) for name in (content.heat.shipped, *others[: DRAWN - 2], RANDOM)}
    for column, (way, title) in zip(st.columns(2), WAYS.items(), strict=True):
        with column:
            chart = removal_chart(content.heat.curves, way, names, "recording", palette())
            _figure(chart, f"{title} in the order of each map, twelve leads", picture)
    st.caption(
        f"{content.heat.records} recordings whose superclass is called rightly; {content.heat.cell_s:g} s of one lead "
        "at a time become the lead's mean. "
    )
    show_table(maps(content), "twelve-leads-maps.csv", alt="How faithful each map is")


def _show_elsewhere(found: OtherDatabase | None) -> None:
    if found is None:
        return
    st.subheader("In another database", anchor=False)
    st.write(
        f"{plain(found.title)}, {found.records} recordings: neither the network nor its calibration has seen any, and "
        "other people wrote the diagnoses, by other habits. There, probabilities are **not** calibrated: the mean "
        f"calibration error is {_three(found.ece)}, the mean AUROC {_three(found.auroc)}. The thresholds are those "
        "from PTB-XL."
    )
    show_table(elsewhere(found), "twelve-leads-elsewhere.csv", alt="The superclasses in another database")


def _figure(figure: go.Figure, alt: str, picture: str) -> None:
    name = "-".join(alt.lower().replace(",", "").split())
    st.plotly_chart(figure, width="stretch", config=charts.config(name, picture), alt=alt, key=f"twelve-{name}")
    download_button("Figure as CSV", lambda: tables.csv(charts.as_frame(figure)), f"{name}.csv")


def _named(name: str, content: SuperclassEvaluation) -> str:
    return f"{name} (shown)" if name == content.heat.shipped else name


def _three(estimate: Estimate) -> str:
    return no_share(estimate.value, *_around(estimate))


def _share(estimate: Estimate) -> str:
    return score(estimate.value, *_around(estimate))


def _around(estimate: Estimate) -> tuple[float | None, float | None]:
    return estimate.low, estimate.high
