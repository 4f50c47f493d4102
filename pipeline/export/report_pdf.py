"""The report on paper: the conclusion and its numbers, the tables of a Holter, strips true to scale, all leads."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

from pipeline._util.files import write_bytes
from pipeline.export.ecg_page_pdf import draw_ecg_page, lines_over, page_sheet
from pipeline.export.moved_marks import moved_lines, moved_remark
from pipeline.export.pdf_page import ALARM, BOTTOM_MM, INNER_MM, LEFT_MM, MUTED, RIGHT_MM, TOP_MM, ReportSheet
from pipeline.export.report_content import ReportContent, utc_text
from pipeline.export.report_disclosure import draw_disclosure
from pipeline.export.report_flow import HEADING_MM, ROW_MM, Flow, draw_lines, frame, section
from pipeline.export.report_measurements import draw_measurements, draw_moved
from pipeline.export.report_page_source import draw_page_source
from pipeline.export.report_sections import (
    NOT_SIGNED,
    SHORT_S,
    Column,
    Table,
    UrgentLine,
    amendment_words,
    beats_table,
    figures,
    further,
    identification,
    kinds_table,
    notices,
    origin_rows,
    reviewed_words,
    rhythm_table,
    rows_table,
    source_words,
    urgent_lines,
    variability_table,
)
from pipeline.export.report_strips import draw_strips
from pipeline.export.report_trend import draw_trend
from pipeline.export.strip_choice import ecg_start
from pipeline.review.states import STUDY_STATES

URGENT_LINES: Final = 8  # written on the first page; the others are counted
SIGNATURE_MM: Final = 8.0

_NAMES_MM: Final = 22.0
_TREND_MM: Final = 38.0
_NO_TREND_MM: Final = 12.0  # without a beat
_LINE_MM: Final = 4.0
_CONCLUSION: Final = 9.5  # points
_CONCLUSION_MM: Final = 4.6  # per line
_SMALL_MM: Final = 3.6
_BESIDE_MM: Final = 64.0  # what stands below the measurements on the first page: tiles, and the beginning of findings


def write_pdf(content: ReportContent, path: Path) -> Path:
    """Write `pdf_bytes`, whole or not at all. Raises DataError if it cannot be written."""
    return write_bytes(path, pdf_bytes(content))


def write_full_pdf(content: ReportContent, path: Path) -> Path:
    """Write `pdf_bytes` with the whole signal. Raises DataError if it cannot be written."""
    return write_bytes(path, pdf_bytes(content, disclosure=True))


def write_summary_pdf(content: ReportContent, path: Path) -> Path:
    """Write `summary_bytes`. Raises DataError if it cannot be written."""
    return write_bytes(path, summary_bytes(content))


def pdf_bytes(content: ReportContent, *, disclosure: bool = False) -> bytes:
    """Return the report as PDF, A4; the same content gives the same bytes.

    Parameters
    ----------
    content : ReportContent
        What it says.
    disclosure : bool, optional
        Whether the whole signal of the first lead is added, an hour a page.

    Notes
    -----
    Strips are true to scale: 25 mm/s, 10 mm/mV, with grid lines every 1 and 5 mm (IEC 60601-2-25), drawn as vectors.
    """
    sheet = _sheet(content)
    flow = _first_page(sheet, content, pages=True)
    if content.analysis.duration_s >= SHORT_S:
        flow.tables(rows_table(content), rhythm_table(content))
        flow.beside(variability_table(content), beats_table(content))
    else:
        flow.beside(rhythm_table(content), beats_table(content))
    flow.table(_origin_table(content))
    draw_strips(sheet, content, flow.y, flow.bottom)
    _draw_ecg(sheet, content)
    if content.page is not None:
        draw_page_source(sheet, content.page)
    if disclosure:
        draw_disclosure(sheet, content)
    return bytes(sheet.output())


def summary_bytes(content: ReportContent) -> bytes:
    """Return one page of the report as PDF, A4: what its first page says, and the table over time where it has room."""
    sheet = _sheet(content)
    flow = _first_page(sheet, content, pages=False)
    if flow.y + HEADING_MM + ROW_MM * (1 + len(content.holter.rows)) <= flow.bottom:
        flow.table(rows_table(content))
    flow.table(rhythm_table(content))
    return bytes(sheet.output())


def _sheet(content: ReportContent) -> ReportSheet:
    sheet = ReportSheet(
        title=f"ECG report {content.analysis.record}",
        heading=f"ECG report · {content.analysis.record}",
        state=state_words(content),
        origin=_origin(content),
        created=content.created,
        settled=content.study.state == "signed",
    )
    sheet.add_page()
    return sheet


def state_words(content: ReportContent) -> str:
    """State the status of the study in words, and what that makes of the report."""
    words = STUDY_STATES[content.study.state].on_report
    return f"{words} · {content.study.fhir_status}"


def _origin(content: ReportContent) -> str:
    analysis = content.analysis
    parts = (
        f"HeartVision {analysis.version}",
        f"model {analysis.model} {analysis.model_version}",
        f"recording SHA-256 {analysis.digest[:16]}",
        f"made {utc_text(content.created)}",
    )
    return " · ".join(parts)


def _first_page(sheet: ReportSheet, content: ReportContent, *, pages: bool) -> Flow:
    """Draw what a reader sees first; what has no room of the tables goes on on the next page, if there is one."""
    _draw_responsible(sheet, content, BOTTOM_MM - SIGNATURE_MM)
    flow = Flow(sheet, reserved_mm=SIGNATURE_MM, pages=pages)
    flow.y = _draw_identification(sheet, content, TOP_MM)
    _draw_conclusion(flow, content)
    flow.y = _draw_urgent(sheet, content, flow.y)
    _draw_measured(flow, content)
    if flow.has(40):
        flow.y += 3.0
        flow.tiles(figures(content))
    if content.analysis.duration_s >= SHORT_S:
        _draw_rate(flow, content)
    flow.table(kinds_table(content))
    return flow


def _draw_measured(flow: Flow, content: ReportContent) -> None:
    """Draw what was measured, and what a reader moved also where nothing was."""
    measured, moved, stop = further(content), moved_lines(content), flow.bottom - _BESIDE_MM
    if measured is not None:
        flow.y = section(flow.sheet, flow.y, "Intervals and statements", "measured in the usual beats of all leads")
        flow.y = draw_measurements(flow.sheet, measured, flow.y, stop, moved)
    elif moved:
        flow.y = section(flow.sheet, flow.y, "Intervals", "by marks that the reader moved")
        flow.y = draw_moved(flow.sheet, moved, flow.y, stop)


def _draw_rate(flow: Flow, content: ReportContent) -> None:
    height = _TREND_MM if len(content.beats) else _NO_TREND_MM
    if flow.has(HEADING_MM + height):
        note = f"beats per minute: mean, minimum and maximum{'; numbers: strips' if flow.pages else ''}"
        y = section(flow.sheet, flow.y, "Heart rate", note)
        draw_trend(flow.sheet, content, y - 2, height, numbers=flow.pages)
        flow.y = y + height


def _draw_identification(sheet: ReportSheet, content: ReportContent, y: float) -> float:
    record = content.analysis.record
    sheet.say(LEFT_MM, y + 5, sheet.fit(f"ECG report {record}", INNER_MM, 17, bold=True), 17, bold=True)
    y = draw_lines(sheet, identification(content), y + 8.5, names_mm=_NAMES_MM)
    for notice in notices(content):
        for line in sheet.wrap(f"Note: {notice}", INNER_MM, 7.5):
            sheet.say(LEFT_MM, y + 2.4, line, 7.5, colour=ALARM)
            y += _LINE_MM
    return y


def _draw_conclusion(flow: Flow, content: ReportContent) -> None:
    """Draw the conclusion that was signed, or the draft of one, and what was not reviewed, in a frame."""
    sheet, signed = flow.sheet, content.study.state == "signed"
    title = "Conclusion" if signed else "No conclusion yet"
    text = content.conclusion or ("No conclusion was written." if signed else f"{NOT_SIGNED}{_draft(content)}")
    lines = [line for part in text.splitlines() for line in sheet.wrap(part, INNER_MM - 8, _CONCLUSION) or [""]]
    small = [
        (line, words.startswith("Urgent"))
        for words in (*reviewed_words(content), *amendment_words(content), *source_words(content))
        for line in sheet.wrap(words, INNER_MM - 8, 7.5)
    ]
    small_mm = _SMALL_MM * len(small)
    flow.y += 3.0
    while lines:  # a conclusion longer than the page goes on on the next one
        room = max(1, int((flow.bottom - flow.y - 9.0 - small_mm) / _CONCLUSION_MM))
        now, lines = lines[:room], lines[room:]
        if lines and not flow.pages:
            now, lines = [*now[:-1], "This goes on in the whole report."], []
        flow.y = _draw_framed(sheet, flow.y, title, now, small, settled=signed)
        title = "Conclusion, continued"
        if lines:
            flow.has(flow.bottom)


def _draw_framed(
    sheet: ReportSheet, y: float, title: str, lines: list[str], small: list[tuple[str, bool]], *, settled: bool
) -> float:
    """Draw a heading, lines, and small lines of which some are loud, in a frame; return its lower edge."""
    height = 9.5 + _CONCLUSION_MM * len(lines) + _SMALL_MM * len(small)
    frame(sheet, y, height, settled=settled)
    sheet.say(LEFT_MM + 4, y + 5.6, title, 10, bold=True)
    at = y + 10.4
    for line in lines:
        sheet.say(LEFT_MM + 4, at, line, _CONCLUSION)
        at += _CONCLUSION_MM
    for line, loud in small:
        sheet.say(LEFT_MM + 4, at, line, 7.5, colour=ALARM if loud else MUTED)
        at += _SMALL_MM
    return y + height


def _draft(content: ReportContent) -> str:
    """Return what was confirmed so far, as it stands."""
    return f"\nConfirmed so far:\n{content.draft}" if content.facts else ""


def _draw_urgent(sheet: ReportSheet, content: ReportContent, y: float) -> float:
    """Draw what is urgent, statements first; return the lower edge."""
    found = urgent_lines(content)
    y = section(sheet, y, "Urgent", "statements of all leads, then rhythm" if found else "")
    if not found:
        sheet.say(LEFT_MM, y + 2.2, "Nothing urgent was found.", 8, colour=MUTED)
        return y + ROW_MM
    for one in found[:URGENT_LINES]:
        y = _draw_urgent_line(sheet, one, y)
    if (left := len(found) - URGENT_LINES) > 0:
        sheet.say(LEFT_MM, y + 2.0, f"and {left} more, counted under Findings", 7.5, colour=MUTED)
        y += ROW_MM
    return y


def _draw_urgent_line(sheet: ReportSheet, one: UrgentLine, y: float) -> float:
    """Draw it whole, its evidence beside it; return the lower edge."""
    text, more = sheet.wrap(one.title, 52, 8), sheet.wrap(one.detail, INNER_MM - 64 - 22, 7.5)
    for number, line in enumerate(text):
        sheet.say(LEFT_MM, y + 2.2 + number * _SMALL_MM, line, 8, bold=True, colour=ALARM)
    for number, line in enumerate(more):
        sheet.say(LEFT_MM + 64, y + 2.2 + number * _SMALL_MM, line, 7.5)
    sheet.say(RIGHT_MM, y + 2.2, one.state, 7.5, colour=MUTED, align="R")
    return y + max(len(text), len(more)) * _SMALL_MM + 0.8


def _origin_table(content: ReportContent) -> Table:
    columns = (Column("", "L", 1.0), Column("", "L", 3.4))
    return Table("Origin", "what made these numbers", columns, origin_rows(content))


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


def _draw_ecg(sheet: ReportSheet, content: ReportContent) -> None:
    """Add a page with all leads, of the usual rhythm where the recording is longer than the page."""
    recording, analysis = content.recording, replace(content.analysis, measured=content.measured)
    if recording is None:
        return
    ecg = page_sheet(recording, ecg_start(content), lines=lines_over(analysis))
    draw_ecg_page(sheet, ecg, recording, analysis, content.created, remark=moved_remark(content), beats=content.beats)
