"""The sections of a report in words and numbers, written once for the printed page and for the page of the study."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from pipeline.export.report_content import LETTER_NAMES, ReportContent, utc_text
from pipeline.labels import AAMI_CLASSES
from pipeline.measurements import Measurements, Statement
from pipeline.review.conclusion import NOTHING_LISTED
from pipeline.review.finding_kinds import FINDING_KINDS
from pipeline.review.holter import COUPLETS, KindRow, Row, is_pause, kind_rows, longest_pause, run_bpm
from pipeline.review.hrv import HrvMeasure
from pipeline.review.summary import Moment, begun, range_words
from pipeline.review.triage import EpisodeFinding, Finding
from pipeline.twelve_leads.rhythm_statements import CODES
from pipeline.wording import (
    UNDEFINED,
    burden,
    classified,
    duration,
    grouped,
    interval_words,
    patient_words,
    share,
    start_text,
)

NOT_SIGNED: Final = "Nobody has signed this result: there is no conclusion yet."
SHORT_S: Final = 60.0  # a shorter recording has no trend, no lowest and no highest rate
LONG_S: Final = 7200.0  # of a shorter one, means of five minutes are too few for a deviation between them
NO_RHYTHM: Final = "No finding of rhythm was listed."
UNREVIEWED_NAMES: Final = 6  # kinds of urgent findings that are named
_ECTOPIC: Final = (("V", "Ventricular"), ("S", "Supraventricular"))


@dataclass(frozen=True)
class Column:
    """A column of a table: its heading, where its text stands, and how wide it is compared with the others."""

    name: str
    align: Literal["L", "R"] = "R"
    width: float = 1.0


@dataclass(frozen=True)
class Table:
    """A table of a report.

    Attributes
    ----------
    title, note : str
        Its heading, and what its numbers mean.
    columns : tuple of Column
        From left to right.
    rows : tuple of tuple of str
        One text per column.
    total : bool
        Whether the last row is that of the whole recording.
    """

    title: str
    note: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    total: bool = False


@dataclass(frozen=True)
class Figure:
    """A number with its name, and a line that says more."""

    name: str
    value: str
    more: str = ""


@dataclass(frozen=True)
class UrgentLine:
    """Something urgent: what, when and how long or by what evidence, and whether somebody has decided about it."""

    title: str
    detail: str
    state: str


def identification(content: ReportContent) -> tuple[tuple[str, str], ...]:
    """Return who was recorded, when, how long, and what was read of it, as lines of a name and a value."""
    analysis, start = content.analysis, content.start
    leads = f"lead{'s' if len(content.leads) > 1 else ''} {', '.join(content.leads)}"
    times = "not stated; all times are from the start of the recording, h:mm:ss"
    who = "  ·  ".join(patient_words(content.identity))
    return (
        *([("Patient", who)] if who else []),
        ("Start", times if start is None else f"recorded {start_text(start)}"),
        ("Recording", f"{duration(analysis.duration_s)}, {analysis.fs:g} Hz, {leads}"),
        ("Quality", _quality(content)),
        ("Read", content.looked_at),
    )


def notices(content: ReportContent) -> tuple[str, ...]:
    """Return what the analysis says about the recording, but for its quality, which `identification` has."""
    return tuple(one for one in content.analysis.notices if not one.endswith("of the recording could be analysed."))


def _quality(content: ReportContent) -> str:
    fraction = content.analysis.quality.analysed_fraction
    unread = content.holter.total.unread_s
    words = "all could be analysed" if fraction >= 1 else f"{share(fraction)} could be analysed"
    return f"{words}; the rhythm of {duration(unread)} could not be read" if unread >= 1 else words


def reviewed_words(content: ReportContent) -> tuple[str, ...]:
    """State how much was reviewed, what urgent is still open, and why it was signed all the same."""
    left, total = content.undecided, len(content.findings)
    they = "finding is" if total == 1 else "findings are"
    seen = f"{grouped(total - len(left.findings))} of {grouped(total)} {they} reviewed"
    unseen = f"; {grouped(len(left.findings))} not reviewed, as the model gave them" if left.findings else ""
    none = NO_RHYTHM if content.urgent_statements else NOTHING_LISTED
    lines = [f"{seen}{unseen}." if total else none]
    if names := left.names:
        more = f" and {len(names) - UNREVIEWED_NAMES} more" if len(names) > UNREVIEWED_NAMES else ""
        lines.append(f"Urgent and not reviewed: {'; '.join(names[:UNREVIEWED_NAMES])}{more}.")
    if content.study.reason:
        lines.append(f"Signed all the same because: {content.study.reason}")
    return tuple(lines)


def amendment_words(content: ReportContent) -> tuple[str, ...]:
    """Name the signed reports that this one amends, the first one first."""
    return tuple(
        f"{one.name} of {utc_text(one.at)} by {one.who}"
        f"{f', SHA-256 {one.report[:16]}' if one.report else ''} is amended by this one."
        for one in content.study.earlier
    )


def source_words(content: ReportContent) -> tuple[str, ...]:
    """Name the stored report that the signature stands for, in what is made beside it; nothing in that report."""
    study = content.study
    if study.signed_at is None or not study.report:
        return ()
    made = f"Made from the study as signed on {utc_text(study.signed_at)}"
    return (f"{made}; the signed report is SHA-256 {study.report[:16]}.",)


def urgent_lines(content: ReportContent) -> tuple[UrgentLine, ...]:
    """Return what is urgent: statements of all leads first, then the findings kind by kind, most important first."""
    confirmed = {code for code, verdict in content.verdicts.items() if verdict == "confirmed"}
    statements = tuple(
        UrgentLine(one.text, one.evidence, "confirmed" if one.code in confirmed else "not reviewed")
        for one in content.urgent_statements
    )
    return (*statements, *(_urgent_line(row, content) for row in kind_rows(content.urgent, content.beats.unread)))


def _urgent_line(row: KindRow, content: ReportContent) -> UrgentLine:
    count = len(row.findings)
    state = "not reviewed" if not row.decided else "confirmed" if row.decided == count else f"{row.decided} confirmed"
    if count == 1:
        one = row.longest
        ends = f"{content.when(one.start_s)} to {content.when(one.stop_s)}"
        return UrgentLine(row.title, f"{ends}, {_span_words(one)}", state)
    return UrgentLine(
        row.title,
        f"{_episodes(row)}, the longest {_longest(row, content)}",
        state,
    )


def _episodes(row: KindRow) -> str:
    if is_pause(row.kind):
        return grouped(row.number)
    return f"{grouped(len(row.findings))} episodes, {duration(row.seconds)} in all"


def _span_words(one: Finding) -> str:
    return duration(one.stop_s - one.start_s) if isinstance(one, EpisodeFinding) else one.detail


def figures(content: ReportContent) -> tuple[Figure, ...]:
    """Return the numbers of the first page, those of the rate first; four of a recording under a minute."""
    summary, rate, total = content.summary, content.summary.rate, content.holter.total
    counts, whole = summary.counts, grouped(classified(summary.counts))
    ectopy = tuple(
        Figure(f"{name} beats", burden(counts, letter), f"{grouped(counts[letter])} of {whole} classified")
        for letter, name in _ECTOPIC
    )
    counted = Figure("Beats", grouped(total.beats), f"{grouped(summary.reviewed)} decided by a clinician")
    mean = Figure("Mean heart rate", _number(rate.mean, "/min"), range_words(rate))
    if content.analysis.duration_s < SHORT_S:
        return counted, mean, *ectopy
    return (
        counted,
        mean,
        _moment("Lowest heart rate", rate.lowest, "/min", content),
        _moment("Highest heart rate", rate.highest, "/min", content),
        *ectopy,
        _atrial(content),
        _moment("Longest RR interval", begun(summary.longest_rr), " s", content, digits=2),
    )


def _atrial(content: ReportContent) -> Figure:
    name, found = "AF and flutter", content.holter.atrial
    if not content.beats.rhythm:
        return Figure(name, UNDEFINED, "the rhythm was not looked for")
    if found.longest is None:
        return Figure(name, "none", f"of {duration(content.analysis.duration_s)}")
    return Figure(name, share(found.share), f"{duration(found.seconds)}; longest {duration(found.longest.seconds)}")


def _moment(name: str, moment: Moment | None, unit: str, content: ReportContent, digits: int = 0) -> Figure:
    if moment is None:
        return Figure(name, UNDEFINED, "too few beats")
    return Figure(name, f"{moment.value:.{digits}f}{unit}", f"at {content.when(moment.time_s)}")


def interval_lines(content: ReportContent) -> tuple[str, ...]:
    """Return intervals, QTc and axis, each a phrase; none where nothing was measured."""
    measured = content.measured
    return () if measured is None else tuple(interval_words(measured))


def further(content: ReportContent) -> Measurements | None:
    """Return the measurements with the statements that stand nowhere else and that nobody has rejected.

    Urgent ones have a section of their own; rhythms and ectopic beats have tables, but for an ECG that fits on a page.
    """
    measured = content.measured
    if measured is None:
        return None
    above = {one.code for one in content.urgent_statements}
    episodes = content.recording is None and bool(content.beats.rhythm)
    kept = [
        _with_verdict(one, content.verdicts.get(one.code, ""))
        for one in measured.statements
        if one.code not in above and not (episodes and _is_of_rhythm(one))
        if content.verdicts.get(one.code) != "rejected"
    ]
    return replace(measured, statements=tuple(kept))


def _with_verdict(one: Statement, verdict: str) -> Statement:
    return replace(one, evidence=f"{verdict}; {one.evidence}") if verdict else one


def _is_of_rhythm(one: Statement) -> bool:
    """Tell whether episodes and counts of the report say what a statement says."""
    return one.group == "rhythm" or one.code in CODES.values()


def rows_table(content: ReportContent) -> Table:
    """Return the table over time: hours of a long recording, minutes of a short one."""
    rows = content.holter.rows
    step_s = max((row.stop_s - row.start_s for row in rows[:-1]), default=0.0)
    title = {3600.0: "Hour by hour", 300.0: "Every five minutes"}.get(step_s, "Minute by minute")
    names = _row_times(rows, content)
    columns = (
        Column("from", "L", 1.9), Column("beats", width=1.2), Column("min", width=0.8), Column("mean", width=0.9),
        Column("max", width=0.8), Column("V single", width=1.2), Column("couplets", width=1.25),
        Column("runs", width=0.8), Column("S single", width=1.2), Column("couplets", width=1.25),
        Column("runs", width=0.8), Column("pauses", width=1.05), Column("AF"), Column("unread"),
    )  # fmt: skip
    body = [_row(row, name) for row, name in zip(rows, names, strict=True)]
    note = "rates in beats per minute; V and S: single beats, and the couplets and runs that begin there; times in min"
    return Table(title, note, columns, (*body, _row(content.holter.total, "All")) if body else (), total=True)


def _row_times(rows: Sequence[Row], content: ReportContent) -> list[str]:
    """Return when rows begin; a clock has no seconds where none count."""
    texts = [content.when(row.start_s) for row in rows]
    whole = content.start is not None and all(text.endswith(":00") for text in texts)
    return [text[:-3] for text in texts] if whole else texts


def _row(row: Row, name: str) -> tuple[str, ...]:
    counts = (row.v_single, row.v_couplets, row.v_runs, row.s_single, row.s_couplets, row.s_runs, row.pauses)
    rates = (row.lowest, row.mean, row.highest)
    return (
        name, grouped(row.beats), *(_number(rate) for rate in rates), *(grouped(n) if n else "·" for n in counts),
        *(_minutes(seconds) for seconds in (row.af_s, row.unread_s)),
    )  # fmt: skip


def _minutes(seconds: float) -> str:
    return "·" if seconds <= 0 else f"{seconds / 60:.1f}" if seconds >= 3 else "< 0.1"


def kinds_table(content: ReportContent) -> Table:
    """Return the findings kind by kind: how many, how many confirmed, the longest and the fastest."""
    columns = (
        Column("finding", "L", 3.6), Column("number"), Column("confirmed", width=1.3),
        Column("longest", "L", 4.2), Column("fastest", "L", 2.4),
    )  # fmt: skip
    note = "of the findings in force; what is not confirmed stands as the model gave it"
    return Table("Findings", note, columns, tuple(_kind(row, content) for row in content.holter.kinds))


def _kind(row: KindRow, content: ReportContent) -> tuple[str, ...]:
    scattered = FINDING_KINDS[row.kind].scattered
    fast = run_bpm(row.fastest) if row.fastest is not None else None
    fastest = "" if row.fastest is None or fast is None else f"{fast:.0f}/min at {content.when(row.fastest.start_s)}"
    longest = "single beats" if scattered else "" if row.kind in COUPLETS else _longest(row, content)
    return row.title, grouped(row.number), grouped(row.number_decided), longest, fastest


def _longest(row: KindRow, content: ReportContent) -> str:
    one = row.longest
    if is_pause(row.kind):
        start_s, stop_s = longest_pause(one)
        return f"{stop_s - start_s:.2f} s at {content.when(start_s)}"
    size = duration(one.stop_s - one.start_s)
    beats = f"{len(one.samples)} beats, " if run_bpm(one) is not None else ""
    return f"{beats}{size} at {content.when(one.start_s)}"


def rhythm_table(content: ReportContent) -> Table:
    """Return how long each rhythm lasts in all, and its longest episode; no row where the rhythm is unknown."""
    columns = (
        Column("rhythm", "L", 3.2), Column("episodes"), Column("time", width=1.2), Column("share"),
        Column("longest", "L", 3.4),
    )  # fmt: skip
    rows = tuple(
        (
            time.called.name, grouped(time.count), duration(time.seconds), share(time.share),
            f"{duration(time.longest.seconds)} at {content.when(time.longest.start_s)}",
        )
        for time in content.times
    )  # fmt: skip
    return Table("Rhythm", "time, share of the recording, longest episode", columns, rows)


def beats_table(content: ReportContent) -> Table:
    """Return the beats of each class, after review and as the model gave them."""
    columns = (
        Column("class", "L", 2.3), Column("after review", width=1.5), Column("share"), Column("model", width=1.1),
    )  # fmt: skip
    in_force, model = content.summary.counts, content.model_counts()
    rows = tuple(
        (
            _class_name(letter, name), grouped(in_force[letter]),
            burden(in_force, letter) if letter in AAMI_CLASSES else "", grouped(model[letter]),
        )
        for letter, name in LETTER_NAMES.items()
    )  # fmt: skip
    return Table("Beats", "shares are of the classified beats", columns, rows)


def _class_name(letter: str, name: str) -> str:
    """Return the name of a row, with its letter where it has one of its own."""
    return "N  normal" if letter == "N" else f"{letter}  {name}" if letter in AAMI_CLASSES else name


def variability_table(content: ReportContent) -> Table:
    """Return the heart rate variability in time and frequency, or why there is none."""
    found, power = content.variability, content.spectrum
    sdann = found.sdann if content.analysis.duration_s >= LONG_S else HrvMeasure(None, "ms", "of two hours or more")
    measures: Sequence[tuple[str, HrvMeasure, int]] = (
        ("Mean NN", found.mean_nn, 0), ("SDNN", found.sdnn, 1), ("SDANN", sdann, 1),
        ("SDNN index", found.sdnn_index, 1), ("RMSSD", found.rmssd, 1), ("pNN50", found.pnn50, 1),
        ("Triangular index", found.triangular_index, 1), ("VLF to 0.04 Hz", power.vlf, 0),
        ("LF to 0.15 Hz", power.lf, 0), ("HF to 0.4 Hz", power.hf, 0), ("LF / HF", power.ratio, 2),
    )  # fmt: skip
    columns = (Column("measure", "L", 1.3), Column("value", width=0.9), Column("", "L", 3.6))
    rows = tuple(
        (name, _number(one.value, f" {one.unit}" if one.unit else "", digits), one.reason)
        for name, one, digits in measures
    )
    note = f"{grouped(found.n_intervals)} NN intervals, {duration(found.seconds)}"
    known = any(one.value is not None for _, one, _ in measures)
    return Table("Heart rate variability", note, columns, rows if known else ())


def origin_rows(content: ReportContent) -> tuple[tuple[str, str], ...]:
    """Return what made the numbers, as lines of a name and a value."""
    analysis = content.analysis
    return (
        ("Model", f"{analysis.model} {analysis.model_version}"),
        ("Trained on", content.trained_on or "see the model card"),
        ("Software", f"HeartVision {analysis.version}"),
        ("Recording", f"SHA-256 {analysis.digest[:24]}…"),
    )


def _number(value: float | None, unit: str = "", digits: int = 0) -> str:
    return UNDEFINED if value is None else f"{value:.{digits}f}{unit}"
