"""Tables of evaluation.json as data frames: texts for the screen, plain numbers for the download."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import pandas as pd

from pipeline.labels import AAMI_CLASSES

Json = Mapping[str, Any]

NAMES: Final = MappingProxyType(
    {
        "accuracy": "Accuracy",
        "macro_f1": "Macro F1",
        "kappa": "Kappa",
        "j_kappa": "j kappa",
        "N_f1": "N F1",
        "S_f1": "S F1",
        "V_f1": "V F1",
        "F_f1": "F F1",
        "binary_balanced_accuracy": "Balanced accuracy",
        "binary_f1": "Abnormal F1",
        "binary_auc": "AUC",
        "ece": "ECE",
    }
)
COMPARED: Final = MappingProxyType(
    {
        **{name: NAMES[name] for name in ("accuracy", "N_f1", "S_f1", "V_f1", "F_f1", "macro_f1")},
        "binary_balanced_accuracy": "Balanced",
        "binary_auc": "AUC",
        "ece": "ECE",
    }
)
FRACTIONS: Final = frozenset({"kappa", "j_kappa", "binary_auc", "ece"})  # shown as 0.987, not as 98.7 %
EC57_ROWS: Final = MappingProxyType(
    {"qrs": "QRS (any beat)", "veb": "VEB (ventricular ectopic)", "sveb": "SVEB (supraventricular ectopic)"}
)
UNDEFINED: Final = "–"


def shown(name: str, estimate: Json, *, interval: bool = True) -> str:
    """An estimate as text: 93.1 % (90.2–95.4), or 0.987 (0.981–0.992)."""
    value, low, high = estimate["value"], estimate["low"], estimate["high"]
    if value is None:
        return UNDEFINED
    if name in FRACTIONS:
        text, around = f"{value:.3f}", "" if low is None else f" ({low:.3f}–{high:.3f})"
    else:
        text, around = f"{value * 100:.1f} %", "" if low is None else f" ({low * 100:.1f}–{high * 100:.1f})"
    return text + around if interval else text


def fraction(value: float | None) -> str:
    """A share as text with one decimal: 93.1 %."""
    return UNDEFINED if value is None else f"{value * 100:.1f} %"


def size_words(model: Json) -> str:
    """Parameters and size of the weights as text: 14.71 M, 29.4 MB."""
    parameters, size = model.get("parameters"), model.get("size_bytes")
    texts = [f"{parameters / 1e6:.2f} M"] if parameters else []
    texts += [f"{size / 1e6:.1f} MB"] if size else []
    return ", ".join(texts) or UNDEFINED


def comparison(evaluations: Mapping[str, Json], kind: str) -> pd.DataFrame:
    """One row per network: its measures with intervals (in per cent where the column says so) and its size."""
    rows = []
    for name, content in evaluations.items():
        overall = content[kind]["overall"]
        measures = {
            COMPARED[measure] + ("" if measure in FRACTIONS else " %"): shown(measure, overall[measure]).replace(
                " %", ""
            )
            for measure in COMPARED
        }
        rows.append({"Network": title_of(name, content), **measures, "Size": size_words(content["model"])})
    return pd.DataFrame(rows)


def comparison_csv(evaluations: Mapping[str, Json]) -> str:
    """All measures of all networks with their intervals, one row each: network, beats, measure, value, low, high."""
    rows = [
        {"network": name, "beats": kind, "measure": measure, **estimate}
        for name, content in evaluations.items()
        for kind in ("reference", "detected", "random_split")
        if content[kind] is not None
        for measure, estimate in content[kind]["overall"].items()
    ]
    return csv(pd.DataFrame(rows))


def title_of(name: str, content: Json) -> str:
    """What to call a network."""
    return str(content["model"].get("title") or name)


def ec57(block: Json) -> pd.DataFrame:
    """Gross and average statistics of QRS, VEB and SVEB by EC57's rules."""
    overall, average = block["overall"], block["average"]
    columns = {"se": "Sensitivity", "ppv": "Positive predictivity", "f1": "F1"}
    rows = []
    for key, title in EC57_ROWS.items():
        gross = {label: shown(key, overall[f"{key}_{m}"]) for m, label in columns.items()}
        mean = {f"Mean {label.lower()}": fraction(average[f"{key}_{m}"]) for m, label in list(columns.items())[:2]}
        rows.append({"": title, **gross, **mean})
    return pd.DataFrame(rows)


