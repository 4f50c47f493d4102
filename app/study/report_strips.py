"""The strips of a report as SVG in real squares. No st.*."""

from __future__ import annotations

import numpy as np

from app.common.ecg_sheet import Drawn
from app.common.ecg_svg import LETTER_MM, SMALL_MM, paper, path, svg, text
from app.common.theme import Palette
from pipeline.export.ecg_paper import GAIN_MM_MV, PULSE_MM, SPEED_MM_S, Lane, arbitrary_lane, lane_for
from pipeline.export.pdf_page import INNER_MM, LETTERS
from pipeline.export.report_content import ReportContent
from pipeline.export.strip_choice import STRIP_S, Strip
from pipeline.rhythm_names import rhythm_name
from pipeline.signal.decimation import decimate
from pipeline.types import FloatArray

_ABOVE_MM, _BELOW_MM = 9.0, 5.0  # the paper: rhythm and letters; time
_BAND_MM = 3.2
_POINTS_PER_MM = 8.0


def strip_drawn(content: ReportContent, strip: Strip, colours: Palette) -> Drawn:
    """One strip: paper, the leads that were analysed, the class in force of each beat, the rhythm, the seconds."""
    fs = content.analysis.fs
    first, last = int(np.ceil(strip.start_s * fs)), int((strip.start_s + STRIP_S) * fs) + 1
    parts: list[str] = []
    bottom = 0.0
    for name, calibrated, value in zip(content.leads, content.calibrated, content.signal_mv[first:last].T, strict=True):
        lane = lane_for(value) if calibrated else arbitrary_lane(value)
        bottom += lane.height
        parts += _lead(value, lane, bottom, first / fs - strip.start_s, fs, colours)
        scale = "not calibrated" if not calibrated else "" if lane.gain == GAIN_MM_MV else f"{lane.gain:.3g} mm/mV"
        label = f"{name}  {scale}".strip()
        parts.append(text(1.4, bottom - lane.height + 3.6, label, 3.0, colours.text, halo=colours.paper, bold=True))
        if calibrated:
            parts.append(_pulse(lane, bottom, colours))
    marked = [_mark(strip, ends, bottom, colours) for ends in strip.marked]
    sheet = [paper(INNER_MM, bottom, colours), *marked, *parts, *_letters(content, strip, colours)]
    sheet += [*_rhythm(content, strip, colours), *_seconds(content, strip, bottom, colours)]
    drawn = svg(sheet, INNER_MM, bottom, above=_ABOVE_MM, below=_BELOW_MM)
    return Drawn(drawn, SPEED_MM_S, GAIN_MM_MV, INNER_MM, bottom)


def _x(strip: Strip, time_s: float) -> float:
    return PULSE_MM + (time_s - strip.start_s) * SPEED_MM_S


def _lead(value: FloatArray, lane: Lane, bottom: float, from_s: float, fs: float, colours: Palette) -> list[str]:
    """The trace, thinned to the lowest and the highest value of each piece where there are more points than needed."""
    step = max(1, int(fs / SPEED_MM_S / _POINTS_PER_MM))
    x = PULSE_MM + (from_s + np.arange(value.size) / fs) * SPEED_MM_S
    y = lane.y_of(bottom, value).astype(np.float64)
    return [path(*decimate(x, y, max(2, value.size // step)), colours.trace)]


def _pulse(lane: Lane, bottom: float, colours: Palette) -> str:
    zero = bottom - lane.zero
    points = f"1,{zero:g} 2.5,{zero:g} 2.5,{zero - lane.gain:g} 7.5,{zero - lane.gain:g} 7.5,{zero:g} 9,{zero:g}"
    return f'<polyline class="pulse" points="{points}" stroke="{colours.trace}"/>'


def _mark(strip: Strip, ends: tuple[float, float], height: float, colours: Palette) -> str:
    left = max(PULSE_MM, _x(strip, ends[0]) - 2)
    right = min(INNER_MM, _x(strip, ends[1]) + 2)
    if right <= left:
        return ""
    return f'<rect x="{left:.2f}" y="0" width="{right - left:.2f}" height="{height:g}" fill="{colours.selected}"/>'


def _letters(content: ReportContent, strip: Strip, colours: Palette) -> list[str]:
    """The class in force above each beat, in a box if a person decided it, and RR intervals where there is room."""
    beats, found = content.beats, []
    first, last = np.searchsorted(beats.time_s, (strip.start_s, strip.start_s + STRIP_S))
    for i in range(int(first), int(last)):
        letter = str(beats.aami[i])
        shown = LETTERS.get(letter, letter)
        fill = colours.classes.get(shown, colours.classes.get(letter, colours.muted))
        x = _x(strip, float(beats.time_s[i]))
        if beats.human[i]:
            half = LETTER_MM * 0.7
            found.append(
                f'<rect x="{x - half:.2f}" y="{-1.2 - LETTER_MM:.2f}" width="{2 * half:.2f}" '
                f'height="{LETTER_MM + 0.8:.2f}" rx="0.4" fill="{fill}"/>'
            )
        ink = colours.on_class if beats.human[i] else fill
        found.append(text(x, -1.2, shown, LETTER_MM, ink, anchor="middle", bold=True))
        rr_mm = float(beats.rr_s[i]) * SPEED_MM_S
        if i > first and rr_mm >= 11:
            words = f"{1000 * rr_mm / SPEED_MM_S:.0f}"
            found.append(text(x - rr_mm / 2, -1.4, words, SMALL_MM, colours.muted, anchor="middle"))
    return found


def _rhythm(content: ReportContent, strip: Strip, colours: Palette) -> list[str]:
    found = []
    for episode in content.beats.rhythm:
        left, right = max(PULSE_MM, _x(strip, episode.start_s)), min(INNER_MM, _x(strip, episode.stop_s))
        if left < right:
            fill, ink = colours.rhythms[episode.rhythm]
            name = rhythm_name(episode).short
            shown = name if len(name) * SMALL_MM * 0.6 < right - left else ""
            box = f'x="{left:.2f}" y="{-_ABOVE_MM:g}" width="{right - left:.2f}" height="{_BAND_MM:g}"'
            found.append(f'<rect {box} fill="{fill}"/>')
            found.append(text((left + right) / 2, -_ABOVE_MM + 2.4, shown, SMALL_MM, ink, anchor="middle"))
    return found


def _seconds(content: ReportContent, strip: Strip, bottom: float, colours: Palette) -> list[str]:
    first = int(np.ceil(strip.start_s))
    last = int(min(strip.start_s + STRIP_S, content.analysis.duration_s))
    return [
        text(_x(strip, second), bottom + 3.6, content.when(second) if second == first else f"+{second - first} s",
             SMALL_MM, colours.muted, anchor="middle")
        for second in range(first, last + 1)
    ]  # fmt: skip
