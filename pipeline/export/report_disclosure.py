"""Full disclosure: the whole signal of the first analysed lead, a minute a row, every beat that is not N marked."""

from __future__ import annotations

from typing import Final

import numpy as np

from pipeline.export.ecg_paper import trace_pen
from pipeline.export.pdf_page import (
    BOTTOM_MM,
    CLASS_COLOURS,
    INNER_MM,
    LEFT_MM,
    LETTERS,
    MUTED,
    TOP_MM,
    ReportSheet,
)
from pipeline.export.report_content import ReportContent
from pipeline.signal.gaps import runs
from pipeline.types import FloatArray

ROW_S: Final = 60.0
ROWS: Final = 60  # an hour a page
HALVES_MV: Final = (1.0, 1.5, 2.0, 3.0)  # what a row may show above and below its middle; higher waves are cut off
_ABOVE: Final = 99.5  # per cent of the samples lie in the row: a QRS is a tenth of a beat, its peak a tenth of that

_NAMES_MM: Final = 17.0
_POINTS_PER_MM: Final = 4.0  # lowest and highest value in each quarter of a millimetre
_HEAD_MM: Final = 8.0
_MARK_MM: Final = 0.9
_MARKED: Final = "VSFQUX"
_NO_SIGNAL: Final = (225, 228, 231)


def draw_disclosure(sheet: ReportSheet, content: ReportContent) -> None:
    """Add the pages."""
    fs, signal = content.analysis.fs, content.signal_mv[:, 0]
    known = signal[np.isfinite(signal)]
    middle = float(np.median(known)) if known.size else 0.0
    half = _half(np.abs(known - middle), calibrated=content.calibrated[0])
    rows = int(np.ceil(content.analysis.duration_s / ROW_S))
    height = (BOTTOM_MM - TOP_MM - _HEAD_MM) / ROWS
    for row in range(rows):
        if row % ROWS == 0:
            _draw_head(sheet, content, half)
        y = TOP_MM + _HEAD_MM + (row % ROWS + 0.5) * height
        first = round(row * ROW_S * fs)
        value = np.clip((signal[first : round((row + 1) * ROW_S * fs)] - middle) / half, -1, 1)
        sheet.say(LEFT_MM, y + 0.8, content.when(row * ROW_S), 6, colour=MUTED)
        _draw_row(sheet, value, fs, y, height / 2)
        _draw_marks(sheet, content, row, y + height / 2)


def _half(away: FloatArray, *, calibrated: bool) -> float:
    """Return how far a row reaches above and below its middle, from how far samples (n,) are away from it."""
    reach = float(np.percentile(away, _ABOVE if calibrated else 99.9)) if away.size else 0.0
    if not calibrated:
        return max(reach, 1e-6)
    return next((half for half in HALVES_MV if half >= reach), HALVES_MV[-1])


def _draw_head(sheet: ReportSheet, content: ReportContent, half: float) -> None:
    sheet.add_page()
    lead = content.leads[0]
    scale = f"±{half:g} mV, higher waves are cut off" if content.calibrated[0] else "not calibrated"
    sheet.say(LEFT_MM, TOP_MM + 3, f"Full disclosure, lead {lead}", 10, bold=True)
    text = f"a minute a row, {scale}; grey: no signal; marks:"
    left = LEFT_MM + sheet.width_of(f"Full disclosure, lead {lead}", 10, bold=True) + 4
    sheet.say(left, TOP_MM + 3, text, 7, colour=MUTED)
    left += sheet.width_of(text, 7) + 2
    for letter in _MARKED:
        sheet.say(left, TOP_MM + 3, LETTERS.get(letter, letter), 7, bold=True, colour=CLASS_COLOURS[letter])
        left += 3.2


def _draw_row(sheet: ReportSheet, value: FloatArray, fs: float, y: float, half_mm: float) -> None:
    """Draw values (n,) of -1 to 1 as the lowest and the highest of each piece, with gaps open."""
    width = INNER_MM - _NAMES_MM
    step = max(1.0, ROW_S * fs / (width * _POINTS_PER_MM))
    edges = np.unique(np.round(np.arange(0, value.size, step)).astype(np.int64))
    for first, stop in runs(~np.isfinite(value)):
        left_mm, lasts_mm = (samples / (ROW_S * fs) * width for samples in (first, stop - first))
        sheet.panel(LEFT_MM + _NAMES_MM + left_mm, y - half_mm, lasts_mm, 2 * half_mm, _NO_SIGNAL)
    trace_pen(sheet)
    sheet.set_line_width(0.09)
    for first, stop in runs(np.isfinite(value)):
        own = np.unique(np.append(edges[(edges >= first) & (edges < stop)], first))
        low, high = (extreme.reduceat(value[:stop], own) for extreme in (np.minimum, np.maximum))
        x = np.repeat(LEFT_MM + _NAMES_MM + own / (ROW_S * fs) * width, 2)
        heights = y - half_mm * np.column_stack([low, high]).ravel()
        if own.size > 1:
            sheet.polyline(list(zip(x.tolist(), heights.tolist(), strict=True)))


def _draw_marks(sheet: ReportSheet, content: ReportContent, row: int, y: float) -> None:
    """Draw a short stroke in the colour of its class below each beat that is not N."""
    beats = content.beats
    first, last = np.searchsorted(beats.time_s, [row * ROW_S, (row + 1) * ROW_S])
    sheet.set_line_width(0.3)
    for i in range(int(first), int(last)):
        letter = str(beats.aami[i])
        if letter != "N":
            x = LEFT_MM + _NAMES_MM + (float(beats.time_s[i]) - row * ROW_S) / ROW_S * (INNER_MM - _NAMES_MM)
            sheet.set_draw_color(*CLASS_COLOURS[letter])
            sheet.line(x, y - _MARK_MM, x, y)
