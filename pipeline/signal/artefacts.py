"""What in a lead is no signal, found before a filter smears it: sentinels, spikes, rails, steps, dead leads, pulses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from pipeline.config import SignalConfig
from pipeline.signal.calibration import calibration_spans
from pipeline.signal.gaps import runs
from pipeline.signal.narrow_spikes import height_that_counts, narrow_spikes
from pipeline.types import FloatArray, Recording, read_only

Kind = Literal["impossible", "spike", "saturated", "step", "dead", "calibration"]
REASONS: Final[dict[Kind, str]] = {
    "impossible": "values that no ECG has",
    "spike": "a spike that no heart makes",
    "saturated": "the amplifier is saturated",
    "step": "the baseline steps",
    "dead": "flat line: no signal, or the electrode is off",
    "calibration": "calibration pulses, no ECG",
}

# Heights are in units of the lead's usual height: the median peak-to-peak height of its stretches of two seconds.
BLOCK_S: Final = 0.5
BLOCKS_AT_ONCE: Final = 256  # they fit the processor's cache
GROUP: Final = 4  # blocks: two seconds, which hold a beat at 30 / min
CENTRE_BLOCKS: Final = 41  # the baseline is the median of 20 s
CENTRE_POINTS: Final = 16  # samples of a block that its own median is taken from
FAR_MV: Final = 20.0  # pacing spikes are lower in a diagnostic recording; IEC 60601-2-25 asks for +-5 mV
FAR_HEIGHTS: Final = 10.0
FAR_HEIGHTS_UNCALIBRATED: Final = 15.0
HEIGHT_MAX_MV: Final = 5.0  # a greater usual height is that of the artefacts
EDGE: Final = 0.2  # an artefact goes on while the lead is this share of "far" away from its baseline
SPIKE_S: Final = 0.02
JOIN_S: Final = 0.1
RAIL_S: Final = 0.2  # a clipped QRS is shorter
RAIL_HEIGHTS: Final = 0.5
RAIL_SHARE_MAX: Final = 0.3  # beyond that it is no artefact in an ECG, but no ECG
STEP_HEIGHTS: Final = 2.5
STEP_KEPT: Final = 0.6  # of a step must be left afterwards; a tall narrow wave comes back
STEP_SPAN_S: Final = 0.02
STEP_AWAY_S: Final = (0.06, 0.4)
STEP_MASK_S: Final = 0.04  # on each side: more than what is bridged, so that both sides are filtered on their own
DEAD_S: Final = 2.0
SILENT_S: Final = 60.0  # no lead of a patient is exactly constant for a minute; an asystole may be for a while
DEAD_HEIGHTS: Final = 0.02
ALIVE_HEIGHTS: Final = 0.4


@dataclass(frozen=True)
class Artefact:
    """A stretch of one lead that was masked.

    Attributes
    ----------
    lead : str
        Name of the lead.
    start, stop : int
        Samples [start, stop) of the recording.
    kind : Kind
        What it is; `REASONS` says it in words.
    """

    lead: str
    start: int
    stop: int
    kind: Kind


@dataclass(frozen=True, eq=False)
class _Lead:
    """One lead (n,), whether some is infinite, and of blocks of `size` samples their maximum, minimum and baseline."""

    signal: FloatArray
    endless: bool
    fs: float
    size: int
    top: NDArray[np.float64]
    bottom: NDArray[np.float64]
    centre: NDArray[np.float64]
    heights: NDArray[np.float64]  # of groups of blocks
    calibrated: bool

    @property
    def height(self) -> float:
        """The usual height, at most `HEIGHT_MAX_MV`; 0 if nothing was recorded."""
        return min(self.middle_height, HEIGHT_MAX_MV) if self.calibrated else self.middle_height

    @property
    def middle_height(self) -> float:
        """The median height, also where a wrong gain makes all of it too high; 0 if nothing was recorded."""
        known = self.heights[np.isfinite(self.heights)]
        return float(np.median(known)) if known.size else 0.0

    @property
    def living_height(self) -> float:
        """The height of the tenth of the lead in which it is highest: what it is where it lives."""
        known = self.heights[np.isfinite(self.heights)]
        tall = float(np.quantile(known, 0.9)) if known.size else 0.0
        return min(tall, HEIGHT_MAX_MV) if self.calibrated else tall


@dataclass(frozen=True, eq=False)
class Masked:
    """A recording with NaN in its artefacts, one lead at a time: a copy of all of them would lie beside a whole day.

    Attributes
    ----------
    recording : Recording
        The recording as it was read.
    artefacts : tuple of Artefact
        What is masked, in order of the leads and of time.
    endless : bool
        Whether it holds infinite values, which count as missing.
    """

    recording: Recording
    artefacts: tuple[Artefact, ...] = ()
    endless: bool = False

    @property
    def leads(self) -> tuple[str, ...]:
        """Names of its leads."""
        return self.recording.leads

    @property
    def fs(self) -> float:
        """Sampling frequency, Hz."""
        return self.recording.fs

    @property
    def n_samples(self) -> int:
        """Number of samples in each lead."""
        return self.recording.n_samples

    @property
    def duration_s(self) -> float:
        """Duration, seconds."""
        return self.recording.duration_s

    def lead(self, name: str) -> FloatArray:
        """Return one lead (n_samples,), mV, NaN in its artefacts; the recording's own if nothing is masked in it."""
        own = [artefact for artefact in self.artefacts if artefact.lead == name]
        signal = self.recording.lead(name)
        if not own and not self.endless:
            return signal
        signal = signal.copy()
        if self.endless:
            signal[np.isinf(signal)] = np.nan
        for artefact in own:
            signal[artefact.start : artefact.stop] = np.nan
        return read_only(signal)

    def whole(self) -> Recording:
        """Return the recording with NaN in the artefacts of all leads; the recording itself if there is none."""
        if not self.artefacts and not self.endless:
            return self.recording
        p_signal = np.stack([self.lead(name) for name in self.leads], axis=1)
        return replace(self.recording, p_signal=read_only(p_signal))


