"""The Evaluation page: how well each network works on patients it has never seen, and where it fails."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app import charts_evaluation as charts
from app import tables_evaluation as tables
from app.text import clock, plain
from app.theme import Palette, is_dark, palette
from models import registry
from pipeline.config import data_root
from pipeline.errors import DataError, EcgError
from pipeline.evaluate.saved import read_evaluation

Json = dict[str, Any]

KINDS = {"reference": "Reference beats", "detected": "End to end (detected beats)"}


@dataclass(frozen=True, eq=False)
class View:
    """What is in view: one network's evaluation, and which of its reports."""

    name: str
    kind: str
    evaluation: Json
    colours: Palette

    @property
    def report(self) -> Json:
        found: Json = self.evaluation[self.kind]
        return found


def how_to_read(report: Json) -> str:
    """The page in plain words, with the numbers of the report in view."""
    records = report["per_record"]
    s_beats = sum(row["S"] for row in records)
    most = max(records, key=lambda row: row["S"])
    unknown = next(row["reference"] for row in report["classes"] if row["class"] == "Q")
    ece = report["overall"]["ece"]["value"]
    told = "." if ece is None else f": here {ece * 100:.1f} percentage points."
    lines = [
        f"**Who was tested.** {len(records)} recordings of the MIT-BIH database (the set DS2 of de Chazal 2004) whose "
        f"beats the networks have not seen. {len(report['left_out'])} recordings with pacemakers are left out, as the "
        "standard EC57 says. Record 202 is of the same man as 201 in the training set; the Summary also counts without "
        "him.",
        "**Sensitivity** is how many of the beats of a kind were found. **Positive predictivity** is how many of the "
        "beats that were called so really were. **F1** is one number for both, and is low if either is low.",
        "**Reference beats** asks: given the right places, is the class right? **End to end** also counts beats that "
        "the detector missed or invented: it is what you get with your own recording.",
        "**The numbers in brackets** hold the true value with 95 % confidence, for patients like these; they come from "
        f"drawing the patients anew many times. With {len(records)} patients they are wide: do not read much into "
        "small differences.",
        f"**Calibration error (ECE)** is how far stated confidences are from the truth, on average{told}",
        "**Q**, beats that the reference itself could not name, is scarce here "
        f"({unknown} beats): its row means nothing. A beat that the network was not run on counts as predicted Q.",
    ]
    if s_beats:
        share = f"{most['S'] / s_beats:.0%}".replace("%", " %")
        lines.insert(
            4,
            f"**S hangs on one patient.** {share} of the supraventricular beats are in record {plain(most['record'])}. "
            "Read S with and without it.",
        )
    return "\n".join(f"- {line}" for line in lines)


def load_evaluations() -> dict[str, Json]:
    """The evaluations of all networks that have one; for others, a sentence on the page."""
    found: dict[str, Json] = {}
    for name in registry.available(registry.WEIGHTS):
        file = registry.WEIGHTS / name / "evaluation.json"
        if not file.is_file():
            command = f"python -m pipeline evaluate --model {name}"
            st.info(f"The network {plain(name)} has not been evaluated yet; run `{command}`.")
            continue
        try:
            found[name] = read_evaluation(file)
        except DataError as error:
            st.warning(f"The evaluation of the network {plain(name)} cannot be shown: {plain(str(error))}")
    return found


def show_figure(view: View, figure: go.Figure, alt: str) -> None:
    """A figure with what it was made from beneath it."""
    st.plotly_chart(figure, width="stretch", config=dict(charts.CONFIG), alt=alt, key=f"{view.name}-{view.kind}-{alt}")
    show_source(view)


def show_table(frame: pd.DataFrame, file_name: str, **options: Any) -> None:
    """A table with a button that downloads it."""
    st.dataframe(frame, width="stretch", hide_index=True, **options)
    st.download_button(
        "Download as CSV",
        tables.csv(frame),
        file_name=file_name,
        mime="text/csv",
        icon=":material/download:",
        type="tertiary",
        on_click="ignore",
        key=f"csv-{file_name}",
    )


