"""The part of the Evaluation page on rhythms: how well they are named, second by second and episode by episode."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from app.common.text import plain
from app.common.theme import palette
from app.evaluation import charts, rhythm_tables, tables
from app.evaluation.shared import download_button, show_caption, show_table
from models import registry
from pipeline._util.provenance import Provenance
from pipeline._util.typed_json import read_as
from pipeline.errors import DataError
from pipeline.evaluation.noise_schema import AGAIN, NOISE_CURVES, NoiseCurves
from pipeline.evaluation.rhythm_schema import RhythmEvaluation, SourceScores, read_rhythm_evaluation, rhythm_file
from pipeline.wording import UNDEFINED, grouped, percent

COMMAND: Final = "python -m pipeline evaluate --rhythm"
HOW_TO_READ: Final = """
- **Annotated** is what readers of the database wrote down. **Named** is what HeartVision says.
- **From the signal** is end to end: beats are found and classified, then rhythms are named. **From reference beats**
  asks only whether the rhythm follows from the right beats; some databases have no signal.
- **Sensitivity** is how much of the annotated time is named so, **specificity** how much of the other time is not,
  **positive predictivity** how much of the named time is annotated so.
- **Time that nobody annotated** counts for nothing, nor does time that the readers called unreadable, except in the
  row *Unreadable*. A rhythm that is named *unreadable* is not found.
- **Ventricular tachycardia** counts from 3 s and 100 beats a minute on. Shorter and slower runs are neither wanted nor
  false.
- **Episodes** follow EC57: an annotated one is found if any part of it is named, a named one is right if it touches an
  annotated one.
- **False alarms** are named episodes that no annotation justifies: no annotated rhythm of the kind, no run of three V
  beats at 100 a minute or more (VT or VF), no interval of 2.45 s or more (pauses; none counts in
  healthy people).
- **The numbers in brackets** hold the true value with 95 % confidence, for patients like these. Records are drawn anew,
  not seconds. Few records with a rhythm make them wide, and one record alone has no interval worth reading.
