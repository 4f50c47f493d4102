"""Lab Streaming Layer: an ECG that another program sends, looked for on this machine unless asked otherwise."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipeline.errors import IntakeError
from pipeline.live.sources import Chunk, StreamFacts, nothing
from pipeline.live.units import mv_per_unit
from pipeline.types import read_only

FIND_S: Final = 5.0  # how long a stream is looked for ...
AGAIN_S: Final = 0.5  # ... and, between two looks whether to stop, one that was lost
WAIT_S: Final = 0.01  # between two looks: a chunk waits at most so long
BUFFER_S: Final = 360  # kept by the library while this program is busy
_MOST: Final = 100_000  # samples taken at once
# The library asks the network for streams by multicast: `machine` keeps the question on the loopback interface.
_ON_THIS_MACHINE: Final = """[multicast]
ResolveScope = machine
[lab]
KnownPeers = {127.0.0.1}
[ports]
IPv6 = disable
[log]
level = -2
"""
_ON_THE_NETWORK: Final = "[log]\nlevel = -2\n"
_MISSING: Final = "Lab Streaming Layer needs the package pylsl, which is not installed here: pip install pylsl."


@dataclass
class LslSource:
    """A stream of Lab Streaming Layer.

    Attributes
    ----------
    stream : str
        Its name; the first stream of type ECG if "".
    unit : str
        Unit of its values, for streams that do not state it.
    network : bool
        Whether other machines are asked as well.
    """

    stream: str = ""
    unit: str = ""
    network: bool = False
    _inlet: Any = field(default=None, init=False)
    _mv: Any = field(default=None, init=False)
    _fs: float = field(default=0.0, init=False)

    def open(self) -> StreamFacts:
        """Find the stream and subscribe to it; see `Source.open`."""
        pylsl = library(network=self.network)
        if not self._connect(pylsl, FIND_S):
            where = "" if self.network else " on this machine"
            what = f"called {self.stream!r}" if self.stream else "of type 'ECG'"
            raise IntakeError(f"No stream {what} was found{where} within {FIND_S:g} s; is it being sent?")
        info = self._inlet.info(FIND_S)
        self._fs = float(info.nominal_srate())
        if self._fs <= 0:
            raise IntakeError("The stream has no regular sampling frequency, so it is no ECG that can be read.")
        described = _channels(info)
        self._mv = np.array([mv_per_unit(self.unit or unit) for _, unit in described], np.float64)
        return StreamFacts(str(info.name()), self._fs, tuple(name for name, _ in described), wide=True)

    def _connect(self, pylsl: Any, patience_s: float) -> bool:
        """Subscribe to the stream if it is found in time."""
        by, value = ("name", self.stream) if self.stream else ("type", "ECG")
        found = pylsl.resolve_byprop(by, value, 1, patience_s)
        if found:
            self._inlet = pylsl.StreamInlet(
                found[0], max_buflen=BUFFER_S, recover=True, processing_flags=pylsl.proc_clocksync
            )
            self._inlet.open_stream(FIND_S)
        return bool(found)

    def read(self) -> Chunk | None:
        """Return what has come; a stream that is lost is looked for again by the library. See `Source.read`."""
        import pylsl

        if self._inlet is None and not self._connect(pylsl, AGAIN_S):
            return nothing(self._mv.size)
        try:
            values, stamps = self._inlet.pull_chunk(timeout=0.0, max_samples=_MOST)
            if not stamps:
                first, stamp = self._inlet.pull_sample(timeout=WAIT_S)
                if stamp is None:
                    return nothing(self._mv.size)
                values, later = self._inlet.pull_chunk(timeout=0.0, max_samples=_MOST)
                values, stamps = [first, *values], [stamp, *later]
        except pylsl.LostError:  # the library does not look for it again by itself
            self.close()
            return nothing(self._mv.size)
        millivolts = (np.asarray(values, np.float64) * self._mv).astype(np.float32)
        start_s = float(stamps[-1]) - (len(stamps) - 1) / self._fs
        return Chunk(read_only(millivolts), start_s)

    def now_s(self) -> float:
        """Return the library's clock, which stamps are on."""
        import pylsl

        return float(pylsl.local_clock())

    def close(self) -> None:
        """Leave the stream."""
        if self._inlet is not None:
            with suppress(Exception):  # a stream that is gone cannot be left
                self._inlet.close_stream()
            self._inlet = None


def _channels(info: Any) -> list[tuple[str, str]]:
    """Return label and unit of each channel, as the stream's description has them; ECG1, ... where it has none."""
    count, found = int(info.channel_count()), []
    channel = info.desc().child("channels").child("channel")
    for number in range(1, count + 1):
        label, unit = channel.child_value("label"), channel.child_value("unit")
        found.append((label.strip() or f"ECG{number}", unit))
        channel = channel.next_sibling("channel")
    return found


def library(*, network: bool) -> Any:
    """Import pylsl with its discovery kept on this machine; the first import in a process decides."""
    text = _ON_THE_NETWORK if network else _ON_THIS_MACHINE
    if "LSLAPICFG" not in os.environ:  # who sets it has decided
        file = Path(tempfile.mkdtemp(prefix="heartvision-lsl-")) / "lsl_api.cfg"
        file.write_text(text, encoding="ascii")
        os.environ["LSLAPICFG"] = str(file)
    try:
        import pylsl
    except (ImportError, RuntimeError, OSError) as error:  # the package without its library raises RuntimeError
        raise IntakeError(_MISSING) from error
    return pylsl
