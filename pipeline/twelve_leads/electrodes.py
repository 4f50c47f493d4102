"""Statements on electrodes that may be swapped: in the limb leads, and in the order of the chest leads.

References
----------
Rudiger A, Hellermann JP, Mukherjee R, Follath F, Turina J. Electrocardiographic artifacts due to electrode
misplacement and their frequency in different clinical settings. 2007. doi:10.1016/j.ajem.2006.06.018
Batchvarov VN, Malik M, Camm AJ. Incorrect electrode cable connection during electrocardiographic recording. 2007.
doi:10.1093/europace/eum198
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.measurements import Statement
from pipeline.twelve_leads.facts import CHEST, Facts, statement
from pipeline.waves.shapes import LeadShape

LIMB_SOURCE: Final = "Batchvarov 2007"
FLAT_MV: Final = 0.1  # peak to peak, of a lead between the two legs
OTHERS_MV: Final = 0.2  # which the other limb leads then have
ONE_CURVE_MV: Final = 0.1  # by which waves of two augmented leads may differ if the lead between them was not measured
AUGMENTED: Final = {"I": ("aVR", "aVL"), "II": ("aVR", "aVF"), "III": ("aVL", "aVF")}  # which differ by 3/2 of the lead
P_MV: Final = 0.03
CHEST_MV: Final = 0.2  # peak to peak of the QRS: a chest lead with less may be noise, and is like no neighbour
CHEST_GAIN: Final = 0.35  # by which the likeness of neighbours grows, in all, if two of them change places


def electrode_statements(facts: Facts, chest: NDArray[np.floating] | None = None) -> list[Statement]:
    """Return which electrodes may be swapped.

    Parameters
    ----------
    facts : Facts
        The measured numbers.
    chest : (n_samples, 6) float, optional
        QRS of the usual beat in V1 to V6, mV.
    """
    if facts.paced or facts.ventricular:
        return []
    return [*(_right_leg(facts) or _limbs(facts)), *_chest(chest)]


def _right_leg(facts: Facts) -> list[Statement]:
    """Return that a leg's electrode is on an arm: the lead between the legs is flat, and the other two are one lead."""
    shapes = {name: facts.shapes.get(name, LeadShape()) for name in ("I", "II", "III")}
    swing = {name: shape.swing_mv for name, shape in shapes.items()}
    flat = min(swing, key=lambda name: swing[name])
    first, second = (shape for name, shape in shapes.items() if name != flat)
    if swing[flat] >= FLAT_MV or min(first.swing_mv, second.swing_mv) <= OTHERS_MV:
        return []
    if flat not in facts.shapes and not _is_one_curve(facts, *AUGMENTED[flat]):
        return []  # it was not recorded, or is a dead channel
    which = {"II": "right arm and right leg", "III": "left arm and right leg", "I": "both arms and legs"}[flat]
    seen = f"{swing[flat]:.2f} mV peak to peak" if flat in facts.shapes else "too flat to be measured"
    numbers = f"lead {flat} {seen}, the others over {OTHERS_MV:g} mV"
    return [_swap("SWAP-RL", f"The electrodes of {which} may be swapped.", numbers)]


def _is_one_curve(facts: Facts, *leads: str) -> bool:
    """Tell whether P, QRS and T of two leads are the same: the lead between their electrodes is flat then.

    Areas of the QRS alone do not tell: at an axis of 30 degrees those of I and II are equal in any heart.
    """
    if not facts.has(*leads):
        return False
    one, other = (facts.shapes[lead] for lead in leads)
    pairs = ((one.r_mv, other.r_mv), (one.depth_mv, other.depth_mv), (one.p_mv, other.p_mv), (one.t_mv, other.t_mv))
    return all(abs((a or 0.0) - (b or 0.0)) < ONE_CURVE_MV for a, b in pairs)


def _limbs(facts: Facts) -> list[Statement]:
    if not facts.has("I", "II", "III", "aVR", "aVF"):
        return []
    right, foot = facts.shapes["aVR"], facts.shapes["aVF"]
    chest = facts.shapes.get("V6") or facts.shapes.get("V5")
    p = {name: facts.shapes[name].p_mv or 0.0 for name in ("I", "II", "aVR")}
    down = {name: (facts.shapes[name].qrs_area or 0.0) < 0 for name in ("I", "II", "aVR")}
    seen = "V6" if "V6" in facts.shapes else "V5"
    upright = chest is not None and (chest.qrs_area or 0.0) > 0
    # A swap turns P over in the lead between its electrodes: of I and II, that one has the most negative P then.
    turned = min(("I", "II"), key=lambda name: p[name])
    avr_up = {"T": (right.t_mv or 0.0) > 0, "P": p["aVR"] >= P_MV}
    turned_over = p["II"] <= -P_MV and down["II"] and not down["aVR"] and (foot.qrs_area or 0.0) < 0
    if turned == "II" and turned_over and any(avr_up.values()):
        wave = next(name for name, is_up in avr_up.items() if is_up)
        numbers = f"P {p['II']:.2f} mV and QRS negative in II, QRS and {wave} positive in aVR"
        return [_swap("SWAP-RA-LL", "The electrodes of right arm and left leg may be swapped.", numbers)]
    if turned == "I" and p["I"] <= -P_MV and down["I"] and upright:
        numbers = f"P {p['I']:.2f} mV and QRS negative in I, QRS positive in {seen}"
        return [_swap("SWAP-RA-LA", "The electrodes of both arms may be swapped.", numbers)]
    return []


def _swap(code: str, text: str, numbers: str) -> Statement:
    return statement(code, "technical", text, numbers, LIMB_SOURCE)


def _chest(chest: NDArray[np.floating] | None) -> list[Statement]:
    if chest is None or not np.isfinite(chest).all() or chest.shape[0] < 10:
        return []
    if np.ptp(chest, axis=0).min() < CHEST_MV:
        return []
    best, pair = 0.0, None
    for a, b in (*pairwise(range(len(CHEST))), *zip(range(4), range(2, 6), strict=True)):
        order = list(range(len(CHEST)))
        order[a], order[b] = b, a
        gain = _likeness(chest[:, order]) - _likeness(chest)
        if gain > best:
            best, pair = gain, (a, b)
    if pair is None or best < CHEST_GAIN:
        return []
    first, second = (CHEST[i] for i in pair)
    numbers = f"neighbouring chest leads are {best:.2f} more alike if {first} and {second} change places"
    text = f"The electrodes {first} and {second} may be swapped."
    return [
        statement(f"SWAP-{first}-{second}", "technical", text, numbers, "order of the chest leads by their likeness")
    ]


def _likeness(chest: NDArray[np.floating]) -> float:
    """Return the sum of the likeness of neighbours, 1 each for equal curves: shape and size both count."""
    pairs = [(chest[:, i], chest[:, i + 1]) for i in range(chest.shape[1] - 1)]
    return sum(1 - float(np.square(a - b).sum() / (np.square(a).sum() + np.square(b).sum() + 1e-9)) for a, b in pairs)