"""


@dataclass(frozen=True, eq=False)
class RhythmView:
    """What is in view: the evaluation, one of its sources, and how figures are saved."""

    content: RhythmEvaluation
    source: SourceScores
    picture: str

    def figure(self, figure: go.Figure, alt: str, frame: pd.DataFrame | None = None) -> None:
        """Show a figure that can be saved; as CSV it is `frame`, or its points."""
        name = f"rhythm-{self.source.name}-{'-'.join(alt.lower().split())}"
        st.plotly_chart(figure, width="stretch", config=charts.config(name, self.picture), alt=alt, key=name)
        download_button("Figure as CSV", lambda: tables.csv(_points(figure, frame)), f"{name}.csv")

    def table(self, frame: pd.DataFrame, name: str, alt: str, **options: Any) -> None:
        """Show a table that can be downloaded."""
        show_table(frame, f"rhythm-{self.source.name}-{name}.csv", alt=alt, **options)


@st.cache_resource(show_spinner=False, max_entries=4)
def _read(file: str, changed_ns: int, size: int) -> RhythmEvaluation:
    from pathlib import Path

    return read_rhythm_evaluation(Path(file))


def load_rhythm() -> RhythmEvaluation | None:
    """The saved evaluation of rhythms; without one, a sentence on the page."""
    file = rhythm_file(registry.WEIGHTS)
    if not file.is_file():
        st.info(f"Rhythms have not been evaluated yet; run `{COMMAND}`.")
        return None
    try:
        found = file.stat()
        return _read(str(file), found.st_mtime_ns, found.st_size)
    except DataError as error:
        st.warning(plain(str(error)))
        return None


@st.fragment
def show_rhythm(picture: str) -> None:
    """How well rhythms are named; figures are saved as `picture`, "PNG" or "SVG"."""
    st.header("Rhythm", anchor=False)
    if (content := load_rhythm()) is None:
        return
    st.write(
        "How well the rhythm of whole recordings is named, against the rhythms that readers annotated. "
        "Records that a detector was trained on are read by one that was trained without them."
    )
    with st.expander("How to read this part", icon=":material/menu_book:"):
        st.markdown(HOW_TO_READ)
    board = rhythm_tables.board(content.sources)
    written = {name: _number if name == "Hours" else "{:.1f}".format for name in board.columns if name != "Records"}
    pinned = {"Records": st.column_config.TextColumn(pinned=True, width=190)}
    show_table(
        board, "rhythm-databases.csv", written=written, column_config=pinned, height="content",
        placeholder=UNDEFINED, alt="Rhythms in every database",
    )  # fmt: skip
    sources = {source.name: source for source in content.sources}
    chosen = st.selectbox(
        "Records", list(sources), format_func=lambda name: rhythm_tables.source_title(sources[name]),
        key="evaluation-rhythm-source",
    )  # fmt: skip
    view = RhythmView(content, sources[chosen], picture)
    section = st.segmented_control(
        "Part", list(SECTIONS), default="Rhythms", required=True, key="evaluation-rhythm-section"
    )
    st.markdown(_told(view))
    SECTIONS[section](view)
    show_caption(content.provenance, f"models/weights/{rhythm_file(registry.WEIGHTS).parent.name}/rhythm.json")


def show_time(view: RhythmView) -> None:
    """Every annotated rhythm by its seconds."""
    if view.source.strips:
        view.table(rhythm_tables.strips(view.source.strips), "strips", "What the strips of each label are called")
        overall = view.source.strips.overall
        said = ", ".join(
            f"{title} {tables.shown('', overall[name])}" for name, title in rhythm_tables.TIME_COLUMNS.items()
        )
        st.markdown(f"**Strips called AF or not**, without noisy ones: {said}. AF must fill half of what was read.")
    if not view.source.targets:
        st.info("No rhythms are annotated here; beats are. The false alarms say what there is to say.")
        return
    frame = rhythm_tables.rhythms(view.source)
    figure = rhythm_tables.side_by_side(view.source, palette())
    view.figure(figure, "Rhythms with their intervals", frame)
    view.table(frame, "time", "Rhythms by seconds", column_config=_PINNED, height="content")
    if view.source.rows:
        with st.expander("Minutes by annotated and by named rhythm"):
            minutes = rhythm_tables.minutes(view.source.rows)
            numbers = {name: "{:.1f}".format for name in minutes.columns if name != "Annotated"}
            show_table(minutes, f"rhythm-{view.source.name}-minutes.csv", written=numbers, alt="Minutes of each rhythm")
    if view.source.unknown:
        told = ", ".join(f"{label} ({number})" for label, number in view.source.unknown.items())
        st.caption(plain(f"Annotated labels that no rhythm here stands for, whose time is left out: {told}."))


def show_episodes(view: RhythmView) -> None:
    """Every annotated rhythm by its episodes, and the dangerous ones that were missed."""
    if not view.source.targets:
        st.info("No rhythms are annotated here; beats are.")
        return
    frame = rhythm_tables.episodes(view.source)
    view.table(frame, "episodes", "Rhythms by episodes", column_config=_PINNED, height="content")
    flutter = view.source.target("VF_VFL_4s")
    if flutter and flutter.annotated:
        st.markdown(
            f"**VF and VFL of 4 s and more:** {flutter.annotated} episodes, "
            + ("all of them named." if flutter.found == flutter.annotated else f"{len(flutter.missed)} not named:")
        )
        if flutter.missed:
            view.table(rhythm_tables.places(flutter.missed), "missed", "Episodes of VF or VFL that were not named")


def show_alarms(view: RhythmView) -> None:
    """False alarms per 24 hours, and where they are."""
    if not view.source.alarms:
        st.info("Alarms are counted in recordings, not in strips.")
        return
    hours = grouped(round(view.source.hours))
    st.write(f"Named episodes that nothing annotated justifies, in {hours} hours; intervals over records.")
    view.table(rhythm_tables.alarms(view.source), "alarms", "False alarms per 24 hours")
    for alarm in view.source.alarms:
        if alarm.places:
            more = "" if alarm.false <= len(alarm.places) else f", the first {len(alarm.places)}"
            with st.expander(f"{alarm.title}: {alarm.false} false{more}"):
                alt = f"False alarms of {alarm.title}"
                view.table(rhythm_tables.places(alarm.places), f"false-{alarm.name}", alt)


def show_burden(view: RhythmView) -> None:
    """The share of AF in each record."""
    burden = view.source.burden
    if not burden or not view.source.rows:
        st.info("The AF burden is told of recordings with annotated rhythms, database by database.")
        return
    st.write(
        f"The named share of AF differs from the annotated one by {burden.median:.1f} percentage points in half of the "
        f"records or less; most in record {plain(burden.worst_record.partition('/')[2])}: {burden.worst:.1f} points."
    )
    view.figure(rhythm_tables.burden(view.source.rows, palette()), "AF burden of each record")


def show_confidence(view: RhythmView) -> None:
    """How far stated confidences are true."""
    if not view.source.confidence:
        st.info("No rhythms are annotated here, so confidences cannot be checked.")
        return
    st.write(
        "An episode is named with a confidence: how probably its rhythm is of this kind. Sinus rhythm with a long P-R "
        "interval counts as sinus rhythm; tachycardia, flutter and fibrillation of the ventricles are of one kind, and "
        "so are flutter and fibrillation of the atria, because readers call the same waves by either name. This is how "
        "much of the time so named was right, by kind and by exact name."
    )
    if view.source.calibration_error is not None:
        st.write(f"Stated and true shares of kinds differ by {percent(view.source.calibration_error)} in the mean.")
    view.figure(rhythm_tables.confidence(view.source.confidence, palette()), "Stated confidences")


def show_rhythm_records(view: RhythmView) -> None:
    """One rhythm in every record."""
    if not view.source.rows or not view.source.targets:
        st.info("Choose the records of one database with annotated rhythms.")
        return
    targets = {found.name: found for found in rhythm_tables.told(view.source)}
    chosen = st.selectbox(
        "Rhythm", [name for name in targets if name not in rhythm_tables.EPISODES_ONLY],
        format_func=lambda name: targets[name].title, key=f"rhythm-target-{view.source.name}",
    )  # fmt: skip
    frame = rhythm_tables.records(view.source, targets[chosen])
    numbers = {name: _number for name in frame.columns if name not in rhythm_tables.TEXTS}
    show_table(
        frame, f"rhythm-{view.source.name}-records.csv", written=numbers, alt="One rhythm in every record",
        column_config={"Record": st.column_config.TextColumn(pinned=True)}, placeholder=UNDEFINED,
    )  # fmt: skip


def show_detectors(view: RhythmView) -> None:
    """What names rhythms: the detectors' cards."""
    network, data = plain(view.content.network), plain(view.content.network_trained_on)
    st.write(
        f"Beats are classified by the network {network}, trained on {data}. It has seen these beats; DS2 "
        "and the other records of svdb are new to it. Sinus rates, runs, bigeminy and pauses follow from beats by "
        "rules. The rest is named by detectors:"
    )
    if not view.content.detectors:
        st.info("No detector took part in this evaluation.")
    for title, facts in rhythm_tables.cards(view.content.detectors):
        with st.expander(plain(title), icon=":material/neurology:"):
            st.table(pd.DataFrame(facts.items(), columns=["", "Value"]).set_index(""))


