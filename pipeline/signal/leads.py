"""Choice of the one or two leads that are analysed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from pipeline.errors import SignalError
from pipeline.signal.lead_names import is_known_lead, is_other_signal, plain_name

# The leads in which P wave and QRS are usually clearest come first; names as in WFDB headers, upper case.
FIRST_LEADS: Final = ("MLII", "II", "ML2", "I", "MLI", "V5", "V4", "V6", "MLIII", "III", "AVF", "V2", "V1")
SECOND_LEADS: Final = ("V1", "MV1", "V2", "V5", "V4", "V6", "V3", "I", "AVF", "III", "AVL", "AVR")
# First and second leads of the training data (MIT-BIH, DS1).
TRAINED_LEADS: Final = frozenset({"MLII", "II", "V1", "V2", "V4", "V5"})
# The leads in which the QRS of most hearts points up; it points down in V1, aVR and the right-sided leads, and may in
# III, aVL, V2 and V3. MCL1, MV1 and MV2 are what monitors record in place of V1 and V2, and CM1 and CM2 what Holter
# recorders do; C1 to C3 are V1 to V3 in the names of IEC 60601-2-25.
UPRIGHT_LEADS: Final = frozenset({"MLII", "II", "ML2", "I", "MLI", "V4", "V5", "V6"})
EITHER_WAY_LEADS: Final = frozenset(
    (
        *("V1", "MV1", "MCL1", "CM1", "V2", "MV2", "CM2", "V3", "AVR", "AVL", "AVF", "III", "MLIII"),
        *("C1", "C2", "C3"),
        *("V1R", "V2R", "V3R", "V4R", "V5R", "V6R"),
    )
)
READABLE_SHARE: Final = 0.5  # of what the longest recorded lead has: a lead that has less is lost ...
SECOND_SHARE: Final = 0.1  # ... and as a second lead, one that has less than this


def choose_leads(
    leads: Sequence[str], requested: Sequence[str] | None = None, readable: Mapping[str, float] | None = None
) -> tuple[str, ...]:
    """Choose one or two leads to analyse, the best for P waves and QRS first.

    A signal whose name says that it is no ECG, such as respiration, is never chosen unless it is requested, and a lead
    that is named as an ECG comes before one whose name says nothing.

    Parameters
    ----------
    leads : sequence of str
        The recording's leads, in order.
    requested : sequence of str, optional
        One or two names chosen by the user; they win.
    readable : mapping of str to float, optional
        The share of the recording in which each lead holds a signal. Leads that are lost are passed over.

    Raises
    ------
    SignalError
        If a requested lead is not in the recording, other than one or two are requested, or none is an ECG by its name.

    Examples
    --------
    >>> choose_leads(["V5", "V2", "II"])
    ('II', 'V2')
    >>> choose_leads(["V5", "V2", "II"], readable={"V5": 1.0, "V2": 1.0, "II": 0.2})
    ('V5', 'V2')
    >>> choose_leads(["RESP", "ECG"])
    ('ECG',)
    """
    if requested is not None:
        return _checked(leads, tuple(requested))
    share, recorded = readable or {}, leads
    leads = [lead for lead in recorded if not is_other_signal(lead)]
    if not leads:
        raise SignalError(f"No lead is an ECG by its name ({', '.join(map(repr, recorded))}); choose one yourself.")
    best = max(share.get(lead, 1.0) for lead in leads)
    living = [lead for lead in leads if share.get(lead, 1.0) >= READABLE_SHARE * best]
    first = _best(living, FIRST_LEADS)
    rest = [lead for lead in leads if lead != first and share.get(lead, 1.0) >= SECOND_SHARE * best]
    return (first, _best(rest, SECOND_LEADS)) if rest else (first,)


def may_look_inverted(lead: str, *, first: bool) -> bool:
    """Tell whether a QRS that points down in this lead is worth a notice.

    Parameters
    ----------
    lead : str
        Name of the lead.
    first : bool
        Whether it is the first of the analysed leads; the second is noticed only if its name is known to point up.
    """
    name = plain_name(lead).upper()
    return name in UPRIGHT_LEADS or (first and name not in EITHER_WAY_LEADS)


def _checked(leads: Sequence[str], requested: tuple[str, ...]) -> tuple[str, ...]:
    if not 1 <= len(requested) <= 2:
        raise SignalError(f"{len(requested)} leads were chosen; choose one or two.")
    if missing := [lead for lead in requested if lead not in leads]:
        raise SignalError(f"The recording has no lead {missing[0]!r}; it has {', '.join(map(repr, leads))}.")
    return requested


def _best(leads: Sequence[str], order: tuple[str, ...]) -> str:
    rank = {name: i for i, name in enumerate(order)}
    return min(leads, key=lambda lead: rank.get(plain_name(lead).upper(), len(order) + (not is_known_lead(lead))))
