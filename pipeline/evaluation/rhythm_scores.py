"""How well named rhythms agree with annotated ones: seconds, episodes, burdens and false alarms.

Everything starts from tuples of `Episode`. Time that nobody annotated, and time in states that a target leaves out,
counts for nothing. Estimates over several records carry intervals from drawing the patients anew (`bootstrap`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.datasets.rhythm_references import HIGH_GRADE
from pipeline.evaluation import bootstrap
from pipeline.evaluation.metrics import Scores
from pipeline.evaluation.schema import Estimate
from pipeline.labels import aami_class
from pipeline.types import RHYTHM_CODES, Episode

FloatArray = NDArray[np.float64]
Span = tuple[float, float]  # start and stop, seconds

UNKNOWN: Final = ""
VF: Final = "VF"
HGEA: Final = "HGEA"
OTHER_VT: Final = "short or slow VT"
STATES: Final = (UNKNOWN, *RHYTHM_CODES, VF, HGEA, OTHER_VT)
_INDEX: Final = MappingProxyType({state: index for index, state in enumerate(STATES)})

VT_LEAST_S: Final = 3.0  # shorter annotated VT is no target; it is no false alarm either
VT_LEAST_BPM: Final = 100.0  # of ventricular tachycardia; slower runs are idioventricular
VT_LEAST_BEATS: Final = 3
PAUSE_LEAST_S: Final = 2.45  # an interval of 2.5 s, the shortest pause that is scored, found 50 ms too short
NEAR_S: Final = 0.15  # EC57's match window: peaks and annotated changes are that exact at best
_TOUCHING_S: Final = 1e-3
_HOURS_OF_A_DAY: Final = 24.0


@dataclass(frozen=True)
class Target:
    """A question to put to named rhythms.

    Attributes
    ----------
    name, title : str
        Its key, and its name for readers.
    truth : frozenset of str
        The annotated states that should be found.
    named : frozenset of str
        The named rhythms that count as found.
    left_out : frozenset of str
        Annotated states that do not count, besides time that nobody annotated.
    least_s : float
        Shorter annotated episodes are not looked for, in the count of episodes.
    """

    name: str
    title: str
    truth: frozenset[str]
    named: frozenset[str]
    left_out: frozenset[str] = frozenset()
    least_s: float = 0.0


@dataclass(frozen=True)
class EpisodeCount:
    """How many annotated episodes there are, how many of them were found, how many were named, how many rightly."""

    annotated: int
    found: int
    named: int
    right: int


@dataclass(frozen=True)
class Alarm:
    """A kind of named rhythm that would call somebody.

    Attributes
    ----------
    name, title : str
        Its key, and its name for readers.
    named : frozenset of str
        The named rhythms.
    truth : frozenset of str
        The annotated states that justify it.
    """

    name: str
    title: str
    named: frozenset[str]
    truth: frozenset[str]


def _target(
    name: str, title: str, truth: str, named: str = "", *, left_out: str = "NOISE", least_s: float = 0.0
) -> Target:
    truth_states, named_states = frozenset(truth.split()), frozenset((named or truth).split())
    without = frozenset(left_out.split()) | ({OTHER_VT} if truth_states & {"VT", "IVR"} else set())
    return Target(name, title, truth_states, named_states, without, least_s)


TARGETS: Final = (
    _target("sinus", "Sinus rhythm", "N SBR ST", left_out=f"NOISE BI {HGEA}"),
    _target("SBR", "Sinus bradycardia", "SBR"),
    _target("AFIB", "Atrial fibrillation", "AFIB"),
    _target("AFIB_AFL", "Atrial fibrillation or flutter", "AFIB AFL"),
    _target("AFL", "Atrial flutter", "AFL"),
    _target("SVTA", "Supraventricular tachycardia", "SVTA"),
    _target("NOD", "Junctional rhythm", "NOD"),
    _target("B", "Ventricular bigeminy", "B"),
    _target("T", "Ventricular trigeminy", "T"),
    _target("VT", "Ventricular tachycardia", "VT"),
    _target("VT_any", "Ventricular tachycardia, named VT, VF or VFL", "VT", "VT VFL VF", left_out="NOISE VFL VF"),
    _target("IVR", "Idioventricular rhythm", "IVR"),
    _target("VF_VFL", "Ventricular fibrillation or flutter", "VF VFL"),
    _target("VF_VFL_4s", "Ventricular fibrillation or flutter, 4 s and more", "VF VFL", least_s=4.0),
    _target("VF", "Ventricular fibrillation", "VF"),
    _target("VFL", "Ventricular flutter", "VFL"),
    _target("shockable", "VF, VFL or VT", "VF VFL VT"),
    _target("ASYS", "Asystole or pause", "ASYS"),
    _target("BI", "First-degree block", "BI"),
    _target("BII", "Second-degree block", "BII"),
    _target("BIII", "Third-degree block", "BIII"),
    _target("P", "Paced", "P"),
    _target("NOISE", "Unreadable", "NOISE", left_out=""),
)
ALARMS: Final = (
    Alarm("VT_VF", "VT or VF", frozenset({"VT", "VFL", VF}), frozenset({"VT", OTHER_VT, "VFL", VF, HGEA})),
    Alarm("AF", "AF or flutter", frozenset({"AFIB", "AFL"}), frozenset({"AFIB", "AFL"})),
    Alarm("ASYS", "Asystole or pause", frozenset({"ASYS"}), frozenset({"ASYS"})),
    Alarm("block", "Second- or third-degree block", frozenset({"BII", "BIII"}), frozenset({"BII", "BIII"})),
    Alarm("P", "Paced", frozenset({"P"}), frozenset({"P"})),
)


def state_of(episode: Episode) -> str:
    """Return the state, one of `STATES`, that an episode stands for: fibrillation and flutter have one code."""
    if episode.rhythm == "VFL":
        return VF if episode.detail == VF else "VFL"
    return {HIGH_GRADE: HGEA, OTHER_VT: OTHER_VT}.get(episode.detail, episode.rhythm)


def graded(annotated: Sequence[Episode], beats_s: FloatArray | None = None) -> tuple[Episode, ...]:
    """Mark annotated ventricular tachycardia that is too short or too slow for a target: `OTHER_VT` as its detail.

    Parameters
    ----------
    annotated : sequence of Episode
        Rhythms of a record.
    beats_s : (n,) float64, optional
        Times of its reference beats, seconds; without them, tachycardia counts as fast.
    """
    times = np.empty(0) if beats_s is None else beats_s
    return tuple(replace(e, detail=OTHER_VT) if e.rhythm == "VT" and _is_other_vt(e, times) else e for e in annotated)


def time_matrix(annotated: Sequence[Episode], named: Sequence[Episode]) -> FloatArray:
    """Add up the seconds that a record spends in each annotated state while each rhythm is named.

    Parameters
    ----------
    annotated, named : sequence of Episode
        In order, without overlap; neither need cover the record.

    Returns
    -------
    (n_states, n_states) float64
        By annotated and by named state, as in `STATES`; the first of either is what is not annotated or not named.

    Raises
    ------
    ValueError
        If episodes overlap, or are out of order.
    """
    pieces = common_pieces(annotated, named)
    rows, columns = (
        state_numbers(episodes)[index] for episodes, index in zip((annotated, named), pieces[:2], strict=True)
    )
    flat = np.bincount(rows * len(STATES) + columns, weights=pieces[2], minlength=len(STATES) ** 2)
    return flat.astype(np.float64).reshape(len(STATES), len(STATES))


def matrix_of(seconds: Mapping[str, Mapping[str, float]]) -> FloatArray:
    """Return a matrix as `time_matrix` does, of its seconds by annotated and by named state."""
    matrix = np.zeros((len(STATES), len(STATES)))
    for annotated, row in seconds.items():
        for named, value in row.items():
            matrix[_INDEX[annotated], _INDEX[named]] = value
    return matrix


def time_counts(matrix: FloatArray, target: Target) -> FloatArray:
    """Return TP, FN, FP and TN (..., 4) in seconds, of `time_matrix` results (..., n_states, n_states)."""
    truth, named = _mask(target.truth), _mask(target.named)
    other = ~(truth | _mask(target.left_out | {UNKNOWN}))
    parts = [(truth, named), (truth, ~named), (other, named), (other, ~named)]
    return np.stack([matrix[..., rows, :][..., columns].sum(axis=(-2, -1)) for rows, columns in parts], axis=-1)


def time_scores(counts: FloatArray) -> Scores:
    """Return Se, Sp, PPV and F1 of TP, FN, FP and TN (..., 4); NaN where nothing defines them."""
    tp, fn, fp, tn = np.moveaxis(np.asarray(counts, np.float64), -1, 0)
    ratios = {"se": (tp, tp + fn), "sp": (tn, tn + fp), "ppv": (tp, tp + fp), "f1": (2 * tp, 2 * tp + fn + fp)}
    return {name: _ratio(*pair) for name, pair in ratios.items()}


def episode_count(
    annotated: Sequence[Episode], named: Sequence[Episode], target: Target, *, least_share: float = 0.0
) -> EpisodeCount:
    """Count episodes as EC57 does for AF and VF: one is found, or right, if it overlaps one of the other list.

    Parameters
    ----------
    annotated, named : sequence of Episode
        In order, without overlap.
    target : Target
        What is looked for. Touching episodes of it count as one.
    least_share : float, optional
        An annotated episode is found if more than this share of it is named.

    Returns
    -------
    EpisodeCount
        A named episode that is not right, but touches time that is left out, is in neither number; nor is one in time
        that nobody annotated.

    References
    ----------
    ANSI/AAMI EC57:2012, 5.3; epicmp of the WFDB software package. Deviation: no learning period of five minutes.
    """
    wanted, answers = _joined(annotated, target.truth), _joined(named, target.named)
    asked = wanted[_lengths(wanted) >= target.least_s]
    found = _shared_s(asked, answers) > least_share * _lengths(asked)
    right = _shared_s(answers, wanted) > 0
    told = _shared_s(answers, _joined(annotated, frozenset(STATES))) > 0
    is_wrong = ~right & told & (_shared_s(answers, _joined(annotated, target.left_out)) <= 0)
    return EpisodeCount(len(asked), int(found.sum()), int((right | is_wrong).sum()), int(right.sum()))


def missed_episodes(annotated: Sequence[Episode], named: Sequence[Episode], target: Target) -> tuple[Span, ...]:
    """Return the annotated episodes of a target, of `least_s` and more, no part of which is named so.

    Parameters
    ----------
    annotated, named : sequence of Episode
        In order, without overlap.
    target : Target
        What is looked for.
    """
    wanted = _joined(annotated, target.truth)
    asked = wanted[_lengths(wanted) >= target.least_s]
    return _as_spans(asked[_shared_s(asked, _joined(named, target.named)) <= 0])


def false_alarms(
    annotated: Sequence[Episode], named: Sequence[Episode], alarm: Alarm, *, justified: Sequence[Span] = ()
) -> tuple[Span, ...]:
    """Return the named episodes of an alarm that nothing justifies.

    Parameters
    ----------
    annotated, named : sequence of Episode
        In order, without overlap. Without any annotated episode, only `justified` decides.
    alarm : Alarm
        The alarm.
    justified : sequence of (float, float), optional
        More that justifies it, in seconds: runs of V beats, long intervals.

    Returns
    -------
    tuple of (float, float)
        Start and stop, seconds. An alarm within `NEAR_S` of something that justifies it is none of them, nor is one
        that touches what the reader found unreadable.
    """
    excuses = np.concatenate([np.array(justified, float).reshape(-1, 2), _joined(annotated, alarm.truth | {"NOISE"})])
    answers = _joined(named, alarm.named)
    return _as_spans(answers[_shared_s(answers, excuses + np.array([-NEAR_S, NEAR_S])) <= 0])


def ventricular_runs(
    time_s: FloatArray, symbol: Sequence[str], *, least_beats: int = VT_LEAST_BEATS, least_bpm: float = VT_LEAST_BPM
) -> tuple[Span, ...]:
    """Return the runs of V beats that are tachycardia, from the first peak to the last.

    Parameters
    ----------
    time_s : (n,) float64
        Reference beats, seconds, in order.
    symbol : sequence of str
        WFDB symbol of each.
    least_beats : int, optional
        Fewest beats of a run.
    least_bpm : float, optional
        Slowest mean rate, beats a minute.
    """
    is_v = np.array([aami_class(each) == "V" for each in symbol], bool)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], is_v, [False]]).astype(np.int8)))
    runs = []
    for first, after in edges.reshape(-1, 2):
        start_s, stop_s, beats = float(time_s[first]), float(time_s[after - 1]), int(after - first)
        if beats >= least_beats and 60 * (beats - 1) >= least_bpm * (stop_s - start_s) - _TOUCHING_S:
            runs.append((start_s, stop_s))
    return tuple(runs)


def pauses(time_s: FloatArray, annotated: Sequence[Episode], *, least_s: float = PAUSE_LEAST_S) -> tuple[Span, ...]:
    """Return the intervals between reference beats that last so long, without those that flutter fills.

    Parameters
    ----------
    time_s : (n,) float64
        Reference beats, seconds, in order.
    annotated : sequence of Episode
        Rhythms of the record.
    least_s : float, optional
        Shortest interval, seconds.
    """
    long = np.flatnonzero(np.diff(time_s) >= least_s)
    spans = np.stack([time_s[long], time_s[long + 1]], axis=1)
    return _as_spans(spans[_shared_s(spans, _joined(annotated, frozenset({"VFL", VF}))) <= 0])


def burden_error(matrix: FloatArray, target: Target) -> tuple[float, float] | None:
    """Return the annotated and the named share of a target in a record's time, in percent; None without such time."""
    tp, fn, fp, tn = time_counts(matrix, target)
    total = tp + fn + fp + tn
    return (100 * (tp + fn) / total, 100 * (tp + fp) / total) if total else None


