"""An ECG on one page in landscape, true to scale: its sheet, what was measured, and what that says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np

from pipeline._util.files import write_bytes
from pipeline.export.ecg_paper import draw_paper, trace_pen
from pipeline.export.pdf_page import ALARM, INK, MUTED, ReportSheet
from pipeline.export.report_content import utc_text
from pipeline.measurements import Measurements, Spread, Statement
from pipeline.signal.gaps import runs
from pipeline.twelve_leads.layouts import SHEET_LAYOUTS, SheetLayout
from pipeline.twelve_leads.sheet import Sheet, SheetTrace, ecg_sheet
from pipeline.types import Analysis, Recording
from pipeline.wording import duration, report_clock

AS_RECORDED: Final = "Signals as recorded, not filtered."
POINTS_PER_MM: Final = 20.0
STATEMENTS: Final = 8  # written on the page; the others are counted
PAGE_MM: Final = (297.0, 210.0)
_TOP_MM: Final = 19.0
_PAPER_BOTTOM_MM: Final = PAGE_MM[1] - 23.0
_LINE_MM: Final = 4.1
_SIDE_MM: Final = 12.5
_UNITS: Final[Mapping[str, str]] = {"RR": "ms", "P": "ms", "PR": "ms", "QRS": "ms", "QT": "ms"}


@dataclass(frozen=True)
class PageFacts:
    """What stands over an ECG.

    Attributes
    ----------
    analysis : Analysis
        Whose beats and rhythm it is.
    created : datetime
        When the page is made, UTC.
    measurements : Measurements or None
        What was measured; None where nothing was.
    """

    analysis: Analysis
    created: datetime
    measurements: Measurements | None = None


def write_ecg_page(path: Path, sheet: Sheet, recording: Recording, facts: PageFacts) -> Path:
    """Write `ecg_page_bytes`, whole or not at all.

    Parameters
    ----------
    path : Path
        Where to.
    sheet : Sheet
        The ECG.
    recording : Recording
        What it shows.
    facts : PageFacts
        What stands over it.

    Raises
    ------
    DataError
        If it cannot be written.
    """
    return write_bytes(path, ecg_page_bytes(sheet, recording, facts))


def ecg_page_bytes(sheet: Sheet, recording: Recording, facts: PageFacts) -> bytes:
    """Return one page in A4 landscape as PDF; the same content gives the same bytes.

    Parameters
    ----------
    sheet : Sheet
        The ECG, as `page_sheet` lays it out.
    recording : Recording
        What it shows.
    facts : PageFacts
        What stands over it.

    Notes
    -----
    A millimetre of the sheet is a millimetre of the page: 25 mm/s and 10 mm/mV unless another speed and gain were
    asked for, with grid lines every 1 and 5 mm (IEC 60601-2-25), all drawn as vectors.
    """
    analysis = facts.analysis
    pdf = ReportSheet(
        title=f"ECG {analysis.record}",
        heading=f"ECG · {analysis.record}",
        state="not reviewed",
        origin=f"HeartVision {analysis.version} · model {analysis.model} {analysis.model_version} · "
        f"recording SHA-256 {analysis.digest[:16]} · made {utc_text(facts.created)}",
        created=facts.created,
        settled=False,
    )
    draw_ecg_page(pdf, sheet, recording, facts)
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


def lines_over(measurements: Measurements | None) -> int:
    """Return how many lines of text stand over the paper."""
    return max(3, 1 + len(statement_lines(measurements)))


def statement_lines(measurements: Measurements | None) -> tuple[Statement, ...]:
    """Return the statements that a page has room for, urgent ones first."""
    return () if measurements is None else measurements.statements[:STATEMENTS]


def draw_ecg_page(pdf: ReportSheet, sheet: Sheet, recording: Recording, facts: PageFacts) -> None:
    """Add a page in landscape with the ECG.

    Parameters
    ----------
    pdf : ReportSheet
        The document.
    sheet : Sheet
        The ECG.
    recording : Recording
        What it shows.
    facts : PageFacts
        What stands over it.
    """
    pdf.add_page(orientation="landscape")
    y = _draw_head(pdf, sheet, recording, facts)
    left = (PAGE_MM[0] - sheet.width_mm) / 2
    top = min(y + 3.0, _PAPER_BOTTOM_MM - sheet.height_mm)
    draw_paper(pdf, left, top, sheet.width_mm, sheet.height_mm)
    _draw_marks(pdf, sheet, left, top)
    with pdf.rect_clip(left, top, sheet.width_mm, sheet.height_mm):
        for trace in sheet.traces:
            _draw_trace(pdf, trace, left, top)
    for trace in sheet.traces:
        _draw_name(pdf, sheet, trace, left, top)
    _draw_letters(pdf, sheet, facts.analysis, left, top)
    notes = " ".join((*sheet.notes, AS_RECORDED))
    pdf.say(left, top + sheet.height_mm + 3.6, pdf.fit(notes, sheet.width_mm - 98, 7), 7, colour=MUTED)
    pdf.say(left + sheet.width_mm, top + sheet.height_mm + 3.6, sheet.scales, 8, bold=True, align="R")
    _draw_ruler(pdf, left + sheet.width_mm - 92, top + sheet.height_mm + 4.4)


def _draw_head(pdf: ReportSheet, sheet: Sheet, recording: Recording, facts: PageFacts) -> float:
    """Draw the name, numbers on the left and statements on the right; return their lower edge."""
    right = PAGE_MM[0] - _SIDE_MM
    pdf.say(_SIDE_MM, _TOP_MM + 4, pdf.fit(facts.analysis.record, 120, 14, bold=True), 14, bold=True)
    shown = f"{report_clock(sheet.start_s)} to {report_clock(sheet.start_s + sheet.window_s)}"
    words = (
        f"{duration(recording.duration_s)} recorded", f"shown {shown}", f"{len(recording.leads)} leads",
        f"{recording.fs:g} Hz", f"printed {utc_text(facts.created)[:10]}",
    )  # fmt: skip
    pdf.say(right, _TOP_MM + 4, "  ·  ".join(words), 8, colour=MUTED, align="R")
    y = _TOP_MM + 4 + _LINE_MM
    for i, line in enumerate(number_lines(facts)):
        pdf.say(_SIDE_MM, y + i * _LINE_MM, pdf.fit(line, 125, 8.5), 8.5)
    said = statement_lines(facts.measurements)
    for i, statement in enumerate(said):
        colour = ALARM if statement.urgent else INK
        pdf.say(145, y + i * _LINE_MM, pdf.fit(statement.text, 140, 8.5, bold=statement.urgent), 8.5,
                bold=statement.urgent, colour=colour)  # fmt: skip
    if facts.measurements is not None and not said:
        looked = ", ".join(facts.measurements.looked_for)
        pdf.say(145, y, pdf.fit(f"Nothing found; looked for {looked}.", 140, 8), 8, colour=MUTED)
    return y + max(2, len(said) - 1) * _LINE_MM


def number_lines(facts: PageFacts) -> tuple[str, ...]:
    """Return rate, intervals and axes in words, at most three lines."""
    rr_s = np.diff(facts.analysis.time_s)
    rate = f"Rate {60 / float(np.median(rr_s)):.0f}/min" if rr_s.size else "No rate"
    found = facts.measurements
    if found is None:
        return (rate,)
    intervals = [f"{name} {_ms(spread)}" for name, spread in found.intervals.items() if name != "RR"]
    qtc = f"QTc {found.qtc_ms[found.qtc_used]:.0f} ms ({found.qtc_used})" if found.qtc_used else ""
    axes = [f"{name} {degrees:.0f}°" for name, degrees in found.axis_deg.items()]
    last = "  ·  ".join(part for part in (qtc, f"Axis {', '.join(axes)}" if axes else "") if part)
    return tuple(line for line in ("  ·  ".join((rate, *intervals)), last) if line)


def _ms(spread: Spread) -> str:
    return f"{spread.median:.0f} ms"


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


def _draw_letters(pdf: ReportSheet, sheet: Sheet, analysis: Analysis, left: float, top: float) -> None:
    """Draw the class of each beat over the rhythm strip; `U` where it was not classified."""
    first, stop = np.searchsorted(analysis.time_s, (sheet.start_s, sheet.start_s + sheet.window_s))
    for beat in range(int(first), int(stop)):
        letter = analysis.symbol[beat] if analysis.status[beat] == "classified" else "U"
        pdf.badge(left + sheet.x_of(float(analysis.time_s[beat])), top + sheet.letters_mm + 1, letter, 7, boxed=False)


def _draw_ruler(pdf: ReportSheet, x: float, y: float) -> None:
    """Draw 50 mm to check the print with."""
    pdf.set_draw_color(*INK)
    pdf.set_line_width(0.25)
    pdf.line(x, y, x + 50, y)
    for i in range(6):
        pdf.line(x + i * 10, y - (1.6 if i in (0, 5) else 0.9), x + i * 10, y)
    pdf.say(x + 25, y - 2.0, "50 mm if printed at 100 %", 6, colour=MUTED, align="C")
