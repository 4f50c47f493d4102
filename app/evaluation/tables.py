"""Tables of evaluation.json as data frames: texts for the screen, plain numbers for the download."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import pandas as pd

from pipeline.evaluation.evaluation_schema import Evaluation
from pipeline.evaluation.report_schema import CountedVariant, Report
from pipeline.evaluation.schema import UNDEFINED_ESTIMATE, Estimate, Kind
from pipeline.evaluation.stress_schema import StressedCondition, StressTest
from pipeline.evaluation.uncertainty_schema import PatientsTested
from pipeline.labels import AAMI_CLASSES, CLASS_NAMES
from pipeline.wording import UNDEFINED, grouped, no_share, score

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
WITHOUT_232: Final = "without_232:"  # prefix of a measure: its value without record 232
COMPARED: Final = MappingProxyType(
    {
        **{name: NAMES[name] for name in ("accuracy", "N_f1", "S_f1")},
        f"{WITHOUT_232}S_f1": "S F1 without 232",
        **{name: NAMES[name] for name in ("V_f1", "F_f1", "macro_f1")},
        "binary_balanced_accuracy": "Balanced",
        "binary_auc": "AUC",
        "ece": "ECE",
    }
)
BOARD: Final = ("accuracy", "S_f1", f"{WITHOUT_232}S_f1", "V_f1", "F_f1", "binary_balanced_accuracy", "ece")
BOARD_WIDTHS: Final = MappingProxyType(  # px: all columns of the board fit on a screen of 1440
    {"Beats/s": 62, "Parameters": 78, "Size": 68, "ECE": 130, "S F1 without 232 %": 126}
    | dict.fromkeys(("Accuracy %", "S F1 %", "V F1 %", "F F1 %", "Balanced %"), 107)
)
OPTIMISM: Final = ("accuracy", "N_f1", "S_f1", f"{WITHOUT_232}S_f1", "V_f1", "F_f1", "macro_f1")  # of a random split
STRESSED: Final = MappingProxyType(
    {
        "V_f1": "V F1",
        "S_f1": "S F1",
        f"{WITHOUT_232}S_f1": "S F1 without 232",
        "N_f1": "N F1",
        "accuracy": "Accuracy",
        "binary_balanced_accuracy": "Balanced accuracy",
    }
)
METHODS: Final = MappingProxyType(
    {
        "beats": "Beats pooled (usual, not valid)",
        "hierarchical": "Patients weighed equally",
        "patients": "Patients as units",
    }
)
FRACTIONS: Final = frozenset({"kappa", "j_kappa", "binary_auc", "ece"})  # shown as 0.987, not as 98.7 %
EC57_ROWS: Final = MappingProxyType(
    {"qrs": "QRS (any beat)", "veb": "VEB (ventricular ectopic)", "sveb": "SVEB (supraventricular ectopic)"}
)

if TYPE_CHECKING:
    from pipeline.evaluation.compare import MeasureDifference  # not before it is needed


def shown(name: str, estimate: Estimate, *, interval: bool = True) -> str:
    """An estimate as text: 93.1 % (90.2–95.4), or 0.987 (0.981–0.992)."""
    around = (estimate.low, estimate.high) if interval else ()
    return no_share(estimate.value, *around) if name in FRACTIONS else score(estimate.value, *around)


def measured(report: Report, measure: str) -> Estimate:
    """The estimate of a measure of a report; "without_232:NAME" is NAME without that record, if it is there."""
    name = measure.removeprefix(WITHOUT_232)
    if name == measure:
        return report.overall[name]
    variant = report.variant("without_232")
    return variant.overall[name] if variant.applies else UNDEFINED_ESTIMATE


def comparison(evaluations: Mapping[str, Evaluation], kind: Kind) -> pd.DataFrame:
    """One row per network: its measures with intervals (in per cent where the column says so), speed and size."""
    rows = []
    for name, content in evaluations.items():
        report, model, speed = content.of(kind), content.model, content.speed
        measures = {
            COMPARED[measure] + ("" if measure in FRACTIONS else " %"): _bare(measure, measured(report, measure))
            for measure in known(BOARD, evaluations, kind)
        }
        rows.append(
            {
                "Network": title_of(name, content).split(":")[0],  # what follows explains it, where there is room
                **measures,
                "Beats/s": grouped(speed.beats_per_s) if speed else UNDEFINED,
                "Parameters": f"{model.parameters / 1e6:.2f} M" if model.parameters else UNDEFINED,
                "Size": f"{model.size_bytes / 1e6:.1f} MB" if model.size_bytes else UNDEFINED,
            }
        )
    return pd.DataFrame(rows)


def known(measures: Iterable[str], evaluations: Mapping[str, Evaluation], kind: Kind) -> tuple[str, ...]:
    """The measures of which any network has a value: outside DS2, none has one without record 232."""
    return tuple(
        measure
        for measure in measures
        if any(measured(content.of(kind), measure).value is not None for content in evaluations.values())
    )


def different_patients(evaluations: Mapping[str, Evaluation], kind: Kind) -> str:
    """A sentence if the networks were not tested on the same records, because some were trained on the others."""
    tested = {title_of(name, content): len(content.of(kind).per_record) for name, content in evaluations.items()}
    if len(set(tested.values())) < 2:
        return ""
    counts = ", ".join(f"{title} on {number}" for title, number in tested.items())
    return (
        f"Not all networks were tested on the same recordings, because some were trained on a part of them: {counts}. "
        "Do not compare across; the section Against another takes the recordings that both were tested on."
    )


def _bare(measure: str, estimate: Estimate) -> str:
    """An estimate without its unit, which the column names."""
    return shown(measure, estimate).replace(" %", "")


def comparison_csv(evaluations: Mapping[str, Evaluation]) -> str:
    """All measures of all networks with their intervals, one row each and under every way of counting."""
    rows = [
        {"network": name, "beats": kind, "counted": variant.name, "measure": measure, **asdict(estimate)}
        for name, content in evaluations.items()
        for kind, report in _reports(content)
        for variant in report.variants
        for measure, estimate in variant.overall.items()
    ]
    return csv(pd.DataFrame(rows))


def _reports(content: Evaluation) -> tuple[tuple[str, Report], ...]:
    usual = (("reference", content.reference), ("detected", content.detected))
    return (*usual, ("random_split", content.random_split)) if content.random_split else usual


def title_of(name: str, content: Evaluation) -> str:
    """What to call a network."""
    return content.model.title or name


def ec57(block: CountedVariant) -> pd.DataFrame:
    """Gross and average statistics of QRS, VEB and SVEB by EC57's rules."""
    overall, average = block.overall, block.average
    columns = {"se": "Sensitivity", "ppv": "Positive predictivity", "f1": "F1"}
    rows = []
    for key, title in EC57_ROWS.items():
        gross = {label: shown(key, overall[f"{key}_{m}"]) for m, label in columns.items()}
        mean = {f"Mean {label.lower()}": score(average[f"{key}_{m}"]) for m, label in list(columns.items())[:2]}
        rows.append({"": title, **gross, **mean})
    return pd.DataFrame(rows)


