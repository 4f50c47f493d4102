"""The section of the report with intervals, axis and statements, the urgent ones first and red."""

from __future__ import annotations

from typing import Final

from pipeline.export.pdf_page import ALARM, INK, INNER_MM, LEFT_MM, MUTED, ReportSheet
from pipeline.measurements import Measurements
from pipeline.wording import interval_words, looked_for_words

STATEMENTS: Final = 6
_LINE_MM: Final = 4.2


def draw_measurements(sheet: ReportSheet, measured: Measurements, y: float) -> float:
    """Draw the section below its heading; return its lower edge.

    Parameters
    ----------
    sheet : ReportSheet
        The page.
    measured : Measurements
        What was measured.
    y : float
        Where it begins, mm.
    """
    for line in sheet.wrap("  ·  ".join(interval_words(measured)), INNER_MM, 8):
        sheet.say(LEFT_MM, y + 2.2, line, 8)
        y += _LINE_MM
    for one in measured.statements[:STATEMENTS]:
        text = sheet.fit(one.text, 84, 8, bold=True)
        sheet.say(LEFT_MM, y + 2.2, text, 8, bold=True, colour=ALARM if one.urgent else INK)
        sheet.say(LEFT_MM + 87, y + 2.2, sheet.fit(one.evidence, INNER_MM - 87, 7), 7, colour=MUTED)
        y += _LINE_MM
    if (left := len(measured.statements) - STATEMENTS) > 0:
        sheet.say(LEFT_MM, y + 2.2, f"and {left} more in the workbench.", 7.5, colour=MUTED)
        y += _LINE_MM
    for line in sheet.wrap(looked_for_words(measured), INNER_MM, 7):
        sheet.say(LEFT_MM, y + 2.2, line, 7, colour=MUTED)
        y += _LINE_MM
    return y
