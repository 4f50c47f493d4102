"""Statements on rate and rhythm: what the episodes of a recording say, the urgent ones apart."""

from __future__ import annotations

from typing import Final

from pipeline.config import REVIEW
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
P_SHARE_MAX: Final = 0.3  # of the beats: P waves before fewer are chance
IRREGULAR: Final = 0.1  # root mean square of steps over the mean, from here on: doi:10.1007/s10439-009-9740-z
SOURCE: Final = "rhythm analysis of HeartVision"
RATE_SOURCE: Final = "ACC/AHA/HRS 2018"


def rhythm_statements(facts: Facts) -> list[Statement]:
    """Return a statement for each rhythm that occurs, the rate, and ectopic beats."""
    found = [_rhythm(code, facts) for code in dict.fromkeys(episode.rhythm for episode in facts.rhythm)]
    kept = [one for one in found if one is not None]
    if fibrillation := _without_p(facts):
        kept = [one for one in kept if one.code != "SR"]
    return [*fibrillation, *kept, *_rate(facts), *_ectopic(facts)]


def is_likely_fibrillation(facts: Facts) -> bool:
    """Tell whether the beats left fibrillation open, but no lead shows P waves, and the beats are irregular."""
    share, steps = facts.p_share, facts.irregularity
    if share is None or steps is None or facts.seconds(*SINUS) <= facts.duration_s / 2:
        return False
    return share <= P_SHARE_MAX and steps >= IRREGULAR


def _without_p(facts: Facts) -> list[Statement]:
    share, steps = facts.p_share, facts.irregularity
    if share is None or steps is None or not is_likely_fibrillation(facts):
        return []
    numbers = f"P waves before {share:.0%} of the beats, RR steps of {steps:.0%} of the mean; limits {P_SHARE_MAX:.0%}"
    text = "Atrial fibrillation is likely: irregular beats without P waves in any lead."
    return [statement("AFIB", "rhythm", text, f"{numbers} and {IRREGULAR:.0%}", "ESC 2020, irregularity by Dash 2009")]


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
    low, high = REVIEW.bradycardia_bpm, REVIEW.tachycardia_bpm
    if rate is None or low <= rate <= high:
        return []
    slow = rate < low
    numbers = f"{rate:.0f} beats per minute; usual {low:.0f} to {high:.0f}"
    if facts.seconds(*SINUS) > facts.duration_s / 2:
        code, text = ("SBRAD", "Sinus bradycardia.") if slow else ("STACH", "Sinus tachycardia.")
    else:
        code, text = ("SLOW", "The heart rate is slow.") if slow else ("FAST", "The heart rate is fast.")
    return [statement(code, "rhythm", text, numbers, RATE_SOURCE)]


def _ectopic(facts: Facts) -> list[Statement]:
    names = {"V": ("PVC", "Ventricular ectopic beats."), "S": ("PAC", "Supraventricular ectopic beats.")}
    return [
        statement(*(names[kind][0], "rhythm", names[kind][1]), f"{count} in {duration(facts.duration_s)}", SOURCE)
        for kind, count in facts.ectopic.items()
        if count and kind in names
    ]