def mask_artefacts(recording: Recording, config: SignalConfig) -> tuple[Recording, tuple[Artefact, ...]]:
    """Replace by NaN what `find_artefacts` finds.

    Returns
    -------
    masked : Recording
        The recording with NaN in the artefacts; `recording` itself if there is none.
    artefacts : tuple of Artefact
        What was masked, in order of the leads and of time.
    """
    found = find_artefacts(recording, config)
    return found.whole(), found.artefacts


def find_artefacts(recording: Recording, config: SignalConfig) -> Masked:
    """Find what is no signal, lead by lead.

    An artefact is far beyond anything of an ECG: QRS complexes, pacing spikes, fibrillation and noise stay, and so does
    a flat stretch of all leads, which may be an asystole, unless it lies off the baseline or lasts a minute without any
    noise. A lead that is flat while another one lives is dead.

    Parameters
    ----------
    recording : Recording
        The recording; infinite values count as missing.
    config : SignalConfig
        Its `flat_mv` is used.

    Returns
    -------
    Masked
        The recording, to be read without them.
    """
    leads = [_measured(recording, i) for i in range(len(recording.leads))]
    found = [_of_lead(lead) for lead in leads]
    dead = _dead(leads, config)
    artefacts = tuple(
        Artefact(name, *span)
        for name, own, silent in zip(recording.leads, found, dead, strict=True)
        for span in _disjoint([*own, *silent])
    )
    return Masked(recording, artefacts, any(lead.endless for lead in leads))


Span = tuple[int, int, Kind]


def _of_lead(lead: _Lead) -> list[Span]:
    if lead.height == 0:
        return _off_the_baseline(lead)
    far = _far(lead)
    pulses = calibration_spans(lead.signal, lead.fs) if lead.calibrated else []
    marked: list[Span] = [(start, stop, "calibration") for start, stop in pulses]
    lost = [*marked, *far, *_narrow(lead, far), *_rails(lead, far), *_off_the_baseline(lead)]
    reach = STEP_AWAY_S[1] * lead.fs
    return [*lost, *(step for step in _steps(lead) if not any(_near(step, other, reach) for other in lost))]


