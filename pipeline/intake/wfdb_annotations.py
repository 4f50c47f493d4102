"""A strict reader of WFDB annotation files (MIT format): every annotation in range, in order and known."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.errors import IntakeError
from pipeline.intake.content import foreign_kind
from pipeline.labels import is_beat
from pipeline.types import Annotations, IntArray, read_only

# WFDB annotation codes (ecgcodes.h); 15, 17 and 42 to 49 are user-defined and count as ignored.
CODE_TO_SYMBOL: Final = dict(
    zip((*range(1, 15), 16, *range(18, 42)), 'NLRaVFJASEj/Q~|sT*D"=pB^t+u?![]en@xf()r', strict=True)
)
_CODE_MAX: Final = 49
# MIT-BIH svdb 860 marks the sample after its last one: up to this is ignored, more means a foreign file.
_OVERHANG_S: Final = 1.0
# The fullest reference files of public databases have 6 bytes per second; all marks of all waves would be about 40.
_BYTES_PER_S: Final = 64.0
_BYTES_FREE: Final = 2**16  # notes of a short recording
_SKIP, _NUM, _SUB, _CHN, _AUX = 59, 60, 61, 62, 63
_NOTE: Final = 22
_RX_RESOLUTION: Final = re.compile(rb"## time resolution: (\d{1,9}(?:\.\d{1,9})?)")


@dataclass(frozen=True, eq=False)
class Marks:
    """Every annotation of a file, beats and others alike.

    Attributes
    ----------
    sample : (n,) int64
        Where each is, in the order of the file.
    symbol : tuple of str
        WFDB symbol of each, " " for those that WFDB leaves to users.
    note : mapping of int to str
        The text that some carry, by their index; that of a "+" names a rhythm.
    """

    sample: IntArray
    symbol: tuple[str, ...]
    note: Mapping[int, str]


def parse_annotations(payload: bytes, *, n_samples: int, fs: float) -> Annotations:
    """Read the reference beats of a recording.

    Parameters
    ----------
    payload : bytes
        The .atr file.
    n_samples : int
        Length of the recording that the annotations belong to, samples.
    fs : float
        Its sampling frequency, Hz.

    Returns
    -------
    Annotations
        Beats only; other annotations, and those up to a second after the end, are counted in `ignored`.

    Raises
    ------
    IntakeError
        If the file is truncated, of another kind, out of order or range, states another sampling frequency, or is far
        too large for a recording of this length.

    Notes
    -----
    Layout: https://physionet.org/physiotools/wag/annot-5.htm
    """
    if not payload:
        raise IntakeError("it is empty")
    if (kind := foreign_kind(payload, signal=True)) is not None:
        raise IntakeError(f"it is {kind}")
    limit = int(_BYTES_FREE + _BYTES_PER_S * n_samples / fs)
    if len(payload) > limit:
        raise IntakeError(f"it has {len(payload):,} bytes, the limit for a recording of this length is {limit:,}")
    samples, codes, _ = _scan(payload, fs)
    outside = (samples < 0) | (samples >= n_samples + _OVERHANG_S * fs)
    if outside.any():
        worst = int(samples[outside][0])
        raise IntakeError(f"it marks sample {worst:,} of a recording with samples 0 to {n_samples - 1:,}")
    if np.any(np.diff(samples) < 0):
        raise IntakeError("its annotations are not in order of time")
    symbols = [CODE_TO_SYMBOL.get(int(code), " ") for code in codes]
    beats = np.fromiter((is_beat(symbol) for symbol in symbols), bool, len(symbols)) & (samples < n_samples)
    kept = tuple(symbol for symbol, beat in zip(symbols, beats, strict=True) if beat)
    return Annotations(read_only(samples[beats].copy()), kept, int((~beats).sum()))


def parse_marks(payload: bytes, *, fs: float) -> list[tuple[int, str]]:
    """Sample and WFDB symbol of every annotation, beats and others alike, in the order of the file.

    Parameters
    ----------
    payload : bytes
        The annotation file.
    fs : float
        Sampling frequency of the recording, Hz.

    Raises
    ------
    IntakeError
        If the file is cut, of another kind, or states another sampling frequency.
    """
    samples, codes, _ = _scan(payload, fs)
    return [(int(sample), CODE_TO_SYMBOL.get(int(code), " ")) for sample, code in zip(samples, codes, strict=True)]


def parse_notes(payload: bytes, *, fs: float) -> Marks:
    """Read every annotation with its text.

    Parameters
    ----------
    payload : bytes
        The annotation file.
    fs : float
        Sampling frequency of the recording, Hz.

    Raises
    ------
    IntakeError
        If the file is cut, of another kind, or states another sampling frequency.
    """
    samples, codes, notes = _scan(payload, fs)
    return Marks(read_only(samples), tuple(CODE_TO_SYMBOL.get(code, " ") for code in codes.tolist()), notes)


def _scan(payload: bytes, fs: float) -> tuple[IntArray, IntArray, dict[int, str]]:
    """Read sample, code and text of every annotation; the scan ends at the terminator, which must end the file."""
    if len(payload) % 2:
        raise IntakeError(f"its size of {len(payload):,} bytes is odd, so it is cut or of another kind")
    words = np.frombuffer(payload, "<u2").tolist()
    samples: list[int] = []
    codes: list[int] = []
    notes: dict[int, str] = {}
    time = position = 0
    while position < len(words):
        word = words[position]
        code, value = word >> 10, word & 0x3FF
        position += 1
        if word == 0:
            if any(words[position:]):
                raise IntakeError("it goes on after its end mark")
            return np.array(samples, np.int64), np.array(codes, np.int64), notes
        if code == _SKIP:
            time += _skip(words, position)
            position += 2
        elif code == _AUX:
            end = position + (value + 1) // 2
            if value > 255 or end > len(words):
                raise IntakeError("it holds a note that is longer than the file or the format allows")
            if codes and codes[-1] == _NOTE and samples[-1] == 0:
                _require_resolution(payload[2 * position : 2 * end], fs)
            if codes:
                notes[len(codes) - 1] = payload[2 * position : 2 * position + value].rstrip(b"\0").decode("latin-1")
            position = end
        elif code not in (_NUM, _SUB, _CHN):
            if code > _CODE_MAX:
                raise IntakeError(f"it holds the annotation code {code}, which WFDB does not define")
            time += value
            samples.append(time)
            codes.append(code)
    raise IntakeError("it has no end mark, so it is cut or of another kind")


def _skip(words: list[int], position: int) -> int:
    if position + 2 > len(words):
        raise IntakeError("it ends inside an annotation")
    interval = (words[position] << 16) + words[position + 1]
    return interval - 2**32 if interval >= 2**31 else interval


def _require_resolution(note: bytes, fs: float) -> None:
    match = _RX_RESOLUTION.match(note)
    if match and not np.isclose(float(match[1]), fs, rtol=1e-6):
        raise IntakeError(f"it was made at {float(match[1]):g} Hz and the recording has {fs:g} Hz")
