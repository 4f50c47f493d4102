"""Plotly figures from arrays: ECG paper, heart-rate trend, probabilities. No st.*."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from app.common.caliper_marks import draw_calipers
from app.common.theme import Palette
from app.common.viewport import Span
from pipeline.cases.strip_content import BeatMarks, StripLead
from pipeline.labels import AAMI_CLASSES, CLASS_NAMES, NOT_CLASSIFIED
from pipeline.rhythm_names import RHYTHM_NAMES, rhythm_name
from pipeline.signal.decimation import decimate
from pipeline.signal.lead_names import printed_name
from pipeline.types import Episode, QualitySegment
from pipeline.wording import axis_texts, clock_text, duration, percent

MAX_POINTS = 4000  # points of one trace; the minimum and maximum of each bucket preserve every R wave
PAPER_PX = 1250  # width of the paper on a wide screen
STRIP_PX = 560  # highest strip before the gain is halved
GAIN_MM_MV = 10.0
SPEEDS_MM_S = ((5.0, 50.0), (10.0, 25.0), (20.0, 12.5), (30.0, 10.0))  # up to how many seconds, how fast the paper runs
SLOWEST_MM_S, LEAST_PX_PER_MM = 5.0, 2.2
HIGHEST_BEAT_MM = 150.0
ADD_STEP_S = 0.02
BAND_PX, TREND_BAND_PX = 18.0, 24  # heights of the band of rhythm over a strip, and over a trend with the gap below
RATE_PX, LANE_PX, GAP_PX, AXIS_PX = 120, 18, 10, 30  # of a trend: the rate, a lane of beats, between them, its axis
SCALES_PX = 14  # height of the line below the times that states the scales
THINNEST_PX, LETTER_PX = 2.0, 6.5
NAME_MM, NAME_PX = 1.5, 17.0  # of a lead's name: how far above the calibration pulse, and how high
ACCENT = "#3f7fd0"  # what a decision is about, and what a beat is compared with; readable on light and dark paper
ARBITRARY_MV = 2.0  # the height of a lead whose values cannot be millivolts
LABELS = (*AAMI_CLASSES, NOT_CLASSIFIED)
FONT = "Source Sans, Source Sans Pro, DejaVu Sans, sans-serif"
Array = NDArray[np.floating]


class Drawing:
    """A figure under construction, as plain data: Plotly validates it once, when it is complete, not at each step."""

    def __init__(self) -> None:
        self.traces: list[dict[str, Any]] = []
        self.look: dict[str, Any] = {"shapes": [], "annotations": []}

    def scatter(self, **trace: Any) -> None:
        """Draw one more trace over those before."""
        self.traces.append({"type": "scatter", **trace})

    def below(self) -> None:
        """Move the last trace under all others."""
        self.traces.insert(0, self.traces.pop())

    def band(self, start: float, stop: float, **style: Any) -> None:
        """Mark a stretch of the horizontal axis from the bottom to the top."""
        line = {"line": {"width": 0}} if "line" not in style else {}
        shape = {"type": "rect", "xref": "x", "x0": start, "x1": stop, "yref": "y domain", "y0": 0, "y1": 1}
        self.shape(**shape, **line, **style)

    def shape(self, **shape: Any) -> None:
        """Draw a shape."""
        self.look["shapes"].append(shape)

    def note(self, **annotation: Any) -> None:
        """Write a text."""
        self.look["annotations"].append({"showarrow": False, **annotation})

    def set(self, **look: Any) -> None:
        """Set parts of the layout and leave the others as they are."""
        _merge(self.look, look)

    def figure(self) -> go.Figure:
        """The figure."""
        return go.Figure(self.traces, self.look)


def _merge(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value


@dataclass(frozen=True)
class Paper:
    """How fast the paper runs and how high a millivolt is drawn."""

    speed_mm_s: float
    gain_mm_mv: float
    px_per_mm: float

    def __str__(self) -> str:
        return f"{self.speed_mm_s:g} mm/s · {self.gain_mm_mv:.3g} mm/mV"


def strip(
    leads: tuple[StripLead, ...],
    marks: BeatMarks,
    colours: Palette,
    *,
    start_s: float,
    window_s: float,
    quality: tuple[QualitySegment, ...] = (),
    rhythm: tuple[Episode, ...] = (),
    selected: int | None = None,
    notes: tuple[str, ...] = (),
    target: tuple[int, ...] | None = None,
    adding: bool = False,
    drag: bool = False,
    ends: tuple[float, ...] = (),
    paper_px: int = PAPER_PX,
    highest_px: int = STRIP_PX,
    start: datetime | None = None,
    gain_mm_mv: float | None = None,
    filters: str = "",
    calipers: tuple[Span, ...] = (),
) -> go.Figure:
    """A window of the recording on ECG paper: fine lines every 1 mm, bold ones every 5 mm.

    Leads stand one above the other, each with its calibration pulse of 1 mV; beats carry their class letter, and above
    it one of `notes` (one per mark) if there are any; the `rhythm` is a band on top of all. Beats of the `target` of a
    decision are framed; `adding` makes every place clickable, and a `drag` selects a stretch; `ends` are times that a
    drag can take hold of. `paper_px` is how wide the paper will be, `highest_px` how high it may become before the gain
    is halved, unless `gain_mm_mv` is given. Times are of the clock if `start` is when the recording began. `filters`
    are named beside the scales. `calipers` are intervals that were measured.
    """
    leads = tuple(_drawable(lead) for lead in leads)
    ranges = [_lead_range(lead.value_mv) for lead in leads]
    paper = _paper(window_s, sum(high - low for low, high in ranges), paper_px, highest_px)
    if gain_mm_mv is not None:
        paper = replace(paper, gain_mm_mv=gain_mm_mv)
    drawing = sheet(paper, colours, start_s=start_s, window_s=window_s, start=start)
    big = 5 / paper.gain_mm_mv
    floor, below = 0.0, -np.inf
    room = 1 + (NAME_MM + NAME_PX / paper.px_per_mm) / paper.gain_mm_mv  # mV: a pulse, and the name above it
    for lead, (low, high) in reversed(list(zip(leads, ranges, strict=True))):
        baseline = np.ceil(max(floor - low, below + room) / big) * big
        _draw_lead(drawing, lead, float(baseline), paper, colours, start_s)
        floor, below = float(baseline + high), float(baseline)
    mark_row = floor + 3 / paper.gain_mm_mv
    top = mark_row + (7 if notes else 4) / paper.gain_mm_mv
    _draw_quality(drawing, _not_told(quality, rhythm), colours, start_s, window_s)
    _draw_marks(drawing, marks, mark_row, colours, selected=selected, dense=window_s > 20)
    if notes:
        _draw_notes(drawing, marks, notes, mark_row + 4.5 / paper.gain_mm_mv, colours)
    if rhythm:
        px_per_mv = paper.gain_mm_mv * paper.px_per_mm
        _draw_band(
            drawing, rhythm, (start_s, start_s + window_s), colours, px_per_s=paper.speed_mm_s * paper.px_per_mm,
            row=top + 1 / px_per_mv, height=BAND_PX / px_per_mv, began=start,
        )  # fmt: skip
        top += (BAND_PX + 3) / px_per_mv
    drawing.set(  # in a room of other proportions there is less paper, but its squares stay square
        xaxis={"constrain": "domain", "constraintoward": "left"},
        yaxis={"constrain": "domain", "constraintoward": "top", "scaleanchor": "x",
               "scaleratio": paper.gain_mm_mv / paper.speed_mm_s},
    )  # fmt: skip
    drawing.set(yaxis={"range": [0, top]}, height=round(top * paper.gain_mm_mv * paper.px_per_mm) + 34 + SCALES_PX)
    drawing.set(margin={"b": 24 + SCALES_PX})  # the scales stand below the times: on the paper they would hide a wave
    scales = str(paper) if any(lead.calibrated for lead in leads) else f"{paper.speed_mm_s:g} mm/s"
    drawing.note(
        text=f"{scales} · {filters}" if filters else scales,
        xref="x domain", yref="y domain", x=1, y=0, xanchor="right", yanchor="top", yshift=-20,
        font={"size": 11, "color": colours.muted},
    )  # fmt: skip
    if target is not None:
        _frame_target(drawing, marks, mark_row, target, dense=window_s > 20)
    if drag:
        drawing.set(dragmode="select", selectdirection="h", newselection={"line": {"color": colours.muted}})
    for end in ends:
        if start_s <= end <= start_s + window_s:
            _draw_end(drawing, end, colours)
    draw_calipers(drawing, calipers, (start_s, start_s + window_s), colours)
    if adding:
        _draw_places(drawing, leads[0], start_s, window_s, top, start)
    return drawing.figure()


def fitting_gain(leads: tuple[StripLead, ...], window_s: float, paper_px: int, highest_px: int) -> float:
    """Return the gain, mm/mV, at which `strip` draws these leads if none is chosen; parameters as there."""
    ranges = [_lead_range(_drawable(lead).value_mv) for lead in leads]
    return _paper(window_s, sum(high - low for low, high in ranges), paper_px, highest_px).gain_mm_mv


def trend(
    time_s: Array,
    hr_bpm: Array,
    marks: BeatMarks,
    colours: Palette,
    *,
    duration_s: float,
    window: tuple[float, float],
    beat: NDArray[np.int64],
    quality: tuple[QualitySegment, ...] = (),
    rhythm: tuple[Episode, ...] = (),
    width_px: int = PAPER_PX,
    rate_px: int = RATE_PX,
    start: datetime | None = None,
) -> go.Figure:
    """Heart rate over the whole recording; above it its rhythm; below it a lane per class, with a tick at each beat.

    Beats of class N have no lane.

    `beat` (n,) are the beats that the points of the line stand for: a click on it leads there. In `width_px` the names
    of rhythms must find room; the rate is `rate_px` high. Times are of the clock if `start` is when the recording
    began.
    """
    drawing = Drawing()
    low, high = _rate_range(hr_bpm)
    drawing.scatter(
        x=time_s, y=hr_bpm, mode="lines+markers", customdata=beat, name="Heart rate", yaxis="y",
        line={"color": colours.trace, "width": 1.2}, marker={"size": 5, "opacity": 0},
        hovertemplate="%{y:.0f} /min<extra></extra>",
    )  # fmt: skip
    lanes = [label for label in LABELS[1:] if label in marks.label] or ["V"]
    for label in lanes:
        of_label = np.array([mark == label for mark in marks.label], bool)
        drawing.scatter(
            x=marks.time_s[of_label], y=[label] * int(of_label.sum()), customdata=marks.beat[of_label],
            mode="markers", yaxis="y2", name=label, text=list(np.array(marks.hover, object)[of_label]),
            marker={"symbol": "line-ns", "size": 11, "line": {"width": 2, "color": colours.classes[label]}},
            hovertemplate="%{text}<extra></extra>",
        )  # fmt: skip
    for segment in _not_told(quality, rhythm):
        if segment.verdict != "good":
            drawing.band(segment.start_s, segment.stop_s, fillcolor=colours.gap, layer="below")
    drawing.band(*window, fillcolor=colours.selected, line={"width": 1, "color": colours.muted})
    ticks, texts = clock_ticks(0.0, duration_s, start)
    height = rate_px + LANE_PX * len(lanes) + GAP_PX + AXIS_PX + (TREND_BAND_PX if rhythm else 0)
    band_share = TREND_BAND_PX / (height - AXIS_PX) if rhythm else 0.0
    lane_share = LANE_PX * len(lanes) / (height - AXIS_PX)
    gap_share = GAP_PX / (height - AXIS_PX)
    if rhythm:
        _draw_band(drawing, rhythm, (0.0, duration_s), colours, px_per_s=width_px / max(duration_s, 1.0), yaxis="y3",
                   began=start)  # fmt: skip
    drawing.set(**bare_look(colours, height=height))
    drawing.set(
        xaxis={"range": [0, duration_s], "tickvals": ticks, "ticktext": texts, "anchor": "y2", "showgrid": False,
               "tickangle": 0},
        yaxis={"domain": [lane_share + gap_share, 1 - band_share], "range": [low, high], "nticks": 4,
               "gridcolor": colours.gap, "title": {"text": "beats/min", "font": {"size": 11}}},
        yaxis2={"domain": [0, lane_share], "type": "category", "categoryarray": lanes[::-1],
                "categoryorder": "array", "range": [-0.6, len(lanes) - 0.4], "showgrid": False},
        yaxis3={"domain": [1 - 0.7 * band_share, 1] if rhythm else [0.99, 1], "range": [0, 1], "visible": False,
                "fixedrange": True},
    )  # fmt: skip
    fixed = {"fixedrange": True, "color": colours.muted}
    drawing.set(xaxis=fixed, yaxis=fixed | {"zeroline": False}, yaxis2=fixed | {"zeroline": False})
    return drawing.figure()


def beat_heat(
    leads: tuple[StripLead, ...], heat_time_s: Array, heat: Array, colours: Palette, *, height_px: int = 300
) -> go.Figure:
    """One beat on ECG paper, R at 0 s, with the network's heat (0..1 over time) as colour behind the signal."""
    leads = tuple(_drawable(lead) for lead in leads)
    ranges = [_lead_range(lead.value_mv) for lead in leads]
    start, stop = float(leads[0].time_s[0]), float(leads[0].time_s[-1])
    paper = Paper(25.0, _gain(sum(high - low for low, high in ranges), HIGHEST_BEAT_MM), 0.0)
    drawing = sheet(paper, colours, start_s=start, window_s=stop - start, pulse=False)
    floor = 0.0
    for lead, (low, high) in reversed(list(zip(leads, ranges, strict=True))):
        baseline = float(np.ceil((floor - low) * paper.gain_mm_mv / 5) * 5 / paper.gain_mm_mv)
        _draw_lead(drawing, lead, baseline, paper, colours, start, pulse=False)
        floor = baseline + high
    if heat.size:
        clear, full = f"rgba({colours.heat},0)", f"rgba({colours.heat},0.6)"
        drawing.scatter(
            type="heatmap", x=heat_time_s, y=[0, floor], z=np.stack([heat, heat]), zmin=0, zmax=1, showscale=False,
            hoverinfo="skip", colorscale=[[0, clear], [1, full]], zsmooth="best",
        )  # fmt: skip
        drawing.below()
    ticks = np.round(np.arange(-0.2, stop + 1e-6, 0.2), 1)
    drawing.set(
        xaxis={"tickvals": ticks, "ticktext": [f"{t:g} s" if t else "R" for t in ticks]}, yaxis={"range": [0, floor]},
        height=height_px,
    )  # fmt: skip
    return drawing.figure()


