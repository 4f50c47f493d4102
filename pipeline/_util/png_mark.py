"""A note inside a PNG file that says that HeartVision drew it, from one beat of a recording."""

from __future__ import annotations

import struct
import zlib
from typing import Final

BEAT: Final = b"HeartVision, one beat of a recording"  # as one curve
NETWORKS: Final = b"HeartVision, one beat as networks see it"  # of any size and proportions
_AFTER_HEADER: Final = 33  # bytes of the signature and of the first chunk, IHDR


def marked(png: bytes, note: bytes = BEAT) -> bytes:
    """Return a PNG file with the note."""
    return png[:_AFTER_HEADER] + _chunk(note) + png[_AFTER_HEADER:]


def is_marked(payload: bytes, note: bytes = BEAT) -> bool:
    """Tell whether a file is a PNG with the note, unchanged in place."""
    return payload[_AFTER_HEADER : _AFTER_HEADER + len(_chunk(note))] == _chunk(note)


def _chunk(note: bytes) -> bytes:
    text = b"tEXtSource\x00" + note
    return struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
