"""Gaps, zero-phase filtering and resampling: from millivolts at any rate to the working signal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import signal as sps

from models.threads import side_by_side
from pipeline.config import SignalConfig
from pipeline.errors import SignalError
from pipeline.signal.gaps import gaps_in, runs
from pipeline.types import FloatArray, read_only

STRETCH_S: Final = 3600.0
MARGIN_S: Final = 60.0
PIECE_MIN_S: Final = 1.0  # a shorter piece of a lead between two gaps is not worth a filter's transient
ANTI_ALIASING_REACH: Final = 10  # of `scipy.signal.resample_poly`, in samples at the lower of the two rates
JOIN_S: Final = 2.0  # a piece too short to be read alone is read with its neighbour across a gap of at most this


class Leads(Protocol):
    """What is conditioned: a recording, or one whose artefacts are masked."""

    @property
    def leads(self) -> tuple[str, ...]:
        """Names of its leads."""
        ...

    @property
    def fs(self) -> float:
        """Sampling frequency, Hz."""
        ...

    @property
    def n_samples(self) -> int:
        """Number of samples in each lead."""
        ...

    def lead(self, name: str, /) -> FloatArray:
        """Return one lead (n_samples,), mV, NaN where a sample is missing."""
        ...


@dataclass(frozen=True, eq=False)
class Conditioned:
    """The chosen leads, filtered and resampled.

    Attributes
    ----------
    signal : (n_work, n_leads) float32
        mV, 0 in gaps; read-only.
    fs : float
        Working sampling frequency, Hz.
    segments : tuple[tuple[int, int], ...]
        Stretches [start, stop) in which a lead was recorded, but for short gaps beside pieces that could not be read
        alone, as indices into `signal`.
    missing : tuple of tuple[tuple[int, int], ...]
        Per lead: stretches [start, stop) without it, as indices into `signal`, those that were bridged included.
    """

    signal: FloatArray
    fs: float
    segments: tuple[tuple[int, int], ...]
    missing: tuple[tuple[tuple[int, int], ...], ...] = ()


def condition(recording: Leads, leads: tuple[str, ...], config: SignalConfig) -> Conditioned:
    """Bridge short gaps, split each lead at long ones, filter each stretch with zero phase and resample it.

    A lead is 0 where it was not recorded; as long as another one was, beats can be found there.

    Parameters
    ----------
    recording : Recording or Masked
        The recording; each lead is asked for once, so that only one masked copy exists at a time.
    leads : tuple of str
        Names of the leads to use.
    config : SignalConfig
        Filter edges (Hz), working rate (Hz) and gap lengths (ms).

    Raises
    ------
    SignalError
        If no stretch of the first lead is at least `config.segment_min_s` long.
    """
    ratio = Fraction(config.working_fs_hz / recording.fs).limit_denominator(1000)
    n_work = math.ceil(recording.n_samples * ratio)
    out = np.zeros((n_work, len(leads)), np.float32, order="F")
    recorded = np.zeros(n_work, np.bool_)
    missing = []
    for i, name in enumerate(leads):
        column = recording.lead(name)
        spans = _recorded_spans(column, recording.fs, replace(config, segment_min_s=PIECE_MIN_S))
        if i == 0 and not _readable(spans, recording.fs, config):
            raise _not_enough(recording, name, config)
        for start, stop in spans:
            first = round(start * ratio)
            size = min(-(-(stop - start) * ratio.numerator // ratio.denominator), n_work - first)
            for at, piece in _resampled(column[start:stop], recording.fs, ratio, config):
                part = piece[: max(0, size - at)]
                out[first + at : first + at + part.size, i] = part
            recorded[first : first + size] = True
        missing.append(_missing(column, spans, ratio))
        del column
    segments = _long_enough(recorded, float(recording.fs * ratio), config)
    for start, stop in runs(~_inside(segments, n_work)):
        out[start:stop] = 0
    return Conditioned(read_only(out), float(recording.fs * ratio), segments, tuple(missing))


def _long_enough(recorded: NDArray[np.bool_], fs: float, config: SignalConfig) -> tuple[tuple[int, int], ...]:
    least = config.segment_min_s * fs - 1
    return tuple((a, b) for a, b in _joined(runs(recorded), least, JOIN_S * fs) if b - a >= least)


def _joined(spans: Sequence[tuple[int, int]], least: float, reach: float) -> list[tuple[int, int]]:
    """Join spans shorter than `least` with the one before, else the one after, across gaps of at most `reach`.

    Recorders that send packets lose one now and then: what lies between two lost ones would not be read at all. Spans
    that are long enough stay as they are.
    """
    joined: list[tuple[int, int]] = []
    for start, stop in spans:
        shorter = min(stop - start, joined[-1][1] - joined[-1][0]) if joined else 0
        if joined and shorter < least and start - joined[-1][1] <= min(reach, shorter):
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((start, stop))
    return joined


def _inside(spans: Sequence[tuple[int, int]], size: int) -> NDArray[np.bool_]:
    mask = np.zeros(size, np.bool_)
    for start, stop in spans:
        mask[start:stop] = True
    return mask


def _missing(lead: FloatArray, spans: list[tuple[int, int]], ratio: Fraction) -> tuple[tuple[int, int], ...]:
    """Return the stretches without a lead, at the working rate: its gaps, what lies between its pieces, bridges."""
    there = _inside(spans, lead.size)
    there &= np.isfinite(lead)
    if there.all():
        return ()
    lost = np.logical_not(there, out=there)
    return tuple((math.floor(a * ratio), math.ceil(b * ratio)) for a, b in runs(lost))


def analysable_leads(recording: Leads, config: SignalConfig) -> tuple[str, ...]:
    """Return the leads that were recorded long enough without a long gap; all of them if none was.

    A printed page shows most leads for 2.5 s and one for 10 s: only that one can be analysed. One or two leads are
    returned as they are.
    """
    if len(recording.leads) <= 2:
        return recording.leads
    long = [lead for lead in recording.leads if _readable(_pieces(recording, lead, config), recording.fs, config)]
    return tuple(long) or recording.leads


def hours(conditioned: Conditioned) -> Iterator[tuple[int, int, int, int]]:
    """Split the segments into stretches of at most an hour, each with a margin of a minute.

    Yields [start, stop) of the stretch, then [first, last) including its margins, as indices into the signal.
    """
    stretch, margin = round(STRETCH_S * conditioned.fs), round(MARGIN_S * conditioned.fs)
    for begin, end in conditioned.segments:
        for start in range(begin, end, stretch):
            stop = min(start + stretch, end)
            yield start, stop, max(begin, start - margin), min(end, stop + margin)


def _recorded_spans(lead: FloatArray, fs: float, config: SignalConfig) -> list[tuple[int, int]]:
    recorded = np.ones(lead.size, np.bool_)
    for start, stop in gaps_in(lead, fs, config):
        recorded[start:stop] = False
    return [(a, b) for a, b in runs(recorded) if (b - a) / fs >= config.segment_min_s]


def _readable(pieces: Sequence[tuple[int, int]], fs: float, config: SignalConfig) -> bool:
    """Tell whether a piece of a lead, short ones joined, is long enough to be read."""
    least = config.segment_min_s * fs
    return any(b - a >= least for a, b in _joined(pieces, least, JOIN_S * fs))


def _pieces(recording: Leads, lead: str, config: SignalConfig) -> list[tuple[int, int]]:
    return _recorded_spans(recording.lead(lead), recording.fs, replace(config, segment_min_s=PIECE_MIN_S))


def _not_enough(recording: Leads, lead: str, config: SignalConfig) -> SignalError:
    longest, best = _longest_stretch(recording, config)
    return SignalError(
        f"Not enough signal: lead {lead!r} has no stretch of {config.segment_min_s:g} s without gaps; "
        f"the longest there is lasts {longest:.1f} s, in lead {best!r}."
    )


def _longest_stretch(recording: Leads, config: SignalConfig) -> tuple[float, str]:
    """Return the seconds of the longest stretch without gaps in any lead, and the name of that lead."""
    any_length = replace(config, segment_min_s=0.0)
    spans = [_recorded_spans(recording.lead(lead), recording.fs, any_length) for lead in recording.leads]
    lengths = [max((stop - start for start, stop in found), default=0) / recording.fs for found in spans]
    best = int(np.argmax(lengths))
    return lengths[best], recording.leads[best]


def _resampled(lead: FloatArray, fs: float, ratio: Fraction, config: SignalConfig) -> Iterator[tuple[int, FloatArray]]:
    """Yield the filtered lead at the working rate, hour by hour: where each begins, and its samples (n,).

    Each hour is filtered with a minute on either side. The impulse response of a 0.5 Hz high-pass filter falls by a
    factor of e in under half a second, so in double precision nothing remains of the cuts; up to an hour there is no
    cut at all. Resampling sees enough of the hours beside to cut nothing.
    """
    high = min(config.lowpass_hz, 0.45 * fs)
    sos = sps.butter(config.filter_order, (config.highpass_hz, high), "bandpass", fs=fs, output="sos")
    up, down = ratio.numerator, ratio.denominator
    bridged = math.ceil(config.gap_bridge_ms / 1000 * fs) + 1
    pieces: Iterable[FloatArray] = _filtered_hours(sos, lead, fs, bridged)
    if round(STRETCH_S * fs) % down:
        pieces = [np.concatenate(list(pieces))]
    reach = down * (1 - (-ANTI_ALIASING_REACH * max(up, down) // (up * down)))
    first, before, here = 0, np.zeros(0, np.float32), np.zeros(0, np.float32)
    for after in chain(pieces, [np.zeros(0, np.float32)]):
        if here.size:
            size, cut = -(-here.size * up // down), before.size * up // down
            joined = np.concatenate([before, here, after[:reach]])
            piece = joined if ratio == 1 else sps.resample_poly(joined, up, down)
            yield first, np.asarray(piece[cut : cut + size], np.float32)
            first += size
        before, here = here[-reach:], after


def _filtered_hours(sos: NDArray[np.float64], lead: FloatArray, fs: float, bridged: int) -> Iterator[FloatArray]:
    """Return a lead hour by hour, filtered with zero phase; gaps of up to `bridged` samples are interpolated."""
    stretch, margin = round(STRETCH_S * fs), round(MARGIN_S * fs)

    def filtered(start: int) -> FloatArray:
        stop = min(start + stretch, lead.size)
        first, low = max(0, start - margin), max(0, start - margin - bridged)
        piece = _interpolated(lead[low : stop + margin + bridged])[first - low : stop + margin - low]
        return np.asarray(sps.sosfiltfilt(sos, piece)[start - first : stop - first], np.float32)

    return side_by_side(filtered, range(0, lead.size, stretch))


def _interpolated(lead: FloatArray) -> FloatArray:
    missing = ~np.isfinite(lead)
    if not missing.any():
        return lead
    if missing.all():
        return np.zeros_like(lead)
    beside = ~missing
    beside[1:-1] &= missing[:-2] | missing[2:]  # other values there cannot matter
    whole = lead.copy()
    known = np.flatnonzero(beside)
    whole[missing] = np.interp(np.flatnonzero(missing), known, lead[known])
    return whole
