"""An ECG sheet as SVG in millimetres: paper, traces, names, class letters, rhythm. No st.*."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from app.common.ecg_chart import episode_words, thinned
from app.common.ecg_sheet import SheetMark
from app.common.theme import Palette
from pipeline.cases.strip_content import BeatMarks
from pipeline.rhythm_names import rhythm_name
from pipeline.twelve_leads.derived_leads import TWELVE_LEADS
from pipeline.twelve_leads.sheet import Sheet, SheetTrace
from pipeline.types import Episode, QualitySegment
from pipeline.wording import axis_texts

BAND_MM, AXIS_MM = 6.0, 5.0  # above the paper for the rhythm, below it for the time
LETTER_MM, NAME_MM, SMALL_MM = 2.8, 3.0, 2.3  # font sizes
_FRAME_S = (0.25, 0.45)  # of the selected beat, before and after its R peak
_LETTER_WIDTH = 0.62  # of the font size
_HEAT_FULL, _HEAT_LEVELS = 0.6, 12  # opacity of the strongest place; what differs by less is drawn as one
_HEAT_HIGH, _HEAT_MOST_MM = 0.45, 10.0  # above and below a zero line: of the way to the next row, and at most
Points = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class HeatOnSheet:
    """How much each place speaks for something: `values` (n_time, 12), 0 to 1, `fs_hz` rows per second from the start.

    Its columns are in the order of `TWELVE_LEADS`.
    """

    values: NDArray[np.float32]
    fs_hz: float


@dataclass(frozen=True, eq=False)
class OnSheet:
    """What is drawn with the signal: beats with their letters, the selected one, rhythm, quality, waves, heat.

    `ticks` are marks of waves that cannot be dragged. Times are of the clock if the recording began at `start`.
    """

    marks: BeatMarks
    selected: int | None = None
    rhythm: tuple[Episode, ...] = ()
    quality: tuple[QualitySegment, ...] = ()
    ticks: tuple[SheetMark, ...] = ()
    heat: HeatOnSheet | None = None
    start: datetime | None = None


def sheet_svg(sheet: Sheet, also: OnSheet, colours: Palette) -> str:
    """The sheet as an SVG whose unit is a millimetre of paper; beats and episodes carry what a click names."""
    parts = [
        *_paper(sheet.width_mm, sheet.height_mm, colours),
        *(_heat(sheet, also.heat, colours) if also.heat else ()),
        *_quality(sheet, also.quality, colours),
        *_selected(sheet, also, colours),
        *_columns(sheet, colours),
        *(_line(sheet.pulse(row), colours) for row in range(len(sheet.zero_mm))),
        *(path(trace.x_mm, trace.y_mm, colours.trace) for trace in sheet.traces),
        *(_name(sheet, trace, colours) for trace in sheet.traces),
        *(_line_of(tick) for tick in also.ticks),
        *_letters(sheet, also, colours),
        *_rhythm(sheet, also, colours),
        *_axis(sheet, also.start, colours),
    ]
    return svg(parts, sheet.width_mm, sheet.height_mm, above=BAND_MM if also.rhythm else 0.0, below=AXIS_MM)


def svg(parts: Iterable[str], width_mm: float, height_mm: float, *, above: float = 0.0, below: float = 0.0) -> str:
    """Drawn parts as an SVG, with room above and below the paper; all in mm."""
    box = f"0 {-above:g} {width_mm:g} {height_mm + above + below:g}"
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">{"".join(part for part in parts if part)}</svg>'


def paper(width_mm: float, height_mm: float, colours: Palette) -> str:
    """Paper with a line every millimetre and a bold one every five."""
    return "".join(_paper(width_mm, height_mm, colours))


def _paper(width: float, height: float, colours: Palette) -> list[str]:
    def lines(step: int, skip: int) -> str:
        down = [f"M{x} 0V{height:g}" for x in range(0, int(width) + 1, step) if not skip or x % skip]
        across = [f"M0 {y}H{width:g}" for y in range(0, int(height) + 1, step) if not skip or y % skip]
        return "".join((*down, *across))

    return [
        f'<rect class="paper" width="{width:g}" height="{height:g}" fill="{colours.paper}"/>',
        f'<path class="fine" d="{lines(1, 5)}" stroke="{colours.grid_fine}"/>',
        f'<path class="bold" d="{lines(5, 0)}" stroke="{colours.grid_bold}"/>',
    ]


def path(x_mm: Points, y_mm: Points, colour: str) -> str:
    """A trace; where a value is missing, the pen is lifted."""
    known = np.isfinite(y_mm)
    x, y = np.round(x_mm, 2).tolist(), np.round(np.where(known, y_mm, 0.0), 2).tolist()
    pieces = [f"{a:g} {b:g}" if is_known else "M" for a, b, is_known in zip(x, y, known.tolist(), strict=True)]
    strokes = [stroke.strip() for stroke in " ".join(pieces).split("M")]
    return "".join(f'<path class="trace" d="M{stroke}" stroke="{colour}"/>' for stroke in strokes if stroke)


def _line(points: Sequence[tuple[float, float]], colours: Palette) -> str:
    corners = " ".join(f"{x:g},{y:g}" for x, y in points)
    return f'<polyline class="pulse" points="{corners}" stroke="{colours.trace}"/>' if points else ""


def text(
    x: float,
    y: float,
    words: str,
    size: float,
    colour: str,
    *,
    halo: str = "",
    anchor: str = "start",
    bold: bool = False,
) -> str:
    """A line of text at a baseline.

    Parameters
    ----------
    x, y : float
        Where, mm.
    words : str
        What; any text is made safe.
    size : float
        Font size, mm.
    colour, halo : str
        Of the letters, and of an outline that keeps lines behind them away.
    anchor : str
        "start", "middle" or "end": what `x` is.
    bold : bool
        Whether it is bold.
    """
    outline = f' stroke="{halo}" stroke-width="0.8" paint-order="stroke" stroke-linejoin="round"' if halo else ""
    weight = ' font-weight="700"' if bold else ""
    return (
        f'<text x="{x:.2f}" y="{y:.2f}" font-size="{size:g}" fill="{colour}" text-anchor="{anchor}"{weight}{outline}>'
        f"{html.escape(words)}</text>"
    )


def _name(sheet: Sheet, trace: SheetTrace, colours: Palette) -> str:
    """The lead's name at the beginning of its piece, over the calibration pulse in the first column."""
    words = f"{trace.lead}{'*' if trace.derived else ''}{'' if trace.calibrated else ' (uncalibrated)'}"
    x, baseline = sheet.name_at(trace)
    return text(x, baseline, words, NAME_MM, colours.text, halo=colours.paper, bold=True)


