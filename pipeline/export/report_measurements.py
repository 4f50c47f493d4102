"""The section of the report with intervals, axis and statements, the urgent ones first and red."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pipeline.export.pdf_page import ALARM, INK, INNER_MM, LEFT_MM, MUTED, ReportSheet
from pipeline.measurements import Measurements, Statement
from pipeline.wording import interval_words, looked_for_words

ALWAYS: Final = 2  # statements; the urgent ones come first
_LINE_MM: Final = 4.2
_ROW_MM: Final = 3.4  # between lines of one statement
_TEXT_MM: Final = 84.0
_GAP_MM: Final = 0.8


def draw_measurements(
    sheet: ReportSheet, measured: Measurements, y: float, stop: float, moved: Sequence[str] = ()
) -> float:
    """Draw the section below its heading; return its lower edge.

    One sentence about moved marks and two statements are always there, and as many more as have room.

    Parameters
    ----------
    sheet : ReportSheet
        The page.
    measured : Measurements
        What was measured.
    y, stop : float
        Where it begins, and where it has to end, mm.
    moved : sequence of str, optional
        What a reader moved, a sentence each.
    """
    stop -= 4 * _LINE_MM  # of what was looked for
    for line in sheet.wrap("  ·  ".join(interval_words(measured)), INNER_MM, 8):
        sheet.say(LEFT_MM, y + 2.2, line, 8)
        y += _LINE_MM
    y = draw_moved(sheet, moved, y, stop - sum(_height(sheet, one) for one in measured.statements[:ALWAYS]))
    drawn = 0
    for one in measured.statements:
        if drawn >= ALWAYS and y + _height(sheet, one) > stop:
            break
        y = _draw_statement(sheet, one, y)
        drawn += 1
    y = _draw_left(sheet, len(measured.statements) - drawn, y)
    for line in sheet.wrap(looked_for_words(measured), INNER_MM, 7):
        sheet.say(LEFT_MM, y + 2.2, line, 7, colour=MUTED)
        y += _LINE_MM
    return y


def draw_moved(sheet: ReportSheet, moved: Sequence[str], y: float, stop: float) -> float:
    """Draw what a reader moved, the first sentence always and the others while they have room; return the lower edge.

    Parameters
    ----------
    sheet : ReportSheet
        The page.
    moved : sequence of str
        What was moved, a sentence each.
    y, stop : float
        Where it begins, and where it has to end, mm.
    """
    for drawn, one in enumerate(moved):
        lines, left = sheet.wrap(one, INNER_MM, 8), len(moved) - drawn
        if drawn and y + _LINE_MM * (len(lines) + (left > 1)) > stop:
            return _draw_left(sheet, left, y)
        for line in lines:
            sheet.say(LEFT_MM, y + 2.2, line, 8, colour=ALARM)
            y += _LINE_MM
    return y


def _draw_left(sheet: ReportSheet, left: int, y: float) -> float:
    """Tell how many have no room, if any; return the lower edge."""
    if not left:
        return y
    sheet.say(LEFT_MM, y + 2.2, f"and {left} more in the workbench.", 7.5, colour=MUTED)
    return y + _LINE_MM


def _lines(sheet: ReportSheet, one: Statement) -> tuple[list[str], list[str]]:
    return sheet.wrap(one.text, _TEXT_MM - 8, 8), sheet.wrap(one.evidence, INNER_MM - _TEXT_MM - 3, 7)


def _height(sheet: ReportSheet, one: Statement) -> float:
    return max(map(len, _lines(sheet, one))) * _ROW_MM + _GAP_MM


def _draw_statement(sheet: ReportSheet, one: Statement, y: float) -> float:
    """Draw a statement whole, its evidence beside it; return the lower edge."""
    text, evidence = _lines(sheet, one)
    for number, line in enumerate(text):
        at = y + 2.2 + number * _ROW_MM
        sheet.say(LEFT_MM, at, line, 8, bold=True, colour=ALARM if one.urgent else INK)
    for number, line in enumerate(evidence):
        sheet.say(LEFT_MM + _TEXT_MM + 3, y + 2.2 + number * _ROW_MM, line, 7, colour=MUTED)
    return y + _height(sheet, one)
