"""A recording as EDF, or as EDF+D where it has gaps: edfio writes the records, their times are put in where needed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, time
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.export.recordings.steps import MISSING, MOST, in_steps
from pipeline.types import Recording

if TYPE_CHECKING:
    from edfio import EdfSignal, Patient
    from edfio import Recording as About

_GAP_S: Final = 1.0  # a gap in all leads is a gap of EDF+D from here on; a shorter one is missing samples
_FIELD: Final = 8  # characters of a number in the header
_RECORDS_MAX: Final = 1_000_000  # with a time each
_EXACT: Final = 1e-9
_DRIFT: Final = 0.5  # samples by which the last one may be displaced
_UV_MAX: Final = 100.0  # steps from here on are written in mV: the range of microvolts would need too many characters
_YEARS: Final = range(1985, 2085)  # that two digits of a year can say
_ONSET_BYTES: Final = 24
_RESERVED: Final = slice(192, 236)
_PADDED: Final = "EDF holds whole data records: the last {n} samples ({seconds:.3f} s) repeat the one before them."
_LOST: Final = (
    "EDF has no value for a missing sample: where a single lead or less than 1 s was not recorded, it holds -32768."
)
_SLOWER: Final = "The EDF header has no room for a sampling frequency of {fs:.9g} Hz; it says {found:.9g} Hz."


@dataclass(frozen=True)
class _Division:
    """How a recording is divided into data records.

    Attributes
    ----------
    length : int
        Samples of a lead in a record.
    duration : str
        Their duration in seconds, as the header states it.
    runs : tuple of (int, int)
        Stretches [start, stop) of samples that follow each other.
    """

    length: int
    duration: str
    runs: tuple[tuple[int, int], ...]

    @property
    def padding(self) -> int:
        """Samples by which all runs together are short of whole records."""
        return sum(-(stop - start) % self.length for start, stop in self.runs)


def edf_bytes(recording: Recording) -> tuple[tuple[bytes], list[str]]:
    """Encode a recording as EDF; return what the format cannot hold as sentences, too.

    Raises
    ------
    DataError
        If a value does not fit.
    """
    import edfio

    steps = in_steps(recording)
    division = _division(recording)
    values, missing = _whole_records(steps.values, division)
    signals = [
        _signal(values[:, i], missing[:, i], lead, calibrated, steps.step[i], division)
        for i, (lead, calibrated) in enumerate(zip(recording.leads, recording.calibrated, strict=True))
    ]
    patient, about, clock, notices = _about(recording)
    gaps = len(division.runs) > 1
    room = [edfio.EdfAnnotation(0.0, None, "-" * _ONSET_BYTES)] if gaps else None
    file = edfio.Edf(
        signals,
        patient=patient,
        recording=about,
        starttime=clock,
        data_record_duration=float(division.duration),
        annotations=room,
    )
    payload = file.to_bytes()
    if gaps:
        payload = _with_onsets(payload, division, len(signals), recording.fs)
    return (payload,), [*_notices(recording, division, missing), *notices]


def _division(recording: Recording) -> _Division:
    runs = _runs(recording)
    length = np.arange(1, max(1, int(recording.fs)) + 1)
    duration = [_number(n / recording.fs) for n in length.tolist()]
    error = np.abs(np.array([float(text) for text in duration]) * recording.fs / length - 1)
    samples = np.array([stop - start for start, stop in runs])[:, None]
    padding = (-samples % length).sum(axis=0)
    records = (-(-samples // length)).sum(axis=0)
    usable = (records <= _RECORDS_MAX) | (len(runs) == 1)
    exact, near = usable & (error < _EXACT), usable & (error * recording.n_samples < _DRIFT)
    least = usable & (error <= error[usable].min())
    allowed = next(each for each in (exact, near, least) if each.any())
    best = int(np.flatnonzero(allowed)[np.lexsort((-length[allowed], padding[allowed]))[0]])
    return _Division(int(length[best]), duration[best], runs)


def _runs(recording: Recording) -> tuple[tuple[int, int], ...]:
    """Return the stretches between gaps in which no lead was recorded for `_GAP_S` or more."""
    n_samples = recording.n_samples
    empty = np.ones(n_samples, bool)
    for column in recording.p_signal.T:
        empty &= ~np.isfinite(column)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], empty.astype(np.int8), [0]))))
    gaps = [
        (start, stop)
        for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
        if stop - start >= _GAP_S * recording.fs and start > 0 and stop < n_samples
    ]
    starts, stops = [0, *(stop for _, stop in gaps)], [*(start for start, _ in gaps), n_samples]
    return tuple(zip(starts, stops, strict=True))


def _number(value: float) -> str:
    """Return a number in at most as many characters as a field of the header has."""
    text = next(text for digits in range(_FIELD - 2, -1, -1) if len(text := f"{value:.{digits}f}") <= _FIELD)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _whole_records(values: NDArray[np.int16], division: _Division) -> tuple[NDArray[np.int16], NDArray[np.bool_]]:
    """Return the samples of all runs, each filled up to whole records by its last sample, and which are missing."""
    parts = []
    for start, stop in division.runs:
        parts.append(values[start:stop])
        if short := -(stop - start) % division.length:
            parts.append(np.repeat(values[stop - 1 : stop], short, axis=0))
    whole = np.concatenate(parts) if len(parts) > 1 else parts[0]
    return whole, whole == MISSING


def _signal(
    values: NDArray[np.int16],
    missing: NDArray[np.bool_],
    lead: str,
    calibrated: bool,
    step: float,
    division: _Division,
) -> EdfSignal:
    import edfio

    unit, scale = ("uV", step * 1000) if step * 1000 < _UV_MAX else ("mV", step)
    if not calibrated:
        unit, scale = "", step
    most = round(MOST * scale, 6)
    digital = np.where(missing, np.int16(0), values)
    try:
        signal = edfio.EdfSignal.from_digital(
            digital,
            division.length / float(division.duration),
            label=lead[:16],
            physical_dimension=unit,
            physical_range=(-most, most),
            digital_range=(-MOST, MOST),
        )
    except ValueError as error:
        raise DataError(f"Lead {lead!r} has a range that an EDF header has no room for; write CSV.") from error
    signal.digital[missing] = MISSING
    return signal


def _about(recording: Recording) -> tuple[Patient, About, time, list[str]]:
    """Return the header's patient and recording, the time of day, and what it cannot say of them."""
    import edfio

    known, notices = recording.identity, []
    day: date | None = None
    clock = time(0, 0, 0)
    if known is not None and known.start is not None:
        day, clock = known.start.date(), known.start.time().replace(microsecond=0)
        if not known.date_known:
            day = None
        elif day.year not in _YEARS:
            day = None
            notices.append("EDF states years from 1985 to 2084 only; the date of the recording was left out.")
    if known is None:
        return edfio.Patient(), edfio.Recording(), clock, notices
    if not (known.name + known.patient_id).isascii():
        notices.append("EDF holds plain letters only; others of the patient's name became question marks.")
    patient = edfio.Patient(code=_subfield(known.patient_id, 20), sex=known.sex or "X", name=_subfield(known.name, 40))
    return patient, edfio.Recording(startdate=day), clock, notices


