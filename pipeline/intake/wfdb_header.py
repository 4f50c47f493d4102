"""A strict reader of WFDB headers: raw bytes in, bounded numbers out, nothing repaired and nothing guessed."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from pipeline.config import Limits
from pipeline.errors import IntakeError, LimitError
from pipeline.identity import Sex
from pipeline.intake.content import safe_lead, unique_leads
from pipeline.signal.lead_names import is_known_lead, is_other_signal

# Accepted sample formats: samples in a group and the bytes that hold the group (WFDB signal(5)). Those of the FLAC
# formats are the bytes of the samples once they are unpacked.
FLAC_FORMATS: Final = frozenset({"508", "516", "524"})
FORMATS: Final = {
    "8": (1, 1),
    "16": (1, 2),
    "24": (1, 3),
    "32": (1, 4),
    "61": (1, 2),
    "80": (1, 1),
    "160": (1, 2),
    "212": (2, 3),
    "310": (3, 4),
    "311": (3, 4),
    "508": (1, 1),
    "516": (1, 2),
    "524": (1, 3),
}
_NULL_FORMAT: Final = "0"  # of the leads in a layout, which have no samples of their own
_FLAC_CHANNELS: Final = 8
# Millivolts per unit, by the raw bytes of the header (µ in Latin-1 and in both UTF-8 spellings).
UNIT_TO_MV: Final = {
    b"V": 1e3,
    b"mV": 1.0,
    b"mv": 1.0,
    b"uV": 1e-3,
    b"uv": 1e-3,
    b"\xb5V": 1e-3,
    b"\xc2\xb5V": 1e-3,
    b"\xce\xbcV": 1e-3,
    b"nV": 1e-6,
    b"MV": 1.0,  # no electrode has a million volts
    b"uVolt": 1e-3,
    b"mVolt": 1.0,
    b"microV": 1e-3,
    b"microvolt": 1e-3,
    b"microvolts": 1e-3,
    b"millivolt": 1.0,
    b"millivolts": 1.0,
    b"volt": 1e3,
    b"volts": 1e3,
}
# What headers write for a signal without a unit.
NO_UNITS: Final = frozenset(
    (b"nu", b"none", b"no_units", b"nounits", b"a.u.", b"au", b"adu", b"adc", b"counts", b"raw", b"-", b"1")
)
UNCALIBRATED_GAIN: Final = 200.0  # WFDB's default; only a scale for arbitrary units
AGE_MAX: Final = 120  # years; more is a code for "not known"
_RX_AGE: Final = re.compile(rb"^#[ \t]*<?age>?:[ \t]*(?P<years>\d{1,3})[ \t]*\r?$", re.IGNORECASE | re.MULTILINE)
_RX_SEX: Final = re.compile(
    rb"^#[ \t]*<?(?:sex|gender)>?:[ \t]*(?P<sex>[FM])(?:emale|ale)?[ \t]*\r?$", re.IGNORECASE | re.MULTILINE
)
_GAIN_RANGE: Final = (1e-6, 1e12)  # adu per unit
_INT32: Final = 2**31
_NUMBER: Final = rb"[+-]?(?:\d{1,20}(?:\.\d{0,20})?|\.\d{1,20})(?:[eE][+-]?\d{1,4})?"
_RX_FS: Final = re.compile(rb"(?P<fs>" + _NUMBER + rb")(?:/.{0,64})?", re.DOTALL)
_RX_INT: Final = re.compile(rb"[+-]?\d{1,18}")
_RX_SEGMENTS: Final = re.compile(rb"[^/]+/(?P<segments>\d{1,9})")
_RX_FORMAT: Final = re.compile(
    rb"(?P<fmt>\d{1,4})(?:x(?P<spf>\d{1,9}))?(?::(?P<skew>-?\d{1,18}))?(?:\+(?P<offset>\d{1,18}))?"
)
_RX_GAIN: Final = re.compile(
    rb"(?P<gain>" + _NUMBER + rb")(?:\((?P<baseline>[+-]?\d{1,18})\))?(?:/(?P<units>\S{1,32}))?"
)


@dataclass(frozen=True)
class SignalSpec:
    """One lead as the header describes it.

    Attributes
    ----------
    file : bytes
        Untrusted name of the signal file; it is only ever compared.
    fmt : str
        WFDB format.
    byte_offset : int
        Bytes before the first sample; in a FLAC format samples of each lead.
    spf : int
        Samples per frame, 1 or more.
    skew : int
        Frames by which the lead is stored too late.
    gain : float
        ADC units per physical unit; None where the header gives none.
    baseline : int
        ADC value of 0 physical units.
    mv_per_unit : float
        None for a unit that is not a voltage.
    init, checksum : int
        First sample and checksum; None where not stated.
    lead : str
        Safe name of the lead.
    """

    file: bytes
    fmt: str
    byte_offset: int
    spf: int
    skew: int
    gain: float | None
    baseline: int
    mv_per_unit: float | None
    init: int | None
    checksum: int | None
    lead: str


@dataclass(frozen=True)
class Header:
    """A checked WFDB header.

    Attributes
    ----------
    fs : float
        Sampling frequency at which the leads are read, Hz: the frames' times `spf`.
    n_samples : int
        Per lead that has `spf` samples per frame.
    signals : tuple of SignalSpec
        The leads in the order of the file.
    age_years : int or None
        Age in years, where a comment states it.
    sex : "F", "M" or None
        Sex, where a comment states it.
    spf : int
        Samples per frame of the ECG.
    """

    fs: float
    n_samples: int
    signals: tuple[SignalSpec, ...]
    age_years: int | None = None
    sex: Sex | None = None
    spf: int = 1

    @property
    def n_frames(self) -> int:
        """Number of frames."""
        return self.n_samples // self.spf

    @property
    def frame_hz(self) -> float:
        """Frames per second."""
        return self.fs / self.spf

    def at_rate(self, spf: int) -> Header:
        """Return the same header, read with another number of samples per frame."""
        return replace(self, fs=self.frame_hz * spf, n_samples=self.n_frames * spf, spf=spf)

    def kept(self) -> list[int]:
        """Index the leads that are read: voltages, at the ECG's rate or of a name that is not something else's."""
        return [
            i
            for i, signal in enumerate(self.signals)
            if signal.mv_per_unit is not None
            and (signal.spf == self.spf or (signal.spf < self.spf and not is_other_signal(signal.lead)))
        ]

    def groups(self) -> tuple[tuple[SignalSpec, ...], ...]:
        """Group the leads by signal file, in the order of the header."""
        names = tuple(dict.fromkeys(signal.file for signal in self.signals))
        return tuple(tuple(s for s in self.signals if s.file == name) for name in names)


def parse_header(
    payload: bytes, limits: Limits, count: Callable[[tuple[SignalSpec, ...]], int] | None = None
) -> Header:
    """Read a single-segment WFDB header.

    Parameters
    ----------
    payload : bytes
        The .hea file. Of its comments only age and sex are used, which limits of ST levels and voltages depend on; all
        others are dropped here and never leave this function.
    limits : Limits
        Bounds for size, leads, sampling frequency and duration.
    count : callable, optional
        Returns the number of frames in the first signal file, given the leads in it; for headers that do not state it.

    Raises
    ------
    LimitError
        If the header, the number of leads, fs or the duration is out of bounds.
    IntakeError
        If a field is missing, malformed or of a kind that is not supported.
    """
    frame_hz, n_frames, signals = _described(_single_lines(payload, limits), limits)
    header = Header(frame_hz, n_frames or 0, signals, *_age_and_sex(payload)).at_rate(_ecg_spf(signals))
    _check_groups(header)
    if n_frames is None:
        if count is None:
            raise IntakeError("The header does not state the number of samples; add it to its first line.")
        header = Header(frame_hz, count(header.groups()[0]), signals, header.age_years, header.sex).at_rate(header.spf)
    check_extent(header.fs, header.n_samples, limits)
    for number, signal in enumerate(signals, 1):
        if not 0 <= signal.skew < header.n_frames:
            raise IntakeError(
                f"Lead {number} has a skew of {signal.skew:,} samples, not between 0 and {header.n_frames - 1:,}."
            )
    return header


def signal_files(payload: bytes, limits: Limits) -> tuple[bytes, ...]:
    """Return the names of the signal files in a single-segment header, each once. Raises as `parse_header` does."""
    frame_hz, n_frames, signals = _described(_single_lines(payload, limits), limits)
    header = Header(frame_hz, n_frames or 0, signals)
    _check_groups(header)
    return tuple(group[0].file for group in header.groups())


def is_multi_segment(payload: bytes, limits: Limits) -> bool:
    """Tell whether a header describes a record of several segments; a path in its name ends with no such number.

    Raises
    ------
    LimitError
        If the header is too large.
    IntakeError
        If it is no text.
    """
    lines = [line.split() for line in _content_lines(payload, limits)]
    match = _RX_SEGMENTS.fullmatch(lines[0][0])
    # "mitdb/100" is a path if its signals are in 100.dat
    return match is not None and all(line[0].split(b".")[0] != match["segments"] for line in lines[1:])


def master_lines(payload: bytes, limits: Limits) -> tuple[int, int, float, int | None, list[list[bytes]]]:
    """Return numbers of segments and leads, frames per second, number of frames, and the fields of further lines."""
    lines = _content_lines(payload, limits)
    n_leads, frame_hz, n_frames = _record_line(lines[0], limits)
    return int(lines[0].split()[0].split(b"/")[1]), n_leads, frame_hz, n_frames, [line.split() for line in lines[1:]]


def layout_leads(payload: bytes, limits: Limits) -> tuple[str, ...]:
    """Return the names of the leads in the layout of a record whose segments differ. Raises as `parse_header` does."""
    first, *lines = _single_lines(payload, limits)
    without_length = b" ".join(first.split()[:3])
    _, _, signals = _described([without_length, *lines], limits, (*FORMATS, _NULL_FORMAT))
    return tuple(signal.lead for signal in signals)


def check_extent(fs: float, n_samples: int, limits: Limits) -> None:
    """Raise LimitError if rate or duration is out of bounds, IntakeError if there is no sample.

    Parameters
    ----------
    fs : float
        Sampling frequency, Hz.
    n_samples : int
        Per lead.
    limits : Limits
        The bounds.
    """
    if not limits.fs_min_hz <= fs <= limits.fs_max_hz:
        raise LimitError(
            f"The sampling frequency {fs:g} Hz is outside {limits.fs_min_hz:g} to {limits.fs_max_hz:g} Hz; "
            "correct the header."
        )
    if n_samples == 0:
        raise IntakeError("The recording has 0 samples; there is nothing to read.")
    if n_samples / fs > limits.duration_max_s:
        raise LimitError(
            f"The header announces {n_samples / fs / 3600:,.0f} hours, the limit is {limits.duration_max_s / 3600:.0f}."
        )


def expected_bytes(group: tuple[SignalSpec, ...], n_frames: int) -> tuple[int, int]:
    """Return the smallest and largest size, in bytes, of a signal file with `n_frames` of the leads in `group`."""
    per_group, group_bytes = FORMATS[group[0].fmt]
    total = n_frames * sum(signal.spf for signal in group)
    least = math.ceil(total * group_bytes / per_group)
    most = math.ceil(total / per_group) * group_bytes
    # Format 310 keeps the third sample's bits in two bytes, so two leftover samples need all four.
    if group[0].fmt == "310" and total % 3 == 2:
        least = most
    return group[0].byte_offset + least, group[0].byte_offset + most


def _age_and_sex(payload: bytes) -> tuple[int | None, Sex | None]:
    """Return what the comments say in the forms `Age: 74`, `<age>: 55`, `Sex: Male` and `<sex>: F`."""
    age, sex = _RX_AGE.search(payload), _RX_SEX.search(payload)
    years = int(age["years"]) if age else None
    known: Sex | None = None if sex is None else "F" if sex["sex"].upper() == b"F" else "M"
    return (years if years is not None and years <= AGE_MAX else None), known


def _ecg_spf(signals: tuple[SignalSpec, ...]) -> int:
    """Return the most samples per frame of a voltage whose name is not something else's; of any signal if none is."""
    voltages = [signal for signal in signals if signal.mv_per_unit is not None]
    ecg = [signal for signal in voltages if not is_other_signal(signal.lead)]
    return max(signal.spf for signal in ecg or voltages or signals)


