"""The section of the Evaluation page on how far heatmaps can be trusted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.common.text import plain
from app.common.theme import Palette
from app.evaluation import tables
from app.evaluation.charts import DASHES
from app.evaluation.shared import EvaluationView, beside, show_caption, show_figure, show_table
from pipeline.evaluation.claims import supported_statements
from pipeline.evaluation.explanations_schema import ExplainedSet, Explanations, RemovalCurves
from pipeline.evaluation.schema import Estimate, Way
from pipeline.wording import UNDEFINED

WAYS: Final[Mapping[Way, str]] = {"deletion": "Taken away", "insertion": "Put back"}
PARTS = {"qrs": "QRS", "p": "P window", "rr": "Preceding RR"}


def show_explanations(view: EvaluationView) -> None:
    """Deletion and insertion, where the heat lies, and how maps change as the weights are randomised."""
    content = beside(view, "explanations.json", Explanations)
    if content is None:
        command = f"python -m pipeline evaluate --model {view.name} --explanations"
        st.info(f"How far this network's heatmaps can be believed has not been measured; run `{command}`.")
        return
    st.write(
        f"The network's heatmaps ({plain(content.method)}) were measured on at most {content.per_class} beats of "
        "each class. What the numbers below allow to say:"
    )
    st.markdown("\n".join(f"- {line}" for line in supported_statements(content)))
    names, signal = map_names(content), content.is_of_signal
    for tested in content.sets:
        st.subheader(plain(tested.title), anchor=False)
        for column, (way, title) in zip(st.columns(2), WAYS.items(), strict=True):
            with column:
                figure = removal_chart(tested.curves, way, names, "beat" if signal else "picture", view.colours)
                alt = f"{title} in the order of each map, {tested.name}"
                show_figure(view, figure, alt, source=lambda v: show_explanations_source(v, content))
        st.caption(how_measured(content))
        show_table(faithful(tested, names), f"{view.name}-explanations-{tested.name}.csv")
        show_table(where(tested, signal=signal), f"{view.name}-heat-by-answer-{tested.name}.csv")
    show_randomised(view, content)


def how_measured(content: Explanations) -> str:
    """What is removed, and what a good map does then."""
    if content.is_of_signal:
        how = (
            f"Each {content.part_named} of the beat is made like the recording's usual beat, or the RR intervals are "
            "hidden, or they are put back. Beats called N are left out here: a usual beat in the place of a usual beat "
            "changes nothing."
        )
    else:
        how = f"Each {content.part_named} is blanked, or drawn on a blank picture."
    good = "A good map makes the answer fall early when parts are taken away, and rise early when they are put back."
    return f"{how} {good}"


def show_randomised(view: EvaluationView, content: Explanations) -> None:
    """How much of the maps is left as weights become random."""
    st.subheader("Without the network's weights", anchor=False)
    st.write(
        f"The maps of {content.randomised.beats} beats, drawn again while ever more layers, from the answer "
        "backwards, got random weights. A map that stays the same shows the picture, not what the network learnt."
    )
    rows = [
        {
            "Random from the answer back to": stage.layer,
            "Rank correlation with the real map": number(stage.correlation),
        }
        for stage in content.randomised.stages
    ]
    show_table(pd.DataFrame(rows), f"{view.name}-explanations-randomised.csv")
    show_explanations_source(view, content)


def show_explanations_source(view: EvaluationView, content: Explanations) -> None:
    """The command that measured the maps."""
    show_caption(content.provenance, f"models/weights/{view.name}/explanations.json")


def map_names(content: Explanations) -> dict[str, str]:
    """The maps that are compared, by name."""
    told = {
        "heat": content.method.capitalize() if content.is_of_signal else content.method,
        "occlusion": "Covering squares in turn",
        "qrs": "Just the QRS",
        "random": "At random",
    }
    return {name: title for name, title in told.items() if name in content.sets[0].curves}


def faithful(tested: ExplainedSet, names: dict[str, str]) -> pd.DataFrame:
    """Area under the curves of each map, and how much better the network's own is."""
    rows = []
    for name, title in names.items():
        row = {"Map": title}
        area, better = tested.faithfulness[name], tested.against.get(name)
        for way, told in WAYS.items():
            row[f"{told}: area"] = number(area.by(way))
            row[f"{told}: {names['heat']} better by"] = number(better.by(way)) if better else UNDEFINED
        rows.append(row)
    return pd.DataFrame(rows)


def where(tested: ExplainedSet, *, signal: bool = False) -> pd.DataFrame:
    """How much of the heat lies in each part, by the network's answer; of the signal, all RR intervals are one."""
    rows, parts = [], PARTS | ({"rr": "RR intervals"} if signal else {})
    for answer in tested.answers:
        row: dict[str, str | int] = {"Answer": answer.answer, "Beats": answer.beats, "Blank maps": answer.blank}
        for part, title in parts.items():
            found = answer.places[part]
            row[f"{title}: heat"] = tables.shown("", found.share)
            row[f"{title}: times chance"] = number(found.ratio, digits=2)
        rows.append(row)
    return pd.DataFrame(rows)


def number(estimate: Estimate, *, digits: int = 3) -> str:
    """An estimate with its interval: 0.123 (0.101 to 0.140)."""
    value, low, high = estimate.value, estimate.low, estimate.high
    if value is None:
        return UNDEFINED
    return f"{value:.{digits}f}" + ("" if low is None else f" ({low:.{digits}f} to {high:.{digits}f})")


def removal_chart(
    curves: Mapping[str, RemovalCurves], way: Way, names: Mapping[str, str], whole: str, palette: Palette
) -> go.Figure:
    """The answer's probability as parts of a `whole` are taken away ("deletion") or put back, a line per map."""
    figure = go.Figure()
    for number, (name, title) in enumerate(names.items()):
        p = curves[name].by(way)
        figure.add_scatter(
            x=[step / (len(p) - 1) for step in range(len(p))],
            y=p,
            name=title,
            mode="lines+markers",
            line={"color": palette.classes["VSQF"[number]], "width": 2.5 if name == "heat" else 1.5},
            marker={"symbol": DASHES[number], "size": 8},
            hovertemplate="%{x:.0%}: %{y:.1%}<extra>%{fullData.name}</extra>",
        )
    gone = "taken away" if way == "deletion" else "put back"
    figure.update_xaxes(title=f"share of the {whole} {gone}", tickformat=".0%", fixedrange=True)
    figure.update_yaxes(title="probability of the answer", tickformat=".0%", range=[0, 1.02], fixedrange=True)
    return figure.update_layout(
        height=360,
        margin={"l": 8, "r": 8, "t": 48, "b": 8},
        dragmode=False,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    )
