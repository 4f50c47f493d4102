"""EDF, EDF+ and BDF: edfio decodes the data records in chunks, and the gaps of EDF+D stay gaps.

References
----------
Kemp B, Olivan J. European data format 'plus' (EDF+), an EDF alike standard format for the exchange of physiological
data. Clin Neurophysiol 114(9):1755-1761, 2003. doi:10.1016/S1388-2457(03)00123-8
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Limits
from pipeline.errors import IntakeError
from pipeline.identity import DeviceReading, Identity, Sex
from pipeline.intake.formats.adapter import Decoded, build_recording, check_extent, mv_per_unit
from pipeline.intake.formats.channels import Channel, Chosen, choose, interpolated
from pipeline.intake.formats.edf_layout import (
    BDF_VERSION,
    DAMAGED,
    EDF_VERSION,
    FIXED,
    SIGNALS,
    Layout,
    Run,
    parse_layout,
    runs_of,
    size_notices,
)
from pipeline.intake.wfdb_header import AGE_MAX
from pipeline.types import FloatArray, Recording

if TYPE_CHECKING:
    from edfio import Bdf, BdfSignal, Edf, EdfSignal

_CHUNK_SAMPLES: Final = 2**20  # of all signals together, decoded at once
_DATE: Final = slice(168, 176)
_TIME: Final = slice(176, 184)
_RX_TEXT: Final = re.compile(rb"\x14[^\x14\x00]")  # where the text of an annotation begins
_RX_PATIENT: Final = re.compile(r"(\S+) ([MFX]) (\d\d-[A-Za-z]{3}-\d{4}|X)(?: (\S+))?.*")
_RX_STARTED: Final = re.compile(r"Startdate (\d\d-[A-Za-z]{3}-\d{4}|X)(?: (\S+))?(?: (\S+))?(?: (\S+))?.*")
_RX_CLOCK: Final = re.compile(r"([ \d]\d)[.:/-]([ \d]\d)[.:/-]([ \d]\d)")
_MONTHS: Final = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_CENTURY_FROM: Final = 85  # two digits of a year from here on are 19xx, by the standard
_NO_TIME: Final = "00.00.00"
_NO_DATE: Final = date(1985, 1, 1)  # stands for a date that was taken out
_LIBRARY_ERRORS: Final = (ValueError, TypeError, KeyError, IndexError, ArithmeticError, AttributeError)


def recognises(head: bytes) -> bool:
    """Tell whether a file is EDF, EDF+ or BDF by its first bytes."""
    fixed = head[:FIXED]
    return fixed[:8] in (EDF_VERSION, BDF_VERSION) and len(fixed) == FIXED and fixed[SIGNALS].strip().isdigit()


def read(name: str, payload: bytes, limits: Limits) -> Recording:
    """Read an EDF, EDF+ or BDF file.

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
        The ECG leads in mV at the rate of the ECG; NaN where an EDF+D has no record. What is no ECG by unit or name is
        left out with a notice, slower leads are interpolated.

    Raises
    ------
    LimitError
        If a published limit is exceeded.
    IntakeError
        If the file holds no ECG, or its header and size do not fit.
    """
    layout = parse_layout(payload)
    try:
        header = _library(layout, b"", 0)
        rates = [layout.per_record[place] / layout.record_s for place in layout.places]
        channels = [_channel(signal, rate) for signal, rate in zip(header.signals, rates, strict=True)]
        chosen = choose(channels)
        runs, onset_s = runs_of(layout, payload, chosen.fs)
        scaled = [_is_scaled(signal) for signal in header.signals]
        with np.errstate(over="ignore", invalid="ignore"):  # of ranges that make no sense
            signal = _decode(layout, payload, chosen, runs, limits)
        start = _start(layout, header.local_recording_identification, onset_s)
        identity, age = _identity(header.local_patient_identification, start)
        device = _device(header.local_recording_identification)
    except _LIBRARY_ERRORS as error:
        raise IntakeError(DAMAGED) from error
    decoded = Decoded(
        fs=chosen.fs,
        signal=signal,
        leads=[channels[i].name for i in chosen.kept],
        calibrated=[scaled[i] and channels[i].mv_per_unit is not None for i in chosen.kept],
        identity=identity,
        device=device,
        notices=(*chosen.notices, *_notices(layout, payload, runs, [scaled[i] for i in chosen.kept])),
        age_years=age,
    )
    recording = build_recording(name, payload, decoded, tag="edf", limits=limits)
    others = len(chosen.kept) < len(layout.labels)
    return replace(recording, channels=tuple(layout.places[i] for i in chosen.kept) if others else ())


def _library(layout: Layout, records: bytes, count: int) -> Edf | Bdf:
    import edfio

    decode = edfio.read_bdf if layout.width == 3 else edfio.read_edf
    return decode(layout.with_records(records, count), header_encoding="latin-1")


def _channel(signal: EdfSignal | BdfSignal, rate_hz: float) -> Channel:
    unit = signal.physical_dimension.strip()
    return Channel(signal.label.strip(), mv_per_unit(unit), rate_hz, has_unit=bool(unit))


def _is_scaled(signal: EdfSignal | BdfSignal) -> bool:
    """Tell whether the ranges of a signal say what a step is worth."""
    low, high = signal.physical_range
    return math.isfinite(high - low) and high != low and signal.digital_min != signal.digital_max


def _decode(layout: Layout, payload: bytes, chosen: Chosen, runs: list[Run], limits: Limits) -> FloatArray:
    """Return the leads (n_samples, n_kept) in mV; check their extent first."""
    length = max(layout.per_record[layout.places[i]] for i in chosen.kept)
    n_samples = runs[-1].sample + (runs[-1].stop - runs[-1].first) * length
    check_extent(n_samples, len(chosen.kept), chosen.fs, limits)
    p_signal = np.full((n_samples, len(chosen.kept)), np.nan, np.float32)
    lowest = -(2 ** (8 * layout.width - 1))
    for run in runs:
        slow: dict[int, list[NDArray[np.float64]]] = {}
        for first, stop in _chunks(run, layout):
            at = run.sample + (first - run.first) * length
            signals = _library(layout, layout.records(payload, first, stop), stop - first).signals
            for column, i in enumerate(chosen.kept):
                values = _millivolts(signals[i], lowest)
                if layout.per_record[layout.places[i]] == length:
                    p_signal[at : at + len(values), column] = values
                else:
                    slow.setdefault(column, []).append(values)
        for column, parts in slow.items():
            span = (run.stop - run.first) * length
            p_signal[run.sample : run.sample + span, column] = interpolated(np.concatenate(parts), span)
    return p_signal


def _chunks(run: Run, layout: Layout) -> list[tuple[int, int]]:
    step = max(1, _CHUNK_SAMPLES // sum(layout.per_record))
    return [(first, min(first + step, run.stop)) for first in range(run.first, run.stop, step)]


def _millivolts(signal: EdfSignal | BdfSignal, lowest: int) -> NDArray[np.float64]:
    """Return the samples in mV; the `lowest` digital value is missing where it is outside the range of the header."""
    digital = signal.digital
    if not _is_scaled(signal):
        steps: NDArray[np.float64] = digital.astype(np.float64)
        return steps
    (low, high), (least, most) = signal.physical_range, signal.digital_range
    step = (high - low) / (most - least)
    unit = mv_per_unit(signal.physical_dimension) or 1.0
    values: NDArray[np.float64] = digital * (step * unit)
    values += (low - least * step) * unit
    if least > lowest:
        values[digital == lowest] = np.nan
    return values


def _start(layout: Layout, recording: str, onset_s: float) -> datetime | None:
    """Return the clock time of the first data record, None where it was taken out or makes no sense."""
    legacy, clock = (_RX_CLOCK.match(layout.raw[at].decode("latin-1")) for at in (_DATE, _TIME))
    plus = _RX_STARTED.match(recording)
    day = _date(plus[1]) if plus else _legacy_date(legacy) if legacy else None
    if clock is None or (day is None and clock[0] == _NO_TIME):
        return None
    day = day or date.min  # the year 1 stands for a time of day without its date
    try:
        hour, minute, second = map(int, clock.groups())
        return datetime.combine(day, time(hour, minute, second)) + timedelta(seconds=onset_s)
    except (ValueError, OverflowError):
        return None


def _legacy_date(found: re.Match[str]) -> date | None:
    day, month, year = (int(part) for part in found.groups())
    try:
        read = date(year + (1900 if year >= _CENTURY_FROM else 2000), month, day)
    except ValueError:
        return None
    return read if read != _NO_DATE else None


def _date(text: str) -> date | None:
    """Read a date such as 02-MAR-2002; None if it is none."""
    day, _, rest = text.partition("-")
    month, _, year = rest.partition("-")
    try:
        return date(int(year), _MONTHS.index(month.upper()) + 1, int(day))
    except ValueError:
        return None


def _identity(patient: str, start: datetime | None) -> tuple[Identity, int | None]:
    """Read the patient's subfields by EDF+, or keep plain text as the name; return the age on the day as well."""
    found = _RX_PATIENT.match(patient)
    if found is None:
        return Identity(name=_known(patient.strip()), start=start), None
    sexes: dict[str, Sex] = {"F": "F", "M": "M"}
    born = _date(found[3])
    age = None
    if born is not None and start is not None:
        age = start.year - born.year - ((start.month, start.day) < (born.month, born.day))
    identity = Identity(
        patient_id=_known(found[1]),
        name=_known(found[4] or ""),
        sex=sexes.get(found[2]),
        birth_year=None if born is None else born.year,
        start=start,
    )
    return identity, age if age is not None and 0 <= age <= AGE_MAX else None


