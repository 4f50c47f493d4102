"""An ECG on paper as plain geometry in millimetres, which the screen and the PDF page draw alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pipeline.signal.decimation import decimate
from pipeline.twelve_leads.derived_leads import standard_leads, standard_name
from pipeline.twelve_leads.layouts import Cell, SheetLayout, cells, missing_leads
from pipeline.types import FloatArray, Recording
from pipeline.wording import in_a_row

SPEEDS_MM_S: Final = (25.0, 50.0)
GAINS_MM_MV: Final = (5.0, 10.0, 20.0)
PAPER_MM: Final = 250.0  # of signal across: 10 s at 25 mm/s, as on a page in landscape
SQUARE_MM: Final = 5.0
PULSE_S, PULSE_MV = 0.2, 1.0  # IEC 60601-2-25
LETTERS_MM: Final = 5.0  # above the rhythm strip, or above the first row of a layout without one
LEAST_MM: Final = (9.0, 4.0)  # above and below the zero line of a row
MOST_MM: Final = (30.0, 20.0)  # what is larger runs into the next row, as on paper
NAME_MM: Final = 7.0  # over the zero line
NAME_HIGH_MM: Final = 4.0
ARBITRARY_MM: Final = 15.0  # height of a lead without a scale
Points = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class SheetTrace:
    """One lead's piece of signal.

    Attributes
    ----------
    lead : str
        Name as it is written on the sheet.
    row : int
        Row that it stands in, from 0.
    x_mm, y_mm : (n,) float
        Points from the left and from the upper edge, mm; y is NaN where nothing was recorded.
    left_mm : float
        Where the piece begins, mm.
    calibrated : bool
        Whether its height has a scale.
    derived : bool
        Whether it was computed from I and II.
    """

    lead: str
    row: int
    x_mm: Points
    y_mm: Points
    left_mm: float
    calibrated: bool = True
    derived: bool = False


@dataclass(frozen=True, eq=False)
class Sheet:
    """A stretch of a recording on paper.

    Attributes
    ----------
    layout : SheetLayout
        The layout.
    start_s, window_s : float
        The stretch that the whole width shows, seconds.
    speed_mm_s, gain_mm_mv : float
        Paper speed and gain.
    left_mm : float
        Where `start_s` lies; left of it stand the calibration pulses.
    width_mm, height_mm : float
        Size, whole squares of 5 mm in height.
    zero_mm : tuple of float
        Height of the zero line of each row, from the upper edge.
    columns_mm : tuple of float
        Where a new column begins, apart from the first.
    letters_mm : float
        Height of the middle of the row of class letters.
    strip_row : int or None
        The row that is a rhythm strip.
    traces : tuple of SheetTrace
        The signal.
    notes : tuple of str
        What must be said about it: leads that were derived, turned round, not recorded, or have no scale.
    """

    layout: SheetLayout
    start_s: float
    window_s: float
    speed_mm_s: float
    gain_mm_mv: float
    left_mm: float
    width_mm: float
    height_mm: float
    zero_mm: tuple[float, ...]
    columns_mm: tuple[float, ...]
    letters_mm: float
    strip_row: int | None
    traces: tuple[SheetTrace, ...]
    notes: tuple[str, ...]

    @property
    def scales(self) -> str:
        """Paper speed and gain in words; no gain where no lead has a scale."""
        speed = f"{self.speed_mm_s:g} mm/s"
        return f"{speed} · {self.gain_mm_mv:g} mm/mV" if any(trace.calibrated for trace in self.traces) else speed

    def x_of(self, time_s: float) -> float:
        """Return where a time stands, mm from the left edge."""
        return self.left_mm + (time_s - self.start_s) * self.speed_mm_s

    @property
    def crowded(self) -> bool:
        """Whether rows are too near to each other for a pulse and a name in each of them."""
        return bool(np.diff(self.zero_mm, prepend=0.0).min() < PULSE_MV * self.gain_mm_mv + NAME_HIGH_MM)

    def name_at(self, trace: SheetTrace) -> tuple[float, float]:
        """Return where a lead's name begins and its baseline, mm: over the pulse, or over the start of its piece."""
        if trace.left_mm > self.left_mm:
            return trace.left_mm + 1.2, max(self.zero_mm[trace.row] - NAME_MM - 1.2, NAME_HIGH_MM)
        above = PULSE_MV * self.gain_mm_mv if self.pulse(trace.row) else 0.0
        return 1.0, max(self.zero_mm[trace.row] - above - 1.2, NAME_HIGH_MM)

    def pulse(self, row: int) -> tuple[tuple[float, float], ...]:
        """Return the corners of the calibration pulse of 1 mV and 200 ms in a row, mm.

        There is none without a scale, and only that of the first row where rows are crowded.
        """
        if (row and self.crowded) or not any(trace.calibrated for trace in self.traces if trace.row == row):
            return ()
        zero, top, wide = self.zero_mm[row], self.zero_mm[row] - PULSE_MV * self.gain_mm_mv, PULSE_S * self.speed_mm_s
        return ((1.0, zero), (2.5, zero), (2.5, top), (2.5 + wide, top), (2.5 + wide, zero), (4.0 + wide, zero))


