"""The twelve standard leads of a recording: found by name, the missing limb leads derived from I and II."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np

from pipeline.errors import SignalError
from pipeline.signal.lead_names import plain_name
from pipeline.types import FloatArray, read_only

TWELVE_LEADS: Final = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
# What a body surface gives; the other four limb leads follow from I and II.
INDEPENDENT_LEADS: Final = ("I", "II", "V1", "V2", "V3", "V4", "V5", "V6")
# Each as a sum of I and II with these factors (Einthoven 1912, Goldberger 1942).
FROM_I_AND_II: Final = MappingProxyType(
    {"III": (-1.0, 1.0), "aVR": (-0.5, -0.5), "aVL": (1.0, -0.5), "aVF": (-0.5, 1.0)}
)
_STANDARD: Final = MappingProxyType({name.upper(): name for name in TWELVE_LEADS})


@dataclass(frozen=True, eq=False)
class StandardLeads:
    """The standard leads that a recording has or that follow from those.

    Attributes
    ----------
    p_signal : (n_samples, n_leads) float32
        mV, NaN where nothing was recorded; read-only.
    leads : tuple of str
        Their standard names, in the order of `TWELVE_LEADS`.
    derived : tuple of str
        Those that were not recorded but computed from I and II.
    """

    p_signal: FloatArray
    leads: tuple[str, ...]
    derived: tuple[str, ...]

    @property
    def complete(self) -> bool:
        """Whether all twelve are here."""
        return self.leads == TWELVE_LEADS


def standard_name(lead: str) -> str | None:
    """Return the standard name of a lead, whatever its case and vendor, or None if it is none of the twelve.

    Examples
    --------
    >>> standard_name("AVF"), standard_name("v1"), standard_name("ECG lead II"), standard_name("MLII")
    ('aVF', 'V1', 'II', None)
    """
    return _STANDARD.get(plain_name(lead).strip().upper())


def has_independent_leads(leads: Sequence[str]) -> bool:
    """Tell whether I, II and V1-V6 are all among these names, in any case."""
    return {standard_name(lead) for lead in leads}.issuperset(INDEPENDENT_LEADS)


def standard_leads(p_signal_mv: FloatArray, leads: Sequence[str]) -> StandardLeads:
    """Return the standard leads of a recording in their usual order, with III, aVR, aVL and aVF derived where missing.

    A limb lead that was recorded stays as it is, even if it is not what I and II make it.

    Parameters
    ----------
    p_signal_mv : (n_samples, n_leads) float32
        The signal in mV, NaN where nothing was recorded.
    leads : sequence of str
        Their names, in any case; names that are not standard are passed over, and so is a name's second lead.

    Raises
    ------
    SignalError
        If the number of names is not that of the columns.
    """
    if p_signal_mv.ndim != 2 or p_signal_mv.shape[1] != len(leads):
        raise SignalError(f"{len(leads)} names of leads were given for a signal of shape {p_signal_mv.shape}.")
    place = {standard_name(lead): i for i, lead in reversed(list(enumerate(leads)))}
    derivable = FROM_I_AND_II if {"I", "II"} <= place.keys() else {}
    derived = tuple(name for name in TWELVE_LEADS if name not in place and name in derivable)
    names = tuple(name for name in TWELVE_LEADS if name in place or name in derived)
    out = np.empty((len(p_signal_mv), len(names)), np.float32)
    for i, name in enumerate(names):
        if name in place:
            out[:, i] = p_signal_mv[:, place[name]]
        else:
            first, second = FROM_I_AND_II[name]
            out[:, i] = first * p_signal_mv[:, place["I"]] + second * p_signal_mv[:, place["II"]]
    return StandardLeads(read_only(out), names, derived)
