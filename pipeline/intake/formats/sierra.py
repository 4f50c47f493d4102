"""Philips Sierra and PageWriter XML (root element restingecgdata), plain or XLI-compressed, 1.03 to 1.04.02."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Limits
from pipeline.errors import IntakeError, LimitError
from pipeline.intake.formats.adapter import build_recording
from pipeline.intake.formats.ecgdatakit_record import decoded_record, library_record
from pipeline.intake.formats.xml_guard import canonical, checked_root, root_name, text_of
from pipeline.types import Recording

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

WHAT: Final = "Philips ECG XML file"
VERSIONS: Final = ("1.03", "1.04", "1.04.01", "1.04.02")
UNPACKED_BYTES: Final = 4 * 2**20  # of all leads; 12 leads of 11 s at 500 Hz have 132 kB
CHUNKS: Final = 32  # one for each lead
_CHUNK_HEADER: Final = 8
_FIRST_STRING: Final = 256  # LZW codes of 10 bits: below are the bytes themselves ...
_LAST_STRING: Final = 1022  # ... and above is the end


def recognises(head: bytes) -> bool:
    """Tell whether a file is Philips' by its root element."""
    return root_name(head).casefold() == "restingecgdata"


def read(name: str, payload: bytes, limits: Limits) -> Recording:
    """Read the rhythm leads, the measurements and the statements; representative beats are left out.

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
        If the file is of an unknown version, damaged or unsafe; one sentence.
    """
    root = checked_root(payload, WHAT)
    version = text_of(root, "documentinfo/documentversion")
    if version not in VERSIONS:
        raise IntakeError(f"The {WHAT} is of another version than {', '.join(VERSIONS)}; export it in one of these.")
    for waveforms in root.iter("parsedwaveforms"):
        _check_unpacked(waveforms)
    record = library_record("sierra_xml", "SierraXMLParser", canonical(root), WHAT)
    return build_recording(name, payload, decoded_record(record, WHAT, limits), tag="sierra", limits=limits)


def _check_unpacked(waveforms: Element) -> None:
    """Refuse compressed leads that unpack to more than they can be; what is damaged is left to the reader to refuse."""
    if "XLI" not in "".join(waveforms.attrib.values()).upper():
        return
    try:
        packed = base64.b64decode("".join("".join(waveforms.itertext()).split()), validate=True)
    except (binascii.Error, ValueError):
        return
    left, place, chunks = UNPACKED_BYTES, 0, 0
    while place + _CHUNK_HEADER < len(packed):
        size = int.from_bytes(packed[place : place + 4], "little", signed=True)
        if size <= 0:
            return
        place += _CHUNK_HEADER
        left -= unpacked_size(packed[place : place + size], left)
        place, chunks = place + size, chunks + 1
        if left <= 0 or chunks > CHUNKS:
            raise LimitError(
                f"The compressed leads of the {WHAT} unpack to more than {UNPACKED_BYTES:,} bytes, or are more than "
                f"{CHUNKS}."
            )


def unpacked_size(chunk: bytes, most: int) -> int:
    """Return how many bytes a chunk of LZW codes stands for, counted without unpacking it; `most` at the most.

    Parameters
    ----------
    chunk : bytes
        Codes of 10 bits, first bit first.
    most : int
        Where to stop counting.
    """
    lengths = [1] * _FIRST_STRING + [0] * (_LAST_STRING + 1 - _FIRST_STRING)
    next_code, previous, total = _FIRST_STRING, 0, 0
    for code in _codes(chunk[: 2 * most]).tolist():
        if code > _LAST_STRING or total >= most:
            break
        if lengths[code] == 0:
            lengths[code] = previous + 1
        if previous and next_code <= _LAST_STRING:
            lengths[next_code] = previous + 1
            next_code += 1
        previous = lengths[code]
        total += previous
    return min(total, most)


def _codes(chunk: bytes) -> NDArray[np.uint16]:
    """Return the codes (n,) of 10 bits each; five bytes hold four."""
    count = len(chunk) * 8 // 10
    five = np.frombuffer(chunk + b"\x00" * (-len(chunk) % 5), np.uint8).reshape(-1, 5).astype(np.uint16)
    one, two, three, four, last = five.T
    codes = (
        one << 2 | two >> 6,
        (two & 63) << 4 | three >> 4,
        (three & 15) << 6 | four >> 2,
        (four & 3) << 8 | last,
    )
    return np.stack(codes, axis=1).ravel()[:count]