def _near(first: Span, second: Span, reach: float) -> bool:
    return first[0] < second[1] + reach and second[0] < first[1] + reach


def _measured(recording: Recording, index: int) -> _Lead:
    signal = recording.p_signal[:, index]
    size = max(CENTRE_POINTS, round(BLOCK_S * recording.fs))
    whole = signal.size // size * size
    starts = range(0, max(whole, 1), size * BLOCKS_AT_ONCE)
    parts = (signal[first : min(first + size * BLOCKS_AT_ONCE, whole)] for first in starts)
    rest = signal[whole:]
    last = [np.pad(rest, (0, size - rest.size), mode="edge")] if rest.size else []
    blocks = [_Blocks.of(np.ascontiguousarray(part).reshape(-1, size)) for part in (*parts, *last)]
    top, bottom, points = (np.concatenate(each) for each in zip(*(one.columns for one in blocks), strict=True))
    endless = any(one.missing for one in blocks) and bool(np.isinf(signal).any())
    return _Lead(
        signal=np.where(np.isfinite(signal), signal, np.float32(np.nan)) if endless else signal,
        endless=endless,
        fs=recording.fs,
        size=size,
        top=top,
        bottom=bottom,
        centre=_centre(points),
        heights=_grouped(top, np.fmax) - _grouped(bottom, np.fmin),
        calibrated=recording.calibrated[index],
    )


