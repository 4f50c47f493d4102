"""All finders together: from beats, and the signal where there is one, to episodes that cover the recording."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline._util.memory import give_back
from pipeline.config import DEFAULT, REVIEW, Config
from pipeline.errors import EcgError
from pipeline.labels import NON_BEAT_SYMBOLS, aami_class
from pipeline.rhythm.after_fibrillation import find_still_fibrillating, outside_recovery
from pipeline.rhythm.atrial import find_atrial
from pipeline.rhythm.blocks import find_blocks, outside_fibrillation
from pipeline.rhythm.broad_escapes import find_broad_escapes
from pipeline.rhythm.conduction_measures import conduction_of
from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.noise import find_noise, without_doubtful_waves, without_motion
from pipeline.rhythm.pacing import Pacing, find_pacing, read_pacing, unpaced_as_conducted
from pipeline.rhythm.paroxysms import find_paroxysms
from pipeline.rhythm.pauses import find_pauses, find_pauses_after
from pipeline.rhythm.rates import find_beatless, find_rates, find_unread
from pipeline.rhythm.regular_flutter import find_regular_flutter
from pipeline.rhythm.runs import find_runs
from pipeline.rhythm.states import partition
from pipeline.rhythm.ventricular import find_ventricular
from pipeline.signal.conditioning import Conditioned
from pipeline.signal.gaps import runs
from pipeline.signal.r_peaks import detect_r_peaks, slopes
from pipeline.signal.reading import read_leads
from pipeline.types import Episode, Quality, Recording, RhythmCode, number

TRUSTED_SHARE: Final = 0.2  # of the beats of a stretch beside fibrillation: with fewer no rate is known
_GIVEN: Final = "annotated"  # evidence for what annotations say themselves
_NAMED_BY_BEATS: Final[tuple[tuple[RhythmCode, str], ...]] = (("P", "/f"), ("NOD", "j"))  # paced, fusion; escape


def find_rhythms(
    sample: ArrayLike, symbol: Sequence[str], fs: float, recording: Recording | None = None
) -> tuple[Episode, ...]:
    """Find the rhythms of a recording from its annotated beats.

    Parameters
    ----------
    sample : (n,) array-like of int
        Annotations as indices into the recording, non-decreasing.
    symbol : sequence of str
        WFDB symbol of each, or AAMI class N, S, V, F, Q. Ventricular flutter and fibrillation are read from "!", and
        from "[" to "]", paced rhythm from "/" and "f", junctional escape rhythm from "j"; other symbols that mark no
        beat are passed over. All "N" if only the beats are known.
    fs : float
        Sampling frequency of `sample`, Hz.
    recording : Recording, optional
        The recording itself: P waves, pacing, fibrillation and noise are then looked for in its signal.

    Returns
    -------
    tuple of Episode
        In order, from 0 to the end of the recording, or to the last annotation, without gaps or overlaps.

    Raises
    ------
    EcgError
        If the annotations do not fit together, or lie outside the recording.

    Examples
    --------
    >>> import pipeline as hv
    >>> every_second = [0, 800, 1200, 2000, 2400, 3200, 3600]
    >>> [(episode.rhythm, episode.start_s) for episode in hv.find_rhythms(every_second, "NNVNVNV", 1000)]
    [('B', 0.0)]
    """
    at, rate = _checked(sample, symbol, number("fs", fs), recording)
    duration_s = recording.duration_s if recording is not None else float(at[-1]) / rate if at.size else 0.0
    aami = np.array([aami_class(one) or "" for one in symbol], "<U1")
    beats = np.flatnonzero(aami != "")
    beats = beats[np.flatnonzero(np.diff(at[beats], prepend=-1) > 0)]
    conditioned, leads, quality = _signal(recording)
    context = RhythmContext(
        duration_s=duration_s,
        time_s=at[beats] / rate,
        symbol=aami[beats],
        trusted=np.ones(beats.size, np.bool_),
        confidence=np.ones(beats.size, np.float32),
        break_before=breaks(at[beats] / rate, conditioned),
        recording=recording,
        conditioned=conditioned,
        leads=leads,
        quality=quality,
    )
    return episodes(context, [*_annotated(at / rate, symbol), *find_in_signal(context)])


def find_in_signal(context: RhythmContext) -> list[Episode]:
    """Find what the signal alone tells, before any beat is classified: fibrillation, noise.

    Parameters
    ----------
    context : RhythmContext
        The classes of its beats are not used.
    """
    noise = find_noise(context)
    return [*without_motion(find_ventricular(context), noise), *noise]


def episodes(
    context: RhythmContext, in_signal: Iterable[Episode] = (), pacing: Pacing | None = None
) -> tuple[Episode, ...]:
    """Find the rhythms of a recording from its classified beats and its signal.

    Parameters
    ----------
    context : RhythmContext
        Its beats and its signal.
    in_signal : iterable of Episode, optional
        What `find_in_signal` returned.
    pacing : Pacing, optional
        What `read_pacing` returned, if it was asked before.

    Returns
    -------
    tuple of Episode
        In order, from 0 to the end of the recording without gaps or overlaps.
    """
    known = list(in_signal)
    known += find_still_fibrillating(context, known)
    pauses = find_pauses(context)
    if pauses and not len(context):  # no QRS anywhere and a lead at rest: "no ECG" would be the weaker word
        known = [episode for episode in known if episode.rhythm != "NOISE"]
    fibrillation = [episode for episode in known if episode.rhythm == "VFL"]
    proposed = [*known, *outside(pauses, without_beats(known)), *find_pauses_after(fibrillation, context)]
    stimuli = read_pacing(context) if pacing is None else pacing
    conduction = conduction_of(context)
    give_back()
    atrial = [*find_atrial(unpaced_as_conducted(context, stimuli), conduction), *find_regular_flutter(context)]
    give_back()
    blocks = outside_recovery(find_blocks(context, measures=conduction), fibrillation)
    blocks = outside_fibrillation(blocks, atrial)
    proposed += [*find_pacing(context, stimuli), *blocks, *atrial, *find_broad_escapes(context, conduction, blocks)]
    proposed += [*find_runs(context), *find_paroxysms(context), *find_beatless(context), *find_unread(context)]
    rates = beside_fibrillation(find_rates(context), known, context)
    return without_doubtful_waves(partition(proposed, context.duration_s, rates))


def beside_fibrillation(rates: Iterable[Episode], known: Iterable[Episode], context: RhythmContext) -> list[Episode]:
    """Return the rates, unreadable beside fibrillation where hardly a beat can be relied on: it is no sinus rhythm.

    Parameters
    ----------
    rates : iterable of Episode
        What `find_rates` returned.
    known : iterable of Episode
        What was found in the signal.
    context : RhythmContext
        The beats.
    """
    waves = sorted((episode for episode in known if episode.rhythm == "VFL"), key=lambda episode: episode.start_s)
    found: list[Episode] = []
    for rate in rates:
        inside = [one for one in waves if one.start_s < rate.stop_s and rate.start_s < one.stop_s]
        edges = [rate.start_s, *(edge for one in inside for edge in (one.start_s, one.stop_s)), rate.stop_s]
        pieces = [replace(rate, start_s=a, stop_s=b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]
        found += [piece if not inside or _is_relied_on(piece, context) else _unread(piece) for piece in pieces]
    return found


def _is_relied_on(piece: Episode, context: RhythmContext) -> bool:
    first, stop = np.searchsorted(context.time_s, [piece.start_s, piece.stop_s])
    return bool(np.mean(context.trusted[first:stop]) >= TRUSTED_SHARE) if stop > first else False


def _unread(piece: Episode) -> Episode:
    return replace(piece, rhythm="NOISE", detail="", confidence=0.5, evidence="no beat that can be relied on")


def outside(pauses: Iterable[Episode], taken: Sequence[Episode]) -> list[Episode]:
    """Return the pauses that touch nothing else: an interval with fibrillation or noise in it is no pause.

    Parameters
    ----------
    pauses : iterable of Episode
        Intervals between two beats.
    taken : sequence of Episode
        Stretches whose beats are not known.
    """
    return [one for one in pauses if not any(e.start_s < one.stop_s and one.start_s < e.stop_s for e in taken)]


def breaks(time_s: NDArray[np.float64], conditioned: Conditioned | None) -> NDArray[np.bool_]:
    """Tell before which beats (n,) nothing was recorded for a while; the first is one of them.

    Parameters
    ----------
    time_s : (n,) float64
        R peaks, seconds.
    conditioned : Conditioned or None
        The signal; None if it is not known.
    """
    found = np.zeros(time_s.size, np.bool_)
    found[:1] = True
    if conditioned is not None and time_s.size:
        starts = np.array([start for start, _ in conditioned.segments]) / conditioned.fs
        found |= np.diff(np.searchsorted(starts, time_s, side="right"), prepend=-1) != 0
    return found


def _checked(
    sample: ArrayLike, symbol: Sequence[str], fs: float, recording: Recording | None
) -> tuple[NDArray[np.int64], float]:
    at = np.asarray(sample, np.int64)
    if at.ndim != 1 or at.size != len(symbol):
        raise EcgError(f"Each annotation needs a sample and a symbol: there are {at.shape} and {len(symbol)}.")
    if unknown := [one for one in symbol if aami_class(one) is None and one not in NON_BEAT_SYMBOLS]:
        raise EcgError(f"{unknown[0]!r} is no WFDB annotation symbol.")
    if fs <= 0:
        raise EcgError(f"fs must be positive, not {fs:g} Hz.")
    if at.size and (at[0] < 0 or (np.diff(at) < 0).any()):
        raise EcgError("The samples of annotations must not be negative and must not decrease.")
    if recording is not None and at.size and at[-1] / fs > recording.duration_s:
        last_s, end_s = at[-1] / fs, recording.duration_s
        raise EcgError(f"An annotation at {last_s:.1f} s lies beyond the end of the recording at {end_s:.1f} s.")
    return at, fs


def _signal(
    recording: Recording | None, config: Config = DEFAULT
) -> tuple[Conditioned | None, tuple[str, ...], Quality | None]:
    if recording is None:
        return None, (), None
    read = read_leads(recording, config.signal)
    steep = slopes(read.conditioned, config.signal)
    r_peak = detect_r_peaks(read.conditioned, config.signal, lambda: steep)
    return read.conditioned, read.leads, read.judged(r_peak, steep, config.signal)[0]


def _annotated(time_s: NDArray[np.float64], symbol: Sequence[str]) -> list[Episode]:
    """Return what the symbols name: flutter and fibrillation from "[" to "]" and in runs of "!", pacing, escapes."""
    found: list[Episode] = []
    began: float | None = None
    for at, one in zip(time_s.tolist(), symbol, strict=True):
        if one == "[":
            began = at
        elif one == "]" and began is not None:
            found.append(Episode(began, at, "VFL", "VFL", evidence=_GIVEN))
            began = None
    if began is not None:
        found.append(Episode(began, float(time_s[-1]), "VFL", "VFL", evidence=_GIVEN))
    waves = time_s[np.flatnonzero(np.array(symbol, "<U1") == "!")] if len(symbol) else time_s[:0]
    close = [Episode(a, b, "VFL", "VFL", evidence=_GIVEN) for a, b in pairwise(waves.tolist()) if b - a < 1.0]
    return [*found, *close, *_annotated_runs(time_s, symbol)]


def _annotated_runs(time_s: NDArray[np.float64], symbol: Sequence[str]) -> list[Episode]:
    """Return paced and junctional escape rhythm: runs of beats that are annotated so, each up to the next beat."""
    beats = [k for k, one in enumerate(symbol) if aami_class(one) is not None]
    at, found = time_s[beats], list[Episode]()
    for code, letters in _NAMED_BY_BEATS:
        for first, stop in runs(np.array([symbol[k] in letters for k in beats], np.bool_)):
            if stop - first >= REVIEW.run_beats:
                found.append(Episode(float(at[first]), float(at[min(stop, at.size - 1)]), code, evidence=_GIVEN))
    return found


def without_beats(found: Iterable[Episode]) -> list[Episode]:
    """Return the stretches in which there is no beat to classify: fibrillation, flutter, noise without an ECG."""
    return [episode for episode in found if episode.rhythm in ("VFL", "NOISE")]
