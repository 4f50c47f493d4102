"""The layout of an EDF, EDF+ or BDF file: what its header states about sizes, checked before anything is decoded."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from pipeline.errors import IntakeError, LimitError

BDF_VERSION: Final = b"\xffBIOSEMI"
EDF_VERSION: Final = b"0       "
FIXED: Final = 256  # bytes of the header before those of the signals, and of each signal
DAMAGED: Final = "The EDF header is damaged: a number in it cannot be read."
SIGNALS: Final = slice(252, 256)

_HEADER_BYTES: Final = slice(184, 192)
_COUNT: Final = slice(236, 244)
_DURATION: Final = slice(244, 252)
_RESERVED: Final = slice(192, 197)
_SIGNALS_MAX: Final = 512  # an EEG cap has up to 256 electrodes
_RECORDS_MAX: Final = 2_000_000  # whose onsets are read one by one
_JITTER: Final = 1  # samples by which a record may begin beside the end of the one before without a gap
_RX_ONSET: Final = re.compile(rb"([+-]\d{1,12}(?:\.\d{0,12})?)(?:\x15[\d.]*)?\x14")


@dataclass(frozen=True)
class Layout:
    """Sizes that a header states.

    Attributes
    ----------
    raw : bytes
        The header; numbers have decimal points.
    labels : tuple of str
        Label of each signal.
    per_record : tuple of int
        Samples of each signal in a data record.
    width : int
        Bytes per sample: 2, or 3 in BDF.
    record_s : float
        Duration of a data record, seconds.
    stated : int
        Data records that it states; -1 if it was written while recording.
    discontinuous : bool
        Whether it is an EDF+D or BDF+D: records state when they begin.
    n_records : int
        Whole data records that the file has.
    """

    raw: bytes
    labels: tuple[str, ...]
    per_record: tuple[int, ...]
    width: int
    record_s: float
    stated: int
    discontinuous: bool
    n_records: int

    @property
    def record_bytes(self) -> int:
        """Bytes of a data record."""
        return sum(self.per_record) * self.width

    @property
    def places(self) -> tuple[int, ...]:
        """Places of the signals that are not annotations."""
        mine = "BDF Annotations" if self.width == 3 else "EDF Annotations"
        return tuple(i for i, label in enumerate(self.labels) if label != mine)

    @property
    def annotations(self) -> tuple[int, int] | None:
        """The bytes [start, stop) of a data record in which the first signal of annotations lies; None without one."""
        place = next((i for i in range(len(self.labels)) if i not in self.places), None)
        if place is None:
            return None
        start = sum(self.per_record[:place]) * self.width
        return start, start + self.per_record[place] * self.width

    def with_records(self, records: bytes, count: int) -> bytes:
        """Return the header, stating `count` data records, with these records behind it."""
        return b"".join((self.raw[: _COUNT.start], f"{count:<8}".encode(), self.raw[_COUNT.stop :], records))

    def records(self, payload: bytes, first: int, stop: int) -> bytes:
        """Return some data records.

        Parameters
        ----------
        payload : bytes
            The file.
        first, stop : int
            The records [first, stop).
        """
        start = len(self.raw)
        return payload[start + first * self.record_bytes : start + stop * self.record_bytes]


@dataclass(frozen=True)
class Run:
    """Data records that follow each other without a gap.

    Attributes
    ----------
    first, stop : int
        The records [first, stop).
    sample : int
        Where the first of them begins, in samples of the ECG.
    """

    first: int
    stop: int
    sample: int


def parse_layout(payload: bytes) -> Layout:
    """Read the sizes in the header of a file, and compare them with its size.

    Raises
    ------
    LimitError
        If it has too many signals.
    IntakeError
        If a number is missing or impossible, the file holds annotations only, or not one whole data record.
    """
    try:
        n_signals = int(payload[SIGNALS])
        if n_signals > _SIGNALS_MAX:
            raise LimitError(f"The EDF file has {n_signals} signals, the limit is {_SIGNALS_MAX}.")
        raw = bytearray(payload[: FIXED * (1 + max(n_signals, 0))])
        if n_signals < 1 or len(raw) < FIXED * (1 + n_signals):
            raise IntakeError(f"The EDF file ends within its header, which announces {n_signals} signals.")
        raw[_HEADER_BYTES] = f"{len(raw):<8}".encode()  # the standard leaves no choice, whatever is stated
        for numbers in (_DURATION, slice(FIXED + 104 * n_signals, FIXED + 136 * n_signals)):
            raw[numbers] = raw[numbers].replace(b",", b".").replace(b"\x00", b" ")
        labels = tuple(field.decode("latin-1").rstrip() for field in _fields(raw, 0, 16, n_signals))
        per_record = tuple(int(field) for field in _fields(raw, 216, 8, n_signals))
        record_s, stated = float(raw[_DURATION]), int(raw[_COUNT])
    except ValueError as error:
        raise IntakeError(DAMAGED) from error
    reserved, width = bytes(raw[_RESERVED]), 3 if raw[:8] == BDF_VERSION else 2
    layout = Layout(bytes(raw), labels, per_record, width, record_s, stated, reserved in (b"EDF+D", b"BDF+D"), 0)
    if not layout.places:
        raise IntakeError("This EDF file holds annotations only, no signal; give the file with the ECG.")
    return _measured(layout, len(payload))


def _fields(raw: bytearray, before: int, size: int, n_signals: int) -> list[bytearray]:
    """Return one field of every signal, which has `before` bytes of other fields before it."""
    start = FIXED + before * n_signals
    return [raw[start + size * i : start + size * (i + 1)] for i in range(n_signals)]


def _measured(layout: Layout, n_bytes: int) -> Layout:
    if not (math.isfinite(layout.record_s) and layout.record_s > 0):
        raise IntakeError(f"The EDF header states {layout.record_s:g} s as the duration of a data record.")
    if min(layout.per_record) < 1:
        raise IntakeError(f"The EDF header states {min(layout.per_record)} samples of a signal in each data record.")
    n_records = (n_bytes - len(layout.raw)) // layout.record_bytes
    if n_records < 1:
        raise IntakeError(
            f"The EDF file ends after {n_bytes - len(layout.raw):,} bytes of its first data record, which has "
            f"{layout.record_bytes:,}."
        )
    return replace(layout, n_records=n_records)


def size_notices(layout: Layout, n_bytes: int) -> list[str]:
    """Tell where the number of data records that the header states is not that of the file."""
    notices = []
    if layout.stated not in (layout.n_records, -1):
        notices.append(
            f"The header states {layout.stated:,} data records, the file has {layout.n_records:,}: all of these were "
            "read."
        )
    rest = n_bytes - len(layout.raw) - layout.n_records * layout.record_bytes
    if rest:
        notices.append(f"The last data record is incomplete ({rest:,} of {layout.record_bytes:,} bytes): left out.")
    return notices


def runs_of(layout: Layout, payload: bytes, fs: float) -> tuple[list[Run], float]:
    """Return which data records follow each other without a gap, and the seconds before the first of them.

    Parameters
    ----------
    layout : Layout
        Sizes.
    payload : bytes
        The file.
    fs : float
        Sampling frequency of the ECG, Hz.

    Raises
    ------
    LimitError
        If there are too many records to read the beginning of each.
    IntakeError
        If a record of an EDF+D does not state when it begins, or begins before the end of the one before.
    """
    if layout.annotations is None:
        return [Run(0, layout.n_records, 0)], 0.0
    if not layout.discontinuous:
        return [Run(0, layout.n_records, 0)], _onsets(layout, payload, 1)[0] or 0.0
    if layout.n_records > _RECORDS_MAX:
        raise LimitError(f"The EDF+D has {layout.n_records:,} data records, the limit is {_RECORDS_MAX:,}.")
    onsets = _onsets(layout, payload, layout.n_records)
    if None in onsets:
        raise IntakeError(f"Data record {onsets.index(None) + 1} of the EDF+D does not state when it begins.")
    begin_s = np.array(onsets, np.float64)
    at = np.round((begin_s - begin_s[0]) * fs).astype(np.int64)
    return _joined(at, round(layout.record_s * fs)), float(begin_s[0])


def _joined(at: np.ndarray[tuple[int], np.dtype[np.int64]], length: int) -> list[Run]:
    """Join records of `length` samples that begin `at` their samples (n,) where no gap is between them."""
    late = np.diff(at) - length
    if (late < -_JITTER).any():
        number = int(np.flatnonzero(late < -_JITTER)[0]) + 2
        raise IntakeError(f"Data record {number} of the EDF+D begins before the end of the one before it.")
    first = [0, *(np.flatnonzero(late > _JITTER) + 1).tolist()]
    runs: list[Run] = []
    for start, stop in zip(first, [*first[1:], len(at)], strict=True):
        free = runs[-1].sample + (runs[-1].stop - runs[-1].first) * length if runs else 0
        runs.append(Run(start, stop, max(free, int(at[start]))))
    return runs


def _onsets(layout: Layout, payload: bytes, count: int) -> list[float | None]:
    """Return when the first `count` data records say that they begin, in seconds."""
    start, stop = layout.annotations or (0, 0)
    at = [len(layout.raw) + record * layout.record_bytes for record in range(count)]
    found = [_RX_ONSET.match(payload, first + start, first + stop) for first in at]
    return [float(match[1]) if match else None for match in found]
