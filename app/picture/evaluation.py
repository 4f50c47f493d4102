"""How well pictures of single beats are read, from the file that `evaluate --model pictures` wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import streamlit as st

from app.common.text import plain
from models.registry import WEIGHTS
from pipeline.beat_images.schema import (
    AcceptedScores,
    BinaryMeasure,
    PublicPictures,
    StyledBeats,
    read_pictures_evaluation,
)
from pipeline.errors import DataError
from pipeline.wording import no_share, score

FILE = WEIGHTS / "vgg16" / "pictures-evaluation.json"
MEASURES: Final[Mapping[str, BinaryMeasure]] = {
    "Accuracy": "accuracy",
    "Sensitivity": "sensitivity",
    "Specificity": "specificity",
    "ROC area": "auc",
}

TITLES: Final[Mapping[str, BinaryMeasure]] = {
    "V or N told rightly": "accuracy",
    "V called abnormal": "sensitivity",
    "N called normal": "specificity",
}


def draw() -> None:
    """The figures, and what they mean; nothing if no evaluation was saved."""
    if not FILE.exists():
        return
    try:
        found = read_pictures_evaluation(FILE)
    except DataError as error:
        st.warning(plain(str(error)))
        return
    styles, others = found.styles, found.others
    if styles is None or others is None:
        return
    st.subheader("How well this works", anchor=False)
    everything, textbook, ectopic = styles.all, styles.textbook, styles.against_normal["V"]
    with st.container(horizontal=True, gap="small"):
        for label, measure in TITLES.items():
            _figure(label, ectopic.by(measure), _range((ectopic.intervals or {}).get(measure, ())))
    with st.container(horizontal=True, gap="small"):
        _figure("Beat pictures read", everything.share, _range(everything.interval))
        _figure("Textbook beats read", textbook.share, _range(textbook.interval))
        _figure("Other pictures taken for a beat", others.share, _range(others.interval))
    st.caption(
        f"{everything.n} beats of patients that no network was trained on (MIT-BIH DS2), drawn in "
        f"{len(styles.by_style)} styles, normal against S, V or F; {others.n} pictures that are no beat, of kinds that "
        "training did not see. S looks like N without its rhythm, and F like its patient's N: V against N is what a "
        "single beat can show. Intervals are 95 %, in the table over patients drawn anew."
    )
    st.dataframe(_against_rows(styles), hide_index=True, placeholder="")
    with st.expander("Per style, class and kind, and the public beat pictures"):
        st.dataframe(_style_rows(styles.by_style), hide_index=True, placeholder="")
        st.dataframe(
            [{"Class": aami, "Pictures": row.n, "Read": score(row.share),
              "Called abnormal": score(row.called_abnormal)}
             for aami, row in styles.by_class.items()],
            hide_index=True, placeholder="",
        )  # fmt: skip
        st.dataframe(
            [{"Not a beat": kind, "Pictures": row.n, "Accepted": score(row.accepted / row.n if row.n else None)}
             for kind, row in others.by_kind.items()],
            hide_index=True, placeholder="",
        )  # fmt: skip
        if found.beat_images is not None:
            _public(found.beat_images)
        st.caption(plain(f"Written by `{found.command}` at commit {found.commit} on {found.created[:10]}."))


def _figure(label: str, value: float | None, note: str) -> None:
    st.metric(label, score(value), note, delta_color="off", delta_arrow="off", border=True)


def _range(interval: Sequence[float]) -> str:
    return f"{score(interval[0])} to {score(interval[1])}" if interval else ""


def _against_rows(styles: StyledBeats) -> list[dict[str, str]]:
    """Which classes are distinguished from normal, and how well."""
    parts = {"V": styles.against_normal["V"], "V and F": styles.against_normal["VF"], "S, V and F": styles.all}
    return [
        {"Against normal": name} | {label: _measured(key, part) for label, key in MEASURES.items()}
        for name, part in parts.items()
    ]


def _measured(measure: BinaryMeasure, part: AcceptedScores) -> str:
    value, interval = part.by(measure), (part.intervals or {}).get(measure, ())
    return no_share(value, *interval) if measure == "auc" else score(value, *interval)


def _style_rows(styles: Mapping[str, AcceptedScores]) -> list[dict[str, Any]]:
    return [
        {
            "Style": style,
            "Pictures": row.n,
            "Read": score(row.share),
            "Accuracy": score(row.accuracy),
            "Sensitivity": score(row.sensitivity),
            "V and F": score(row.sensitivity_vf),
            "Specificity": score(row.specificity),
        }
        for style, row in styles.items()
    ]


def _public(public: PublicPictures) -> None:
    """The public pictures, with what their folders really contain."""
    true, folders = public.annotators_labels, public.folders
    st.text("Public pictures of single beats")
    rows = [{"Folder": name, "Pictures": folder.n,
             "What the annotators called these beats": ", ".join(f"{s} {n}" for s, n in folder.nearest.items())}
            for name, folder in folders.items()]  # fmt: skip
    st.dataframe(rows, hide_index=True, placeholder="")
    st.caption(
        "Each picture was compared with every annotated beat of MIT-BIH. The folder called normal holds fusion beats "
        "of a few patients, the folder called abnormal mostly normal beats: the folders' names are no labels. By the "
        f"annotators' labels, on the {true.n} pictures of patients that no network was trained on: accuracy "
        f"{score(true.accuracy)}, sensitivity {score(true.sensitivity)}, specificity {score(true.specificity)}."
    )
