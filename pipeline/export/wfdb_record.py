"""A recording as WFDB files that any WFDB tool can read.

wfdb's own writer warns under pandas 3.1, so it is not used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline._util.files import write_bytes
from pipeline.types import Recording

_PER_MV: Final = 1000  # steps of 1 microvolt: 16 bits then hold 32 mV
_MISSING: Final = -32768  # of format 16


def write_record(recording: Recording, folder: Path) -> Path:
    """Write `recording` as NAME.hea and NAME.dat (format 16, mV; missing samples marked as WFDB does).

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
    lines = [f"{recording.name} {len(recording.leads)} {recording.fs:.15g} {recording.n_samples}"]
    for i, lead in enumerate(recording.leads):
        checksum = int(digital[:, i].astype(np.int64).sum()) & 0xFFFF
        checksum -= 0x10000 if checksum >= 0x8000 else 0
        lines.append(f"{recording.name}.dat 16 {_PER_MV}(0)/mV 16 0 {digital[0, i]} {checksum} 0 {lead}")
    lines += [f"# {notice}" for notice in recording.notices]
    write_bytes(folder / f"{recording.name}.dat", digital.astype("<i2").tobytes())
    write_bytes(folder / f"{recording.name}.hea", ("\n".join(lines) + "\n").encode("ascii", "replace"))
    return folder / f"{recording.name}.hea"


def _digital(recording: Recording) -> NDArray[np.int16]:
    """Return the signal (n_samples, n_leads) in microvolts."""
    whole = np.clip(np.round(recording.p_signal * _PER_MV), _MISSING + 1, -_MISSING - 1)
    return np.where(np.isfinite(recording.p_signal), np.nan_to_num(whole), _MISSING).astype(np.int16)
