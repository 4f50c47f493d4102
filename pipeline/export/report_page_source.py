"""The page of paper that a recording was read from, and the page network's second opinion, as a page of the report."""

from __future__ import annotations

import io
from typing import Final

from pipeline.export.pdf_page import ALARM, BOTTOM_MM, INNER_MM, LEFT_MM, MUTED, RIGHT_MM, TOP_MM, ReportSheet
from pipeline.labels import PAGE_CLASS_NAMES
from pipeline.store.page_sources import PageSource
from pipeline.wording import percent

KNOWN: Final = (
    "This page is one of those that the network was trained on: its answer shows what it remembers, not what it can."
)
TITLE: Final = "The page that this was read from"

_LINE_MM: Final = 4.4
_BETWEEN_MM: Final = 6.0


def draw_page_source(sheet: ReportSheet, source: PageSource) -> None:
    """Add the class of the paper page, what it is worth, and the photo and its heat where they were kept."""
    sheet.add_page()
    y = TOP_MM + 3
    sheet.say(LEFT_MM, y, TITLE, 10, bold=True)
    y = _draw_opinion(sheet, source, y + 2 * _LINE_MM)
    pictures = [
        (picture, words)
        for picture, words in (
            (source.photo, "As photographed, with the lines as they were read"),
            (source.heat, "Orange: the leads that spoke for the class of the page"),
        )
        if picture
    ]
    if not pictures:
        sheet.say(LEFT_MM, y, "The photo was not kept.", 8, colour=MUTED)
    room = (BOTTOM_MM - y) / max(1, len(pictures)) - _BETWEEN_MM
    for picture, words in pictures:
        sheet.say(LEFT_MM, y, words, 7.5, colour=MUTED)
        sheet.image(io.BytesIO(picture), x=LEFT_MM, y=y + 2, w=INNER_MM, h=room - 4, keep_aspect_ratio=True)
        y += room + _BETWEEN_MM


def _draw_opinion(sheet: ReportSheet, source: PageSource, y: float) -> float:
    """Draw the class, the probabilities and the limits; return the next baseline."""
    if not source.class_name:
        return _lines(sheet, f"The page network gives no class: {source.why_none}", y)
    name = PAGE_CLASS_NAMES.get(source.class_name, source.class_name)
    sure = "" if source.confident else ", not confident"
    sheet.say(LEFT_MM, y, f"Second opinion of the page network: {name}{sure}", 9, bold=True)
    likely = sorted(source.p.items(), key=lambda item: -item[1])
    text = " · ".join(f"{PAGE_CLASS_NAMES.get(key, key)} {percent(p)}" for key, p in likely)
    y = _lines(sheet, text, y + _LINE_MM + 0.6)
    if source.known:
        y = _lines(sheet, KNOWN, y, alarm=True)
    return _lines(sheet, source.limits, y) + _LINE_MM / 2


def _lines(sheet: ReportSheet, text: str, y: float, *, alarm: bool = False) -> float:
    for line in sheet.wrap(text, RIGHT_MM - LEFT_MM, 8):
        sheet.say(LEFT_MM, y, line, 8, colour=ALARM if alarm else MUTED)
        y += _LINE_MM
    return y
