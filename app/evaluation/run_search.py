"""The search for settings of a run: trials as lines through their settings, and which settings mattered."""

from __future__ import annotations

from collections.abc import Mapping
from math import log10
from types import MappingProxyType
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.common.theme import palette
from app.evaluation import charts
from app.evaluation.shared import download_button, show_table
from pipeline.image_folders.runs import FolderRun, SettingsTrial
from pipeline.wording import grouped

SETTINGS: Final[Mapping[str, str]] = MappingProxyType(
    {
        **{"learning_rate": "Learning rate", "batch": "Batch", "dropout": "Dropout", "frozen": "Depth of training"},
        "augmentation": "Changes to pictures",
    }
)


def show_search(run: FolderRun, file: str, picture: str) -> None:
    """Parallel coordinates, importance and the table of all trials."""
    pruned = sum(trial.state == "pruned" for trial in run.trials)
    stopped = f", {grouped(pruned)} of them stopped early because they were worse than most" if pruned else ""
    st.markdown("**Search for settings**")
    st.markdown(f"{grouped(len(run.trials))} trials on held-out pictures{stopped}. The best one was trained in full.")
    lines = parallel_figure(run.trials)
    st.plotly_chart(
        lines, config=charts.config(f"{file}-search", picture), key="run-search",
        alt="Settings and loss of each trial as parallel coordinates",
    )  # fmt: skip
    st.caption(
        "Rate: of learning. Depth: 0 trains the fewest layers, 1 the most. Changes: strength of the random changes to "
        "the pictures, 1 the usual one. The bluer a line, the lower its loss."
    )
    if run.importance:
        bars = importance_figure(run)
        st.plotly_chart(
            bars, config=charts.config(f"{file}-importance", picture), key="run-importance",
            alt="Importance of each setting for the loss",
        )  # fmt: skip
        shares = pd.DataFrame([(item.setting, item.share) for item in run.importance], columns=["setting", "share"])
        download_button("Figure as CSV", lambda: str(shares.to_csv(index=False)), f"{file}-importance.csv")
        st.caption("Importance (fANOVA): the share of a setting in how much the losses of the finished trials differ.")
    with st.expander("All trials"):
        show_table(pd.DataFrame(list(run.trials)), f"{file}-trials.csv", alt="Settings that were tried, and their loss")


def parallel_figure(trials: tuple[SettingsTrial, ...]) -> go.Figure:
    """One line per trial through its settings and its loss, the darker the lower the loss."""
    colours = palette()
    loss = [trial.val_loss for trial in trials]
    dimensions: list[dict[str, Any]] = [
        _rates([trial.learning_rate for trial in trials]),
        {"label": "Dropout", "values": [trial.dropout for trial in trials]},
    ]
    if all(trial.frozen >= 0 for trial in trials):
        dimensions.append({"label": "Depth", "values": [trial.frozen for trial in trials], "range": [0, 1]})
    if all(trial.batch for trial in trials):
        batches = sorted({trial.batch for trial in trials})
        values = [batches.index(trial.batch) for trial in trials]
        ticks = {"tickvals": list(range(len(batches))), "ticktext": batches}
        dimensions.append({"label": "Batch", "values": values, "range": [-0.2, len(batches) - 0.8], **ticks})
    if all(trial.augmentation >= 0 for trial in trials):
        dimensions.append({"label": "Changes", "values": [trial.augmentation for trial in trials]})
    dimensions.append({"label": "Loss", "values": loss})
    scale = [[0, colours.classes["S"]], [0.5, colours.classes["N"]], [1, colours.grid_bold]]
    figure = go.Figure(
        go.Parcoords(
            dimensions=dimensions,
            line={"color": loss, "colorscale": scale},
            labelfont={"color": colours.text, "size": 12},
            tickfont={"color": colours.text, "size": 11},
            rangefont={"color": "rgba(0,0,0,0)", "size": 1},
        )
    )
    return figure.update_layout(height=340, margin={"l": 52, "r": 64, "t": 48, "b": 16})


def _rates(rates: list[float]) -> dict[str, Any]:
    """The axis of learning rates, logarithmic, with ticks at round ones."""
    low, high = log10(min(rates)) - 0.02, log10(max(rates)) + 0.02
    marks = [m * 10.0**e for e in range(-6, 1) for m in (1, 2, 5) if low <= log10(m * 10.0**e) <= high]
    ticks = {"tickvals": [log10(mark) for mark in marks], "ticktext": [f"{mark:g}" for mark in marks]}
    return {"label": "Rate", "values": [log10(rate) for rate in rates], "range": [low, high], **ticks}


def importance_figure(run: FolderRun) -> go.Figure:
    """One bar per setting, the most important on top."""
    names = [SETTINGS.get(item.setting, item.setting) for item in run.importance]
    figure = go.Figure(
        go.Bar(
            x=[item.share for item in run.importance],
            y=names,
            orientation="h",
            marker={"color": palette().classes["S"]},
            hovertemplate="%{y}: %{x:.0%}<extra></extra>",
        )
    )
    figure.update_xaxes(title="importance for the loss", tickformat=".0%", range=[0, 1], fixedrange=True)
    figure.update_yaxes(autorange="reversed", fixedrange=True)
    height = 90 + 34 * len(names)
    return figure.update_layout(height=height, margin={"l": 8, "r": 8, "t": 8, "b": 8}, dragmode=False)