def probabilities(p: Sequence[Array], colours: Palette, *, height_px: int = 190) -> go.Figure:
    """Calibrated probabilities (5,) of one or two networks as bars, in the order N S V F Q; the second's are pale."""
    names = [f"{label}  {CLASS_NAMES[label]}" for label in AAMI_CLASSES]
    drawing = Drawing()
    for number, values in enumerate(p):
        drawing.scatter(
            type="bar", x=values, y=names, orientation="h", text=[percent(float(value)) for value in values],
            textposition="outside", cliponaxis=False, hoverinfo="skip", textfont={"color": colours.text, "size": 11},
            marker={"color": [colours.classes[label] for label in AAMI_CLASSES], "opacity": 0.45 if number else 1.0},
            offsetgroup=str(number), constraintext="none",
        )  # fmt: skip
    drawing.set(**bare_look(colours, height=height_px))
    drawing.set(
        xaxis={"range": [0, 1.25], "visible": False, "fixedrange": True},
        yaxis={"autorange": "reversed", "fixedrange": True, "color": colours.text, "tickfont": {"size": 12}},
        bargap=0.25, barmode="group",
    )  # fmt: skip
    return drawing.figure()


def _rate_range(hr_bpm: Array) -> tuple[float, float]:
    """Round limits around all but the most extreme 1 % of the rates: one pause must not flatten the rest."""
    shown = hr_bpm[np.isfinite(hr_bpm)]
    if not shown.size:
        return 40.0, 120.0
    low, high = np.percentile(shown, [1, 99])
    return float(np.floor((low - 10) / 20) * 20), float(np.ceil((high + 10) / 20) * 20)