def variants(report: Report) -> pd.DataFrame:
    """The main measures under each way of counting."""
    measures = ("accuracy", "S_f1", "V_f1", "F_f1", "macro_f1", "j_kappa", "binary_balanced_accuracy")
    rows = [
        {"Counted": v.title, **{NAMES[m]: shown(m, v.overall[m]) for m in measures}}
        for v in report.variants
        if v.applies
    ]
    return pd.DataFrame(rows)


def classes(report: Report) -> pd.DataFrame:
    """One row per AAMI class, and S again without record 232 where that is among the records."""
    titled = [(f"{row.aami} · {CLASS_NAMES[row.aami]}", row) for row in report.classes]
    if report.s_without_232:
        titled.insert(2, ("S without record 232", report.s_without_232))
    rows = [
        {
            "Class": title,
            "Reference": row.reference,
            "Predicted": row.predicted,
            "Correct": row.correct,
            "Sensitivity": shown("", row.se),
            "Positive predictivity": shown("", row.ppv),
            "F1": shown("", row.f1),
            "AUC": no_share(row.auc),
            "AP": no_share(row.ap),
            "ECE": no_share(row.ece),
        }
        for title, row in titled
    ]
    return pd.DataFrame(rows)


def class_sets(tested: PatientsTested) -> pd.DataFrame:
    """The coverage that each way to calibrate reaches on one test set, and S again without record 232."""
    without = {row.name: row for row in tested.without_232 or ()}
    rows = []
    for row in tested.methods:
        beside = without.get(row.name)
        rows.append(
            {
                "Calibrated on": METHODS[row.name],
                "Beats held": score(row.coverage),
                "Patients with 95 % held": score(row.patients_held),
                "Worst patient": score(row.worst),
                "Classes in a set": f"{row.mean_size:.2f}",
                "Sets of one class": score(row.single),
                "S held": score(row.per_class["S"]),
                **({"S held without 232": score(beside.per_class["S"])} if beside else {}),
                "V held": score(row.per_class["V"]),
            }
        )
    return pd.DataFrame(rows)


