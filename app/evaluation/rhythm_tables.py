"""Tables and figures of rhythm.json: rhythms, episodes, false alarms, records, AF burden; no st.*."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from app.common.theme import Palette
from app.evaluation import charts, tables
from pipeline.evaluation.noise_schema import CLEAN, AnnotatedNoise, AnsweredInNoise
from pipeline.evaluation.rhythm_schema import (
    ConfidenceBin,
    EvaluatedDetector,
    Place,
    RecordRhythms,
    SourceScores,
    StripScores,
    TargetScores,
)
from pipeline.wording import UNDEFINED, clock, grouped, share

ALWAYS: Final = ("AFIB", "VF_VFL", "shockable")  # said of every database, annotated there or not
EPISODES_ONLY: Final = ("VF_VFL_4s",)  # its seconds are those of another target
TIME_COLUMNS: Final = {"se": "Sensitivity", "sp": "Specificity", "ppv": "Positive predictivity", "f1": "F1"}
TEXTS: Final = (
    "Record",
    "Held-out detectors",
    "Detectors trained on it",
    "Not read",
)  # columns of `records` that are no numbers
STRIP_WORDS: Final = {"N": "sinus rhythm", "A": "AF", "O": "another rhythm", "~": "too noisy"}
NOISE_WORDS: Final = {"em": "electrode motion", "ma": "muscle", "bw": "baseline wander"}
CALLED_WORDS: Final = {"A": "called AF", "N": "called something else", "~": "not read"}


def told(source: SourceScores) -> list[TargetScores]:
    """The rhythms that a source can tell something about: annotated, or always asked for."""
    return [target for target in source.targets if target.minutes or target.name in ALWAYS]


def read_words(source: SourceScores) -> str:
    """How a source was read: from the signal or from reference beats."""
    return "signal" if source.read_from == "signal" else "reference beats"


def source_title(source: SourceScores) -> str:
    """A source in a list: vfdb, from the signal."""
    name = source.name.rsplit("-", maxsplit=1)[0]
    return f"{_SETS.get(name, name)} · {read_words(source)}"


_SETS: Final = {"mitdb_ds2": "mitdb DS2", "vfdb_207": "vfdb + 207", "mitdb_svdb": "mitdb + svdb"}


def board(sources: Sequence[SourceScores]) -> pd.DataFrame:
    """The main numbers of every source: one row each."""
    rows = []
    for source in sources:
        af, shockable, flutter = (source.target(name) for name in ("AFIB", "shockable", "VF_VFL"))
        alarms = {alarm.name: alarm.per_24h.value for alarm in source.alarms}
        rows.append(
            {
                "Records": source_title(source),
                "Hours": source.hours,
                "Sinus F1 %": _value(source.target("sinus"), "f1"),
                "AF Se %": _value(af, "se"),
                "AF Sp %": _value(af, "sp"),
                "AF F1 %": _value(af, "f1"),
                "VF/VFL Se %": _value(flutter, "se"),
                "VF/VFL/VT Se %": _value(shockable, "se"),
                "VF/VFL/VT Sp %": _value(shockable, "sp"),
                "False VT or VF, 24 h": alarms.get("VT_VF"),
                "False pauses, 24 h": alarms.get("ASYS"),
                "False blocks, 24 h": alarms.get("block"),
            }
        )
    return _with_numbers(rows, "Records")


def rhythms(source: SourceScores) -> pd.DataFrame:
    """Each rhythm that is annotated in a source, by its seconds."""
    rows = [
        {
            "Rhythm": target.title,
            "Annotated": _minutes(target.minutes),
            "Records": target.records,
            **{title: tables.shown("", target.time[name]) for name, title in TIME_COLUMNS.items()},
        }
        for target in told(source)
        if target.name not in EPISODES_ONLY
    ]
    return pd.DataFrame(rows)


def episodes(source: SourceScores) -> pd.DataFrame:
    """The same rhythms by episodes: one is found if any part of it is named."""
    rows = [
        {
            "Rhythm": target.title,
            "Annotated": target.annotated,
            "Found": target.found,
            "More than half named": target.half_found,
            "Sensitivity": tables.shown("", target.episodes["se"]),
            "Named": target.named,
            "Right": target.right,
            "Positive predictivity": tables.shown("", target.episodes["ppv"]),
        }
        for target in told(source)
    ]
    return pd.DataFrame(rows)


def alarms(source: SourceScores) -> pd.DataFrame:
    """False alarms of each kind, per 24 hours."""
    rows = [
        {
            "Alarm": alarm.title,
            "False": alarm.false,
            "Per 24 h": _per_day(alarm.per_24h.value, alarm.per_24h.low, alarm.per_24h.high),
        }
        for alarm in source.alarms
    ]
    return pd.DataFrame(rows)


def places(found: Sequence[Place]) -> pd.DataFrame:
    """Stretches of records, one row each."""
    rows = [
        {"Record": place.record, "From": clock(place.start_s), "To": clock(place.stop_s),
         "Seconds": round(place.stop_s - place.start_s, 1)}
        for place in found
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["Record", "From", "To", "Seconds"])


def strips(found: StripScores) -> pd.DataFrame:
    """What the strips of each label are called."""
    rows = [
        {"Label": STRIP_WORDS[label], **{words: row[called] for called, words in CALLED_WORDS.items()}}
        for label, row in found.called.items()
    ]
    return pd.DataFrame(rows)


def minutes(rows: Sequence[RecordRhythms]) -> pd.DataFrame:
    """Minutes of all records by annotated rhythm (rows) and by named one (columns), the longest first."""
    table: dict[str, dict[str, float]] = {}
    for row in rows:
        for annotated, named in row.seconds.items():
            for name, seconds in named.items():
                there = table.setdefault(annotated or "not annotated", {})
                there[name or "nothing"] = there.get(name or "nothing", 0.0) + seconds / 60
    frame = pd.DataFrame(table).T.fillna(0.0)
    frame = frame.loc[frame.sum(axis=1).sort_values(ascending=False).index]
    frame = frame[frame.sum().sort_values(ascending=False).index]
    return frame.rename_axis("Annotated").reset_index()


def records(source: SourceScores, target: TargetScores) -> pd.DataFrame:
    """One row per record, as plain numbers: shares of its seconds in percent, alarms counted."""
    from pipeline.evaluation import rhythm_scores

    asked = next(each for each in rhythm_scores.TARGETS if each.name == target.name)
    rows = []
    for row in source.rows:
        counts = rhythm_scores.time_counts(rhythm_scores.matrix_of(row.seconds), asked)
        found = rhythm_scores.time_scores(counts)
        rows.append(
            {
                "Record": row.record.partition("/")[2],
                "Hours": row.hours,
                "Annotated (min)": float(counts[0] + counts[1]) / 60,
                "Named (min)": float(counts[0] + counts[2]) / 60,
                "Se %": 100 * float(found["se"]),
                "Sp %": 100 * float(found["sp"]),
                "PPV %": 100 * float(found["ppv"]),
                "F1 %": 100 * float(found["f1"]),
                "False VT or VF": row.alarms.get("VT_VF"),
                "False pauses": row.alarms.get("ASYS"),
                "False blocks": row.alarms.get("block"),
                "Held-out detectors": ", ".join(row.held_out),
                "Detectors trained on it": ", ".join(row.seen),
                "Not read": row.refused,
            }
        )
    return _with_numbers(rows, *TEXTS)


def cards(detectors: Sequence[EvaluatedDetector]) -> list[tuple[str, dict[str, str]]]:
    """What to say of each detector: title, and facts by name."""
    return [
        (
            f"{found.title} ({found.name})",
            {
                "Trained on": found.trained_on,
                "Records": grouped(found.records),
                "Held out": _folds(found),
                "Weights": f"{found.size_bytes / 1e6:.2f} MB, SHA-256 {found.sha256}",
                "Made by": found.command,
                "Code": found.commit,
            },
        )
        for found in detectors
    ]


def training_statement(source: SourceScores) -> str:
    """A sentence about whether the detectors that read the records of a source had been trained on them."""
    if not source.held_out and not source.seen:
        return f"None of the {grouped(source.records)} records was part of the training of a detector that read it."
    parts = []
    if source.held_out:
        parts.append(f"read by detectors trained without them: {_counted(source.held_out)}")
    if source.seen:
        parts.append(f"**read by detectors that were trained on them: {_counted(source.seen)}**")
    told = "; ".join(parts)
    return f"Of {grouped(source.records)} records: {told}; all others were new to what read them."


def _counted(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{grouped(number)} by {name}" for name, number in sorted(numbers.items()))


def burden(rows: Sequence[RecordRhythms], palette: Palette) -> go.Figure:
    """The share of each record's time that is named AF against the annotated share."""
    known = [row for row in rows if row.af_annotated is not None and row.af_named is not None]
    figure = go.Figure(
        go.Scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": palette.muted, "dash": "dot"}, hoverinfo="skip")
    )
    figure.add_scatter(
        x=[_share(row.af_annotated) for row in known],
        y=[_share(row.af_named) for row in known],
        name="records",
        mode="markers",
        marker={"size": 10, "color": palette.classes["S"], "opacity": 0.75},
        cliponaxis=False,
        customdata=[row.record for row in known],
        hovertemplate="%{customdata}: annotated %{x:.1%}, named %{y:.1%}<extra></extra>",
    )
    figure.update_layout(showlegend=False)
    _unit_axes(figure, "annotated share of AF", "named share of AF")
    return finished(figure)