def _drawable(lead: StripLead) -> StripLead:
    """A lead as it is drawn: if its values cannot be millivolts, it is scaled to the height of a usual one."""
    known = lead.value_mv[np.isfinite(lead.value_mv)]
    span = float(np.ptp(known)) if known.size else 0.0
    if lead.calibrated or not span:
        return lead
    return replace(lead, value_mv=(lead.value_mv - known.min()) * (ARBITRARY_MV / span))


def _lead_range(value_mv: Array) -> tuple[float, float]:
    """Lowest and highest value around the median, with room for the lead's name; a flat lead still gets a band."""
    if not np.isfinite(value_mv).any():
        return -0.5, 0.5
    centred = value_mv - np.nanmedian(value_mv)
    return min(-0.3, float(np.nanmin(centred)) - 0.1), max(0.7, float(np.nanmax(centred)) + 0.2)


def _paper(window_s: float, height_mv: float, width_px: int = PAPER_PX, highest_px: int = STRIP_PX) -> Paper:
    """The standard paper speed for a window, slower on a narrow screen, and the largest gain that is not too high."""
    usual = next((speed for longest, speed in SPEEDS_MM_S if window_s <= longest), SLOWEST_MM_S)
    slower = [speed for _, speed in SPEEDS_MM_S if speed <= usual]
    readable = (speed for speed in slower if _px_per_mm(window_s, speed, width_px) >= LEAST_PX_PER_MM)
    speed = next(readable, SLOWEST_MM_S if usual == SLOWEST_MM_S else slower[-1])
    px_per_mm = _px_per_mm(window_s, speed, width_px)
    return Paper(speed, _gain(height_mv, highest_px / px_per_mm - 7), px_per_mm)


