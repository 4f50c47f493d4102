"""A WFDB record that grows on disk and can be read at any moment, whatever ends the program.

While it grows, its header states no length, so that the signal file says it; samples are appended in whole frames by
one call of the system each, which survives the end of the process, and flushed to the disk every second, which survives
the end of the machine. Closed, its header is written again with length, start, first samples and checksums. Until
then its signal file is locked, by a lock that the kernel releases when the process ends, however it ends: a record
that is neither closed nor locked was cut short.
"""

from __future__ import annotations

import fcntl
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline._util.files import write_bytes
from pipeline.config import DEFAULT, Limits
from pipeline.errors import DataError
from pipeline.live.sources import StreamFacts
from pipeline.types import FloatArray

SYNC_S: Final = 1.0  # between two flushes to the disk: what a power failure may cost
UNDER_WAY: Final = "# HeartVision live recording, under way since "  # and the start: last line of a header, not closed
READ_FRAMES: Final = 100_000  # at once, when a record that was cut short is read again


@dataclass(frozen=True)
class SampleFormat:
    """How a sample is stored.

    Attributes
    ----------
    wfdb : str
        WFDB's number of the format.
    dtype : str
        The same for numpy.
    per_mv : int
        Steps in a millivolt.
    """

    wfdb: str
    dtype: str
    per_mv: int

    @property
    def missing(self) -> int:
        """The value that stands for a missing sample."""
        return int(np.iinfo(self.dtype).min)

    @property
    def bits(self) -> int:
        """Bits of a sample."""
        return int(np.iinfo(self.dtype).bits)

    def digital(self, p_signal: FloatArray) -> NDArray[Any]:
        """Return millivolts as stored; what is out of range becomes the nearest that is not."""
        most = np.iinfo(self.dtype).max
        whole = np.clip(np.round(p_signal.astype(np.float64) * self.per_mv), -most, most)
        return np.where(np.isfinite(p_signal), np.nan_to_num(whole), self.missing).astype(self.dtype)

    def millivolts(self, digital: NDArray[Any]) -> FloatArray:
        """Return stored samples in mV, NaN where they are missing."""
        value = (digital.astype(np.float64) / self.per_mv).astype(np.float32)
        value[digital == self.missing] = np.nan
        return value


NARROW: Final = SampleFormat("16", "<i2", 1000)  # 1 uV up to 32 mV
WIDE: Final = SampleFormat("32", "<i4", 10_000)  # 0.1 uV up to 214 V


def format_of(facts: StreamFacts) -> SampleFormat:
    """Return how the samples of a stream are stored."""
    return WIDE if facts.wide else NARROW


