"""MFER (ISO 22077): the definitions are bounded first, then ecgdatakit decodes one stretch of waves after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from pipeline.config import Limits
from pipeline.errors import IntakeError
from pipeline.identity import DeviceReading, Identity, Sex
from pipeline.intake.formats.adapter import Decoded, build_recording, check_extent, mv_per_unit
from pipeline.intake.formats.channels import Channel, choose, interpolated
from pipeline.intake.formats.ecgdatakit_record import library_record
from pipeline.intake.formats.mfer_frames import parts_of, require_bounded
from pipeline.intake.wfdb_header import AGE_MAX
from pipeline.types import FloatArray, Recording

if TYPE_CHECKING:
    from ecgdatakit.models import ECGRecord, Lead

_PREAMBLE: Final = 0x40
_MARK: Final = b"MFR "


@dataclass(frozen=True, eq=False)
class _Part:
    """What the library decoded of one stretch: its record, and what each of its leads is."""

    record: ECGRecord
    channels: list[Channel]

    def millivolts(self, kept: Sequence[int]) -> list[FloatArray]:
        """Return the samples (n,) of the leads at these places."""
        return [_millivolts(self.record.leads[i]) for i in kept]


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
    counted = require_bounded(payload)
    warned: list[str] = []
    parts = (_part(part, warned) for part in parts_of(payload, counted))
    first = next(parts)
    channels = first.channels
    chosen = choose(channels)
    found = [[values] for values in first.millivolts(chosen.kept)]
    for part in parts:
        if part.channels != channels:
            raise IntakeError("The MFER file changes its leads within the recording, which is not read; convert it.")
        for values, more in zip(found, part.millivolts(chosen.kept), strict=True):
            values.append(more)
    record, lengths = first.record, [sum(map(len, values)) for values in found]
    n_samples = max(n for n, i in zip(lengths, chosen.kept, strict=True) if channels[i].rate_hz == chosen.fs)
    check_extent(n_samples, len(chosen.kept), chosen.fs, limits)
    signal = np.full((n_samples, len(chosen.kept)), np.nan, np.float32)
    for column, i in enumerate(chosen.kept):
        whole = np.concatenate(found[column])
        found[column] = []
        span = min(n_samples, round(len(whole) * chosen.fs / channels[i].rate_hz))
        signal[:span, column] = interpolated(whole, span)
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


def _part(payload: bytes, warned: list[str]) -> _Part:
    record = library_record("mfer", "MFERParser", payload, "MFER file", warned=warned)
    rates: list[float] = record.raw_metadata.get("sampling_rates", [])
    if not record.leads or len(rates) != len(record.leads):
        raise IntakeError("The MFER file holds no signal.")
    return _Part(record, [_channel(lead, rate) for lead, rate in zip(record.leads, rates, strict=True)])


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
