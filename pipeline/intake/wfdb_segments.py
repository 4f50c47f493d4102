"""Headers of multi-segment WFDB records: which segments follow each other, and where nothing was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pipeline.config import Limits
from pipeline.errors import IntakeError, LimitError
from pipeline.intake.wfdb_header import master_lines

SEGMENTS_MAX: Final = 4096
_GAP: Final = b"~"


@dataclass(frozen=True)
class Segment:
    """A stretch of a record: its untrusted name, None for a gap, and its length in frames, 0 for a layout."""

    name: bytes | None
    n_frames: int


@dataclass(frozen=True)
class Master:
    """A checked header of a record of several segments.

    Attributes
    ----------
    frame_hz : float
        Frames per second of every segment.
    segments : tuple of Segment
        In order of time, gaps included, without the layout.
    layout : bytes or None
        Name of the segment that only describes the leads.
    """

    frame_hz: float
    segments: tuple[Segment, ...]
    layout: bytes | None

    @property
    def n_frames(self) -> int:
        """Number of frames of the record, gaps included."""
        return sum(segment.n_frames for segment in self.segments)

    @property
    def gap_frames(self) -> int:
        """Number of frames in gaps."""
        return sum(segment.n_frames for segment in self.segments if segment.name is None)

    def layout_name(self) -> bytes | None:
        """Return the name of the layout's header."""
        return None if self.layout is None else self.layout + b".hea"

    def header_names(self) -> tuple[bytes, ...]:
        """Return the names of the headers of layout and segments, each once."""
        names = [self.layout, *(segment.name for segment in self.segments)]
        return tuple(dict.fromkeys(name + b".hea" for name in names if name is not None))


def parse_master(payload: bytes, limits: Limits) -> Master:
    """Read the header of a multi-segment record.

    Parameters
    ----------
    payload : bytes
        The .hea file, of which `is_multi_segment` is true.
    limits : Limits
        Limits of the intake.

    Raises
    ------
    LimitError
        If there are too many segments, or a number is out of bounds.
    IntakeError
        If the segments are not those that the header announces.
    """
    announced, _, frame_hz, n_frames, lines = master_lines(payload, limits)
    if announced > SEGMENTS_MAX:
        raise LimitError(f"The multi-segment record has {announced:,} segments, the limit is {SEGMENTS_MAX:,}.")
    if len(lines) != announced:
        raise IntakeError(f"The multi-segment header announces {announced} segments but names {len(lines)}.")
    segments = tuple(_segment(fields, number) for number, fields in enumerate(lines, 1))
    layout = segments[0].name if segments and segments[0].n_frames == 0 else None
    master = Master(frame_hz, segments[layout is not None :], layout)
    if any(segment.n_frames == 0 for segment in master.segments):
        raise IntakeError("A segment of the multi-segment record has 0 samples, and it is not the first.")
    if n_frames not in (None, master.n_frames):
        raise IntakeError(
            f"The multi-segment header announces {n_frames:,} samples but its segments have {master.n_frames:,}."
        )
    return master


def _segment(fields: list[bytes], number: int) -> Segment:
    if len(fields) != 2 or not fields[1].isdigit() or len(fields[1]) > 18:
        raise IntakeError(f"Segment {number} of the multi-segment header is not a name and a number of samples.")
    return Segment(None if fields[0] == _GAP else fields[0], int(fields[1]))