def _described(
    lines: list[bytes], limits: Limits, formats: Collection[str] = FORMATS
) -> tuple[float, int | None, tuple[SignalSpec, ...]]:
    """Return frames per second, the number of frames where stated, and the leads."""
    n_signals, frame_hz, n_frames = _record_line(lines[0], limits)
    if len(lines) - 1 != n_signals:
        raise IntakeError(f"The header announces {n_signals} leads but describes {len(lines) - 1}.")
    signals = tuple(_signal_line(line, i + 1, formats) for i, line in enumerate(lines[1:]))
    return frame_hz, n_frames, _unique_leads(_without_empty_sums(signals))


def _single_lines(payload: bytes, limits: Limits) -> list[bytes]:
    if is_multi_segment(payload, limits):
        raise IntakeError("The header describes a multi-segment record where a single segment is expected.")
    return _content_lines(payload, limits)


def _content_lines(payload: bytes, limits: Limits) -> list[bytes]:
    if len(payload) > limits.header_bytes:
        raise LimitError(f"The header has {len(payload):,} bytes, the limit is {limits.header_bytes:,}.")
    stripped = (line.strip() for line in re.split(rb"\r\n|\n|\r", payload.removeprefix(b"\xef\xbb\xbf")))
    lines = [line for line in stripped if line and not line.startswith(b"#")]
    if not lines or b"\x00" in payload:
        raise IntakeError("The header is not WFDB text; choose the .hea file that came with the recording.")
    return lines


