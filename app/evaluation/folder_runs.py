"""Section of the Evaluation page on runs of networks on folders of pictures: all of them, and one in depth."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pandas as pd
import streamlit as st

from app.common import sign_in
from app.common.safe_table import safe_table
from app.common.text import plain
from app.evaluation import tables
from app.evaluation.class_report import show_class_report
from app.evaluation.run_comparison import show_comparison
from app.evaluation.run_search import show_search
from app.evaluation.shared import show_caption, show_table
from pipeline.errors import DataError, EcgError
from pipeline.image_folders.runs import (
    LABEL_MAX,
    Chosen,
    FolderRun,
    delete_run,
    list_runs,
    read_run,
    rename_run,
    run_label,
)
from pipeline.wording import grouped, no_share, percent

REPORT: Final = "report.html"
SAMPLES: Final[Mapping[Chosen, str]] = {"mistake": "Surest mistakes", "random": "At random", "class": "Each class"}
SAMPLE_PX: Final = 190


@st.fragment
def show_runs(picture: str) -> None:
    """Runs of networks on the user's own folders, the newest first; figures are saved as `picture`, "PNG" or "SVG"."""
    st.header("Folders of pictures", anchor=False)
    folders = list_runs()
    if not folders:
        st.info(
            "No network has been trained on a folder yet; run `python -m pipeline train --model vgg16 --data FOLDER`."
        )
        return
    runs = _readable(folders)
    if not runs:
        return
    labels = {folder: run_label(folder) for folder in runs}
    show_table(_board(runs, labels), "heartvision-runs.csv", alt="All runs on folders", column_config=_PINNED)
    views = ["One run in depth", "Compare runs"]
    if (
        len(runs) > 1
        and st.segmented_control("Show", views, default=views[0], required=True, key="runs-view") != views[0]
    ):
        show_comparison(runs, labels, picture)
        return
    folder = st.selectbox("Run", list(runs), format_func=labels.__getitem__, key="evaluation-run")
    _one(folder, runs[folder], labels[folder], picture)


_PINNED: Final = {"Run": st.column_config.TextColumn(pinned=True, width=240)}


def _readable(folders: tuple[Path, ...]) -> dict[Path, FolderRun]:
    """The runs that can be read; for others, a sentence on the page."""
    found = {}
    for folder in folders:
        try:
            found[folder] = read_run(folder)
        except DataError as error:
            st.warning(plain(str(error)))
    return found


def _board(runs: Mapping[Path, FolderRun], labels: Mapping[Path, str]) -> pd.DataFrame:
    rows = [
        {
            "Run": labels[folder],
            "Network": run.model,
            "Folder": run.dataset,
            "Trained": run.provenance.date[:16].replace("T", " "),
            "Test pictures": run.report.pictures,
            "Macro-F1": tables.shown("macro_f1", run.report.overall.macro_f1),
            "Accuracy": tables.shown("accuracy", run.report.overall.accuracy),
            "ECE": no_share(run.report.ece),
        }
        for folder, run in runs.items()
    ]
    return pd.DataFrame(rows)


def _one(folder: Path, run: FolderRun, label: str, picture: str) -> None:
    st.markdown(_told(run))
    for sentence in run.warnings:
        st.warning(plain(sentence))
    for sentence in run.verdict.sentences:
        (st.error if run.verdict.severity == "leak" else st.info)(plain(sentence))
    _actions(folder, label)
    show_class_report(run.report, run.classes, run.curves, step="epoch", key="run", file=folder.name, picture=picture)
    _samples(folder, run)
    if run.trials:
        show_search(run, folder.name, picture)
    _made(run)
    show_caption(run.provenance, f"{folder.name}/run.json")


def _told(run: FolderRun) -> str:
    parts, report = run.division, run.report.overall
    held = "the folder's own test pictures" if parts.own_test else "a part that was held out here"
    dropped = f" {grouped(parts.dropped)} copies of held-out pictures were left out." if parts.dropped else ""
    refused = f" Files that could not be read: {grouped(run.refused)}." if run.refused else ""
    return (
        f"**{plain(run.model)} on {plain(run.dataset)}**: trained on {grouped(parts.train)} pictures, "
        f"{grouped(parts.validation)} chose the epoch, {grouped(parts.test)} scored ({held}).{dropped}{refused} "
        f"Macro-F1 {tables.shown('macro_f1', report.macro_f1)}, "
        f"accuracy {tables.shown('accuracy', report.accuracy)}."
    )