def pooled_time(
    matrices: Sequence[FloatArray], records: Sequence[str], target: Target, *, resamples: int = bootstrap.RESAMPLES
) -> Mapping[str, Estimate]:
    """Return Se, Sp, PPV and F1 over the seconds of all records, with intervals from drawing the patients anew.

    Parameters
    ----------
    matrices : sequence of (n_states, n_states) float64
        Seconds of each record.
    records : sequence of str
        Their names.
    target : Target
        What is looked for.
    resamples : int, optional
        Of the bootstrap.
    """
    return _estimates(time_counts(np.stack(matrices), target), records, time_scores, resamples)


def pooled_episodes(
    counts: Sequence[EpisodeCount], records: Sequence[str], *, resamples: int = bootstrap.RESAMPLES
) -> Mapping[str, Estimate]:
    """Return sensitivity and positive predictivity over the episodes of all records, with their intervals.

    Parameters
    ----------
    counts : sequence of EpisodeCount
        Of each record.
    records : sequence of str
        Their names.
    resamples : int, optional
        Of the bootstrap.
    """
    rows = np.array([[each.annotated, each.found, each.named, each.right] for each in counts], np.float64)
    return _estimates(rows, records, _episode_scores, resamples)


def pooled_alarms(
    alarms: Sequence[int], hours: Sequence[float], records: Sequence[str], *, resamples: int = bootstrap.RESAMPLES
) -> Estimate:
    """Return false alarms per 24 hours over all records, with its interval.

    Parameters
    ----------
    alarms : sequence of int
        How many in each record.
    hours : sequence of float
        Hours of each record.
    records : sequence of str
        Their names.
    resamples : int, optional
        Of the bootstrap.
    """
    rows = np.array([alarms, hours], np.float64).T
    return _estimates(rows, records, _alarm_rate, resamples)["per_24h"]


