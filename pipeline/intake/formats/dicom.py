"""DICOM waveforms: 12-lead, general and ambulatory ECG (PS3.3 A.34), and whatever else holds leads in a waveform."""

from __future__ import annotations

import io
import math
import re
import warnings
import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Limits
from pipeline.errors import EcgError, IntakeError, LimitError
from pipeline.identity import DeviceReading, Identity
from pipeline.intake.formats.adapter import Decoded, build_recording, check_extent, mv_per_unit
from pipeline.intake.formats.device_terms import device_name, device_reading, plain_text, sex_of
from pipeline.intake.formats.ecgdatakit_record import AGES, require_rhythm
from pipeline.types import FloatArray, Recording

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

WHAT: Final = "DICOM file"
READS: Final = 200_000  # of the file by pydicom, some three for each element: seconds, not minutes
ANNOTATIONS: Final = 2_000
NO_DATE: Final = "19000101000000"  # stands for a date that is not known, where the standard demands one
_PREAMBLE: Final = 128
_STARTS: Final = (b"\x02\x00\x00\x00UL\x04\x00", b"\x08\x00\x05\x00CS", b"\x08\x00\x08\x00CS", b"\x08\x00\x16\x00UI")
# Waveform Sample Interpretation, PS3.3 C.10.9.1.5; the two that remain are for sound.
_KINDS: Final = (("SB", "i1"), ("UB", "u1"), ("SS", "i2"), ("US", "u2"), ("SL", "i4"), ("UL", "u4"))
_RX_MEASURED: Final = (
    *(("rate", r"(?:ventricular |mean )?(?:heart|ventricular) ?rate"), ("RR", r"rr interval(?: global)?")),
    *(("P", r"p (?:wave )?duration(?: global)?"), ("PR", r"p[rq] (?:interval|duration)(?: global)?")),
    *(("QRS", r"qrs duration(?: global)?"), ("QT", r"qt (?:interval|duration)(?: global)?")),
    *(
        ("QTcB", r"qtcb.*|.*bazett.*"),
        ("QTcF", r"qtcf.*|.*fridericia.*"),
        ("QTc", r"(?:corrected qt|qtc) ?(?:interval)?"),
    ),
    *(("P axis", r"p(?:[ -]wave)? axis"), ("QRS axis", r"qrs axis"), ("T axis", r"t(?:[ -]wave)? axis")),
)
_DAMAGED: Final = f"The {WHAT} is incomplete or damaged, so that its signal cannot be read; export it again."
_OTHERS_LEFT: Final = "The file holds further waveforms, at another rate or not of a voltage; they were not read."


@dataclass(frozen=True, eq=False)
class _Group:
    """A multiplex group: leads that were sampled together.

    Attributes
    ----------
    fs : float
        Sampling frequency, Hz.
    start_s : float
        When it begins, seconds after the recording.
    n_samples : int
        Samples of each lead.
    channels : tuple of Dataset
        Definitions of all that was sampled.
    columns : tuple of int
        Which of these are voltages, or state no unit.
    kind : str
        NumPy's type of a sample, with its order of bytes.
    data : bytes
        The samples.
    padding : int or None
        The value that stands for no sample.
    """

    fs: float
    start_s: float
    n_samples: int
    channels: tuple[Dataset, ...]
    columns: tuple[int, ...]
    kind: str
    data: bytes
    padding: int | None


class _Deflated(Exception):  # noqa: N818 - it names a state, not a fault
    """The data set, from this place on, is compressed as a whole (PS3.5 A.5)."""

    def __init__(self, start: int) -> None:
        super().__init__(start)
        self.start = start


class _Counted(io.BytesIO):
    """A file in memory that can be read so often only: a file of millions of empty elements would keep us for hours."""

    def __init__(self, payload: bytes, spent: list[int]) -> None:
        super().__init__(payload)
        self._spent = spent

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or size < 0:  # pydicom reads all that is left only to inflate it, without bound
            raise _Deflated(self.tell())
        self._spent[0] += 1
        if self._spent[0] > READS:
            raise LimitError(f"The {WHAT} has too many elements; export the waveform alone.")
        return super().read(size)


