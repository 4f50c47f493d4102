"""Which episodes of rhythm are findings, and which events of the beats they say better."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.config import REVIEW, ReviewConfig
from pipeline.review.beats_in_force import ReviewedBeats
from pipeline.review.decisions import Stretch
from pipeline.review.finding_kinds import FINDING_KINDS
from pipeline.review.rhythm_events import EventKind, RhythmEvent
from pipeline.review.rhythm_in_force import BY_READER, Ruled, ends_of, is_artefact
from pipeline.rhythm_names import rhythm_name
from pipeline.signal.quality import FLAT
from pipeline.types import Episode, RhythmCode
from pipeline.wording import duration, percent

# Sinus rhythm is no finding; slow and fast sinus rhythm, bigeminy and trigeminy are found in the beats in force.
_KINDS: Final[Mapping[RhythmCode, str]] = MappingProxyType(
    {
        **{"VFL": "vfl", "ASYS": "asystole", "VT": "vt_waves", "BIII": "av_block_3", "BII": "av_block_2"},
        **{"AFIB": "afib", "AFL": "aflutter", "SVTA": "svt_rhythm", "IVR": "idioventricular_waves"},
        **{"NOD": "junctional", "P": "paced", "BI": "av_block_1", "NOISE": "unreadable"},
    }
)
_Spans = NDArray[np.float64]
_HIGH: Final = ("2:1", "high", "mobitz")  # what the detail of an urgent second-degree block begins with
_SHARED: Final = 0.5  # of an event or episode: what covers so much of it tells of it
_AROUND_S: Final = 0.5  # half of a usual interval, seconds
_RUNS: Final = frozenset[EventKind]({"vt_sustained", "vt", "v_triplet", "idioventricular"})
# An episode of these rhythms is left to such an event: it has the beats, and follows what a reader decides about them.
_TOLD_BY_BEATS: Final[Mapping[RhythmCode, frozenset[EventKind]]] = MappingProxyType(
    {
        "VT": _RUNS,
        "IVR": _RUNS,
        "SVTA": frozenset[EventKind]({"svt", "atrial_rhythm"}),
        "ASYS": frozenset[EventKind]({"pause", "long_pause", "compensatory_pause"}),
    }
)
# An event of these kinds is left to such an episode, which says what it is.
_SILENT: Final = frozenset[RhythmCode]({"VFL", "VT", "ASYS", "NOISE"})
_LED: Final = frozenset[RhythmCode]({"VFL", "VT", "BIII", "BII", "AFIB", "AFL", "SVTA", "IVR", "NOD", "P", "NOISE"})
_ATRIAL: Final = frozenset[RhythmCode]({"AFIB", "AFL"})  # without a sinus beat, no beat is early
_TOLD_BY_EPISODES: Final[Mapping[EventKind, frozenset[RhythmCode]]] = MappingProxyType(
    {
        **{"no_beats": _SILENT, "signal_lost": _SILENT, "bradycardia": _LED, "tachycardia": _LED},
        **{"svt": _ATRIAL, "atrial_rhythm": _ATRIAL, "s_couplet": _ATRIAL},
        **{"s_bigeminy": _ATRIAL, "s_trigeminy": _ATRIAL},
    }
)


@dataclass(frozen=True)
class EpisodeRow:
    """An episode that is listed as a finding.

    Attributes
    ----------
    kind : str
        Of `FINDING_KINDS`.
    episode : Episode
        The episode.
    stretch : Stretch
        Where it lies, samples.
    seen : bool
        Whether a reader has looked at it, or decided about it.
    """

    kind: str
    episode: Episode
    stretch: Stretch
    seen: bool

    @property
    def title(self) -> str:
        """What it is."""
        return FINDING_KINDS[self.kind].title if self.kind == "artefact" else rhythm_name(self.episode).name

    @property
    def detail(self) -> str:
        """How long it lasts, how sure that is, and what in the signal says so."""
        if self.episode.evidence == BY_READER:
            return f"{duration(self.episode.seconds)}, {BY_READER}"
        evidence = f": {self.episode.evidence}" if self.episode.evidence else ""
        return f"{duration(self.episode.seconds)}, confidence {percent(self.episode.confidence)}{evidence}"


def episode_rows(
    beats: ReviewedBeats, found: Iterable[RhythmEvent], config: ReviewConfig = REVIEW
) -> tuple[EpisodeRow, ...]:
    """List the episodes of rhythm that need a look, in order of time.

    Runs of ectopic beats and pauses are left to the events of the beats in force where those tell of them.
    Unreadable stretches are listed from `unreadable_s` on, if they take half of the recording, or as a flat end of
    it. What an artefact leaves of a pause is none if it is shorter than one. What a reader has named is listed
    whatever tells of it. Where they have undone a run, the rhythm beside it tells of it.

    Parameters
    ----------
    beats : ReviewedBeats
        The beats in force, with the rhythm of the recording.
    found : iterable of RhythmEvent
        The events in them.
    config : ReviewConfig, optional
        What is listed.
    """
    if not beats.rhythm:
        return ()
    run = tuple(found)
    told = {rhythm: _widened(_spans(run, kinds)) for rhythm, kinds in _TOLD_BY_BEATS.items()}
    ruled: Mapping[Stretch, Ruled] = {} if beats.ruling is None else beats.ruling.ruled
    undone = frozenset[Stretch]() if beats.ruling is None else beats.ruling.undone
    return tuple(
        EpisodeRow(kind, episode, stretch, stretch in beats.seen or stretch in ruled)
        for episode in beats.rhythm
        for stretch in [ends_of(episode, beats.fs, beats.n_samples)]
        if (kind := episode_kind(episode))
        and (ruled.get(stretch) == "named" or _is_listed(episode, told, beats, config))
        and (stretch in ruled or stretch not in undone)
    )


def episode_kind(episode: Episode) -> str:
    """Return the kind of finding that an episode is, "" if it is none."""
    if is_artefact(episode):
        return "artefact"
    if episode.rhythm == "BII" and episode.detail.strip().lower().startswith(_HIGH):
        return "av_block_high"
    if episode.rhythm == "ASYS" and episode.seconds < REVIEW.long_pause_s:
        return "pause_in_signal"
    return _KINDS.get(episode.rhythm, "")


def urgent_episodes(episodes: Sequence[Episode], priority: int = 1) -> tuple[Episode, ...]:
    """Return the episodes whose kind of finding has at most this priority, in its order, of one kind the longest first.

    Parameters
    ----------
    episodes : sequence of Episode
        Episodes of rhythm.
    priority : int, optional
        1 is the most urgent.
    """
    order = [kind for kind, form in FINDING_KINDS.items() if form.priority <= priority]
    urgent = [(order.index(kind), episode) for episode in episodes if (kind := episode_kind(episode)) in order]
    return tuple(episode for _, episode in sorted(urgent, key=lambda row: (row[0], -row[1].seconds)))


def events_told(
    beats: ReviewedBeats, found: Sequence[RhythmEvent], config: ReviewConfig = REVIEW
) -> tuple[RhythmEvent, ...]:
    """Return the events that are listed beside the episodes: without those that an episode says better.

    A lost signal is left only to an episode that is listed: noise too short for that does not tell of it.

    Parameters
    ----------
    beats : ReviewedBeats
        The beats in force, with the rhythm of the recording.
    found : sequence of RhythmEvent
        The events in them.
    config : ReviewConfig, optional
        What is listed.
    """
    if not beats.rhythm:
        return tuple(found)
    spans = {kind: _spans(beats.rhythm, rhythms) for kind, rhythms in _TOLD_BY_EPISODES.items()}
    listed = [one for one in beats.rhythm if not _is_short_noise(one, beats, config)]
    spans["signal_lost"] = _spans(listed, _SILENT)
    return tuple(
        event
        for event in found
        if event.kind != "af_like" and not (event.kind in spans and _is_covered(event, spans[event.kind]))
    )


def _is_listed(
    episode: Episode, events: Mapping[RhythmCode, _Spans], beats: ReviewedBeats, config: ReviewConfig
) -> bool:
    """Tell whether an episode of a kind of finding is one; `events` are those that may tell of it instead."""
    if episode.rhythm == "NOISE":
        return not _is_short_noise(episode, beats, config)
    if episode.rhythm == "ASYS" and episode.seconds < config.pause_s:
        return False  # what an artefact, or another name, has left of a pause
    return episode.rhythm not in events or not _is_covered(episode, events[episode.rhythm])


def _is_short_noise(episode: Episode, beats: ReviewedBeats, config: ReviewConfig) -> bool:
    """Tell whether an episode is unreadable for so short a time that it is drawn and not listed.

    A flat line at an end of the recording may be an asystole, and no interval between beats tells of it: it is listed.
    """
    whole_s = beats.n_samples / beats.fs
    if episode.rhythm != "NOISE" or episode.seconds >= min(config.unreadable_s, 0.5 * whole_s):
        return False
    return episode.evidence != FLAT or not (episode.start_s <= 0 or episode.stop_s >= whole_s - 1 / beats.fs)


def _spans(some: Sequence[Episode | RhythmEvent], kinds: frozenset[Any]) -> _Spans:
    """Return from and to (2, n) of those that are of one of these kinds, seconds."""
    own = [(one.start_s, one.stop_s) for one in some if _kind(one) in kinds]
    return np.array(own, np.float64).reshape(-1, 2).T


def _widened(spans: _Spans) -> _Spans:
    """Return spans (2, n) of beats with half an interval on either side: an episode reaches from beat to beat."""
    return np.asarray(spans + np.array([[-_AROUND_S], [_AROUND_S]]), np.float64)


def _kind(one: Episode | RhythmEvent) -> str:
    return one.rhythm if isinstance(one, Episode) else one.kind


def _is_covered(one: Episode | RhythmEvent, spans: _Spans) -> bool:
    """Tell whether spans (2, n) cover at least `_SHARED` of an event or episode."""
    shared = np.minimum(spans[1], one.stop_s) - np.maximum(spans[0], one.start_s)
    return bool(shared[shared > 0].sum() >= max(_SHARED * one.seconds, 1e-9))
