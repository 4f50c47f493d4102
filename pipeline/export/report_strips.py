"""Strips of ECG paper in a report, as they are drawn on a page."""

from __future__ import annotations

from typing import Final

import numpy as np

from pipeline.export.ecg_paper import (
    GAIN_MM_MV,
    LABEL_MM,
    PULSE_MM,
    SPEED_MM_S,
    Lane,
    arbitrary_lane,
    draw_paper,
    draw_pulse,
    draw_trace,
    lane_for,
    set_closer,
)
from pipeline.export.pdf_page import (
    BOTTOM_MM,
    CLASS_COLOURS,
    INK,
    INNER_MM,
    LEFT_MM,
    LETTERS,
    MUTED,
    RIGHT_MM,
    ReportSheet,
)
from pipeline.export.report_content import ReportContent
from pipeline.export.strip_choice import STRIP_S, Strip, strips
from pipeline.types import FloatArray

_BAND_MM: Final = 2.6  # the rhythm, above the letters
_HEAD_MM: Final = 15.0 + _BAND_MM
_TAIL_MM: Final = 7.0
_LINE_MM: Final = 3.4  # of the detail
_MARKED: Final = (255, 246, 222)
_RR_ROOM_MM: Final = 11.0
_NAME_MM: Final = 15.0  # how far the name of a lead with its scale may reach over its trace


def draw_strips(sheet: ReportSheet, content: ReportContent, y: float, bottom: float) -> None:
    """Draw the first strip at `y` if it fits above `bottom`, the others on as many pages as they need.

    Parameters
    ----------
    sheet : ReportSheet
        The document.
    content : ReportContent
        The report.
    y : float
        Upper edge of the first strip, mm.
    bottom : float
        Lower edge of the space on this page, mm.
    """
    for strip in strips(content):
        lanes = _lanes(content, strip)
        height = _head_mm(sheet, content, strip) + sum(lane.height for lane, _ in lanes) + _TAIL_MM
        if y + height > bottom:
            y, bottom = _new_page(sheet), BOTTOM_MM
        _draw_strip(sheet, content, strip, lanes, y)
        y += height


def _lanes(content: ReportContent, strip: Strip) -> list[tuple[Lane, FloatArray]]:
    fs = content.analysis.fs
    first, stop = int(np.ceil(strip.start_s * fs)), int((strip.start_s + STRIP_S) * fs) + 1
    columns = content.signal_mv[first:stop].T
    pairs = zip(columns, content.calibrated, strict=True)
    lanes = [lane_for(column) if millivolts else arbitrary_lane(column) for column, millivolts in pairs]
    if all(content.calibrated) and columns.shape[1]:
        lanes = set_closer(lanes, list(columns), fs, _NAME_MM)
    return list(zip(lanes, columns, strict=True))


def _new_page(sheet: ReportSheet) -> float:
    """Add a page for strips, with its scales and a bar to check the print with; return where its content starts."""
    sheet.add_page()
    sheet.say(LEFT_MM, 21, "Signals as recorded, not filtered; a lead that is drawn in another scale says so.", 7.5)
    legend = "Letter in a box: decided by a clinician, small letter after it: the model's answer. Numbers: RR in ms."
    sheet.say(LEFT_MM, 24.8, legend, 6.5, colour=MUTED)
    x, y = RIGHT_MM - 50, 24.0
    sheet.set_draw_color(*INK)
    sheet.set_line_width(0.25)
    sheet.line(x, y, x + 50, y)
    for i in range(6):
        sheet.line(x + i * 10, y - (1.6 if i in (0, 5) else 0.9), x + i * 10, y)
    sheet.say(x + 25, y - 2.2, "50 mm if printed at 100 %", 6.5, colour=MUTED, align="C")
    return 28.0


def _draw_strip(
    sheet: ReportSheet, content: ReportContent, strip: Strip, lanes: list[tuple[Lane, FloatArray]], y: float
) -> None:
    usual = all(content.calibrated) and all(lane.gain == GAIN_MM_MV for lane, _ in lanes)
    _draw_heading(sheet, content, strip, y, "25 mm/s · 10 mm/mV" if usual else "25 mm/s · scale at each lead")
    top = y + _head_mm(sheet, content, strip)
    height = sum(lane.height for lane, _ in lanes)
    _draw_marked(sheet, strip, top, height)
    draw_paper(sheet, LEFT_MM, top, INNER_MM, height)
    bottom = top
    names = zip(content.leads, content.calibrated, lanes, strict=True)
    with sheet.rect_clip(LEFT_MM, top, INNER_MM, height):
        for name, calibrated, (lane, value) in names:
            bottom += lane.height
            _draw_lead(sheet, content, strip, lane, value, name, bottom, calibrated=calibrated)
    _draw_letters(sheet, content, strip, top)
    _draw_band(sheet, content, strip, top - _HEAD_MM + 10.8)
    _draw_seconds(sheet, content, strip, top + height)