@dataclass
class Recorder:
    """A record under way; open it, append to it, close it.

    Attributes
    ----------
    folder : Path
        Where NAME.hea and NAME.dat are written.
    name : str
        Of the record: letters, digits, - and _.
    facts : StreamFacts
        The stream.
    started : datetime
        When the first sample was taken.
    limits : Limits
        What the intake reads: a longer record would not open again.

    Raises
    ------
    DataError
        From every method, if the disk is full or cannot be written.
    """

    folder: Path
    name: str
    facts: StreamFacts
    started: datetime
    limits: Limits = DEFAULT.limits
    n_frames: int = field(default=0, init=False)
    n_missing: int = field(default=0, init=False)
    _file: int = field(default=-1, init=False)
    _synced: float = field(default=0.0, init=False)
    _first: NDArray[Any] | None = field(default=None, init=False)
    _sums: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        self._sums = np.zeros(len(self.facts.leads), np.int64)
        self._synced = time.monotonic()
        write_bytes(self.header, _open_header(self.name, self.facts, self.started), private=True)
        try:
            self._file = os.open(self._data, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
        except OSError as error:
            raise _unwritten(error) from error

    @property
    def header(self) -> Path:
        """The header, which names the record."""
        return self.folder / f"{self.name}.hea"

    @property
    def frames_left(self) -> int:
        """How many more frames the intake would still read."""
        frame_bytes = len(self.facts.leads) * format_of(self.facts).bits // 8
        by_size = self.limits.upload_bytes // frame_bytes
        return max(0, min(by_size, int(self.limits.duration_max_s * self.facts.fs)) - self.n_frames)

    def append(self, p_signal: FloatArray) -> None:
        """Write frames (n_samples, n_leads), mV; NaN is written as missing. What the intake would not read is dropped.

        Raises
        ------
        DataError
            If the disk is full or cannot be written.
        """
        digital = format_of(self.facts).digital(p_signal[: self.frames_left])
        if not len(digital):
            return
        if self._first is None:
            self._first = digital[0]
        self._sums += digital.sum(axis=0, dtype=np.int64)
        self._write(digital.tobytes())
        self.n_frames += len(digital)

    def skip(self, n_frames: int) -> None:
        """Write a gap of so many frames, as missing samples."""
        left = min(n_frames, self.frames_left)
        self.n_missing += left
        step = max(1, round(60 * self.facts.fs))
        for start in range(0, left, step):
            self.append(np.full((min(step, left - start), len(self.facts.leads)), np.nan, np.float32))

    def close(self) -> Path | None:
        """Flush, and write the header with all it can state; None, and no file is left, if nothing was recorded.

        Raises
        ------
        DataError
            If the disk is full or cannot be written, or if the signal file is no longer there: nothing is left then.
        """
        if self._file < 0:
            return self.header if self.n_frames else None
        try:
            os.fsync(self._file)
            return self._closed()
        except OSError as error:
            raise _unwritten(error) from error
        finally:  # the lock goes last, when the header is whole
            with suppress(OSError):
                os.close(self._file)
            self._file = -1

    def _closed(self) -> Path | None:
        is_there = self._data.is_file()
        if not self.n_frames or not is_there:
            self._data.unlink(missing_ok=True)
            self.header.unlink(missing_ok=True)
        if not is_there:
            self.n_frames = self.n_missing = 0
            raise DataError("The file of the live recording was deleted while it was recorded; nothing is left of it.")
        if self._first is None:
            return None
        sums = _Sums(self.n_frames, self._first, self._sums)
        return write_bytes(self.header, _closed_header(self.name, self.facts, self.started, sums), private=True)

    @property
    def _data(self) -> Path:
        return self.folder / f"{self.name}.dat"

    def _write(self, payload: bytes) -> None:
        try:
            left = memoryview(payload)
            while left:
                left = left[os.write(self._file, left) :]
            if time.monotonic() - self._synced >= SYNC_S:
                os.fsync(self._file)
                self._synced = time.monotonic()
        except OSError as error:
            raise _unwritten(error) from error


class _Sums(NamedTuple):
    """What a closed header states of the samples: how many frames, the first, and sums (n_leads,)."""

    n_frames: int
    first: NDArray[Any]
    sums: NDArray[np.int64]


def _open_header(name: str, facts: StreamFacts, started: datetime) -> bytes:
    lines = [f"{name} {len(facts.leads)} {facts.fs:.15g}"]
    lines += [f"{_signal(name, facts)} 0 0 0 {lead}" for lead in facts.leads]
    return "\n".join([*lines, f"{UNDER_WAY}{started.isoformat()}", ""]).encode("ascii", "replace")


def _closed_header(name: str, facts: StreamFacts, started: datetime, sums: _Sums) -> bytes:
    start = f"{started:%H:%M:%S}.{started.microsecond // 1000:03d} {started:%d/%m/%Y}"
    lines = [f"{name} {len(facts.leads)} {facts.fs:.15g} {sums.n_frames} {start}"]
    for lead, first, total in zip(facts.leads, sums.first.tolist(), sums.sums.tolist(), strict=True):
        lines.append(f"{_signal(name, facts)} {first} {(total + 2**15) % 2**16 - 2**15} 0 {lead}")
    return "\n".join([*lines, "# HeartVision live recording", ""]).encode("ascii", "replace")


def _signal(name: str, facts: StreamFacts) -> str:
    stored = format_of(facts)
    return f"{name}.dat {stored.wfdb} {stored.per_mv}(0)/mV {stored.bits} 0"


def is_open(header: Path) -> bool:
    """Tell whether a header is that of a record under way, or of one that was cut short."""
    try:
        return UNDER_WAY.encode() in header.read_bytes()
    except OSError:
        return False


def close_cut_short(header: Path, file: int) -> None:
    """Close a record whose recorder has ended before it could, from what its files say.

    Parameters
    ----------
    header : Path
        Its header, which is open.
    file : int
        Descriptor of its signal file, read and written, whose lock the caller holds.

    Raises
    ------
    DataError
        If it cannot be read or written; nothing is lost then.
    """
    try:
        first, *signals, last = header.read_text("ascii").splitlines()
        fields = [line.split(" ", 8) for line in signals]
        wide = fields[0][1] == WIDE.wfdb
        facts = StreamFacts("", float(first.split()[2]), tuple(field[8] for field in fields), wide)
        started = datetime.fromisoformat(last.removeprefix(UNDER_WAY))
        sums = _sums_of(file, facts)
    except (OSError, ValueError, IndexError) as error:
        raise DataError(f"The live recording {header.stem!r} was cut short and cannot be closed.") from error
    write_bytes(header, _closed_header(header.stem, facts, started, sums), private=True)


def _sums_of(file: int, facts: StreamFacts) -> _Sums:
    """Read the whole frames of a signal file, and cut off what is left of a last one that is not whole."""
    stored, n_leads = format_of(facts), len(facts.leads)
    frame_bytes = n_leads * stored.bits // 8
    n_frames, rest = divmod(os.fstat(file).st_size, frame_bytes)
    if not n_frames:
        raise ValueError("no whole frame")
    if rest:
        os.ftruncate(file, n_frames * frame_bytes)
    sums, first = np.zeros(n_leads, np.int64), np.zeros(n_leads, stored.dtype)
    for start in range(0, n_frames, READ_FRAMES):
        size = min(READ_FRAMES, n_frames - start) * frame_bytes
        digital = np.frombuffer(os.pread(file, size, start * frame_bytes), stored.dtype).reshape(-1, n_leads)
        first = digital[0] if start == 0 else first
        sums += digital.sum(axis=0, dtype=np.int64)
    return _Sums(n_frames, first, sums)


def read_tail(header: Path, facts: StreamFacts, n_frames: int) -> tuple[int, FloatArray]:
    """Read the end of a record that may still be growing.

    Parameters
    ----------
    header : Path
        Its header.
    facts : StreamFacts
        The stream.
    n_frames : int
        How many frames at most.

    Returns
    -------
    first : int
        Place of the first frame in the record.
    p_signal : (n, n_leads) float32
        mV, NaN where missing.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    stored, n_leads = format_of(facts), len(facts.leads)
    frame_bytes = n_leads * stored.bits // 8
    try:
        with header.with_suffix(".dat").open("rb") as file:
            whole = file.seek(0, os.SEEK_END) // frame_bytes
            first = max(0, whole - n_frames)
            file.seek(first * frame_bytes)
            payload = file.read((whole - first) * frame_bytes)
    except OSError as error:
        raise DataError(f"The live recording cannot be read: {error.strerror}.") from error
    digital = np.frombuffer(payload[: len(payload) // frame_bytes * frame_bytes], stored.dtype).reshape(-1, n_leads)
    return first, stored.millivolts(digital)


def _unwritten(error: OSError) -> DataError:
    return DataError(f"The live recording could not be written ({error.strerror}); check the disk.")
