"""What the newest signal calls attention to: asystole, ventricular fibrillation or tachycardia, atrial fibrillation.

For research: no monitor that a patient may depend on.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final, Literal

import numpy as np

from pipeline.live.provisional import Look
from pipeline.rhythm.pauses import ASYSTOLE_S
from pipeline.rhythm_names import rhythm_name
from pipeline.types import Analysis, Episode, RhythmCode

AlarmKind = Literal["ASYS", "VF/VT", "AF"]
RECENT_S: Final = 5.0  # an alarm holds while its rhythm reaches into the last seconds
RATE_BEATS: Final = 8  # a rate is the median of so many intervals: one ectopic beat is no rate
_KINDS: Final = MappingProxyType[RhythmCode, AlarmKind](
    {"ASYS": "ASYS", "VFL": "VF/VT", "VT": "VF/VT", "AFIB": "AF"},
)


@dataclass(frozen=True)
class Alarm:
    """What holds now.

    Attributes
    ----------
    kind : AlarmKind
        What it is about.
    words : str
        The rhythm's name.
    since_s : float
        Its start, seconds from the start of the recording.
    """

    kind: AlarmKind
    words: str
    since_s: float


def alarms_of(look: Look) -> tuple[Alarm, ...]:
    """Return what the newest signal calls attention to, the most urgent first; a pause below four seconds is none."""
    if look.analysis is None:
        return ()
    recent = [one for one in look.analysis.rhythm if one.stop_s > look.analysis.duration_s - RECENT_S]
    found = {_KINDS[one.rhythm]: one for one in recent if _is_alarm(one)}
    order: tuple[AlarmKind, ...] = ("VF/VT", "ASYS", "AF")
    return tuple(
        Alarm(kind, rhythm_name(found[kind]).name, max(look.start_s, look.zero_s + found[kind].start_s))
        for kind in order
        if kind in found
    )


def lasting(now: tuple[Alarm, ...], before: tuple[Alarm, ...]) -> tuple[Alarm, ...]:
    """Return the alarms that hold now, each since it was first said: no look reaches back to the start of a long one.

    Parameters
    ----------
    now : tuple of Alarm
        Of this look.
    before : tuple of Alarm
        What the look before it led to.
    """
    since_s = {one.kind: one.since_s for one in before}
    return tuple(replace(one, since_s=min(one.since_s, since_s.get(one.kind, one.since_s))) for one in now)


def _is_alarm(episode: Episode) -> bool:
    return episode.rhythm in _KINDS and (episode.rhythm != "ASYS" or episode.seconds >= ASYSTOLE_S)


def rhythm_now(analysis: Analysis) -> str:
    """Return the name of the rhythm at the end of an analysis; "" without one."""
    return rhythm_name(analysis.rhythm[-1]).name if analysis.rhythm else ""


def rate_now(analysis: Analysis) -> float | None:
    """Return the median rate of the last beats, 1/min; None without any beat or known interval in the last seconds."""
    if not (analysis.time_s[-1:] > analysis.duration_s - RECENT_S).any():
        return None  # it would be that of before a gap, or of before an asystole
    recent = analysis.time_s[-RATE_BEATS:] > analysis.duration_s - 3 * RECENT_S
    rr_s = np.array([]) if analysis.rr_s is None else analysis.rr_s[-RATE_BEATS:][recent]
    rr_s = rr_s[np.isfinite(rr_s)]
    return round(60 / float(np.median(rr_s)), 1) if rr_s.size else None


def quality_now(analysis: Analysis) -> str:
    """Return the verdict on the last seconds, with its reason: the worst of it."""
    order = ("good", "noisy", "saturated", "flat", "gap")
    recent = [one for one in analysis.quality.segments if one.stop_s > analysis.duration_s - RECENT_S]
    if not recent:
        return ""
    worst = max(recent, key=lambda one: order.index(one.verdict))
    return f"{worst.verdict}: {worst.reason}" if worst.reason else worst.verdict
