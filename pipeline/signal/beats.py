"""From R peaks to beats with their rhythm, their scale and the recording's own usual beat."""

from __future__ import annotations

import numpy as np

from pipeline.config import Config
from pipeline.signal.beat_windows import beat_offsets, gather, usual_beats
from pipeline.signal.conditioning import Conditioned
from pipeline.signal.r_peaks import Detector, detector_agreement
from pipeline.types import Beats, FloatArray, IntArray, Quality, read_only


def cut_beats(
    conditioned: Conditioned,
    leads: tuple[str, ...],
    r_peak: IntArray,
    sample: IntArray,
    quality: Quality,
    config: Config,
    second: Detector | None = None,
) -> Beats:
    """Gather what the pictures of these beats need.

    Parameters
    ----------
    conditioned : Conditioned
        Filtered leads, mV.
    leads : tuple of str
        Names of these leads.
    r_peak, sample : (n,) int64
        The beats as indices into `conditioned.signal` and into the recording.
    quality : Quality
        Beats in flat or saturated stretches get a reason and are not classified.
    config : Config
        Settings of the pipeline.
    second : callable, optional
        As in `detect_r_peaks`.
    """
    rr_s = _rr(r_peak, conditioned)
    mean_rr_s = _mean_rr(rr_s, config)
    usual = r_peak[usual_beats(rr_s, mean_rr_s, config.signal)]
    scale = _scales(conditioned.signal, usual, conditioned.fs, config)
    signal = np.asarray(conditioned.signal / scale, np.float32)
    return Beats(
        fs=conditioned.fs,
        signal=read_only(signal),
        leads=leads,
        r_peak=read_only(r_peak),
        sample=read_only(sample),
        rr_s=read_only(rr_s),
        mean_rr_s=mean_rr_s,
        template=read_only(_template(signal[:, 0], usual, conditioned.fs, config)),
        scale_mv=read_only(scale),
        reason=_reasons(conditioned, r_peak, quality),
        agreed=read_only(detector_agreement(r_peak, conditioned, config.signal, second)),
    )


def _rr(r_peak: IntArray, conditioned: Conditioned) -> FloatArray:
    rr = np.full(r_peak.size, np.nan, np.float32)
    rr[1:] = np.diff(r_peak) / conditioned.fs
    starts = np.array([start for start, _ in conditioned.segments])
    segment = np.searchsorted(starts, r_peak, side="right")
    rr[1:][np.diff(segment) != 0] = np.nan
    return rr


def _mean_rr(rr_s: FloatArray, config: Config) -> float:
    low, high = config.signal.rr_min_ms / 1000, config.signal.rr_max_ms / 1000
    plausible = rr_s[(rr_s >= low) & (rr_s <= high)]
    return float(plausible.mean()) if plausible.size else 1.0


def _scales(signal: FloatArray, r_peak: IntArray, fs: float, config: Config) -> FloatArray:
    reach = round(config.signal.scale_reach_ms / 1000 * fs)
    index = r_peak[:, None] + np.arange(-reach, reach + 1)
    heights = [np.median(np.ptp(gather(lead, index), axis=1)) if r_peak.size else 0.0 for lead in signal.T]
    return np.array([height if height > 1e-3 else 1.0 for height in heights], np.float32)


def _template(lead: FloatArray, r_peak: IntArray, fs: float, config: Config) -> FloatArray:
    offsets = beat_offsets(fs, config.picture)
    if r_peak.size == 0:
        return np.zeros(offsets.size, np.float32)
    return np.median(gather(lead, r_peak[:, None] + offsets), axis=0).astype(np.float32)


def _reasons(conditioned: Conditioned, r_peak: IntArray, quality: Quality) -> tuple[str, ...]:
    position = quality.index_at(r_peak / conditioned.fs)
    hopeless = {i: s.reason for i, s in enumerate(quality.segments) if s.verdict in ("flat", "saturated", "gap")}
    reasons = [hopeless.get(int(i), "") for i in position]
    edge = round(0.1 * conditioned.fs)
    starts = np.array([start for start, _ in conditioned.segments])
    ends = np.array([stop for _, stop in conditioned.segments])
    segment = np.clip(np.searchsorted(starts, r_peak, side="right") - 1, 0, None)
    cut = (r_peak - starts[segment] < edge) | (ends[segment] - r_peak <= edge)
    return tuple("cut off by the edge of the recording or a gap" if c else r for c, r in zip(cut, reasons, strict=True))
