"""What is known of a live recording at a moment, as the pages and the command line show it, and as a small file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from pipeline._util.files import write_json
from pipeline._util.typed_json import from_json, to_json
from pipeline.errors import DataError
from pipeline.live.alarms import Alarm
from pipeline.live.provisional import LiveBeat

Phase = Literal["opening", "recording", "lost", "finished", "failed"]
OVER: Final[frozenset[Phase]] = frozenset(("finished", "failed"))
STATE_ENDING: Final = ".live.json"  # beside the record


@dataclass(frozen=True)
class LiveState:
    """A moment of a live recording.

    Attributes
    ----------
    phase : Phase
        "lost" while nothing has come for two seconds.
    sentence : str
        Why it ended, or what is wrong; "" if nothing is to be said.
    unwatched : str
        That classification has stopped, and of what; "" while the signal is watched. It stays until the end.
    header : str
        Path of the record's header; "" before the first sample, or if nothing was recorded.
    stream : str
        What the stream is called.
    fs : float
        Sampling frequency, Hz.
    leads : tuple of str
        Names of the leads.
    wide : bool
        Whether samples are stored in 32 bits.
    n_frames, n_missing : int
        Frames on disk, and those of them that stand for a gap.
    read_to_s : float
        How far the signal was classified, seconds from the start of the recording.
    rate_bpm : float or None
        Median rate of the last beats, 1/min.
    rhythm : str
        Rhythm at the end of what was read; "" while too little was read.
    quality : str
        What can be read of the last seconds.
    alarms : tuple of Alarm
        What holds now.
    beats : tuple of LiveBeat
        Beats of the last seconds.
    counts : mapping of str to int
        Beats of each class so far.
    lag_ms : float or None
        Median time from a sample's stamp until it was on disk, of the last chunks.
    look_ms : float or None
        Time that the last look at the signal took.
    """

    phase: Phase
    sentence: str = ""
    unwatched: str = ""
    header: str = ""
    stream: str = ""
    fs: float = 0.0
    leads: tuple[str, ...] = ()
    wide: bool = False
    n_frames: int = 0
    n_missing: int = 0
    read_to_s: float = 0.0
    rate_bpm: float | None = None
    rhythm: str = ""
    quality: str = ""
    alarms: tuple[Alarm, ...] = ()
    beats: tuple[LiveBeat, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    lag_ms: float | None = None
    look_ms: float | None = None

    @property
    def recorded_s(self) -> float:
        """Length of the record so far, gaps included, seconds."""
        return self.n_frames / self.fs if self.fs else 0.0

    @property
    def is_over(self) -> bool:
        """Whether nothing more will come."""
        return self.phase in OVER


def write_state(path: Path, state: LiveState) -> None:
    """Write a state, whole or not at all. Raises DataError if that is not possible."""
    write_json(path, to_json(state), private=True)


def read_state(path: Path) -> LiveState | None:
    """Return the state in a file; None if there is none yet, or none that can be read."""
    try:
        return from_json(LiveState, json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, DataError):
        return None
