"""Atrial fibrillation and flutter: from the irregularity of the RR intervals, and the waves between the beats."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.detectors import load_detector
from pipeline._util.memory import give_back
from pipeline.rhythm.atrial_waves import AVERAGED, measure_p_waves, sawtooth
from pipeline.rhythm.conduction_measures import conduction_of
from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.p_around import measure_p_around
from pipeline.rhythm.rr_measures import STRIDE, measure_rr
from pipeline.rhythm.state_paths import likeliest_states
from pipeline.types import Episode, FloatArray
from pipeline.wording import share

INTERVALS: Final = "af"  # detector: measures of RR intervals
WAVES: Final = "af_waves"  # detector: measures of short windows, and how constant the signal before the QRS is
P_WAVES: Final = "af_p"  # detector: how surely P waves stand before the beats around
SHARES: Final = (0.5, 0.25, 0.25)  # of their log odds, in this order
BEATS_MIN: Final = 10  # in a recording: fewer intervals have no irregularity
CHANGE: Final = 3.0  # log likelihood that a change of state costs, for evidence that counts once per `STRIDE` beats
SURE: Final = 8.0  # log odds beyond this are as good as certain
P_WAVE_BEATS: Final = 16  # whose average tells whether there is a P wave
NO_P_WAVE: Final = 1.0  # log ratio below which nothing remains in the average
# A wave as constant as this is a P wave however irregular the intervals: 99 % of the fibrillation in DS1 of mitdb lies
# below 2.8, 95 % of that in strips of cinc2017 below 3.0, half of the sinus rhythm in DS1 above 4.9.
P_WAVE: Final = 3.5
P_WAVE_PRICE: Final = 2.0  # taken from the log odds for each unit beyond it
IRREGULAR: Final = 0.1  # change between two intervals, as a share: in sinus rhythm few are larger
# Share of the energy under the beats in one line, from which it is a sawtooth: of the fibrillation in DS1 of mitdb,
# 95 % lies below 0.43.
SAWTOOTH: Final = 0.45
SAWTOOTH_UNIT: Final = 0.05  # above or below this is worth one unit of log likelihood, at most `SAWTOOTH_MOST`
SAWTOOTH_MOST: Final = 3.0
FLUTTER_CHANGE: Final = 10.0  # what a change between fibrillation and flutter costs: a sawtooth lasts some 10 s

Numbers = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class AtrialEvidence:
    """What speaks for fibrillation around some beats.

    Attributes
    ----------
    beat : (k,) intp
        The beats.
    log_odds : (k,) float64
        Calibrated log odds of fibrillation.
    usable : (k,) float64
        Share of the intervals close by that they could be taken from.
    constant_wave : (k,) float64
        Log ratio of what remains in an average of the signal before the QRS to what noise leaves; NaN where none could
        be taken.
    """

    beat: Places
    log_odds: Numbers
    usable: Numbers
    constant_wave: Numbers


def find_atrial(context: RhythmContext, conduction: FloatArray | None = None) -> list[Episode]:
    """Find atrial fibrillation and flutter.

    Boosted trees give the odds of fibrillation around every `STRIDE`-th beat, from the RR intervals of several windows
    without those at ectopic beats, and from the signal before the QRS if there is one: from averages, and from the P
    waves of single beats. A model of two states smooths them: `CHANGE` is the price of a change, so that a few beats
    make no episode and a few missing ones no gap, and where most intervals are left out, as in bigeminy, what was
    before goes on. Within an episode a second model of two states tells flutter, by the sawtooth that remains without
    the beats, from fibrillation. Flutter that conducts every second or fourth beat is regular: `find_regular_flutter`
    finds it.

    Parameters
    ----------
    context : RhythmContext
        Beats with their classes, all N if these are not known; the signal is not needed.
    conduction : (n, k) float32, optional
        What `conduction_of` returned for them, if it was asked before.

    Returns
    -------
    list of Episode
        AFIB and AFL, in order. An episode begins and ends halfway between two beats, or with the recording.

    References
    ----------
    Petrutiu S, Sahakian AV, Swiryn S. Europace 2007;9(7):466-470. doi:10.1093/europace/eum096 (the database that the
    trees were trained on).
    """
    if len(context) < BEATS_MIN:
        return []
    evidence = atrial_evidence(context, conduction)
    weight = evidence.usable * min(1.0, _step(evidence.beat) / STRIDE)
    scores = np.stack([np.zeros_like(weight), evidence.log_odds * weight], axis=1)
    found = _episodes(context, evidence, likeliest_states(scores, CHANGE) == 1)
    return [part for episode in found for part in _fibrillation_and_flutter(context, episode)]


def atrial_evidence(context: RhythmContext, conduction: FloatArray | None = None) -> AtrialEvidence:
    """Return the odds of fibrillation around some of the beats.

    Parameters
    ----------
    context : RhythmContext
        At least one beat.
    conduction : (n, k) float32, optional
        What `conduction_of` returned for them; measured if None.
    """
    found = measure_rr(context.rr_s, context.symbol)
    log_odds = _log_odds(INTERVALS, found.values)
    give_back()
    if context.conditioned is None:
        return AtrialEvidence(found.beat, log_odds, found.usable, np.full(log_odds.size, np.nan))
    waves = measure_p_waves(context.conditioned, context.time_s, context.rr_s, context.symbol, found.beat)
    around = measure_p_around(conduction_of(context) if conduction is None else conduction, context.symbol, found.beat)
    others = (_log_odds(WAVES, np.column_stack([waves.astype(np.float32), found.short])), _log_odds(P_WAVES, around))
    together = sum(part * odds for part, odds in zip(SHARES, (log_odds, *others), strict=True))
    measured, constant = waves.any(axis=1), waves[:, AVERAGED.index(P_WAVE_BEATS)]
    odds = np.where(measured, together - P_WAVE_PRICE * np.maximum(0, constant - P_WAVE), log_odds)
    return AtrialEvidence(found.beat, odds, found.usable, np.where(measured, constant, np.nan))


def _fibrillation_and_flutter(context: RhythmContext, episode: Episode) -> list[Episode]:
    """Divide an irregular stretch where a sawtooth begins or ends."""
    if context.conditioned is None:
        return [episode]
    middle_s, line = sawtooth(context.conditioned, context.time_s, episode.start_s, episode.stop_s)
    if not middle_s.size:
        return [episode]
    flutter = np.clip((line - SAWTOOTH) / SAWTOOTH_UNIT, -SAWTOOTH_MOST, SAWTOOTH_MOST)
    states = likeliest_states(np.stack([np.zeros_like(flutter), flutter], axis=1), FLUTTER_CHANGE)
    starts = np.flatnonzero(np.diff(states, prepend=-1))
    edges_s = [episode.start_s, *((middle_s[starts[1:]] + middle_s[starts[1:] - 1]) / 2).tolist(), episode.stop_s]
    parts = []
    for k, (first, stop) in enumerate(pairwise([*starts.tolist(), states.size])):
        part = replace(episode, start_s=edges_s[k], stop_s=edges_s[k + 1])
        height = share(float(np.median(line[first:stop])))
        why = f"a sawtooth of one frequency holds {height} of what lies under the beats"
        parts.append(replace(part, rhythm="AFL", evidence=why) if states[first] else part)
    return parts


def _log_odds(name: str, measures: NDArray[np.floating]) -> Numbers:
    p = load_detector(name).probabilities(measures).astype(np.float64)
    return np.asarray(np.clip(np.log(p[:, 1] + 1e-9) - np.log(p[:, 0] + 1e-9), -SURE, SURE), np.float64)


def _step(beat: Places) -> int:
    return int(beat[1] - beat[0]) if beat.size > 1 else 1


def _episodes(context: RhythmContext, evidence: AtrialEvidence, fibrillates: NDArray[np.bool_]) -> list[Episode]:
    """Return the stretches of places in fibrillation, each from halfway to the place before to halfway to the next."""
    time_s = context.time_s[evidence.beat]
    edges_s = np.concatenate([[0.0], (time_s[1:] + time_s[:-1]) / 2, [context.duration_s]])
    changes = np.flatnonzero(np.diff(np.concatenate([[False], fibrillates, [False]]).astype(np.int8)))
    return [
        Episode(
            float(edges_s[first]),
            float(edges_s[stop]),
            "AFIB",
            confidence=float(np.mean(1 / (1 + np.exp(-evidence.log_odds[first:stop])))),
            evidence=_evidence(context, evidence, int(first), int(stop)),
        )
        for first, stop in changes.reshape(-1, 2).tolist()
    ]


def _evidence(context: RhythmContext, evidence: AtrialEvidence, first: int, stop: int) -> str:
    """Say how irregular the intervals of an episode are, and what became of the P wave."""
    beats = slice(int(evidence.beat[first]), int(evidence.beat[stop - 1]) + 1)
    rr_s = context.rr_s[beats][np.isin(context.symbol[beats], ("N", "S"))]
    rr_s = rr_s[np.isfinite(rr_s)]
    changes = np.abs(np.diff(np.log(rr_s))) if rr_s.size > 1 else np.zeros(0)
    irregular = float(np.mean(changes > IRREGULAR)) if changes.size else 0.0
    waves = evidence.constant_wave[first:stop]
    waves = waves[np.isfinite(waves)]
    if not waves.size:
        p_wave = "P waves were not looked at"
    elif np.median(waves) < NO_P_WAVE:
        p_wave = "no constant wave before the QRS"
    else:
        p_wave = "a wave before the QRS in part of it"
    return f"{share(irregular)} of the intervals change by more than a tenth, without a pattern; {p_wave}"
