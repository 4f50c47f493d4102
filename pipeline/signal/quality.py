"""What can be read where: noise, gaps and artefacts of the analysed leads, as stretches with a verdict and a reason."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pipeline.config import SignalConfig
from pipeline.signal.artefacts import REASONS, Artefact, Kind, Masked
from pipeline.signal.conditioning import Conditioned
from pipeline.signal.gaps import gaps_in, runs
from pipeline.signal.noise import NoiseVerdicts
from pipeline.types import FloatArray, Quality, QualitySegment, Verdict

NOISE: Final = "noise hides the waves"
NO_ECG: Final = "no ECG can be read here"
FLAT: Final = "flat line: no heartbeat, no signal, or the electrode is off"
NOT_RECORDED: Final = "nothing was recorded"
BESIDE: Final = "beside a stretch that could not be read"
VERDICTS: Final[dict[Kind, Verdict]] = {
    "impossible": "gap",
    "spike": "gap",
    "saturated": "saturated",
    "step": "gap",
    "dead": "gap",  # "flat" is a line that may be an asystole
    "calibration": "gap",
}
TOO_SHORT: Final = "too short a stretch between gaps to be read"
MOSTLY, LIKELY = 0.5, 0.5  # if there is no ECG in most of a recording, the rest is one only where that is likelier
RAIL_SHARE: Final = 0.1  # of the samples of a window at its highest or lowest value
RAIL_SAMPLES: Final = 100_000
RAIL_HEIGHTS: Final = 0.3  # of its height away from its middle; a flat line is at its highest value for long as well
# The waves of a beat reach this far to either side, and filters settle within the second after a gap.
BEFORE_S: Final = 0.6
AFTER_S: Final = 1.0
BRIDGED_S: Final = 0.3


def assess(
    recording: Masked,
    leads: tuple[str, ...],
    conditioned: Conditioned,
    noise: NoiseVerdicts,
    config: SignalConfig,
) -> Quality:
    """Judge the analysed leads, and join equal neighbours.

    Parameters
    ----------
    recording : Masked
        The recording without its artefacts, NaN there and in gaps.
    leads : tuple of str
        The leads that are analysed.
    conditioned : Conditioned
        The same leads, filtered, at the working rate.
    noise : NoiseVerdicts
        How far noise hides the ECG.
    config : SignalConfig
        Thresholds.

    Returns
    -------
    Quality
        A stretch that cannot be read in the first lead has another verdict than "good"; one in which only the second
        lead is lost stays "good", with a reason.
    """
    end_s = recording.duration_s
    found = [_lost(recording, lead, config) for lead in leads]
    second = [QualitySegment(s.start_s, s.stop_s, "good", s.reason, s.leads) for lost in found[1:] for s in lost]
    marks = [
        *second,
        *_windows(recording, leads, conditioned, noise, config),
        *_left_out(conditioned, leads),
        *found[0],
    ]
    segments = _painted(marks, end_s)
    unread = sum(s.stop_s - s.start_s for s in segments if s.verdict in ("gap", "flat", "saturated"))
    return Quality(segments, round(min(1.0, max(0.0, 1 - unread / end_s)), 4))


def unreadable(quality: Quality, time_s: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Tell for each of the times (n,), s, whether it lies where no ECG can be read: what was found there is no beat."""
    hopeless = np.array([segment.reason == NO_ECG for segment in quality.segments])
    return hopeless[quality.index_at(time_s)]


def beside_lost(time_s: NDArray[np.float64], quality: Quality) -> NDArray[np.bool_]:
    """Tell which beats (n,) lie beside a stretch without signal: their prematurity and shape cannot be relied on.

    That are the beats on both sides of a stretch in which the first lead was lost, others whose waves reach into it or
    that come within a second after it, and those whose waves touch the edge of one in which the second lead was lost.

    Parameters
    ----------
    time_s : (n,) float64
        R peaks, seconds, increasing.
    quality : Quality
        What `assess` found in the recording.
    """
    beside = np.zeros(time_s.size, np.bool_)
    for segment in quality.segments:
        if is_lost(segment):
            first, last = np.searchsorted(time_s, (segment.start_s - BEFORE_S, segment.stop_s + AFTER_S))
            if segment.stop_s - segment.start_s > BRIDGED_S:
                first = min(first, max(0, np.searchsorted(time_s, segment.start_s) - 1))
                last = max(last, np.searchsorted(time_s, segment.stop_s) + 1)
            beside[first:last] = True
        elif segment.reason and segment.verdict == "good":
            for edge in (segment.start_s, segment.stop_s):
                first, last = np.searchsorted(time_s, (edge - BEFORE_S, edge + BEFORE_S))
                beside[first:last] = True
    return beside


