"""The time column of a CSV table: what it counts, the sampling frequency, and where rows are missing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import minimum_filter1d

from pipeline.config import Limits
from pipeline.errors import IntakeError
from pipeline.intake.csv_grid import grid_of

Times = NDArray[np.float64]

# Formats of clock times, the most common first; each also without decimals. Only differences are used.
_CLOCKS: Final = (
    *("ISO8601", "%H:%M:%S.%f", "%d.%m.%Y %H:%M:%S.%f", "%d/%m/%Y %H:%M:%S.%f", "%m/%d/%Y %H:%M:%S.%f"),
    *("%d-%m-%Y %H:%M:%S.%f", "%m-%d-%Y %H:%M:%S.%f", "%Y/%m/%d %H:%M:%S.%f", "%Y.%m.%d %H:%M:%S.%f"),
    *("%H:%M:%S.%f %d/%m/%Y", "%H:%M:%S.%f %m/%d/%Y", "%M:%S.%f", "%I:%M:%S.%f %p", "%m/%d/%Y %I:%M:%S.%f %p"),
    *("%d/%m/%Y %I:%M:%S.%f %p", "%m/%d/%y %I:%M:%S.%f %p", "%d/%m/%y %I:%M:%S.%f %p", "%m/%d/%y %H:%M:%S.%f"),
    *(
        "%d-%b-%Y %H:%M:%S.%f",
        "%d/%m/%y %H:%M:%S.%f",
        "%d.%m.%y %H:%M:%S.%f",
        "%d.%m.%Y %H:%M",
        "%Y-%m-%d",
        "%d.%m.%Y",
        "%m/%d/%Y",
    ),
)
_DAY_S: Final = 86_400.0
_HOUR_S: Final = 3600.0
_PART: Final = 2**14  # times that are looked at together
_BACK_S: Final = 2.0  # a stamp that lies further before the last one is no jitter
_EVEN_SAMPLES: Final = 2.0  # times that stray no further from a straight line are those of an unbroken recording
_WINDOWS: Final = 20_000  # the sampling frequency is that of so many stretches at most
_STRETCHES: Final = (1, 4, 16, 64, 256)  # stamps in one of them: as few as agree, for then a gap lies in few of them
_MOST: Final = 0.85  # of them must agree
_NEAR: Final = 0.75  # of what one lost stamp changes is how near they must be to the usual rate
_ROUNDS: Final = 2  # a better sampling frequency shows the gaps better, and they give a better one
_HORIZON_S: Final = 2.0  # a late stamp is no gap if the next ones, within this, catch up
_AGREE: Final = 0.005  # of the sampling frequency: as much may that of a clock differ from the stated one
_AGREE_UNEVEN: Final = 0.03  # the same of stamps that come in packets or with jitter
_BEGINS_AGAIN: Final = 0.2  # of its range: a counter that jumps back further up does not begin again
_COUNTS_ROWS: Final = 1e-6  # so near to 1 are the rows per unit of a counter of rows
_COUNTER_SIZES: Final = tuple(float(base**k) for base in (2, 10) for k in range(2, 33))
_SAME_SIZE: Final = 1e-6  # of a counter's size: what rounding may change
_SIZE_SPARE: Final = 1.1  # if the highest counts were lost, the next such size is taken
_SECONDS_MAX: Final = 1e12  # after the start: thirty thousand years
_MISSING_MAX: Final = 1e15  # samples, far more than any gap that is let through
_GAPS_MAX: Final = 20.0  # times the rows that there are
_EPOCHS: Final = ((1e17, 1e-9), (1e14, 1e-6), (1e11, 1e-3), (1e8, 1.0))  # since 1970, from the size of the number


@dataclass(frozen=True, eq=False)
class Timing:
    """What a time column says.

    Attributes
    ----------
    fs : float or None
        Sampling frequency, Hz; None if the column counts rows.
    even : bool
        False if the stamps come in packets or with jitter.
    before : (k,) int64
        Rows before which samples are missing, ascending.
    missing : (k,) int64
        How many samples are missing there.
    step : str
        The usual step in words, such as "4 ms".
    restarts : int
        How often the times begin again; what follows is taken to go on without a gap.
    """

    fs: float | None
    even: bool
    before: NDArray[np.int64]
    missing: NDArray[np.int64]
    step: str = ""
    restarts: int = 0


def clock_format(cells: Sequence[str]) -> str:
    """Return the format in which all of the clock times are written, "" if none fits.

    Of several that fit, such as day before month and month before day, it is the one with which the times lie closest
    together: read the other way, a recording over midnight would leap by a month.

    Parameters
    ----------
    cells : sequence of str
        Clock times from all over the table, with the first and the last one.
    """
    series = pd.Series([_plain_clock(cell) for cell in cells], dtype=str)
    found, closest = "", pd.Timedelta.max
    for written in _CLOCKS:
        for form in (written, written.replace(".%f", "")):
            times = pd.to_datetime(series, format=form, errors="coerce", utc=True)
            if times.notna().all() and (span := times.max() - times.min()) < closest:
                found, closest = form, span
            if found and "/" not in found and "-" not in found:
                return found
    return found


def clock_seconds(cells: Sequence[str] | pd.Series[str], form: str) -> Times:
    """Return clock times as seconds.

    Parameters
    ----------
    cells : sequence of str
        The cells, n of them.
    form : str
        As `clock_format` returned it.

    Returns
    -------
    (n,) float64
        Seconds since an arbitrary time, NaN where a cell is no such time.
    """
    plain = pd.Series(cells, dtype=str)
    some = " ".join(map(str, plain.iloc[:50]))
    if "[" in some or "," in some or _RX_COLON_MS.search(some):
        plain = plain.map(_plain_clock)
    times = pd.to_datetime(plain, format=form, errors="coerce", utc=True)
    seconds = (times - pd.Timestamp("2000-01-01", tz="UTC")) / pd.Timedelta(seconds=1)
    return np.asarray(seconds, np.float64)


_RX_COLON_MS: Final = re.compile(r"(\d{1,2}:\d{2}:\d{2}):(\d{1,6})")


def _plain_clock(cell: str) -> str:
    cell = cell.strip().strip("[]'\"").strip().replace(",", ".")
    return _RX_COLON_MS.sub(r"\1.\2", cell)


def rolled_over(times: Times, form: str) -> Times:
    """Undo the jumps back of clocks without a date at midnight, or of those without an hour at the full hour.

    Parameters
    ----------
    times : (n,) float64
        Seconds.
    form : str
        How the clock is written.
    """
    turn = _HOUR_S if form.startswith("%M") else _DAY_S / 2 if form.startswith("%I") and "%p" not in form else _DAY_S
    if "%Y" in form or "%y" in form or form == "ISO8601":
        return times
    back = np.diff(times, prepend=times[:1]) < -turn / 2
    return times + turn * np.cumsum(back) if back.any() else times


def unrolled(counts: Times) -> Times:
    """Undo the jumps back of a counter that begins again at 0, or at the value that it began with.

    Parameters
    ----------
    counts : (n,) float64
        Values of the counter.
    """
    back = counts[1:] < counts[:-1]
    if not back.any():
        return counts
    steps = np.diff(counts)
    usual = float(np.median(steps[steps > 0])) if (steps > 0).any() else 1.0
    most, least = float(counts.max()), float(counts.min())
    if not 0 <= least <= _BEGINS_AGAIN * most or (counts[1:][back] > least + _BEGINS_AGAIN * (most - least)).any():
        return counts
    span = most - least + usual
    exact = (size for size in _COUNTER_SIZES if abs(size - span) <= _SAME_SIZE * size)
    spare = (size for size in _COUNTER_SIZES if span <= size <= _SIZE_SPARE * span)
    span = next(exact, next(spare, span))
    return counts + span * np.concatenate([[0.0], np.cumsum(back)])


def restarts(counts: Times) -> int:
    """Return how often a column of times begins again, 0 if it is a counter of the usual size that runs over.

    Parameters
    ----------
    counts : (n,) float64
        Values of the column.
    """
    back = np.flatnonzero(counts[1:] < counts[:-1])
    tops = counts[back]
    full = bool(back.size) and any((np.abs(tops + 1 - size) < _SAME_SIZE * size).all() for size in _COUNTER_SIZES)
    return 0 if full else int(back.size)


def seconds_per_unit(times: Times, stated: float | None, fs: float | None, limits: Limits) -> float | None:
    """Return how many seconds one unit of a numeric time column is; None if it counts rows.

    Parameters
    ----------
    times : (n,) float64
        Values of the column.
    stated : float, optional
        Seconds per unit, as the column's name or row of units says.
    fs : float, optional
        Sampling frequency that is stated elsewhere, Hz.
    limits : Limits
        Its range of sampling frequencies decides what is possible.
    """
    if stated is not None:
        return stated
    if (epoch := _epoch(float(times[0]))) is not None:
        return epoch
    rate = rows_per_unit(times)
    if fs is not None:
        for scale in (1.0, 1e-3, 1e-6, 1e-9, _DAY_S):
            if abs(rate / scale / fs - 1) < _AGREE_UNEVEN:
                return scale
    if abs(rate - 1) < _COUNTS_ROWS:
        return None
    possible = [
        scale for scale in (1.0, 1e-3, 1e-6, 1e-9, _DAY_S) if limits.fs_min_hz <= rate / scale <= limits.fs_max_hz
    ]
    return possible[0] if possible else 1.0


def counts_rows(times: Times, stated: float | None) -> bool:
    """Tell whether a column of times may as well count rows: it has no unit and goes up by one.

    Parameters
    ----------
    times : (n,) float64
        Values of the column, NaN where a cell is empty.
    stated : float, optional
        Seconds per unit, as the column's name or row of units says.
    """
    known = times[np.isfinite(times)]
    if stated is not None or known.size < 2 or _epoch(float(known[0])) is not None:
        return False
    return abs(rows_per_unit(unrolled(known)) - 1) < _COUNTS_ROWS


def _epoch(first: float) -> float | None:
    return next((scale for size, scale in _EPOCHS if size <= first < 25 * size), None)


def rows_per_unit(times: Times) -> float:
    """Return the rows per unit of time, whatever is lost, repeated or late: that of many stretches without a gap.

    Parameters
    ----------
    times : (n,) float64
        The stamps, not descending but for jitter.
    """
    rises = times[1:] > times[:-1]
    starts = np.arange(times.size) if rises.all() else np.concatenate([[0], np.flatnonzero(rises) + 1])
    if starts.size < 3:
        span = float(times[-1] - times[0])
        return (times.size - 1) / span if span > 0 else float("inf")
    starts = starts[1:-1] if starts.size > 6 and starts.size < times.size // 2 else starts
    rate = float("inf")
    for stretch in sorted({max(1, min(size, (starts.size - 1) // 4)) for size in _STRETCHES}):
        begin = np.unique(np.linspace(0, starts.size - 1 - stretch, _WINDOWS).astype(np.int64))
        span = times[starts[begin + stretch]] - times[starts[begin]]
        rows = (starts[begin + stretch] - starts[begin])[span > 0]
        rates = rows / span[span > 0]
        if not rates.size:
            continue
        rate = float(np.median(rates))
        whole = 1.0 - 0.5 / (stretch + 0.5)  # of the usual rate: with one stamp lost there is less
        if np.quantile(np.abs(rates / rate - 1), _MOST) <= _NEAR * (1 - whole):
            kept = rates >= whole * rate
            return float(rows[kept].sum() / span[span > 0][kept].sum())
    return rate


def read_timing(times: Times, stated: float | None, limits: Limits, first_row: int) -> Timing:
    """Find the sampling frequency and the gaps of a column of seconds.

    Parameters
    ----------
    times : (n,) float64
        Seconds, finite.
    stated : float, optional
        The sampling frequency that is stated, Hz: times of whole seconds can hardly tell 250 from 251 Hz.
    limits : Limits
        Its duration bounds the gaps.
    first_row : int
        Line of the first sample in the file, from 1.

    Raises
    ------
    IntakeError
        If the times run back, stand still, or leave out more than a recording can be long.
    """
    none = np.zeros(0, np.int64)
    n, span = times.size, float(times[-1] - times[0])
    if n < 3:
        return Timing(None, True, none, none)
    if not max(times.max(), -times.min()) < _SECONDS_MAX:
        raise IntakeError("The time column holds numbers that are no times; choose another one, or none.")
    if (worst := _runs_back(times)) is not None:
        raise IntakeError(f"The time column runs back at row {first_row + worst + 1}; sort the rows or leave it out.")
    if span < 0:
        raise IntakeError("The time column runs backwards; sort the rows by time or leave it out.")
    if not span > 0:
        raise IntakeError("The time column stands still; choose another one, or none.")
    fs = (n - 1) / span
    stray = _stray(times, fs)
    if stray <= _EVEN_SAMPLES:
        known = stated is not None and abs(fs / stated - 1) <= _AGREE
        if not known and (grid := grid_of(times, _longest(times))) is not None:
            _check_gaps(grid.missing, grid.before, n, grid.fs, limits, first_row)
            fs = _rounded(grid.fs, 1.0 / (n - 1))
            return Timing(fs, True, grid.before, grid.missing, _step(fs))
        return Timing(_rounded(fs, 1.0 / (n - 1)), True, none, none, _step(fs))
    fs, steps = rows_per_unit(times), np.diff(times)
    if not np.isfinite(fs):
        raise IntakeError("The time column stands still; choose another one, or none.")
    held = float((steps == 0).mean())
    group = float(np.median(np.diff(np.flatnonzero(steps > 0)))) if held > 0.2 and (steps > 0).sum() > 2 else 1.0
    jitter = float(np.median(np.abs(steps * fs - 1))) if held <= 0.2 else group
    even = jitter < 0.1 and held <= 0.2
    starts = np.flatnonzero(steps > 0) + 1
    for _ in range(_ROUNDS):
        if group > 1:
            before, missing = _packet_gaps(times, starts, fs, group)
            rows, whole = float(starts[-1] - starts[0]), float(times[starts[-1]] - times[starts[0]])
        else:
            before, missing = _gaps(times, fs, 0.75 if even else max(1.5, 8.0 * min(jitter, 1.0)))
            rows, whole = n - 1.0, span
        _check_gaps(missing, before, n, fs, limits, first_row)
        fs = (rows + float(missing.sum())) / whole if whole > 0 else fs
    return Timing(_rounded(fs, (1.0 if even else 2.0 + group) / n), even, before, missing, _step(fs))


def _parts(n: int) -> Iterator[slice]:
    """Yield stretches of n values that stay in the processor's cache, each with the first value of the next."""
    return (slice(at, at + _PART + 1) for at in range(0, n, _PART))


