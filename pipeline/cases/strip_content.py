"""What a strip shows of a recording between two times: its leads as recorded, and its beats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.types import Recording


@dataclass(frozen=True, eq=False)
class StripLead:
    """One lead of a strip: `time_s` and `value_mv` (n,), NaN where nothing was recorded."""

    name: str
    time_s: NDArray[np.floating]
    value_mv: NDArray[np.floating]
    calibrated: bool = True


@dataclass(frozen=True, eq=False)
class BeatMarks:
    """Beats to mark: `beat` (n,) what names them, `time_s` (n,), `label` and `hover` (n,) texts."""

    beat: NDArray[np.int64]
    time_s: NDArray[np.floating]
    label: tuple[str, ...]
    hover: tuple[str, ...]


def recorded_leads(
    recording: Recording, leads: tuple[str, ...], start_s: float, stop_s: float
) -> tuple[StripLead, ...]:
    """Return leads of a recording between two times.

    Parameters
    ----------
    recording : Recording
        Where they are read.
    leads : tuple of str
        Names of leads of the recording.
    start_s, stop_s : float
        Seconds from the start of the recording; what lies outside of it is left out.

    Returns
    -------
    tuple of StripLead
        In the order of `leads`.
    """
    first, last = max(0, int(start_s * recording.fs)), min(recording.n_samples, int(np.ceil(stop_s * recording.fs)) + 1)
    time_s = np.arange(first, last) / recording.fs
    columns = [recording.leads.index(name) for name in leads]
    return tuple(
        StripLead(recording.leads[i], time_s, np.asarray(recording.p_signal[first:last, i]), recording.calibrated[i])
        for i in columns
    )
