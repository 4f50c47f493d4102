"""The diagnostic superclasses of a twelve-lead recording: calibrated probabilities, and where they come from.

The network averages its logits over all windows of all readable stretches (`superclass_input`); a linear head, fitted
with the scaling on PTB-XL, turns them into probabilities that come true as often as they say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import numpy as np

from models.superclasses import SuperclassNetwork, load_superclasses
from pipeline.errors import SignalError
from pipeline.twelve_leads.superclass_heat import HEATS, SHIPPED_HEAT
from pipeline.twelve_leads.superclass_input import readable_stretches, windows_of
from pipeline.types import FloatArray

SUPERCLASS_NAMES: Final = MappingProxyType(
    {
        "NORM": "normal ECG",
        "MI": "myocardial infarction",
        "STTC": "ST or T change",
        "CD": "conduction disturbance",
        "HYP": "hypertrophy",
    }
)
HEAT_FS_HZ: Final = 100.0  # rows of a heatmap per second
TINY: Final = 1e-30  # where a map is 0 throughout
HEAT_MAX_S: Final = 600.0  # a longer recording is explained page by page


def read_superclasses(
    p_signal_mv: FloatArray, leads: Sequence[str], fs: float, *, network: SuperclassNetwork | None = None
) -> dict[str, float] | None:
    """Return the calibrated probability of NORM, MI, STTC, CD and HYP, which do not exclude each other.

    Parameters
    ----------
    p_signal_mv : (n_samples, n_leads) float32
        mV, NaN where nothing was recorded. Of more than ten minutes, sixty stretches of 10 s are read.
    leads : sequence of str
        Their names, in any case; I, II and V1-V6 must be among them.
    fs : float
        Sampling frequency, Hz.
    network : SuperclassNetwork, optional
        The network; the shipped one by default.

    Returns
    -------
    dict of str to float or None
        None if one of the eight leads is missing, if they were recorded neither together for 3 s nor, as on a page,
        each for 1.5 s and with beats, or below 90 Hz.
    """
    asked = network or load_superclasses()
    if (logits := window_logits(p_signal_mv, leads, fs, asked)) is None:
        return None
    return dict(zip(asked.manifest.classes, map(float, asked.probabilities(logits.mean(axis=0))), strict=True))


def window_logits(
    p_signal_mv: FloatArray, leads: Sequence[str], fs: float, network: SuperclassNetwork
) -> FloatArray | None:
    """Return the network's logits (k, 5) for all windows of a recording, or None if nothing can be read.

    Parameters
    ----------
    p_signal_mv : (n_samples, n_leads) float32
        mV, NaN where nothing was recorded.
    leads : sequence of str
        Their names.
    fs : float
        Sampling frequency, Hz.
    network : SuperclassNetwork
        Whose logits.
    """
    stretches = readable_stretches(p_signal_mv, leads, fs, network)
    if not stretches:
        return None
    return network.logits(np.concatenate([windows_of(stretch.values, network) for stretch in stretches]))


def said(probabilities: Mapping[str, float], network: SuperclassNetwork | None = None) -> tuple[str, ...]:
    """Return the superclasses whose probability reaches the threshold in the manifest, the likeliest first.

    Parameters
    ----------
    probabilities : mapping of str to float
        As `read_superclasses` returns them.
    network : SuperclassNetwork, optional
        The network; the shipped one by default.
    """
    facts = (network or load_superclasses()).manifest
    reached = [
        name for name, least in zip(facts.classes, facts.thresholds, strict=True) if probabilities[name] >= least
    ]
    return tuple(sorted(reached, key=lambda name: -probabilities[name]))


def superclass_heat(
    p_signal_mv: FloatArray,
    leads: Sequence[str],
    fs: float,
    superclass: str,
    *,
    network: SuperclassNetwork | None = None,
) -> FloatArray | None:
    """Return how much each place in each lead speaks for a superclass.

    Parameters
    ----------
    p_signal_mv : (n_samples, n_leads) float32
        mV, NaN where nothing was recorded; at most ten minutes.
    leads : sequence of str
        Their names, in any case; I, II and V1-V6 must be among them.
    fs : float
        Sampling frequency, Hz.
    superclass : {"NORM", "MI", "STTC", "CD", "HYP"}
        What is to be explained.
    network : SuperclassNetwork, optional
        The network; the shipped one by default.

    Returns
    -------
    (n_time, 12) float32 or None
        0 to 1, the strongest place of the recording is 1. Row i is at i / 100 s; columns in the order of
        `derived_leads.TWELVE_LEADS`. 0 in stretches that were not read; None where `read_superclasses` has no answer.
        Where leads were recorded in turn, the derived ones are hot in the time of lead I, or II for aVF.

    Raises
    ------
    SignalError
        If the recording is longer, or there is no such superclass.
    """
    asked = network or load_superclasses()
    if superclass not in asked.manifest.classes:
        raise SignalError(f"There is no superclass {superclass!r}; there are {', '.join(asked.manifest.classes)}.")
    if (seconds := len(p_signal_mv) / fs) > HEAT_MAX_S:
        raise SignalError(f"A heatmap of {seconds:.0f} s was asked for; at most {HEAT_MAX_S:.0f} s can be drawn.")
    stretches = readable_stretches(p_signal_mv, leads, fs, asked)
    if not stretches:
        return None
    heat = np.zeros((int(np.ceil(seconds * HEAT_FS_HZ)), len(asked.manifest.leads)), np.float32)
    for stretch in stretches:
        found = HEATS[SHIPPED_HEAT](stretch.values, superclass, asked)
        np.add.at(heat, (np.minimum(stretch.source, len(heat) - 1), np.arange(heat.shape[1])), found)
    return np.asarray(heat / max(float(heat.max()), TINY), np.float32)