@dataclass(frozen=True, eq=False)
class _Stretch:
    """All leads of a stretch: `value_mv` (n_samples, n_leads) around their medians, `time_s` (n_samples,)."""

    time_s: NDArray[np.float64]
    value_mv: NDArray[np.float32]
    leads: tuple[str, ...]
    derived: tuple[str, ...]
    calibrated: tuple[bool, ...]

    def piece(self, cell: Cell, start_s: float, window_s: float) -> tuple[Points, Points]:
        """Return times and values (n,) of a lead in its column."""
        edges = start_s + window_s * np.array([cell.column, cell.column + 1]) / cell.columns
        first, stop = np.searchsorted(self.time_s, edges - 1e-9)
        value = self.value_mv[first : stop + 1, self.leads.index(cell.lead)]
        return self.time_s[first : stop + 1], -value if cell.negated else value


@dataclass(frozen=True)
class _Rows:
    """Heights in mm: zero lines, the middle of the class letters, and the lower edge."""

    zero: tuple[float, ...]
    letters: float
    height: float


def page_s(speed_mm_s: float, duration_s: float) -> float:
    """Return how many seconds a sheet shows: what fits across, or the whole of a shorter recording.

    Examples
    --------
    >>> page_s(25.0, 60.0), page_s(50.0, 60.0), page_s(25.0, 7.5)
    (10.0, 5.0, 7.5)
    """
    return min(PAPER_MM / speed_mm_s, duration_s)


def ecg_sheet(
    recording: Recording,
    layout: SheetLayout,
    *,
    start_s: float = 0.0,
    speed_mm_s: float = 25.0,
    gain_mm_mv: float = 10.0,
    points_per_mm: float = 10.0,
    highest_mm: float | None = None,
) -> Sheet:
    """Lay a stretch of a recording out as an ECG; only the samples of this stretch are read.

    Parameters
    ----------
    recording : Recording
        The recording; missing limb leads are derived from I and II.
    layout : SheetLayout
        Which lead stands where.
    start_s : float, optional
        Where the stretch begins, seconds from the start of the recording.
    speed_mm_s, gain_mm_mv : float, optional
        Paper speed and gain.
    points_per_mm : float, optional
        How many points a trace may have per millimetre; the lowest and highest sample of each bucket are kept.
    highest_mm : float, optional
        Space on the page. Rows move together until they fit; their signal may then run into another's, as on paper.

    Returns
    -------
    Sheet
        The geometry.
    """
    window_s = page_s(speed_mm_s, recording.duration_s)
    stretch = _stretch(recording, start_s, start_s + window_s, gain_mm_mv)
    places = cells(layout, stretch.leads)
    pieces = [stretch.piece(cell, start_s, window_s) for cell in places]
    rows = _rows(places, [value * gain_mm_mv for _, value in pieces], PULSE_MV * gain_mm_mv, highest_mm)
    left_mm = 5.0 + PULSE_S * speed_mm_s
    traces = []
    for cell, (time_s, value) in zip(places, pieces, strict=True):
        wide_mm = window_s * speed_mm_s / cell.columns
        time_s, value = decimate(time_s, value, max(2, int(wide_mm * points_per_mm)))
        lead = stretch.leads.index(cell.lead)
        traces.append(
            SheetTrace(
                lead=f"\N{MINUS SIGN}{cell.lead}" if cell.negated else cell.lead,
                row=cell.row,
                x_mm=left_mm + (time_s - start_s) * speed_mm_s,
                y_mm=rows.zero[cell.row] - value * gain_mm_mv,
                left_mm=left_mm + cell.column * wide_mm,
                calibrated=stretch.calibrated[lead],
                derived=cell.lead in stretch.derived,
            )
        )
    columns = max(cell.columns for cell in places)
    return Sheet(
        layout=layout,
        start_s=start_s,
        window_s=window_s,
        speed_mm_s=speed_mm_s,
        gain_mm_mv=gain_mm_mv,
        left_mm=left_mm,
        width_mm=left_mm + window_s * speed_mm_s,
        height_mm=rows.height,
        zero_mm=rows.zero,
        columns_mm=tuple(left_mm + window_s * speed_mm_s * i / columns for i in range(1, columns)),
        letters_mm=rows.letters,
        strip_row=next((cell.row for cell in places if cell.strip), None),
        traces=tuple(traces),
        notes=_notes(stretch, places),
    )


