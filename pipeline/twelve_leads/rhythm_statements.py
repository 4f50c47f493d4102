"""Statements on rate and rhythm: what the episodes of a recording say, the urgent ones apart."""

from __future__ import annotations

from typing import Final

from pipeline.measurements import Statement
from pipeline.rhythm_names import rhythm_name
from pipeline.twelve_leads.facts import Facts, statement
from pipeline.types import Episode
from pipeline.wording import duration

CODES: Final = {
    **{"N": "SR", "AFIB": "AFIB", "AFL": "AFLT", "SVTA": "SVT", "NOD": "JUNC"},
    **{"B": "BIGU", "T": "TRIGU", "VT": "VT", "IVR": "IVR", "VFL": "VF", "ASYS": "ASYS", "BII": "2AVB"},
    **{"BIII": "3AVB", "P": "PACE"},
}
CONDUCTION: Final = frozenset({"BII", "BIII"})
SINUS: Final = ("N", "SBR", "ST", "BI", "B", "T")
URGENT: Final = frozenset({"VT", "VFL", "BIII", "ASYS"})
SLOW_BPM, FAST_BPM, URGENT_SLOW_BPM, URGENT_FAST_BPM = 60.0, 100.0, 35.0, 180.0
SOURCE: Final = "rhythm analysis of HeartVision"
RATE_SOURCE: Final = "ACC/AHA/HRS 2018"


def rhythm_statements(facts: Facts) -> list[Statement]:
    """Return a statement for each rhythm that occurs, the rate, and ectopic beats."""
    found = [_rhythm(code, facts) for code in dict.fromkeys(episode.rhythm for episode in facts.rhythm)]
    return [*(one for one in found if one is not None), *_rate(facts), *_ectopic(facts)]


def _rhythm(code: str, facts: Facts) -> Statement | None:
    if code in ("NOISE", "BI", "SBR", "ST"):  # stated from the PR interval and from the rate
        return None
    episodes = [episode for episode in facts.rhythm if episode.rhythm == code]
    longest = max(episodes, key=lambda episode: episode.seconds)
    total = sum(episode.seconds for episode in episodes)
    numbers = f"{duration(total)} of {duration(facts.duration_s)}, confidence {longest.confidence:.2f}{_why(longest)}"
    group = "conduction" if code in CONDUCTION else "rhythm"
    urgent = code in URGENT
    return statement(CODES[code], group, f"{rhythm_name(longest).name}.", numbers, SOURCE, urgent=urgent)


def _why(episode: Episode) -> str:
    return f"; {episode.evidence}" if episode.evidence else ""


def _rate(facts: Facts) -> list[Statement]:
    rate = facts.rate_bpm
    if rate is None or SLOW_BPM <= rate <= FAST_BPM:
        return []
    slow = rate < SLOW_BPM
    urgent = rate < URGENT_SLOW_BPM or rate > URGENT_FAST_BPM
    numbers = f"{rate:.0f} beats per minute; usual {SLOW_BPM:.0f} to {FAST_BPM:.0f}"
    if facts.seconds(*SINUS) > facts.duration_s / 2:
        code, text = ("SBRAD", "Sinus bradycardia.") if slow else ("STACH", "Sinus tachycardia.")
    else:
        code, text = ("SLOW", "The heart rate is slow.") if slow else ("FAST", "The heart rate is fast.")
    return [statement(code, "rhythm", text, numbers, RATE_SOURCE, urgent=urgent)]


def _ectopic(facts: Facts) -> list[Statement]:
    names = {"V": ("PVC", "Ventricular ectopic beats."), "S": ("PAC", "Supraventricular ectopic beats.")}
    return [
        statement(*(names[kind][0], "rhythm", names[kind][1]), f"{count} in {duration(facts.duration_s)}", SOURCE)
        for kind, count in facts.ectopic.items()
        if count and kind in names
    ]
