"""HL7 annotated ECG (aECG, root element AnnotatedECG): the XML of drug trials, and of several makers' exports."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from pipeline.config import Limits
from pipeline.errors import IntakeError
from pipeline.intake.formats.adapter import build_recording
from pipeline.intake.formats.ecgdatakit_record import decoded_record, library_record
from pipeline.intake.formats.xml_guard import canonical, checked_root, root_name
from pipeline.types import Recording

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

WHAT: Final = "HL7 aECG file"
_FIRST_ONLY: Final = "The file holds more than one block of signal; the first was read."


def recognises(head: bytes) -> bool:
    """Tell whether a file is an annotated ECG by its root element."""
    return root_name(head) == "AnnotatedECG"


def read(name: str, payload: bytes, limits: Limits) -> Recording:
    """Read the leads of the first rhythm series, and the annotations that are the device's.

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
        If the file holds no signal, is damaged or unsafe; one sentence.
    """
    root = checked_root(payload, WHAT)
    _check_scales(root)
    skipped: list[str] = []
    record = library_record("hl7_aecg", "HL7aECGParser", canonical(root), WHAT, skipped=skipped)
    fs = record.raw_metadata["rhythm_time"].get("sampling_rate_exact")
    notices = (_FIRST_ONLY,) * any("only the first is read" in line and "beat" not in line for line in skipped)
    decoded = decoded_record(record, WHAT, limits, fs=fs, notices=notices)
    return build_recording(name, payload, decoded, tag="aecg", limits=limits)


def _check_scales(root: Element) -> None:
    """Refuse a file without signal, and one whose amplitudes cannot be known, which would be read as microvolts."""
    values = [value for value in root.iter("value") if value.find("digits") is not None]
    if not values:
        raise IntakeError(f"The {WHAT} holds no signal.")
    for value in values:
        scale, origin = value.find("scale"), value.find("origin")
        steps = [] if scale is None else [scale.get("value", "")]
        steps += [] if origin is None else [origin.get("value", "") or "0"]
        if scale is None or not all(_is_number(step) for step in steps):
            raise IntakeError(f"The {WHAT} states no usable amplitude for one of its leads; export it again.")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