def show_source(view: View) -> None:
    """Command, commit, date, data and file of the evaluation in view."""
    made = view.evaluation["provenance"]
    parts = [f"`{made['command']}`", f"commit {plain(made['commit'] or 'unknown')}", plain(made["date"][:10])]
    st.caption(" · ".join([*parts, plain(made["data"]), f"`models/weights/{view.name}/evaluation.json`"]))


def show_summary(view: View) -> None:
    """EC57's statistics and the ways of counting."""
    overall = view.report["overall"]
    for column, measure in zip(st.columns(5), ("accuracy", "V_f1", "S_f1", "macro_f1", "j_kappa"), strict=True):
        low, high = overall[measure]["low"], overall[measure]["high"]
        column.metric(
            tables.NAMES[measure],
            tables.shown(measure, overall[measure], interval=False),
            help=None if low is None else f"95 % interval: {low:.3f} to {high:.3f}",
        )
    st.subheader("By the rules of ANSI/AAMI EC57", anchor=False)
    st.write(
        "Without the first five minutes, by the label table of WFDB's bxb (escape beats count as supraventricular). "
        "Gross figures pool all beats; means weigh each patient the same."
    )
    show_table(tables.ec57(view.report["ec57"]), f"{view.name}-{view.kind}-ec57.csv")
    st.subheader("The same answers, counted in other ways", anchor=False)
    show_table(tables.variants(view.report), f"{view.name}-{view.kind}-variants.csv")
    for entry in view.report["refused"]:
        st.warning(f"Record {plain(entry['record'])} was refused and counts as missed: {plain(entry['reason'])}")
    st.write(" ".join(plain(note) for note in view.report["notes"]))
    show_source(view)


def show_classes(view: View) -> None:
    """The confusion matrix and the table of classes."""
    beats = view.report["beats"]
    st.write(
        f"{beats['reference']:,} reference beats in {view.report['hours']:.1f} hours; "
        f"{view.report['error_count']:,} answers were wrong. "
        "“none” is no beat: the last column holds missed beats, the last row invented ones."
    )
    show_figure(view, charts.confusion(view.report["confusion"], view.colours), "Confusion matrix")
    show_table(tables.classes(view.report), f"{view.name}-{view.kind}-classes.csv")


def show_records(view: View) -> None:
    """Where the network fails, record by record."""
    show_figure(view, charts.records(view.report["per_record"], view.colours), "Share of wrong beats by record")
    frame = tables.records(view.report)
    shares = [column for column in frame.columns if column not in ("Record", "Errors", *"NSVFQ")]
    formats = {column: st.column_config.NumberColumn(format="%.1f") for column in shares}
    st.caption("Shares are per cent; an empty cell is undefined: the record has no such beats.")
    show_table(frame, f"{view.name}-{view.kind}-records.csv", column_config=formats)


def show_curves(view: View) -> None:
    """ROC and precision-recall of abnormal against normal."""
    overall = view.report["overall"]
    if not view.report["roc"]["fpr"]:
        st.info("There is no curve: the recordings hold only normal or only abnormal beats.")
        return
    abnormal = sum(row["reference"] for row in view.report["classes"] if row["class"] in ("S", "V", "F"))
    normal = next(row["reference"] for row in view.report["classes"] if row["class"] == "N")
    left, right = st.columns(2)
    with left:
        show_figure(view, charts.roc(view.report["roc"], overall["binary_auc"]["value"], view.colours), "ROC curve")
    with right:
        floor = abnormal / max(abnormal + normal, 1)
        show_figure(
            view,
            charts.precision_recall(view.report["pr"], overall["binary_ap"]["value"], floor, view.colours),
            "Precision-recall curve",
        )


def show_calibration(view: View) -> None:
    """Whether stated confidences come true."""
    left, right = st.columns(2)
    with left:
        show_figure(view, charts.reliability(view.report["reliability"], view.colours), "Reliability diagram")
    with right:
        show_figure(
            view, charts.coverage(view.report["coverage"], view.colours), "Accuracy against the share of beats kept"
        )
    st.write("Points on the dotted line are honest; below it the network claims more than it keeps.")
    errors = pd.DataFrame([view.report["reliability"]["classwise"]]).rename(columns=lambda c: f"{c} calibration error")
    show_table(errors, f"{view.name}-{view.kind}-calibration.csv")


