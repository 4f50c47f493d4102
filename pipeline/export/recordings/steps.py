"""Samples in whole steps of 16 bits: each lead as finely as its largest value allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.types import FloatArray, Recording

MISSING: Final = -32768  # stands for a sample that was not recorded
MOST: Final = 32767
# Millivolts per step: 0.01 microvolt and up. Recorders store multiples of one of these, so that nothing is rounded.
STEPS_MV: Final[tuple[float, ...]] = tuple(mantissa / 10**power for power in range(5, -4, -1) for mantissa in (1, 2, 5))
_CHUNK: Final = 2**20  # samples


@dataclass(frozen=True, eq=False)
class Steps:
    """A recording in whole steps.

    Attributes
    ----------
    values : (n_samples, n_leads) int16
        The steps; `MISSING` where nothing was recorded.
    step : tuple of float
        What a step of each lead is, mV, or in the lead's own units where it is not calibrated.
    """

    values: NDArray[np.int16]
    step: tuple[float, ...]

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Where a lead was not recorded, (n_samples, n_leads)."""
        found: NDArray[np.bool_] = self.values == MISSING
        return found


def in_steps(recording: Recording, *, given: float | None = None) -> Steps:
    """Round the samples of each lead to the finest of `STEPS_MV` that 16 bits can hold.

    Parameters
    ----------
    recording : Recording
        The recording.
    given : float, optional
        The step of leads that are not calibrated, if the format fixes it.

    Raises
    ------
    DataError
        If a value is larger than 16 bits of the largest step hold.
    """
    step = tuple(
        given if given is not None and not calibrated else _finest(column, lead)
        for column, lead, calibrated in zip(recording.p_signal.T, recording.leads, recording.calibrated, strict=True)
    )
    values = np.empty(recording.p_signal.shape, np.int16)
    for start in range(0, len(values), _CHUNK):
        part = np.round(recording.p_signal[start : start + _CHUNK] / np.array(step))
        if (np.abs(part) > MOST).any():
            raise DataError("The values of a lead that is not calibrated are too large for 16 bits; write EDF or CSV.")
        values[start : start + _CHUNK] = np.where(np.isfinite(part), part, MISSING)
    return Steps(values, step)


def _finest(lead_mv: FloatArray, lead: str) -> float:
    finite = np.isfinite(lead_mv)
    largest = float(np.abs(lead_mv, where=finite, out=np.zeros_like(lead_mv)).max())
    for step in STEPS_MV:
        if largest <= MOST * step:
            return step
    raise DataError(f"Lead {lead!r} has values of {largest:g}, which 16 bits do not hold; write CSV.")
