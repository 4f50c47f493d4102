"""The sections of the Evaluation page: one network in depth, one function each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import streamlit as st

from app import charts_evaluation as charts
from app import tables_evaluation as tables
from app.parts.evaluation import Json, View, show_caption, show_figure, show_source, show_table
from app.text import clock, plain
from app.theme import is_dark
from pipeline.config import data_root
from pipeline.errors import DataError, EcgError
from pipeline.evaluate.saved import DATABASES, STRESS_SCHEMA

SWAPS_SHOWN = 2000


def show_summary(view: View) -> None:
    """EC57's statistics and the ways of counting."""
    measures = {m: tables.NAMES[m] for m in ("accuracy", "V_f1", "S_f1")}
    measures |= {f"{tables.WITHOUT_232}S_f1": "S F1 without 232", "macro_f1": "Macro F1", "j_kappa": "j kappa"}
    for column, (measure, title) in zip(st.columns(len(measures)), measures.items(), strict=True):
        estimate = tables.measured(view.report, measure)
        low, high = estimate["low"], estimate["high"]
        column.metric(
            title,
            tables.shown(measure, estimate, interval=False),
            help=None if low is None else f"95 % interval: {low:.3f} to {high:.3f}",
        )
    st.subheader("By the rules of ANSI/AAMI EC57", anchor=False)
    st.write(
        "Without the first five minutes, by the label table of WFDB's bxb (escape beats count as supraventricular). "
        "Gross figures pool all beats; means weigh each patient the same."
    )
    show_table(tables.ec57(view.report["ec57"]), f"{view.name}-{view.kind}-ec57.csv")
    without = next(v for v in view.report["variants"] if v["name"] == "ec57_without_232")
    if without["applies"]:
        st.write("The same without record 232, which holds three of four supraventricular beats:")
        show_table(tables.ec57(without), f"{view.name}-{view.kind}-ec57-without-232.csv")
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
    """What moving the threshold of "abnormal" does, and what it costs."""
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
    st.write(
        f"{_cost(view.report, at)} The network's own threshold, from its manifest, is {view.report['threshold']:.3f}."
    )
    left, right = st.columns(2)
    with left:
        alt = "Sensitivity, specificity and predictivity over the threshold"
        show_figure(view, charts.sweep(swept, chosen, view.colours), alt)
    with right:
        auc = view.report["overall"]["binary_auc"]["value"]
        figure = charts.roc(view.report["roc"], auc, view.colours, at=(swept["sp"][at], swept["se"][at]))
        show_figure(view, figure, "ROC curve with the chosen threshold")
    show_table(pd.DataFrame(swept), f"{view.name}-{view.kind}-thresholds.csv", height=180)


def _cost(report: Json, at: int) -> str:
    """What a threshold costs in an hour of recording, in words."""
    swept, hours = report["thresholds"], report["hours"]
    abnormal = sum(row["reference"] for row in report["classes"] if row["class"] in ("S", "V", "F"))
    se, ppv, flagged = swept["se"][at], swept["ppv"][at], swept["flagged_per_hour"][at]
    if se is None or ppv is None:
        return "At this threshold nothing is flagged, or there is nothing to find."
    missed = abnormal * (1 - se) / hours
    return (
        f"In an hour of these recordings, {missed:,.0f} of {abnormal / hours:,.0f} abnormal beats are missed and about "
        f"{flagged * (1 - ppv):,.0f} normal beats are flagged for nothing."
    )


def show_uncertainty(view: View) -> None:
    """Sets of classes that hold the truth, patient by patient, and when to leave a beat to a person."""
    found = view.evaluation.get("uncertainty")
    if not found:
        command = f"python -m pipeline evaluate --model {view.name} --uncertainty"
        st.info(f"No class sets were calibrated for this network on this data; run `{command}` (kept with DS2).")
        return
    alpha, delta, calibrated = found["alpha"], found["delta"], found["calibration"]
    st.write(
        "Instead of one class, the network can name a set that should hold the truth for "
        f"{1 - alpha:.0%} of the beats. The threshold comes from {len(calibrated['records'])} patients of "
        f"{plain(calibrated['database'])}; the others and DS2 test it, and nothing was tuned on them. "
        "**Beats pooled** is the usual way; its promise does not hold for a patient, because one patient's beats "
        f"resemble each other. **Patients as units** promises: {1 - delta:.0%} of new patients, if like those, have "
        f"at least {1 - alpha:.0%} of their beats held."
    )
    for tested in found["tested"]:
        st.subheader(plain(tested["title"]), anchor=False)
        figure = charts.patients_held(tested["methods"], tables.METHODS, 1 - alpha, view.colours)
        alt = f"Beats held patient by patient, {tested['name']}"
        show_figure(view, figure, alt, source=show_uncertainty_source)
        show_table(tables.class_sets(tested), f"{view.name}-class-sets-{tested['name']}.csv")
    halves = found["halves"]["patients_held"]
    st.write(
        f"Over {found['halves']['repeats']} random halves of {plain(calibrated['database'])} instead of the one, the "
        "share of patients with 95 % of beats held was on average "
        + ", ".join(
            f"{tables.fraction(halves[name]['mean'])} ({title.lower()})" for name, title in tables.METHODS.items()
        )
        + "."
    )
    show_abstention(view, found)


