"""Which of a file's signals are leads of an ECG, by unit and name, and at which sampling frequency they are read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import IntakeError
from pipeline.intake.content import require_ecg, safe_lead
from pipeline.signal.lead_names import is_known_lead, is_other_signal
from pipeline.types import FloatArray

# Electrodes of an EEG (10-20 system and its refinement), alone or against an ear or a mastoid.
_RX_EEG: Final = re.compile(
    r"(?:fp|af|ft|fc|f|tp|t|cp|c|po|p|o)(?:z|\d{1,2})(?:[-:](?:[am]\d?|ref|avg|le|[a-z]{1,2}\d?))?|[am][12]",
    re.IGNORECASE,
)
# What sleep laboratories record beside an ECG, as they abbreviate it.
_RX_SLEEP: Final = re.compile(
    r"thor|abd|belt|leg|tib|\b[elr]oc\b|[lr]eog|snor|chin|cann?ula|therm|[cei]pap|\bmic\b|vibr|plm|\brip\b",
    re.IGNORECASE,
)
_SHOWN: Final = 8  # names in one notice


@dataclass(frozen=True)
class Channel:
    """One signal of a file.

    Attributes
    ----------
    name : str
        Untrusted name.
    mv_per_unit : float or None
        Millivolts per unit; None if the unit is no voltage.
    rate_hz : float
        Its sampling frequency.
    has_unit : bool
        False where the file states none: by its name it may be an ECG that is not calibrated.
    """

    name: str
    mv_per_unit: float | None
    rate_hz: float
    has_unit: bool = True

    @property
    def is_voltage(self) -> bool:
        """Whether it can be an ECG by its unit, or is one by its name where there is no unit."""
        return self.mv_per_unit is not None or (not self.has_unit and is_known_lead(self.name))


@dataclass(frozen=True)
class Chosen:
    """The leads among the signals of a file.

    Attributes
    ----------
    kept : tuple of int
        Their places among the signals.
    fs : float
        Sampling frequency of the ECG, Hz: that of the fastest lead; slower ones are interpolated.
    notices : tuple of str
        What was left out, and why.
    """

    kept: tuple[int, ...]
    fs: float
    notices: tuple[str, ...]


def choose(channels: Sequence[Channel]) -> Chosen:
    """Choose the leads of an ECG among the signals of a file.

    Where a signal is an ECG by its name, what else is a voltage is a lead only if its rate is that of an ECG and its
    name not one that belongs to an EEG or a sleep laboratory. Where none is, all are leads that are nothing else.

    Raises
    ------
    IntakeError
        If no signal is a voltage, or all that are have names of other signals.
    """
    voltages = [i for i, channel in enumerate(channels) if channel.is_voltage]
    if not voltages:
        raise IntakeError("No signal of this file is in V, mV, µV or nV; it holds no ECG.")
    require_ecg([safe_lead(channels[i].name, i + 1) for i in voltages])
    known = [i for i in voltages if is_known_lead(channels[i].name)]
    named = [i for i in voltages if not _is_other(channels[i].name, beside_ecg=bool(known))]
    fs = max(channels[i].rate_hz for i in known or named)
    rates = {channels[i].rate_hz for i in known}
    kept = [i for i in named if not known or channels[i].rate_hz in rates]
    return Chosen(tuple(kept), fs, tuple(_notices(channels, voltages, named, kept)))


def interpolated(values: NDArray[np.float32 | np.float64], n_samples: int) -> FloatArray:
    """Bring the samples (n,) of a slower lead to `n_samples` over the same time, linearly; NaN beside NaN stays."""
    if len(values) in (0, n_samples):
        return values.astype(np.float32)
    at = np.arange(n_samples) * (len(values) / n_samples)
    found: FloatArray = np.interp(at, np.arange(len(values)), values).astype(np.float32)
    return found


def _is_other(name: str, *, beside_ecg: bool) -> bool:
    if is_other_signal(name) or not beside_ecg or is_known_lead(name):
        return is_other_signal(name)
    return _RX_EEG.fullmatch(name.strip()) is not None or _RX_SLEEP.search(name) is not None


def _notices(channels: Sequence[Channel], voltages: list[int], named: list[int], kept: list[int]) -> list[str]:
    def names(places: list[int]) -> str:
        shown = ", ".join(safe_lead(channels[i].name, i + 1) for i in places[:_SHOWN])
        return shown if len(places) <= _SHOWN else f"{shown} and {len(places) - _SHOWN} more"

    fs = max(channels[i].rate_hz for i in kept)
    found = {
        "Left out, because the unit is no voltage": [i for i in range(len(channels)) if i not in voltages],
        "Left out, because the name is that of another signal": [i for i in voltages if i not in named],
        "Left out, because the sampling frequency is not the ECG's": [i for i in named if i not in kept],
        f"Interpolated to the {fs:g} Hz of the other leads": [i for i in kept if channels[i].rate_hz < fs],
        "Not calibrated, because the file states no unit": [i for i in kept if channels[i].mv_per_unit is None],
    }
    return [f"{why}: {names(places)}." for why, places in found.items() if places]
