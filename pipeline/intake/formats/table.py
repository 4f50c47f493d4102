"""The formats that are read from one file, in the order in which they are tried; the one list of them."""

from __future__ import annotations

from typing import Final

from pipeline.intake.formats import aecg, cardiosoft, dicom, mortara, muse, scp, sierra
from pipeline.intake.formats.adapter import HEAD_BYTES, Format

FORMATS: Final[tuple[Format, ...]] = (
    Format("DICOM ECG", (".dcm", ".dicom"), "pydicom", dicom.recognises, dicom.read),
    Format("SCP-ECG", (".scp",), "ecgdatakit", scp.recognises, scp.read),
    Format("HL7 aECG", (".xml",), "ecgdatakit", aecg.recognises, aecg.read),
    Format("GE MUSE XML", (".xml",), "ecgdatakit", muse.recognises, muse.read),
    Format("GE CardioSoft XML", (".xml",), "HeartVision", cardiosoft.recognises, cardiosoft.read),
    Format("Philips Sierra XML", (".xml",), "ecgdatakit", sierra.recognises, sierra.read),
    Format("Mortara ELI XML", (".xml",), "ecgdatakit", mortara.recognises, mortara.read),
)


def format_of(payload: bytes) -> Format | None:
    """Return the format of a file by its content; None if it is none of `FORMATS`."""
    head = payload[:HEAD_BYTES]
    return next((each for each in FORMATS if each.recognises(head)), None)