def strip_scores(
    truth: Sequence[bool], named: Sequence[bool], *, resamples: int = bootstrap.RESAMPLES
) -> Mapping[str, Estimate]:
    """Return Se, Sp, PPV and F1 of strips that are called one thing or not, each strip a patient.

    Parameters
    ----------
    truth, named : sequence of bool
        What each strip is, and is called.
    resamples : int, optional
        Of the bootstrap.
    """
    pairs = [(t and n, t and not n, n and not t, not t and not n) for t, n in zip(truth, named, strict=True)]
    return _estimates(np.array(pairs, np.float64), [str(i) for i in range(len(pairs))], time_scores, resamples)


def _estimates(
    rows: FloatArray, records: Sequence[str], scores: Callable[[FloatArray], Scores], resamples: int
) -> Mapping[str, Estimate]:
    value = scores(rows.sum(axis=0))
    weights = bootstrap.patient_weights([record.rpartition("/")[2] for record in records], resamples=resamples)
    around = bootstrap.intervals(scores(bootstrap.resample(rows, weights)))
    return {name: Estimate(*(_known(x) for x in (float(value[name]), *around[name]))) for name in around}


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _episode_scores(rows: FloatArray) -> Scores:
    annotated, found, named, right = np.moveaxis(rows, -1, 0)
    return {"se": _ratio(found, annotated), "ppv": _ratio(right, named)}


