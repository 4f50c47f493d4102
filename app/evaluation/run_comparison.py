"""Runs on folders side by side: scores, settings that differ, confusion matrices, and whether one is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import Final

import pandas as pd
import streamlit as st

from app.common.text import plain
from app.common.theme import palette
from app.evaluation import charts, tables
from app.evaluation.class_report import confusion_figure
from app.evaluation.shared import download_button, show_table
from pipeline.errors import DataError
from pipeline.image_folders.predictions import RunComparison, compare_runs
from pipeline.image_folders.runs import FolderRun
from pipeline.wording import UNDEFINED, grouped, no_share, score

AT_MOST: Final = 4
MEASURES: Final[Mapping[str, str]] = {
    "macro_f1": "Macro-F1",
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
}

Runs = Mapping[Path, FolderRun]
Labels = Mapping[Path, str]


def show_comparison(runs: Runs, labels: Labels, picture: str) -> None:
    """Up to `AT_MOST` runs side by side, each against the first that was chosen."""
    chosen: Sequence[Path] = st.multiselect(
        f"Runs to compare (2 to {AT_MOST}); each is compared with the first", list(runs), default=list(runs)[:2],
        format_func=labels.__getitem__, max_selections=AT_MOST, key="runs-compared",
    )  # fmt: skip
    if len(chosen) < 2:
        st.info("Choose at least two runs.")
        return
    show_table(
        _side_by_side(chosen, runs, labels), "heartvision-runs-compared.csv", alt="The chosen runs side by side",
        height="content", column_config={"": st.column_config.TextColumn(pinned=True)},
    )  # fmt: skip
    models = [(labels[folder], {m: getattr(runs[folder].report.overall, m) for m in MEASURES}) for folder in chosen]
    figure = charts.compare(models, MEASURES, palette())
    st.plotly_chart(
        figure, config=charts.config("heartvision-runs-compared", picture), key="runs-compared-figure",
        alt="Scores of the chosen runs with their intervals",
    )  # fmt: skip
    download_button("Figure as CSV", lambda: tables.csv(charts.as_frame(figure)), "heartvision-runs-scores.csv")
    for other in chosen[1:]:
        _pair(chosen[0], other, labels)
    st.markdown("**Confusion matrices**")
    for folder, place in zip(chosen, [column for _ in range(2) for column in st.columns(2)], strict=False):
        with place:
            st.caption(plain(labels[folder]))
            st.plotly_chart(
                confusion_figure(runs[folder].report, runs[folder].classes),
                config=charts.config(f"{folder.name}-confusion", picture), key=f"runs-confusion-{folder.name}",
                alt=f"Confusion matrix of {labels[folder]}",
            )  # fmt: skip


def _side_by_side(chosen: Sequence[Path], runs: Runs, labels: Labels) -> pd.DataFrame:
    """One row per score and per setting that is not the same in all of them; one column per run."""
    columns = {labels[folder]: _column(runs[folder]) for folder in chosen}
    names = dict.fromkeys(name for column in columns.values() for name in column)
    table = {name: [column.get(name, UNDEFINED) for column in columns.values()] for name in names}
    kept = {name: row for name, row in table.items() if name in _ALWAYS or len(set(row)) > 1}
    return pd.DataFrame([[name, *row] for name, row in kept.items()], columns=["", *columns])


_ALWAYS: Final = (*MEASURES.values(), "ECE", "Test pictures", "Network")


def _column(run: FolderRun) -> dict[str, str]:
    overall, plan = run.report.overall, run.plan
    found = {title: tables.shown(m, getattr(overall, m)) for m, title in MEASURES.items()}
    found |= {"ECE": no_share(run.report.ece), "Test pictures": grouped(run.report.pictures), "Network": run.model}
    for name, row in zip(run.classes, run.report.classes, strict=True):
        found[f"F1 of {name}"] = tables.shown("f1", row.f1)
    found |= {"Folder": run.dataset, "Training pictures": grouped(run.division.train), "Commit": run.provenance.commit}
    settings = {name.replace("_", " ").capitalize(): _setting(value) for name, value in vars(plan).items()}
    return found | settings | {"Minutes": f"{run.minutes:.1f}"}


def _setting(value: object) -> str:
    """A setting as people write it: three digits of what a search has found, sides with x between them."""
    if isinstance(value, tuple) and value and all(isinstance(side, int) for side in value):
        return " x ".join(map(str, value))
    return f"{value:.3g}" if isinstance(value, float) else UNDEFINED if value in ((), "") else str(value)


def _pair(first: Path, second: Path, labels: Labels) -> None:
    st.markdown(f"**{plain(labels[first])}** against **{plain(labels[second])}**")
    try:
        compared = compare_runs(first, second)
    except DataError as error:
        st.info(plain(str(error)), icon=":material/compare_arrows:")
        return
    st.markdown(_said(compared, labels[first], labels[second]))
    rows = [
        {
            "Measure": MEASURES[row.measure],
            "First": _percent(row.first),
            "Second": _percent(row.second),
            "Difference (95 %)": f"{row.difference * 100:+.1f} ({row.low * 100:+.1f} to {row.high * 100:+.1f})",
            "p": _p(row.p),
        }
        for row in compared.found.differences
    ]
    name = f"{first.name}-{second.name}.csv"
    show_table(pd.DataFrame(rows), name, alt="Differences with their intervals and p")


def _said(compared: RunComparison, first: str, second: str) -> str:
    found = compared.found
    apart = found.pictures != compared.first or found.pictures != compared.second
    those = f"the {grouped(found.pictures)} test pictures that both have" + (
        f" (of {grouped(compared.first)} and {grouped(compared.second)})" if apart else ""
    )
    test = "McNemar's exact test" if found.test == "exact" else "McNemar's test of copies that go together (Obuchowski)"
    return (
        f"On {those}, only {plain(first)} is right about {grouped(found.only_first)}, only {plain(second)} about "
        f"{grouped(found.only_second)}: {_verdict(found.p)} ({test}, p {_p(found.p)}). Differences are in percentage "
        "points, first minus second: intervals from the paired bootstrap, p from exchanging the answers picture by "
        "picture. p is not corrected for several comparisons."
    )


def _verdict(p: float) -> str:
    if not isfinite(p):
        return "too few pictures to tell"
    return "more than chance explains" if p < 0.05 else "no more than chance explains"


def _percent(value: float) -> str:
    return score(round(value, 4))  # as run.json has it, or the last digit would differ from the table above


def _p(p: float) -> str:
    if not isfinite(p):
        return UNDEFINED
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
