"""Where a recording can be read well enough for an extreme: neither in nor beside gaps, artefacts and noise.

A flat line is read where it is a pause: the longest pauses are flat.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from pipeline.config import REVIEW, ReviewConfig
from pipeline.review.decisions import Stretch
from pipeline.types import Analysis, Episode, FloatArray, QualitySegment, read_only

Span = tuple[float, float]


def unread_spans(
    analysis: Analysis,
    rhythm: Sequence[Episode],
    breaks: Iterable[Stretch],
    rests: Iterable[Span] = (),
    config: ReviewConfig = REVIEW,
) -> tuple[Span, ...]:
    """Return the stretches from which no extreme is taken, in seconds, in order and apart from each other.

    They are what cannot be read, with `beside_s` on either side: there the first interval may have begun unseen, and
    detectors and filters have not settled. A flat line within an asystole or a pause is no such stretch.

    Parameters
    ----------
    analysis : Analysis
        The model's answer, with the quality of the signal.
    rhythm : sequence of Episode
        The rhythm in force; its noise and its asystole count.
    breaks : iterable of (int, int)
        Gaps, and what a reader has marked as artefact: samples [start, stop).
    rests : iterable of (float, float), optional
        Pauses between two beats, in which a lead was seen at rest, seconds.
    config : ReviewConfig, optional
        How far beside counts.
    """
    pauses = [*rests, *((one.start_s, one.stop_s) for one in rhythm if one.rhythm == "ASYS")]
    poor = (
        (one.start_s, one.stop_s)
        for one in analysis.quality.segments
        if one.verdict != "good" and not (one.verdict == "flat" and _is_within(one, pauses))
    )
    noise = ((one.start_s, one.stop_s) for one in rhythm if one.rhythm == "NOISE")
    gone = ((start / analysis.fs, stop / analysis.fs) for start, stop in breaks)
    joined: list[Span] = []
    for start_s, stop_s in sorted(chain(poor, noise, gone)):
        span = start_s - config.beside_s, stop_s + config.beside_s
        if joined and span[0] <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(joined[-1][1], span[1])
        else:
            joined.append(span)
    return tuple(joined)


def _is_within(segment: QualitySegment, pauses: Iterable[Span]) -> bool:
    return any(start_s <= segment.start_s and segment.stop_s <= stop_s for start_s, stop_s in pauses)


def is_readable(unread: Sequence[Span], start_s: float, stop_s: float) -> bool:
    """Tell whether a stretch touches none of `unread`, which are in order and apart.

    Parameters
    ----------
    unread : sequence of (float, float)
        What `unread_spans` returned.
    start_s, stop_s : float
        The stretch, seconds.
    """
    before = bisect_left(unread, (stop_s,))  # those that begin before its end
    return before == 0 or unread[before - 1][1] <= start_s


def readable_rr_s(rr_s: FloatArray, time_s: NDArray[np.float64], unread: Sequence[Span]) -> FloatArray:
    """Return the intervals that a lowest or highest value may be taken from; all of them where nothing is readable.

    Parameters
    ----------
    rr_s : (n,) float32
        Seconds since the beat before, NaN where that is no interval.
    time_s : (n,) float64
        When they end, seconds.
    unread : sequence of (float, float)
        What `unread_spans` returned.

    Returns
    -------
    (n,) float32
        NaN also where an interval touches one of `unread`.
    """
    if not unread or not rr_s.size:
        return rr_s
    starts, stops = np.array(unread).T
    before = np.searchsorted(starts, time_s)  # spans that begin before the end of the interval
    latest = np.concatenate([[-np.inf], stops])[before]
    touched = latest > np.concatenate([[-np.inf], time_s[:-1]])
    kept = np.where(touched, np.float32(np.nan), rr_s)
    return read_only(kept) if np.isfinite(kept).any() else rr_s