def _alarm_rate(rows: FloatArray) -> Scores:
    alarms, hours = np.moveaxis(rows, -1, 0)
    return {"per_24h": _ratio(_HOURS_OF_A_DAY * alarms, hours)}


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    ratio: FloatArray = np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)
    return ratio


def _mask(states: frozenset[str]) -> NDArray[np.bool_]:
    return np.array([state in states for state in STATES])


def _is_other_vt(episode: Episode, beats_s: FloatArray) -> bool:
    if episode.seconds < VT_LEAST_S:
        return True
    first, after = np.searchsorted(beats_s, [episode.start_s - NEAR_S, episode.stop_s - NEAR_S])
    inside = beats_s[first:after]
    return inside.size >= VT_LEAST_BEATS and 60 * (inside.size - 1) < VT_LEAST_BPM * float(inside[-1] - inside[0])


def state_numbers(episodes: Sequence[Episode]) -> NDArray[np.int64]:
    """Return the state of each episode (n + 1,) as an index into `STATES`, and after the last that of no episode."""
    return np.array([*(_INDEX[state_of(episode)] for episode in episodes), 0], np.int64)


def common_pieces(
    annotated: Sequence[Episode], named: Sequence[Episode]
) -> tuple[NDArray[np.int64], NDArray[np.int64], FloatArray]:
    """Return the stretches between any two changes: index of the annotated and of the named episode, and seconds.

    The index of no episode is their number.
    """
    bounds = [
        np.array([(e.start_s, e.stop_s) for e in episodes], float).reshape(-1, 2) for episodes in (annotated, named)
    ]
    edges = np.unique(np.concatenate(bounds))
    middle = (edges[:-1] + edges[1:]) / 2
    row, column = (_index_at(spans, middle) for spans in bounds)
    return row, column, np.diff(edges)


