"""Section of the Evaluation page on whole pictures: the 12-lead page network."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from app.common.text import plain
from app.evaluation import tables
from app.evaluation.class_report import show_class_report
from app.evaluation.shared import show_caption, show_table
from pipeline._util.typed_json import to_json
from pipeline.errors import DataError
from pipeline.labels import PAGE_CLASS_NAMES
from pipeline.page_classifier.schema import FOLDER, PageEvaluation, read_page_evaluation
from pipeline.wording import no_share, score

FEW = 50  # pictures of a class: fewer make its score a rough one


@st.fragment
def show_pages(picture: str) -> None:
    """The page network beside its baselines, and what the published copies would have claimed.

    Figures are saved as `picture`, "PNG" or "SVG".
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