def show_noise(view: RhythmView) -> None:
    """Answers in added noise, and annotated noise found."""
    if not NOISE_CURVES.is_file():
        st.info("Answers in noise have not been measured here; run `python -m benchmarks.noise`.")
        return
    try:
        content = read_as(NoiseCurves, NOISE_CURVES, again=AGAIN)
    except DataError as error:
        st.warning(plain(str(error)))
        return
    st.write(
        "Noise of the MIT-BIH Noise Stress Test Database was mixed into recordings that the noise detector was not "
        "trained on, and they were analysed end to end. Where noise hides the waves, beats should get no class: few "
        "are answered, and no more of the answers are wrong than without noise (dotted)."
    )
    measure = st.segmented_control(
        "Measure", list(NOISE_MEASURES), format_func=NOISE_MEASURES.__getitem__, default="wrong", required=True,
        key="rhythm-noise-measure",
    )  # fmt: skip
    figure = rhythm_tables.noise(content.curves, measure, NOISE_MEASURES[measure], palette())
    view.figure(figure, f"{NOISE_MEASURES[measure]} against noise")
    for name, found in content.vfdb.items():
        st.markdown(
            f"**Annotated noise of vfdb, {plain(name)}**: {grouped(found.noisy)} windows, against "
            f"{grouped(found.others)} with a rhythm. Readers marked noise loosely: many of these windows can be read."
        )
        view.figure(rhythm_tables.noise_roc(found, palette()), f"Annotated noise found {name}")
    data = "MIT-BIH Arrhythmia (DS2), Supraventricular, Noise Stress Test and Malignant Ventricular databases"
    show_caption(Provenance(content.command, content.commit, data, content.made), "docs/experiments/noise_curves.json")


NOISE_MEASURES: Final[Mapping[str, str]] = MappingProxyType(
    {"wrong": "Wrong among answered", "answered": "Answered", "changed": "Changed by noise"}
)
SECTIONS: Final[Mapping[str, Callable[[RhythmView], None]]] = MappingProxyType(
    {
        "Rhythms": show_time,
        "Episodes": show_episodes,
        "False alarms": show_alarms,
        "AF burden": show_burden,
        "Confidence": show_confidence,
        "By record": show_rhythm_records,
        "Noise": show_noise,
        "Detectors": show_detectors,
    }
)
_PINNED: Final = {"Rhythm": st.column_config.TextColumn(pinned=True)}


def _told(view: RhythmView) -> str:
    """Title, size and training of the records in view."""
    source = view.source
    refused = f" {grouped(source.refused)} could not be read and count as not named." if source.refused else ""
    return (
        f"**{plain(source.title)}**, {grouped(round(source.hours, 1))} h, read from the "
        f"{rhythm_tables.read_words(source)}. {rhythm_tables.training_statement(source)}{refused}"
    )


def _points(figure: go.Figure, frame: pd.DataFrame | None) -> pd.DataFrame:
    return charts.as_frame(figure) if frame is None else frame


def _number(value: float) -> str:
    """A number of a table, with as many digits as it deserves."""
    if abs(value) >= 1000 or value == int(value):
        return grouped(value)
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