def _actions(folder: Path, label: str) -> None:
    """The report to download; another name; deleting, which asks first."""
    with st.container(horizontal=True):
        report, mine = folder / REPORT, sign_in.asking().holds("administer")
        if report.is_file():
            st.download_button(
                "Report (HTML)", report.read_bytes, file_name=f"{folder.name}.html", mime="text/html",
                icon=":material/description:", on_click="ignore", key="run-report",
            )  # fmt: skip
        with st.popover("Rename", icon=":material/edit:"), st.form("run-rename", border=False):
            st.text_input("Name of the run", value=label, max_chars=LABEL_MAX, key=f"run-name-{folder.name}")
            st.form_submit_button(
                "Save the name", on_click=_rename, args=(folder,), key="run-rename-save", disabled=not mine
            )
        if st.button("Delete", icon=":material/delete:", key="run-delete", disabled=not mine):
            _ask_to_delete(folder, label)
    if told := st.session_state.pop("run-refused", ""):
        st.error(plain(told))


def _rename(folder: Path) -> None:
    try:
        rename_run(folder, str(st.session_state[f"run-name-{folder.name}"]), reader=sign_in.asking())
        st.session_state["evaluation-run"] = folder  # or the browser would keep the old name in the list
    except EcgError as error:
        st.session_state["run-refused"] = str(error)


@st.dialog("Delete this run?")
def _ask_to_delete(folder: Path, label: str) -> None:
    st.markdown(
        f"**{plain(label)}** is taken off this list. Its folder, {plain(str(folder.resolve()))}, stays where it is."
        if folder.is_symlink()
        else f"**{plain(label)}**: its weights, scores, sample pictures and report are deleted from this computer and "
        "cannot be brought back. The pictures that it was trained on stay where they are."
    )
    with st.container(horizontal=True):
        sure = st.button(
            "Delete", type="primary", icon=":material/delete_forever:", key="run-delete-sure", on_click=_delete,
            args=(folder,),
        )  # fmt: skip
        if st.button("Keep it", key="run-delete-no") or sure:
            st.rerun()


def _delete(folder: Path) -> None:
    try:
        delete_run(folder, reader=sign_in.asking())
    except EcgError as error:
        st.session_state["run-refused"] = str(error)


def _samples(folder: Path, run: FolderRun) -> None:
    there = [reason for reason in SAMPLES if any(sample.chosen == reason for sample in run.samples)]
    if not there:
        return
    st.markdown("**Test pictures with their answers**")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        reason = st.segmented_control(
            "Test pictures", there, format_func=SAMPLES.__getitem__, default=there[0], required=True,
            key=f"run-samples-{folder.name}", label_visibility="collapsed",
        )  # fmt: skip
        has_heat = any(sample.heatmap for sample in run.samples)
        heat = has_heat and st.toggle("Heatmaps: orange where the evidence lies", value=True, key="run-heat")
    with st.container(horizontal=True):
        for sample in (sample for sample in run.samples if sample.chosen == reason):
            file = _inside(folder, sample.heatmap if heat and sample.heatmap else sample.file)
            if file is not None:
                mark = "✓" if sample.class_name == sample.predicted else "✗"
                told = f"{mark} {sample.predicted}, {percent(sample.confidence)} sure"
                told += "" if sample.class_name == sample.predicted else f"; is {sample.class_name}"
                st.image(str(file), caption=plain(told), width=SAMPLE_PX)


def _inside(folder: Path, name: str) -> Path | None:
    """A file that run.json names, if it is there and lies in the run's folder."""
    file = folder / name
    return file if file.is_file() and file.resolve().is_relative_to(folder.resolve()) else None


def _made(run: FolderRun) -> None:
    """Settings and environment."""
    facts = {name.replace("_", " ").capitalize(): _written(value) for name, value in vars(run.plan).items()}
    if run.start:
        facts["Started from"] = run.start
    if here := run.environment:
        facts |= {
            "Python, Keras, TensorFlow, NumPy": ", ".join((here.python, here.keras, here.tensorflow, here.numpy)),
            "Processor": f"{here.processor}; {here.system}; {here.dtype}",
            "Graphics processor": ", ".join(here.gpus) or "none used",
        }
        differing = {"Files that differ from the commit": here.changed, "Files unknown to git": here.untracked}
        facts |= {name: ", ".join(files) for name, files in differing.items() if files}
    with st.expander("Settings and environment", icon=":material/tune:"):
        frame = pd.DataFrame({"Setting": list(facts), "Value": list(facts.values())})
        st.dataframe(safe_table(frame), hide_index=True, alt="Settings and environment of the run")


def _written(value: object) -> str:
    if isinstance(value, tuple | list):
        return " × ".join(map(str, value)) or "as usual"
    return f"{value:.3g}" if isinstance(value, float) else str(value) or "as usual"