def _record_line(line: bytes, limits: Limits) -> tuple[int, float, int | None]:
    fields = line.split()
    if len(fields) < 2:
        raise IntakeError("The header's first line does not state the number of leads.")
    n_signals = _integer(fields[1], "number of leads", 0, _INT32)
    if n_signals == 0:
        raise IntakeError("The header announces no leads.")
    if n_signals > limits.leads:
        raise LimitError(f"The header announces {n_signals} leads, the limit is {limits.leads}.")
    if len(fields) < 3:
        raise IntakeError("The header does not state the sampling frequency; add it to its first line.")
    frame_hz = _frame_frequency(fields[2], limits)
    if len(fields) < 4:
        return n_signals, frame_hz, None
    n_frames = _integer(fields[3], "number of samples", 0, 10**18 - 1)
    return n_signals, frame_hz, n_frames or None  # 0 stands for a length that is not stated, too


def _frame_frequency(raw: bytes, limits: Limits) -> float:
    """Return the frames per second, which may be few: a frame may hold several samples."""
    match = _RX_FS.fullmatch(raw)
    if match is None:
        raise IntakeError("The header's sampling frequency is not a number.")
    frame_hz = float(match["fs"])
    if not 0 < frame_hz <= limits.fs_max_hz:
        raise LimitError(
            f"The sampling frequency {frame_hz:g} Hz is outside {limits.fs_min_hz:g} to {limits.fs_max_hz:g} Hz; "
            "correct the header."
        )
    return frame_hz


