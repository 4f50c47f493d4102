"""Long recordings: the median beat of every half minute instead of each beat, and the P wave of each in one lead."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.waves import FS_HZ, load_waves
from pipeline.measurements import WAVE_MARKS, Waves
from pipeline.types import FloatArray, read_only
from pipeline.waves.delineate import P_MARKS, delineate, without_these_p
from pipeline.waves.inputs import LeadLines, bumps, lead_lines
from pipeline.waves.marks import marks_of
from pipeline.waves.over_leads import over_leads

LONG_S: Final = 600.0  # in a longer recording not every beat is marked, unless asked for
STRETCH_S: Final = 30.0  # of which the median beat is marked
REACH: Final = 256  # samples at the network's rate before and after R, that a median beat spans
BEATS_MIN: Final = 3  # a median of fewer beats is none
NEXT_S: Final = 0.1  # before the next R, and after the one before, nothing belongs to the median beat
MARGIN_S: Final = 2.0
AT_ONCE: Final = 32  # median beats that the network reads together


@dataclass(frozen=True, eq=False)
class LongWaves:
    """What is marked in a long recording.

    Attributes
    ----------
    usual : Waves
        The median beat of every 30 s with at least three beats, in all leads; `beat_s` is the R peak nearest to the
        middle of the stretch, and the marks lie around it.
    p_waves : Waves
        Each beat in one lead; all but P marks are NaN.
    """

    usual: Waves
    p_waves: Waves


def delineate_long(
    p_signal_mv: FloatArray,
    fs: float,
    leads: Sequence[str],
    r_peak_s: NDArray[np.float64],
    *,
    p_lead: str,
    without_p: Sequence[tuple[float, float]] = (),
) -> LongWaves:
    """Mark the median beat of every 30 s in all leads, and the P wave of each beat in one.

    Parameters
    ----------
    p_signal_mv : (n_samples, n_leads) float32
        The leads in mV, NaN where nothing was recorded.
    fs : float
        Their sampling frequency, Hz.
    leads : sequence of str
        Names of the leads.
    r_peak_s : (n,) float64
        R peaks in order, seconds from sample 0.
    p_lead : str
        The lead in which the P wave of each beat is looked for.
    without_p : sequence of (float, float), optional
        Stretches [start, stop), seconds, in which no beat has a P wave.
    """
    column = p_signal_mv[:, [list(leads).index(p_lead)]]
    each = delineate(column, fs, (p_lead,), r_peak_s, without_p=without_p)
    usual = usual_waves(p_signal_mv, fs, leads, r_peak_s, without_p=without_p)
    return LongWaves(usual, _only_p(each))


def usual_waves(
    p_signal_mv: FloatArray,
    fs: float,
    leads: Sequence[str],
    r_peak_s: NDArray[np.float64],
    *,
    without_p: Sequence[tuple[float, float]] = (),
) -> Waves:
    """Mark the median beat of every 30 s.

    Parameters
    ----------
    p_signal_mv : (n_samples, n_leads) float32
        The leads in mV, NaN where nothing was recorded.
    fs : float
        Their sampling frequency, Hz.
    leads : sequence of str
        Names of the leads.
    r_peak_s : (n,) float64
        R peaks in order, seconds from sample 0.
    without_p : sequence of (float, float), optional
        Stretches [start, stop), seconds, in which no beat has a P wave.
    """
    found = list(_median_beats(np.asarray(p_signal_mv), fs, np.asarray(r_peak_s, np.float64)))
    beat_s = np.array([at for at, _ in found], np.float64)
    marks = np.full((beat_s.size, len(leads), len(WAVE_MARKS)), np.nan)
    middle_s = np.array([REACH / FS_HZ])
    for first in range(0, len(found), AT_ONCE):
        some = [lines for _, lines in found[first : first + AT_ONCE]]
        values = np.stack([lines.values for lines in some])
        p = load_waves().probabilities(values)
        for k, lines in enumerate(some):
            marks[first + k] = marks_of(p[k], lines, middle_s)[0] - middle_s[0] + beat_s[first + k]
    marks = without_these_p(marks, beat_s, without_p)
    return Waves(tuple(leads), read_only(beat_s), read_only(marks), read_only(over_leads(marks)))


def _median_beats(p_signal_mv: FloatArray, fs: float, beat_s: NDArray[np.float64]) -> Iterator[tuple[float, LeadLines]]:
    """Yield for each stretch with enough beats the one nearest to its middle, and the median beat."""
    stretch = (beat_s // STRETCH_S).astype(np.int64)
    for number in np.unique(stretch):
        own = beat_s[stretch == number]
        if own.size < BEATS_MIN:
            continue
        low = max(0.0, number * STRETCH_S - MARGIN_S)
        first, last = round(low * fs), round(((number + 1) * STRETCH_S + MARGIN_S) * fs)
        near = beat_s[(beat_s >= low) & (beat_s * fs < min(last, len(p_signal_mv)))]
        lines = lead_lines(p_signal_mv[first:last], fs, near - first / fs)
        rr_s = float(np.median(np.diff(own)))
        yield float(own[np.argmin(np.abs(own - (number + 0.5) * STRETCH_S))]), _median(lines, own - first / fs, rr_s)


def _median(lines: LeadLines, r_peak_s: NDArray[np.float64], rr_s: float) -> LeadLines:
    """Return the median of the leads around R peaks; what lies beyond the neighbours counts as missing."""
    n = lines.missing.shape[1]
    at = np.round(r_peak_s * FS_HZ).astype(np.int64)[:, None] + np.arange(-REACH, REACH)
    inside = np.clip(at, 0, n - 1)
    known = ~lines.missing[:, inside] & (at >= 0) & (at < n)
    rows = np.where(known, lines.values[:, inside, 0], np.nan)
    missing = ~known.any(axis=1)
    middle = np.nanmedian(np.where(missing[:, None], 0, rows), axis=1)
    marks = bumps(REACH / FS_HZ + np.array([-rr_s, 0.0, rr_s]), 2 * REACH)
    values = np.stack([middle, np.broadcast_to(marks, middle.shape)], axis=-1).astype(np.float32)
    away_s = np.abs(np.arange(-REACH, REACH)) / FS_HZ
    return LeadLines(values, missing | (away_s > rr_s - NEXT_S))


def _only_p(waves: Waves) -> Waves:
    others = [j for j in range(len(WAVE_MARKS)) if j not in P_MARKS]
    time_s, overall_s = waves.time_s.copy(), waves.overall_s.copy()
    time_s[:, :, others], overall_s[:, others] = np.nan, np.nan
    return Waves(waves.leads, waves.beat_s, read_only(time_s), read_only(overall_s))