def confidence(bins: Sequence[ConfidenceBin], palette: Palette) -> go.Figure:
    """How often a stated confidence came true, by code and by kind; larger points stand for more hours."""
    hours = np.array([found.hours for found in bins])
    size = 6 + 22 * np.sqrt(hours / max(hours.max(initial=0), 1e-9))
    figure = go.Figure(
        go.Scatter(
            x=[0, 1],
            y=[0, 1],
            name="as stated",
            mode="lines",
            line={"color": palette.muted, "dash": "dot"},
            hoverinfo="skip",
        )
    )
    shares = {
        "a rhythm of the same kind": [found.kind for found in bins],
        "the same rhythm": [found.right for found in bins],
    }
    for number, (name, came_true) in enumerate(shares.items()):
        figure.add_scatter(
            x=[found.stated for found in bins],
            y=came_true,
            name=name,
            mode="lines+markers",
            line={"color": palette.classes["SV"[number]], "width": 1.5},
            marker={"symbol": charts.DASHES[number], "size": size, "opacity": 0.75},
            cliponaxis=False,
            customdata=hours,
            hovertemplate=f"{name}: stated %{{x:.1%}}, came true %{{y:.1%}}<br>%{{customdata:.1f}} h<extra></extra>",
        )
    figure.update_xaxes(title="stated confidence", range=[-0.02, 1.02], tickformat=".0%", fixedrange=True)
    figure.update_yaxes(
        title="share of the time that was right", range=[-0.02, 1.02], tickformat=".0%", fixedrange=True
    )
    return finished(figure)


