"""Atrial flutter by its waves between the QRS: of regular beats at every second to fourth wave, or of irregular ones.

Irregularity finds neither: regular beats have none, and where conduction changes each QRS still follows its wave after
the same time, as it would follow a P wave.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import rfft

from models.threads import side_by_side
from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.state_paths import likeliest_states
from pipeline.signal.conditioning import Conditioned
from pipeline.signal.gaps import runs
from pipeline.signal.median import median
from pipeline.types import Episode, FloatArray
from pipeline.wording import share

DECIMATED: Final = 5  # samples of the leads, of which the mean is taken: no wave of interest is faster than 12 Hz
QRS_S: Final = (0.05, 0.07)  # before and after R: a straight line takes its place
WINDOW_S: Final = 8.0
STEP_S: Final = 4.0
AT_ONCE: Final = 2048  # windows
SAMPLES_AT_ONCE: Final = 8192  # of the decimated leads: they fit the processor's cache
BEATS_MIN: Final = 6
STEADY: Final = 0.08  # four of five intervals of a window differ by less from their median, as a share
CONDUCTED: Final = (2, 3, 4)  # atrial waves to each beat
# Typical flutter has 240 to 340 waves a minute, doi:10.1093/europace/eum096, and a little more in young hearts.
FLUTTER_HZ: Final = (4.0, 5.8)
LINE_HZ: Final = 0.35  # the line of a wave is not broader than this on each side
BAND_HZ: Final = 12.0  # up to which energy counts, from ...
OF_RATE: Final = 0.75  # ... this share of the heart rate on: P and T waves have most of theirs at the rate itself
SPECTRUM_N: Final = 512  # points of the Fourier transform
# Of the energy between the beats, in the lines of the wave and of its first harmonic, in each lead: between the most
# that mitdb, svdb, vfdb and cinc2017 have, 0.32, and drawn flutter of 3:1 with T waves, 0.45; one patient of ptbxl has
# 0.67 and more. Irregular beats of mitdb and svdb have at most 0.44 in both leads, in one window.
LINE_SHARE: Final = 0.42
UNIT: Final = 0.05  # above or below this is worth one unit of log likelihood, at most `MOST`
MOST: Final = 3.0
UNKNOWN: Final = -1.0  # log likelihood of a window in which the beats are not regular
CHANGE: Final = 4.0  # log likelihood that a change of state costs: in a long recording flutter lasts some 16 s
CONFIDENCE: Final = 0.8
TINY: Final = 1e-12
STEP_HZ: Final = 0.1  # of the waves that are looked for where the beats are irregular

Numbers = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class WaveShares:
    """What windows of `WINDOW_S` have of a wave that goes on between the beats.

    Attributes
    ----------
    start_s : (n_windows,) float64
        Their starts, seconds.
    rate_hz : (n_windows,) float64
        Rate of their beats, Hz; 0 where these are not regular, or ventricular.
    waves : (n_windows,) intp
        Waves to each beat, of `CONDUCTED`; 0 where no multiple of the rate lies in `FLUTTER_HZ`.
    share : (n_windows,) float64
        Share of the wave and its first harmonic in the energy between the QRS, in the lead that has least of it.
    irregular_hz, irregular_share : (n_windows,) float64
        Where the beats are irregular and not ventricular, the wave of `FLUTTER_HZ` that has most, Hz, and its share;
        else 0.
    """

    start_s: Numbers
    rate_hz: Numbers
    waves: NDArray[np.intp]
    share: Numbers
    irregular_hz: Numbers
    irregular_share: Numbers


def find_regular_flutter(context: RhythmContext) -> list[Episode]:
    """Find flutter by waves that go on between the beats, at a multiple of their rate if they are regular.

    The QRS are cut out; a wave of one frequency is then looked for in each lead by itself. T and P waves have most of
    their energy at the heart rate, flutter waves have none there. The beats are not subtracted: where every second wave
    is conducted, the usual beat has the waves in it.

    Parameters
    ----------
    context : RhythmContext
        Its beats and its signal; without a signal nothing is found.

    Returns
    -------
    list of Episode
        AFL, in order.
    """
    found = wave_shares(context)
    if not found.start_s.size:
        return []
    regular = np.clip((found.share - LINE_SHARE) / UNIT, -MOST, MOST)
    irregular = np.clip((found.irregular_share - LINE_SHARE) / UNIT, UNKNOWN, MOST)
    gain = np.where(found.waves > 0, regular, np.where(found.rate_hz > 0, -MOST, irregular))
    flutters = likeliest_states(np.stack([np.zeros_like(gain), gain], axis=1), CHANGE) == 1
    middle_s = found.start_s + WINDOW_S / 2
    edges_s = [0.0, *((middle_s[1:] + middle_s[:-1]) / 2).tolist(), context.duration_s]
    return [_episode(edges_s[first], edges_s[stop], found, slice(first, stop)) for first, stop in runs(flutters)]


def wave_shares(context: RhythmContext) -> WaveShares:
    """Measure in windows of `WINDOW_S` how much of what lies between the QRS is one wave.

    Parameters
    ----------
    context : RhythmContext
        Its beats and its signal; without a signal there are no windows.
    """
    nothing = np.zeros(0)
    if context.conditioned is None or len(context) < BEATS_MIN:
        return WaveShares(nothing, nothing, np.zeros(0, np.intp), nothing, nothing, nothing)
    signal, fs = _between_beats(context.conditioned, context.time_s)
    last = len(signal) - round(WINDOW_S * fs)
    start_s = np.arange(0, last + 1, round(STEP_S * fs), dtype=np.float64) / fs
    rate_hz, irregular_hz = _rates(context, start_s)
    return WaveShares(start_s, rate_hz, *_lines(signal, fs, rate_hz), *_any_line(signal, fs, irregular_hz))


def _episode(start_s: float, stop_s: float, found: WaveShares, span: slice) -> Episode:
    known = found.waves[span] > 0
    if 2 * np.count_nonzero(known) < np.count_nonzero(found.irregular_hz[span] > 0):
        return _irregular_episode(start_s, stop_s, found, span)
    usual = int(np.median(found.waves[span][known]))
    bpm = 60 * float(np.median(found.rate_hz[span][known]))
    held = share(float(np.median(found.share[span][known])))
    what = f"{usual} waves to each beat at {bpm:.0f}/min hold {held} of what lies between the QRS"
    return Episode(start_s, stop_s, "AFL", f"{usual}:1", CONFIDENCE, what)


def _irregular_episode(start_s: float, stop_s: float, found: WaveShares, span: slice) -> Episode:
    known = found.irregular_hz[span] > 0
    wpm = 60 * float(np.median(found.irregular_hz[span][known]))
    held = share(float(np.median(found.irregular_share[span][known])))
    what = f"waves at {wpm:.0f}/min, of which changing numbers are conducted, hold {held} of what lies between the QRS"
    return Episode(start_s, stop_s, "AFL", "", CONFIDENCE, what)


def _between_beats(conditioned: Conditioned, time_s: Numbers) -> tuple[FloatArray, float]:
    """Return the leads (n, n_leads), mV, at a lower rate and with straight lines in place of the QRS, and that rate."""
    fs = conditioned.fs / DECIMATED
    n, leads = len(conditioned.signal) // DECIMATED, conditioned.signal.shape[1]
    whole = conditioned.signal[: n * DECIMATED].reshape(n, DECIMATED, leads)
    mean = np.empty((n, leads), np.float32)
    for start in range(0, n, SAMPLES_AT_ONCE):
        part = slice(start, start + SAMPLES_AT_ONCE)
        sums = whole[part, 0] / DECIMATED
        for k in range(1, DECIMATED):  # three times as fast as a mean along an axis of 5
            sums += whole[part, k] / DECIMATED
        mean[part] = sums
    covered = np.zeros(n, np.bool_)
    starts = np.clip(np.floor((time_s - QRS_S[0]) * fs).astype(np.intp), 0, n)
    stops = np.clip(np.ceil((time_s + QRS_S[1]) * fs).astype(np.intp), 0, n)
    samples = starts[:, None] + np.arange(int((stops - starts).max(initial=0)))
    covered[samples[samples < stops[:, None]]] = True
    changes = np.flatnonzero(covered[1:] != covered[:-1])
    if changes.size:
        ends, hidden = changes + covered[changes], np.flatnonzero(covered)  # the last and first samples that are seen
        for lead in mean.T:
            lead[hidden] = np.interp(hidden, ends, lead[ends])
    return mean, fs


def _rates(context: RhythmContext, start_s: Numbers) -> tuple[Numbers, Numbers]:
    """Return the rates (n_windows,) of the beats in windows, Hz: in those where they are regular, and in the others.

    Both are 0 where there are few beats, or ventricular ones.
    """
    rates, irregular = np.zeros((2, start_s.size))
    first, stop = np.searchsorted(context.time_s, [start_s, start_s + WINDOW_S])
    counts = stop - first - 1  # intervals
    ectopic = np.concatenate([[0], np.cumsum(np.isin(context.symbol, ("V", "F")) | context.break_before)])
    asked = np.flatnonzero((counts >= BEATS_MIN - 1) & (ectopic[stop] == ectopic[np.minimum(first + 1, stop)]))
    rr_s = context.rr_s
    for count in np.unique(counts[asked]).tolist():
        of_count = asked[counts[asked] == count]
        rr = rr_s[first[of_count, None] + 1 + np.arange(count)]
        usual = median(rr)
        apart = np.sort(np.abs(rr / usual[:, None] - 1), axis=1)[:, int(0.8 * (count - 1))]
        rates[of_count] = np.where(apart <= STEADY, 1 / usual, 0.0)
        irregular[of_count] = np.where(apart <= STEADY, 0.0, 1 / rr.mean(axis=1))
    return rates, irregular


def _lines(signal: FloatArray, fs: float, rate_hz: Numbers) -> tuple[NDArray[np.intp], Numbers]:
    """Return how many waves to a beat (n_windows,) would have most energy, and its share in the lead with least.

    No waves, 0, where there is no rate, or no multiple of it is in `FLUTTER_HZ`.
    """
    waves, lines = np.zeros(rate_hz.size, np.intp), np.zeros(rate_hz.size)
    multiples = np.array(CONDUCTED) * rate_hz[:, None]
    possible = (multiples >= FLUTTER_HZ[0]) & (multiples <= FLUTTER_HZ[1])
    asked = np.flatnonzero(possible.any(axis=1))
    windows = sliding_window_view(signal, round(WINDOW_S * fs), axis=0)[:: round(STEP_S * fs)]  # (n, n_leads, size)

    def read(part: NDArray[np.intp]) -> tuple[NDArray[np.intp], Numbers]:
        energy = _energy(windows[part], fs)
        total = _within(energy, fs, OF_RATE * rate_hz[part], np.full(part.size, BAND_HZ))
        shares = np.stack(
            [
                np.where(possible[part, k], _share(energy, fs, multiples[part, k], total), 0)
                for k in range(len(CONDUCTED))
            ]
        )
        return np.array(CONDUCTED)[shares.argmax(axis=0)], shares.max(axis=0)

    parts = [asked[start : start + AT_ONCE] for start in range(0, asked.size, AT_ONCE)]
    for part, (usual, held) in zip(parts, side_by_side(read, parts), strict=True):
        waves[part], lines[part] = usual, held
    return waves, lines


def _any_line(signal: FloatArray, fs: float, rate_hz: Numbers) -> tuple[Numbers, Numbers]:
    """Return the wave in `FLUTTER_HZ` that has most energy, Hz, and its share, (n_windows,); 0 where no rate is."""
    wave_hz, lines = np.zeros((2, rate_hz.size))
    asked = np.flatnonzero(rate_hz > 0)
    grid = np.arange(FLUTTER_HZ[0], FLUTTER_HZ[1] + STEP_HZ / 2, STEP_HZ)
    windows = sliding_window_view(signal, round(WINDOW_S * fs), axis=0)[:: round(STEP_S * fs)]
    for part in np.array_split(asked, max(1, -(-asked.size // AT_ONCE))):
        if not part.size:
            continue
        energy = _energy(windows[part], fs)
        total = _within(energy, fs, OF_RATE * rate_hz[part], np.full(part.size, BAND_HZ))
        shares = np.stack([_share(energy, fs, np.full(part.size, hz), total) for hz in grid])
        wave_hz[part], lines[part] = grid[shares.argmax(axis=0)], shares.max(axis=0)
    return wave_hz, lines


def _energy(windows: FloatArray, fs: float) -> FloatArray:
    """Return the energy (n, n_leads, n_frequencies + 1) below each frequency, as far as it counts."""
    centred = windows - windows.mean(axis=2, keepdims=True)
    spectrum = rfft(centred * np.hanning(windows.shape[2]).astype(np.float32), SPECTRUM_N, axis=2)
    spectrum = spectrum[..., : int((BAND_HZ + LINE_HZ) * SPECTRUM_N / fs) + 2]
    energy = np.zeros((*spectrum.shape[:2], spectrum.shape[2] + 1), np.float32)
    np.cumsum(spectrum.real**2 + spectrum.imag**2, axis=2, out=energy[..., 1:])
    return energy


def _within(energy: FloatArray, fs: float, low_hz: Numbers, high_hz: Numbers) -> Numbers:
    """Return the energy (n, n_leads) between two frequencies, one pair for each window."""
    last = energy.shape[2] - 1
    low, high = (np.clip(np.ceil(hz * SPECTRUM_N / fs).astype(np.intp), 0, last) for hz in (low_hz, high_hz))
    rows = np.arange(len(energy))
    return np.asarray(energy[rows, :, high] - energy[rows, :, low])


def _share(energy: FloatArray, fs: float, wave_hz: Numbers, total: Numbers) -> Numbers:
    """Return the share (n,) of a wave and its first harmonic in the total (n, n_leads), in the lead with least."""
    lines = sum(_within(energy, fs, hz - LINE_HZ, hz + LINE_HZ) for hz in (wave_hz, 2 * wave_hz))
    return np.asarray(np.min(lines / np.maximum(total, TINY), axis=1))
