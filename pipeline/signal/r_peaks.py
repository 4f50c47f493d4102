"""R peaks: candidates from the energy of all leads, chosen by two small networks, snapped to the local extremum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
import sleepecg
from numpy.typing import NDArray

from models.threads import side_by_side
from pipeline.config import SignalConfig
from pipeline.signal.beat_windows import gather
from pipeline.signal.conditioning import Conditioned, hours
from pipeline.signal.nearest import NO_BEAT, mutually_nearest, nearest
from pipeline.signal.r_peak_candidates import candidates_within
from pipeline.signal.r_peak_choice import choose_candidates, in_rhythm, load_networks
from pipeline.types import FloatArray, IntArray

Detector = Callable[[], IntArray]
SHAPE_S: Final = 0.12  # half of the window in which beats are compared: a wide QRS
SHAPE_BEATS: Final = 500  # about so many make up the usual one
SHAPE_ALIKE: Final = 0.9  # correlation of beats of one shape


def detect_r_peaks(conditioned: Conditioned, config: SignalConfig, second: Detector | None = None) -> IntArray:
    """Find the R peaks (n,) as increasing indices into `conditioned.signal`, snapped to the first lead.

    All leads together decide whether there is a beat, the first where its R peak is. Neither sign, scale nor order
    of the leads matters to the decision; a lead that is noisy or lost for a while counts less.

    Parameters
    ----------
    conditioned : Conditioned
        Filtered leads, mV.
    config : SignalConfig
        Distances and thresholds.
    second : callable, optional
        Gives what `slopes` finds in this signal, for who needs that again; `slopes` itself if None.
    """
    surroundings, rhythm = load_networks()

    def read(hour: tuple[int, int, int, int]) -> tuple[IntArray, FloatArray, FloatArray] | None:
        found = candidates_within(conditioned, *hour)
        return None if found is None else (found.at, surroundings(found.features), found.strength)

    pieces = [piece for piece in side_by_side(read, hours(conditioned)) if piece is not None]
    if not pieces:
        return np.zeros(0, np.int64)
    at, score, strength = (np.concatenate(column) for column in zip(*pieces, strict=True))
    context = in_rhythm(at, score, strength, conditioned.fs)
    if context is not None:
        score = rhythm(context)
    beats = at[choose_candidates(at, score, config.beat_score, config.beats_apart_ms / 1000 * conditioned.fs)]
    return _placed(beats, slopes(conditioned, config) if second is None else second(), conditioned, config)


def slopes(conditioned: Conditioned, config: SignalConfig) -> IntArray:
    """Find R peaks (n,) of the first lead by its slopes, segment by segment, snapped.

    Segments longer than an hour are searched hour by hour, with a minute on either side in which the detector's
    thresholds settle: a day needs no more memory than an hour.

    References
    ----------
    sleepecg's modification of Pan & Tompkins 1985, doi:10.1109/TBME.1985.325532.
    """
    lead = conditioned.signal[:, 0]
    found = list(side_by_side(lambda hour: _slopes_within(lead, *hour, conditioned.fs), hours(conditioned)))
    peaks = np.concatenate(found) if found else np.zeros(0, np.int64)
    return np.unique(snap(peaks, lead, conditioned.fs, config))


def detector_agreement(
    r_peak: IntArray, conditioned: Conditioned, config: SignalConfig, second: Detector | None = None
) -> NDArray[np.bool_]:
    """Tell for each R peak (n,) whether the second detector found a beat nearby, one to one.

    Nearby means within `config.detector_agreement_ms`.

    A beat that it misses is not wrong - it misses one slow ectopic beat in nine - but worth a look.

    Parameters
    ----------
    r_peak : (n,) int64
        R peaks, increasing indices into `conditioned.signal`.
    conditioned : Conditioned
        The filtered leads.
    config : SignalConfig
        Settings of the second detector, and the tolerance (ms).
    second : callable, optional
        As in `detect_r_peaks`.

    Returns
    -------
    (n,) bool
        One per R peak.
    """
    if r_peak.size == 0:
        return np.zeros(0, np.bool_)
    seen = slopes(conditioned, config) if second is None else second()
    return mutually_nearest(r_peak, seen, within=config.detector_agreement_ms / 1000 * conditioned.fs)


def _slopes_within(lead: FloatArray, start: int, stop: int, first: int, last: int, fs: float) -> IntArray:
    window = lead[first:last]
    if not np.ptp(window):
        return np.zeros(0, np.int64)
    peaks = first + np.asarray(sleepecg.detect_heartbeats(window.astype(np.float64), fs), np.int64)
    return peaks[(peaks >= start) & (peaks < stop)]


def snap(peaks: IntArray, lead: FloatArray, fs: float, config: SignalConfig) -> IntArray:
    """Move each peak to the largest absolute value of the lead nearby.

    Parameters
    ----------
    peaks : (n,) int64
        Indices into `lead`.
    lead : (n_samples,) float32
        The signal.
    fs : float
        Sampling frequency, Hz.
    config : SignalConfig
        Its `snap_ms` is how far a peak may move.

    Returns
    -------
    (n,) int64
        The moved peaks, in the same order.
    """
    reach = round(config.snap_ms / 1000 * fs)
    window = np.clip(peaks[:, None] + np.arange(-reach, reach + 1), 0, lead.size - 1)
    offset = np.abs(lead[window]).argmax(axis=1)
    return np.asarray(np.take_along_axis(window, offset[:, None], axis=1)[:, 0], np.int64)


def looks_inverted(lead: FloatArray, peaks: IntArray, fs: float) -> bool:
    """Tell whether the usual QRS points down: its median trough is more than 1.5 times its median peak.

    Parameters
    ----------
    lead : (n_samples,) float32
        The signal.
    peaks : (n,) int64
        R peaks, indices into `lead`.
    fs : float
        Sampling frequency, Hz.
    """
    reach = round(0.06 * fs)
    inside = peaks[(peaks >= reach) & (peaks < lead.size - reach)]
    if inside.size == 0:
        return False
    windows = lead[inside[:, None] + np.arange(-reach, reach + 1)]
    return bool(np.median(-windows.min(axis=1)) > 1.5 * np.median(windows.max(axis=1)))


def _placed(beats: IntArray, steep: IntArray, conditioned: Conditioned, config: SignalConfig) -> IntArray:
    """Snap beats to the first lead, or to the slopes' position if that often differs by the same distance.

    The energy of a paced beat peaks long after its spike, and that of a QRS with a deep S wave after its R, by about as
    much in each beat; noise moves the slopes at random, and a pause does so with the beat after it: what has the shape
    of the beats that stand elsewhere stands where they do. A disconnected first lead says nothing about where R is:
    there the position of the energy stays.
    """
    lead = conditioned.signal[:, 0]
    snapped = snap(beats, lead, conditioned.fs, config)
    snapped = np.where(lead[snapped] == 0, beats, snapped)
    if steep.size == 0:
        return np.unique(snapped)
    partner = nearest(steep, beats, within=config.same_beat_ms / 1000 * conditioned.fs)
    same, by_slopes = partner != NO_BEAT, steep[partner]
    apart = by_slopes - snapped
    elsewhere = same & (np.abs(apart) > config.elsewhere_ms / 1000 * conditioned.fs)
    usual = int(np.median(apart[elsewhere])) if elsewhere.any() else 0
    alike = elsewhere & (np.abs(apart - usual) <= config.elsewhere_alike_ms / 1000 * conditioned.fs)
    share, most = config.elsewhere_share * beats.size, config.elsewhere_most * np.count_nonzero(elsewhere)
    if np.count_nonzero(alike) <= max(share, most):
        return np.unique(snapped)
    like_them = ~alike & _shaped_like(lead, snapped, alike, conditioned.fs)
    moved = snap(snapped + usual, lead, conditioned.fs, replace(config, snap_ms=config.elsewhere_alike_ms))
    return np.unique(np.where(like_them, moved, np.where(same, by_slopes, snapped)))


def _shaped_like(lead: FloatArray, peaks: IntArray, members: NDArray[np.bool_], fs: float) -> NDArray[np.bool_]:
    """Tell which beats (n,) correlate well with the median of `members` (n,) among them."""
    reach = round(SHAPE_S * fs)
    beats = gather(lead, peaks[:, None] + np.arange(-reach, reach + 1))
    some = np.flatnonzero(members)
    usual = np.median(beats[some[:: max(1, some.size // SHAPE_BEATS)]], axis=0)
    usual, beats = usual - usual.mean(), beats - beats.mean(axis=1, keepdims=True)
    power = np.square(beats).sum(axis=1) * np.square(usual).sum()
    return np.asarray(beats @ usual >= SHAPE_ALIKE * np.sqrt(np.maximum(power, 1e-12)))
