"""What an upload gave: recordings, and a reason for each file that was none."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.types import Recording


@dataclass(frozen=True)
class Refused:
    """A file that could not be read beside others that could: its safe name, and why, in a sentence."""

    name: str
    why: str

    @property
    def sentence(self) -> str:
        """One sentence that names the file and the reason."""
        return f"{self.name} was not read: {self.why}"


@dataclass(frozen=True, eq=False)
class Opened:
    """What an upload gave: its recordings, never none, and what else was in its archives."""

    recordings: tuple[Recording, ...]
    refused: tuple[Refused, ...] = ()
