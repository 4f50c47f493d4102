"""How well pictures of single beats are read, from the file that `evaluate --model pictures` wrote."""

from __future__ import annotations

import json
from typing import Any

import streamlit as st

from app.common.text import plain
from models.registry import WEIGHTS
from pipeline.wording import no_share, score

FILE = WEIGHTS / "vgg16" / "pictures-evaluation.json"


def draw() -> None:
    """The figures, and what they mean; nothing if no evaluation was saved."""
    if not FILE.exists():
        return
    found = json.loads(FILE.read_text("utf-8"))
    st.subheader("How well this works", anchor=False)
    styles, others = found["styles"], found["others"]
    everything = styles["all"]
    textbook = styles["textbook"]
    with st.container(horizontal=True, gap="small"):
        _figure("Beat pictures read", everything["share"], _range(everything["interval"]))
        _figure("Textbook beats read", textbook["share"], _range(textbook["interval"]))
        _figure("Other pictures taken for a beat", others["share"], _range(others["interval"]))
    st.caption(
        f"{everything['n']} beats of patients that taught nothing (MIT-BIH DS2), drawn in {len(styles['by_style'])} "
        f"styles, normal against S, V or F; {others['n']} pictures that are no beat, of kinds that training did not "
        "see. S looks like N without its rhythm, and F like its patient's N: V against N is what a single beat can "
        "show. Intervals are 95 %, in the table over patients drawn anew."
    )
    st.dataframe(_against_rows(styles), hide_index=True, placeholder="")
    with st.expander("Per style, class and kind, and the public beat pictures"):
        st.dataframe(_style_rows(styles["by_style"]), hide_index=True, placeholder="")
        st.dataframe(
            [{"Class": aami, "Pictures": row["n"], "Read": score(row["share"]),
              "Called abnormal": score(row["called_abnormal"])}
             for aami, row in styles["by_class"].items()],
            hide_index=True, placeholder="",
        )  # fmt: skip
        st.dataframe(
            [{"Not a beat": kind, "Pictures": row["n"], "Accepted": score(row["accepted"])}
             for kind, row in others["by_kind"].items()],
            hide_index=True, placeholder="",
        )  # fmt: skip
        if "beat_images" in found:
            _public(found["beat_images"])
        st.caption(plain(f"Written by `{found['command']}` at commit {found['commit']} on {found['created'][:10]}."))


def _figure(label: str, value: float | None, note: str) -> None:
    st.metric(label, score(value), note, delta_color="off", delta_arrow="off", border=True)


def _range(interval: list[float]) -> str:
    return f"{score(interval[0])} to {score(interval[1])}"


def _against_rows(styles: dict[str, Any]) -> list[dict[str, Any]]:
    """What is told from normal, and how well."""
    parts = {"V": styles["against_normal"]["V"], "V and F": styles["against_normal"]["VF"], "S, V and F": styles["all"]}
    measures = {"Accuracy": "accuracy", "Sensitivity": "sensitivity", "Specificity": "specificity", "ROC area": "auc"}
    return [
        {"Against normal": name}
        | {label: _measured(key, part[key], part["intervals"][key]) for label, key in measures.items()}
        for name, part in parts.items()
    ]


def _measured(key: str, value: float, interval: list[float]) -> str:
    return no_share(value, *interval) if key == "auc" else score(value, *interval)


def _style_rows(styles: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    keys = {"Read": "share", "Accuracy": "accuracy", "Sensitivity": "sensitivity", "V and F": "sensitivity_vf",
            "Specificity": "specificity"}  # fmt: skip
    return [{"Style": style, "Pictures": row["n"], **{name: score(row[key]) for name, key in keys.items()}}
            for style, row in styles.items()]  # fmt: skip


def _public(public: dict[str, Any]) -> None:
    """The public pictures, with what their folders really hold."""
    true, folders = public["annotators_labels"], public["folders"]
    st.text("Public pictures of single beats")
    rows = [{"Folder": name, "Pictures": folder["n"],
             "What the annotators called these beats": ", ".join(f"{s} {n}" for s, n in folder["nearest"].items())}
            for name, folder in folders.items()]  # fmt: skip
    st.dataframe(rows, hide_index=True, placeholder="")
    st.caption(
        "Each picture was compared with every annotated beat of MIT-BIH. The folder called normal holds fusion beats "
        "of a few patients, the folder called abnormal mostly normal beats: the folders' names are no labels. By the "
        f"annotators' labels, on the {true['n']} pictures of patients that taught nothing: "
        + ", ".join(f"{name} {score(true[name])}" for name in ("accuracy", "sensitivity", "specificity"))
        + "."
    )
