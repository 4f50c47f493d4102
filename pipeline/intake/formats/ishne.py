"""ISHNE Holter files (.ecg): the fixed header is checked first, then frames of 16 bits are decoded in chunks.

A header of fixed places needs no library, and a day of Holter no copy of itself in 64 bits.

References
----------
Badilini F. The ISHNE Holter standard output file format. Ann Noninvasive Electrocardiol 3(3):263-266, 1998.
doi:10.1111/j.1542-474X.1998.tb00353.x
"""

from __future__ import annotations

import binascii
import struct
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Limits
from pipeline.errors import IntakeError
from pipeline.identity import DeviceReading, Identity, Sex
from pipeline.intake.formats.adapter import Decoded, build_recording, check_extent
from pipeline.intake.wfdb_header import AGE_MAX
from pipeline.types import FloatArray, Recording

_SIGNAL: Final = b"ISHNE1.0"
_ANNOTATIONS: Final = b"ANN  1.0"
_HEADER: Final = 522  # bytes before the block of variable length
_CHECKED_FROM: Final = 10  # the checksum covers the header from here to the samples
_LEADS_MAX: Final = 12
_MISSING: Final = -32768  # a sample of a lead that was off
_CHUNK_FRAMES: Final = 2**19
_LEADS: Final = ("X", "Y", "Z", "I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
_FIRST_LEAD: Final = 2  # the code of the first of them
_OTHER_LEADS: Final = ((17, "ES"), (18, "AS"), (19, "AI"))
_PACEMAKERS: Final = (
    "of unknown type",
    "single chamber unipolar",
    "dual chamber unipolar",
    "single chamber bipolar",
    "dual chamber bipolar",
)


@dataclass(frozen=True)
class _Header:
    """What the header states.

    Attributes
    ----------
    samples_at : int
        Where the samples begin in the file.
    checksum : int
        Stored checksum; 0 for none.
    stated : int
        Samples of each lead, by the header.
    leads : tuple of str
        Names.
    nv : tuple of int
        Nanovolts per step of each lead; 0 or less if not stated.
    fs : int
        Sampling frequency, Hz.
    identity : Identity
        Who and when.
    age_years : int or None
        Age on the day.
    pacemaker : int
        Its code; 0 for none.
    recorder : str
        What kind of recorder it was.
    """

    samples_at: int
    checksum: int
    stated: int
    leads: tuple[str, ...]
    nv: tuple[int, ...]
    fs: int
    identity: Identity
    age_years: int | None
    pacemaker: int
    recorder: str


def recognises(head: bytes) -> bool:
    """Tell whether a file is an ISHNE Holter recording, or its annotations, by its first bytes."""
    return head[:8] in (_SIGNAL, _ANNOTATIONS)


def read(name: str, payload: bytes, limits: Limits) -> Recording:
    """Read an ISHNE Holter file.

    Parameters
    ----------
    name : str
        Untrusted name; a label only.
    payload : bytes
        The file.
    limits : Limits
        Limits of the intake.

    Returns
    -------
    Recording
        All leads in mV, NaN where the recorder marked a lead as off; not calibrated where no resolution is stated.

    Raises
    ------
    LimitError
        If a published limit is exceeded.
    IntakeError
        If the file holds no signal or its header is damaged.
    """
    if payload[:8] == _ANNOTATIONS:
        raise IntakeError("This is the annotation file of an ISHNE Holter recording (.ann); give its signal (.ecg).")
    header = _parse(payload)
    n_frames = (len(payload) - header.samples_at) // (2 * len(header.leads))
    check_extent(n_frames, len(header.leads), header.fs, limits)
    if n_frames < 1:
        raise IntakeError("The ISHNE file ends before its first sample.")
    decoded = Decoded(
        fs=float(header.fs),
        signal=_decode(payload, header, n_frames),
        leads=header.leads,
        calibrated=[nv > 0 for nv in header.nv],
        identity=header.identity,
        device=DeviceReading(device="" if header.recorder.lower() in ("analog", "digital") else header.recorder),
        notices=tuple(_notices(payload, header, n_frames)),
        age_years=header.age_years,
    )
    return build_recording(name, payload, decoded, tag="ishne", limits=limits)


def _parse(payload: bytes) -> _Header:
    if len(payload) < _HEADER:
        raise IntakeError(f"The ISHNE file has {len(payload)} bytes; its header alone has {_HEADER}.")
    checksum, variable, stated = struct.unpack_from("<Hii", payload, 8)
    n_leads, *by_lead = struct.unpack_from("<37h", payload, 156)
    pacemaker, fs = struct.unpack_from("<h", payload, 230)[0], struct.unpack_from("<h", payload, 272)[0]
    if not 1 <= n_leads <= _LEADS_MAX:
        raise IntakeError(f"The ISHNE header states {n_leads} leads; the format has 1 to {_LEADS_MAX}.")
    if not 0 <= variable <= len(payload) - _HEADER:
        raise IntakeError(f"The ISHNE header states a block of {variable:,} bytes, which the file does not have.")
    born, day = _date(payload, 132), _date(payload, 138)
    return _Header(
        samples_at=_HEADER + variable,
        checksum=checksum,
        stated=stated,
        leads=tuple(_lead_name(code, number) for number, code in enumerate(by_lead[:n_leads], 1)),
        nv=tuple(by_lead[24 : 24 + n_leads]),
        fs=fs,
        identity=_identity(payload, born, day),
        age_years=_age(born, day),
        pacemaker=pacemaker,
        recorder=_text(payload, 232, 40),
    )


def _decode(payload: bytes, header: _Header, n_frames: int) -> FloatArray:
    n_leads = len(header.leads)
    steps: NDArray[np.int16] = np.frombuffer(payload, "<i2", n_frames * n_leads, header.samples_at)
    frames = steps.reshape(n_frames, n_leads)
    mv_per_step = np.array([nv * 1e-6 if nv > 0 else 1.0 for nv in header.nv])
    p_signal = np.empty((n_frames, n_leads), np.float32)
    for start in range(0, n_frames, _CHUNK_FRAMES):
        chunk = frames[start : start + _CHUNK_FRAMES]
        values = p_signal[start : start + _CHUNK_FRAMES]
        np.multiply(chunk, mv_per_step, out=values, casting="same_kind")
        values[chunk == _MISSING] = np.nan
    return p_signal


def _notices(payload: bytes, header: _Header, n_frames: int) -> list[str]:
    notices = []
    if header.checksum and not _checksum_fits(payload, header):
        notices.append("The checksum of the ISHNE header is not the one stored in it; what it states may be wrong.")
    if header.stated not in (0, n_frames, n_frames * len(header.leads)):
        notices.append(f"The header states {header.stated:,} samples of each lead; the file has {n_frames:,}.")
    bare = [lead for lead, nv in zip(header.leads, header.nv, strict=True) if nv <= 0]
    if bare:
        notices.append(f"Not calibrated, because the header gives no resolution: {', '.join(bare)}.")
    if 1 <= header.pacemaker <= len(_PACEMAKERS):
        notices.append(f"The header states a pacemaker, {_PACEMAKERS[header.pacemaker - 1]}.")
    return notices


def _checksum_fits(payload: bytes, header: _Header) -> bool:
    """Compare with CRC-CCITT; the standard does not say in which order its two bytes are stored."""
    found = binascii.crc_hqx(payload[_CHECKED_FROM : header.samples_at], 0xFFFF)
    return header.checksum in (found, (found & 0xFF) << 8 | found >> 8)


def _lead_name(code: int, number: int) -> str:
    if _FIRST_LEAD <= code < _FIRST_LEAD + len(_LEADS):
        return _LEADS[code - _FIRST_LEAD]
    return dict(_OTHER_LEADS).get(code, f"lead {number}")


def _identity(payload: bytes, born: date | None, day: date | None) -> Identity:
    sexes: dict[int, Sex] = {1: "M", 2: "F"}
    clock = struct.unpack_from("<3h", payload, 150)
    start = None
    if day is not None and 0 <= clock[0] < 24 and 0 <= clock[1] < 60 and 0 <= clock[2] < 60:
        start = datetime(day.year, day.month, day.day, *clock)
    return Identity(
        patient_id=_text(payload, 108, 20),
        name=f"{_text(payload, 28, 40)} {_text(payload, 68, 40)}".strip(),
        sex=sexes.get(struct.unpack_from("<h", payload, 128)[0]),
        birth_year=None if born is None else born.year,
        start=start,
    )


def _age(born: date | None, day: date | None) -> int | None:
    if born is None or day is None:
        return None
    age = day.year - born.year - ((day.month, day.day) < (born.month, born.day))
    return age if 0 <= age <= AGE_MAX else None


def _text(payload: bytes, start: int, size: int) -> str:
    return payload[start : start + size].split(b"\0")[0].decode("latin-1").strip()


def _date(payload: bytes, start: int) -> date | None:
    day, month, year = struct.unpack_from("<3h", payload, start)
    try:
        return date(year, month, day)
    except ValueError:
        return None
