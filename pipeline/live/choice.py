"""Which source a user chose, as plain values that travel to another process, and the source that they stand for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.errors import UsageError
from pipeline.live.sources import Source

SourceKind = Literal["replay", "lsl", "brainflow"]


@dataclass(frozen=True)
class SourceChoice:
    """A source and its settings; those of other kinds are not used.

    Attributes
    ----------
    kind : SourceKind
        What kind of source.
    path, digest : str
        Replay: the recording, as a file or as one that is stored.
    speed : float
        Replay: seconds of signal in a second.
    stream : str
        LSL: name of the stream; any of type ECG if "".
    unit : str
        LSL: unit of a stream that does not state it.
    network : bool
        LSL: whether other machines are asked for streams, too.
    board : int
        BrainFlow's number of the board.
    serial_port, mac_address : str
        BrainFlow: how to reach it.
    leads : tuple of str
        BrainFlow: names of the first channels.
    """

    kind: SourceKind = "replay"
    path: str = ""
    digest: str = ""
    speed: float = 1.0
    stream: str = ""
    unit: str = ""
    network: bool = False
    board: int = -1
    serial_port: str = ""
    mac_address: str = ""
    leads: tuple[str, ...] = ()


def source_of(choice: SourceChoice) -> Source:
    """Return the source; nothing is opened but the recording of a replay.

    Raises
    ------
    IntakeError, DataError
        If the recording of a replay cannot be read.
    UsageError
        If a setting is missing or out of range.
    """
    if choice.kind == "lsl":
        from pipeline.live.lsl import LslSource

        return LslSource(choice.stream, choice.unit, choice.network)
    if choice.kind == "brainflow":
        from pipeline.live.brainflow_board import BoardSource

        return BoardSource(choice.board, choice.serial_port, choice.mac_address, choice.leads)
    return _replay(choice)


def _replay(choice: SourceChoice) -> Source:
    from pipeline.intake import read_path
    from pipeline.live.replay import ReplaySource
    from pipeline.principal import LOCAL
    from pipeline.store.recordings import open_recording

    if not (choice.path or choice.digest):
        raise UsageError("A replay needs the recording that is played.")
    recording = open_recording(choice.digest, reader=LOCAL) if choice.digest else read_path(Path(choice.path))
    return ReplaySource(recording, choice.speed)