def _columns(sheet: Sheet, colours: Palette) -> list[str]:
    """A short stroke at each zero line where the next lead begins."""
    rows = [zero for row, zero in enumerate(sheet.zero_mm) if row != sheet.strip_row]
    return [
        f'<path class="column" d="M{x:g} {zero - 3:g}v6" stroke="{colours.muted}"/>'
        for x in sheet.columns_mm
        for zero in rows
    ]


def _heat(sheet: Sheet, heat: HeatOnSheet, colours: Palette) -> list[str]:
    """A band behind each trace of the twelve leads, the more opaque the more a place speaks for something."""
    gap = float(np.diff(sheet.zero_mm).min()) if len(sheet.zero_mm) > 1 else np.inf
    high, found = min(_HEAT_HIGH * gap, _HEAT_MOST_MM), []
    for trace in sheet.traces:
        name = trace.lead.removeprefix("\N{MINUS SIGN}")
        if name not in TWELVE_LEADS or not trace.x_mm.size:
            continue
        start_s, stop_s = (
            sheet.start_s + (x - sheet.left_mm) / sheet.speed_mm_s for x in (trace.left_mm, float(trace.x_mm[-1]))
        )
        first, last = int(np.round(start_s * heat.fs_hz)), int(np.round(stop_s * heat.fs_hz))
        level = np.round(heat.values[first:last, TWELVE_LEADS.index(name)] * _HEAT_LEVELS)
        edges = np.flatnonzero(np.diff(level, prepend=np.nan, append=np.nan))
        for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            if level[begin] > 0:
                left, right = (sheet.x_of((first + at) / heat.fs_hz) for at in (begin, end))
                opacity = _HEAT_FULL * float(level[begin]) / _HEAT_LEVELS
                found.append(
                    f'<rect class="heat" x="{left:.2f}" y="{sheet.zero_mm[trace.row] - high:.2f}" '
                    f'width="{right - left:.2f}" height="{2 * high:.2f}" fill="rgb({colours.heat})" '
                    f'fill-opacity="{opacity:.2f}"/>'
                )
    return found


def _quality(sheet: Sheet, quality: tuple[QualitySegment, ...], colours: Palette) -> list[str]:
    found = []
    for segment in quality:
        left, right = (_inside(sheet, at) for at in (segment.start_s, segment.stop_s))
        if segment.verdict != "good" and left < right:
            found.append(_box(left, 0, right - left, sheet.height_mm, colours.gap))
            words = segment.reason or segment.verdict
            found.append(text(left + 1, sheet.height_mm - 1, words, SMALL_MM, colours.text, halo=colours.paper))
    return found


