"""A note inside a PNG file that says that HeartVision drew it, from one beat of a recording."""

from __future__ import annotations

import struct
import zlib
from typing import Final

_TEXT: Final = b"tEXtSource\x00HeartVision, one beat of a recording"
_MARK: Final = struct.pack(">I", len(_TEXT) - 4) + _TEXT + struct.pack(">I", zlib.crc32(_TEXT))  # a chunk of the format
_AFTER_HEADER: Final = 33  # bytes of the signature and of the first chunk, IHDR


def marked(png: bytes) -> bytes:
    """Return a PNG file with the note."""
    return png[:_AFTER_HEADER] + _MARK + png[_AFTER_HEADER:]


def is_marked(payload: bytes) -> bool:
    """Tell whether a file is a PNG with the note, unchanged in place."""
    return payload[_AFTER_HEADER : _AFTER_HEADER + len(_MARK)] == _MARK
