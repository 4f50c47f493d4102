"""What the sections of the Evaluation page share: what is in view, figures and tables with their source, words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.common.text import formatted, plain
from app.common.theme import Palette
from app.evaluation import charts, tables
from models import registry
from pipeline._util.provenance import Provenance
from pipeline._util.typed_json import read_as
from pipeline.errors import DataError
from pipeline.evaluation.evaluation_schema import Evaluation
from pipeline.evaluation.explanations_schema import Explanations
from pipeline.evaluation.report_schema import ClassRow, RecordRow, Report
from pipeline.evaluation.saved import AGAIN, evaluation_file
from pipeline.evaluation.schema import EvaluationSplit, Kind
from pipeline.evaluation.stress_schema import StressTest
from pipeline.wording import no_share, share

Beside = TypeVar("Beside", StressTest, Explanations)

KINDS: Final[Mapping[Kind, str]] = {"reference": "Reference beats", "detected": "End to end (detected beats)"}
SPLIT_NAMES: Final[Mapping[EvaluationSplit, str]] = {
    "ds2": "MIT-BIH, test half (DS2)",
    "svdb": "Another database (svdb)",
    "ds1": "MIT-BIH, DS1 (trained on)",
}


@dataclass(frozen=True, eq=False)
class EvaluationView:
    """What is in view: one network's evaluation on a split, which of its reports, and how figures are saved.

    `everyone` holds the evaluations of all networks on the same split.
    """

    name: str
    kind: Kind
    evaluation: Evaluation
    colours: Palette
    picture: str = "PNG"
    everyone: Mapping[str, Evaluation] = field(default_factory=dict)

    @property
    def report(self) -> Report:
        return self.evaluation.of(self.kind)

    @property
    def folder(self) -> Path:
        return registry.WEIGHTS / self.name

    @property
    def file(self) -> Path:
        return evaluation_file(self.name, self.evaluation.split, registry.WEIGHTS)


def how_to_read(content: Evaluation, kind: Kind) -> str:
    """The page in plain words, with the numbers of the report in view."""
    report = content.of(kind)
    records = report.per_record
    told = report.overall["ece"].value
    lines = [
        f"**Who was tested.** {_tested_people(content, report)}",
        _example(report.class_row("V")),
        "**Sensitivity** is how many of the beats of a kind were found. **Positive predictivity** is how many of the "
        "beats that were called so really were. **F1** is one number for both, and is low if either is low.",
        "**Accuracy flatters.** Nine beats of ten are N: a network that calls everything N scores about "
        "90 %. Read V and S instead.",
        "**Reference beats** asks: given the right places, is the class right? **End to end** also counts beats that "
        "the detector missed or invented: it is what you get with your own recording.",
        "**The numbers in brackets** hold the true value with 95 % confidence, for patients like these; they come from "
        f"drawing the patients anew many times. With {len(records)} patients they are wide: do not read much into "
        "small differences.",
        "**Calibration error (ECE)** is how far stated confidences are from the truth, on average"
        + ("." if told is None else f": here {no_share(told)}."),
        "**Uncertainty** says for how many *patients* a promise about their beats was kept. A promise that holds for "
        "the average beat can fail one patient completely.",
        "**Q**, beats that the reference itself could not name, is scarce here "
        f"({report.class_row('Q').reference} beats): its row means nothing. A beat that the network was not run on "
        "counts as predicted Q.",
        "**What it is not.** Half-hour recordings from the 1970s to 1990s, two leads, few patients: no substitute for "
        "a trial with yours.",
    ]
    return "\n".join(f"- {line}" for line in [*lines[:2], *s_warning(records), *lines[2:]])


def _tested_people(content: Evaluation, report: Report) -> str:
    number = len(report.per_record)
    if content.split == "svdb":
        seen = len(content.seen)
        known = f"the network was trained on {seen} of them" if seen else "the network was trained on none of them"
        return (
            f"{number} recordings of the MIT-BIH Supraventricular Arrhythmia Database (78 were published), with other "
            f"leads and 128 Hz; {known}. It shows how far the answers carry beyond the database of the training."
        )
    if content.split == "ds1":
        return f"{number} recordings that the network was trained on: it shows what was learnt, not what to expect."
    return (
        f"{number} recordings of the MIT-BIH database (the set DS2 of de Chazal 2004) whose beats the networks have "
        f"not seen. {len(report.left_out)} recordings with pacemakers are left out, as the standard EC57 says. "
        "Record 202 is of the same man as 201 in the training set; the Summary also counts without him."
    )


def _example(row: ClassRow) -> str:
    se, ppv = row.se.value, row.ppv.value
    if se is None or ppv is None:
        return "**An example** needs ventricular beats, and these recordings have none or none was called so."
    return (
        f"**For example**, of 100 ventricular beats {se * 100:.0f} are found, and of 100 beats that are called "
        f"ventricular {ppv * 100:.0f} are."
    )


def s_warning(records: Sequence[RecordRow]) -> list[str]:
    """A sentence if one patient holds more than half of the supraventricular beats."""
    s_beats, most = sum(row.S for row in records), max(records, key=lambda row: row.S)
    if not s_beats or most.S / s_beats <= 0.5:
        return []
    part, record = share(most.S / s_beats), plain(most.record)
    return [
        f"**S hangs on one patient.** {part} of the supraventricular beats are in record {record}. "
        "Read S with and without it."
    ]


def show_figure(
    view: EvaluationView, figure: go.Figure, alt: str, *, source: Callable[[EvaluationView], None] | None = None
) -> None:
    """A figure that can be saved as picture or CSV, with its source below it."""
    file_name = f"{view.name}-{view.evaluation.split}-{view.kind}-{_slug(alt)}"
    config = charts.config(file_name, view.picture)
    st.plotly_chart(figure, width="stretch", config=config, alt=alt, key=f"{view.name}-{view.kind}-{alt}")
    (source or show_source)(view)
    download_button("Figure as CSV", lambda: tables.csv(charts.as_frame(figure)), f"{file_name}.csv")


def show_table(
    frame: pd.DataFrame, file_name: str, *, written: Mapping[str, Callable[[Any], str]] | None = None, **options: Any
) -> None:
    """A table with a button that downloads it; `written` columns are numbers that the screen shows as these words."""
    shown = formatted(frame, written) if written else frame
    st.dataframe(shown, width="stretch", hide_index=True, **options)
    download_button("Download as CSV", partial(tables.csv, frame), file_name)


def download_button(label: str, text: Callable[[], str], file_name: str) -> None:
    """A quiet button; the text is made when it is asked for."""
    st.download_button(
        label,
        text,
        file_name=file_name,
        mime="text/csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        key=f"csv-{file_name}",
    )


def beside(view: EvaluationView, file_name: str, kind: type[Beside]) -> Beside | None:
    """A file of measurements beside the network's weights; None unless it is readable and belongs to these weights."""
    try:
        content = read_as(kind, view.folder / file_name, again=AGAIN)
    except DataError:
        return None
    return content if content.model.sha256 == view.evaluation.model.sha256 else None


def show_source(view: EvaluationView) -> None:
    """Command, commit, date, data and file of the evaluation in view."""
    show_caption(view.evaluation.provenance, f"models/weights/{view.name}/{view.file.name}")


def show_caption(made: Provenance, file: str) -> None:
    """What a figure was made by: command, commit, date, data and file."""
    parts = [f"`{made.command}`", f"commit {plain(made.commit or 'unknown')}", plain(made.date[:10])]
    st.caption(" · ".join([*parts, plain(made.data), f"`{file}`"]))


def _slug(text: str) -> str:
    return "-".join(text.lower().split())