def variants(report: Json) -> pd.DataFrame:
    """The main measures under each way of counting."""
    measures = ("accuracy", "S_f1", "V_f1", "F_f1", "macro_f1", "j_kappa", "binary_balanced_accuracy")
    rows = [
        {"Counted": v["title"], **{NAMES[m]: shown(m, v["overall"][m]) for m in measures}}
        for v in report["variants"]
        if v["applies"]
    ]
    return pd.DataFrame(rows)


def classes(report: Json) -> pd.DataFrame:
    """One row per AAMI class."""
    rows = [
        {
            "Class": f"{row['class']} · {row['name']}",
            "Reference": row["reference"],
            "Predicted": row["predicted"],
            "Correct": row["correct"],
            "Sensitivity": shown("", row["se"]),
            "Positive predictivity": shown("", row["ppv"]),
            "F1": shown("", row["f1"]),
            "AUC": UNDEFINED if row["auc"] is None else f"{row['auc']:.3f}",
            "AP": UNDEFINED if row["ap"] is None else f"{row['ap']:.3f}",
            "ECE": UNDEFINED if row["ece"] is None else f"{row['ece']:.3f}",
        }
        for row in report["classes"]
    ]
    return pd.DataFrame(rows)


def records(report: Json) -> pd.DataFrame:
    """One row per record, as plain numbers: shares are percentages."""
    frame = pd.DataFrame(report["per_record"])
    shares = [name for name in frame.columns if name not in ("record", "errors", *AAMI_CLASSES)]
    frame[shares] = frame[shares].astype(float) * 100
    return frame.rename(columns=RECORD_COLUMNS)


RECORD_COLUMNS: Final = {
    "record": "Record",
    "errors": "Errors",
    "accuracy": "Accuracy",
    "qrs_se": "QRS Se",
    "qrs_ppv": "QRS +P",
    **{f"{c}_{m}": f"{c} {label}" for c in "SV" for m, label in (("se", "Se"), ("ppv", "+P"), ("f1", "F1"))},
    "binary_se": "Abnormal Se",
    "binary_sp": "Normal Sp",
    "confidence": "Mean confidence",
}


def errors(report: Json) -> pd.DataFrame:
    """The most confident errors, one row each."""
    rows = [
        {
            "Record": error["record"],
            "Time (s)": error["time_s"],
            "Sample": error["sample"],
            "Symbol": error["symbol"] or "none",
            "Reference": error["truth"] if error["truth"] != "O" else "no beat",
            "Predicted": error["predicted"],
            "Confidence": error["confidence"] * 100,
        }
        for error in report["errors"]
    ]
    return pd.DataFrame(rows)


def optimism(content: Json) -> pd.DataFrame:
    """The same network on new patients and on a random split."""
    honest, random = content["reference"]["overall"], content["random_split"]["overall"]
    rows = [
        {
            "Measure": NAMES[name],
            "New patients": shown(name, honest[name]),
            "Random split (leaks)": shown(name, random[name]),
        }
        for name in ("accuracy", "N_f1", "S_f1", "V_f1", "F_f1", "macro_f1", "binary_balanced_accuracy")
    ]
    return pd.DataFrame(rows)


def nearest(values: Sequence[float], wanted: float) -> int:
    """Index of the value nearest to `wanted`."""
    return min(range(len(values)), key=lambda i: abs(values[i] - wanted))


def csv(frame: pd.DataFrame) -> str:
    """A table as CSV text with a header."""
    return str(frame.to_csv(index=False))