def show_abstention(view: View, found: Json) -> None:
    """Risk against coverage, and the rule that was calibrated for leaving beats to a person."""
    st.subheader("When to leave a beat to a person", anchor=False)
    target, confidence = found["abstention"]["target"], found["abstention"]["confidence"]
    rule = (
        "no confidence is high enough for"
        if confidence is None
        else f"answering from a confidence of {confidence:.3f} on keeps"
    )
    lines = [
        f"On the calibration patients, {rule} at most {target:.0%} of a patient's beats answered wrongly, on average."
    ]
    for tested in found["tested"]:
        row = tested["abstention"]
        lines.append(
            f"{plain(tested['title'])}: {tables.fraction(row['answered'])} of the beats answered, "
            f"{tables.fraction(row['error'])} of these wrong; {tables.fraction(row['wrong'])} of a patient's beats "
            f"wrong on average, {tables.fraction(row['worst'])} at worst."
        )
    st.markdown("\n".join(f"- {line}" for line in lines))
    groups = {tested["title"]: tested["risk"] for tested in found["tested"]}
    figure = charts.risk(groups, None, view.colours)
    show_figure(view, figure, "Errors against the share of beats kept", source=show_uncertainty_source)


def show_uncertainty_source(view: View) -> None:
    """The command that calibrated the sets."""
    made = view.evaluation["uncertainty"]["provenance"]
    show_caption(made, f"models/weights/{view.name}/{view.file.name}")