def _index_at(spans: FloatArray, at_s: FloatArray) -> NDArray[np.int64]:
    start, stop = spans.T
    if np.any(stop < start) or np.any(start[1:] < stop[:-1] - _TOUCHING_S):
        raise ValueError("Episodes overlap or are out of order; score the rhythms of a partition.")
    index = np.searchsorted(start, at_s, side="right") - 1
    inside = (index >= 0) & (at_s < np.append(stop, -np.inf)[index])
    return np.where(inside, index, len(spans))


def _joined(episodes: Sequence[Episode], wanted: frozenset[str]) -> FloatArray:
    """Return start and stop (n, 2) of the episodes in some states, touching ones as one."""
    spans = np.array([(e.start_s, e.stop_s) for e in episodes if state_of(e) in wanted], float).reshape(-1, 2)
    apart = np.flatnonzero(spans[1:, 0] - spans[:-1, 1] > _TOUCHING_S) + 1
    if not len(spans):
        return spans
    return np.stack([spans[np.append(0, apart), 0], spans[np.append(apart, len(spans)) - 1, 1]], axis=1)


def _lengths(spans: FloatArray) -> FloatArray:
    return spans[:, 1] - spans[:, 0]


def _shared_s(spans: FloatArray, others: FloatArray) -> FloatArray:
    """Return the seconds (n,) that each span shares with any of the others, which may overlap each other."""
    if not len(others):
        return np.zeros(len(spans))
    others = others[np.argsort(others[:, 0])]
    reach = np.maximum.accumulate(others[:, 1])
    first = np.append(0, np.flatnonzero(others[1:, 0] > reach[:-1]) + 1)
    start, stop = others[first, 0], reach[np.append(first[1:], len(others)) - 1]
    covered = np.append(0.0, np.cumsum(stop - start))
    edges = np.stack([start, stop], axis=1).ravel()
    before = np.stack([covered[:-1], covered[1:]], axis=1).ravel()
    shared: FloatArray = np.interp(spans[:, 1], edges, before) - np.interp(spans[:, 0], edges, before)
    return shared


def _as_spans(spans: FloatArray) -> tuple[Span, ...]:
    return tuple((start, stop) for start, stop in spans.tolist())