def side_by_side(source: SourceScores, palette: Palette) -> go.Figure:
    """Sensitivity and positive predictivity of each annotated rhythm, with their intervals."""
    shown = [target for target in source.targets if target.minutes and target.name not in EPISODES_ONLY]
    figure = go.Figure()
    for number, (measure, title) in enumerate((("se", "Sensitivity"), ("ppv", "Positive predictivity"))):
        estimates = [target.time[measure] for target in shown]
        figure.add_scatter(
            x=[estimate.value for estimate in estimates],
            y=[place + 0.18 * (number - 0.5) for place in range(len(shown))],
            name=title,
            mode="markers",
            marker={"symbol": charts.DASHES[number], "size": 10, "color": palette.classes["SV"[number]]},
            error_x=_bars(estimates),
            customdata=[
                [target.title, estimate.low, estimate.high] for target, estimate in zip(shown, estimates, strict=True)
            ],
            hovertemplate="%{customdata[0]}: %{x:.1%} (%{customdata[1]:.1%} to %{customdata[2]:.1%})"
            "<extra>%{fullData.name}</extra>",
        )
    names = [target.title for target in shown]
    figure.update_yaxes(
        tickvals=list(range(len(names))),
        ticktext=names,
        range=[len(names) - 0.5, -0.5],
        fixedrange=True,
        automargin=True,
    )
    figure.update_xaxes(range=[-0.02, 1.02], tickformat=".0%", fixedrange=True)
    return finished(figure, height=120 + 34 * len(names))