def _selected(sheet: Sheet, also: OnSheet, colours: Palette) -> list[str]:
    at = [
        float(time_s) for time_s, beat in zip(also.marks.time_s, also.marks.beat, strict=True) if beat == also.selected
    ]
    spans = [(_inside(sheet, time_s - _FRAME_S[0]), _inside(sheet, time_s + _FRAME_S[1])) for time_s in at]
    return [_box(left, 0, right - left, sheet.height_mm, colours.selected) for left, right in spans]


def _inside(sheet: Sheet, time_s: float) -> float:
    """Where a time stands, or the nearer end of the sheet."""
    return min(max(sheet.x_of(time_s), sheet.left_mm), sheet.width_mm)


def _box(x: float, y: float, width: float, height: float, fill: str) -> str:
    return f'<rect x="{x:.2f}" y="{y:g}" width="{width:.2f}" height="{height:g}" fill="{fill}"/>'


def _line_of(tick: SheetMark) -> str:
    """A mark of a wave that stays where it is."""
    top, foot = tick.span_mm or (0.0, 0.0)
    dot = f'<circle cx="{tick.x_mm:.2f}" cy="{top:g}" r="0.8" fill="{tick.colour}"/>' if tick.moved else ""
    return f'<path class="wave" d="M{tick.x_mm:.2f} {top:g}V{foot:g}" stroke="{tick.colour}"/>{dot}'


def _letters(sheet: Sheet, also: OnSheet, colours: Palette) -> list[str]:
    """The class letter of each beat, N plain and quiet, all else on a coloured square; a click selects the beat."""
    found, half = [], LETTER_MM * 0.72
    marks = also.marks
    for beat, time_s, label, hover in zip(marks.beat, marks.time_s, marks.label, marks.hover, strict=True):
        x, y = sheet.x_of(float(time_s)), sheet.letters_mm
        quiet = label == "N"
        frame = f' stroke="{colours.text}" stroke-width="0.3"' if beat == also.selected else ""
        fill = "transparent" if quiet else colours.classes[label]
        found.append(
            f'<g class="beat" data-beat="{beat}" tabindex="0" role="button" aria-label="{html.escape(hover)}">'
            f'<title>{html.escape(hover)}</title><rect x="{x - half:.2f}" y="{y - half:.2f}" width="{2 * half:.2f}" '
            f'height="{2 * half:.2f}" rx="0.4" fill="{fill}"{frame}/>'
            + text(x, y + LETTER_MM * 0.36, label, LETTER_MM, colours.classes["N"] if quiet else colours.on_class,
                   anchor="middle", bold=True)
            + "</g>"
        )  # fmt: skip
    return found


def _rhythm(sheet: Sheet, also: OnSheet, colours: Palette) -> list[str]:
    """The rhythm as a band over the paper, each episode with its name where there is room; a click leads there."""
    found = []
    inside = [one for one in also.rhythm if one.start_s < sheet.start_s + sheet.window_s and one.stop_s > sheet.start_s]
    for episode in thinned(inside, 0.5 / sheet.speed_mm_s):
        left, right = _inside(sheet, episode.start_s), _inside(sheet, episode.stop_s)
        fill, ink = colours.rhythms[episode.rhythm]
        name = rhythm_name(episode).short
        shown = name if SMALL_MM * _LETTER_WIDTH * (len(name) + 1) < right - left else ""
        words = html.escape(episode_words(episode, also.start))
        found.append(
            f'<g class="episode" data-at="{episode.start_s:.3f}" tabindex="0" role="button" aria-label="{words}">'
            f"<title>{words}</title>{_box(left, 0.8 - BAND_MM, max(right - left, 0.5), BAND_MM - 1.8, fill)}"
            f"{text((left + right) / 2, -2.2, shown, SMALL_MM, ink, anchor='middle')}</g>"
        )
    return found


def _axis(sheet: Sheet, start: datetime | None, colours: Palette) -> list[str]:
    """Full seconds below the paper, of the clock if the recording began at `start`, and its scales."""
    part = 0.0 if start is None else start.microsecond / 1e6  # of the second in which it began
    first, last = np.ceil(sheet.start_s + part), np.floor(sheet.start_s + sheet.window_s - 1.5 + part)
    seconds = (np.arange(first, last + 1) - part).tolist()
    y = sheet.height_mm + 3.4
    ticks = [
        text(sheet.x_of(second), y, said, SMALL_MM, colours.muted, anchor="middle")
        for second, said in zip(seconds, axis_texts(seconds, start), strict=True)
    ]
    return [*ticks, text(sheet.width_mm - 0.5, y, sheet.scales, SMALL_MM, colours.muted, anchor="end")]