def _px_per_mm(window_s: float, speed_mm_s: float, width_px: int) -> float:
    return width_px / (max(window_s, 1.0) * speed_mm_s + 10)


def _gain(height_mv: float, highest_mm: float) -> float:
    """The standard gain, halved until so many millivolts fit into `highest_mm`."""
    return GAIN_MM_MV / 2.0 ** max(0, int(np.ceil(np.log2(height_mv * GAIN_MM_MV / highest_mm))))


def sheet(
    paper: Paper, colours: Palette, *, start_s: float, window_s: float, pulse: bool = True,
    start: datetime | None = None,
) -> Drawing:  # fmt: skip
    """Empty ECG paper from `start_s` on, with 10 mm before it for the calibration pulse.

    If the recording began at `start`, its bold lines are at full seconds of the clock.
    """
    drawing = Drawing()
    drawing.set(**bare_look(colours, height=300))
    fine_s, fine_mv = 1 / paper.speed_mm_s, 1 / paper.gain_mm_mv
    left = start_s - (10 * fine_s if pulse else 0.0)
    bold, texts = _bold_lines(left, start_s + window_s, 5 * fine_s, window_s, start)
    first = -_since_midnight(start) % (5 * fine_s)
    fine = {"showgrid": True, "gridcolor": colours.grid_fine, "gridwidth": 1, "tick0": first}
    bold_line = {"gridcolor": colours.grid_bold, "gridwidth": 1, "fixedrange": True}
    drawing.set(
        xaxis=bold_line | {
            "range": [left, start_s + window_s], "tickvals": bold, "ticktext": texts, "tickangle": 0,
            "color": colours.muted, "showgrid": True, "zeroline": False, "minor": fine | {"dtick": fine_s},
        },
        yaxis=bold_line | {
            "dtick": 5 * fine_mv, "tick0": 0, "showticklabels": False, "zeroline": True,
            "zerolinecolor": colours.grid_bold, "zerolinewidth": 1, "ticks": "",
            "minor": fine | {"tick0": 0, "dtick": fine_mv},
        },
        plot_bgcolor=colours.paper,
    )  # fmt: skip
    return drawing


