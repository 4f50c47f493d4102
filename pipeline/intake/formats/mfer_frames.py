"""The definitions of an MFER file: counted and bounded before anything decodes them, and cut into parts of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from pipeline.errors import IntakeError, LimitError

# Tags of definitions, by the standard.
_FILL: Final = 0x00
_BYTE_ORDER: Final = 0x01
_CHANNELS: Final = 0x05
_SEQUENCES: Final = 0x06
_WAVES: Final = 0x1E
_OF_CHANNEL: Final = 0x3F
_GROUP: Final = 0x67
_END: Final = 0x80
_LONG: Final = 0x80  # a length from here on is one of more bytes, or not stated
_DEPTH_MAX: Final = 3  # definitions within definitions
_DEFINITIONS_MAX: Final = 20_000
_FRAMES_MAX: Final = 2_000
_CHANNELS_MAX: Final = 64
_WAVE_BYTES_MAX: Final = 96 * 2**20  # 24 hours of two leads at 250 Hz are 82 MB; our samples take four bytes each
_WHOLE_BYTES: Final = 24 * 2**20  # of waves that are decoded at once; the library takes 27 bytes for each
_PART_BYTES: Final = 4 * 2**20  # of waves that are decoded at once where there are more
_DAMAGED: Final = "The MFER file is damaged: a definition in it ends outside the file."


@dataclass(frozen=True)
class _Definition:
    """One definition: its tag, and where it, its content and what follows begin."""

    tag: int
    start: int
    begin: int
    end: int


@dataclass(frozen=True)
class _Frame:
    """The waves of a frame, and the definition that says how many sequences they have, if one does, in its order."""

    waves: _Definition
    sequences: _Definition | None
    order: Literal["big", "little"]


@dataclass
class Counted:
    """What was counted while walking through the definitions, and what is in force.

    Attributes
    ----------
    definitions, wave_bytes : int
        How many, and how many bytes all frames have.
    frames : list of _Frame
        In order.
    channels : list of int
        Numbers of channels that are stated.
    whole : bool
        Whether a frame is within another definition, or channels have numbers of sequences of their own: then only the
        whole file can be decoded.
    """

    definitions: int = 0
    wave_bytes: int = 0
    frames: list[_Frame] = field(default_factory=list)
    channels: list[int] = field(default_factory=list)
    whole: bool = False
    _order: Literal["big", "little"] = "big"
    _sequences: _Definition | None = None
    _stated_in: Literal["big", "little"] = "big"

    def take(self, definition: _Definition, payload: bytes, depth: int) -> None:
        """Count a definition. Raises LimitError.

        Parameters
        ----------
        definition : _Definition
            Which.
        payload : bytes
            The file.
        depth : int
            Within how many others it is.
        """
        self.definitions += 1
        if self.definitions > _DEFINITIONS_MAX:
            raise LimitError(f"The MFER file has more than {_DEFINITIONS_MAX:,} definitions.")
        content = payload[definition.begin : min(definition.end, definition.begin + 4)]
        if definition.tag == _BYTE_ORDER:
            self._order = "little" if content == b"\x01" else "big"
        elif definition.tag == _CHANNELS:
            self.channels.append(int.from_bytes(content, self._order))
        elif definition.tag == _SEQUENCES:
            self._sequences, self._stated_in = (definition if content else None), self._order
            self.whole = self.whole or depth > 0
        elif definition.tag == _WAVES:
            self.frames.append(_Frame(definition, self._sequences, self._stated_in))
            self.wave_bytes += definition.end - definition.begin
            self.whole = self.whole or depth > 0


def require_bounded(payload: bytes) -> Counted:
    """Walk through the definitions of a file without copying; return what there is.

    Raises
    ------
    LimitError
        If definitions, their depth, channels, frames or bytes of waves exceed a limit.
    IntakeError
        If a definition ends outside the file, or there is no signal.
    """
    counted = Counted()
    _count(payload, 0, len(payload), 0, counted)
    frames = len(counted.frames)
    if frames == 0:
        raise IntakeError("The MFER file holds no signal.")
    if max(counted.channels, default=1) > _CHANNELS_MAX:
        raise LimitError(f"The MFER file has {max(counted.channels):,} channels, the limit is {_CHANNELS_MAX}.")
    if frames > _FRAMES_MAX:
        raise LimitError(f"The MFER file has {frames:,} frames, the limit is {_FRAMES_MAX:,}.")
    if counted.wave_bytes > _WAVE_BYTES_MAX:
        raise LimitError(
            f"The MFER file has {counted.wave_bytes:,} bytes of signals, the limit is {_WAVE_BYTES_MAX:,}; convert it."
        )
    return counted


def parts_of(payload: bytes, counted: Counted) -> Iterator[bytes]:
    """Yield files with the same definitions that hold one stretch of the waves after the other.

    Raises
    ------
    LimitError
        If there are too many waves to be decoded at once, and the definitions do not say where they can be cut.
    """
    if counted.wave_bytes <= _WHOLE_BYTES:
        yield payload
        return
    if counted.whole:
        raise _too_long(counted.wave_bytes)
    for stretch in _stretches(payload, counted.frames):
        yield _cut(payload, counted.frames, stretch)


@dataclass(frozen=True)
class _Stretch:
    """Some bytes [begin, end) of the waves of a frame; `sequences` where they are not all of them."""

    begin: int
    end: int
    sequences: int | None = None


def _too_long(n_bytes: int) -> LimitError:
    return LimitError(
        f"The MFER file has a frame of {n_bytes:,} bytes that does not say where it can be divided; convert it."
    )


def _stretches(payload: bytes, frames: Sequence[_Frame]) -> Iterator[dict[int, _Stretch]]:
    """Yield, by number of the frame, what is decoded at once: some whole frames, or a part of a long one."""
    together: dict[int, _Stretch] = {}
    for number, frame in enumerate(frames):
        waves = frame.waves
        size = waves.end - waves.begin
        if size > _PART_BYTES or size + sum(each.end - each.begin for each in together.values()) > _PART_BYTES:
            if together:
                yield together
            together = {}
        if size > _PART_BYTES:
            yield from ({number: stretch} for stretch in _divided(payload, frame))
        else:
            together[number] = _Stretch(waves.begin, waves.end)
    if together:
        yield together


def _divided(payload: bytes, frame: _Frame) -> Iterator[_Stretch]:
    """Yield the waves of a long frame in whole sequences."""
    waves, stated = frame.waves, frame.sequences
    count = int.from_bytes(payload[stated.begin : stated.end], frame.order) if stated is not None else 0
    if count < 2 or (waves.end - waves.begin) % count:
        raise _too_long(waves.end - waves.begin)
    size = (waves.end - waves.begin) // count
    step = max(1, _PART_BYTES // size)
    for first in range(0, count, step):
        stop = min(first + step, count)
        yield _Stretch(waves.begin + first * size, waves.begin + stop * size, stop - first)


def _cut(payload: bytes, frames: Sequence[_Frame], kept: dict[int, _Stretch]) -> bytes:
    """Return the file without the waves that are not kept; where a part is, the number of its sequences is stated."""
    out, at = bytearray(), 0
    numbers = {
        frames[number].sequences: stretch.sequences for number, stretch in kept.items() if stretch.sequences is not None
    }
    orders = {frame.sequences: frame.order for frame in frames}
    for number, frame in enumerate(frames):
        head = bytearray(payload[at : frame.waves.start])
        for stated, sequences in numbers.items():
            if stated is not None and sequences is not None and at <= stated.begin < frame.waves.start:
                width = stated.end - stated.begin
                head[stated.begin - at : stated.end - at] = sequences.to_bytes(width, orders[stated])
        out += head
        at = frame.waves.end
        if (stretch := kept.get(number)) is not None:
            out += bytes([_WAVES, _LONG + 4]) + (stretch.end - stretch.begin).to_bytes(4, "big")
            out += payload[stretch.begin : stretch.end]
    return bytes(out + payload[at:])


def _count(payload: bytes, start: int, stop: int, depth: int, counted: Counted) -> None:
    if depth > _DEPTH_MAX:
        raise LimitError(f"The MFER file has definitions within definitions, more than {_DEPTH_MAX} deep.")
    for definition in _definitions(payload, start, stop):
        counted.take(definition, payload, depth)
        if definition.tag in (_OF_CHANNEL, _GROUP):
            _count(payload, definition.begin, definition.end, depth + 1, counted)


def _definitions(payload: bytes, at: int, stop: int) -> Iterator[_Definition]:
    """Yield each definition in [at, stop). Raises IntakeError where one ends outside."""
    while at < stop:
        at = _after_filling(payload, at, stop)
        if at >= stop or payload[at] == _END:
            return
        start, tag = at, payload[at]
        at += 1
        if tag == _OF_CHANNEL:
            while at < stop and payload[at] & _LONG:
                at += 1
            at += 1
        length, at = _length(payload, at, stop)
        if at + length > stop:
            raise IntakeError(_DAMAGED)
        yield _Definition(tag, start, at, at + length)
        at += length


def _after_filling(payload: bytes, at: int, stop: int) -> int:
    """Return the place of the next byte that is no filling."""
    while at < stop and payload[at] == _FILL:
        at += 1
    return at


def _length(payload: bytes, at: int, stop: int) -> tuple[int, int]:
    """Return the length stated at `at`, and the place after it."""
    if at >= stop:
        raise IntakeError(_DAMAGED)
    first = payload[at]
    if first < _LONG:
        return first, at + 1
    n_bytes = first - _LONG
    if n_bytes == 0:
        raise IntakeError("The MFER file has a definition without a length, which is not read; convert it.")
    if n_bytes > 4 or at + 1 + n_bytes > stop:
        raise IntakeError(_DAMAGED)
    return int.from_bytes(payload[at + 1 : at + 1 + n_bytes], "big"), at + 1 + n_bytes
