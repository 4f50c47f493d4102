"""BrainFlow: one of the amplifiers that it knows, or its synthetic board."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np

from pipeline.errors import IntakeError
from pipeline.live.sources import Chunk, StreamFacts, nothing
from pipeline.types import read_only

WAIT_S: Final = 0.02
BUFFER_SAMPLES: Final = 450_000  # kept by the library while this program is busy
MOST_LEADS: Final = 12
_MV: Final = 1e-3  # BrainFlow gives microvolts
_MISSING: Final = "BrainFlow boards need the package brainflow, which is not installed here: pip install brainflow."


@dataclass
class BoardSource:
    """A board.

    Attributes
    ----------
    board : int
        BrainFlow's number of it; -1 is the synthetic board.
    serial_port, mac_address : str
        How to reach it, where it needs that.
    leads : tuple of str
        Names of its first channels; as many are read. If (), the board's channels for ECG, ECG1, ... .
    """

    board: int = -1
    serial_port: str = ""
    mac_address: str = ""
    leads: tuple[str, ...] = ()
    _shim: Any = field(default=None, init=False)
    _rows: tuple[int, ...] = field(default=(), init=False)
    _clock: int = field(default=0, init=False)
    _fs: float = field(default=0.0, init=False)

    def open(self) -> StreamFacts:
        """Connect to the board and start it; see `Source.open`."""
        board_shim, exit_error = _library()
        params = board_shim.BrainFlowInputParams()
        params.serial_port, params.mac_address = self.serial_port, self.mac_address
        try:
            facts = board_shim.BoardShim.get_board_descr(self.board)
            names, self._rows = _channels(facts, self.leads)
            shim = board_shim.BoardShim(self.board, params)
            shim.prepare_session()
            self._shim = shim
            shim.start_stream(BUFFER_SAMPLES)
        except exit_error as error:
            self.close()
            raise IntakeError(f"Board {self.board} could not be started: {error}.") from error
        self._clock, self._fs = int(facts["timestamp_channel"]), float(facts["sampling_rate"])
        return StreamFacts(str(facts.get("name", f"board {self.board}")), self._fs, names, wide=True)

    def read(self) -> Chunk | None:
        """Return what has come; see `Source.read`."""
        time.sleep(WAIT_S)
        data = self._shim.get_board_data()
        if not data.shape[1]:
            return nothing(len(self._rows))
        millivolts = (data[list(self._rows)].T * _MV).astype(np.float32)
        return Chunk(read_only(millivolts), float(data[self._clock, -1]) - (data.shape[1] - 1) / self._fs)

    def now_s(self) -> float:
        """Return the clock of the board's time stamps: seconds since 1970."""
        return time.time()

    def close(self) -> None:
        """Stop the board and let it go."""
        if self._shim is None:
            return
        _, exit_error = _library()
        for let_go in (self._shim.stop_stream, self._shim.release_session):
            try:
                let_go()
            except exit_error:  # it was unplugged, or never started
                continue
        self._shim = None


def _channels(facts: dict[str, Any], leads: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    rows = facts.get("ecg_channels") or facts.get("emg_channels") or facts.get("eeg_channels") or []
    if not rows:
        raise IntakeError(f"The board {facts.get('name', '')!r} has no channel that an ECG could come from.")
    if len(leads) > len(rows):
        raise IntakeError(f"The board has {len(rows)} channels, not {len(leads)}.")
    names = leads or tuple(f"ECG{number}" for number in range(1, min(len(rows), MOST_LEADS) + 1))
    return names, tuple(rows[: len(names)])


def _library() -> tuple[Any, type[Exception]]:
    try:
        with _lookup_of_its_folder():
            from brainflow import board_shim
            from brainflow.exit_codes import BrainFlowError

            board_shim.BoardShim.disable_board_logger()
    except (ImportError, OSError) as error:
        raise IntakeError(_MISSING) from error
    return board_shim, BrainFlowError


@contextmanager
def _lookup_of_its_folder() -> Iterator[None]:
    """Stand in for pkg_resources, which brainflow asks for its own folder under Python 3.11; setuptools 81 lost it."""
    if "pkg_resources" in sys.modules or find_spec("pkg_resources") is not None:
        yield
        return

    def resource_filename(module: str, relative: str) -> str:
        return str(Path(sys.modules[module].__file__ or "").parent / relative)

    stand_in = ModuleType("pkg_resources")
    stand_in.resource_filename = resource_filename  # type: ignore[attr-defined]
    sys.modules["pkg_resources"] = stand_in
    try:
        yield
    finally:
        del sys.modules["pkg_resources"]
