"""The formats that are read from one file, in the order in which they are tried; the one list of them."""

from __future__ import annotations

from typing import Final

from pipeline.intake.formats import (
    aecg,
    cardiosoft,
    dicom,
    edf,
    ishne,
    kardia,
    mfer,
    mortara,
    movesense,
    muse,
    scp,
    sierra,
)
from pipeline.intake.formats.adapter import HEAD_BYTES, Format

FORMATS: Final[tuple[Format, ...]] = (
    Format("EDF, EDF+, BDF", (".edf", ".bdf", ".rec"), "edfio", edf.recognises, edf.read),
    Format("ISHNE Holter", (".ecg",), "HeartVision", ishne.recognises, ishne.read),
    Format("MFER", (".mwf", ".mfr", ".mfer"), "ecgdatakit", mfer.recognises, mfer.read),
    Format("AliveCor Kardia ATC", (".atc",), "HeartVision", kardia.recognises_atc, kardia.read_atc),
    Format("AliveCor Kardia JSON", (".json",), "HeartVision", kardia.recognises_json, kardia.read_json),
    Format("Movesense JSON", (".json",), "HeartVision", movesense.recognises, movesense.read),
    Format("DICOM ECG", (".dcm", ".dicom"), "pydicom", dicom.recognises, dicom.read),
    Format("SCP-ECG", (".scp",), "ecgdatakit", scp.recognises, scp.read),
    Format("HL7 aECG", (".xml",), "ecgdatakit", aecg.recognises, aecg.read),
    Format("GE MUSE XML", (".xml",), "ecgdatakit", muse.recognises, muse.read),
    Format("GE CardioSoft XML", (".xml",), "HeartVision", cardiosoft.recognises, cardiosoft.read),
    Format("Philips Sierra XML", (".xml",), "ecgdatakit", sierra.recognises, sierra.read),
    Format("Mortara ELI XML", (".xml",), "ecgdatakit", mortara.recognises, mortara.read),
)
# Formats that need more than one file or a question, beside `FORMATS`; each with the usual endings of its files.
OTHERS: Final = (("WFDB", (".hea", ".dat", ".mat", ".atr")), ("CSV", (".csv", ".tsv", ".txt")))


def format_list() -> str:
    """Return all formats of recordings with the usual endings of their files, as one line of text."""
    rows = (*OTHERS, *((each.name, each.endings) for each in FORMATS))
    return ", ".join(f"{name} ({', '.join(endings)})" for name, endings in rows) + ", or a .zip of them"


def format_names() -> str:
    """Return the names of all formats of recordings, as one short line of text."""
    return ", ".join((*(name for name, _ in OTHERS), *(each.name for each in FORMATS))) + ", or a .zip of them"


def format_endings() -> tuple[str, ...]:
    """Return the usual endings of all files that can hold a recording or a part of one, without their dots."""
    found = (*(ending for _, endings in OTHERS for ending in endings), ".zip")
    found += tuple(ending for each in FORMATS for ending in each.endings)
    return tuple(dict.fromkeys(ending.removeprefix(".") for ending in found))


def format_of(payload: bytes) -> Format | None:
    """Return the format of a file by its content; None if it is none of `FORMATS`."""
    head = payload[:HEAD_BYTES]
    return next((each for each in FORMATS if each.recognises(head)), None)