def _device(recording: str) -> DeviceReading:
    found = _RX_STARTED.match(recording)
    return DeviceReading(device=_known(found[4] or "")) if found else DeviceReading()


def _known(subfield: str) -> str:
    """Return a subfield with blanks for underscores; "" for the X of what is not known."""
    return "" if set(subfield.split()) <= {"X"} else subfield.replace("_", " ")


def _notices(layout: Layout, payload: bytes, runs: list[Run], scaled: list[bool]) -> list[str]:
    notices = size_notices(layout, len(payload))
    if len(runs) > 1:
        notices.append(f"The recording is in {len(runs)} parts; the time between them was not recorded.")
    if not all(scaled):
        notices.append("The header gives a lead no range, so that its values are steps of the recorder, not mV.")
    if _has_annotations(layout, payload):
        notices.append("The annotations in the file were not used.")
    return notices


def _has_annotations(layout: Layout, payload: bytes) -> bool:
    """Tell whether the first signal of annotations holds a text beside the times of the data records."""
    if layout.annotations is None:
        return False
    start, stop = layout.annotations
    data = np.frombuffer(payload, np.uint8, layout.n_records * layout.record_bytes, len(layout.raw))
    return _RX_TEXT.search(data.reshape(layout.n_records, -1)[:, start:stop].tobytes()) is not None
