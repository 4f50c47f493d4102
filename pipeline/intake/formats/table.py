"""The formats that are read from one file, in the order in which they are tried; the one list of them."""

from __future__ import annotations

from typing import Final

from pipeline.intake.formats.adapter import HEAD_BYTES, Format

FORMATS: Final[tuple[Format, ...]] = ()


def format_of(payload: bytes) -> Format | None:
    """Return the format of a file by its content; None if it is none of `FORMATS`."""
    head = payload[:HEAD_BYTES]
    return next((each for each in FORMATS if each.recognises(head)), None)
