"""All statements that an ECG's numbers support, the urgent ones first, and all that was looked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.measurements import Statement
from pipeline.twelve_leads.conduction import conduction_statements, is_lbbb, is_pre_excited, is_wide
from pipeline.twelve_leads.derived_leads import TWELVE_LEADS
from pipeline.twelve_leads.electrodes import electrode_statements
from pipeline.twelve_leads.facts import Facts
from pipeline.twelve_leads.ischaemia import LEADS_MIN, ischaemia_statements
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
SINUS_SHARE_MIN: Final = 0.9  # of a recording that is called normal
RHYTHM: Final = ("rate and rhythm", "ectopic beats", "a paced rhythm")
LIMBS: Final = ("axis", "fascicular block", "swapped limb electrodes", "low voltage in limb leads")
SEVERAL: Final = "ST elevation and depression, T inversion and Q waves in neighbouring leads"
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


# What a left bundle branch block hides, and what a second way past the AV node does.
UNSEEN_IN_LBBB: Final = frozenset(
    {
        *("fascicular block", "voltage of left and right ventricular hypertrophy", "pathological Q waves"),
        *("ST depression", "posterior infarction", "flat T waves"),
    }
)
UNSEEN_IN_WPW: Final = frozenset(
    {
        *(UNSEEN_IN_LBBB | {"bundle branch block", "low voltage", "low voltage in limb leads"}),
        *("ST elevation", "T wave inversion"),
    }
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
    """Return what the statements looked for, given the leads, the rhythm and the intervals that were measured."""
    if facts.rate_bpm is None:
        return RHYTHM[:1]
    if facts.paced or facts.ventricular:
        return RHYTHM
    degrees = "any degree" if facts.median("PR") is not None else "second and third degree"
    qt = ("long and short QT",) if facts.qtc_ms is not None else ()
    return (*RHYTHM, f"AV block of {degrees}", *qt, *_in_leads(facts))


def not_measured(facts: Facts) -> tuple[str, ...]:
    """Return the leads of twelve that were not measured; none where fewer than three were, which watch a rhythm."""
    if len(facts.shapes) < LEADS_MIN:
        return ()
    return tuple(lead for lead in TWELVE_LEADS if lead not in facts.shapes)


def _in_leads(facts: Facts) -> tuple[str, ...]:
    """Return what the shape of the leads was read for; what the QRS hides is left out."""
    before, left = is_pre_excited(facts), is_lbbb(facts) and is_wide(facts)
    unseen: frozenset[str] = UNSEEN_IN_WPW if before else UNSEEN_IN_LBBB if left else frozenset()
    if facts.has(*TWELVE_LEADS):
        names = (*(name for name in LIMBS if not name.startswith("low")), *ALL)
    else:
        limbs = LIMBS if facts.has("I", "II", "III", "aVR", "aVL", "aVF") else ()
        several = len(facts.shapes) >= LEADS_MIN and not unseen
        names = (*limbs, *((SEVERAL,) if several else ()))
    return tuple(name for name in names if name not in unseen)


def _normal(facts: Facts, found: list[Statement], diagnosis: Mapping[str, float]) -> list[Statement]:
    """Return "normal ECG" where all twelve leads were read, nothing was found, and NORM is near certain."""
    probability = diagnosis.get("NORM", 0.0)
    odd = [one for one in found if one.code not in HARMLESS]
    read = facts.has(*TWELVE_LEADS) and {"PR", "QRS", "QT"} <= facts.intervals.keys() and facts.qtc_ms is not None
    sinus = facts.seconds("N") >= SINUS_SHARE_MIN * facts.duration_s
    if odd or not read or not sinus or probability < NORMAL_MIN:
        return []
    evidence = f"twelve leads read, none of what was looked for found, probability of NORM {probability:.2f}"
    return [Statement("NORM", "normal", "Normal ECG.", evidence)]
