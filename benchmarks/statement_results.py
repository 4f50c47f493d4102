"""What the benchmarks of single statements write."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline._util.provenance import Provenance


@dataclass(frozen=True)
class ElevationRule:
    """How often ST elevation is said under a rule: in all, stated as acute, of any age; and stated records not said."""

    said: int
    acute: int
    any_age: int
    missed: tuple[str, ...]


@dataclass(frozen=True)
class Elevation:
    """A st_elevation.json: rules by name, on the records that choices may see and on all."""

    provenance: Provenance
    records: Mapping[str, int]
    choices: Mapping[str, ElevationRule]
    every: Mapping[str, ElevationRule]


@dataclass(frozen=True)
class SwapWay:
    """A way to tell left arm and left leg exchanged: area under the ROC, and the share found at so many false ones."""

    auc: float
    found_at: Mapping[str, float]


@dataclass(frozen=True)
class Swaps:
    """An electrode_swaps.json.

    `flat` counts recordings made with the right arm's electrode on the right leg: those of which it is said, of them as
    they are, and all.
    """

    provenance: Provenance
    records: int
    limits: Mapping[str, tuple[int, int]]
    ways: Mapping[str, SwapWay]
    flat: Mapping[str, int]
    flat_limb_leads: int
