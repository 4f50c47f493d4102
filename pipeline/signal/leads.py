"""Choice of the one or two leads that are analysed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pipeline.errors import SignalError

# The leads in which P wave and QRS are usually clearest come first; names as in WFDB headers, upper case.
FIRST_LEADS: Final = ("MLII", "II", "ML2", "I", "MLI", "V5", "V4", "V6", "MLIII", "III", "AVF", "V2", "V1")
SECOND_LEADS: Final = ("V1", "MV1", "V2", "V5", "V4", "V6", "V3", "I", "AVF", "III", "AVL", "AVR")
# First and second leads of the training data (MIT-BIH, DS1).
TRAINED_LEADS: Final = frozenset({"MLII", "II", "V1", "V2", "V4", "V5"})


def choose_leads(leads: Sequence[str], requested: Sequence[str] | None = None) -> tuple[str, ...]:
    """Choose one or two leads to analyse, the best for P waves and QRS first.

    Parameters
    ----------
    leads : sequence of str
        The recording's leads, in order.
    requested : sequence of str, optional
        One or two names chosen by the user; they win.

    Raises
    ------
    SignalError
        If a requested lead is not in the recording, or other than one or two are requested.

    Examples
    --------
    >>> choose_leads(["V5", "V2", "II"])
    ('II', 'V2')
    """
    if requested is not None:
        return _checked(leads, tuple(requested))
    first = _best(leads, FIRST_LEADS)
    rest = [lead for lead in leads if lead != first]
    return (first, _best(rest, SECOND_LEADS)) if rest else (first,)


def _checked(leads: Sequence[str], requested: tuple[str, ...]) -> tuple[str, ...]:
    if not 1 <= len(requested) <= 2:
        raise SignalError(f"{len(requested)} leads were chosen; choose one or two.")
    if missing := [lead for lead in requested if lead not in leads]:
        raise SignalError(f"The recording has no lead {missing[0]!r}; it has {', '.join(map(repr, leads))}.")
    return requested


def _best(leads: Sequence[str], order: tuple[str, ...]) -> str:
    rank = {name: i for i, name in enumerate(order)}
    return min(leads, key=lambda lead: rank.get(lead.upper(), len(order)))
