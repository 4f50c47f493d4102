"""What the network over twelve leads reads: stretches with all eight independent leads, filtered, in windows.

A stretch is as long as the records that the network was trained on, 10 s, and is filtered on its own as they were.
Leads that were recorded in turn, as on a printed page, are brought in step first (`leads_in_turn`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from models.superclasses import SuperclassNetwork
from pipeline.signal.gaps import runs
from pipeline.twelve_leads.derived_leads import (
    INDEPENDENT_LEADS,
    StandardLeads,
    has_independent_leads,
    standard_leads,
    standard_name,
)
from pipeline.twelve_leads.leads_in_turn import filtered_leads, in_step
from pipeline.types import FloatArray, IntArray

STRETCH_S: Final = 10.0  # of the records that the network was trained on
STRETCHES: Final = 60  # at most so many are read of a long recording, evenly spread: ten minutes
FLAT_MV: Final = 0.02  # a lead with less, peak to peak, was not connected
FS_MIN_HZ: Final = 90.0  # below it the band ends before its upper edge
# Of each of the twelve, the independent lead in whose time it lies where leads were recorded in turn.
_TIMED_BY: Final = (0, 1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7)


@dataclass(frozen=True, eq=False)
class Stretch:
    """A stretch with all eight independent leads, and what the network reads of it.

    Attributes
    ----------
    values : (n, 12) float32
        Scaled, at the network's sampling frequency.
    source : (n, 12) int64
        Where in the recording each value comes from: its sample at the network's sampling frequency.
    """

    values: FloatArray
    source: IntArray


def readable_stretches(
    p_signal_mv: FloatArray, leads: Sequence[str], fs: float, network: SuperclassNetwork
) -> tuple[Stretch, ...]:
    """Return what the network reads of a recording; nothing if one of I, II, V1-V6 is missing or not connected.

    III, aVR, aVL and aVF are computed from I and II, whether they were recorded or not.

    Parameters
    ----------
    p_signal_mv : (n_samples, n_leads) float32
        mV, NaN where nothing was recorded.
    leads : sequence of str
        Names of the leads, in any case.
    fs : float
        Sampling frequency, Hz.
    network : SuperclassNetwork
        It knows its band, its scaling and the length of its windows.
    """
    if fs < FS_MIN_HZ or not has_independent_leads(leads):
        return ()
    names = [standard_name(lead) for lead in leads]
    places = [names.index(name) for name in INDEPENDENT_LEADS]
    together = np.ones(len(p_signal_mv), np.bool_)
    for place in places:  # lead by lead, and copied stretch by stretch: a day of twelve leads fills gigabytes
        together &= np.isfinite(p_signal_mv[:, place])
    recorded = runs(together)
    spans = _spread(_spans(recorded, fs, network.manifest.window_s), STRETCHES)
    if not spans:
        return _in_turn(standard_leads(p_signal_mv, leads), fs, network)
    pieces = ((p_signal_mv[a:b, places], a) for a, b in spans)
    return tuple(_stretch(eight, a, fs, network) for eight, a in pieces if _connected(eight))


def _stretch(eight_mv: FloatArray, start: int, fs: float, network: SuperclassNetwork) -> Stretch:
    twelve = filtered_leads(standard_leads(eight_mv, INDEPENDENT_LEADS).p_signal, fs, network.manifest)
    first = round(start / fs * network.manifest.fs_hz)
    at = np.broadcast_to(first + np.arange(len(twelve))[:, None], twelve.shape)
    return Stretch(network.scaled(twelve), at)


def _in_turn(known: StandardLeads, fs: float, network: SuperclassNetwork) -> tuple[Stretch, ...]:
    found = in_step(known, fs, network.manifest)
    if found is None or not _connected(found[0]):
        return ()
    eight, source = found
    twelve = standard_leads(eight, INDEPENDENT_LEADS).p_signal
    return (Stretch(network.scaled(twelve), source[:, _TIMED_BY]),)


def window_starts(size: int, network: SuperclassNetwork) -> tuple[int, ...]:
    """Return where the windows of a stretch of `size` samples, at the network's rate, begin; the last ends with it."""
    window, step = (round(s * network.manifest.fs_hz) for s in (network.manifest.window_s, network.manifest.step_s))
    return tuple(dict.fromkeys((*range(0, size - window + 1, step), size - window)))


def windows_of(values: FloatArray, network: SuperclassNetwork) -> FloatArray:
    """Return the windows (k, 300, 12) of a stretch (n, 12)."""
    window = round(network.manifest.window_s * network.manifest.fs_hz)
    return np.stack([values[start : start + window] for start in window_starts(len(values), network)])


def _spans(recorded: Sequence[tuple[int, int]], fs: float, least_s: float) -> list[tuple[int, int]]:
    """Cut where all leads were recorded into stretches of 10 s; what is left is read if a window fits."""
    length, least = round(STRETCH_S * fs), round(least_s * fs) + 1
    cut = [(start, min(start + length, stop)) for first, stop in recorded for start in range(first, stop, length)]
    return [(start, stop) for start, stop in cut if stop - start >= least]


def _spread(spans: list[tuple[int, int]], most: int) -> list[tuple[int, int]]:
    if len(spans) <= most:
        return spans
    return [spans[i] for i in np.linspace(0, len(spans) - 1, most).round().astype(int)]


def _connected(eight_mv: FloatArray) -> bool:
    return bool((np.ptp(eight_mv, axis=0) >= FLAT_MV).all())