@st.fragment
def show_threshold(view: View) -> None:
    """What moving the threshold of "abnormal" does."""
    swept = view.report["thresholds"]
    chosen = st.slider(
        "Flag a beat as abnormal from this probability on",
        0.005,
        0.995,
        round(min(max(view.report["threshold"], 0.005), 0.995) / 0.005) * 0.005,
        0.005,
        format="%.3f",
        key=f"threshold-{view.name}-{view.kind}",
    )
    at = tables.nearest(swept["threshold"], chosen)
    texts = {
        "Sensitivity": tables.fraction(swept["se"][at]),
        "Specificity": tables.fraction(swept["sp"][at]),
        "Positive predictivity": tables.fraction(swept["ppv"][at]),
        "Balanced accuracy": tables.fraction(swept["balanced_accuracy"][at]),
        "Flagged per hour": f"{swept['flagged_per_hour'][at]:,.0f}",
    }
    for column, (title, text) in zip(st.columns(5), texts.items(), strict=True):
        column.metric(title, text)
    st.write(f"The network's own threshold, from its manifest, is {view.report['threshold']:.3f}.")
    show_figure(
        view, charts.sweep(swept, chosen, view.colours), "Sensitivity, specificity and predictivity over the threshold"
    )
    show_table(pd.DataFrame(swept), f"{view.name}-{view.kind}-thresholds.csv", height=180)


def show_training(view: View) -> None:
    """The training curves, if the training left any."""
    file = registry.WEIGHTS / view.name / "history.json"
    try:
        history = json.loads(file.read_text(encoding="utf-8"))
        measures = [m for m in history if m != "epoch" and not m.startswith("val_") and len(history[m])]
    except (OSError, ValueError, AttributeError, TypeError):
        st.info("There are no training curves: history.json is missing beside the weights, or is not readable.")
        return
    for row in range(0, min(len(measures), 4), 2):
        for column, measure in zip(st.columns(2), measures[row : row + 2], strict=False):
            with column:
                show_figure(view, charts.training(history, measure, view.colours), f"Training curve: {measure}")
    model = view.evaluation["model"]
    if model.get("validation_records"):
        st.write(f"Held out during training: records {', '.join(map(str, model['validation_records']))}.")


def show_errors(view: View) -> None:
    """The wrong answers that the network was surest of."""
    if not view.report["errors"]:
        st.success("There is no wrong answer to show.")
        return
    st.write(
        "Wrong answers given with the highest confidence, at most two of a kind from one record. Some are hard beats, "
        "some are doubtful labels, and some are plain mistakes."
    )
    frame = tables.errors(view.report)
    if view.kind == "reference":
        show_pictures(view, view.report["errors"])
    formats = {
        "Confidence": st.column_config.NumberColumn(format="%.1f %%"),
        "Time (s)": st.column_config.NumberColumn(format="%.2f"),
    }
    show_table(frame, f"{view.name}-{view.kind}-errors.csv", column_config=formats)
    show_source(view)


def show_pictures(view: View, errors: list[Json]) -> None:
    """What the network saw of each error: from the recordings if they are here and asked for, else as saved."""
    pictures = live_pictures(view, errors) or saved_pictures(view)
    per_row = 4
    for row in range(0, len(pictures), per_row):
        cells = list(zip(errors, pictures, strict=False))[row : row + per_row]
        for column, (error, picture) in zip(st.columns(per_row), cells, strict=False):
            told = f"{error['record']} at {clock(error['time_s'])}: {error['truth']} ({error['symbol']}) read as"
            caption = f"{told} {error['predicted']}, {tables.fraction(error['confidence'])} sure"
            column.image(picture, caption=plain(caption), width="stretch", alt=caption)


