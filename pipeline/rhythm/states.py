"""One rhythm at a time: from what the finders propose to episodes that cover the recording."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from pipeline.types import Episode, RhythmCode

# Where proposals overlap, the one that comes first here stands. What kills comes first: ventricular waveforms are told
# from noise by a detector that knows both, and look like noise to one that asks what can be read. What explains
# irregular intervals (pacing, block) stands before atrial fibrillation, which is found by irregularity.
PRECEDENCE: Final[tuple[RhythmCode, ...]] = (
    *("VFL", "VT", "ASYS", "NOISE", "P", "IVR", "BIII", "BII", "AFIB", "AFL"),
    *("SVTA", "NOD", "B", "T", "BI", "ST", "SBR", "N"),
)
# A remainder shorter than this, seconds, is no rhythm of its own: a rhythm that lasts is known by several beats.
LEAST_S: Final = 2.0
EDGE_S: Final = 0.5  # at an edge of the recording not even one beat of another rhythm fits into less
LASTING: Final = frozenset({"NOISE", "AFIB", "AFL", "NOD", "P", "BI", "BII", "BIII", "ST", "SBR", "N"})
EXACT: Final = frozenset({"ASYS", "VT", "IVR", "SVTA"})


def partition(proposed: Iterable[Episode], duration_s: float, otherwise: Iterable[Episode] = ()) -> tuple[Episode, ...]:
    """Choose one rhythm for each moment.

    The states of the model are the rhythms, in the order of `PRECEDENCE`: at each moment the first one that a finder
    proposes holds, the surer one among two of the same rhythm. It changes at the edges of proposals only. A remainder
    of a lasting rhythm shorter than `LEAST_S`, between two others, is given to the longer of its neighbours; one
    shorter than `EDGE_S` at an edge of the recording to its only one.

    Parameters
    ----------
    proposed : iterable of Episode
        Proposals of all finders, in any order; they may overlap.
    duration_s : float
        Duration of the recording, seconds; what lies beyond is cut off.
    otherwise : iterable of Episode, optional
        What holds where nothing is proposed, whatever its rhythm; later ones over earlier ones.

    Returns
    -------
    tuple of Episode
        In order, from 0 to `duration_s` without gaps or overlaps; what is then left is NOISE.
    """
    ranked = sorted(proposed, key=lambda episode: (-PRECEDENCE.index(episode.rhythm), episode.confidence))
    nothing = Episode(0.0, duration_s, "NOISE", "", 0.5, "nothing could be read")
    layers = [_clipped(episode, duration_s) for episode in (nothing, *otherwise, *ranked)]
    inside = [episode for episode in layers if episode.stop_s > episode.start_s]
    return tuple(_without_remainders(_joined(_painted(inside))))


def _clipped(episode: Episode, duration_s: float) -> Episode:
    return replace(episode, start_s=max(0.0, episode.start_s), stop_s=min(duration_s, episode.stop_s))


def _painted(layers: Sequence[Episode]) -> list[Episode]:
    """Return one episode for each stretch of one layer: later layers are painted over earlier ones."""
    edges = np.unique([edge for episode in layers for edge in (episode.start_s, episode.stop_s)])
    top = np.zeros(max(0, edges.size - 1), np.int64)
    for k, episode in enumerate(layers):
        first, stop = np.searchsorted(edges, [episode.start_s, episode.stop_s])
        top[first:stop] = k
    first = np.flatnonzero(np.diff(top, prepend=-1))
    starts, stops = edges[first], edges[np.append(first[1:], top.size)[: first.size]]
    return [
        replace(layers[k], start_s=float(start), stop_s=float(stop))
        for k, start, stop in zip(top[first].tolist(), starts, stops, strict=True)
    ]


def _joined(pieces: Iterable[Episode]) -> list[Episode]:
    """Join neighbours of the same rhythm and detail; of two pauses each keeps its beats."""
    joined: list[Episode] = []
    for piece in pieces:
        if joined and _goes_on(joined[-1], piece):
            joined.append(_together(joined.pop(), piece))
        else:
            joined.append(piece)
    return joined


def _goes_on(first: Episode, second: Episode) -> bool:
    """Tell whether an episode is the continuation of the one before it, which a beat between two pauses prevents."""
    alike = (first.rhythm, first.detail) == (second.rhythm, second.detail)
    return alike and first.rhythm != "ASYS"


def _together(first: Episode, second: Episode) -> Episode:
    longer = first if first.seconds >= second.seconds else second
    total = first.seconds + second.seconds
    confidence = (first.confidence * first.seconds + second.confidence * second.seconds) / total
    return replace(longer, start_s=first.start_s, stop_s=second.stop_s, confidence=confidence)


def _without_remainders(episodes: list[Episode]) -> list[Episode]:
    """Give remainders to a neighbour, in each round those that no shorter remainder lies beside."""
    while len(episodes) > 1:
        least = [e.seconds if e.rhythm in LASTING and e.seconds < LEAST_S else np.inf for e in episodes]
        before, after = [np.inf, *least[:-1]], [*least[1:], np.inf]
        gone = {
            k: near
            for k, own in enumerate(least)
            if own < before[k] and own <= after[k] and np.isfinite(own) and (near := _taker(episodes, k)) is not None
        }
        if not gone:
            break
        wider = list(episodes)
        for k, near in gone.items():
            wider[near] = _over(wider[near], episodes[k])
        episodes = _joined([episode for k, episode in enumerate(wider) if k not in gone])
    return episodes


def _over(taker: Episode, taken: Episode) -> Episode:
    return replace(taker, start_s=min(taker.start_s, taken.start_s), stop_s=max(taker.stop_s, taken.stop_s))


def _taker(episodes: Sequence[Episode], k: int) -> int | None:
    """Return the longer neighbour that may grow: not a pause, nor a run, but for one that the recording cuts."""
    near = [i for i in (k - 1, k + 1) if 0 <= i < len(episodes)]
    cut = len(near) == 1 and episodes[k].seconds < EDGE_S
    held = {"ASYS"} if cut else EXACT
    may_grow = [i for i in near if episodes[i].rhythm not in held]
    return max(may_grow, key=lambda i: episodes[i].seconds) if may_grow else None
