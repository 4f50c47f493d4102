"""The electrical axis of P, QRS and T in the frontal plane, from net areas in leads I and aVF.

References
----------
Novosel D, Noll G, Luescher TF. Corrected formula for the calculation of the electrical heart axis. 1999.
PMID 10518868: the augmented lead counts 2 / sqrt(3) times.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from types import MappingProxyType
from typing import Final, Literal

import numpy as np

from pipeline.twelve_leads.derived_leads import FROM_I_AND_II
from pipeline.waves.shapes import LeadShape

AxisOf = Literal["P", "QRS", "T"]
AUGMENTED: Final = 2 / math.sqrt(3)
LEAST_MV_MS: Final[Mapping[AxisOf, float]] = MappingProxyType({"P": 0.3, "QRS": 2.0, "T": 2.0})  # less points nowhere
LIMB: Final = MappingProxyType({"I": (1.0, 0.0), **FROM_I_AND_II, "II": (0.0, 1.0)})  # as sums of I and II


def axis(shapes: Mapping[str, LeadShape]) -> dict[str, float]:
    """Return the axis of "P", "QRS" and "T", degrees, -180 < axis <= 180; what points nowhere is left out.

    Parameters
    ----------
    shapes : mapping of str to LeadShape
        By standard lead name. I and aVF are used, or what follows for them from any two limb leads.

    Examples
    --------
    >>> axis({"I": LeadShape(qrs_area=20.0), "II": LeadShape(qrs_area=20.0)})
    {'QRS': 30.0}
    """
    found: dict[str, float] = {}
    for name, least in LEAST_MV_MS.items():
        areas = {lead: area for lead in LIMB if (area := _area(shapes.get(lead), name)) is not None}
        if (point := _in_frontal_plane(areas)) is not None and math.hypot(*point) >= least:
            found[name] = round(math.degrees(math.atan2(point[1], point[0])), 1)
    return found


def _area(shape: LeadShape | None, name: AxisOf) -> float | None:
    return None if shape is None else {"P": shape.p_area, "QRS": shape.qrs_area, "T": shape.t_area}[name]


def _in_frontal_plane(areas: Mapping[str, float]) -> tuple[float, float] | None:
    """Return the net area to the left and downwards; None with fewer than two limb leads."""
    if {"I", "aVF"} <= areas.keys():
        return areas["I"], AUGMENTED * areas["aVF"]
    pair = next(combinations(areas, 2), None)
    if pair is None:
        return None
    first, second = np.linalg.solve([LIMB[lead] for lead in pair], [areas[lead] for lead in pair]).tolist()
    return first, AUGMENTED * (second - first / 2)
