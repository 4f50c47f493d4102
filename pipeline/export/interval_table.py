"""The intervals of each marked beat as CSV, over all leads and lead by lead."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np

from pipeline._util.files import write_bytes
from pipeline.export.analysis_files import table_bytes
from pipeline.twelve_leads.measuring import Marked
from pipeline.waves.intervals import INTERVALS, beat_intervals

_COLUMNS: Final = ("time_s", "usual", "lead", *(f"{name}_ms" for name in INTERVALS))
OVER_ALL: Final = "all leads"


def write_intervals_csv(marked: Marked, path: Path) -> Path:
    """Write a row for each marked beat over all leads, and one for each lead. Raises DataError if that fails."""
    waves, rows = marked.waves, []
    for lead in (None, *waves.leads):
        found = beat_intervals(waves, marked.usual, marked.rr_s, lead)
        columns = [np.round(found.ms[name], 1) for name in INTERVALS]
        for i, (time_s, usual) in enumerate(zip(waves.beat_s.tolist(), marked.usual.tolist(), strict=True)):
            values = [None if np.isnan(column[i]) else float(column[i]) for column in columns]
            rows.append([round(time_s, 4), "yes" if usual else "no", OVER_ALL if lead is None else lead, *values])
    return write_bytes(path, table_bytes(_COLUMNS, rows))