def stressed(condition: StressedCondition, measure: str) -> Estimate:
    """The estimate of a measure under a condition of stress.json; "without_232:NAME" as in `measured`."""
    name = measure.removeprefix(WITHOUT_232)
    block = condition.overall if name == measure else condition.without_232
    return block[name] if block else UNDEFINED_ESTIMATE


def stress(content: StressTest) -> pd.DataFrame:
    """One row per condition of stress.json."""
    rows = [
        {
            "Condition": row.title,
            **{title: shown("", stressed(row, name)) for name, title in STRESSED.items()},
            "Left unclassified": score(row.unclassified),
            "Rest right": score(row.classified.accuracy if row.classified else None),
            "In noise (gate)": score(row.gated.share if row.gated else None),
            "These right": score(row.gated.accuracy if row.gated else None),
        }
        for row in content.conditions
    ]
    return pd.DataFrame(rows)


def differences(found: Sequence[MeasureDifference], names: tuple[str, str]) -> pd.DataFrame:
    """One row per measure of a comparison of two networks (`compare.MeasureDifference`)."""
    rows = [
        {
            "Measure": measure_title(row.measure),
            names[0]: _bare_number(row.measure, row.first),
            names[1]: _bare_number(row.measure, row.second),
            "Difference (95 %)": _difference(row),
            "p": p_value(row.p),
        }
        for row in found
    ]
    return pd.DataFrame(rows)


def p_value(p: float) -> str:
    """A p-value, never 0: fewer exchanges were tried than that would take."""
    return "< 0.001" if p < 0.001 else no_share(p if p == p else None)


def measure_title(name: str) -> str:
    """A measure's name for readers."""
    extra = {
        "veb_f1": "VEB F1 (EC57 rules)",
        "sveb_f1": "SVEB F1 (EC57 rules)",
        "binary_se": "Abnormal: sensitivity",
        "binary_sp": "Abnormal: specificity",
    }
    return NAMES.get(name) or COMPARED.get(name) or extra[name]


def _bare_number(measure: str, value: float) -> str:
    known = value if value == value else None
    return no_share(known) if measure in FRACTIONS else score(known)


def _difference(row: MeasureDifference) -> str:
    """A difference with its interval: -3.8 % (-26.1 to +11.1), or -0.035 (-0.148 to +0.031)."""
    if row.difference != row.difference:
        return UNDEFINED
    if row.measure in FRACTIONS:
        return f"{row.difference:+.3f} ({row.low:+.3f} to {row.high:+.3f})"
    at, low, high = (f"{100 * value:+.1f}" for value in (row.difference, row.low, row.high))
    return f"{at} % ({low} to {high})"


def records(report: Report) -> pd.DataFrame:
    """One row per record, as plain numbers: shares are percentages."""
    names = ["record", *AAMI_CLASSES, *(c for c in RECORD_COLUMNS if c != "record")]
    frame = pd.DataFrame(list(report.per_record))[names]
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
    "binary_sp": "N Sp",
    "confidence": "Mean confidence",
}


def errors(report: Report) -> pd.DataFrame:
    """The most confident errors, one row each."""
    rows = [
        {
            "Record": error.record,
            "Time (s)": error.time_s,
            "Sample": error.sample,
            "Symbol": error.symbol or "none",
            "Reference": error.truth if error.truth != "O" else "no beat",
            "Predicted": error.predicted,
            "Confidence": error.confidence,
        }
        for error in report.errors
    ]
    return pd.DataFrame(rows)


def optimism(usual: Report, random_split: Report) -> pd.DataFrame:
    """The same network on new patients and on a random split."""
    rows = [
        {
            "Measure": measure_title(name),
            "New patients": shown(name, measured(usual, name)),
            "Random split (leaks)": shown(name, measured(random_split, name)),
        }
        for name in (*OPTIMISM, "binary_balanced_accuracy")
    ]
    return pd.DataFrame(rows)


def index_nearest(values: Sequence[float], wanted: float) -> int:
    """Index of the value nearest to `wanted`."""
    return min(range(len(values)), key=lambda i: abs(values[i] - wanted))


def csv(frame: pd.DataFrame) -> str:
    """A table as CSV text with a header."""
    return str(frame.to_csv(index=False))