def _subfield(text: str, size: int) -> str:
    """Return text as a subfield: ASCII, underscores for blanks, X for nothing."""
    plain = "".join(c if "!" <= c <= "~" else "_" if c.isspace() else "?" for c in text.strip())[:size]
    return plain or "X"


def _with_onsets(payload: bytes, division: _Division, n_leads: int, fs: float) -> bytes:
    """Make the EDF+C of edfio an EDF+D: each record states when it begins."""
    header = 256 * (n_leads + 2)
    whole = bytearray(payload)
    whole[_RESERVED] = b"EDF+D".ljust(_RESERVED.stop - _RESERVED.start)
    n_records = sum(-(-(stop - start) // division.length) for start, stop in division.runs)
    records = np.frombuffer(whole, np.uint8, offset=header).reshape(n_records, -1)
    notes = records[:, 2 * division.length * n_leads :]
    onsets = [
        (start + i * division.length) / fs
        for start, stop in division.runs
        for i in range(-(-(stop - start) // division.length))
    ]
    for i, onset in enumerate(onsets):
        text = np.format_float_positional(round(onset, 6), trim="-", sign=True)
        notes[i] = np.frombuffer(f"{text}\x14\x14".encode().ljust(notes.shape[1], b"\0"), np.uint8)
    return bytes(whole)


def _notices(recording: Recording, division: _Division, missing: NDArray[np.bool_]) -> list[str]:
    notices = []
    fs = division.length / float(division.duration)
    if abs(fs / recording.fs - 1) > _EXACT:
        notices.append(_SLOWER.format(fs=recording.fs, found=fs))
    if division.padding:
        notices.append(_PADDED.format(n=division.padding, seconds=division.padding / recording.fs))
    if missing.any():
        notices.append(_LOST)
    return notices
