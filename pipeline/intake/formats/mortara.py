"""Mortara (Welch Allyn, Hillrom, Baxter): the XML of ELI electrocardiographs and of ELI Link (root element ECG)."""

from __future__ import annotations

from typing import Final

from pipeline.config import Limits
from pipeline.errors import LimitError
from pipeline.intake.formats.adapter import build_recording
from pipeline.intake.formats.ecgdatakit_record import decoded_record, library_record
from pipeline.intake.formats.xml_guard import canonical, checked_root, head_text, root_name
from pipeline.types import Recording

WHAT: Final = "Mortara ELI XML file"
CHANNEL_CHARACTERS: Final = 2 * 2**20  # ten seconds at 1 kHz have 27,000; as text, a sample takes 200 bytes to read
_MARKS: Final = ("ACQUISITION_TIME", "<TYPICAL_CYCLE", "<CHANNEL", "<SUBJECT", "MORTARA", "WELCH ALLYN", "ELI LINK")


def recognises(head: bytes) -> bool:
    """Tell whether a file is ELI's: its root element is ECG, and its beginning has one of ELI's words."""
    return root_name(head) == "ECG" and any(mark in head_text(head).upper() for mark in _MARKS)


def read(name: str, payload: bytes, limits: Limits) -> Recording:
    """Read the channels and the measurements; the typical cycle is left out.

    Parameters
    ----------
    name : str
        Untrusted name; a label only.
    payload : bytes
        The whole file.
    limits : Limits
        Limits of the intake.

    Raises
    ------
    LimitError
        If a published limit is exceeded.
    IntakeError
        If the file is damaged or unsafe; one sentence.
    """
    root = checked_root(payload, WHAT)
    if any(len(channel.get("DATA") or channel.text or "") > CHANNEL_CHARACTERS for channel in root.iter()):
        raise LimitError(f"A channel of the {WHAT} has more than {CHANNEL_CHARACTERS:,} characters, the limit.")
    record = library_record("mortara_el250", "MortaraEL250Parser", canonical(root), WHAT)
    return build_recording(name, payload, decoded_record(record, WHAT, limits), tag="mortara", limits=limits)