def _stretch(recording: Recording, start_s: float, stop_s: float, gain_mm_mv: float) -> _Stretch:
    fs = recording.fs
    first, last = max(0, int(start_s * fs)), min(recording.n_samples, int(np.ceil(stop_s * fs)) + 1)
    samples = np.asarray(recording.p_signal[first:last], np.float32)
    found = standard_leads(samples, recording.leads)
    recorded = [name for name in found.leads if name not in found.derived]
    others = [i for i, name in enumerate(recording.leads) if not _taken(recording.leads, i)]
    leads = (*found.leads, *(recording.leads[i] for i in others))
    value = np.concatenate([found.p_signal, samples[:, others]], axis=1)
    scale = {
        standard_name(name) or name: known for name, known in zip(recording.leads, recording.calibrated, strict=True)
    }
    from_two = all(scale.get(name, True) for name in ("I", "II"))
    calibrated = tuple(scale[name] if name in recorded or name in scale else from_two for name in leads)
    for i, known in enumerate(calibrated):
        value[:, i] = _centred(value[:, i], None if known else ARBITRARY_MM / gain_mm_mv)
    return _Stretch(np.arange(first, last) / fs, value, leads, found.derived, calibrated)


def _taken(leads: Sequence[str], place: int) -> bool:
    """Tell whether a lead is one of the twelve, and the first of its name."""
    name = standard_name(leads[place])
    return name is not None and all(standard_name(other) != name for other in leads[:place])


def _centred(value: FloatArray, height: float | None) -> FloatArray:
    """Values (n,) around their median; scaled to a height where one is given."""
    known = value[np.isfinite(value)]
    if not known.size:
        return value
    span = float(np.ptp(known))
    factor = height / span if height and span else 1.0
    return np.asarray((value - np.median(known)) * factor, np.float32)


def _rows(places: Sequence[Cell], pieces_mm: Sequence[Points], pulse_mm: float, highest_mm: float | None) -> _Rows:
    """Place the zero lines on bold lines of the paper, one below the other, or closer where the page has no room."""
    count = places[-1].row + 1
    above, below = np.full(count, max(LEAST_MM[0], pulse_mm + 1)), np.full(count, LEAST_MM[1])
    for cell, piece in zip(places, pieces_mm, strict=True):
        known = piece[np.isfinite(piece)]
        if known.size:
            above[cell.row] = max(above[cell.row], min(float(known.max()) + 1, MOST_MM[0]))
            below[cell.row] = max(below[cell.row], min(1 - float(known.min()), MOST_MM[1]))
    lettered = next((cell.row for cell in places if cell.strip), 0)
    room = above + np.where(np.arange(count) == lettered, LETTERS_MM, 0.0)
    zero, edge = [], 0.0
    for row in range(count):
        zero.append(float(np.ceil((edge + room[row]) / SQUARE_MM) * SQUARE_MM))
        edge = zero[-1] + float(below[row])
    height = float(np.ceil(edge / SQUARE_MM) * SQUARE_MM)
    if highest_mm is not None:
        zero, height = _fitted(zero, height, highest_mm)
    return _Rows(tuple(zero), zero[lettered] - float(above[lettered]) - LETTERS_MM / 2, height)


def _fitted(zero: list[float], height: float, highest_mm: float) -> tuple[list[float], float]:
    """Move rows apart by whole squares, or together by whole millimetres, until they fill the page."""
    spread = min(np.floor((highest_mm - height) / len(zero) / SQUARE_MM) * SQUARE_MM, 2 * SQUARE_MM)
    if spread >= 0:
        return [at + i * spread for i, at in enumerate(zero)], height + (len(zero) - 1) * spread
    fitting = float(np.floor(highest_mm / SQUARE_MM) * SQUARE_MM)
    lowest = fitting - (height - zero[-1])
    share = (lowest - zero[0]) / (zero[-1] - zero[0])
    return [float(np.round(zero[0] + (at - zero[0]) * share)) for at in zero], fitting


def _notes(stretch: _Stretch, places: Sequence[Cell]) -> tuple[str, ...]:
    found = []
    if stretch.derived:
        found.append(f"* {in_a_row(stretch.derived)} computed from I and II.")
    if turned := [cell.lead for cell in places if cell.negated and not cell.strip]:
        found.append(f"{in_a_row(turned)} upside down, as in Cabrera's order.")
    if absent := missing_leads(stretch.leads):
        found.append(f"{in_a_row(absent)} not recorded.")
    if bare := [name for name, known in zip(stretch.leads, stretch.calibrated, strict=True) if not known]:
        found.append(f"{in_a_row(bare)} without a scale: not calibrated.")
    return tuple(found)