def show_stress(view: View) -> None:
    """Scores under added noise and with one lead alone."""
    command = f"python -m pipeline evaluate --model {view.name} --stress"
    try:
        content = json.loads((view.folder / "stress.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        content = {}
    if (
        not isinstance(content, dict)
        or content.get("schema") != STRESS_SCHEMA
        or content["model"]["sha256"] != view.evaluation["model"].get("sha256")
    ):
        st.info(f"This network has not been measured amid noise; run `{command}`.")
        return
    st.write(
        f"{content['beats']:,} beats of DS2, drawn from each record and class, were read again and again at the "
        "reference places while noise of the MIT-BIH Noise Stress Test Database was mixed into both leads, or with "
        "one lead alone. Counts are weighted to stand for all beats; the dotted line is without added noise."
    )
    measure = st.segmented_control(
        "Measure", list(tables.STRESSED), format_func=tables.STRESSED.__getitem__, default="V_f1", required=True,
        key=f"stress-{view.name}",
    )  # fmt: skip
    by_name = {row["name"]: row for row in content["conditions"]}
    noisy = [row for row in content["conditions"] if row["noise"]]
    lines = {
        title: [(row["snr_db"], tables.stressed(row, measure)) for row in noisy if row["title"].startswith(title)]
        for title in dict.fromkeys(row["title"].split(",")[0] for row in noisy)
    }
    clean = tables.stressed(by_name["clean"], measure)
    figure = charts.noise(lines, clean, tables.STRESSED[measure], view.colours)
    file = f"models/weights/{view.name}/stress.json"
    show_figure(view, figure, "Score against noise", source=lambda _: show_caption(content["provenance"], file))
    show_table(tables.stress(content), f"{view.name}-stress.csv")


def show_against(view: View) -> None:
    """The network in view against another one on the same patients."""
    everyone = view.everyone
    others = [name for name in everyone if name != view.name]
    if not others:
        st.info("There is no other network to compare with.")
        return
    from pipeline.evaluate.compare import compare

    other = st.selectbox("Compare with", others, format_func=lambda n: tables.title_of(n, everyone[n]), key="other")
    leave_out = st.toggle("Without record 232", key="other-without-232") if view.evaluation["split"] == "ds2" else False
    try:
        found = compare(
            view.report, everyone[other][view.kind], without=("232",) if leave_out else (), swaps=SWAPS_SHOWN
        )
    except DataError as error:
        st.warning(plain(str(error)))
        return
    names = (tables.title_of(view.name, view.evaluation), tables.title_of(other, everyone[other]))
    drawn = [(tables.measure_title(d.measure), d.difference, d.low, d.high) for d in found.differences]
    command = f"python -m pipeline evaluate --compare {view.name} {other} --split {view.evaluation['split']}"
    made = view.evaluation["provenance"] | {"command": command}
    files = f"models/weights/*/{view.file.name}"
    show_figure(
        view, charts.differences([d for d in drawn if d[1] == d[1]], view.colours), f"Difference to {other}",
        source=lambda _: show_caption(made, files),
    )  # fmt: skip
    st.write(
        "Intervals come from drawing the patients anew, the same for both networks; p is how often a random exchange "
        "of the two networks, patient by patient, differs as much. An interval that holds 0 leaves open who is better."
    )
    show_table(tables.differences(found.differences, names), f"{view.name}-against-{other}-{view.kind}.csv")
    if found.mcnemar:
        test = found.mcnemar
        st.write(
            f"Only {plain(names[0])} names {test.only_first:,} beats rightly, only {plain(names[1])} "
            f"{test.only_second:,}. "
            f"McNemar's test with patients as units: p = {test.p_patients:.3f}. The usual test over beats would claim "
            f"p = {test.p_beats:.1g}, because it takes the beats of one patient for independent; they are not."
        )


def show_training(view: View) -> None:
    """The training curves, if the training left any."""
    file = view.folder / "history.json"
    try:
        history = json.loads(file.read_text(encoding="utf-8"))
        measures = [m for m in history if m != "epoch" and not m.startswith("val_") and len(history[m])]
    except (OSError, ValueError, AttributeError, TypeError):
        st.info("There are no training curves: history.json is missing beside the weights, or is not readable.")
        return
    for row in range(0, min(len(measures), 4), 2):
        for column, measure in zip(st.columns(2), measures[row : row + 2], strict=False):
            with column:
                show_figure(
                    view, charts.training(history, measure, view.colours), f"Training curve: {measure}",
                    source=show_training_source,
                )  # fmt: skip
    model = view.evaluation["model"]
    if model.get("validation_records"):
        st.write(f"Held out during training: records {', '.join(map(str, model['validation_records']))}.")


def show_training_source(view: View) -> None:
    """The command that trained the network."""
    model = view.evaluation["model"]
    made = {
        "command": model.get("command") or f"python -m pipeline train --model {view.name}",
        "commit": model.get("commit"),
        "date": view.evaluation["provenance"]["date"],
        "data": model.get("trained_on") or "",
    }
    show_caption(made, f"models/weights/{view.name}/history.json")


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
            with column:
                open_button(view, error)


def database_folder(view: View) -> Path:
    """Where the recordings of the split in view would be."""
    return data_root() / DATABASES[view.evaluation["split"]]


def open_button(view: View, error: Json) -> None:
    """A button that opens the recording at an error's beat, if the recording is here."""
    record = database_folder(view) / f"{error['record']}.hea"
    if not record.is_file():
        return
    key = f"open-{view.name}-{error['record']}-{error['sample']}"
    if st.button("See it in its recording", icon=":material/open_in_new:", type="tertiary", key=key):
        from app.state import session
        from pipeline.intake import read_path
        from pipeline.store.recordings import keep

        try:
            session().open_at(keep(read_path(record.with_suffix(""))), view.name, error["time_s"])
        except EcgError as refusal:
            st.warning(plain(str(refusal)))
            return
        st.switch_page("views/analyse.py")


def live_pictures(view: View, errors: list[Json]) -> list[Any]:
    """Pictures drawn from the recordings, in the colours of the theme; empty if not asked for."""
    folder = database_folder(view)
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

        return list(read_sheet(view.folder / Path(layout["file"]).name, layout))
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
    "Threshold": show_threshold,
    "Calibration": show_calibration,
    "Uncertainty": show_uncertainty,
    "Noise and leads": show_stress,
    "Against another": show_against,
    "Errors": show_errors,
    "Training": show_training,
    "Random split": show_random_split,
}