def _runs_back(times: Times) -> int | None:
    """Return the place before the furthest step back that is no jitter; None if there is none."""
    least, worst = -_BACK_S, None
    for part in _parts(times.size):
        steps = np.diff(times[part])
        if steps.size and steps.min() < least:
            least, worst = float(steps.min()), part.start + int(np.argmin(steps))
    return worst


def _longest(times: Times) -> float:
    """Return the longest step."""
    return max(float(np.diff(times[part]).max(initial=0.0)) for part in _parts(times.size))


def _stray(times: Times, fs: float) -> float:
    """Return how far times stray from a straight line, in samples."""
    late = early = 0.0
    for part in _parts(times.size):
        line = np.arange(part.start, min(part.stop, times.size), dtype=np.float64)
        line /= fs
        line += times[0]
        np.subtract(times[part], line, out=line)
        late, early = max(late, float(line.max())), max(early, -float(line.min()))
    return max(late, early) * fs


def _packet_gaps(
    times: Times, starts: NDArray[np.int64], fs: float, group: float
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the same as `_gaps` for stamps that whole packets have; the first and the last one may be cut."""
    late = (times[starts] - times[starts[0]]) * fs - (starts - starts[0])
    rise = np.diff(_envelope(late, 5))
    at = np.flatnonzero(rise > max(1.5, 0.5 * group))
    missing = np.rint(np.minimum(rise[at], _MISSING_MAX)).astype(np.int64)
    return starts[at + 1], missing


def _gaps(times: Times, fs: float, least: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return rows before which samples are missing and how many.

    A stamp that is late is no gap if one of the next is in time again: what counts is the lower envelope of lateness.
    """
    late = (times - times[0]) * fs
    late -= np.arange(times.size)
    rise = np.diff(_envelope(late, int(max(16, _HORIZON_S * fs))))
    at = np.flatnonzero(rise > least)
    missing = np.rint(np.minimum(rise[at], _MISSING_MAX)).astype(np.int64)
    return (at + 1)[missing > 0], missing[missing > 0]


def _envelope(late: Times, horizon: int) -> Times:
    """Return the least of each value and the next ones, up to `horizon` of them."""
    size = min(horizon, late.size) | 1  # what is stated in too small a unit has a horizon of gigabytes
    return np.asarray(minimum_filter1d(late, size, origin=-(size // 2), mode="nearest"))


def _check_gaps(
    missing: NDArray[np.int64], before: NDArray[np.int64], n: int, fs: float, limits: Limits, first_row: int
) -> None:
    total = n + int(missing.sum())
    if missing.size and (total / fs > limits.duration_max_s or total > _GAPS_MAX * n + 10 * fs):
        worst = int(np.argmax(missing))
        raise IntakeError(
            f"The time column jumps by {missing[worst] / fs:,.0f} s at row {first_row + int(before[worst])}; "
            "split the file there, or leave the column out."
        )


def _rounded(fs: float, uncertain: float) -> float:
    """Return the whole number of Hz that stamps so uncertain cannot tell from `fs`, else five digits of it."""
    whole = round(fs)
    if whole and abs(fs / whole - 1) <= max(min(uncertain, 0.01), 1e-6):
        return float(whole)
    return float(f"{fs:.6g}")


def _step(fs: float) -> str:
    return f"{1e3 / fs:.4g} ms" if fs < 1e4 else f"{1e6 / fs:.4g} µs"


def agrees(fs: float, stated: float, timing: Timing, n: int) -> bool:
    """Tell whether the sampling frequency of a time column is the stated one, as far as it can tell.

    Parameters
    ----------
    fs, stated : float
        Both, Hz.
    timing : Timing
        What the column says.
    n : int
        Rows.
    """
    tolerance = max(_AGREE if timing.even else _AGREE_UNEVEN, 2.0 / max(n, 1))
    return abs(fs / stated - 1) <= tolerance


def with_gaps(values: NDArray[np.float32], timing: Timing) -> NDArray[np.float32]:
    """Return the samples with NaN in place of the missing ones.

    Parameters
    ----------
    values : (n, n_leads) float32
        The rows of the table.
    timing : Timing
        Where how many are missing.

    Returns
    -------
    (n + missing, n_leads) float32
        The same array if nothing is missing.
    """
    if not timing.missing.size:
        return values
    whole = np.full((len(values) + int(timing.missing.sum()), values.shape[1]), np.nan, np.float32)
    shift = np.zeros(len(values), np.int64)
    shift[timing.before] = timing.missing
    whole[np.arange(len(values)) + np.cumsum(shift)] = values
    return whole
