"""The report on paper: a page of numbers and priorities, strips true to scale, and all leads as an ECG."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipeline._util.files import write_bytes
from pipeline.export.ecg_page_pdf import draw_ecg_page, lines_over, page_sheet
from pipeline.export.ecg_paper import SPEED_MM_S
from pipeline.export.pdf_page import (
    ALARM,
    BOTTOM_MM,
    INNER_MM,
    LEFT_MM,
    MUTED,
    PANEL,
    RHYTHM_COLOURS,
    RIGHT_MM,
    TOP_MM,
    Align,
    ReportSheet,
)
from pipeline.export.report_content import LETTER_NAMES, ReportContent, utc_text
from pipeline.export.report_measurements import draw_measurements
from pipeline.export.report_strips import draw_strips, findings_with_strips, usual_rhythm
from pipeline.export.report_trend import draw_trend
from pipeline.review.states import STUDY_STATES
from pipeline.rhythm_names import RhythmTime
from pipeline.twelve_leads.sheet import page_s
from pipeline.wording import burden, classified, duration, grouped, patient_words, report_clock, share, start_text

PRIORITIES: Final = 8
RHYTHMS: Final = 6  # rows of the table of rhythms, and of the urgent episodes

_SIGNATURE_MM: Final = 8.0
_TREND_MM: Final = 38.0
_NO_TREND_MM: Final = 12.0  # without a beat
_ROW_MM: Final = 5.0
_LINE_MM: Final = 4.0
_TILE_MM: Final = 17.0
_BELOW_MM: Final = 100.0  # what the heart rate and the tables below it take


def write_pdf(content: ReportContent, path: Path) -> Path:
    """Write `pdf_bytes`, whole or not at all. Raises DataError if it cannot be written."""
    return write_bytes(path, pdf_bytes(content))


def pdf_bytes(content: ReportContent) -> bytes:
    """Return the report as PDF, A4; the same content gives the same bytes.

    Notes
    -----
    Strips are true to scale: 25 mm/s, 10 mm/mV, with grid lines every 1 and 5 mm (IEC 60601-2-25), drawn as vectors.
    """
    sheet = ReportSheet(
        title=f"ECG report {content.analysis.record}",
        heading=f"ECG report · {content.analysis.record}",
        state=state_words(content),
        origin=_origin(content),
        created=content.created,
        settled=content.study.state == "signed",
    )
    sheet.add_page()
    y = _draw_summary(sheet, content)
    _draw_responsible(sheet, content, BOTTOM_MM - _SIGNATURE_MM)
    draw_strips(sheet, content, y, BOTTOM_MM - _SIGNATURE_MM)
    _draw_ecg(sheet, content)
    return bytes(sheet.output())


def _draw_ecg(sheet: ReportSheet, content: ReportContent) -> None:
    """Add a page with all leads, of the usual rhythm where the recording is longer than the page."""
    recording, analysis = content.recording, content.analysis
    if recording is None:
        return
    last_s = max(0.0, recording.duration_s - page_s(SPEED_MM_S, recording.duration_s))
    ecg = page_sheet(recording, min(usual_rhythm(content), last_s), lines=lines_over(analysis))
    draw_ecg_page(sheet, ecg, recording, analysis, content.created)


def state_words(content: ReportContent) -> str:
    """State the status of the study in words, and what that makes of the report."""
    words = STUDY_STATES[content.study.state].on_report
    status = content.study.fhir_status
    return f"{words} · {status}"


def _origin(content: ReportContent) -> str:
    analysis = content.analysis
    parts = (
        f"HeartVision {analysis.version}",
        f"model {analysis.model} {analysis.model_version}",
        f"recording SHA-256 {analysis.digest[:16]}",
        f"made {utc_text(content.created)}",
    )
    return " · ".join(parts)


def _draw_summary(sheet: ReportSheet, content: ReportContent) -> float:
    """Draw the numbers of page 1; return their lower edge."""
    y = _draw_title(sheet, content, TOP_MM)
    y = _draw_tiles(sheet, content, y)
    y = _draw_priorities(sheet, content, y)
    y = _draw_rhythm(sheet, content, y)
    if content.analysis.measured is not None:
        y = _section(sheet, y, "Intervals and statements", "measured in the usual beats of all leads")
        y = draw_measurements(sheet, content.analysis.measured, y, BOTTOM_MM - _SIGNATURE_MM - _BELOW_MM)
    y = _section(sheet, y, "Heart rate", "beats per minute: mean, minimum and maximum; numbers: findings")
    height = _TREND_MM if len(content.beats) else _NO_TREND_MM
    draw_trend(sheet, content, y - 2, height)
    y += height
    beats_bottom = _draw_beats(sheet, content, y)
    origin_bottom = _draw_measures(sheet, content, y)
    return max(beats_bottom, origin_bottom)


def _draw_title(sheet: ReportSheet, content: ReportContent, y: float) -> float:
    analysis = content.analysis
    sheet.say(LEFT_MM, y + 5, sheet.fit(f"ECG report {analysis.record}", INNER_MM, 17, bold=True), 17, bold=True)
    facts = (
        f"{duration(analysis.duration_s)} recorded",
        f"lead{'s' if len(content.leads) > 1 else ''} {', '.join(content.leads)}",
        f"{analysis.fs:g} Hz",
        f"{_analysed(analysis.quality.analysed_fraction)} could be analysed",
    )
    sheet.say(LEFT_MM, y + 11, sheet.fit("  ·  ".join(facts), INNER_MM, 8.5), 8.5, colour=MUTED)
    sheet.say(LEFT_MM, y + 15.2, sheet.fit(content.looked_at, INNER_MM, 8.5), 8.5, bold=True)
    y = _draw_patient(sheet, content, y + 19)
    for notice in analysis.notices:
        for line in sheet.wrap(f"Note: {notice}", INNER_MM, 7.5):
            sheet.say(LEFT_MM, y, line, 7.5, colour=ALARM)
            y += _LINE_MM
    return y


def _draw_patient(sheet: ReportSheet, content: ReportContent, y: float) -> float:
    """Draw who was recorded and when, where that is kept; return the lower edge."""
    when = [] if content.start is None else [f"recorded {start_text(content.start)}"]
    if who := patient_words(content.identity) + when:
        sheet.say(LEFT_MM, y + 0.6, sheet.fit("  ·  ".join(who), INNER_MM, 9, bold=True), 9, bold=True)
        return y + 5
    return y


def _draw_tiles(sheet: ReportSheet, content: ReportContent, y: float) -> float:
    tiles = _tiles(content)
    width = (INNER_MM - 3 * (len(tiles) - 1)) / len(tiles)
    for i, (name, value, more) in enumerate(tiles):
        x = LEFT_MM + i * (width + 3)
        sheet.panel(x, y, width, _TILE_MM, PANEL)
        sheet.say(x + 2.5, y + 4.2, name, 6.8, colour=MUTED)
        sheet.say(x + 2.5, y + 10.3, value, 13, bold=True)
        sheet.say(x + 2.5, y + 14.6, sheet.fit(more, width - 4, 6.8), 6.8, colour=MUTED)
    return y + _TILE_MM


def _tiles(content: ReportContent) -> list[tuple[str, str, str]]:
    summary, rate, longest = content.summary, content.summary.rate, content.summary.longest_rr
    lowest, highest = (None if moment is None else moment.value for moment in (rate.lowest, rate.highest))
    rates = "" if lowest is None else f"{_number(lowest)} to {_number(highest, '/min')}"
    at = "" if longest is None else f"at {report_clock(longest.time_s)}"
    whole = f"of {grouped(classified(summary.counts))} classified"
    return [
        ("Mean heart rate", _number(rate.mean, "/min"), rates),
        ("Beats", grouped(len(content.beats)), f"{grouped(summary.reviewed)} decided by a clinician"),
        ("Ventricular beats", burden(summary.counts, "V"), f"{grouped(summary.counts['V'])} {whole}"),
        ("Supraventricular beats", burden(summary.counts, "S"), f"{grouped(summary.counts['S'])} {whole}"),
        ("Longest RR interval", _number(None if longest is None else longest.value, "s", 2), at),
    ]


def _draw_priorities(sheet: ReportSheet, content: ReportContent, y: float) -> float:
    shown = content.findings[:PRIORITIES]
    y = _section(sheet, y, "Priorities", "most important first")
    urgent = () if content.analysis.measured is None else content.analysis.measured.urgent
    for one in urgent:
        sheet.say(LEFT_MM, y + 2.5, sheet.fit(one.text, INNER_MM, 8, bold=True), 8, bold=True, colour=ALARM)
        y += _ROW_MM
    if urgent and not shown:
        return y
    if not shown:
        sheet.say(LEFT_MM, y + 2.5, "No finding was listed.", 8.5)
        return y + _ROW_MM
    on_strips = {id(finding) for finding in findings_with_strips(content)}
    for number, finding in enumerate(shown, 1):
        sheet.say(LEFT_MM + 4, y + 2.5, str(number), 8, bold=True, colour=ALARM, align="R")
        sheet.say(LEFT_MM + 7, y + 2.5, sheet.fit(finding.title, 58, 8, bold=True), 8, bold=True)
        sheet.say(LEFT_MM + 68, y + 2.5, report_clock(finding.start_s), 8)
        sheet.say(LEFT_MM + 84, y + 2.5, sheet.fit(finding.detail, 66, 8), 8, colour=MUTED)
        state = "reviewed" if finding.reviewed else "not reviewed"
        sheet.say(
            RIGHT_MM, y + 2.5, f"{state}{', strip' if id(finding) in on_strips else ''}", 7, colour=MUTED, align="R"
        )
        y += _ROW_MM
    if left := len(content.findings) - len(shown):
        strips = len(findings_with_strips(content))
        text = f"and {left} more in the workbench; {strips} have a strip on the pages that follow."
        sheet.say(LEFT_MM + 7, y + 2, text, 7.5, colour=MUTED)
        y += _LINE_MM
    return y


def _draw_rhythm(sheet: ReportSheet, content: ReportContent, y: float) -> float:
    """Draw how long each rhythm lasts, and the urgent episodes beside it; return their lower edge."""
    times = content.times
    if not times:
        return y
    right = LEFT_MM + 88
    table = _section(sheet, y, "Rhythm", "time, share, longest episode", stop=right)
    for time in times[:RHYTHMS]:
        _draw_time(sheet, time, table, right)
        table += 4.4
    if len(times) > RHYTHMS:
        others = ", ".join(time.called.short for time in times[RHYTHMS:])
        sheet.say(LEFT_MM + 5, table + 2.2, sheet.fit(f"and {others}", 83, 7), 7, colour=MUTED)
        table += _ROW_MM
    return max(table, _draw_urgent(sheet, content, y))


def _draw_time(sheet: ReportSheet, time: RhythmTime, y: float, right: float) -> None:
    sheet.panel(LEFT_MM, y - 0.4, 3.2, 3.2, RHYTHM_COLOURS[time.rhythm][0])
    sheet.say(LEFT_MM + 5, y + 2.2, sheet.fit(time.called.name, 39, 7.5), 7.5)
    sheet.say(right - 29, y + 2.2, duration(time.seconds), 7.5, bold=True, align="R")
    sheet.say(right - 16.5, y + 2.2, share(time.share), 7.5, bold=True, align="R")
    sheet.say(right, y + 2.2, duration(time.longest.seconds), 7.5, colour=MUTED, align="R")


def _draw_urgent(sheet: ReportSheet, content: ReportContent, y: float) -> float:
    """Draw the urgent episodes in the right half; return their lower edge."""
    left, urgent = LEFT_MM + 97, content.urgent
    y = _section(sheet, y, "Urgent episodes", "longest first within a kind" if urgent else "", x=left)
    if not urgent:
        sheet.say(left, y + 2.2, "None was found.", 8, colour=MUTED)
        return y + _ROW_MM
    for finding in urgent[:RHYTHMS]:
        sheet.say(left, y + 2.2, sheet.fit(finding.title, 40, 8, bold=True), 8, bold=True)
        when = f"{report_clock(finding.start_s)} to {report_clock(finding.stop_s)}"
        sheet.say(RIGHT_MM, y + 2.2, f"{when}, {duration(finding.stop_s - finding.start_s)}", 8, align="R")
        y += 4.4
    if len(urgent) > RHYTHMS:
        sheet.say(left, y + 2.2, f"and {len(urgent) - RHYTHMS} more", 7, colour=MUTED)
        y += _ROW_MM
    return y


def _draw_beats(sheet: ReportSheet, content: ReportContent, y: float) -> float:
    """Draw the table of classes in the left half; return its lower edge."""
    right = LEFT_MM + 88
    y = _section(sheet, y, "Beats", "", stop=right)
    columns: tuple[tuple[float, str, Align], ...] = ((64, "after review", "R"), (88, "model alone", "R"))
    for x, text, align in columns:
        sheet.say(LEFT_MM + x, y - 3.8, text, 6.8, colour=MUTED, align=align)
    in_force, model = content.summary.counts, content.model_counts()
    for row, name in LETTER_NAMES.items():
        sheet.badge(LEFT_MM + 3, y + 2.2, row, 8, boxed=False)
        sheet.say(LEFT_MM + 8, y + 2.2, name, 8)
        sheet.say(LEFT_MM + 64, y + 2.2, grouped(in_force[row]), 8, bold=True, align="R")
        sheet.say(right, y + 2.2, grouped(model[row]), 8, colour=MUTED, align="R")
        y += 4.4
    return y


def _draw_measures(sheet: ReportSheet, content: ReportContent, y: float) -> float:
    """Draw further numbers and the origin of all of them in the right half; return the lower edge."""
    left = LEFT_MM + 97
    y = _section(sheet, y, "Measures and origin", "", x=left)
    analysis = content.analysis
    rows = [
        *_measures(content),
        ("Model", f"{analysis.model} {analysis.model_version}"),
        ("Trained on", content.trained_on or "see the model card"),
        ("Software", f"HeartVision {analysis.version}"),
        ("Recording", f"SHA-256 {analysis.digest[:24]}…"),
    ]
    for name, value in rows:
        sheet.say(left, y + 2.2, sheet.fit(name, 26, 7.5), 7.5, colour=MUTED)
        for line in sheet.wrap(value, RIGHT_MM - left - 28, 7.5):
            sheet.say(left + 28, y + 2.2, line, 7.5)
            y += _LINE_MM
    return y


def _draw_responsible(sheet: ReportSheet, content: ReportContent, y: float) -> None:
    """Draw who reviewed and signed, or a line to sign on."""
    study = content.study
    sheet.rule(y)
    who = study.reader or "nobody yet"
    second = f"; second reader: {study.second_reader}" if study.second_reader else ""
    sheet.say(LEFT_MM, y + 5, sheet.fit(f"Reader: {who}{second}", 104, 8.5), 8.5)
    if study.state == "signed" and study.signed_at is not None:
        text = f"Signed {utc_text(study.signed_at)}, {study.fhir_status}, version {study.version}"
        sheet.say(RIGHT_MM, y + 5, text, 8.5, bold=True, align="R")
    else:
        sheet.say(RIGHT_MM, y + 5, "Not signed: this result is preliminary.", 8.5, bold=True, colour=ALARM, align="R")


def _section(
    sheet: ReportSheet, y: float, title: str, more: str, *, x: float = LEFT_MM, stop: float = RIGHT_MM
) -> float:
    """Draw a heading with a line below; return where the content begins."""
    sheet.say(x, y + 7, title, 10, bold=True)
    sheet.say(x + sheet.width_of(title, 10, bold=True) + 3, y + 7, more, 7, colour=MUTED)
    sheet.rule(y + 8.5, x, stop)
    return y + 11.5


def _number(value: float | None, unit: str = "", digits: int = 0) -> str:
    return "–" if value is None else f"{value:.{digits}f}{'' if unit.startswith('/') else ' '}{unit}".strip()


def _measures(content: ReportContent) -> list[tuple[str, str]]:
    """Return the heart rate variability, or why there is none."""
    found = content.variability
    rows = (("Mean NN", found.mean_nn), ("SDNN", found.sdnn), ("RMSSD", found.rmssd), ("pNN50", found.pnn50))
    return [
        (name, _number(measure.value, measure.unit, 1) if measure.value is not None else "–") for name, measure in rows
    ]


def _analysed(fraction: float) -> str:
    return "all" if fraction >= 1 else share(fraction)