def noise(curves: Mapping[str, Mapping[str, AnsweredInNoise]], measure: str, title: str, palette: Palette) -> go.Figure:
    """A measure against the signal-to-noise ratio, one line for each noise in each database; dotted without noise."""
    figure, colours = go.Figure(), [palette.classes[name] for name in "SVFQ"]
    for place, (database, conditions) in enumerate(curves.items()):
        clean = getattr(conditions[CLEAN], measure)
        figure.add_hline(y=clean, line={"dash": "dot", "color": palette.muted, "width": 1.5})
        for number, (kind, points) in enumerate(_by_noise(conditions).items()):
            figure.add_scatter(
                x=[snr_db for snr_db, _ in points],
                y=[getattr(found, measure) for _, found in points],
                name=f"{NOISE_WORDS.get(kind, kind)}, {database}",
                mode="lines+markers",
                line={"color": colours[number % 4], "width": 2, "dash": ("solid", "dash")[place % 2]},
                marker={"symbol": charts.DASHES[number], "size": 8},
                hovertemplate="%{x} dB: %{y:.1%}<extra>%{fullData.name}</extra>",
            )
    figure.update_xaxes(title="signal-to-noise ratio (dB)", autorange="reversed", fixedrange=True)
    figure.update_yaxes(title=title, tickformat=".0%", rangemode="tozero", fixedrange=True)
    return finished(figure)


def noise_roc(found: AnnotatedNoise, palette: Palette) -> go.Figure:
    """How well each score tells annotated noise from windows with a rhythm."""
    figure = go.Figure(
        go.Scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": palette.muted, "dash": "dot"}, hoverinfo="skip",
                   showlegend=False)
    )  # fmt: skip
    curves = [("classes would be wrong", found.wrong, "S"), ("no ECG", found.no_ecg, "V")]
    if found.no_rhythm is not None:
        curves.append(("classes would be wrong within 20 s, and no ventricular rhythm", found.no_rhythm, "F"))
    for name, curve, colour in curves:
        figure.add_scatter(
            x=[point[0] for point in curve.points],
            y=[point[1] for point in curve.points],
            name=f"{name}: {share(curve.flagged)} of the noise flagged where 95 % of the rest is kept",
            mode="lines",
            line={"color": palette.classes[colour], "width": 2.5},
            hovertemplate="%{y:.1%} of the noise, %{x:.1%} of the rest<extra>%{fullData.name}</extra>",
        )
    _unit_axes(figure, "share of other windows flagged", "share of annotated noise flagged")
    return finished(figure)


def _by_noise(conditions: Mapping[str, AnsweredInNoise]) -> dict[str, list[tuple[float, AnsweredInNoise]]]:
    lines: dict[str, list[tuple[float, AnsweredInNoise]]] = {}
    for name, found in conditions.items():
        if name != CLEAN:
            kind, snr_db, _ = name.split()
            lines.setdefault(kind, []).append((float(snr_db), found))
    return lines


def finished(figure: go.Figure, *, height: int = 380) -> go.Figure:
    """A figure with the page's margins and legend."""
    figure.update_layout(
        height=height,
        margin={"l": 8, "r": 8, "t": 40, "b": 8},
        dragmode=False,
        legend={"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
    )
    return figure


def _unit_axes(figure: go.Figure, x: str, y: str) -> None:
    figure.update_xaxes(title=x, range=[-0.02, 1.02], tickformat=".0%", fixedrange=True)
    figure.update_yaxes(title=y, range=[-0.02, 1.02], tickformat=".0%", fixedrange=True)


def _with_numbers(rows: Sequence[dict[str, Any]], *texts: str) -> pd.DataFrame:
    """A table whose columns are numbers, NaN where there is none, except `texts`."""
    frame = pd.DataFrame(rows)
    return frame.astype({name: float for name in frame.columns if name not in texts})


def _bars(estimates: Sequence[Any]) -> dict[str, Any]:
    return {
        "array": [(e.high - e.value) if None not in (e.high, e.value) else 0 for e in estimates],
        "arrayminus": [(e.value - e.low) if None not in (e.low, e.value) else 0 for e in estimates],
        "thickness": 1.5,
        "width": 3,
    }


def _value(target: TargetScores | None, measure: str) -> float | None:
    found = None if target is None else target.time[measure].value
    return None if found is None else 100 * found


def _share(percentage: float | None) -> float:
    return (percentage or 0.0) / 100


def _minutes(value: float) -> str:
    if not value:
        return UNDEFINED
    return f"{grouped(value / 60)} h" if value >= 600 else f"{value:.1f} min"


def _per_day(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return UNDEFINED
    around = "" if low is None or high is None else f" ({low:.1f}–{high:.1f})"
    return f"{value:.2f}{around}"


def _folds(found: EvaluatedDetector) -> str:
    if not found.folds:
        return "no detector was trained without them for this evaluation"
    return f"trained {found.folds} more times, each time without some of these records, to read those"