def _draw_lead(
    drawing: Drawing,
    lead: StripLead,
    baseline: float,
    paper: Paper,
    colours: Palette,
    start_s: float,
    *,
    pulse: bool = True,
) -> None:
    time_s, value = decimate(lead.time_s, lead.value_mv, MAX_POINTS)
    centre = float(np.nanmedian(value)) if np.isfinite(value).any() else 0.0
    drawing.scatter(
        **_times(time_s), y=value - centre + baseline, mode="lines", line={"color": colours.trace, "width": 1.3},
        hoverinfo="skip", connectgaps=False, name=html.escape(lead.name),
    )  # fmt: skip
    mm = 1 / paper.speed_mm_s
    if pulse and lead.calibrated:
        drawing.scatter(
            x=start_s - np.array([9, 8, 8, 3, 3, 2]) * mm, y=baseline + np.array([0, 0, 1, 1, 0, 0.0]),
            mode="lines", line={"color": colours.trace, "width": 1.3}, hoverinfo="skip", name="1 mV",
        )  # fmt: skip
    text = html.escape(printed_name(lead.name))
    text = text if lead.calibrated else f"{text} (uncalibrated)"
    left, above = (start_s - 9 * mm, paper.gain_mm_mv + NAME_MM) if pulse else (start_s + mm, 5.0)
    drawing.note(
        x=left, y=baseline + above / paper.gain_mm_mv, text=f"<b>{text}</b>", xanchor="left",
        yanchor="bottom", font={"size": 13, "color": colours.text}, bgcolor=colours.paper, opacity=0.85, borderpad=1,
    )  # fmt: skip