class _File:
    """A data set whose sequences are parsed when they are asked for, all together within `READS`."""

    def __init__(self, payload: bytes, limits: Limits) -> None:
        from pydicom.filereader import dcmread

        self._spent = [0]
        try:
            self.dataset: Dataset = dcmread(_Counted(payload, self._spent), force=True)
        except _Deflated as found:
            plain = _inflated(payload, found.start, limits.upload_bytes)
            self.dataset = dcmread(_Counted(plain, self._spent), force=True)
        self.implicit, self.little = self.dataset.original_encoding
        self.text = self.dataset.original_character_set

    def items(self, dataset: Dataset, keyword: str) -> list[Dataset]:
        """Return the items of a sequence, none if it is not there."""
        from pydicom.datadict import tag_for_keyword
        from pydicom.dataelem import RawDataElement
        from pydicom.filereader import read_sequence

        tag = tag_for_keyword(keyword)
        element = dataset.get_item(tag) if tag is not None and tag in dataset else None
        if element is None or element.value is None:
            return []
        if not isinstance(element, RawDataElement):
            return list(element.value)
        file = _Counted(bytes(element.value), self._spent)
        return list(read_sequence(file, self.implicit, self.little, len(element.value), self.text))


def _inflated(payload: bytes, start: int, limit: int) -> bytes:
    """Return the data set behind `start`, inflated, at most `limit` bytes of it. Raises LimitError, IntakeError."""
    unpack = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        found = unpack.decompress(memoryview(payload)[start:], limit + 1)
    except zlib.error as error:
        raise IntakeError(_DAMAGED) from error
    if len(found) > limit:
        raise LimitError(f"The {WHAT} inflates to more than {limit:,} bytes, which is the limit.")
    if not unpack.eof:
        raise IntakeError(_DAMAGED)
    return found


def recognises(head: bytes) -> bool:
    """Tell whether a file is DICOM: by the word behind its preamble, or, without one, by its first element."""
    return head[_PREAMBLE : _PREAMBLE + 4] == b"DICM" or head.startswith(_STARTS)


