"""The formats that are read from one file, in the order in which they are tried; the one list of them."""

from __future__ import annotations

from typing import Final

from pipeline.intake.formats import edf, ishne, kardia, mfer, movesense
from pipeline.intake.formats.adapter import HEAD_BYTES, Format

FORMATS: Final[tuple[Format, ...]] = (
    Format("EDF, EDF+, BDF", (".edf", ".bdf"), "edfio", edf.recognises, edf.read),
    Format("ISHNE Holter", (".ecg",), "HeartVision", ishne.recognises, ishne.read),
    Format("MFER", (".mwf",), "ecgdatakit", mfer.recognises, mfer.read),
    Format("AliveCor Kardia ATC", (".atc",), "HeartVision", kardia.recognises_atc, kardia.read_atc),
    Format("AliveCor Kardia JSON", (".json",), "HeartVision", kardia.recognises_json, kardia.read_json),
    Format("Movesense JSON", (".json",), "HeartVision", movesense.recognises, movesense.read),
)


def format_of(payload: bytes) -> Format | None:
    """Return the format of a file by its content; None if it is none of `FORMATS`."""
    head = payload[:HEAD_BYTES]
    return next((each for each in FORMATS if each.recognises(head)), None)