def live_pictures(view: View, errors: list[Json]) -> list[Any]:
    """Pictures drawn from the recordings, in the colours of the theme; empty if not asked for."""
    folder = data_root() / "mitdb"
    if not all((folder / f"{error['record']}.hea").is_file() for error in errors):
        return []
    sheet = view.evaluation["error_sheet"]
    if not st.toggle("Draw them sharply from the recordings", value=sheet is None, key=f"live-{view.name}"):
        return []
    try:
        with st.spinner("Drawing the beats"):
            from pipeline.evaluate.errors import error_pictures  # brings SciPy: not before it is needed

            return list(error_pictures(errors, folder, scale=8, dark=is_dark()))
    except EcgError as error:
        st.warning(plain(str(error)))
        return []


def saved_pictures(view: View) -> list[Any]:
    """The pictures that were kept when the network was evaluated."""
    layout = view.evaluation["error_sheet"]
    if layout is None:
        st.info("No pictures were kept with this evaluation.")
        return []
    try:
        from pipeline.evaluate.errors import read_sheet  # brings SciPy: not before it is needed

        return list(read_sheet(registry.WEIGHTS / view.name / Path(layout["file"]).name, layout))
    except DataError as error:
        st.info(plain(str(error)))
        return []


def show_random_split(view: View) -> None:
    """The same network judged the way that yields 99 %, and why that is not skill."""
    if view.evaluation["random_split"] is None:
        st.info("The comparison with a random split has not been made for this network.")
        return
    st.warning(plain(view.evaluation["random_split"]["label"]), icon=":material/warning:")
    measures = {m: tables.NAMES[m] for m in ("accuracy", "N_f1", "S_f1", "V_f1", "F_f1", "macro_f1")}
    both = [
        ("New patients", view.evaluation["reference"]["overall"]),
        ("Random split (leaks)", view.evaluation["random_split"]["overall"]),
    ]
    show_figure(view, charts.compare(both, measures, view.colours), "New patients against a random split")
    show_table(tables.optimism(view.evaluation), f"{view.name}-random-split.csv")


SECTIONS = {
    "Summary": show_summary,
    "Classes": show_classes,
    "Records": show_records,
    "ROC and PR": show_curves,
    "Calibration": show_calibration,
    "Threshold": show_threshold,
    "Training": show_training,
    "Errors": show_errors,
    "Random split": show_random_split,
}

st.title("Evaluation", anchor=False)
st.write("How well each network reads beats of patients it has never seen, by the rules of ANSI/AAMI EC57.")

evaluations = load_evaluations()
if not evaluations:
    st.info("There is no evaluation to show yet: train a network and run `python -m pipeline evaluate --model NAME`.")
    st.stop()

kind = st.segmented_control(
    "Beats", list(KINDS), format_func=KINDS.__getitem__, default="reference", required=True, key="evaluation-kind"
)
first = View(next(iter(evaluations)), kind, next(iter(evaluations.values())), palette())
with st.expander("How to read this", icon=":material/menu_book:"):
    st.markdown(how_to_read(first.report))

st.header("Networks side by side", anchor=False)
pinned = {"Network": st.column_config.TextColumn(pinned=True)}
st.dataframe(tables.comparison(evaluations, kind), width="stretch", hide_index=True, column_config=pinned)
st.download_button(
    "Download all measures as CSV",
    tables.comparison_csv(evaluations),
    file_name="heartvision-evaluation.csv",
    mime="text/csv",
    icon=":material/download:",
    type="tertiary",
    on_click="ignore",
)
compared = {measure: title for measure, title in tables.COMPARED.items() if measure != "ece"}
overalls = [(tables.title_of(name, content), content[kind]["overall"]) for name, content in evaluations.items()]
alt = "Measures of all networks with their intervals"
st.plotly_chart(charts.compare(overalls, compared, first.colours), config=dict(charts.CONFIG), alt=alt, key="compared")
for name, content in evaluations.items():
    show_source(View(name, kind, content, first.colours))

st.header("One network in depth", anchor=False)
chosen = st.selectbox(
    "Network",
    list(evaluations),
    format_func=lambda name: tables.title_of(name, evaluations[name]),
    key="evaluation-model",
)
section = st.segmented_control("Section", list(SECTIONS), default="Summary", required=True, key="evaluation-section")
SECTIONS[section](View(chosen, kind, evaluations[chosen], first.colours))