def _signal_line(line: bytes, number: int, formats: Collection[str]) -> SignalSpec:
    fields = line.split(None, 8)
    if len(fields) < 2:
        raise IntakeError(f"The header's line for lead {number} is incomplete.")
    fmt, byte_offset, spf, skew = _storage(fields[1], number, formats)
    gain, baseline, units = _gain(fields[2] if len(fields) > 2 else b"", number)

    def integer(index: int, what: str, low: int, high: int) -> int | None:
        return _integer(fields[index], f"{what} of lead {number}", low, high) if len(fields) > index else None

    lead = safe_lead(fields[8].decode("utf-8", "replace") if len(fields) > 8 else "", number)
    if units.lower() in NO_UNITS and is_known_lead(lead):  # an ECG by its name, of arbitrary height
        gain, units = None, b"mV"
    integer(3, "ADC resolution", 0, 32)
    adc_zero = integer(4, "ADC zero", -_INT32, _INT32)
    init = integer(5, "initial value", -_INT32, _INT32)
    checksum = integer(6, "checksum", -_INT32, _INT32)
    integer(7, "block size", -_INT32, _INT32)
    return SignalSpec(
        file=fields[0],
        fmt=fmt,
        byte_offset=byte_offset,
        spf=spf,
        skew=skew,
        gain=gain,
        baseline=baseline if baseline is not None else adc_zero or 0,
        mv_per_unit=UNIT_TO_MV.get(units),
        init=init,
        checksum=checksum,
        lead=lead,
    )


