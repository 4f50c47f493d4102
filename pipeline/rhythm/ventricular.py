"""Ventricular fibrillation, flutter and tachycardia from the waveform itself, where beats may not be found at all.

Boosted trees tell second by second whether the ventricles beat on their own and fast; whether they do so in order
(tachycardia) or not (fibrillation) is measured by how well the waves repeat. A state model puts the seconds together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from models.detectors import Detector, load_detector
from models.threads import side_by_side
from pipeline.rhythm.brief_waves import brief_waves
from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.state_paths import likeliest_states, most_probable_path
from pipeline.rhythm.usual_beats import KnownBeats, across_gaps, without_usual_beats
from pipeline.rhythm.waveform_measures import LEAD_MEASURES, measured_parts, per_second
from pipeline.signal.conditioning import Conditioned
from pipeline.signal.gaps import runs
from pipeline.signal.pacing import sharp_spikes
from pipeline.types import Episode, FloatArray, IntArray

NAME: Final = "waveform"
CLASSES: Final = ("other", "ventricular")
OTHER, FIBRILLATION, TACHYCARDIA = 0, 1, 2

# Chosen on held-out records: python -m pipeline train --model waveform writes the scores.
NEEDED: Final = -1.4  # log odds from which a second counts for it: one in five, as a miss is worse than a doubt
WEIGHT: Final = 0.5  # of a second's log odds, because neighbouring windows share most of their signal
CHANGE: Final = 3.0  # cost of a change between any rhythm and a ventricular one
TURN: Final = 3.0  # cost of a change between fibrillation and tachycardia
# Correlation of waves with those before them, above which they are in order: tachycardia. Fast ones must repeat nearly
# perfectly: above 174/min, regular waves that change slightly are flutter or coarse fibrillation.
REPEATS_SLOW, REPEATS_FAST, REPEATS_SPREAD = 0.7, 0.94, 0.08
REPEATS_HZ: Final = (2.5, 2.9)
# Waves this fast are flutter however well they repeat: 250 to 350/min, doi:10.1161/CIR.0000000000000549. Known in
# steps of 0.24 Hz: that of 4.15 Hz, 242 to 256/min, counts.
FLUTTER_HZ: Final = 4.1
# Slower waves that repeat are no tachycardia that can be told from the waveform alone: classified beats tell it. Slow
# ones that do not repeat may be fibrillation of a dying heart, and need a little more evidence.
SLOW_HZ, SLOW_SHARE, SLOW_ODDS = 2.15, 0.4, -5.0
SLOW_REPEATS, SLOW_PRICE = 0.6, 1.0
SMOOTH_S: Final = 5
SPIKES_PER_S: Final = 0.05  # three a minute may be a pacemaker's
FLUTTER_SHARE: Final = 0.6  # of the power near one frequency: waves of one kind, flutter
LEAST_S: Final = 3.0
WITHIN_S: Final = 2  # half of the window in which waves may repeat
EDGE_S: Final = 6  # an edge moves by at most so much
BESIDE_S: Final = (2, 12)  # seconds from the edge in which each side is typical
# Root mean square of waves of 0.1 mV from peak to peak: lower ones are asystole. Kerber RE et al. 1997, AHA's
# recommendations for defibrillators, doi:10.1161/01.CIR.95.6.1677.
SILENT_MV: Final = 0.04

_HEIGHT, _DOMINANT, _SHARE, _REPEATS = (
    LEAD_MEASURES.index(name) for name in ("height", "dominant_hz", "dominant_share", "wave_repeats")
)


_SHAPE: Final = [
    LEAD_MEASURES.index(name)
    for name in ("height", "steepness", "kurtosis", "frequency", "slope_kurtosis", "quiet_slope", "quiet_height")
]


@dataclass(frozen=True, eq=False)
class VentricularSeconds:
    """What the waveform says of every second of a recording.

    Attributes
    ----------
    probability : (n_seconds,) float32
        That the rhythm is ventricular tachycardia, flutter or fibrillation; 0 where there is no signal
        or one too low for fibrillation.
    repeats : (n_seconds,) float32
        Correlation of the waves with those one period before, at most 1.
    wave_hz : (n_seconds,) float32
        Dominant frequency, Hz.
    share : (n_seconds,) float32
        Share of the power that lies within 0.5 Hz of it.
    shape : (n_seconds, k) float32
        What the waveform looks like in 3 s, to tell where it changes; (n_seconds, 0) if that is not known.
    brief : (n_seconds,) float32
        The same probability where a few seconds alone say so, whatever is around them; 0 elsewhere.
    """

    probability: FloatArray
    repeats: FloatArray
    wave_hz: FloatArray
    share: FloatArray
    shape: FloatArray
    brief: FloatArray


def waveform_probabilities(conditioned: Conditioned, detector: Detector | None = None) -> VentricularSeconds:
    """Tell for every second how probably the ventricles beat on their own and fast.

    Parameters
    ----------
    conditioned : Conditioned
        One or two filtered leads; neither order, sign nor scale matters.
    detector : Detector, optional
        Gives the probabilities; the shipped one by default.
    """
    of_leads = per_second(conditioned.signal, conditioned.fs)
    detector = load_detector(NAME) if detector is None else detector
    asked = partial(_ventricular, detector)
    answers = np.concatenate(list(side_by_side(asked, measured_parts(of_leads))))
    brief = brief_waves(of_leads, answers, asked, NEEDED)
    return seconds_of(of_leads, answers, brief, recorded_seconds(conditioned, of_leads.shape[1]))


def _ventricular(detector: Detector, rows: FloatArray) -> FloatArray:
    """Return the probability (n,) of a ventricular rhythm, given measures (n, k)."""
    return detector.probabilities(rows)[:, 1]


def seconds_of(
    of_leads: FloatArray, probability: FloatArray, brief: FloatArray, recorded: NDArray[np.bool_]
) -> VentricularSeconds:
    """Put the detector's answers together with what the state model needs to know of the waves.

    Parameters
    ----------
    of_leads : (n_leads, n_seconds, k) float32
        `per_second`.
    probability : (n_seconds,) float32
        The detector's answers.
    brief : (n_seconds,) float32
        `brief_waves`.
    recorded : (n_seconds,) bool
        Where there is a signal.
    """
    clearer = np.argmax(of_leads[:, :, _SHARE], axis=0)
    chosen = of_leads[clearer, np.arange(clearer.size)]
    silent = _smooth(of_leads[:, :, _HEIGHT].max(axis=0)) < np.log(SILENT_MV)
    heard = recorded & ~silent
    return VentricularSeconds(
        probability=np.where(heard, probability, 0).astype(np.float32),
        repeats=_smooth(of_leads[:, :, _REPEATS].max(axis=0)),
        wave_hz=_smooth(chosen[:, _DOMINANT]),
        share=_smooth(chosen[:, _SHARE]),
        shape=of_leads[:, :, _SHAPE].mean(axis=0),
        brief=np.where(heard, brief, 0).astype(np.float32),
    )


def recorded_seconds(conditioned: Conditioned, seconds: int) -> NDArray[np.bool_]:
    """Tell for each second (n_seconds,) whether its middle was recorded."""
    recorded = np.zeros(seconds, np.bool_)
    for start, stop in conditioned.segments:
        recorded[round(start / conditioned.fs) : round(stop / conditioned.fs)] = True
    return recorded


def ventricular_states(seconds: VentricularSeconds) -> IntArray:
    """Return the most probable state of every second: OTHER, FIBRILLATION (or flutter) or TACHYCARDIA.

    A hidden Markov model with three states, solved by Viterbi's algorithm. What a second shows counts `WEIGHT` times
    its log odds above `NEEDED`; to change the state costs `CHANGE` or `TURN`. The detector sees 20 s around each
    second, so edges are then put where the waveform itself changes.

    Parameters
    ----------
    seconds : VentricularSeconds
        What each second shows.

    Returns
    -------
    (n_seconds,) int64

    References
    ----------
    Viterbi A. IEEE Trans Inf Theory 1967;13(2):260-269. doi:10.1109/TIT.1967.1054010
    """
    odds = _odds(seconds)
    brief = (seconds.brief > 0) & ~_is_slow(seconds)
    if not (odds > 0).any() and not brief.any():
        return np.zeros(odds.size, np.int64)
    order = _order(seconds)
    gain = np.stack(
        [np.zeros(odds.size), WEIGHT * (odds - np.logaddexp(0, order)), WEIGHT * (odds - np.logaddexp(0, -order))]
    )
    states = most_probable_path(gain.T, np.array([[0, CHANGE, CHANGE], [CHANGE, 0, TURN], [CHANGE, TURN, 0]]))
    exact = with_exact_edges(states, seconds.shape)
    alone = brief & (exact == OTHER)
    return _kinds((exact != OTHER) | alone, np.where(alone, _order(seconds, brief=True), order))


def _kinds(ventricular: NDArray[np.bool_], order: NDArray[np.float64]) -> IntArray:
    """Return the states (n_seconds,), fibrillation and tachycardia told apart by what lies well within each episode.

    The measures of a second reach `WITHIN_S` to either side, into other beats: an edge is taken for what is inside.
    """
    states = np.zeros(ventricular.size, np.int64)
    for first, stop in runs(ventricular):
        margin = min(WITHIN_S, (stop - first - 1) // 2)
        inside = order[np.clip(np.arange(first, stop), first + margin, stop - 1 - margin)]
        gain = -WEIGHT * np.logaddexp(0, np.stack([inside, -inside], axis=1))
        states[first:stop] = FIBRILLATION + likeliest_states(gain, TURN)
    return states


def with_exact_edges(states: IntArray, shape: FloatArray) -> IntArray:
    """Move the edges of ventricular rhythms to where the waveform changes.

    Each second near an edge is given to the side whose typical waveform it is nearer to, all on one side of the new
    edge to that side; an edge stays where it is if one of its sides is short.

    Parameters
    ----------
    states : (n_seconds,) int64
        The most probable states.
    shape : (n_seconds, k) float32
        What the waveform looks like.

    Returns
    -------
    (n_seconds,) int64
    """
    exact, found = states.copy(), states != OTHER
    edges = np.flatnonzero(np.diff(found)) + 1
    bounds = [0, *edges.tolist(), states.size]
    for before, edge, after in zip(bounds[:-2], bounds[1:-1], bounds[2:], strict=True):
        moved = _exact_edge(shape, before, edge, after)
        if moved < edge:
            exact[moved:edge] = states[edge]
        exact[edge:moved] = states[edge - 1]
    return exact


def _exact_edge(shape: FloatArray, before: int, edge: int, after: int) -> int:
    """Return where the waveform changes between the edge before and the edge after this one."""
    near, far = BESIDE_S
    left, right = shape[max(before, edge - far) : edge - near], shape[edge + near : min(after, edge + far)]
    low, high = max(before + near, edge - EDGE_S), min(after - near, edge + EDGE_S)
    if min(len(left), len(right)) < near or low >= high or not shape.shape[1]:
        return edge
    usual_left, usual_right = np.median(left, axis=0), np.median(right, axis=0)
    spread = np.abs(left - usual_left).mean(axis=0) + np.abs(right - usual_right).mean(axis=0) + 1e-3
    piece = shape[low:high]
    nearer_left = ((np.abs(piece - usual_right) - np.abs(piece - usual_left)) / spread).sum(axis=1)
    so_far = np.concatenate([[0.0], np.cumsum(nearer_left)])
    return low + int(np.argmax(so_far))


def _order(seconds: VentricularSeconds, *, brief: bool = False) -> NDArray[np.float64]:
    """Log odds that waves are in order: a few that repeat are a run of beats, whose classes are known too."""
    fast = np.zeros(1) if brief else np.clip((seconds.wave_hz - REPEATS_HZ[0]) / (REPEATS_HZ[1] - REPEATS_HZ[0]), 0, 1)
    needed = REPEATS_SLOW + (REPEATS_FAST - REPEATS_SLOW) * fast
    order = np.where(seconds.wave_hz < FLUTTER_HZ, (seconds.repeats - needed) / REPEATS_SPREAD, -20)
    return np.asarray(np.clip(order, -20, 20), np.float64)


def _odds(seconds: VentricularSeconds) -> NDArray[np.float64]:
    p = np.clip(seconds.probability.astype(np.float64), 1e-5, 1 - 1e-5)
    odds = np.log(p / (1 - p))
    if_slow = np.where(seconds.repeats > SLOW_REPEATS, np.minimum(odds, SLOW_ODDS), odds - SLOW_PRICE)
    return np.where(_is_slow(seconds), if_slow, odds) - NEEDED


def _is_slow(seconds: VentricularSeconds) -> NDArray[np.bool_]:
    return (seconds.wave_hz < SLOW_HZ) & (seconds.share > SLOW_SHARE)


def find_ventricular(context: RhythmContext, detector: Detector | None = None) -> list[Episode]:
    """Find ventricular fibrillation and flutter (VFL) and ventricular tachycardia (VT) in the signal.

    Parameters
    ----------
    context : RhythmContext
        Its signal, and its beats to tell where the usual ones go on. Without a signal nothing is found.
    detector : Detector, optional
        The shipped one by default.

    Returns
    -------
    list of Episode
        At least 3 s each, in order, to about a second.
    """
    if context.conditioned is None or not context.conditioned.signal.size:
        return []
    seconds = waveform_probabilities(context.conditioned, detector)
    if not (ventricular_states(seconds) != OTHER).any():
        return []
    known = KnownBeats(context.conditioned.signal, context.conditioned.fs, context.time_s, _is_spiky(context))
    return ventricular_episodes(seconds, context.duration_s, confirmed_states(seconds, known))


def _is_spiky(context: RhythmContext) -> bool:
    """Tell whether a lead of the recording has sharp spikes, as often as a pacemaker would."""
    recording = context.recording
    if recording is None:
        return False
    leads = (recording.p_signal[:, recording.leads.index(name)] for name in context.leads)
    return any(sharp_spikes(lead, recording.fs).sample.size > SPIKES_PER_S * recording.duration_s for lead in leads)


def confirmed_states(seconds: VentricularSeconds, known: KnownBeats) -> IntArray:
    """Return the state of every second (n_seconds,), checked against the usual beats of the recording.

    Where they go on, nothing ventricular does; where they do not come back between two episodes, these are one.

    Parameters
    ----------
    seconds : VentricularSeconds
        What each second shows.
    known : KnownBeats
        Beats and signal; without a beat, the states are those of `ventricular_states`.
    """
    uncut = ventricular_states(seconds)
    if not known.time_s.size:
        return uncut
    states = without_usual_beats(uncut, known)
    for first, last in runs(states != OTHER):
        if last - first < LEAST_S:
            states[first:last] = uncut[first:last] = OTHER
    return across_gaps(states, uncut, seconds.probability, known)


def ventricular_episodes(
    seconds: VentricularSeconds, duration_s: float, states: IntArray | None = None
) -> list[Episode]:
    """Return the episodes (VFL and VT, in order) that the state model sees in a recording.

    Parameters
    ----------
    seconds : VentricularSeconds
        What each second shows.
    duration_s : float
        Duration of the recording, at which the last episode may end.
    states : (n_seconds,) int64, optional
        The state of every second; `ventricular_states` by default.
    """
    states = ventricular_states(seconds) if states is None else states
    edges = np.flatnonzero(np.diff(states, prepend=OTHER, append=OTHER))
    spans = [(int(a), int(b)) for a, b in pairwise(edges) if states[a] != OTHER]
    long = [(a, b) for a, b in spans if min(b, duration_s) - a >= min(LEAST_S, duration_s)]
    return [_episode(seconds, a, b, int(states[a]), duration_s) for a, b in long]


def _episode(seconds: VentricularSeconds, first: int, last: int, state: int, duration_s: float) -> Episode:
    span = slice(first, last)
    hz, confidence = (
        float(np.median(seconds.wave_hz[span])),
        float(np.mean(np.maximum(seconds.probability, seconds.brief)[span])),
    )
    stop_s = duration_s if last >= seconds.probability.size else min(float(last), duration_s)
    if state == TACHYCARDIA:
        evidence = f"broad waves that repeat at {60 * hz:.0f}/min without isoelectric line"
        return Episode(float(first), stop_s, "VT", "", confidence, evidence)
    flutter = float(np.median(seconds.share[span])) >= FLUTTER_SHARE
    evidence = f"{hz:.1f} Hz waves{'' if flutter else ' of changing shape'} without isoelectric line, no QRS"
    return Episode(float(first), stop_s, "VFL", "VFL" if flutter else "VF", confidence, evidence)


def _smooth(values: FloatArray) -> FloatArray:
    return np.asarray(median_filter(values, SMOOTH_S, mode="nearest"), np.float32)
