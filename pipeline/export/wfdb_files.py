"""A recording, and the annotations of an analysis, as files that any WFDB tool can read.

wfdb's own writer of records warns under pandas 3.1, so it is not used.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import wfdb
from numpy.typing import NDArray

from pipeline._util.files import write_bytes
from pipeline.errors import DataError
from pipeline.measurements import Waves
from pipeline.types import Analysis, Episode, IntArray, Recording

ANNOTATOR: Final = "hv"
WAVE_ANNOTATOR: Final = "hvw"
_WAVE_SYMBOLS: Final = ("(", "p", ")", "(", "N", ")", "(", "t", ")")  # in the order of `WAVE_MARKS`
_NOTE_MAX: Final = 250  # the format stores the length of a note in one byte
_PER_MV: Final = 1000  # steps of 1 microvolt: 16 bits then hold 32 mV
_MISSING: Final = -32768  # of format 16


def write_atr(analysis: Analysis, path: Path) -> Path:
    """Write the beats as annotations N, S, V, F, Q, and `+` where the rhythm changes, such as `(AFIB`.

    Parameters
    ----------
    analysis : Analysis
        The analysis.
    path : Path
        DIR/RECORD.hv; the ending is the annotator's name.

    Raises
    ------
    DataError
        If there is neither beat nor rhythm to write, or the file cannot be written.

    Notes
    -----
    An unclassified beat keeps the class that the network considered most likely (Q if none ran), as in the JSON file;
    its auxiliary note gives the reason.
    """
    notes = list(analysis.reason)
    return write_bytes(path, annotation_bytes(analysis.sample, analysis.symbol, notes, analysis.fs, analysis.rhythm))


def annotation_bytes(
    sample: IntArray, symbol: Sequence[str], notes: Sequence[str], fs: float, rhythm: Sequence[Episode] = ()
) -> bytes:
    """Encode beats, and the rhythm between them, as a WFDB annotation file.

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
    rhythm : sequence of Episode, optional
        Each gives an annotation `+` at its start, before a beat at the same sample.

    Raises
    ------
    DataError
        If there is neither beat nor rhythm to write.
    """
    changes = [(round(episode.start_s * fs), "+", f"({episode.rhythm}") for episode in rhythm]
    beats = zip(sample.tolist(), symbol, map(_note, notes), strict=True)
    rows = sorted([*changes, *beats], key=lambda row: row[0])
    if not rows:
        raise DataError("There is neither beat nor rhythm to write as annotation.")
    at, symbols, texts = zip(*rows, strict=True)
    with tempfile.TemporaryDirectory(prefix="heartvision-") as folder:
        wfdb.wrann(
            "r", ANNOTATOR, np.array(at, np.int64), symbol=list(symbols), aux_note=list(texts), fs=fs, write_dir=folder
        )
        return (Path(folder) / f"r.{ANNOTATOR}").read_bytes()


def write_waves(waves: Waves, recording: Recording, path: Path) -> Path:
    """Write the marks of waves as `(`, `p`, `N`, `t` and `)`, as in LUDB; over all leads they are not written.

    Parameters
    ----------
    waves : Waves
        The marks; what is NaN is left out.
    recording : Recording
        What they were marked in: `chan` is the place of a mark's lead in its header, from 0.
    path : Path
        DIR/RECORD.hvw; the ending is the annotator's name.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    DataError
        If there is no mark to write, or the file cannot be written.

    Notes
    -----
    `num` is 0 for marks of a P wave, 1 for those of a QRS complex, 2 for those of a T wave, as in QTDB.
    """
    beat, lead, mark = np.nonzero(np.isfinite(waves.time_s))
    if not beat.size:
        raise DataError("There is no mark of a wave to write as annotation.")
    at = np.maximum(0, np.round(waves.time_s[beat, lead, mark] * recording.fs)).astype(np.int64)
    channels = recording.channels or range(len(recording.leads))
    chan = np.array([channels[recording.leads.index(name)] for name in waves.leads], np.int64)[lead]
    order = np.lexsort((mark, beat, chan, at))
    with tempfile.TemporaryDirectory(prefix="heartvision-") as folder:
        wfdb.wrann(
            "r",
            WAVE_ANNOTATOR,
            at[order],
            symbol=[_WAVE_SYMBOLS[j] for j in mark[order]],
            chan=chan[order],
            num=mark[order] // 3,
            fs=recording.fs,
            write_dir=folder,
        )
        return write_bytes(path, (Path(folder) / f"r.{WAVE_ANNOTATOR}").read_bytes())


def _note(reason: str) -> str:
    """Reduce an auxiliary note to what the format can hold: ASCII without control characters, short enough."""
    plain = "".join(c if " " <= c <= "~" else "?" for c in reason)
    return plain[:_NOTE_MAX]


def write_record(recording: Recording, folder: Path) -> Path:
    """Write `recording` as NAME.hea and NAME.dat (format 16, mV; missing samples marked as WFDB does).

    WFDB's names are ASCII: see `wfdb_name`.

    Returns
    -------
    Path
        The header.

    Raises
    ------
    DataError
        If the folder cannot be written.
    """
    digital = _digital(recording)
    name = wfdb_name(recording.name)
    lines = [f"{name} {len(recording.leads)} {recording.fs:.15g} {recording.n_samples}"]
    for i, lead in enumerate(recording.leads):
        checksum = int(digital[:, i].astype(np.int64).sum()) & 0xFFFF
        checksum -= 0x10000 if checksum >= 0x8000 else 0
        lines.append(f"{name}.dat 16 {_PER_MV}(0)/mV 16 0 {digital[0, i]} {checksum} 0 {lead}")
    lines += [f"# {notice}" for notice in recording.notices]
    write_bytes(folder / f"{name}.dat", digital.astype("<i2").tobytes())
    write_bytes(folder / f"{name}.hea", ("\n".join(lines) + "\n").encode("ascii", "replace"))
    return folder / f"{name}.hea"


def wfdb_name(name: str) -> str:
    """Return a record's name in ASCII: itself, or what of it WFDB can write and six digits that tell it from others.

    Examples
    --------
    >>> wfdb_name("208_excerpt"), wfdb_name("王小明_2"), wfdb_name("Иванов_Пётр")
    ('208_excerpt', '2-2a86f6', 'record-d54ba3')
    """
    plain = re.sub(r"[^A-Za-z0-9_-]+", "", name)
    return name if plain == name else f"{plain.strip('_-') or 'record'}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def _digital(recording: Recording) -> NDArray[np.int16]:
    """Return the signal (n_samples, n_leads) in microvolts."""
    whole = np.clip(np.round(recording.p_signal * _PER_MV), _MISSING + 1, -_MISSING - 1)
    return np.where(np.isfinite(recording.p_signal), np.nan_to_num(whole), _MISSING).astype(np.int16)
