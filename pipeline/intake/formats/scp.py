"""SCP-ECG (EN 1064, ISO 11073-91064): the binary file of many electrocardiographs; rhythm data of section 6."""

from __future__ import annotations

import binascii
import struct
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from pipeline.config import Limits
from pipeline.errors import IntakeError, LimitError
from pipeline.identity import DeviceReading
from pipeline.intake.formats.adapter import Decoded, build_recording, check_extent
from pipeline.intake.formats.device_terms import device_reading
from pipeline.intake.formats.ecgdatakit_record import decoded_record, library_record
from pipeline.types import Recording

if TYPE_CHECKING:
    from ecgdatakit.models import ECGRecord

WHAT: Final = "SCP-ECG file"
SCP_BYTES: Final = 8 * 2**20  # a lead has at most 64 kB, by the format
CODED_SAMPLES: Final = 2_000_000  # Huffman-coded, of all leads: 12 leads of two minutes at 1 kHz are 1.4 million
_HEADER: Final = 16  # of a section
_START: Final = 6  # of section 0
_POINTER: Final = struct.Struct("<HII")  # number, length and place of a section, from 1
_LEAD: Final = struct.Struct("<IIB")  # first and last sample, code
_SHORTER: Final = 29_999  # "not measured", as 65535 is
_BIMODAL: Final = (
    f"The {WHAT} is compressed bimodally (fewer samples between the beats than in them), which is not read; export it "
    "uncompressed or Huffman-coded only, or as HL7 aECG or DICOM."
)
_DAMAGED: Final = f"The {WHAT} is incomplete or damaged, so that its signal cannot be read; export it again."


def recognises(head: bytes) -> bool:
    """Tell whether a file is SCP-ECG: section 0 comes first and points at itself."""
    if len(head) < _START + _HEADER + _POINTER.size:
        return False
    number, length = struct.unpack_from("<HI", head, _START + 2)
    itself, _, place = _POINTER.unpack_from(head, _START + _HEADER)
    whole = struct.unpack_from("<I", head, 2)[0]
    sound = number == 0 and length >= _HEADER + _POINTER.size and (length - _HEADER) % _POINTER.size == 0
    return bool(sound and itself == 0 and place == _START + 1 and whole >= _START + length)


def read(name: str, payload: bytes, limits: Limits) -> Recording:
    """Read the rhythm data, the measurements and the statements; the reference beat (section 5) is left out.

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
        If the file is damaged or coded in a way that is not read; one sentence.
    """
    if len(payload) > SCP_BYTES:
        raise LimitError(f"The {WHAT} has {len(payload):,} bytes, the limit is {SCP_BYTES:,}.")
    try:
        counted_from_one = _checked(payload, limits)
    except (struct.error, IndexError) as error:
        raise IntakeError(_DAMAGED) from error
    try:
        record = library_record("scp_ecg", "SCPECGParser", counted_from_one, WHAT)
    except IntakeError as error:
        if "bimodal" in str(error.__cause__):
            raise IntakeError(_BIMODAL) from error
        raise
    interval_us = record.raw_metadata["rhythm_sample_interval_us"]
    decoded = decoded_record(record, WHAT, limits, fs=1e6 / interval_us, notices=_notices(payload))
    return build_recording(name, payload, _with_intervals(decoded, record), tag="scp", limits=limits)


def _checked(payload: bytes, limits: Limits) -> bytes:
    """Refuse a file whose leads are too many or too long before they are decoded; return it with samples from 1.

    Some writers count samples from 0 and state the last sample or the one after it; the standard counts from 1.
    """
    sections = _sections(payload)
    if 3 not in sections or 6 not in sections:
        raise IntakeError(f"The {WHAT} holds no rhythm data (section 6 with its leads in section 3).")
    place, _ = sections[3]
    n_leads = payload[place + _HEADER]
    interval_us = struct.unpack_from("<H", payload, sections[6][0] + _HEADER + 2)[0]
    leads = [place + _HEADER + 2 + _LEAD.size * number for number in range(min(n_leads, limits.leads))]
    ranges = [_LEAD.unpack_from(payload, lead) for lead in leads]
    longest = max((stop - max(start, 1) + 1 for start, stop, _ in ranges), default=0)
    if interval_us == 0 or longest < 1:
        raise IntakeError(_DAMAGED)
    check_extent(longest, n_leads, 1e6 / interval_us, limits)
    if 2 in sections and max(longest, _beat_samples(payload, sections)) * n_leads > CODED_SAMPLES:
        raise LimitError(f"The {WHAT} states more than {CODED_SAMPLES:,} coded samples; export a shorter stretch.")
    mended = bytearray(payload)
    for number, (lead, (start, stop, code)) in enumerate(zip(leads, ranges, strict=True)):
        if start == 0:
            stored = struct.unpack_from("<H", payload, sections[6][0] + _HEADER + 6 + 2 * number)[0] // 2
            _LEAD.pack_into(mended, lead, 1, stop + 1 if 2 not in sections and stored > stop else stop, code)
    return bytes(mended)


def _sections(payload: bytes) -> dict[int, tuple[int, int]]:
    """Return place and length of each section that section 0 points at."""
    length = struct.unpack_from("<I", payload, _START + 4)[0]
    sections = {}
    for place in range(_START + _HEADER, min(_START + length, len(payload)) - _POINTER.size + 1, _POINTER.size):
        number, size, index = _POINTER.unpack_from(payload, place)
        if size and index and number:
            sections[number] = (index - 1, size)
    return sections


def _beat_samples(payload: bytes, sections: dict[int, tuple[int, int]]) -> int:
    """Return how many samples a lead of the reference beat is said to have."""
    if 4 not in sections or 5 not in sections:
        return 0
    length_ms = struct.unpack_from("<H", payload, sections[4][0] + _HEADER)[0]
    interval_us = struct.unpack_from("<H", payload, sections[5][0] + _HEADER + 2)[0]
    return int(length_ms * 1000 // interval_us) if interval_us else 0


def _notices(payload: bytes) -> tuple[str, ...]:
    size = struct.unpack_from("<I", payload, 2)[0]
    stated = struct.unpack_from("<H", payload)[0]
    if stated in (0, binascii.crc_hqx(payload[2:size], 0xFFFF)):
        return ()
    return ("The checksum of the file does not match: it was changed or damaged after it was written.",)


def _with_intervals(decoded: Decoded, record: ECGRecord) -> Decoded:
    """Add the intervals between the wave boundaries that section 7 holds in place of intervals."""
    blocks = record.raw_metadata.get("measurement_blocks")
    if not blocks:
        return decoded
    marks = {name: value for name, value in blocks[0].items() if value not in (_SHORTER, 0xFFFF)}
    pairs = (("P", "p_onset", "p_offset"), ("PR", "p_onset", "qrs_onset"), ("QRS", "qrs_onset", "qrs_offset"),
             ("QT", "qrs_onset", "t_offset"))  # fmt: skip
    spans = [(name, float(marks[end] - marks[begin])) for name, begin, end in pairs if {begin, end} <= marks.keys()]
    device: DeviceReading = decoded.device
    measured = [(name, value) for name, value, _ in device.measurements]
    return replace(decoded, device=device_reading(device.device, [*measured, *spans], device.statements))
