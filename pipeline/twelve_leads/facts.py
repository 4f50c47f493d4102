"""What statements are made from: the measured numbers of one ECG, and what the patient's file says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from pipeline.identity import Sex
from pipeline.measurements import Spread, Statement
from pipeline.types import Episode
from pipeline.waves.shapes import LeadShape

# Pairs of leads that look at neighbouring parts of the heart: chest leads side by side, limb leads by 30 degrees.
CHEST: Final = ("V1", "V2", "V3", "V4", "V5", "V6")
INFERIOR: Final = ("II", "III", "aVF")
NEIGHBOURS: Final = (
    *pairwise(CHEST),
    *(("I", "aVL"), ("II", "aVF"), ("aVF", "III"), ("II", "III")),
)
LIMB: Final = ("I", "II", "III", "aVR", "aVL", "aVF")
TERRITORIES: Final[Mapping[str, tuple[str, ...]]] = {
    "anterior": ("V1", "V2", "V3", "V4"),
    "lateral": ("I", "aVL", "V5", "V6"),
    "inferior": INFERIOR,
}


@dataclass(frozen=True)
class Facts:
    """The numbers that criteria read.

    Attributes
    ----------
    shapes : mapping of str to LeadShape
        The usual beat by standard lead name, calibrated leads only.
    intervals : mapping of str to Spread
        "RR", "P", "PR", "QRS", "QT", milliseconds.
    axis_deg : mapping of str to float
        "P", "QRS", "T".
    qtc_ms, qtc_bazett_ms : float or None
        By the formula in use, and by Bazett's.
    rate_bpm : float or None
        From the median RR interval of all beats.
    rhythm : tuple of Episode
        In order.
    duration_s : float
        Of the recording.
    pr_segment_ms : float or None
        From the end of P to the QRS.
    age_years : int or None
        Where known.
    sex : "F", "M" or None
        Where known.
    ectopic : mapping of str to int
        Number of "V" and "S" beats.
    p_share : float or None
        Share of the usual beats before which a P wave was marked; None with too few beats.
    irregularity : float or None
        Root mean square of successive differences of RR between usual beats, over their mean; None with too few.
    suspicion : float or None
        The higher of the probabilities of MI and STTC; None without the eight independent leads.
    """

    shapes: Mapping[str, LeadShape] = field(default_factory=dict)
    intervals: Mapping[str, Spread] = field(default_factory=dict)
    axis_deg: Mapping[str, float] = field(default_factory=dict)
    qtc_ms: float | None = None
    qtc_bazett_ms: float | None = None
    rate_bpm: float | None = None
    rhythm: tuple[Episode, ...] = ()
    duration_s: float = 0.0
    pr_segment_ms: float | None = None
    age_years: int | None = None
    sex: Sex | None = None
    ectopic: Mapping[str, int] = field(default_factory=dict)
    p_share: float | None = None
    irregularity: float | None = None
    suspicion: float | None = None

    def median(self, interval: str) -> float | None:
        """Return the median of an interval, milliseconds; None where not measured."""
        return self.intervals[interval].median if interval in self.intervals else None

    def seconds(self, *codes: str) -> float:
        """Return how long the rhythms of these codes last together."""
        return sum(episode.seconds for episode in self.rhythm if episode.rhythm in codes)

    def has(self, *leads: str) -> bool:
        """Tell whether all of these leads were measured."""
        return self.shapes.keys() >= set(leads)

    def unread_neighbours(self, lead: str) -> tuple[str, ...]:
        """Return the neighbours of a lead that were not measured, in the order of a page."""
        beside = {name for pair in NEIGHBOURS if lead in pair for name in pair} - {lead}
        return tuple(name for name in (*LIMB, *CHEST) if name in beside and not self.has(name))

    def contiguous(self, leads: Iterable[str]) -> tuple[str, ...]:
        """Return those of the leads that have a neighbour among them, in the order of a page.

        Where a chest lead was not measured, those on both sides of it are neighbours.
        """
        there = set(leads)
        across = ((a, b) for a, lost, b in zip(CHEST, CHEST[1:], CHEST[2:], strict=False) if not self.has(lost))
        kept = {lead for pair in (*NEIGHBOURS, *across) if set(pair) <= there for lead in pair}
        return tuple(lead for lead in (*LIMB, *CHEST) if lead in kept)

    @property
    def paced(self) -> bool:
        """Whether a pacemaker makes the usual beat."""
        return self.seconds("P") > self.duration_s / 2

    @property
    def ventricular(self) -> bool:
        """Whether most of the recording is a rhythm of the ventricles, of which no criterion for usual beats holds."""
        return self.seconds("VT", "IVR", "VFL", "ASYS") > self.duration_s / 2


def statement(code: str, group: str, text: str, numbers: str, source: str, *, urgent: bool = False) -> Statement:
    """Return a statement whose evidence is its numbers with the source of the criterion.

    Parameters
    ----------
    code, group, text : str
        As in `Statement`.
    numbers : str
        What was measured.
    source : str
        Whose criterion it is.
    urgent : bool, optional
        Whether someone must look at once.
    """
    return Statement(code, group, text, f"{numbers} ({source})", urgent)


def territory(leads: Sequence[str]) -> tuple[str, str]:
    """Return the code and the name of the part of the heart that most of the leads look at.

    Examples
    --------
    >>> territory(("II", "III", "aVF")), territory(("V4", "V5", "V6"))
    (('INF', 'inferior'), ('LAT', 'lateral'))
    """
    count = {name: len(set(leads) & set(members)) for name, members in TERRITORIES.items()}
    found = [name for name, number in count.items() if number]
    best = max(count, key=lambda name: count[name])
    if count["anterior"] and count["lateral"] and len(found) == 2 and min(count["anterior"], count["lateral"]) > 1:
        return "ANT", "anterolateral"
    return best[:3].upper(), best


def listed(values: Mapping[str, float], unit: str = "mV") -> str:
    """Return numbers by lead as a phrase: V2 0.21, V3 0.34 mV."""
    digits = 2 if unit == "mV" else 0
    return ", ".join(f"{lead} {value:.{digits}f}" for lead, value in values.items()) + f" {unit}"
