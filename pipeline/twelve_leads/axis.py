"""The electrical axis of P, QRS and T in the frontal plane, from net areas in leads I and aVF.

References
----------
Novosel D, Noll G, Luescher TF. Corrected formula for the calculation of the electrical heart axis. 1999.
PMID 10518868: the augmented lead counts 2 / sqrt(3) times.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, Literal

from pipeline.waves.shapes import LeadShape

AxisOf = Literal["P", "QRS", "T"]
AUGMENTED: Final = 2 / math.sqrt(3)
LEAST_MV_MS: Final[Mapping[AxisOf, float]] = {"P": 0.3, "QRS": 2.0, "T": 2.0}  # smaller areas point nowhere


def axis(shapes: Mapping[str, LeadShape]) -> dict[str, float]:
    """Return the axis of "P", "QRS" and "T", degrees, -180 < axis <= 180; what points nowhere is left out.

    Parameters
    ----------
    shapes : mapping of str to LeadShape
        By standard lead name; nothing is returned without I and aVF.
    """
    if not {"I", "aVF"} <= shapes.keys():
        return {}
    first, foot = shapes["I"], shapes["aVF"]
    areas: dict[AxisOf, tuple[float | None, float | None]] = {
        "P": (first.p_area, foot.p_area),
        "QRS": (first.qrs_area, foot.qrs_area),
        "T": (first.t_area, foot.t_area),
    }
    found: dict[str, float] = {}
    for name, (x, y) in areas.items():
        if x is not None and y is not None and math.hypot(x, AUGMENTED * y) >= LEAST_MV_MS[name]:
            found[name] = round(math.degrees(math.atan2(AUGMENTED * y, x)), 1)
    return found
