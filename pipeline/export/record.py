"""A recording as WFDB files that any WFDB tool reads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import wfdb

from pipeline.domain import Recording
from pipeline.errors import EcgError


def write_record(recording: Recording, folder: Path) -> Path:
    """Write `recording` as NAME.hea and NAME.dat (16 bit, mV; missing samples as WFDB marks them).

    Returns
    -------
    Path
        The header.

    Raises
    ------
    EcgError
        If the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        wfdb.wrsamp(
            recording.name,
            fs=recording.fs,
            units=["mV"] * len(recording.leads),
            sig_name=list(recording.leads),
            p_signal=recording.p_signal.astype(np.float64),
            fmt=["16"] * len(recording.leads),
            comments=list(recording.notices),
            write_dir=str(folder),
        )
    except OSError as error:
        raise EcgError(f"The recording could not be written: {error.strerror}.") from error
    return folder / f"{recording.name}.hea"