def _times(time_s: Array) -> dict[str, Any]:
    """Times (n,) as a trace takes them: two numbers where they are evenly spaced, which is half of what is sent."""
    if time_s.size < 2:
        return {"x": time_s}
    step = float(time_s[-1] - time_s[0]) / (time_s.size - 1)
    if np.abs(np.diff(time_s) - step).max() > 1e-6:
        return {"x": time_s}
    return {"x0": float(time_s[0]), "dx": step}


def _draw_marks(
    drawing: Drawing, marks: BeatMarks, row: float, colours: Palette, *, selected: int | None, dense: bool
) -> None:
    """Class letters above the strip: N plain and quiet, all else on a coloured square."""
    for at, beat in zip(marks.time_s, marks.beat, strict=True):
        if beat == selected:
            drawing.band(float(at) - 0.25, float(at) + 0.45, fillcolor=colours.selected, layer="below")
    quiet = [label == "N" for label in marks.label]
    fill = ["rgba(0,0,0,0)" if is_quiet else colours.classes[x] for x, is_quiet in zip(marks.label, quiet, strict=True)]
    drawing.scatter(
        x=marks.time_s, y=[row] * len(marks.label), customdata=marks.beat, mode="markers+text", name="beats",
        text=["·" if dense and is_quiet else label for label, is_quiet in zip(marks.label, quiet, strict=True)],
        textfont={"size": 11 if dense else 13, "weight": 700,
                  "color": [colours.classes["N"] if is_quiet else colours.on_class for is_quiet in quiet]},
        marker={"symbol": "square", "size": 13 if dense else 20, "color": fill, "opacity": 1,
                "line": {"width": [2 if beat == selected else 0 for beat in marks.beat], "color": colours.text}},
        hovertext=marks.hover, hovertemplate="%{hovertext}<extra></extra>",
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
    )  # fmt: skip


def _draw_band(
    drawing: Drawing,
    rhythm: tuple[Episode, ...],
    span: tuple[float, float],
    colours: Palette,
    *,
    px_per_s: float,
    row: float = 0.0,
    height: float = 1.0,
    yaxis: str = "y",
    began: datetime | None = None,
) -> None:
    """The rhythm between two times as a band: each episode in its colour, with its name where there is room.

    The most urgent lie on top, and none is too thin to see. A click leads to the start of an episode.
    """
    order = {code: number for number, code in enumerate(RHYTHM_NAMES)}
    inside = [episode for episode in rhythm if episode.start_s < span[1] and episode.stop_s > span[0]]
    shown = sorted(thinned(inside, THINNEST_PX / px_per_s), key=lambda episode: -order[episode.rhythm])
    start = [max(span[0], episode.start_s) for episode in shown]
    length = [
        max(min(span[1], episode.stop_s) - at, THINNEST_PX / px_per_s) for episode, at in zip(shown, start, strict=True)
    ]
    names = [rhythm_name(episode).short for episode in shown]
    room = [px_per_s * seconds > LETTER_PX * (len(name) + 1) for name, seconds in zip(names, length, strict=True)]
    looks = [colours.rhythms[episode.rhythm] for episode in shown]
    drawing.scatter(
        type="bar", orientation="h", x=length, base=start, y=[row + height / 2] * len(shown), width=height, yaxis=yaxis,
        name="rhythm", customdata=[f"at {episode.start_s:.3f}" for episode in shown],
        text=[name if fits else "" for name, fits in zip(names, room, strict=True)], textposition="inside",
        insidetextanchor="middle", textangle=0, constraintext="none",
        insidetextfont={"size": 11, "color": [ink for _, ink in looks]},
        marker={"color": [fill for fill, _ in looks], "line": {"width": 0.5, "color": colours.paper},
                "pattern": {"shape": ["/" if episode.rhythm == "NOISE" else "" for episode in shown], "size": 5,
                            "fgcolor": colours.muted, "fillmode": "overlay"}},
        hovertext=[html.escape(episode_words(episode, began)) for episode in shown],
        hovertemplate="%{hovertext}<extra></extra>",
        selected={"marker": {"opacity": 1}}, unselected={"marker": {"opacity": 1}},
    )  # fmt: skip
    drawing.set(barmode="overlay")