def _draw_heading(sheet: ReportSheet, content: ReportContent, strip: Strip, y: float, scale: str) -> None:
    tag = "" if not strip.marked else "reviewed" if strip.reviewed else "not reviewed"
    room = INNER_MM - 30
    heading = sheet.fit(f"{strip.number}  {strip.heading}", room, 9.5, bold=True)
    sheet.say(LEFT_MM, y + 5, heading, 9.5, bold=True)
    if strip.also:
        taken = sheet.width_of(heading, 9.5, bold=True) + 2.5
        also = sheet.fit(f"· also {', '.join(strip.also)}", room - taken, 7.5)
        sheet.say(LEFT_MM + taken, y + 5, also, 7.5, colour=MUTED)
    sheet.say(RIGHT_MM, y + 5, tag, 7.5, colour=MUTED, align="R")
    for number, line in enumerate(_detail(sheet, content, strip)):
        sheet.say(LEFT_MM, y + 9 + number * _LINE_MM, line, 7.5, colour=MUTED)
    sheet.say(RIGHT_MM, y + 9, scale, 7.5, colour=MUTED, align="R")


def _detail(sheet: ReportSheet, content: ReportContent, strip: Strip) -> list[str]:
    return sheet.wrap(strip.detail or f"from {content.when(strip.start_s)}", INNER_MM - 42, 7.5)


def _head_mm(sheet: ReportSheet, content: ReportContent, strip: Strip) -> float:
    return _HEAD_MM + _LINE_MM * (len(_detail(sheet, content, strip)) - 1)


def _draw_marked(sheet: ReportSheet, strip: Strip, top: float, height: float) -> None:
    """Draw a pale background behind the stretches of the finding."""
    for start_s, stop_s in strip.marked:
        left = max(0.0, (start_s - strip.start_s) * SPEED_MM_S - 2)
        right = min(STRIP_S * SPEED_MM_S, (stop_s - strip.start_s) * SPEED_MM_S + 2)
        if left < right:
            sheet.panel(LEFT_MM + PULSE_MM + left, top, right - left, height, _MARKED)


def _draw_lead(
    sheet: ReportSheet,
    content: ReportContent,
    strip: Strip,
    lane: Lane,
    value: FloatArray,
    name: str,
    bottom: float,
    *,
    calibrated: bool,
) -> None:
    fs = content.analysis.fs
    origin = LEFT_MM + PULSE_MM
    if calibrated:
        draw_pulse(sheet, LEFT_MM, bottom, lane)
    draw_trace(sheet, origin, bottom, lane, np.ceil(strip.start_s * fs) / fs - strip.start_s, fs, value)
    scale = (
        "no scale: not calibrated" if not calibrated else "" if lane.gain == GAIN_MM_MV else f"{lane.gain:.3g} mm/mV"
    )
    label = f"{name}   {scale}".strip()
    top = bottom - lane.zero - lane.gain - LABEL_MM if calibrated else bottom - lane.height
    sheet.panel(LEFT_MM + 0.6, top + 0.6, sheet.width_of(label, 7.5, bold=True) + 1.6, 3.8, (255, 255, 255))
    sheet.say(LEFT_MM + 1.4, top + 3.5, label, 7.5, bold=True)


def _draw_letters(sheet: ReportSheet, content: ReportContent, strip: Strip, top: float) -> None:
    """Draw the class in force above each beat, the model's beside it where they differ, and RR intervals in between."""
    beats = content.beats
    first, stop = np.searchsorted(beats.sample, np.array([strip.start_s, strip.start_s + STRIP_S]) * beats.fs)
    at = LEFT_MM + PULSE_MM + (beats.sample[first:stop] / beats.fs - strip.start_s) * SPEED_MM_S
    for i, x in zip(range(int(first), int(stop)), at.tolist(), strict=True):
        letter, model = str(beats.aami[i]), str(beats.model_aami[i])
        sheet.badge(x, top - 1.6, letter, 7.5, boxed=bool(beats.human[i]))
        if beats.human[i] and model != letter:
            said = LETTERS.get(model, model) or "–"
            sheet.say(x + 1.9, top - 1.6, said, 5.5, colour=MUTED)
        sheet.set_draw_color(*CLASS_COLOURS[letter])
        sheet.set_line_width(0.25)
        sheet.line(x, top - 1.0, x, top)
        rr_mm = float(beats.rr_s[i]) * SPEED_MM_S
        if i > first and rr_mm >= _RR_ROOM_MM:
            sheet.say(x - rr_mm / 2, top - 1.8, f"{rr_mm / SPEED_MM_S * 1000:.0f}", 5.5, colour=MUTED, align="C")


def _draw_band(sheet: ReportSheet, content: ReportContent, strip: Strip, y: float) -> None:
    """Draw the rhythm of the strip as a coloured band with its names."""
    origin = LEFT_MM + PULSE_MM
    for episode in content.beats.rhythm:
        left = max(0.0, (episode.start_s - strip.start_s) * SPEED_MM_S)
        right = min(STRIP_S * SPEED_MM_S, (episode.stop_s - strip.start_s) * SPEED_MM_S)
        if left < right:
            sheet.rhythm(origin + left, y, right - left, _BAND_MM, episode)


def _draw_seconds(sheet: ReportSheet, content: ReportContent, strip: Strip, bottom: float) -> None:
    """Draw each full second below the paper, the first one as the time since the start of the recording."""
    first = int(np.ceil(strip.start_s))
    last = min(strip.start_s + STRIP_S, content.analysis.duration_s)
    for second in range(first, int(last) + 1):
        x = LEFT_MM + PULSE_MM + (second - strip.start_s) * SPEED_MM_S
        sheet.set_draw_color(*MUTED)
        sheet.set_line_width(0.2)
        sheet.line(x, bottom, x, bottom + 1)
        text = content.when(second) if second == first else f"+{second - first} s"
        sheet.say(min(x, RIGHT_MM - 2), bottom + 3.6, text, 6, colour=MUTED, align="C")
