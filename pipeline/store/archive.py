"""The exceptions that a damaged .npz file can raise."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from typing import Final

# zipfile raises NotImplementedError for an unknown compression and RuntimeError for an encrypted member;
# numpy parses a header before its checksum is known: ValueError, SyntaxError, TokenError; its shape: MemoryError.
BROKEN_NPZ: Final = (
    *(OSError, EOFError, KeyError, IndexError, ValueError, TypeError, MemoryError),
    *(NotImplementedError, RuntimeError, SyntaxError, tokenize.TokenError, zipfile.BadZipFile, zlib.error),
)
