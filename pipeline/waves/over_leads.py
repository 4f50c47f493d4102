"""Marks over all leads: the earliest onset and the latest end, without outliers.

References
----------
CSE Working Party. Recommendations for measurement standards in quantitative electrocardiography. Eur Heart J
1985;6:815-825: the onset of a wave is the earliest, its end the latest in any of the leads recorded at once. As in the
CSE reference library, a lead that no other one supports does not decide.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.measurements import WAVE_MARKS

LEADS_MIN: Final = 3  # with fewer there are no outliers
TRIMMED: Final = 0.1  # of the leads, those with the outermost marks
FAR_S: Final = {"p": 0.06, "qrs": 0.04, "t": 0.1}  # from the median over leads
SHARE_MIN: Final = 0.25  # of the marked leads must show a wave


def over_leads(marks: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the marks (k, 9) over all leads from those in each (k, n_leads, 9), seconds; NaN as there.

    The earliest onset, the median peak and the latest end; of three leads or more, marks far from the median and the
    outermost tenth do not count. A wave that fewer than a quarter of the leads show is not there.
    """
    out = np.full((len(marks), len(WAVE_MARKS)), np.nan)
    with_qrs = np.isfinite(marks[:, :, WAVE_MARKS.index("qrs_peak")]).sum(axis=1)
    for j, name in enumerate(WAVE_MARKS):
        wave, kind = name.split("_")
        some = np.isfinite(marks[:, :, j]).sum(axis=1) >= np.maximum(1, SHARE_MIN * with_qrs)
        if some.any():
            share = {"on": TRIMMED, "peak": 0.5, "off": 1 - TRIMMED}[kind]
            out[some, j] = _quantile(marks[some, :, j], share, FAR_S[wave])
    return out


def _quantile(values: NDArray[np.float64], share: float, far: float) -> NDArray[np.float64]:
    if values.shape[1] < LEADS_MIN:
        return np.asarray(
            np.nanquantile(values, round(share), axis=1) if share != 0.5 else np.nanmedian(values, axis=1)
        )
    middle = np.nanmedian(values, axis=1, keepdims=True)
    near = np.where(np.abs(values - middle) <= far, values, np.nan)
    near = np.where(np.isfinite(near).any(axis=1, keepdims=True), near, middle)
    return np.asarray(np.nanquantile(near, share, axis=1))
