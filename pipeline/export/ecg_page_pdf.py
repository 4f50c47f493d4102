"""An ECG on one page in landscape, true to scale: its sheet, what was measured, and what that says."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Final

import numpy as np

from pipeline.export.ecg_paper import draw_paper, trace_pen
from pipeline.export.pdf_page import ALARM, INK, MUTED, ReportSheet
from pipeline.export.report_content import utc_text
from pipeline.measurements import Statement
from pipeline.review.beats_in_force import ReviewedBeats, reviewed_beats
from pipeline.signal.gaps import runs
from pipeline.twelve_leads.layouts import SHEET_LAYOUTS, SheetLayout
from pipeline.twelve_leads.sheet import Sheet, SheetTrace, ecg_sheet
from pipeline.types import Analysis, Recording
from pipeline.wording import duration, interval_words, looked_for_words, report_clock

AS_RECORDED: Final = "Signals as recorded, not filtered."
POINTS_PER_MM: Final = 20.0
STATEMENTS: Final = 8  # written on the page; the others are counted
PAGE_MM: Final = (297.0, 210.0)
_TOP_MM: Final = 19.0
_PAPER_BOTTOM_MM: Final = PAGE_MM[1] - 23.0
_LINE_MM: Final = 4.1
_SIDE_MM: Final = 12.5
_NUMBER_LINES: Final = 4  # three of intervals, one of a remark
_STATEMENTS_MM: Final = 146.0  # left edge


def ecg_page_bytes(
    sheet: Sheet, recording: Recording, analysis: Analysis, created: datetime, *, remark: str = ""
) -> bytes:
    """Return one page in A4 landscape as PDF; the same content gives the same bytes.

    Parameters
    ----------
    sheet : Sheet
        The ECG, as `page_sheet` lays it out.
    recording : Recording
        What it shows.
    analysis : Analysis
        Whose beats and measurements it has.
    created : datetime
        When the page is made, UTC.
    remark : str, optional
        A line below the intervals, such as what a reader changed.

    Notes
    -----
    A millimetre of the sheet is a millimetre of the page: 25 mm/s and 10 mm/mV unless another speed and gain were
    asked for, with grid lines every 1 and 5 mm (IEC 60601-2-25), all drawn as vectors.
    """
    pdf = ReportSheet(
        title=f"ECG {analysis.record}",
        heading=f"ECG · {analysis.record}",
        state="not reviewed",
        origin=f"HeartVision {analysis.version} · model {analysis.model} {analysis.model_version} · "
        f"recording SHA-256 {analysis.digest[:16]} · made {utc_text(created)}",
        created=created,
        settled=False,
    )
    draw_ecg_page(pdf, sheet, recording, analysis, created, remark=remark)
    return bytes(pdf.output())


def page_sheet(
    recording: Recording,
    start_s: float = 0.0,
    *,
    layout: SheetLayout = SHEET_LAYOUTS["3x4"],
    speed_mm_s: float = 25.0,
    gain_mm_mv: float = 10.0,
    lines: int = 3,
) -> Sheet:
    """Lay a stretch out as high as a page has room for.

    Parameters
    ----------
    recording : Recording
        The recording.
    start_s : float, optional
        Where the stretch begins, seconds.
    layout : SheetLayout, optional
        Which lead stands where.
    speed_mm_s, gain_mm_mv : float, optional
        Paper speed and gain.
    lines : int, optional
        Lines of text over the paper.
    """
    return ecg_sheet(
        recording, layout, start_s=start_s, speed_mm_s=speed_mm_s, gain_mm_mv=gain_mm_mv,
        points_per_mm=POINTS_PER_MM, highest_mm=_PAPER_BOTTOM_MM - _TOP_MM - 10 - lines * _LINE_MM,
    )  # fmt: skip


def lines_over(analysis: Analysis) -> int:
    """Return how many lines of text stand over the paper, the name included."""
    return 1 + max(_NUMBER_LINES, len(statements_shown(analysis)))


def statements_shown(analysis: Analysis) -> tuple[Statement, ...]:
    """Return the statements that a page has room for, urgent ones first."""
    return () if analysis.measured is None else analysis.measured.statements[:STATEMENTS]


def draw_ecg_page(
    pdf: ReportSheet,
    sheet: Sheet,
    recording: Recording,
    analysis: Analysis,
    created: datetime,
    *,
    remark: str = "",
    beats: ReviewedBeats | None = None,
) -> None:
    """Add a page in landscape with the ECG.

    Parameters
    ----------
    pdf : ReportSheet
        The document.
    sheet : Sheet
        The ECG.
    recording : Recording
        What it shows.
    analysis : Analysis
        Whose beats and measurements it has.
    created : datetime
        When the page is made, UTC.
    remark : str, optional
        A line below the intervals.
    beats : ReviewedBeats, optional
        The beats in force, whose letters are then drawn, those that a person decided in a box.
    """
    pdf.add_page(orientation="landscape")
    y = _draw_head(pdf, sheet, recording, analysis, created)
    if remark:
        pdf.say(_SIDE_MM, _TOP_MM + 4 + _NUMBER_LINES * _LINE_MM, pdf.fit(remark, 128, 8), 8, colour=ALARM)
    left = (PAGE_MM[0] - sheet.width_mm) / 2
    top = min(y + 3.0, _PAPER_BOTTOM_MM - sheet.height_mm)
    draw_paper(pdf, left, top, sheet.width_mm, sheet.height_mm)
    _draw_marks(pdf, sheet, left, top)
    with pdf.rect_clip(left, top, sheet.width_mm, sheet.height_mm):
        for trace in sheet.traces:
            _draw_trace(pdf, trace, left, top)
    for trace in sheet.traces:
        _draw_name(pdf, sheet, trace, left, top)
    _draw_letters(pdf, sheet, reviewed_beats(analysis, ()) if beats is None else beats, left, top)
    notes = " ".join((*sheet.notes, AS_RECORDED))
    pdf.say(left, top + sheet.height_mm + 3.6, pdf.fit(notes, sheet.width_mm - 98, 7), 7, colour=MUTED)
    pdf.say(left + sheet.width_mm, top + sheet.height_mm + 3.6, sheet.scales, 8, bold=True, align="R")
    _draw_ruler(pdf, left + sheet.width_mm - 92, top + sheet.height_mm + 4.4)


def _draw_head(pdf: ReportSheet, sheet: Sheet, recording: Recording, analysis: Analysis, created: datetime) -> float:
    """Draw the name, numbers on the left and statements on the right; return their lower edge."""
    right = PAGE_MM[0] - _SIDE_MM
    pdf.say(_SIDE_MM, _TOP_MM + 4, pdf.fit(analysis.record, 120, 14, bold=True), 14, bold=True)
    shown = f"{report_clock(sheet.start_s)} to {report_clock(sheet.start_s + sheet.window_s)}"
    words = (
        f"{duration(recording.duration_s)} recorded", f"shown {shown}", f"{len(recording.leads)} leads",
        f"{recording.fs:g} Hz", f"printed {utc_text(created)[:10]}",
    )  # fmt: skip
    pdf.say(right, _TOP_MM + 4, "  ·  ".join(words), 8, colour=MUTED, align="R")
    y = _TOP_MM + 4 + _LINE_MM
    for i, line in enumerate(pdf.wrap(number_words(analysis), 128, 8.5)[: _NUMBER_LINES - 1]):
        pdf.say(_SIDE_MM, y + i * _LINE_MM, line, 8.5)
    said = statements_shown(analysis)
    for i, statement in enumerate(said):
        text = pdf.fit(statement.text, 138, 8.5, bold=statement.urgent)
        colour = ALARM if statement.urgent else INK
        pdf.say(_STATEMENTS_MM, y + i * _LINE_MM, text, 8.5, bold=statement.urgent, colour=colour)
    if analysis.measured is not None and not said:
        for i, line in enumerate(pdf.wrap(looked_for_words(analysis.measured), 138, 8)[:_NUMBER_LINES]):
            pdf.say(_STATEMENTS_MM, y + i * _LINE_MM, line, 8, colour=MUTED)
    return y + (lines_over(analysis) - 2) * _LINE_MM


def number_words(analysis: Analysis) -> str:
    """Return rate, intervals and axes in one line of words."""
    rr_s = np.diff(analysis.time_s)
    rate = f"Rate {60 / float(np.median(rr_s)):.0f}/min" if rr_s.size else "No rate"
    return "; ".join((rate, *(interval_words(analysis.measured) if analysis.measured else ())))


def _draw_trace(pdf: ReportSheet, trace: SheetTrace, left: float, top: float) -> None:
    trace_pen(pdf)
    for first, stop in runs(np.isfinite(trace.y_mm)):
        if stop - first > 1:
            x, y = trace.x_mm[first:stop] + left, trace.y_mm[first:stop] + top
            pdf.polyline(list(zip(x.tolist(), y.tolist(), strict=True)))


def _draw_marks(pdf: ReportSheet, sheet: Sheet, left: float, top: float) -> None:
    """Draw the calibration pulses, and a stroke where a new column begins."""
    trace_pen(pdf)
    for row in range(len(sheet.zero_mm)):
        for (x, y), (to_x, to_y) in pairwise(sheet.pulse(row)):
            pdf.line(left + x, top + y, left + to_x, top + to_y)
    for x in sheet.columns_mm:
        for row, zero in enumerate(sheet.zero_mm):
            if row != sheet.strip_row:
                pdf.line(left + x, top + zero - 2, left + x, top + zero + 2)


def _draw_name(pdf: ReportSheet, sheet: Sheet, trace: SheetTrace, left: float, top: float) -> None:
    words = f"{trace.lead}{'*' if trace.derived else ''}{'' if trace.calibrated else ' (uncalibrated)'}"
    x, baseline = sheet.name_at(trace)
    width = pdf.width_of(words, 8, bold=True)
    pdf.panel(left + x - 0.4, top + baseline - 2.6, width + 0.8, 3.3, (255, 255, 255))
    pdf.say(left + x, top + baseline, words, 8, bold=True)


def _draw_letters(pdf: ReportSheet, sheet: Sheet, beats: ReviewedBeats, left: float, top: float) -> None:
    """Draw the class in force of each beat over the rhythm strip."""
    first, stop = np.searchsorted(beats.time_s, (sheet.start_s, sheet.start_s + sheet.window_s))
    for i in range(int(first), int(stop)):
        x = left + sheet.x_of(float(beats.time_s[i]))
        pdf.badge(x, top + sheet.letters_mm + 1, str(beats.aami[i]), 7, boxed=bool(beats.human[i]))


def _draw_ruler(pdf: ReportSheet, x: float, y: float) -> None:
    """Draw 50 mm to check the print with."""
    pdf.set_draw_color(*INK)
    pdf.set_line_width(0.25)
    pdf.line(x, y, x + 50, y)
    for i in range(6):
        pdf.line(x + i * 10, y - (1.6 if i in (0, 5) else 0.9), x + i * 10, y)
    pdf.say(x + 25, y - 2.0, "50 mm if printed at 100 %", 6, colour=MUTED, align="C")