def is_lost(segment: QualitySegment) -> bool:
    """Tell whether the first lead holds no signal there: not recorded, masked, saturated or dead; a flat line does."""
    return segment.verdict in ("gap", "saturated")


def noise_at(noise: NoiseVerdicts, time_s: NDArray[np.float64]) -> FloatArray:
    """Return the probability (n,) that noise makes a class wrong, at each of the times (n,), seconds."""
    return noise.wrong[np.clip(np.searchsorted(noise.start_s, time_s, side="right") - 1, 0, noise.wrong.size - 1)]


def doubtful_in_noise(
    noise: FloatArray, confidence: FloatArray, usual: NDArray[np.bool_], config: SignalConfig
) -> NDArray[np.bool_]:
    """Tell which beats (n,) are not sure enough for the noise that they lie in.

    Parameters
    ----------
    noise : (n,) float32
        Probability that noise makes a class wrong where the beat lies.
    confidence : (n,) float32
        Largest probability of a class.
    usual : (n,) bool
        Whether this class is N: of these more is asked, since noise hides what makes a beat an ectopic one.
    config : SignalConfig
        How much noise a doubt weighs.
    """
    together = noise + config.noise_doubt_weight * (1 - confidence)
    some = noise > np.where(usual, config.noise_from, config.noise_ectopic_from)
    return np.asarray(some & (together >= np.where(usual, config.noise_doubt_from, config.noise_ectopic_doubt_from)))


def artefact_notices(artefacts: Sequence[Artefact], leads: tuple[str, ...], fs: float) -> tuple[str, ...]:
    """Say in one sentence per lead what was masked in the analysed leads.

    Parameters
    ----------
    artefacts : sequence of Artefact
        What was masked.
    leads : tuple of str
        The analysed leads.
    fs : float
        Sampling frequency of the recording, Hz.
    """
    sentences = []
    for lead in leads:
        own = [artefact for artefact in artefacts if artefact.lead == lead]
        kinds = sorted({artefact.kind for artefact in own})
        if kinds:
            parts = [_counted([artefact for artefact in own if artefact.kind == kind], fs) for kind in kinds]
            sentences.append(f"Lead {lead} was not read where it is no ECG: {'; '.join(parts)}.")
    return tuple(sentences)


def _counted(artefacts: Sequence[Artefact], fs: float) -> str:
    seconds = sum(artefact.stop - artefact.start for artefact in artefacts) / fs
    times = f", {len(artefacts)} times" if len(artefacts) > 1 else ""
    return f"{REASONS[artefacts[0].kind]} ({seconds:.2g} s{times})"


def _lost(recording: Masked, lead: str, config: SignalConfig) -> list[QualitySegment]:
    """Return where a lead was not recorded, then, to be painted over that, its artefacts."""
    fs = recording.fs
    column = recording.lead(lead)
    gaps = gaps_in(column, fs, config) if np.isnan(column.sum(dtype=np.float64)) else []
    lost = [QualitySegment(a / fs, b / fs, "gap", NOT_RECORDED, (lead,)) for a, b in gaps]
    own = [artefact for artefact in recording.artefacts if artefact.lead == lead]
    return lost + [
        QualitySegment(one.start / fs, one.stop / fs, VERDICTS[one.kind], REASONS[one.kind], (lead,)) for one in own
    ]


