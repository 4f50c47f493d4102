"""Headers that scale each lead to a range of one millivolt, and the common scale that the samples still have.

Some exports divide every lead by its own range, and state as its "gain" how many steps that range has. Read as written,
all leads are one millivolt high: no voltage, no ST level and no axis is right. The stored steps are on one scale
nonetheless, which Einthoven's law shows (lead II is the sum of I and III), and a step is a microvolt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.types import FloatArray

STEPS_PER_MV: Final = 1000.0
ONE_MV: Final = 0.002  # how exactly the range of each lead is 1 mV
GAINS_DIFFER: Final = 1.02  # the largest over the smallest gain: equal ones need no correction
LAW_SHARE: Final = 0.15  # of the leads' size, by which Einthoven's law may fail on the common scale
EINTHOVEN: Final = ("I", "II", "III")
NOTICE: Final = (
    "The header scales each lead to a range of 1 mV. By the stored steps the limb leads fit together, so they were "
    "read as microvolts."
)


def common_scale(p_signal_mv: FloatArray, leads: Sequence[str], gains: Sequence[float]) -> NDArray[np.float64] | None:
    """Return what each lead is multiplied with to be in mV on one scale; None where the header is as it should be.

    Parameters
    ----------
    p_signal_mv : (n_samples, n_leads) float32
        The leads as the header says.
    leads : sequence of str
        Their names.
    gains : sequence of float
        Steps per mV, by the header.
    """
    names = [lead.upper() for lead in leads]
    if not set(EINTHOVEN) <= set(names) or max(gains) < GAINS_DIFFER * min(gains):
        return None
    ranges = np.nanmax(p_signal_mv, axis=0) - np.nanmin(p_signal_mv, axis=0)
    if not np.all(np.abs(ranges - 1) <= ONE_MV):
        return None
    factor = np.asarray(gains, np.float64) / STEPS_PER_MV
    first, second, third = (p_signal_mv[:, names.index(name)] * factor[names.index(name)] for name in EINTHOVEN)
    error = second - first - third
    size = float(np.nanstd(np.abs(first) + np.abs(second) + np.abs(third)))
    return factor if float(np.nanstd(error)) <= LAW_SHARE * size else None
