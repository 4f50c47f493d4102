"""Seeded fuzzing of a reader: good files with damage in them end in a recording or in one sentence, soon and small."""

from __future__ import annotations

import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.config import DEFAULT
from pipeline.errors import EcgError, IntakeError
from pipeline.types import Recording

Upload = tuple[tuple[str, bytes], ...]

SECONDS_MAX = 5.0  # of the processor, for one upload
MEMORY_MAX = 10**9  # bytes, more than before
SENTENCE_MAX = 700  # signs of a refusal, which may list the columns of a table
FAULTS_MAX = 10  # after which a reader is broken enough
_HEAD = 2048  # bytes from the start, in which most changes are made
_TEXTS = (b"0", b"-1", b"1", b"99999999", b"1e30", b"nan", b"inf", b"-inf", b"1e-30", b"", b"\0\0", b"+", b".")
_NUMBERS = (b"99999999999", b"-1", b"0", b"nan", b"1e308", b"4294967295", b"1e-300", b"NaN", b"Infinity", b"null", b"")
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_DIGITS = np.frombuffer(b"0123456789", np.uint8)


@dataclass(frozen=True)
class FuzzCase:
    """One reader and what it is given.

    Attributes
    ----------
    name : str
        Of the test.
    table_name : str
        The format in the table of formats, or "ZIP".
    uploads : tuple of Upload
        Good ones, to be damaged; names and contents of the files of each.
    read : callable
        Reads one upload; raises EcgError. The generator is for choices that a user makes.
    folder : str
        Real files of the kind below `formats`, for the long run; "" where there are none.
    pieces : tuple of bytes
        What stands in such files, to be put where it does not belong.
    private : tuple of str
        Words of the files that no notice may hold.
    """

    name: str
    table_name: str
    uploads: tuple[Upload, ...]
    read: Callable[[Upload, np.random.Generator], Sequence[Recording]]
    folder: str = ""
    pieces: tuple[bytes, ...] = ()
    private: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fault:
    """An upload that was neither read nor refused as it should be: its number, what happened, and the upload."""

    number: int
    what: str
    upload: Upload


@dataclass(frozen=True)
class Survey:
    """What became of all uploads of one run."""

    inputs: int
    read: int
    faults: tuple[Fault, ...]

    def save(self, folder: Path) -> str:
        """Write the faulty uploads to a folder; return what happened, a line for each."""
        for fault in self.faults:
            for place, (_, content) in enumerate(fault.upload):
                (folder / f"{fault.number}-{place}").write_bytes(content)
            (folder / f"{fault.number}-names").write_text(repr([name for name, _ in fault.upload]))
        return "\n".join([f"{len(self.faults)} faults, written to {folder}", *(f.what for f in self.faults)])


class Hang(BaseException):
    """The time of one upload is over. No reader catches it, whatever errors of libraries it expects."""


def survey(case: FuzzCase, seconds: float, *, seed: int, real: Sequence[Upload] = ()) -> Survey:
    """Read damaged uploads for some seconds of the processor.

    Parameters
    ----------
    case : FuzzCase
        The reader and its files.
    seconds : float
        How long.
    seed : int
        Of the damage.
    real : sequence of Upload
        Further good uploads.
    """
    uploads, faults, inputs, read = (*case.uploads, *real), [], 0, 0
    before, end = _peak(reset=True), time.process_time() + seconds
    while time.process_time() < end and len(faults) < FAULTS_MAX:
        rng = np.random.default_rng((seed, inputs))
        upload = damaged(uploads, rng, case.pieces)
        what, done = outcome(case, upload, rng)
        if _peak() - before > MEMORY_MAX:
            what, before = what or f"memory grew by {_peak() - before:,} bytes", _peak(reset=True)
        faults += [Fault(inputs, f"{inputs}: {what}", upload)] if what else []
        inputs, read = inputs + 1, read + done
    return Survey(inputs, read, tuple(faults))


def outcome(case: FuzzCase, upload: Upload, rng: np.random.Generator) -> tuple[str, bool]:
    """Read one upload; return what is wrong with how that ended, "" if nothing is, and whether it was read."""
    start = time.process_time()
    try:
        with _limited():
            recordings = case.read(upload, rng)
    except EcgError as error:
        return _wrong_refusal(str(error)) or _too_slow(start), False
    except Hang:
        return f"hangs: {_where()}", False
    except Exception as error:  # noqa: BLE001 - finding these is the purpose
        return f"{type(error).__name__}: {error!s:.200} at {_where()}", False
    return _wrong_recordings(recordings, case.private) or _too_slow(start), True


def damaged(uploads: Sequence[Upload], rng: np.random.Generator, pieces: Sequence[bytes] = ()) -> Upload:
    """One of the uploads with damage in one or more of its files, or with a file missing."""
    files = list(uploads[rng.integers(len(uploads))])
    if len(files) > 1 and rng.random() < 0.03:
        del files[rng.integers(len(files))]
    for place in {int(rng.integers(len(files))) for _ in range(rng.integers(1, 3))}:
        name, payload = files[place]
        other = _another(uploads, rng)
        files[place] = (name, _changed(payload, other, rng, pieces))
    return tuple(files)


def cuts(payload: bytes, count: int) -> Iterator[bytes]:
    """A file cut off at `count` places, evenly spaced, and after each of its first bytes."""
    for place in sorted({*range(min(64, len(payload))), *np.linspace(0, len(payload) - 1, count).astype(int).tolist()}):
        yield payload[:place]


def read_or_sentence(read: Callable[[bytes], Recording], payload: bytes) -> Recording | str:
    """The recording, or the sentence that refuses the file."""
    try:
        return read(payload)
    except IntakeError as error:
        return str(error)


