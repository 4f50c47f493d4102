"""All statements that an ECG's numbers support, the urgent ones first, and all that was looked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.measurements import Statement
from pipeline.twelve_leads.conduction import conduction_statements
from pipeline.twelve_leads.derived_leads import TWELVE_LEADS
from pipeline.twelve_leads.electrodes import electrode_statements
from pipeline.twelve_leads.facts import Facts
from pipeline.twelve_leads.ischaemia import ischaemia_statements
from pipeline.twelve_leads.rhythm_statements import rhythm_statements
from pipeline.twelve_leads.voltages import voltage_statements

GROUPS: Final = (
    "infarction",
    "rhythm",
    "conduction",
    "ST-T",
    "hypertrophy",
    "axis",
    "nonspecific",
    "technical",
    "normal",
)
HARMLESS: Final = frozenset({"SR"})  # what may stand beside "normal"
NORMAL_MIN: Final = 0.9  # the calibrated probability of NORM from which an ECG without finding is called normal
ANY: Final = ("rate and rhythm", "ectopic beats", "a paced rhythm", "AV block of any degree", "long and short QT")
LIMBS: Final = ("axis", "fascicular block", "swapped limb electrodes", "low voltage in limb leads")
ALL: Final = (
    *("bundle branch block", "pre-excitation", "voltage of left and right ventricular hypertrophy", "low voltage"),
    *(
        "pathological Q waves",
        "ST elevation",
        "ST depression",
        "posterior infarction",
        "T wave inversion",
        "flat T waves",
    ),
    "swapped chest electrodes",
)


def all_statements(
    facts: Facts, chest: NDArray[np.floating] | None = None, diagnosis: Mapping[str, float] | None = None
) -> tuple[Statement, ...]:
    """Return the statements, urgent ones first, then by group.

    Parameters
    ----------
    facts : Facts
        The measured numbers.
    chest : (n_samples, 6) float, optional
        QRS of the usual beat in V1 to V6, mV.
    diagnosis : mapping of str to float, optional
        Calibrated probabilities of the superclasses; without NORM nothing is called normal.
    """
    found = [
        *rhythm_statements(facts),
        *conduction_statements(facts),
        *voltage_statements(facts),
        *ischaemia_statements(facts),
        *electrode_statements(facts, chest),
    ]
    found += _normal(facts, found, diagnosis or {})
    return tuple(sorted(found, key=lambda one: (not one.urgent, GROUPS.index(one.group))))


def looked_for(facts: Facts) -> tuple[str, ...]:
    """Return what the statements looked for, given the leads that were measured."""
    if facts.has(*TWELVE_LEADS):
        return (*ANY, *(name for name in LIMBS if not name.startswith("low")), *ALL)
    limbs = LIMBS if facts.has("I", "II", "III", "aVR", "aVL", "aVF") else ()
    several = (
        ("ST elevation and depression, T inversion and Q waves in neighbouring leads",) if len(facts.shapes) > 2 else ()
    )
    return (*ANY, *limbs, *several)


def _normal(facts: Facts, found: list[Statement], diagnosis: Mapping[str, float]) -> list[Statement]:
    """Return "normal ECG" where all twelve leads were read, nothing was found, and NORM is near certain."""
    probability = diagnosis.get("NORM", 0.0)
    odd = [one for one in found if one.code not in HARMLESS]
    read = facts.has(*TWELVE_LEADS) and {"PR", "QRS", "QT"} <= facts.intervals.keys() and facts.qtc_ms is not None
    if odd or not read or probability < NORMAL_MIN:
        return []
    evidence = f"twelve leads read, none of what was looked for found, probability of NORM {probability:.2f}"
    return [Statement("NORM", "normal", "Normal ECG.", evidence)]
