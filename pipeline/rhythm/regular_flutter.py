"""Atrial flutter that conducts every second, third or fourth beat: regular, and so not found by irregularity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.fft import rfft

from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.state_paths import likeliest_states
from pipeline.signal.conditioning import Conditioned
from pipeline.signal.gaps import runs
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
# Of the energy between the beats, in the lines of the wave and of its first harmonic, in each lead: halfway between
# flutter of one patient of ptbxl, 0.67 and more, and the most that mitdb, svdb, vfdb and cinc2017 have, 0.32.
LINE_SHARE: Final = 0.5
UNIT: Final = 0.05  # above or below this is worth one unit of log likelihood, at most `MOST`
MOST: Final = 3.0
UNKNOWN: Final = -1.0  # log likelihood of a window in which the beats are not regular
CHANGE: Final = 4.0  # log likelihood that a change of state costs: in a long recording flutter lasts some 16 s
CONFIDENCE: Final = 0.8
TINY: Final = 1e-12

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
    """

    start_s: Numbers
    rate_hz: Numbers
    waves: NDArray[np.intp]
    share: Numbers


def find_regular_flutter(context: RhythmContext) -> list[Episode]:
    """Find flutter with regular beats, by waves that go on between them at a multiple of their rate.

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
    gain = np.clip((found.share - LINE_SHARE) / UNIT, -MOST, MOST)
    gain = np.where(found.waves > 0, gain, np.where(found.rate_hz > 0, -MOST, UNKNOWN))
    flutters = likeliest_states(np.stack([np.zeros_like(gain), gain], axis=1), CHANGE) == 1
    middle_s = found.start_s + WINDOW_S / 2
    edges_s = [0.0, *((middle_s[1:] + middle_s[:-1]) / 2).tolist(), context.duration_s]
    return [_episode(edges_s[first], edges_s[stop], found, slice(first, stop)) for first, stop in runs(flutters)]


def wave_shares(context: RhythmContext) -> WaveShares:
    """Measure in windows of `WINDOW_S` how much of what lies between the QRS is one wave at a multiple of the rate.

    Parameters
    ----------
    context : RhythmContext
        Its beats and its signal; without a signal there are no windows.
    """
    nothing = np.zeros(0)
    if context.conditioned is None or len(context) < BEATS_MIN:
        return WaveShares(nothing, nothing, np.zeros(0, np.intp), nothing)
    signal, fs = _between_beats(context.conditioned, context.time_s)
    last = len(signal) - round(WINDOW_S * fs)
    start_s = np.arange(0, last + 1, round(STEP_S * fs), dtype=np.float64) / fs
    rate_hz = _steady_rates(context, start_s)
    return WaveShares(start_s, rate_hz, *_lines(signal, fs, rate_hz))


def _episode(start_s: float, stop_s: float, found: WaveShares, span: slice) -> Episode:
    known = found.waves[span] > 0
    usual = int(np.median(found.waves[span][known]))
    bpm = 60 * float(np.median(found.rate_hz[span][known]))
    held = share(float(np.median(found.share[span][known])))
    what = f"{usual} waves to each beat at {bpm:.0f}/min hold {held} of what lies between the QRS"
    return Episode(start_s, stop_s, "AFL", f"{usual}:1", CONFIDENCE, what)


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


def _steady_rates(context: RhythmContext, start_s: Numbers) -> Numbers:
    """Return the rate (n_windows,) of the beats in each window, Hz; 0 where they are not regular, or ventricular."""
    rates = np.zeros(start_s.size)
    first, stop = np.searchsorted(context.time_s, [start_s, start_s + WINDOW_S])
    counts = stop - first - 1  # intervals
    ectopic = np.concatenate([[0], np.cumsum(np.isin(context.symbol, ("V", "F")) | context.break_before)])
    asked = np.flatnonzero((counts >= BEATS_MIN - 1) & (ectopic[stop] == ectopic[np.minimum(first + 1, stop)]))
    rr_s = context.rr_s
    for count in np.unique(counts[asked]).tolist():
        of_count = asked[counts[asked] == count]
        rr = rr_s[first[of_count, None] + 1 + np.arange(count)]
        usual = np.median(rr, axis=1)
        apart = np.sort(np.abs(rr / usual[:, None] - 1), axis=1)[:, int(0.8 * (count - 1))]
        rates[of_count] = np.where(apart <= STEADY, 1 / usual, 0.0)
    return rates


def _lines(signal: FloatArray, fs: float, rate_hz: Numbers) -> tuple[NDArray[np.intp], Numbers]:
    """Return how many waves to a beat (n_windows,) would have most energy, and its share in the lead with least.

    No waves, 0, where there is no rate, or no multiple of it is in `FLUTTER_HZ`.
    """
    waves, lines = np.zeros(rate_hz.size, np.intp), np.zeros(rate_hz.size)
    multiples = np.array(CONDUCTED) * rate_hz[:, None]
    possible = (multiples >= FLUTTER_HZ[0]) & (multiples <= FLUTTER_HZ[1])
    asked = np.flatnonzero(possible.any(axis=1))
    windows = sliding_window_view(signal, round(WINDOW_S * fs), axis=0)[:: round(STEP_S * fs)]  # (n, n_leads, size)
    for part in np.array_split(asked, max(1, -(-asked.size // AT_ONCE))):
        if not part.size:
            continue
        energy = _energy(windows[part], fs)
        total = _within(energy, fs, OF_RATE * rate_hz[part], np.full(part.size, BAND_HZ))
        shares = np.stack(
            [
                np.where(possible[part, k], _share(energy, fs, multiples[part, k], total), 0)
                for k in range(len(CONDUCTED))
            ]
        )
        best = shares.argmax(axis=0)
        waves[part], lines[part] = np.array(CONDUCTED)[best], shares.max(axis=0)
    return waves, lines


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