def assert_survives(read: Callable[[bytes], object], payload: bytes) -> bool:
    """Read a hostile file: True if it was read, False if it was refused in a sentence; anything else fails."""
    start, before = time.process_time(), _peak(reset=True)
    try:
        read(payload)
    except EcgError as error:
        refused, wrong = True, _wrong_refusal(str(error))
    else:
        refused, wrong = False, ""
    assert not wrong, wrong
    assert not (slow := _too_slow(start)), slow
    assert _peak() - before < MEMORY_MAX
    return not refused


def _another(uploads: Sequence[Upload], rng: np.random.Generator) -> bytes:
    upload = uploads[rng.integers(len(uploads))]
    return upload[rng.integers(len(upload))][1]


def _changed(payload: bytes, other: bytes, rng: np.random.Generator, pieces: Sequence[bytes]) -> bytes:
    content = bytearray(payload)
    for _ in range(rng.integers(1, 6)):
        reach = min(len(content), _HEAD) if rng.random() < 0.6 else len(content)
        at, size = int(rng.integers(max(1, reach))), int(rng.integers(1, 64))
        match rng.integers(12):
            case 0:
                content[at : at + 1] = bytes([rng.integers(256)])
            case 1:
                at -= at % 8
                content[at : at + 8] = _TEXTS[rng.integers(len(_TEXTS))].ljust(8)
            case 2:
                width = int(rng.choice((1, 2, 4)))
                value = _EXTREMES[rng.integers(len(_EXTREMES))] % 2 ** (8 * width)
                content[at : at + width] = value.to_bytes(width, str(rng.choice(("little", "big"))))
            case 3:
                del content[at:]
            case 4:
                del content[at : at + size]
            case 5:
                content[at:at] = content[at : at + size] * int(rng.integers(1, 20))
            case 6:
                content[at:] = other[at:]
            case 7:
                content[at:at] = rng.integers(0, 256, size, dtype=np.uint8).tobytes()
            case 8:
                _exaggerate(content, rng)
            case 9:
                start = int(rng.integers(max(1, len(other))))
                content[at:at] = other[start : start + int(rng.integers(1, 2000))]
            case 10:
                _swap_lines(content, rng)
            case _:
                _insert_piece(content, at, rng, pieces)
    return bytes(content)


def _exaggerate(content: bytearray, rng: np.random.Generator) -> None:
    """Replace a run of digits, in text most often a number, by one that no file can hold."""
    start = int(rng.integers(max(1, len(content))))
    window = np.frombuffer(bytes(content[start : start + 2**15]), np.uint8)
    places = np.flatnonzero(np.isin(window, _DIGITS))
    if places.size:
        at = stop = start + int(rng.choice(places))
        while stop < len(content) and 48 <= content[stop] <= 57:
            stop += 1
        content[at:stop] = _NUMBERS[rng.integers(len(_NUMBERS))]


def _swap_lines(content: bytearray, rng: np.random.Generator) -> None:
    lines = bytes(content[:20_000]).split(b"\n")
    rng.shuffle(lines)
    content[:20_000] = b"\n".join(lines)


def _insert_piece(content: bytearray, at: int, rng: np.random.Generator, pieces: Sequence[bytes]) -> None:
    if not pieces:
        content[at : at + 1] = b""
    elif rng.random() < 0.7:
        content[at:at] = pieces[rng.integers(len(pieces))] * int(rng.integers(1, 4))
    else:
        old, new = (pieces[int(i)] for i in rng.integers(0, min(12, len(pieces)), 2))
        content[:] = bytes(content[:20_000]).replace(old, new)


def _wrong_refusal(sentence: str) -> str:
    return "" if 0 < len(sentence) < SENTENCE_MAX and "\n" not in sentence else f"no sentence: {sentence!r:.300}"


def _wrong_recordings(recordings: Sequence[Recording], private: Sequence[str]) -> str:
    if not recordings:
        return "neither read nor refused"
    for recording in recordings:
        p_signal, limits = recording.p_signal, DEFAULT.limits
        if p_signal.dtype != np.float32 or p_signal.shape != (recording.n_samples, len(recording.leads)):
            return f"a signal of {p_signal.dtype} {p_signal.shape} for {len(recording.leads)} leads"
        if 0 in p_signal.shape or len(recording.calibrated) != len(recording.leads):
            return f"a signal {p_signal.shape} of {len(recording.calibrated)} scales"
        if np.isinf(p_signal).any():
            return "a signal with infinite values"
        if not limits.fs_min_hz <= recording.fs <= limits.fs_max_hz:
            return f"a sampling frequency of {recording.fs} Hz"
        if any("\n" in notice or any(word in notice for word in private) for notice in recording.notices):
            return f"notices that say too much: {recording.notices!r:.300}"
    return ""


def _too_slow(start: float) -> str:
    spent = time.process_time() - start
    return f"takes {spent:.1f} s" if spent > SECONDS_MAX else ""


def _where() -> str:
    """The innermost places of the error that is being handled."""
    frames = traceback.extract_tb(sys.exc_info()[2])[-4:]
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in reversed(frames))


@contextmanager
def _limited() -> Iterator[None]:
    """Raise `Hang` in what takes far more of the processor than it may."""

    def stop(number: int, frame: object) -> None:
        raise Hang

    previous = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, 2 * SECONDS_MAX)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)


def _peak(*, reset: bool = False) -> int:
    """The largest memory of this process so far, bytes; since the last reset where the system has one (Linux)."""
    if reset:
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
