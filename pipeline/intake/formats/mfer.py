"""MFER (ISO 22077): the definitions are counted and bounded first, then ecgdatakit decodes the frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from pipeline.config import Limits
from pipeline.errors import IntakeError, LimitError
from pipeline.identity import DeviceReading, Identity, Sex
from pipeline.intake.formats.adapter import Decoded, build_recording, check_extent, mv_per_unit
from pipeline.intake.formats.channels import Channel, choose, interpolated
from pipeline.intake.formats.ecgdatakit_record import library_record
from pipeline.intake.wfdb_header import AGE_MAX
from pipeline.types import FloatArray, Recording

if TYPE_CHECKING:
    from ecgdatakit.models import ECGRecord, Lead

_PREAMBLE: Final = 0x40
_MARK: Final = b"MFR "
# Tags of definitions, by the standard.
_FILL: Final = 0x00
_BYTE_ORDER: Final = 0x01
_CHANNELS: Final = 0x05
_WAVES: Final = 0x1E
_OF_CHANNEL: Final = 0x3F
_GROUP: Final = 0x67
_END: Final = 0x80
_LONG: Final = 0x80  # a length from here on is one of more bytes, or not stated
_DEPTH_MAX: Final = 3  # definitions within definitions
_DEFINITIONS_MAX: Final = 20_000
_FRAMES_MAX: Final = 2_000
_CHANNELS_MAX: Final = 64
_WAVE_BYTES_MAX: Final = 24 * 2**20  # the library takes 27 bytes for each; 6 hours of two leads at 250 Hz are 22 MB
_DAMAGED: Final = "The MFER file is damaged: a definition in it ends outside the file."


@dataclass
class _Counted:
    """What was counted while walking through the definitions, and the byte order in force."""

    definitions: int = 0
    frames: int = 0
    wave_bytes: int = 0
    big_endian: bool = True
    channels: list[int] = field(default_factory=list)


def recognises(head: bytes) -> bool:
    """Tell whether a file begins with the preamble of MFER."""
    return head[:1] == bytes([_PREAMBLE]) and head[2:6] == _MARK


def read(name: str, payload: bytes, limits: Limits) -> Recording:
    """Read an MFER file.

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
        The ECG leads in mV; pressures, respiration and status are left out with a notice, slower leads interpolated.

    Raises
    ------
    LimitError
        If a published limit, or one on definitions, frames, channels or bytes of waves, is exceeded.
    IntakeError
        If the file is damaged or holds no ECG.
    """
    _require_bounded(payload)
    warned: list[str] = []
    record = library_record("mfer", "MFERParser", payload, "MFER file", warned=warned)
    rates: list[float] = record.raw_metadata.get("sampling_rates", [])
    if not record.leads or len(rates) != len(record.leads):
        raise IntakeError("The MFER file holds no signal.")
    channels = [_channel(lead, rate) for lead, rate in zip(record.leads, rates, strict=True)]
    chosen = choose(channels)
    n_samples = max(len(record.leads[i].samples) for i in chosen.kept if channels[i].rate_hz == chosen.fs)
    check_extent(n_samples, len(chosen.kept), chosen.fs, limits)
    signal = np.full((n_samples, len(chosen.kept)), np.nan, np.float32)
    for column, i in enumerate(chosen.kept):
        values = _millivolts(record.leads[i])
        span = min(n_samples, round(len(values) * chosen.fs / channels[i].rate_hz))
        signal[:span, column] = interpolated(values, span)
    decoded = Decoded(
        fs=chosen.fs,
        signal=signal,
        leads=[channels[i].name for i in chosen.kept],
        calibrated=[channels[i].mv_per_unit is not None for i in chosen.kept],
        identity=_identity(record),
        device=DeviceReading(device=f"{record.recording.device.manufacturer} {record.recording.device.model}".strip()),
        notices=(*chosen.notices, *_notices(warned)),
        age_years=_age(record),
    )
    return build_recording(name, payload, decoded, tag="mfer", limits=limits)


def _require_bounded(payload: bytes) -> None:
    counted = _Counted()
    _count(payload, 0, len(payload), 0, counted)
    if counted.frames == 0:
        raise IntakeError("The MFER file holds no signal.")
    if max(counted.channels, default=1) > _CHANNELS_MAX:
        raise LimitError(f"The MFER file has {max(counted.channels):,} channels, the limit is {_CHANNELS_MAX}.")
    if counted.frames > _FRAMES_MAX:
        raise LimitError(f"The MFER file has {counted.frames:,} frames, the limit is {_FRAMES_MAX:,}.")
    if counted.wave_bytes > _WAVE_BYTES_MAX:
        raise LimitError(
            f"The MFER file has {counted.wave_bytes:,} bytes of signals, the limit is {_WAVE_BYTES_MAX:,}; convert it."
        )


def _count(payload: bytes, start: int, stop: int, depth: int, counted: _Counted) -> None:
    """Walk through the definitions in [start, stop) and what they contain, without copying."""
    if depth > _DEPTH_MAX:
        raise LimitError(f"The MFER file has definitions within definitions, more than {_DEPTH_MAX} deep.")
    for tag, begin, end in _definitions(payload, start, stop):
        counted.definitions += 1
        if counted.definitions > _DEFINITIONS_MAX:
            raise LimitError(f"The MFER file has more than {_DEFINITIONS_MAX:,} definitions.")
        if tag == _BYTE_ORDER:
            counted.big_endian = payload[begin:end] != b"\x01"
        elif tag == _CHANNELS:
            order: Literal["big", "little"] = "big" if counted.big_endian else "little"
            counted.channels.append(int.from_bytes(payload[begin : min(end, begin + 4)], order))
        elif tag == _WAVES:
            counted.frames += 1
            counted.wave_bytes += end - begin
        elif tag in (_OF_CHANNEL, _GROUP):
            _count(payload, begin, end, depth + 1, counted)


def _definitions(payload: bytes, at: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Yield tag, start and end of each definition in [at, stop). Raises IntakeError where one ends outside."""
    while at < stop:
        at = _after_filling(payload, at, stop)
        if at >= stop or payload[at] == _END:
            return
        tag = payload[at]
        at += 1
        if tag == _OF_CHANNEL:
            while at < stop and payload[at] & _LONG:
                at += 1
            at += 1
        length, at = _length(payload, at, stop)
        if at + length > stop:
            raise IntakeError(_DAMAGED)
        yield tag, at, at + length
        at += length