def thinned(rhythm: Sequence[Episode], least_s: float) -> list[Episode]:
    """The episodes that can be told apart where `least_s` seconds are the least to see.

    Of shorter ones in a row the most urgent stands for so many as take that long together.
    """
    order = {code: number for number, code in enumerate(RHYTHM_NAMES)}
    kept: list[Episode] = []
    small: list[Episode] = []
    for episode in [*rhythm, None]:
        if small and (episode is None or episode.seconds >= least_s or episode.stop_s - small[0].start_s > least_s):
            kept.append(min(small, key=lambda one: order[one.rhythm]))
            small = []
        if episode is not None:
            (kept if episode.seconds >= least_s else small).append(episode)
    return kept


def episode_words(episode: Episode, start: datetime | None = None) -> str:
    """One line about an episode of rhythm: what, when, how long, how sure, and what in the signal says so."""
    why = f": {episode.evidence}" if episode.evidence else ""
    return (
        f"{rhythm_name(episode).name}, {clock_text(episode.start_s, start, tenths=True)} to "
        f"{clock_text(episode.stop_s, start, tenths=True)}, "
        f"{duration(episode.seconds)}, confidence {percent(episode.confidence)}{why}"
    )


def _draw_notes(drawing: Drawing, marks: BeatMarks, notes: tuple[str, ...], row: float, colours: Palette) -> None:
    drawing.scatter(
        x=marks.time_s, y=[row] * len(notes), mode="text", text=list(notes), hoverinfo="skip", name="notes",
        textfont={"size": 11, "color": colours.text},
    )  # fmt: skip


def _frame_target(drawing: Drawing, marks: BeatMarks, row: float, target: tuple[int, ...], *, dense: bool) -> None:
    """Frames around the letters of the beats that a decision is about; under the letters, which take the clicks."""
    among = set(target)
    aimed = np.array([beat in among for beat in marks.beat.tolist()], np.bool_)
    drawing.scatter(
        x=marks.time_s[aimed], y=[row] * int(aimed.sum()), mode="markers", hoverinfo="skip", name="target",
        marker={"symbol": "square-open", "size": 17 if dense else 26, "line": {"width": 2.5, "color": ACCENT}},
    )  # fmt: skip
    drawing.below()


def _draw_end(drawing: Drawing, time_s: float, colours: Palette) -> None:
    """An end of the episode that is looked at, with a grip."""
    drawing.shape(
        type="line", x0=time_s, x1=time_s, yref="y domain", y0=0, y1=1,
        line={"width": 2, "color": ACCENT, "dash": "dot"},
    )  # fmt: skip
    drawing.note(
        x=time_s, y=0.5, yref="y domain", text="⇔", font={"size": 15, "color": ACCENT}, bgcolor=colours.paper,
    )  # fmt: skip


def _draw_places(
    drawing: Drawing, lead: StripLead, start_s: float, window_s: float, top: float, start: datetime | None
) -> None:
    """Invisible points over the whole strip: a click anywhere names a time."""
    time_s = np.arange(max(start_s, float(lead.time_s[0])), min(start_s + window_s, float(lead.time_s[-1])), ADD_STEP_S)
    rows = np.linspace(0.05 * top, 0.95 * top, 9)
    drawing.scatter(
        x=np.tile(time_s, rows.size), y=np.repeat(rows, time_s.size), mode="markers", name="places",
        customdata=[f"at {t:.3f}" for t in np.tile(time_s, rows.size)], marker={"size": 12, "opacity": 0},
        text=[clock_text(float(t), start, tenths=True) for t in time_s] * rows.size,
        hovertemplate="add at %{text}<extra></extra>",
        selected={"marker": {"opacity": 0}}, unselected={"marker": {"opacity": 0}},
    )  # fmt: skip
    drawing.set(hoverdistance=80)


