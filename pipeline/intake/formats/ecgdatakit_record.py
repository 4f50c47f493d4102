"""What ecgdatakit read from a file, brought into our terms: leads in mV, who and when, the device's own findings."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pipeline.config import Limits
from pipeline.errors import IntakeError
from pipeline.identity import BY_A_PHYSICIAN, DeviceReading, Identity
from pipeline.intake.content import safe_lead
from pipeline.intake.formats.adapter import Decoded, check_extent, mv_per_unit
from pipeline.intake.formats.channels import interpolated
from pipeline.intake.formats.device_terms import device_name, device_reading, plain_text, sex_of

if TYPE_CHECKING:
    from ecgdatakit.models import ECGRecord

SHORTEST_S: Final = 1.0  # less is a beat at most, and no rhythm
AGES: Final = range(151)  # years; whatever is outside is a mistake
# Fields of its measurements, and what we call them.
_MEASURED: Final = (
    *(("heart_rate", "rate"), ("rr_interval", "RR"), ("pr_interval", "PR"), ("qrs_duration", "QRS")),
    *(("qt_interval", "QT"), ("qtc_bazett", "QTcB"), ("qtc_fridericia", "QTcF")),
    *(("p_axis", "P axis"), ("qrs_axis", "QRS axis"), ("t_axis", "T axis")),
)
_QTC_NOTES: Final = ("QTCorrected", "qtc", "MDC_ECG_TIME_PD_QTc")  # where it keeps one whose formula is not stated
_REASONS: Final = ("reason_for_test", "reason")
_RX_NUMBER: Final = re.compile(r"\s*(\d{1,5}(?:\.\d+)?)")
_RX_SKIPPED: Final = re.compile(
    r"only the first is read|Additional .* waveform ignored|Unrecognised sequences|not loaded|not applied"
)


def library_record(
    module: str,
    parser: str,
    payload: bytes,
    what: str,
    *,
    skipped: list[str] | None = None,
    warned: list[str] | None = None,
) -> ECGRecord:
    """Let ecgdatakit read a file that was checked before, from a private temporary copy.

    Parameters
    ----------
    module, parser : str
        Module and class in its parsers, such as "ge_muse_xml" and "GEMuseXMLParser".
    payload : bytes
        What it is given.
    what : str
        What to call the file in a message.
    skipped : list of str, optional
        Gets its warnings about parts that it left out.
    warned : list of str, optional
        Gets all its warnings.

    Raises
    ------
    IntakeError
        If it cannot read the file.
    """
    from ecgdatakit.exceptions import UnsupportedFormatError

    reader = getattr(import_module(f"ecgdatakit.parsing.parsers.{module}"), parser)
    with TemporaryDirectory(prefix="heartvision-") as folder, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        copy = Path(folder) / "recording"
        copy.write_bytes(payload)
        try:
            record: ECGRecord = reader().parse(copy)
        except UnsupportedFormatError as error:
            raise IntakeError(
                f"The {what} is of a version or coding that is not read; export it in another."
            ) from error
        except Exception as error:  # its readers check little: struct, numpy, XML and index errors, by format
            raise IntakeError(
                f"The {what} is incomplete or damaged, so that its signal cannot be read; export it again."
            ) from error
    if warned is not None:
        warned += [str(one.message) for one in said]
    if skipped is not None:
        skipped += [str(one.message) for one in said if _RX_SKIPPED.search(str(one.message))]
    return record


def decoded_record(
    record: ECGRecord, what: str, limits: Limits, *, fs: float | None = None, notices: Sequence[str] = ()
) -> Decoded:
    """Bring a record of ecgdatakit into the form that `build_recording` takes, all leads at the rate of the fastest.

    Parameters
    ----------
    record : ecgdatakit.models.ECGRecord
        With raw counts, as its parsers leave them.
    what : str
        What to call the file in a message.
    limits : Limits
        Limits of the intake, checked before the signal is made.
    fs : float, optional
        Sampling frequency, Hz, where the file states it more exactly than the record, which has whole numbers.
    notices : sequence of str
        Sentences for the user.

    Raises
    ------
    LimitError
        If the signal is too long, has too many leads or is sampled too slowly or too fast.
    IntakeError
        If there is no signal, or the amplitude or sampling frequency of a lead is not usable.
    """
    leads = record.leads
    if not leads:
        raise IntakeError(f"The {what} holds no signal.")
    highest = max(float(lead.sampling_rate) for lead in leads)
    slowest = highest * limits.fs_min_hz / limits.fs_max_hz
    if not (math.isfinite(highest) and highest > 0 and all(lead.sampling_rate >= slowest for lead in leads)):
        raise IntakeError(f"The {what} states no usable sampling frequency for one of its leads; export it again.")
    rate = highest if fs is None else fs
    # the samples of the fastest lead for each of a lead's own
    ratios = [highest / float(lead.sampling_rate) for lead in leads]
    begins = [max(0, int(lead.annotations.get("start_sample", 1)) - 1) for lead in leads]
    starts = [round(begin * ratio) for begin, ratio in zip(begins, ratios, strict=True)]
    spans = [round(len(lead.samples) * ratio) for lead, ratio in zip(leads, ratios, strict=True)]
    n_samples = max(start + span for start, span in zip(starts, spans, strict=True))
    check_extent(n_samples, len(leads), rate, limits)
    require_rhythm(n_samples / rate, what)
    signal = np.full((n_samples, len(leads)), np.nan, np.float32)
    calibrated = []
    for column, (start, span, lead) in enumerate(zip(starts, spans, leads, strict=True)):
        if not (math.isfinite(lead.resolution) and lead.resolution != 0.0 and math.isfinite(lead.offset)):
            raise IntakeError(f"The {what} states no usable amplitude for one of its leads; export it again.")
        factor = mv_per_unit(lead.resolution_unit or lead.units)
        calibrated.append(factor is not None)
        signal[start : start + span, column] = interpolated(_millivolts(lead, factor), span)
    return Decoded(
        fs=rate,
        signal=signal,
        leads=[str(lead.label) for lead in leads],
        calibrated=calibrated,
        identity=_identity(record),
        device=_device(record),
        notices=(*notices, *_length_notice(spans), *_rate_notice(leads, highest)),
        age_years=_age(record.patient.age),
    )


def require_rhythm(duration_s: float, what: str) -> None:
    """Refuse a file whose signal is too short to be one.

    Parameters
    ----------
    duration_s : float
        How long its longest lead is, seconds.
    what : str
        What to call the file in a message.

    Raises
    ------
    IntakeError
        If it is shorter than `SHORTEST_S`.
    """
    if duration_s < SHORTEST_S:
        raise IntakeError(f"The {what} holds no rhythm: its longest lead lasts {duration_s:.2f} s.")


def _millivolts(lead: Any, factor: float | None) -> Any:
    samples = np.asarray(lead.samples, np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        values = samples * lead.resolution + lead.offset if lead.is_raw else samples
        values = values * (1.0 if factor is None else factor)
        return np.where(np.abs(values) < np.finfo(np.float32).max, values, np.nan)


def _length_notice(spans: Sequence[int]) -> tuple[str, ...]:
    different = len(set(spans)) > 1
    return ("Some leads are shorter than others; they are empty where nothing was recorded.",) * different


def _rate_notice(leads: Sequence[Any], highest: float) -> tuple[str, ...]:
    slower = [safe_lead(str(lead.label), i) for i, lead in enumerate(leads, 1) if lead.sampling_rate < highest]
    return (f"Interpolated to the {highest:g} Hz of the other leads: {', '.join(slower)}.",) if slower else ()


def _identity(record: ECGRecord) -> Identity:
    patient, start = record.patient, record.recording.date
    notes = {**record.raw_metadata, **record.annotations}
    return Identity(
        patient_id=plain_text(patient.patient_id),
        name=plain_text(f"{plain_text(patient.first_name)} {plain_text(patient.last_name)}"),
        sex=sex_of(patient.sex),
        birth_year=None if patient.birth_date is None else patient.birth_date.year,
        indication=next((text for key in _REASONS if (text := plain_text(notes.get(key, "")))), ""),
        start=start if isinstance(start, datetime) else None,
    )


def _age(years: float | None) -> int | None:
    return int(years) if years is not None and math.isfinite(years) and int(years) in AGES else None


def _device(record: ECGRecord) -> DeviceReading:
    measured: list[tuple[str, float]] = []
    for field, name in _MEASURED:
        if (value := getattr(record.measurements, field)) is not None:
            measured.append((name, float(value)))
    measured += [("QTc", value) for value in (_qtc(record),) if value is not None]
    info = record.recording.device
    return device_reading(device_name(info.manufacturer, info.model), measured, _statements(record))


def _qtc(record: ECGRecord) -> float | None:
    notes = {**record.raw_metadata, **record.annotations}
    found = (_RX_NUMBER.match(str(notes[key])) for key in _QTC_NOTES if key in notes)
    return next((float(match[1]) for match in found if match), None)


def _statements(record: ECGRecord) -> list[str]:
    """Return the machine's statements; those of a physician, which may stand in their place, are said to be that."""
    said = record.interpretation
    lines = [" ".join(part for part in pair if part) for pair in said.statements]
    lines = lines or [str(record.annotations.get("rhythm", ""))]
    if said.source in ("overread", "confirmed"):
        machine = str(record.annotations.get("machine_interpretation", "")).splitlines()
        return machine or [f"{BY_A_PHYSICIAN}{line}" for line in lines]
    return lines
