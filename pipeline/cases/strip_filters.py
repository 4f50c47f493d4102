"""Filters of the strip on screen: they change what is drawn, never what is analysed or measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from pipeline.cases.strip_content import StripLead, recorded_leads
from pipeline.types import FloatArray, Recording

BASELINE_HZ: Final = 0.5  # high-pass, as monitors have it; it bends the ST segment, so it is named on the strip
MUSCLE_HZ: Final = 35.0  # low-pass, as recorders call their muscle filter
NOTCH_Q: Final = 30.0
BESIDE_S: Final = 4.0  # read on both sides of the window: filters need a run-up
_ORDER: Final = 2


@dataclass(frozen=True)
class StripFilters:
    """Which filters are on: baseline wander, mains (50 or 60 Hz; 0 for none), muscle."""

    baseline: bool = False
    mains_hz: int = 0
    muscle: bool = False

    def __bool__(self) -> bool:
        """Tell whether any is on."""
        return self != StripFilters()

    def words(self, fs: float) -> str:
        """Name those that act at a sampling frequency, Hz, as they stand on the strip; "" if none does."""
        parts = [f"baseline {BASELINE_HZ:g} Hz"] if self.baseline else []
        parts += [f"mains {self.mains_hz} Hz"] if 0 < self.mains_hz < fs / 2 else []
        parts += [f"muscle {MUSCLE_HZ:g} Hz"] if self.muscle and fs / 2 > MUSCLE_HZ else []
        return ("filters: " + ", ".join(parts)) if parts else ""


def filtered_leads(
    recording: Recording, leads: tuple[str, ...], start_s: float, stop_s: float, filters: StripFilters
) -> tuple[StripLead, ...]:
    """Return leads of a recording between two times, through the filters that are on.

    Parameters
    ----------
    recording : Recording
        Where they are read.
    leads : tuple of str
        Names of leads of the recording.
    start_s, stop_s : float
        Seconds from the start of the recording.
    filters : StripFilters
        Which filters are on; a filter at half the sampling frequency or above is left out.

    Returns
    -------
    tuple of StripLead
        NaN where nothing was recorded.
    """
    exact = recorded_leads(recording, leads, start_s, stop_s)
    if not filters:
        return exact
    wide = recorded_leads(recording, leads, start_s - BESIDE_S, stop_s + BESIDE_S)
    found = []
    for lead, more in zip(exact, wide, strict=True):
        first = int(np.searchsorted(more.time_s, lead.time_s[0] - 1e-9)) if lead.time_s.size else 0
        values = _through(np.asarray(more.value_mv, np.float32), recording.fs, filters)
        found.append(replace(lead, value_mv=values[first : first + lead.time_s.size]))
    return tuple(found)


def _through(values: FloatArray, fs: float, filters: StripFilters) -> FloatArray:
    """Filter forwards and backwards, so that no wave moves; gaps are bridged by a line and stay gaps."""
    from scipy.signal import butter, filtfilt, iirnotch, sosfiltfilt  # not for those who only look

    missing = ~np.isfinite(values)
    if values.size < 3 * fs / 10 or missing.all():
        return values
    at = np.arange(values.size)
    line = np.interp(at, at[~missing], values[~missing]).astype(np.float64)
    if filters.baseline:
        line = sosfiltfilt(butter(_ORDER, BASELINE_HZ, "highpass", fs=fs, output="sos"), line)
    if filters.mains_hz and filters.mains_hz < fs / 2:
        line = filtfilt(*iirnotch(filters.mains_hz, NOTCH_Q, fs), line)
    if filters.muscle and fs / 2 > MUSCLE_HZ:
        line = sosfiltfilt(butter(_ORDER, MUSCLE_HZ, "lowpass", fs=fs, output="sos"), line)
    line[missing] = np.nan
    return line.astype(np.float32)
