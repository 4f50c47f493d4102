"""An analysis as WFDB annotations that any WFDB tool can read."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import wfdb

from pipeline._util.files import write_bytes
from pipeline.errors import DataError
from pipeline.types import Analysis, IntArray

ANNOTATOR: Final = "hv"
_NOTE_MAX: Final = 250  # the format stores the length of a note in one byte


def write_atr(analysis: Analysis, path: Path) -> Path:
    """Write the beats as annotations N, S, V, F, Q; the auxiliary note gives the reason why a beat is unclassified.

    Parameters
    ----------
    path : Path
        DIR/RECORD.hv; the ending is the annotator's name.

    Raises
    ------
    DataError
        If there is no beat to write, or the file cannot be written.

    Notes
    -----
    An unclassified beat keeps the class that the network considered most likely (Q if none ran), as in the JSON file.
    """
    return write_bytes(path, annotation_bytes(analysis.sample, analysis.symbol, analysis.reason, analysis.fs))


def annotation_bytes(sample: IntArray, symbol: Sequence[str], notes: Sequence[str], fs: float) -> bytes:
    """Encode beats as a WFDB annotation file.

    Parameters
    ----------
    sample : (n,) int64
        Beats, indices into the recording.
    symbol : sequence of str
        One WFDB symbol per beat.
    notes : sequence of str
        One auxiliary note per beat; "" for none.
    fs : float
        Sampling frequency of the recording, Hz.

    Raises
    ------
    DataError
        If there is no beat to write.
    """
    if sample.size == 0:
        raise DataError("There is no beat to write as annotation.")
    with tempfile.TemporaryDirectory(prefix="heartvision-") as folder:
        wfdb.wrann(
            "r",
            ANNOTATOR,
            np.array(sample, np.int64),
            symbol=list(symbol),
            aux_note=[_note(text) for text in notes],
            fs=fs,
            write_dir=folder,
        )
        return (Path(folder) / f"r.{ANNOTATOR}").read_bytes()


def _note(reason: str) -> str:
    """Reduce an auxiliary note to what the format can hold: ASCII without control characters, short enough."""
    plain = "".join(c if " " <= c <= "~" else "?" for c in reason)
    return plain[:_NOTE_MAX]