def _storage(raw: bytes, number: int, formats: Collection[str]) -> tuple[str, int, int, int]:
    """Return format, bytes before the first sample, samples per frame and skew."""
    match = _RX_FORMAT.fullmatch(raw)
    if match is None or match["fmt"].decode() not in formats:
        raise IntakeError(f"Lead {number} is not stored in a supported WFDB format ({', '.join(FORMATS)}).")
    spf, skew, offset = int(match["spf"] or 1), int(match["skew"] or 0), int(match["offset"] or 0)
    if spf == 0:
        raise IntakeError(f"Lead {number} has 0 samples per frame; correct the header.")
    if offset >= _INT32:
        raise LimitError(f"Lead {number} starts at byte {offset:,}, the limit is {_INT32:,}.")
    return match["fmt"].decode(), offset, spf, skew


def _gain(raw: bytes, number: int) -> tuple[float | None, int | None, bytes]:
    if not raw:
        return None, None, b"mV"
    match = _RX_GAIN.fullmatch(raw)
    if match is None:
        raise IntakeError(f"The gain of lead {number} is not a positive, finite number; correct the header.")
    gain, units = float(match["gain"]), match["units"] or b"mV"
    baseline = _integer(match["baseline"], f"baseline of lead {number}", -_INT32, _INT32) if match["baseline"] else None
    if gain == 0 and not re.search(rb"[1-9]", re.split(rb"[eE]", match["gain"])[0]):
        return None, baseline, units
    if not _GAIN_RANGE[0] <= gain <= _GAIN_RANGE[1]:
        raise IntakeError(f"The gain of lead {number} is {gain:g}, not between 1e-6 and 1e12; correct the header.")
    return gain, baseline, units


def _integer(raw: bytes, what: str, low: int, high: int) -> int:
    if not _RX_INT.fullmatch(raw):
        raise IntakeError(f"The {what} in the header is not a whole number of at most 18 digits.")
    value = int(raw)
    if not low <= value <= high:
        raise LimitError(f"The {what} in the header is {value}, not between {low} and {high}.")
    return value


def _without_empty_sums(signals: tuple[SignalSpec, ...]) -> tuple[SignalSpec, ...]:
    """Take checksums that are 0 in every lead for what they are, not computed; the first sample goes with them.

    All headers of PhysioNet's Challenge 2017 are such, and one in 25 has the first sample of an earlier version.
    """
    if any(signal.checksum != 0 for signal in signals):
        return signals
    return tuple(replace(signal, checksum=None, init=signal.init if signal.fmt == "8" else None) for signal in signals)


def _unique_leads(signals: tuple[SignalSpec, ...]) -> tuple[SignalSpec, ...]:
    names = unique_leads([signal.lead for signal in signals])
    return tuple(replace(signal, lead=name) for signal, name in zip(signals, names, strict=True))


def _check_groups(header: Header) -> None:
    order = [signal.file for signal in header.signals]
    if sum(a != b for a, b in pairwise(order)) + 1 != len(set(order)):
        raise IntakeError("The header names a signal file again after another one; leads of one file must be together.")
    for group in header.groups():
        if len({(s.fmt, s.byte_offset) for s in group}) != 1:
            raise IntakeError("The header gives leads in one signal file different formats or start bytes.")
        if group[0].fmt in FLAC_FORMATS and (len({s.spf for s in group}) > 1 or len(group) > _FLAC_CHANNELS):
            raise IntakeError(
                f"A FLAC signal file holds at most {_FLAC_CHANNELS} leads, all of one rate; the header says otherwise."
            )
