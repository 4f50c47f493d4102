"""GE MUSE: the XML that the archive exports (root element RestingECG); eight leads, four more are derived later."""

from __future__ import annotations

from typing import Final

from pipeline.config import Limits
from pipeline.intake.formats.adapter import build_recording
from pipeline.intake.formats.ecgdatakit_record import decoded_record, library_record
from pipeline.intake.formats.xml_guard import canonical, checked_root, root_name
from pipeline.types import Recording

WHAT: Final = "GE MUSE XML file"


def recognises(head: bytes) -> bool:
    """Tell whether a file is an export of MUSE by its root element."""
    return root_name(head).casefold() == "restingecg"


def read(name: str, payload: bytes, limits: Limits) -> Recording:
    """Read the rhythm leads and the measurements; the median beats are left out.

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
    record = library_record("ge_muse_xml", "GEMuseXMLParser", canonical(checked_root(payload, WHAT)), WHAT)
    return build_recording(name, payload, decoded_record(record, WHAT, limits), tag="muse", limits=limits)
