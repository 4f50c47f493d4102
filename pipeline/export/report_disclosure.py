"""Full disclosure: the whole signal of the first analysed lead, a minute a row, every beat that is not N marked."""

from __future__ import annotations

from typing import Final

import numpy as np

from pipeline.export.ecg_paper import trace_pen
from pipeline.export.pdf_page import BOTTOM_MM, CLASS_COLOURS, INNER_MM, LEFT_MM, MUTED, RIGHT_MM, TOP_MM, ReportSheet
from pipeline.export.report_content import ReportContent
from pipeline.signal.gaps import runs
from pipeline.types import FloatArray

ROW_S: Final = 60.0
ROWS: Final = 60  # an hour a page
HALF_MV: Final = 1.5  # what a row shows above and below its middle; higher waves are cut off and said to be

_NAMES_MM: Final = 17.0
_POINTS_PER_MM: Final = 4.0  # lowest and highest value in each quarter of a millimetre
_HEAD_MM: Final = 8.0
_MARK_MM: Final = 0.9


def draw_disclosure(sheet: ReportSheet, content: ReportContent) -> None:
    """Add the pages."""
    fs, signal = content.analysis.fs, content.signal_mv[:, 0]
    known = signal[np.isfinite(signal)]
    middle = float(np.median(known)) if known.size else 0.0
    half = HALF_MV if content.calibrated[0] else max(float(np.percentile(np.abs(known - middle), 99.9)), 1e-6)
    rows = int(np.ceil(content.analysis.duration_s / ROW_S))
    height = (BOTTOM_MM - TOP_MM - _HEAD_MM) / ROWS
    for row in range(rows):
        if row % ROWS == 0:
            _draw_head(sheet, content)
        y = TOP_MM + _HEAD_MM + (row % ROWS + 0.5) * height
        first = round(row * ROW_S * fs)
        value = np.clip((signal[first : round((row + 1) * ROW_S * fs)] - middle) / half, -1, 1)
        sheet.say(LEFT_MM, y + 0.8, content.when(row * ROW_S), 6, colour=MUTED)
        _draw_row(sheet, value, fs, y, height / 2)
        _draw_marks(sheet, content, row, y + height / 2)


def _draw_head(sheet: ReportSheet, content: ReportContent) -> None:
    sheet.add_page()
    lead = content.leads[0]
    scale = f"{HALF_MV:g} mV above and below its middle" if content.calibrated[0] else "not calibrated"
    sheet.say(LEFT_MM, TOP_MM + 3, f"Full disclosure, lead {lead}", 10, bold=True)
    text = f"a minute a row, {scale}; what is higher is cut off; marks: not N"
    left = LEFT_MM + sheet.width_of(f"Full disclosure, lead {lead}", 10, bold=True) + 4
    sheet.say(left, TOP_MM + 3, sheet.fit(text, RIGHT_MM - left, 7), 7, colour=MUTED)


def _draw_row(sheet: ReportSheet, value: FloatArray, fs: float, y: float, half_mm: float) -> None:
    """Draw values (n,) of -1 to 1 as the lowest and the highest of each piece, with gaps open."""
    width = INNER_MM - _NAMES_MM
    step = max(1.0, ROW_S * fs / (width * _POINTS_PER_MM))
    edges = np.unique(np.round(np.arange(0, value.size, step)).astype(np.int64))
    trace_pen(sheet)
    sheet.set_line_width(0.12)
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
