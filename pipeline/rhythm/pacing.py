"""Paced beats and paced rhythm: beats that follow the stimulus of a pacemaker.

Two ways lead there. Where the recorder left spikes sharper than any wave, they are found as such and told apart by
their place: before the P wave or before the QRS. Where it filtered them, boosted trees judge how abruptly each beat
begins; the stimulus that the surely paced beats have in common then decides on the others.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from models.detectors import Detector, load_detector
from models.threads import side_by_side
from pipeline.rhythm.context import RhythmContext
from pipeline.signal.gaps import runs
from pipeline.signal.pacing import (
    Stimuli,
    beat_rows,
    sharp_spikes,
    stimulus_likeness,
    stimulus_measures,
)
from pipeline.types import Episode, FloatArray, IntArray, read_only

NAME: Final = "paced"
# From this rate the edge of a filtered stimulus remains. In 40 h of svdb, DS1 and vfdb at 125 and 128 Hz nothing is
# taken for one slower than `FASTEST_S`.
LEAST_FS_HZ: Final = 120.0
FASTEST_S: Final = 0.5  # between paced beats: upper rates are set to 100 to 120/min
LEADS: Final = 2  # leads that are looked at
LOG_ODDS: Final = 6.0  # of one beat count no more than this
NEIGHBOURS: Final = 9  # beats whose median log odds are added to those of a beat
SEED: Final = 3.0  # log odds, own and neighbours', of a surely paced beat
SEEDS: Final = 8  # surely paced beats from which the common stimulus is taken
SEED_LIKENESS: Final = 0.85  # their median correlation with it: otherwise they have none in common
# Of the beats that begin alike, so many are surely paced by themselves, or what they share is the QRS. Single leads of
# mitdb's paced records have 0.8 and more, vfdb 602 0.17; 101 and 222, lead by lead, 0.01 to 0.04 without a pacemaker.
SEED_SHARE: Final = 0.1
LATE_R_S: Final = 0.06  # after the onset, in the median: measures are then taken from the onset
# Correlation with the common stimulus from which a beat is paced, less this for each unit of its own log odds: of a
# fusion beat only the beginning is alike. Chosen on paced records of mitdb, each left out in turn.
LIKENESS, LIKENESS_OF_ODDS, ODDS_MAX = 0.58, 0.02, 2.0
GAIN: Final = (0.4, 1.7)
VENTRICULAR_S: Final = (-0.008, 0.14)  # a ventricular spike is so long before R
ATRIAL_S: Final = (0.09, 0.45)  # an atrial spike is so long before R, or before the ventricular spike
ON_R_S: Final = 0.008  # a spike so near to R may be R itself, unless ...
ON_R_SHARE: Final = 0.1  # of all beats have one there
BEAT_REACH_S: Final = 0.15  # around R, where the height of a beat is measured
HEIGHT: Final = 0.1  # of the median height of the beats, which a spike has at least
ATRIAL_SHARE: Final = 0.2  # of all beats, at least, that follow a paced P wave
STEADY_S: Final = 0.015  # half width of the place where atrial spikes stand
SHARP_ODDS: Final = -1.5  # median log odds, by their shape, of beats with spikes; less has the sharp r wave of a QRS
PLACED: Final = 0.6  # share of the spikes that stand before beats: stray spikes are noise
SPIKES: Final = 3  # at least
HINT_FROM_S, HINT_CYCLE_S, HINT_S = 2400.0, 120.0, 20.0  # of longer recordings, 20 s of every 2 min are sampled first
HINT_ODDS, HINT_SHARE = 2.0, 0.005  # log odds of a beat that may be paced, and share of such beats
EPISODE_BEATS: Final = 3  # paced beats of an episode
BRIDGED_BEATS: Final = 3  # unpaced beats in a row that do not end it
BEFORE_S: Final = 0.25  # an episode begins so long before its first R peak
KIND_SHARE: Final = 0.5  # of its beats with an atrial spike, from which an episode is atrial or dual


@dataclass(frozen=True, eq=False)
class Pacing:
    """Which beats were paced where.

    Attributes
    ----------
    ventricular, atrial : (n,) bool
        Beats with a stimulus before the QRS (fusion beats too), and before the P wave.
    confidence : (n,) float32
        Probability that the beat is paced, 0..1.
    sharp : bool
        Whether spikes could be seen as such.
    """

    ventricular: NDArray[np.bool_]
    atrial: NDArray[np.bool_]
    confidence: FloatArray
    sharp: bool

    @property
    def any(self) -> NDArray[np.bool_]:
        """Beats (n,) with a stimulus of either kind."""
        return self.ventricular | self.atrial


def read_pacing(context: RhythmContext, detector: Detector | None = None) -> Pacing:
    """Tell which beats are paced, from the recording at its own rate.

    Below 200 Hz a sharp spike cannot be told from a QRS, below 120 Hz no stimulus: no beat is paced then, as without a
    signal.

    Parameters
    ----------
    context : RhythmContext
        The beats and the recording.
    detector : Detector, optional
        Another one than `paced`.
    """
    recording, n = context.recording, len(context)
    unpaced = read_only(np.zeros(n, np.bool_))
    nothing = Pacing(unpaced, unpaced, read_only(np.zeros(n, np.float32)), False)
    if recording is None or n == 0 or recording.fs < LEAST_FS_HZ:
        return nothing
    detector = detector or load_detector(NAME)
    names = context.leads or recording.leads
    columns = [recording.leads.index(name) for name in names if name in recording.leads][:LEADS]
    p_signal = recording.p_signal[:, columns[0] :: columns[-1] - columns[0] or 1][:, : len(columns)]  # not copied
    at = np.round(context.time_s * recording.fs).astype(np.int64)
    sampled = _sampled(at, recording.n_samples, recording.fs)
    stimuli, own = _measured(p_signal, at[sampled], recording.fs, detector)
    if not sampled.all():  # a day is not measured for nothing
        if not _hinted(p_signal, at, recording.fs, own):
            return nothing
        others, own_of_others = _measured(p_signal, at[~sampled], recording.fs, detector)
        stimuli, own = _together(sampled, stimuli, others), _joined(sampled, own, own_of_others)
    confidence = _filtered_stimuli(p_signal, at, recording.fs, stimuli, own)
    ventricular, atrial = _sharp_stimuli(p_signal, at, recording.fs, own)
    sharp = bool((ventricular | atrial).any())
    confidence = np.where(ventricular | atrial, np.maximum(confidence, 0.98), confidence).astype(np.float32)
    return Pacing(
        read_only(ventricular | (confidence > 0.5) & ~atrial), read_only(atrial), read_only(confidence), sharp
    )


def paced_beats(context: RhythmContext, pacing: Pacing | None = None) -> NDArray[np.bool_]:
    """Tell which beats (n,) follow a ventricular stimulus, fusion beats included.

    Parameters
    ----------
    context : RhythmContext
        The beats and the recording.
    pacing : Pacing, optional
        What `read_pacing` said, if that was asked before.
    """
    return (read_pacing(context) if pacing is None else pacing).ventricular


def unpaced_as_conducted(context: RhythmContext, pacing: Pacing) -> RhythmContext:
    """Return the beats with the class N for Q where the network is sure of Q, but no stimulus stands before the beat.

    In atrial fibrillation with a pacemaker on demand, the network calls the heart's own beats Q beside paced ones of a
    similar shape. Their intervals tell of the atria as those of N beats do. Beats that are Q because their class is not
    known stay Q, as do all without a signal, where an annotated Q may mean a paced beat.

    Parameters
    ----------
    context : RhythmContext
        The beats and the recording.
    pacing : Pacing
        What `read_pacing` said of them.
    """
    if context.recording is None:
        return context
    own = (context.symbol == "Q") & context.trusted & ~pacing.any
    return replace(context, symbol=np.where(own, "N", context.symbol))


def find_pacing(context: RhythmContext, pacing: Pacing | None = None) -> list[Episode]:
    """Find stretches of paced rhythm.

    Parameters
    ----------
    context : RhythmContext
        The beats and the recording.
    pacing : Pacing, optional
        What `read_pacing` said, if that was asked before.
    """
    known = read_pacing(context) if pacing is None else pacing
    return [_episode(context, known, first, stop) for first, stop in _stretches(known.any)]


def _sampled(at: IntArray, n_samples: int, fs: float) -> NDArray[np.bool_]:
    """Tell which beats (n,) are looked at first: all of a short recording, samples of a long one."""
    if n_samples <= HINT_FROM_S * fs:
        return np.ones(at.size, np.bool_)
    return np.asarray(at % round(HINT_CYCLE_S * fs) < round(HINT_S * fs))


def _hinted(p_signal: FloatArray, at: IntArray, fs: float, own: FloatArray) -> bool:
    """Tell whether anything in samples of a long recording looks like a stimulus.

    Parameters
    ----------
    p_signal : (n_samples, n_leads) float32
        The recording.
    at : (n,) int64
        All of its beats.
    fs : float
        Its sampling frequency, Hz.
    own : (k,) float32
        Log odds of the beats in the samples.
    """
    if (own > HINT_ODDS).sum() >= max(SPIKES, HINT_SHARE * own.size):
        return True
    cycle, part = round(HINT_CYCLE_S * fs), round(HINT_S * fs)
    samples = p_signal[: p_signal.shape[0] // cycle * cycle].reshape(-1, cycle, p_signal.shape[1])[:, :part]
    some = at[(at % cycle < part) & (at < p_signal.shape[0] // cycle * cycle)]
    beats = some // cycle * part + some % cycle
    return any(_tall_spikes(lead, beats, fs).size >= SPIKES for lead in samples.reshape(-1, p_signal.shape[1]).T)


def _joined(first: NDArray[np.bool_], some: NDArray[Any], others: NDArray[Any]) -> NDArray[Any]:
    """Return what is known of the first beats and of the others in the order of the beats (n, ...)."""
    both = np.empty((first.size, *some.shape[1:]), some.dtype)
    both[first], both[~first] = some, others
    return both


def _together(first: NDArray[np.bool_], some: Stimuli, others: Stimuli) -> Stimuli:
    return Stimuli(_joined(first, some.measures, others.measures), _joined(first, some.onset, others.onset))


def _measured(p_signal: FloatArray, at: IntArray, fs: float, detector: Detector) -> tuple[Stimuli, FloatArray]:
    """Return what is measured of the stimuli of beats, and the log odds (n,) that each beat is paced, by itself.

    Measures change with the place in the beat that they are taken from. The trees know paced beats whose R peak is
    near the stimulus; in a lead with a small broad QRS it comes long after it. The place of the stimulus is then
    measured from instead.

    Parameters
    ----------
    p_signal : (n_samples, n_leads) float32
        One or two leads as recorded, mV.
    at : (n,) int64
        R peaks, indices into `p_signal`.
    fs : float
        Sampling frequency, Hz.
    detector : Detector
        The trees.
    """
    stimuli = stimulus_measures(p_signal, at, fs)
    own = _beat_log_odds(stimuli, detector)
    if not at.size or float(np.median(at - stimuli.onset)) < LATE_R_S * fs or _enough(_sure(own)):
        return stimuli, own
    again = stimulus_measures(p_signal, np.clip(stimuli.onset, 0, len(p_signal) - 1), fs)
    return again, _beat_log_odds(again, detector)


def _sure(own: FloatArray) -> FloatArray:
    """Return the log odds (n,) of beats together with those of their neighbours."""
    return np.asarray(own + median_filter(own, NEIGHBOURS, mode="nearest"), np.float32)


def _enough(both: FloatArray) -> bool:
    """Tell whether so many of the beats (n,) are surely paced that the stimulus can be learnt from them."""
    return int((both > SEED).sum()) >= min(SEEDS, max(3, both.size // 2))


def _filtered_stimuli(p_signal: FloatArray, at: IntArray, fs: float, stimuli: Stimuli, own: FloatArray) -> FloatArray:
    """Return the probability (n,) that each beat begins with a stimulus, by its shape."""
    both = _sure(own)
    seeds = both > SEED
    if not _enough(both) or _is_too_fast(at / fs, seeds):
        return np.zeros(at.size, np.float32)
    likeness, gain = stimulus_likeness(p_signal, at, fs, seeds=seeds, onset=stimuli.onset)
    if np.median(likeness[seeds]) < SEED_LIKENESS:
        return np.zeros(at.size, np.float32)
    needed = LIKENESS - LIKENESS_OF_ODDS * np.minimum(own, ODDS_MAX)
    paced = (likeness > needed) & (gain > GAIN[0]) & (gain < GAIN[1])
    if seeds.sum() < SEED_SHARE * paced.sum():
        return np.zeros(at.size, np.float32)
    sure = 1 / (1 + np.exp(-np.clip(both / 2, -4, 4)))
    return np.asarray(np.where(paced, np.maximum(sure, 0.5 + likeness / 2), np.minimum(sure, 0.4) * 0.5), np.float32)


def _is_too_fast(time_s: NDArray[np.float64], seeds: NDArray[np.bool_]) -> bool:
    """Tell whether the surely paced of the beats (n,) come faster than a pacemaker lets them."""
    between = np.diff(time_s)[seeds[1:]]
    return bool(between.size) and float(np.median(between)) < FASTEST_S


def _beat_log_odds(stimuli: Stimuli, detector: Detector) -> FloatArray:
    """Return the log odds (n,) that a beat is paced, by its own shape alone, within +-`LOG_ODDS`."""
    if not len(stimuli.measures):
        return np.zeros(0, np.float32)
    p = detector.probabilities(stimuli.measures)
    odds = np.log(np.maximum(p[:, 1], 1e-6)) - np.log(np.maximum(p[:, 0], 1e-6))
    return np.asarray(np.clip(odds, -LOG_ODDS, LOG_ODDS), np.float32)


def _sharp_stimuli(
    p_signal: FloatArray, at: IntArray, fs: float, own: FloatArray
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which beats (n,) have a sharp spike before the QRS, and which before the P wave."""
    nothing = np.zeros(at.size, np.bool_)
    spikes = np.unique(np.concatenate(list(side_by_side(lambda lead: _tall_spikes(lead, at, fs), p_signal.T))))
    spikes = spikes[np.diff(spikes, prepend=-fs) > 0.02 * fs] / fs
    if spikes.size < SPIKES:
        return nothing, nothing
    r_s = at / fs
    before = _before(spikes, r_s, VENTRICULAR_S)
    on_r = np.abs(before) < ON_R_S
    late = _steady(before, ~on_r) | _steady(before, on_r & (on_r.mean() >= ON_R_SHARE))
    anchor = np.where(late, r_s - before, r_s)  # the ventricular spike, or R
    early = _before(spikes, anchor, ATRIAL_S)
    atrial = _steady(early, late) | _steady(early, ~late)
    if late.sum() + atrial.sum() < PLACED * spikes.size:
        return nothing, nothing
    if late.any() and np.median(own[late]) < SHARP_ODDS:
        return nothing, nothing
    return late, atrial if atrial.mean() >= ATRIAL_SHARE else nothing


