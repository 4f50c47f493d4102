"""Reads an upload in a process of its own, with limits on memory and time: what breaks there breaks nothing here.

`python -m pipeline.intake.apart` is that process: files on stdin, recordings on stdout, both as lines of JSON each
followed by the bytes that it announces. It is no sandbox against code; there is none in what it reads.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import IO, Any, Final

import numpy as np

from pipeline import errors
from pipeline.config import INTAKE, ROOT, IntakeProcess
from pipeline.errors import EcgError, LimitError
from pipeline.identity import DeviceReading, Identity
from pipeline.intake.csv_reader import CsvOptions
from pipeline.intake.opened import Opened, Refused
from pipeline.types import Annotations, Recording, read_only

_KINDS: Final = ("IntakeError", "LimitError", "SignalError", "DataError", "UsageError")
_PLAIN: Final = ("name", "fs", "leads", "digest", "calibrated", "notices", "age_years", "sex", "channels")


@dataclass
class Apart:
    """A process that is ready to read the next upload; another one takes its place when it has read it.

    It can be shared between threads. It holds nothing of an upload that was read.
    """

    limits: IntakeProcess = INTAKE
    _spare: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def ready(self) -> None:
        """Start the next process now, so that its imports are done before there is something to read."""
        with self._lock:
            if self._spare is None or self._spare.poll() is not None:
                _end(self._spare)
                self._spare = self._started()

    def read(
        self, files: Sequence[tuple[str, bytes]], *, csv: CsvOptions | None = None, identity: bool = False
    ) -> Opened:
        """Read all recordings of one upload, as `pipeline.intake.open_uploads` does.

        Parameters
        ----------
        files : sequence of (str, bytes)
            Untrusted names and contents.
        csv : CsvOptions, optional
            What the files do not say.
        identity : bool, optional
            True to keep who was recorded and when.

        Raises
        ------
        LimitError
            If it takes too much memory or time.
        IntakeError
            As `open_uploads`.
        """
        process = self._taken()
        watch = threading.Timer(self.limits.seconds, process.kill)
        watch.start()
        try:
            found = _asked(process, files, csv, identity)
        except (OSError, ValueError) as error:  # it has ended, and its answer with it
            raise LimitError(
                "The files need too much memory or time to be read, or are damaged; upload fewer or shorter ones."
            ) from error
        finally:
            watch.cancel()
            _end(process)
            self.ready()
        return found

    def close(self) -> None:
        """End the process that waits."""
        with self._lock:
            _end(self._spare)
            self._spare = None

    def __del__(self) -> None:
        """Leave no process behind where nobody closed it."""
        _end(self._spare)

    def _taken(self) -> subprocess.Popen[bytes]:
        with self._lock:
            spare, self._spare = self._spare, None
        if spare is not None and spare.poll() is None:
            return spare
        _end(spare)
        return self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "pipeline.intake.apart", str(self.limits.memory_bytes)]
        return subprocess.Popen(
            [*command, str(int(self.limits.seconds))], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip


def _end(process: subprocess.Popen[bytes] | None) -> None:
    """End a process, if there is one, and release what leads to it."""
    if process is None:
        return
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        with suppress(OSError):
            if stream is not None:
                stream.close()


def _asked(
    process: subprocess.Popen[bytes], files: Sequence[tuple[str, bytes]], csv: CsvOptions | None, identity: bool
) -> Opened:
    if process.stdin is None or process.stdout is None:
        raise OSError
    with process.stdin as asking, process.stdout as answering:
        names = [[name, len(payload)] for name, payload in files]
        _say(asking, {"files": names, "csv": None if csv is None else asdict(csv), "identity": identity})
        for _, payload in files:
            asking.write(payload)
        asking.flush()
        answer = _heard(answering)
        if "error" in answer:
            raise getattr(errors, answer["error"])(answer["sentence"])
        recordings = tuple(_recording(_heard(answering), answering) for _ in range(answer["recordings"]))
        return Opened(recordings, tuple(Refused(*one) for one in answer["refused"]))


def _say(stream: IO[bytes], what: dict[str, Any]) -> None:
    stream.write(json.dumps(what).encode() + b"\n")


def _heard(stream: IO[bytes]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(stream.readline())
    return found


def _told(recording: Recording) -> dict[str, Any]:
    """Return all of a recording but its arrays, as JSON has it."""
    reference, identity = recording.reference, recording.identity
    return {
        **{name: getattr(recording, name) for name in _PLAIN},
        "shape": recording.p_signal.shape,
        "reference": None if reference is None else [len(reference.sample), reference.symbol, reference.ignored],
        "identity": None if identity is None else asdict(replace(identity, start=None)),
        "start": None if identity is None or identity.start is None else identity.start.isoformat(),
        "device": None if recording.device is None else asdict(recording.device),
    }


def _recording(told: dict[str, Any], stream: IO[bytes]) -> Recording:
    samples, leads = told.pop("shape")
    p_signal = np.frombuffer(_exactly(stream, 4 * samples * leads), np.float32).reshape(samples, leads)
    reference, identity, device = told.pop("reference"), told.pop("identity"), told.pop("device")
    start = told.pop("start")
    if reference is not None:
        where = np.frombuffer(_exactly(stream, 8 * reference[0]), np.int64)
        reference = Annotations(read_only(where), tuple(reference[1]), reference[2])
    if identity is not None:
        identity = Identity(**{**identity, "start": None if start is None else datetime.fromisoformat(start)})
    if device is not None:
        told_measurements = tuple((name, value, unit) for name, value, unit in device["measurements"])
        device = DeviceReading(device["device"], told_measurements, tuple(device["statements"]))
    plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}
    return Recording(p_signal=read_only(p_signal), reference=reference, identity=identity, device=device, **plain)


def _exactly(stream: IO[bytes], size: int) -> bytes:
    found = stream.read(size)
    if len(found) != size:
        raise OSError("the answer was cut")
    return found


def _limited(memory_bytes: int, seconds: int) -> None:
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main(arguments: Sequence[str], asking: IO[bytes], answering: IO[bytes]) -> None:
    """Read one upload and end; with nothing to read, end too.

    Parameters
    ----------
    arguments : sequence of str
        Bytes of memory and seconds of the processor that are allowed.
    asking, answering : binary streams
        Where the files come from, and where the recordings go.
    """
    from pipeline.intake.archives import open_uploads  # the server itself needs no readers

    _limited(int(arguments[0]), int(arguments[1]))
    if not (line := asking.readline()):
        return
    request = json.loads(line)
    files = [(str(name), _exactly(asking, size)) for name, size in request["files"]]
    csv = (
        None
        if request["csv"] is None
        else CsvOptions(**{**request["csv"], "columns": tuple(request["csv"]["columns"])})
    )
    try:
        found = open_uploads(files, csv=csv, identity=request["identity"])
    except EcgError as error:
        kind = next((each.__name__ for each in type(error).__mro__ if each.__name__ in _KINDS), _KINDS[0])
        _say(answering, {"error": kind, "sentence": str(error)})
        return
    refused = [[one.name, one.why] for one in found.refused]
    _say(answering, {"recordings": len(found.recordings), "refused": refused})
    for recording in found.recordings:
        _say(answering, _told(recording))
        answering.write(np.ascontiguousarray(recording.p_signal, np.float32).data)
        if recording.reference is not None:
            answering.write(np.ascontiguousarray(recording.reference.sample, np.int64).data)
    answering.flush()


if __name__ == "__main__":
    main(sys.argv[1:], sys.stdin.buffer, sys.stdout.buffer)