def _after_filling(payload: bytes, at: int, stop: int) -> int:
    """Return the place of the next byte that is no filling."""
    while at < stop and payload[at] == _FILL:
        at += 1
    return at


def _length(payload: bytes, at: int, stop: int) -> tuple[int, int]:
    """Return the length stated at `at`, and the place after it."""
    if at >= stop:
        raise IntakeError(_DAMAGED)
    first = payload[at]
    if first < _LONG:
        return first, at + 1
    n_bytes = first - _LONG
    if n_bytes == 0:
        raise IntakeError("The MFER file has a definition without a length, which is not read; convert it.")
    if n_bytes > 4 or at + 1 + n_bytes > stop:
        raise IntakeError(_DAMAGED)
    return int.from_bytes(payload[at + 1 : at + 1 + n_bytes], "big"), at + 1 + n_bytes


def _notices(said: list[str]) -> list[str]:
    """Say what the library's warnings mean for the signal, in our words."""
    meanings = {
        "missing sample(s)": "The MFER file ends within a frame; what is missing there is a gap.",
        "sequence(s) with no waveform": "The MFER file has less signal than its definitions announce.",
        "concatenated without a gap": "The frames of the MFER file do not follow each other; they were joined.",
        "are not loaded": "Frames that change channels, rate or scale were left out.",
        "default of 1000 Hz": "The MFER file states no sampling frequency; by the standard it is 1000 Hz.",
    }
    return [meaning for part, meaning in meanings.items() if any(part in text for text in said)]


def _channel(lead: Lead, rate_hz: float) -> Channel:
    unit = lead.resolution_unit or lead.adc_resolution_unit
    return Channel(lead.label, mv_per_unit(unit), rate_hz, has_unit=bool(unit))


def _millivolts(lead: Lead) -> FloatArray:
    unit = mv_per_unit(lead.resolution_unit) or 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        steps = np.asarray(lead.samples, np.float64)
        values = steps * lead.resolution + lead.offset if lead.is_raw else steps
        found: FloatArray = (values * unit).astype(np.float32)
        return found


def _identity(record: ECGRecord) -> Identity:
    patient = record.patient
    sexes: dict[str, Sex] = {"M": "M", "F": "F"}
    return Identity(
        patient_id=_printable(patient.patient_id),
        name=_printable(f"{patient.first_name} {patient.last_name}"),
        sex=sexes.get(patient.sex),
        birth_year=None if patient.birth_date is None else patient.birth_date.year,
        start=record.recording.date,
    )


def _age(record: ECGRecord) -> int | None:
    age = record.patient.age
    return int(age) if age is not None and 0 <= age <= AGE_MAX else None


def _printable(text: str) -> str:
    return "".join(c for c in text if c.isprintable()).strip()
