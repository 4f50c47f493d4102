"""A recording as a CSV table: a row per sample with its time, a column per lead with its unit."""

from __future__ import annotations

import io
from typing import Final

import numpy as np
import pandas as pd

from pipeline.types import Recording

_CHUNK_ROWS: Final = 500_000
_DIGITS: Final = "%.6f"  # of mV and of seconds: a nanovolt, a microsecond


def csv_bytes(recording: Recording) -> tuple[tuple[bytes], list[str]]:
    """Encode a recording as CSV in mV; a cell is empty where nothing was recorded. Nothing is lost."""
    names = [
        f"{lead} (mV)" if calibrated else lead
        for lead, calibrated in zip(recording.leads, recording.calibrated, strict=True)
    ]
    file = io.BytesIO()
    text = io.TextIOWrapper(file, "ascii", newline="")
    text.write(f"# Sampling rate: {recording.fs:.15g} Hz\n")
    text.write(",".join(["time (s)", *names]) + "\n")
    for start in range(0, recording.n_samples, _CHUNK_ROWS):
        rows = recording.p_signal[start : start + _CHUNK_ROWS]
        table = pd.DataFrame(rows)
        table.insert(0, "time", np.arange(start, start + len(rows)) / recording.fs)
        table.to_csv(text, header=False, index=False, float_format=_DIGITS, lineterminator="\n")
    text.flush()
    return (file.getvalue(),), []