def _tall_spikes(lead: FloatArray, at: IntArray, fs: float) -> IntArray:
    """Return the sharp spikes (k,) of a lead that are not small beside its beats."""
    spikes, reach = sharp_spikes(lead, fs), round(BEAT_REACH_S * fs)
    if not spikes.sample.size:
        return spikes.sample
    heights = np.concatenate([np.ptp(rows, axis=1) for rows in beat_rows(lead, at, -reach, reach + 1)])
    return np.asarray(spikes.sample[spikes.height >= HEIGHT * np.median(heights)])


def _before(spikes_s: NDArray[np.float64], r_s: NDArray[np.float64], span: tuple[float, float]) -> NDArray[np.float64]:
    """Return by how many seconds the last spike of the span stands before each R (n,), NaN where there is none."""
    index = np.searchsorted(spikes_s, r_s - span[0], side="right") - 1
    apart = r_s - spikes_s[np.maximum(index, 0)]
    return np.where((index >= 0) & (apart <= span[1]), apart, np.nan)


def _steady(early: NDArray[np.float64], among: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Tell which beats (n,) have a spike at the interval at which most of them have it."""
    known = among & np.isfinite(early)
    if known.sum() < SPIKES:
        return np.zeros(early.size, np.bool_)
    steady = known & (np.abs(early - np.median(early[known])) <= STEADY_S)
    return steady if steady.sum() >= max(SPIKES, PLACED * known.sum()) else np.zeros(early.size, np.bool_)


def _stretches(paced: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return the stretches [first, stop) of beats that are paced but for a few in a row."""
    held = paced.copy()
    for first, stop in runs(~paced):
        held[first:stop] = held[first:stop] | (stop - first <= BRIDGED_BEATS and first > 0 and stop < paced.size)
    return [(a, b) for a, b in runs(held) if paced[a:b].sum() >= EPISODE_BEATS]


def _episode(context: RhythmContext, pacing: Pacing, first: int, stop: int) -> Episode:
    ventricular, atrial, paced = (part[first:stop] for part in (pacing.ventricular, pacing.atrial, pacing.any))
    dual = (ventricular & atrial).sum() >= KIND_SHARE * ventricular.sum() > 0
    detail = "dual chamber" if dual else "atrial" if atrial.sum() > ventricular.sum() else "ventricular"
    where = {"dual chamber": "P wave and QRS", "atrial": "P wave", "ventricular": "QRS"}[detail]
    what = "spikes" if pacing.sharp else "filtered spikes"
    start_s = max(0.0, float(context.time_s[first]) - BEFORE_S)
    after = float(context.time_s[stop]) - BEFORE_S if stop < len(context) else context.duration_s
    stop_s = min(after, float(context.time_s[stop - 1]) + 2.0)
    return Episode(
        start_s,
        max(stop_s, start_s),
        "P",
        detail,
        round(float(pacing.confidence[first:stop][paced].mean()), 3),
        f"{what} before the {where} of {int(paced.sum())} of {stop - first} beats",
    )
