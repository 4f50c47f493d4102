"""Sections of the Evaluation page on whole pictures: the 12-lead page network, and runs on folders of pictures."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import streamlit as st

from app.common.text import plain
from app.evaluation import tables
from app.evaluation.class_report import show_class_report
from app.evaluation.shared import show_caption, show_table
from pipeline._util.typed_json import to_json
from pipeline.errors import DataError
from pipeline.image_folders.runs import FolderRun, list_runs, read_run
from pipeline.page_classifier.schema import FOLDER, PAGE_CLASS_NAMES, PageEvaluation, read_page_evaluation
from pipeline.wording import grouped, no_share, percent, score

FEW = 50  # pictures of a class: fewer make its score a rough one


@st.fragment
def show_pages(picture: str) -> None:
    """The page network beside its baselines, and what the published copies would have claimed.

    Here and in `show_runs`, figures are saved as `picture`, "PNG" or "SVG".
    """
    st.header("12-lead pages", anchor=False)
    if not (FOLDER / "page" / "evaluation.json").is_file():
        st.info("The page network has not been trained yet; run `python -m pipeline train --model page --ship`.")
        return
    try:
        content = read_page_evaluation()
    except DataError as error:
        st.warning(plain(str(error)))
        return
    st.markdown(_introduction(content))
    show_table(_board(content), "heartvision-pages.csv", alt="The networks on distinct pages")
    st.warning(_leakage(content), icon=":material/content_copy:")
    _one(content, picture)


@st.fragment
def show_runs(picture: str) -> None:
    """Runs of networks on the user's own folders, the newest first."""
    st.header("Folders of pictures", anchor=False)
    runs = list_runs()
    if not runs:
        st.info("No folder has been learnt yet; run `python -m pipeline train --model vgg16 --data FOLDER`.")
        return
    folder = st.selectbox("Run", runs, format_func=lambda path: path.name, key="evaluation-run")
    try:
        run = read_run(folder)
    except DataError as error:
        st.warning(plain(str(error)))
        return
    st.markdown(_told(run))
    for sentence in run.verdict.sentences:
        (st.error if run.verdict.severity == "leak" else st.info)(plain(sentence))
    show_class_report(run.report, run.classes, run.curves, step="epoch", key="run", file=folder.name, picture=picture)
    if run.trials:
        st.markdown("**Search for settings**, on held-out pictures")
        st.dataframe(pd.DataFrame(list(run.trials)), hide_index=True, alt="Settings that were tried, and their loss")
    _samples(folder, run)
    show_caption(run.provenance, f"{folder.name}/run.json")


def _introduction(content: PageEvaluation) -> str:
    pages = content.pages
    few = {name: number for name, number in pages.items() if number < FEW}
    counts = ", ".join(f"{number} {PAGE_CLASS_NAMES[name].lower()}" for name, number in pages.items())
    said = (
        f"{sum(pages.values())} distinct pages ({counts}), five parts, each scored by a network that has not seen it; "
        f"pages that look like one patient's stay together ({content.groups} groups). What calibrates the "
        "answers comes from pages left out inside the training parts."
    )
    for name, number in few.items():
        said += (
            f" **Only {number} pages show {PAGE_CLASS_NAMES[name].lower()}**: one page more or less moves its "
            f"sensitivity by {100 / number:.0f} percentage points, so read its interval, not its value. All pages "
            "come from one hospital and one printing layout; elsewhere this network gives no class."
        )
    return said


def _board(content: PageEvaluation) -> pd.DataFrame:
    rows = []
    for name, report in content.networks.items():
        mi = report.class_row("myocardial_infarction")
        rows.append(
            {
                "Network": content.titles[name],
                "Macro-F1": tables.shown("macro_f1", report.overall.macro_f1),
                "Accuracy": tables.shown("accuracy", report.overall.accuracy),
                "Infarction F1": tables.shown("f1", mi.f1),
                "ECE": no_share(report.ece),
                "Inner validation macro-F1": score(report.inner_macro_f1),
            }
        )
    return pd.DataFrame(rows)


def _leakage(content: PageEvaluation) -> str:
    copied, distinct = (
        f"macro-F1 {score(found.overall.macro_f1.value)} and accuracy {score(found.overall.accuracy.value)}"
        for found in (content.leakage, content.networks["vgg16"])
    )
    return (
        f"**Not a result, but a leak:** on the {sum(content.published.values())} published files, in which each "
        f"infarction page occurs up to eight times, a random split gives the same network {copied}, because copies lie "
        f"on both sides; on distinct pages it has {distinct}."
    )


@st.fragment
def _one(content: PageEvaluation, picture: str) -> None:
    chosen = st.segmented_control(
        "Network on pages", list(content.networks), default="vgg16", required=True, key="evaluation-page-network",
        format_func=content.titles.__getitem__,
    )  # fmt: skip
    report = content.networks[chosen]
    names = [PAGE_CLASS_NAMES[name] for name in content.classes]
    step = "epoch" if chosen == "cnn" else "iteration"
    curves = report.curves[0]
    key, file = f"page-{chosen}", f"heartvision-pages-{chosen}"
    show_class_report(report, names, curves, step=step, key=key, file=file, picture=picture)
    wrong = pd.DataFrame([to_json(error) for error in report.errors]).rename(columns=str.capitalize)
    with st.expander("The surest mistakes"):
        st.dataframe(wrong, hide_index=True, alt="Pages that were called wrongly, the surest first")
    show_caption(content.provenance, "models/weights/pages/page/evaluation.json")


def _told(run: FolderRun) -> str:
    parts, report = run.division, run.report.overall
    held = "the folder's own test pictures" if parts.own_test else "a part that was held out here"
    dropped = f" {parts.dropped} copies of held-out pictures were not learnt." if parts.dropped else ""
    refused = f" Files that could not be read: {run.refused}." if run.refused else ""
    return (
        f"**{plain(run.model)} on {plain(run.dataset)}**: {grouped(parts.train)} pictures learnt, "
        f"{grouped(parts.validation)} chose the epoch, {grouped(parts.test)} scored ({held}).{dropped}{refused} "
        f"Macro-F1 {tables.shown('macro_f1', report.macro_f1)}, "
        f"accuracy {tables.shown('accuracy', report.accuracy)}."
    )


def _samples(folder: Path, run: FolderRun) -> None:
    st.markdown("**Sample answers**, the surest mistakes first")
    with st.container(horizontal=True):
        for sample in run.samples:
            file = folder / Path(sample.file).name
            if file.is_file():
                mark = "✓" if sample.class_name == sample.predicted else "✗"
                told = f"{mark} {sample.predicted}, {percent(sample.confidence)} sure; is {sample.class_name}"
                st.image(str(file), caption=plain(told), width=150)
