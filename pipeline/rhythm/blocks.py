"""Atrioventricular block, from the P waves between the beats and the order in which beats follow them.

Boosted trees tell for each interval between beats whether P waves in it are not conducted, as in second-degree block,
or have nothing to do with the beats, as in complete block. Runs of such intervals are episodes; counting their P waves
tells 2:1, Wenckebach's and high-degree block apart. Without a signal nothing is found: a slow or irregular rhythm alone
proves no block.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter1d
from scipy.special import expit, logit

from models.detectors import Detector, load_detector
from pipeline.rhythm.conduction_measures import MEASURES, SURE, conduction_of, worth_asking
from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.dropped_beats import find_dropped_beats
from pipeline.rhythm.junctional import find_junctional
from pipeline.rhythm.resting_line import is_empty, line_heights
from pipeline.rhythm.state_paths import likeliest_states
from pipeline.signal.gaps import runs
from pipeline.signal.median import median
from pipeline.types import Episode, FloatArray, RhythmCode

NAME: Final = "av_block"
TWO_TO_ONE, WENCKEBACH, HIGH_DEGREE = "2:1", "Wenckebach", "high degree"
_SEEN: Final = MappingProxyType(
    {
        TWO_TO_ONE: "a P wave midway between the beats is not conducted",
        WENCKEBACH: "now and then a P wave is not conducted after P-R grew",
        HIGH_DEGREE: "several P waves in a row are not conducted",
    }
)
# P-P intervals of the course of P waves from beat to beat, in recordings made of training patients: a fifth of the
# intervals lasts at most 1.07 in Wenckebach's periods and at least 1.57 in 2:1 block, which has hardly one above 2.1.
ONE_TO_ONE, MORE_THAN_TWO = 1.4, 2.4
LONGEST: Final = 95  # percentile that stands for the longest intervals: Wenckebach's pauses hold one blocked P wave
NONE, SECOND, THIRD = range(3)  # classes of the detector
LEAST_P: Final = 0.01  # of a class; so little is no evidence against a course of conduction
CHANGE: Final = 8.0  # log odds that a change of conduction costs
PRIOR: Final = (-1.5, 0.0, 0.0)  # added to the log odds of the classes, chosen on held-out patients
SURE_FROM: Final = 0.8  # mean probability of any block over an episode
OVER_T_MAX: Final = 1.0  # median gain over the T wave's: what is larger than the usual P wave is a T wave that moved
CALIBRATION: Final = (2.15, -2.507)  # of its log odds, for held-out patients: docs/experiments/av_block.json
LIKELY: Final = 0.5  # probability of no block, below which an interval may belong to one ...
NEARBY: Final = 20  # ... with so many beats on each side
IN_MIDST_S: Final = 20.0  # on each side fibrillation goes on so long
INTERVALS_MIN: Final = 5  # of an episode
TRUSTED_MIN: Final = 0.5  # share of its beats that can be relied on, chosen on training patients in noise
BEFORE_S: Final = 0.3  # an episode begins with the P wave before a beat
MIDDLE: Final = 0.1  # how far from the middle between two P waves a third one may be in 2:1 block
TWO_TO_ONE_SHARE: Final = 0.6  # of the intervals have one there
WENCKEBACH_SHARE: Final = 0.75  # of the intervals have a P wave that is not conducted, at most
# Where 2:1 block begins or ends, the intervals change from one beat to the next: by a factor of 1.6 and more in record
# 231. With this factor, 5 of 92 episodes are lost that are rightly named so in recordings made of training patients.
CHANGES: Final = 1.15
BESIDE: Final = 12  # intervals on each side of an end of 2:1 block that are compared ...
BESIDE_MIN: Final = 4  # ... if so many are known on both, those outside ...
CONDUCTED: Final = 0.9  # ... with this probability of no block
FIRST_DEGREE_S: Final = 0.235  # P-R from which it is first-degree block: 200 ms, and what onsets are uncertain by
ONSET_S: Final = 0.045  # from the onset of the P wave to its top, and ...
QRS_ONSET_S: Final = 0.04  # ... from the onset of the QRS to R
FIRST_SHARE: Final = 0.8  # of the beats around have a long P-R
FIRST_SPREAD_S: Final = 0.025  # median deviation of P-R: it is constant
FIRST_SCORE: Final = 0.75  # median score of these P waves
FIRST_ELSEWHERE: Final = 0.9  # of a P wave, usually, is what stands elsewhere between beats: else it is no P wave
FIRST_BEATS: Final = 30  # around each beat, that are looked at
FIRST_MIN_S: Final = 30.0  # duration of an episode


def find_blocks(
    context: RhythmContext, detector: Detector | None = None, measures: FloatArray | None = None
) -> list[Episode]:
    """Find first-degree, second-degree and complete atrioventricular block, and junctional escape rhythm.

    Where most beats cannot be relied on, no second-degree and no complete block is named; nor 2:1 block where conducted
    beats follow on each other as slowly before or after it.

    Parameters
    ----------
    context : RhythmContext
        The beats, and the signal.
    detector : Detector, optional
        Another one than `av_block`.
    measures : (n, len(MEASURES)) float32, optional
        What `conduction_of` returned for them, if it was asked before.
    """
    if context.conditioned is None or len(context) < INTERVALS_MIN:
        return []
    measures = conduction_of(context) if measures is None else measures
    p, heights = block_probabilities(measures, detector), line_heights(context)
    blocked = [
        _by_course(one, context, measures)
        for one in block_episodes(context.time_s, measures, p)
        if _is_relied_on(one, context)
        and not is_empty(heights[slice(*_beats_of(one, context))])
        and not (one.detail == TWO_TO_ONE and _goes_on_alike(one, context, measures, p))
    ]
    blocked += find_dropped_beats(context, measures)
    found = [*blocked, *_first_degree(context, measures, p), *find_junctional(context, measures, heights)]
    return sorted(found, key=lambda episode: episode.start_s)


def block_probabilities(measures: FloatArray, detector: Detector | None = None) -> FloatArray:
    """Return the probabilities (n, 3) that the interval before each beat has no, second-degree or complete block.

    Parameters
    ----------
    measures : (n, len(MEASURES)) float32
        Measures of the intervals.
    detector : Detector, optional
        Another one than `av_block`.
    """
    p = np.zeros((len(measures), 3), np.float32)
    p[:, NONE] = 1
    asked = np.flatnonzero(worth_asking(measures))
    if asked.size:
        p[asked] = (detector or load_detector(NAME)).probabilities(measures[asked])
    return p


def block_episodes(
    time_s: NDArray[np.float64],
    measures: FloatArray,
    p: FloatArray,
    calibration: tuple[float, float] = CALIBRATION,
) -> list[Episode]:
    """Return second-degree and complete block: the most probable course of conduction.

    Parameters
    ----------
    time_s : (n,) float64
        R peaks, seconds.
    measures : (n, len(MEASURES)) float32
        Measures of the intervals before them.
    p : (n, 3) float32
        What `block_probabilities` returned for them.
    calibration : (float, float), optional
        Slope and intercept that turn the log odds of an episode's mean probability into those of its confidence.
    """
    p = p * np.exp(np.array(PRIOR, np.float32))
    p /= p.sum(axis=1, keepdims=True)
    over_t, found = measures[:, MEASURES.index("over_t")], []
    for first, stop in runs(_blocked(p)):
        share = p[first:stop].mean(axis=0)
        sure = float(share[SECOND] + share[THIRD])
        if stop - first < INTERVALS_MIN or sure < SURE_FROM or np.median(over_t[first:stop]) > OVER_T_MAX:
            continue
        code: RhythmCode = "BII" if share[SECOND] >= share[THIRD] else "BIII"
        detail, evidence = _kind(measures[first:stop], code)
        confidence = round(float(expit(calibration[0] * logit(min(sure, 1 - LEAST_P)) + calibration[1])), 3)
        start_s, stop_s = max(0.0, float(time_s[max(first - 1, 0)]) - BEFORE_S), float(time_s[stop - 1]) - BEFORE_S
        found.append(Episode(start_s, max(stop_s, start_s), code, detail, confidence, evidence))
    return found


def _blocked(p: FloatArray) -> NDArray[np.bool_]:
    """Tell where the most probable course of conduction is block; it is only sought where block is likely nearby."""
    blocked = np.zeros(len(p), np.bool_)
    for first, stop in runs(maximum_filter1d(p[:, NONE] < LIKELY, 2 * NEARBY + 1)):
        part = np.log(np.maximum(p[first:stop], LEAST_P))
        blocked[first:stop] = likeliest_states(part, CHANGE) != NONE
    return blocked


def outside_fibrillation(blocks: Iterable[Episode], atrial: Sequence[Episode]) -> list[Episode]:
    """Leave out block in the midst of atrial fibrillation, which has no P wave that could be blocked.

    Parameters
    ----------
    blocks : iterable of Episode
        What `find_blocks` returned.
    atrial : sequence of Episode
        Proposed atrial rhythms.
    """
    around = [(one.start_s + IN_MIDST_S, one.stop_s - IN_MIDST_S) for one in atrial if one.rhythm == "AFIB"]
    return [
        one
        for one in blocks
        if one.rhythm not in ("BII", "BIII") or not any(a < one.start_s and one.stop_s < b for a, b in around)
    ]


def _is_relied_on(block: Episode, context: RhythmContext) -> bool:
    """Tell whether most beats of a block can be relied on: noise and waves of other rhythms hide beats and add some."""
    first, stop = _beats_of(block, context)
    return stop > first and float(np.mean(context.trusted[first:stop])) >= TRUSTED_MIN


def _beats_of(block: Episode, context: RhythmContext) -> tuple[int, int]:
    first, stop = np.searchsorted(context.time_s, [block.start_s, block.stop_s + BEFORE_S], side="right")
    return int(first), int(stop)


def _goes_on_alike(block: Episode, context: RhythmContext, measures: FloatArray, p: FloatArray) -> bool:
    """Tell whether conducted beats beside a 2:1 block come as slowly as those within: at every end where that is known.

    The sinus node would have to halve its rate at the moment at which conduction changes. What looks like a P wave
    midway is then the end of a T wave in a slow rhythm.
    """
    first, last = np.searchsorted(context.time_s, np.array([block.start_s, block.stop_s]) + BEFORE_S / 2).tolist()
    inside = slice(first + 1, first + 1 + BESIDE), slice(max(first + 1, last + 1 - BESIDE), last + 1)
    outside = slice(max(0, first - BESIDE), first), slice(last + 2, last + 2 + BESIDE)
    usable = np.isfinite(context.rr_s) & (measures[:, MEASURES.index("ventricular")] <= 0)
    conducted = usable & (p[:, NONE] >= CONDUCTED)
    changes = []
    for own, beside in zip(inside, outside, strict=True):
        rr_s, rr_beside_s = context.rr_s[own][usable[own]], context.rr_s[beside][conducted[beside]]
        if min(rr_s.size, rr_beside_s.size) >= BESIDE_MIN:
            changes.append(float(np.median(rr_s) / np.median(rr_beside_s)))
    return bool(changes) and max(changes) < CHANGES


def _kind(measures: FloatArray, code: RhythmCode) -> tuple[str, str]:
    """Return which block these intervals have, and what says so."""
    of = {name: measures[:, MEASURES.index(name)] for name in ("rr_s", "extra_place", "extra_score")}
    rate = 60 / float(np.median(of["rr_s"]))
    if code == "BIII":
        return "complete", f"P waves and beats, at {rate:.0f}/min, go on independently"
    sure = of["extra_score"] >= SURE
    middle = np.abs(of["extra_place"] - 0.5) < MIDDLE
    short, long = np.percentile(of["rr_s"], [20, 80])
    if sure.any() and np.mean(middle[sure]) > 0.5 and sure.mean() > TWO_TO_ONE_SHARE:
        return _named(TWO_TO_ONE, rate)
    if sure.mean() < WENCKEBACH_SHARE and long < 2 * short and long > 1.1 * short:
        return _named(WENCKEBACH, rate)
    return _named(HIGH_DEGREE, rate)


def _by_course(block: Episode, context: RhythmContext, measures: FloatArray) -> Episode:
    """Return a second-degree block named by how many P-P intervals of their course its intervals last, if known."""
    first, stop = _beats_of(block, context)
    own = measures[first + 1 : stop]
    to_pp = own[own[:, MEASURES.index("course_rr_to_pp")] > 0, MEASURES.index("course_rr_to_pp")]
    if block.rhythm != "BII" or 2 * to_pp.size <= len(own):
        return block
    short, middle, long, longest = np.percentile(to_pp, [20, 50, 80, LONGEST])
    lasting = TWO_TO_ONE if long < MORE_THAN_TWO and middle > ONE_TO_ONE else HIGH_DEGREE
    conducted = WENCKEBACH if longest <= MORE_THAN_TWO else HIGH_DEGREE
    rate = 60 / float(np.median(own[:, MEASURES.index("rr_s")]))
    detail, evidence = _named(conducted if short < ONE_TO_ONE else lasting, rate)
    return replace(block, detail=detail, evidence=evidence)


def _named(kind: str, rate: float) -> tuple[str, str]:
    return kind, f"{_SEEN[kind]}, beats at {rate:.0f}/min"


def _first_degree(context: RhythmContext, measures: FloatArray, p: FloatArray) -> list[Episode]:
    """Find stretches in which nearly every beat follows its P wave after the same long time."""
    n = len(context)
    if n < FIRST_BEATS:
        return []
    pr = measures[:, MEASURES.index("pr_s")] + ONSET_S - QRS_ONSET_S
    score = measures[:, MEASURES.index("pr_score")]
    sure = (score >= SURE) & (p[:, NONE] > 0.5) & (measures[:, MEASURES.index("noise")] <= FIRST_ELSEWHERE)
    long = np.zeros(n, np.bool_)
    for start in range(0, n - FIRST_BEATS + 1, FIRST_BEATS // 2):
        part = slice(start, start + FIRST_BEATS)
        known = pr[part][sure[part]]
        if known.size < FIRST_SHARE * FIRST_BEATS or 2 * np.count_nonzero(known > FIRST_DEGREE_S) < known.size:
            continue  # the median of most is not long, at little cost
        if median(score[part]) < FIRST_SCORE:
            continue
        middle = float(median(known))
        if middle > FIRST_DEGREE_S and median(np.abs(known - middle)) < FIRST_SPREAD_S:
            long[part] = True
    found = []
    for first, stop in runs(long):
        start_s, stop_s = max(0.0, float(context.time_s[first]) - BEFORE_S), float(context.time_s[stop - 1])
        if stop_s - start_s >= FIRST_MIN_S:
            own = sure[first:stop]
            pr_ms = 1000 * float(np.median(pr[first:stop][own]))
            confidence = round(float(np.median(score[first:stop])), 3)
            found.append(Episode(start_s, stop_s, "BI", "", confidence, f"P-R constant at about {pr_ms:.0f} ms"))
    return found