@dataclass(frozen=True, eq=False)
class _Blocks:
    """Of some blocks their maximum and minimum (k,), some points (k, n_points), and whether values are missing."""

    top: NDArray[np.float64]
    bottom: NDArray[np.float64]
    points: FloatArray
    missing: bool

    @classmethod
    def of(cls, rows: FloatArray) -> _Blocks:
        highest: np.ufunc = np.maximum
        lowest: np.ufunc = np.minimum
        missing = not np.isfinite(rows.sum(dtype=np.float64))
        if missing:
            rows = np.where(np.isfinite(rows), rows, np.float32(np.nan))
            highest, lowest = np.fmax, np.fmin  # slower, but pass over what is missing
        top, bottom = (of.reduce(rows, axis=1).astype(np.float64) for of in (highest, lowest))
        return cls(top, bottom, rows[:, :: rows.shape[1] // CENTRE_POINTS].copy(), missing)

    @property
    def columns(self) -> tuple[NDArray[np.float64], NDArray[np.float64], FloatArray]:
        return self.top, self.bottom, self.points


def _centre(points: FloatArray) -> NDArray[np.float64]:
    """Return the baseline of blocks, from some points (n_blocks, k) of each; 0 where nothing was recorded."""
    middle = np.sort(points, axis=1)[:, points.shape[1] // 2].astype(np.float64)  # NaN comes last
    known = np.isfinite(middle)
    if not known.any():
        return np.zeros(len(points))
    filled = np.interp(np.arange(middle.size), np.flatnonzero(known), middle[known])
    return np.asarray(median_filter(filled, min(CENTRE_BLOCKS, 2 * (filled.size // 2) + 1), mode="nearest"))


def _grouped(values: NDArray[np.float64], reduce: np.ufunc) -> NDArray[np.float64]:
    padded = np.pad(values, (0, -values.size % GROUP), mode="edge")
    return np.asarray(reduce.reduce(padded.reshape(-1, GROUP), axis=1))


def _far(lead: _Lead) -> list[Span]:
    """Find values far beyond the baseline: sentinels, spikes, and what an amplifier gives without a patient."""
    usual = lead.height
    limit = max(FAR_MV, FAR_HEIGHTS * usual) if lead.calibrated else FAR_HEIGHTS_UNCALIBRATED * usual
    with np.errstate(invalid="ignore"):
        beyond = (lead.top - lead.centre > limit) | (lead.centre - lead.bottom > limit)
    spans = []
    for start, stop in runs(_widened(beyond, 1)):
        first, last = start * lead.size, min(stop * lead.size, lead.signal.size)
        baseline = np.repeat(lead.centre[start:stop], lead.size)[: last - first]
        with np.errstate(invalid="ignore"):
            away = np.abs(lead.signal[first:last].astype(np.float64) - baseline)
            near, far = away > EDGE * limit, away > limit
        spans += [(first + a, first + b) for a, b in runs(near) if far[a:b].any()]
    return [(a, b, "spike" if b - a <= SPIKE_S * lead.fs else "impossible") for a, b in _close(spans, lead)]


def _narrow(lead: _Lead, far: Sequence[Span]) -> list[Span]:
    """Find narrow spikes in a lead in mV that are not as high as what is far beyond any ECG."""
    limit = height_that_counts(lead.middle_height) if lead.calibrated else np.inf
    tall = np.fmax(lead.top - lead.centre, lead.centre - lead.bottom) > limit
    blocks = [(a * lead.size, min(b * lead.size, lead.signal.size)) for a, b in runs(_widened(tall, 1))]
    found: list[Span] = [(a, b, "spike") for a, b in narrow_spikes(lead.signal, blocks, lead.fs, limit)]
    return [span for span in found if not any(_near(span, other, 0) for other in far)]


def _close(spans: Sequence[tuple[int, int]], lead: _Lead) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for start, stop in spans:
        if joined and start - joined[-1][1] <= JOIN_S * lead.fs:
            start = joined.pop()[0]
        joined.append((start, stop))
    return joined


def _rails(lead: _Lead, far: Sequence[Span]) -> list[Span]:
    """Find stretches at the highest or lowest value of the lead, away from its baseline."""
    ends = lead.top, lead.bottom
    within = np.ones(lead.top.size, np.bool_)
    for start, stop, _ in far:
        within[start // lead.size : (stop - 1) // lead.size + 1] = False
    if not within.any():
        return []
    middle = float(np.median(lead.centre))
    values = float(np.nanmax(ends[0][within])), float(np.nanmin(ends[1][within]))
    found: list[tuple[int, int]] = []
    for value in values:
        if abs(value - middle) <= RAIL_HEIGHTS * lead.height:
            continue
        for start, stop in runs(_widened((lead.top == value) | (lead.bottom == value), 1)):
            first = start * lead.size
            there = lead.signal[first : stop * lead.size] == np.float32(value)
            found += [(first + a, first + b) for a, b in runs(there) if b - a >= RAIL_S * lead.fs]
    if sum(b - a for a, b in found) > RAIL_SHARE_MAX * lead.signal.size:
        return []
    return [(a, b, "saturated") for a, b in sorted(found)]


def _off_the_baseline(lead: _Lead) -> list[Span]:
    """Find exactly constant stretches that lie beside the baseline: the lead was replaced by a number."""
    spans: list[Span] = []
    for start, stop in runs(lead.top == lead.bottom):
        if (stop - start) * lead.size < DEAD_S * lead.fs or stop - start == lead.top.size:
            continue
        beside = [i for i in (start - 2, stop + 1) if 0 <= i < lead.top.size and lead.top[i] > lead.bottom[i]]
        middles = [(lead.top[i] + lead.bottom[i]) / 2 for i in beside]
        own = np.median(lead.centre) if not middles else np.mean(middles)
        if abs(lead.top[start] - own) > max(lead.living_height, 1e-9):
            first, last = _constant_around(lead.signal, start * lead.size, min(stop * lead.size, lead.signal.size))
            spans.append((first, last, "impossible"))
    return spans


def _constant_around(signal: FloatArray, start: int, stop: int) -> tuple[int, int]:
    """Widen [start, stop) over samples of the same value."""
    value = signal[start]
    while start > 0 and signal[start - 1] == value:
        start -= 1
    while stop < signal.size and signal[stop] == value:
        stop += 1
    return start, stop


def _steps(lead: _Lead) -> list[Span]:
    """Find sudden steps of the baseline after which the lead stays where it came."""
    usual, fs = lead.height, lead.fs
    with np.errstate(invalid="ignore"):
        tall = lead.top - lead.bottom > STEP_HEIGHTS * usual
    span, mask = max(1, round(STEP_SPAN_S * fs)), round(STEP_MASK_S * fs)
    near, away = (round(seconds * fs) for seconds in STEP_AWAY_S)
    spans: list[Span] = []
    for start, stop in runs(_widened(tall, 1)):
        first, last = start * lead.size, min(stop * lead.size, lead.signal.size)
        piece = lead.signal[first:last].astype(np.float64)
        jumps = np.abs(piece[span:] - piece[:-span])
        for a, b in runs(np.nan_to_num(jumps) > STEP_HEIGHTS * usual):
            at = first + a + int(np.argmax(jumps[a:b])) + span // 2
            before = lead.signal[max(0, at - away) : max(0, at - near)].astype(np.float64)
            after = lead.signal[at + near : at + away].astype(np.float64)  # float32 has no room for sums of its largest
            if before.size < near or after.size < near or not (np.isfinite(before).all() and np.isfinite(after).all()):
                continue
            left = abs(float(np.median(after)) - float(np.median(before)))
            quiet = max(float(np.ptp(before)), float(np.ptp(after)))
            if left > STEP_KEPT * float(jumps[a:b].max()) and quiet < left:
                spans.append((max(0, at - mask), min(lead.signal.size, at + mask + 1), "step"))
    return spans


def _dead(leads: Sequence[_Lead], config: SignalConfig) -> list[list[Span]]:
    """Find where each lead is flat while another lives, and where none has even noise for a minute."""
    heights = np.array([lead.heights for lead in leads])
    living = np.array([lead.living_height for lead in leads])
    calibrated = np.array([lead.calibrated for lead in leads])
    floor = np.where(calibrated, config.flat_mv, 0.0)
    connected = living > floor
    flat_below = np.maximum(DEAD_HEIGHTS * living, np.where(connected, 0.0, floor))[:, None]
    with np.errstate(invalid="ignore"):
        flat = heights <= flat_below
        alive = connected[:, None] & (heights >= ALIVE_HEIGHTS * living[:, None])
    silent = (heights == 0).all(axis=0)
    found: list[list[Span]] = []
    for i, lead in enumerate(leads):
        another = np.asarray(np.delete(alive, i, axis=0).any(axis=0))
        lost = [span for span in runs(flat[i]) if another[slice(*span)].mean() >= 0.5]
        own = [(a, b) for a, b in runs(silent) if (b - a) * GROUP * lead.size >= SILENT_S * lead.fs]
        whole = lead.size * GROUP
        spans = [(a * whole, min(b * whole, lead.signal.size)) for a, b in (*lost, *own) if connected.any()]
        found.append([(*_flat_around(lead, a, b, float(flat_below[i, 0])), "dead") for a, b in spans])
    return found


def _flat_around(lead: _Lead, start: int, stop: int, below: float) -> tuple[int, int]:
    """Widen the flat stretch [start, stop) by up to a block on each side, as long as it stays flat."""
    value = float(np.nanmedian(lead.signal[start:stop]))
    edge = max(below, 1e-9)
    before = lead.signal[max(0, start - GROUP * lead.size) : start]
    after = lead.signal[stop : stop + GROUP * lead.size]
    with np.errstate(invalid="ignore"):
        left = np.flatnonzero(~(np.abs(before - value) <= edge))
        right = np.flatnonzero(~(np.abs(after - value) <= edge))
    first = start - before.size + (int(left[-1]) + 1 if left.size else 0)
    return first, stop + (int(right[0]) if right.size else after.size)


def _widened(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    wide = mask.copy()
    for k in range(1, by + 1):
        wide[k:] |= mask[:-k]
        wide[:-k] |= mask[k:]
    return wide


def _disjoint(spans: Sequence[Span]) -> list[Span]:
    """Sort stretches and cut what an earlier one covers."""
    kept: list[Span] = []
    for start, stop, kind in sorted(spans):
        first = max(start, kept[-1][1]) if kept else start
        if stop > first:
            kept.append((first, stop, kind))
    return kept