def read(name: str, payload: bytes, limits: Limits) -> Recording:
    """Read the original waveforms of one rate, the measurements and the statements; median beats are left out.

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
        If the file holds no waveform or is damaged; one sentence.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            decoded = _decoded(_File(payload, limits), limits)
        except EcgError:
            raise
        except Exception as error:  # pydicom raises whatever a damaged element leads its decoders to
            raise IntakeError(_DAMAGED) from error
    return build_recording(name, payload, decoded, tag="dicom", limits=limits)


def _decoded(file: _File, limits: Limits) -> Decoded:
    waveforms = file.items(file.dataset, "WaveformSequence")
    if not waveforms:
        raise IntakeError(f"The {WHAT} holds no waveform; choose the ECG itself, not its report or its picture.")
    rhythm = [item for item in waveforms if not _is_median(item)]
    groups = [_group(file, item) for item in rhythm]
    groups = [group for group in groups if group.columns]
    if not groups:
        raise IntakeError(f"The {WHAT} holds no rhythm, only median beats or signals that are no voltage.")
    fs = groups[0].fs
    taken = [group for group in groups if group.fs == fs]
    n_leads = sum(len(group.columns) for group in taken)
    starts = [round(group.start_s * fs) for group in taken]
    first = min(starts)
    n_samples = max(start - first + group.n_samples for start, group in zip(starts, taken, strict=True))
    check_extent(n_samples, n_leads, fs, limits)
    require_rhythm(n_samples / fs, WHAT)
    signal = np.full((n_samples, n_leads), np.nan, np.float32)
    column = 0
    for start, group in zip(starts, taken, strict=True):
        until = column + len(group.columns)
        _fill(signal[start - first : start - first + group.n_samples, column:until], group, file)
        column = until
    channels = [group.channels[column] for group in taken for column in group.columns]
    return Decoded(
        fs=fs,
        signal=signal,
        leads=[_lead(file, channel) for channel in channels],
        calibrated=[_unit(file, channel) is not None for channel in channels],
        identity=_identity(file.dataset),
        device=_device(file),
        notices=(_OTHERS_LEFT,) * (len(taken) < len(rhythm)),
        age_years=_age(_text(file.dataset, "PatientAge")),
    )


def _is_median(item: Dataset) -> bool:
    """Tell whether a group was derived from the rhythm, as a median beat is."""
    label = f"{_text(item, 'MultiplexGroupLabel')} {_text(item, 'WaveformOriginality')}".upper()
    return any(word in label for word in ("DERIVED", "MEDIAN", "AVERAGE", "REPRESENTATIVE"))


def _group(file: _File, item: Dataset) -> _Group:
    """Return a group whose size is what it states."""
    fs, n_samples = _number(item, "SamplingFrequency"), int(_number(item, "NumberOfWaveformSamples") or 0)
    n_channels = int(_number(item, "NumberOfWaveformChannels") or 0)
    kind = dict(_KINDS).get(_text(item, "WaveformSampleInterpretation"))
    channels = file.items(item, "ChannelDefinitionSequence")
    data = item.get("WaveformData")
    if not fs or n_samples < 1 or n_channels < 1 or kind is None or not isinstance(data, bytes):
        raise IntakeError(_DAMAGED)
    width = np.dtype(kind).itemsize
    if len(channels) != n_channels or len(data) < n_samples * n_channels * width:
        raise IntakeError(
            f"The {WHAT} states {n_samples:,} samples of {n_channels} leads, but holds {len(data) // width:,} "
            f"samples of {len(channels)}; export it again."
        )
    padding = item.get("WaveformPaddingValue")
    order: Literal["little", "big"] = "little" if file.little else "big"
    return _Group(
        fs=fs,
        start_s=(_number(item, "MultiplexGroupTimeOffset") or 0.0) / 1000,
        n_samples=n_samples,
        channels=tuple(channels),
        columns=tuple(i for i, channel in enumerate(channels) if _may_be_lead(file, channel)),
        kind=("<" if file.little else ">") + kind,
        data=data,
        padding=int.from_bytes(padding, order, signed=kind[0] == "i") if isinstance(padding, bytes) else padding,
    )


def _fill(values: FloatArray, group: _Group, file: _File) -> None:
    """Write a group into its place (n_samples, n_leads): mV, in steps where no unit is stated, NaN where padded."""
    shape = (group.n_samples, len(group.channels))
    steps: NDArray[Any] = np.frombuffer(group.data, group.kind, count=shape[0] * shape[1]).reshape(shape)
    for place, column in enumerate(group.columns):
        channel = group.channels[column]
        factor = _unit(file, channel)
        step = _stated(channel, "ChannelSensitivity") * _stated(channel, "ChannelSensitivityCorrectionFactor")
        base = _stated(channel, "ChannelBaseline", usual=0.0)
        scale = 1.0 if factor is None else factor
        with np.errstate(over="ignore", invalid="ignore"):
            values[:, place] = steps[:, column] * (step * scale) + base * scale
        if group.padding is not None:
            values[steps[:, column] == group.padding, place] = np.nan


def _stated(channel: Dataset, keyword: str, *, usual: float = 1.0) -> float:
    """Return a factor of a channel; `usual` where it is not stated, refused where it is no factor."""
    if channel.get(keyword) in (None, ""):
        return usual
    value = _number(channel, keyword)
    if value is None or (usual == 1.0 and value == 0.0):
        raise IntakeError(f"The {WHAT} states no usable amplitude for one of its leads; export it again.")
    return value


def _may_be_lead(file: _File, channel: Dataset) -> bool:
    """Tell whether a channel is a voltage, or states no unit."""
    return not file.items(channel, "ChannelSensitivityUnitsSequence") or _unit(file, channel) is not None


def _unit(file: _File, channel: Dataset) -> float | None:
    """Return millivolts per unit of a channel; None where it states no voltage."""
    units = file.items(channel, "ChannelSensitivityUnitsSequence")
    stated = channel.get("ChannelSensitivity") not in (None, "")
    return mv_per_unit(_text(units[0], "CodeValue")) if stated and units else None


def _lead(file: _File, channel: Dataset) -> str:
    sources = file.items(channel, "ChannelSourceSequence")
    name = _text(sources[0], "CodeMeaning") if sources else ""
    name = re.sub(r"\s*\([^)]*\)?\s*$", "", name)  # "Lead II (Einthoven)"
    return name or _text(channel, "ChannelLabel")


def _number(dataset: Dataset, keyword: str) -> float | None:
    try:
        value = float(str(dataset.get(keyword)))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _text(dataset: Dataset, keyword: str) -> str:
    return plain_text(dataset.get(keyword) or "")


def _identity(dataset: Dataset) -> Identity:
    family, _, given = _text(dataset, "PatientName").split("=")[0].partition("^")
    year = _text(dataset, "PatientBirthDate")[:4]
    return Identity(
        patient_id=_text(dataset, "PatientID"),
        name=plain_text(f"{given.replace('^', ' ')} {family}"),
        sex=sex_of(_text(dataset, "PatientSex")),
        birth_year=int(year) if year.isdecimal() and len(year) == 4 else None,
        indication=_text(dataset, "ReasonForTheRequestedProcedure") or _text(dataset, "ReasonForStudy"),
        start=_start(dataset),
    )


def _start(dataset: Dataset) -> datetime | None:
    stated = (
        _text(dataset, "AcquisitionDateTime"),
        _text(dataset, "ContentDate") + _text(dataset, "ContentTime"),
        _text(dataset, "StudyDate") + _text(dataset, "StudyTime"),
    )
    for text in stated:
        digits = re.match(r"(\d{14})(?:\.(\d{1,6}))?", text)
        try:
            if digits and digits[1] != NO_DATE:
                micro = int((digits[2] or "0").ljust(6, "0"))
                return datetime.strptime(digits[1], "%Y%m%d%H%M%S").replace(microsecond=micro)
        except ValueError:
            continue
    return None


def _age(text: str) -> int | None:
    """Return whole years of an age string such as "042Y" (PS3.5, AS)."""
    match = re.fullmatch(r"(\d{1,3})([DWMY])", text)
    years = int(match[1]) / {"D": 365.25, "W": 52.18, "M": 12, "Y": 1}[match[2]] if match else None
    return int(years) if years is not None and int(years) in AGES else None


def _device(file: _File) -> DeviceReading:
    items = file.items(file.dataset, "WaveformAnnotationSequence")[:ANNOTATIONS]
    measured, statements = [], []
    for item in items:
        if text := _text(item, "UnformattedTextValue"):
            statements.append(text)
        elif (found := _measured(file, item)) is not None:
            measured.append(found)
    maker, model = _text(file.dataset, "Manufacturer"), _text(file.dataset, "ManufacturerModelName")
    return device_reading(device_name(maker, model), measured, statements)


def _measured(file: _File, item: Dataset) -> tuple[str, float] | None:
    """Return name and value of an annotation that is one of our measurements, of the whole recording."""
    value, concepts = _number(item, "NumericValue"), file.items(item, "ConceptNameCodeSequence")
    if value is None or not concepts:
        return None
    words = _text(concepts[0], "CodeMeaning").lower()
    name = next((name for name, pattern in _RX_MEASURED if re.fullmatch(pattern, words)), None)
    return None if name is None else (name, value)