def _left_out(conditioned: Conditioned, leads: tuple[str, ...]) -> list[QualitySegment]:
    out = np.ones(len(conditioned.signal), np.bool_)
    for start, stop in conditioned.segments:
        out[start:stop] = False
    fs = conditioned.fs
    return [QualitySegment(a / fs, b / fs, "gap", TOO_SHORT, leads) for a, b in runs(out)]


def _windows(
    recording: Masked, leads: tuple[str, ...], conditioned: Conditioned, noise: NoiseVerdicts, config: SignalConfig
) -> list[QualitySegment]:
    """Return the windows that are not good."""
    found = []
    flat = _flat(conditioned, noise, config)
    raw = recording.lead(leads[0])
    none = noise.no_ecg >= config.no_ecg_from
    if none.mean() > MOSTLY:
        none = noise.no_ecg >= LIKELY
    bad = flat | none | (noise.wrong >= config.noisy_from)
    for i in np.flatnonzero(bad | _often_at_a_rail(raw)).tolist():
        start, stop = float(noise.start_s[i]), float(noise.stop_s[i])
        if flat[i]:
            found.append(QualitySegment(start, stop, "flat", FLAT, leads))
        elif _saturated(raw[int(start * recording.fs) : int(stop * recording.fs)]):
            found.append(QualitySegment(start, stop, "saturated", REASONS["saturated"], leads[:1]))
        elif bad[i]:
            alone = noise.wrong_alone[:, i] >= config.noisy_from
            which = tuple(lead for lead, noisy in zip(leads, alone.tolist(), strict=True) if noisy) or leads
            found.append(QualitySegment(start, stop, "noisy", NO_ECG if none[i] else NOISE, which))
    return found


def _often_at_a_rail(raw: FloatArray) -> bool:
    """Tell whether so much of a lead (n,) lies at its highest or lowest value that no rail was masked."""
    some = raw[:: max(1, raw.size // RAIL_SAMPLES)]
    some = some[np.isfinite(some)]
    return bool(some.size) and _saturated(some)


def _flat(conditioned: Conditioned, noise: NoiseVerdicts, config: SignalConfig) -> NDArray[np.bool_]:
    first = np.round(noise.start_s * conditioned.fs).astype(np.int64)
    lead = conditioned.signal[:, 0]
    return np.asarray(np.maximum.reduceat(lead, first) - np.minimum.reduceat(lead, first) < config.flat_mv)


def _saturated(window: FloatArray) -> bool:
    known = window[np.isfinite(window)]
    if known.size < 2:
        return False
    top, bottom, middle = float(known.max()), float(known.min()), float(np.median(known))
    away = RAIL_HEIGHTS * (top - bottom)
    return any(
        abs(rail - middle) > away and float(np.mean(known == np.float32(rail))) > RAIL_SHARE for rail in (top, bottom)
    )


def _painted(marks: Iterable[QualitySegment], end_s: float) -> tuple[QualitySegment, ...]:
    """Lay stretches over a good recording, later ones over earlier ones, and join equal neighbours."""
    marks = [mark for mark in marks if mark.start_s < end_s and mark.stop_s > mark.start_s]
    edges = np.unique(np.array([0.0, end_s, *(min(t, end_s) for m in marks for t in (m.start_s, m.stop_s))]))
    good = QualitySegment(0.0, end_s, "good", "")
    on: list[QualitySegment] = [good] * (edges.size - 1)
    for mark in marks:
        first, last = np.searchsorted(edges, (mark.start_s, min(mark.stop_s, end_s)))
        for i in range(int(first), int(last)):
            under = on[i].leads if on[i].verdict in ("good", mark.verdict) else ()
            leads = tuple(dict.fromkeys((*mark.leads, *under)))
            on[i] = QualitySegment(0.0, 0.0, mark.verdict, mark.reason, leads)
    joined: list[QualitySegment] = []
    for start, stop, mark in zip(edges[:-1].tolist(), edges[1:].tolist(), on, strict=True):
        if joined and (joined[-1].verdict, joined[-1].reason, joined[-1].leads) == (
            mark.verdict,
            mark.reason,
            mark.leads,
        ):
            start = joined.pop().start_s
        joined.append(QualitySegment(start, stop, mark.verdict, mark.reason, mark.leads))
    return tuple(joined)
