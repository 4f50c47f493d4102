"""A live recording in a process of its own, which ends with whoever started it."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock, Timer
from typing import Final

from pipeline._util.typed_json import to_json
from pipeline.config import RECORDING_NETWORK, ROOT, home_root
from pipeline.errors import DataError
from pipeline.live.choice import SourceChoice
from pipeline.live.session import new_name
from pipeline.live.state import STATE_ENDING, LiveState, read_state
from pipeline.principal import Who
from pipeline.store.permits import permitted

CLOSE_S: Final = 8.0  # a process that is asked to end closes its record in much less
GRACE_S: Final = 60.0  # a browser that is away for so long has gone
LOG_NAME: Final = "log.txt"
_CRASHED: Final = "The recording stopped unexpectedly; what was recorded until then is kept."


def live_root() -> Path:
    """Return the folder of live recordings that the application makes."""
    return home_root() / "live"


@dataclass(frozen=True)
class LiveOrder:
    """What a recording process is told.

    Attributes
    ----------
    folder : str
        Where the record is written.
    name : str
        Of the record.
    source : SourceChoice
        Where the signal comes from.
    network : str
        Name of the network that classifies.
    """

    folder: str
    name: str
    source: SourceChoice
    network: str = RECORDING_NETWORK


@dataclass
class LiveProcess:
    """A recording process and what it says.

    Attributes
    ----------
    order : LiveOrder
        What it does.
    """

    order: LiveOrder
    _process: subprocess.Popen[bytes] = field(init=False)

    def __post_init__(self) -> None:
        folder = Path(self.order.folder)
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with (folder / LOG_NAME).open("wb") as log:
                # its standard input is a pipe that nothing is written to: its end, however it comes, ends the recording
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "pipeline.live", json.dumps(to_json(self.order))],
                    cwd=ROOT, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True,
                )  # fmt: skip
        except OSError as error:
            raise DataError(f"The recording could not be started: {error.strerror}.") from error

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def state(self) -> LiveState:
        """Return what it said last; that it failed, if it ended without a word."""
        ended = self._process.poll() is not None
        found = read_state(Path(self.order.folder) / f"{self.order.name}{STATE_ENDING}") or LiveState("opening")
        if ended and not found.is_over:
            return replace(found, phase="failed", sentence=_CRASHED, alarms=(), beats=())
        return found

    def stop(self) -> LiveState:
        """End the recording, wait until its record is closed, and return its last state."""
        if self._process.stdin is not None:
            with suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(CLOSE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        state = self.state()
        (Path(self.order.folder) / f"{self.order.name}{STATE_ENDING}").unlink(missing_ok=True)
        return state


@dataclass
class LiveManager:
    """At most one recording of one user, and how the last one ended.

    Attributes
    ----------
    process : LiveProcess or None
        The recording under way.
    ended : LiveState or None
        The last state of the one before.
    """

    process: LiveProcess | None = field(default=None, init=False)
    ended: LiveState | None = field(default=None, init=False)
    _leaving: Timer | None = field(default=None, init=False)
    _ending: Lock = field(default_factory=Lock, init=False)

    def start(self, source: SourceChoice, network: str = RECORDING_NETWORK, *, reader: Who = "") -> None:
        """End the recording under way, if there is one, and start another.

        Parameters
        ----------
        source : SourceChoice
            What is recorded.
        network : str, optional
            Which network reads it meanwhile.
        reader : Principal or str, optional
            Who records.

        Raises
        ------
        AccessError
            If they may not, or have signed out; what is under way goes on.
        """
        permitted(reader, "add")
        self.stop()
        self.ended = None
        self.process = LiveProcess(LiveOrder(str(live_root()), new_name(live_root()), source, network))

    def stop(self) -> None:
        """End the recording under way, if there is one."""
        with self._ending:
            if self.process is not None:
                self.ended = self.process.stop()
                self.process = None

    def let_go(self, after_s: float = GRACE_S) -> None:
        """End the recording after a while, unless somebody holds it again: its user has gone.

        Parameters
        ----------
        after_s : float
            How long a browser that lost its connection may stay away, seconds.
        """
        self.hold()
        self._leaving = Timer(after_s, self.stop)
        self._leaving.daemon = True  # the end of the server ends the recording, too
        self._leaving.start()

    def hold(self) -> None:
        """Keep the recording: its user is there."""
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
