"""What rhythms are called: one table of names, short names and codes, the most urgent first, for pages and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.types import Episode, RhythmCode


@dataclass(frozen=True)
class RhythmName:
    """What a rhythm is called.

    Attributes
    ----------
    name, short : str
        In lists and reports, and where there is little room.
    snomed : str
        The SNOMED CT concept that says exactly the same; "" without one.
    """

    name: str
    short: str
    snomed: str = ""


# The concepts are those by which the PhysioNet/CinC Challenge of 2020 names what an ECG shows
# (doi:10.1088/1361-6579/abc960). Asystole may be a pause here, and noise is no rhythm: they have none.
RHYTHM_NAMES: Final[Mapping[RhythmCode, RhythmName]] = MappingProxyType(
    {
        "VFL": RhythmName("Ventricular fibrillation or flutter", "VF/VFL"),
        "ASYS": RhythmName("Asystole or pause", "asystole or pause"),
        "VT": RhythmName("Ventricular tachycardia", "VT", "164895002"),
        "BIII": RhythmName("Complete AV block", "complete block", "27885002"),
        "BII": RhythmName("Second-degree AV block", "2nd-degree block", "195042002"),
        "AFIB": RhythmName("Atrial fibrillation", "AF", "164889003"),
        "AFL": RhythmName("Atrial flutter", "flutter", "164890007"),
        "SVTA": RhythmName("Supraventricular tachycardia", "SVT", "426761007"),
        "IVR": RhythmName("Idioventricular rhythm", "idioventricular", "49260003"),
        "NOD": RhythmName("Junctional rhythm", "junctional", "29320008"),
        "P": RhythmName("Paced rhythm", "paced", "10370003"),
        "B": RhythmName("Ventricular bigeminy", "bigeminy", "11157007"),
        "T": RhythmName("Ventricular trigeminy", "trigeminy", "251180001"),
        "BI": RhythmName("First-degree AV block", "1st-degree block", "270492004"),
        "SBR": RhythmName("Sinus bradycardia", "sinus brady", "426177001"),
        "ST": RhythmName("Sinus tachycardia", "sinus tachy", "427084000"),
        "NOISE": RhythmName("Unreadable", "unreadable"),
        "N": RhythmName("Sinus rhythm", "sinus", "426783006"),
    }
)

# By the code and what the detail begins with, in lower case.
_DETAILED: Final[Mapping[tuple[RhythmCode, str], RhythmName]] = MappingProxyType(
    {
        ("ASYS", "pause"): RhythmName("Pause", "pause"),
        ("ASYS", "asystole"): RhythmName("Asystole", "asystole"),
        ("VFL", "vf"): RhythmName("Ventricular fibrillation", "VF", "164896001"),
        ("VFL", "vfl"): RhythmName("Ventricular flutter", "VFL", "111288001"),
        ("BII", "wenckebach"): RhythmName("Wenckebach AV block", "Wenckebach", "54016002"),
        ("BII", "2:1"): RhythmName("2:1 AV block", "2:1 block", "195042002"),
        ("BII", "high"): RhythmName("High-degree AV block", "high-degree block", "195042002"),
        ("BII", "mobitz"): RhythmName("Mobitz type II AV block", "Mobitz II", "28189009"),
    }
)
_SINUS: Final = frozenset[RhythmCode]({"N", "SBR", "ST", "B", "T", "BI"})


def rhythm_name(episode: Episode) -> RhythmName:
    """Return what an episode is called; its detail may say it more exactly than its code.

    Examples
    --------
    >>> rhythm_name(Episode(0.0, 9.0, "VFL", "VF")).name, rhythm_name(Episode(0.0, 9.0, "P", "dual chamber")).name
    ('Ventricular fibrillation', 'Paced rhythm, dual chamber')
    """
    usual, detail = RHYTHM_NAMES[episode.rhythm], episode.detail.strip()
    fitting = [key for key in _DETAILED if key[0] == episode.rhythm and detail.lower().startswith(key[1])]
    if fitting:
        return _DETAILED[max(fitting, key=lambda key: len(key[1]))]
    return RhythmName(f"{usual.name}, {detail}", usual.short, usual.snomed) if detail else usual


@dataclass(frozen=True)
class RhythmTime:
    """How much of a recording one rhythm takes.

    Attributes
    ----------
    rhythm : RhythmCode
        Which rhythm.
    called : RhythmName
        What it is called: as exactly as all its episodes are, if they agree.
    seconds : float
        How long it lasts in all.
    share : float
        Of the time that the episodes cover, 0..1.
    longest : Episode
        Its longest episode, of equals the first.
    count : int
        How many episodes it has.
    """

    rhythm: RhythmCode
    called: RhythmName
    seconds: float
    share: float
    longest: Episode
    count: int


def rhythm_times(episodes: Sequence[Episode]) -> tuple[RhythmTime, ...]:
    """Return how long each rhythm that occurs lasts, in the order of `RHYTHM_NAMES`."""
    total = sum(episode.seconds for episode in episodes) or 1.0
    found = []
    for rhythm in RHYTHM_NAMES:
        own = [episode for episode in episodes if episode.rhythm == rhythm]
        if own:
            seconds = sum(episode.seconds for episode in own)
            longest = max(own, key=lambda episode: episode.seconds)
            names = {rhythm_name(episode) for episode in own}
            called = names.pop() if len(names) == 1 else RHYTHM_NAMES[rhythm]
            found.append(RhythmTime(rhythm, called, seconds, seconds / total, longest, len(own)))
    return tuple(found)


def episode_at(episodes: Sequence[Episode], time_s: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the index into `episodes`, which cover the recording in order, for each of the times (n,), in seconds."""
    stops = np.array([episode.stop_s for episode in episodes])
    return np.minimum(np.searchsorted(stops, time_s, side="right"), max(0, stops.size - 1))


def in_sinus(episodes: Sequence[Episode], time_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell for each of the times (n,), in seconds, whether the sinus node leads; True everywhere without episodes."""
    if not episodes:
        return np.ones(time_s.size, np.bool_)
    return np.array([episode.rhythm in _SINUS for episode in episodes])[episode_at(episodes, time_s)]