def _not_told(quality: tuple[QualitySegment, ...], rhythm: tuple[Episode, ...]) -> tuple[QualitySegment, ...]:
    """The segments without the noise that is fibrillation or flutter of the ventricles: these are read, as a rhythm."""
    found = list(quality)
    for episode in rhythm:
        if episode.rhythm == "VFL":
            found = [part for segment in found for part in _outside(segment, episode)]
    return tuple(found)


def _outside(segment: QualitySegment, episode: Episode) -> list[QualitySegment]:
    """The parts of a noisy segment before and after an episode; other segments are left whole."""
    if segment.verdict != "noisy":
        return [segment]
    before = replace(segment, stop_s=min(segment.stop_s, episode.start_s))
    after = replace(segment, start_s=max(segment.start_s, episode.stop_s))
    return [part for part in (before, after) if part.stop_s > part.start_s]


def _draw_quality(
    drawing: Drawing, quality: tuple[QualitySegment, ...], colours: Palette, start_s: float, window_s: float
) -> None:
    for segment in quality:
        left, right = max(segment.start_s, start_s), min(segment.stop_s, start_s + window_s)
        if segment.verdict == "good" or left >= right:
            continue
        drawing.band(left, right, fillcolor=colours.gap, layer="below")
        drawing.note(
            x=(left + right) / 2, y=0, yref="y domain", yanchor="bottom", bgcolor=colours.paper,
            text=html.escape(segment.reason or segment.verdict), font={"size": 11, "color": colours.text},
        )  # fmt: skip


def _bold_lines(
    left_s: float, right_s: float, spacing_s: float, window_s: float, start: datetime | None
) -> tuple[Array, list[str]]:
    """The 5 mm lines, at whole multiples from the start of the recording, or of the clock; round times have a label."""
    began = _since_midnight(start)
    first, last = np.ceil((left_s + began) / spacing_s), np.floor((right_s + began) / spacing_s + 1e-9)
    multiples = np.arange(first, last + 1) * spacing_s
    lines, step = multiples - began, _tick_step(window_s)
    is_round = np.abs(multiples / step - np.round(multiples / step)) < 1e-6
    shown = is_round & (lines >= 0) & (lines < right_s - 0.04 * window_s)
    texts = iter(axis_texts(lines[shown].tolist(), start))
    return lines, [next(texts) if show else "" for show in shown]


def _since_midnight(start: datetime | None) -> float:
    """Seconds of the clock at the start of the recording; 0 where time is elapsed."""
    if start is None:
        return 0.0
    return 3600 * start.hour + 60 * start.minute + start.second + start.microsecond / 1e6


def _tick_step(window_s: float) -> float:
    """A round number of seconds that divides a window into at most about six."""
    steps = np.array([1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600])
    return float(steps[min(int(np.searchsorted(steps, window_s / 6)), steps.size - 1)])


def clock_ticks(start_s: float, window_s: float, start: datetime | None = None) -> tuple[Array, list[str]]:
    """At most seven round times in a window, and how to write them; of the clock if the recording began at `start`."""
    step, began = _tick_step(window_s), _since_midnight(start)
    ticks = np.arange(np.ceil((start_s + began) / step) * step, start_s + began + window_s + 1e-6, step) - began
    return ticks, axis_texts(ticks.tolist(), start)


def bare(figure: go.Figure, colours: Palette, *, height: int) -> None:
    """See `bare_look`."""
    figure.update_layout(bare_look(colours, height=height))


def bare_look(colours: Palette, *, height: int) -> dict[str, Any]:
    """No margins, no legend, no zoom: a stray drag must not change the scale of the paper."""
    return {
        "template": "none", "height": height, "margin": {"l": 8, "r": 8, "t": 6, "b": 24}, "showlegend": False,
        "dragmode": False, "paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)", "hovermode": "closest",
        "clickmode": "event+select", "font": {"family": FONT, "color": colours.muted, "size": 12},
        "hoverlabel": {"bgcolor": colours.paper, "font": {"color": colours.text}}, "yaxis": {"automargin": True},
    }  # fmt: skip
