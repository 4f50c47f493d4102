"""Marks of waves on the strip of an ECG: each can be dragged, and its beat's intervals follow, whoever keeps it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import streamlit as st

from app.common import cache
from app.common.ecg_sheet import SheetMark
from app.common.median_panel import with_qtc
from app.common.text import plain
from app.common.theme import Palette
from pipeline.errors import ModelError
from pipeline.measurements import WaveMark
from pipeline.review.moved_marks import FARTHEST_S, MOVABLE
from pipeline.twelve_leads.measuring import rr_of
from pipeline.twelve_leads.median_beat import (
    MarkedStretch,
    MarksS,
    interval_measures,
    stretch_of,
    with_beats_moved,
    with_median_moved,
)
from pipeline.twelve_leads.remeasured import beat_marks
from pipeline.twelve_leads.sheet import Sheet
from pipeline.types import Analysis, Recording

WORDS = "Ticks: onset and end of P (blue), QRS (purple) and T (orange) over all leads; uncertain ones are left out."
BY_DRAG = (
    "Drag one to move it, a dot then stands on it; Tab goes through those of the chosen beat, and arrow keys move one "
    "by 2 ms."
)
BY_FINGER = "Tap one to choose its beat, drag its grip to move it; a dot then stands on it."
_MEANS = {f"{wave} {end}": f"{word} of {wave}" for wave in ("P", "QRS", "T")
          for end, word in (("on", "Onset"), ("off", "End"))}  # fmt: skip
_CLASS_OF = {"p": "S", "qrs": "F", "t": "V"}  # whose colour a wave has
_TICK_MM = (-3.0, 2.0)  # from the zero line
_LONG_MM = (-5.0, 2.4)  # of the chosen beat
_STEP_MM = 2.2  # grips of neighbours stand at different heights: a finger is wider than a PR segment


def how(*, by_touch: bool) -> str:
    """How marks are moved."""
    return BY_FINGER if by_touch else BY_DRAG


@dataclass(frozen=True)
class Marking:
    """What a reader moved in a recording, and who keeps it.

    Attributes
    ----------
    of_median : callable
        What was moved on the median beat of a stretch, seconds from its R peak.
    beats_s : mapping of int to mapping of WaveMark to float
        By R peak, a sample: what was moved on single beats, seconds from it.
    move : callable or None
        Takes the R peak of a beat, a mark and its new place; None where nothing may be moved.
    reset : callable
        Puts all marks of a beat back.
    kept : str
        Where they are kept, in words.
    by : str
        Who moved them.
    """

    of_median: Callable[[MarkedStretch], MarksS]
    beats_s: Mapping[int, MarksS]
    move: Callable[[int, WaveMark, float], None] | None
    reset: Callable[[int], None]
    kept: str
    by: str = "you"


@dataclass(frozen=True, eq=False)
class StripBeat:
    """One beat of a strip: its R peak, and its marks by what a reader moved and as found, seconds from it."""

    sample: int
    position: int
    time_s: float
    marks_s: MarksS
    found_s: MarksS


def beats(
    recording: Recording, analysis: Analysis, span_s: tuple[float, float], marking: Marking
) -> tuple[StripBeat, ...]:
    """The marked beats whose R peaks lie between two times; none, and a sentence, if they cannot be marked.

    Parameters
    ----------
    recording : Recording
        The recording.
    analysis : Analysis
        The model's answer.
    span_s : (float, float)
        The times, seconds.
    marking : Marking
        What a reader moved.
    """
    ends = (span_s[0], max(span_s[0], min(span_s[1], recording.duration_s) - 1e-6))
    found = []
    for start_s, stop_s in dict.fromkeys(stretch_of(recording, at) for at in ends):
        try:
            stretch = cache.marked_stretch(recording, analysis, start_s, stop_s)
        except ModelError as error:
            st.warning(plain(str(error)), icon=":material/warning:")
            return ()
        by_beats = with_beats_moved(recording, analysis, stretch, marking.beats_s)
        waves = with_median_moved(analysis, by_beats, marking.of_median(stretch), marking.beats_s)
        for row, (position, time_s) in enumerate(zip(stretch.position.tolist(), waves.beat_s.tolist(), strict=True)):
            if span_s[0] <= time_s < span_s[1] and stretch_of(recording, time_s) == (start_s, stop_s):
                sample = int(analysis.sample[position])
                marks = (beat_marks(waves, row), beat_marks(stretch.waves, row))
                found.append(StripBeat(sample, position, time_s, *marks))
    return tuple(found)


def ticks(
    sheet: Sheet, shown: Sequence[StripBeat], marking: Marking, colours: Palette, *, chosen: int | None,
    when: Callable[[float], str], named: Callable[[StripBeat], int] = lambda beat: beat.sample,
) -> tuple[SheetMark, ...]:  # fmt: skip
    """Onset and end of each wave as ticks at the zero line of the rhythm strip, or of the first row.

    Parameters
    ----------
    sheet : Sheet
        The paper.
    shown : sequence of StripBeat
        The beats.
    marking : Marking
        What was moved, and whether anything may be.
    colours : Palette
        Its colours.
    chosen : int or None
        The R peak of the beat whose marks are at hand.
    when : callable
        Writes a time, seconds.
    named : callable, optional
        How a click names a beat: by its R peak, or by its place in the analysis.
    """
    zero, beats_s, movable = sheet.zero_mm[sheet.strip_row or 0], marking.beats_s, marking.move is not None
    found = []
    between = [-FARTHEST_S, *(beat.time_s for beat in shown), sheet.start_s + sheet.window_s + FARTHEST_S]
    for place, beat in enumerate(shown):
        moved = beats_s.get(beat.sample, {})
        names = [name for name in MOVABLE if name in beat.marks_s]
        at_hand = movable and beat.sample == chosen
        limits = (max(between[place] - beat.time_s, -FARTHEST_S), min(between[place + 2] - beat.time_s, FARTHEST_S))
        reach = _reach_s([beat.marks_s[name] for name in names], limits)
        for number, (name, (low, high)) in enumerate(zip(names, reach, strict=True)):
            x = sheet.x_of(beat.time_s + beat.marks_s[name])
            if not sheet.left_mm <= x <= sheet.width_mm:
                continue
            top, foot = _LONG_MM if at_hand else _TICK_MM
            edges = (sheet.x_of(beat.time_s + low), sheet.x_of(beat.time_s + high))
            found.append(
                SheetMark(
                    f"{name} {beat.sample}",
                    MOVABLE[name],
                    x,
                    (zero + top, zero + foot + at_hand * (number % 2) * _STEP_MM),
                    (max(sheet.left_mm, edges[0]), min(sheet.width_mm, edges[1])),
                    colours.classes[_CLASS_OF[name.partition("_")[0]]],
                    at_hand,
                    name in moved,
                    named(beat),
                    f"{_MEANS[MOVABLE[name]]}, beat at {when(beat.time_s)}",
                )
            )
    return tuple(found)


def _reach_s(at_s: Sequence[float], limits: tuple[float, float]) -> list[tuple[float, float]]:
    """Between which places each of a beat's marks can be: none passes the one before or after it, or another beat."""
    order = [limits[0], *at_s, limits[1]]
    lows = [min(a, b) for a, b in pairwise(order[:-1])]
    highs = [max(a, b) for a, b in pairwise(order[1:])]
    return list(zip(lows, highs, strict=True))


def taking(sheet: Sheet, shown: Iterable[StripBeat], marking: Marking) -> Callable[[str, float], None] | None:
    """What a tick that was dragged does; None where nothing may be moved.

    Parameters
    ----------
    sheet, shown
        As in `ticks`.
    marking : Marking
        Who keeps it.
    """
    move = marking.move
    if move is None:
        return None
    at = {beat.sample: beat.time_s for beat in shown}

    def take(named: str, x_mm: float) -> None:
        mark, _, sample = named.partition(" ")
        time_s = sheet.start_s + (x_mm - sheet.left_mm) / sheet.speed_mm_s
        move(int(sample), next(name for name in MOVABLE if name == mark), time_s - at[int(sample)])

    return take


def draw(
    analysis: Analysis, shown: Iterable[StripBeat], marking: Marking, *, chosen: int | None, key: str,
    when: Callable[[float], str],
) -> None:  # fmt: skip
    """The intervals of the chosen beat by its marks, what was moved of it, and a way back.

    Parameters
    ----------
    analysis : Analysis
        The model's answer.
    shown : iterable of StripBeat
        The beats.
    marking : Marking
        Who keeps what was moved.
    chosen : int or None
        The R peak of the beat.
    key : str
        Begins the names of what is drawn.
    when : callable
        Writes a time, seconds.
    """
    beat = next((one for one in shown if one.sample == chosen), None)
    if beat is None:
        return
    own = marking.beats_s.get(beat.sample, {})
    with st.container(horizontal=True, vertical_alignment="center", gap="small", key=f"{key}-beat"):
        moved = f" :orange-badge[:material/edit: moved by {marking.by}: {_names(own)}]" if own else ""
        line = f"**Beat at {when(beat.time_s)}**: {plain(intervals(analysis, beat))}{moved}"
        st.markdown(line, width="content", help=plain(marking.kept))
        if own and marking.move is not None:
            st.button("Marks of this beat as found", key=f"{key}-beat-reset", icon=":material/undo:",
                      on_click=marking.reset, args=(beat.sample,))  # fmt: skip


def intervals(analysis: Analysis, beat: StripBeat) -> str:
    """The intervals of a beat, and by how much those changed that a reader's marks bound.

    Parameters
    ----------
    analysis : Analysis
        The model's answer.
    beat : StripBeat
        The beat.
    """
    rr_s = float(rr_of(analysis)[beat.position])
    allowed = with_qtc(analysis)
    now, before = (interval_measures(marks, rr_s, with_qtc=allowed) for marks in (beat.marks_s, beat.found_s))
    parts = []
    for name in dict.fromkeys((*now, *before)):
        value = f"{name} {now[name]:.0f} ms" if name in now else f"{name} –"
        by = round(now[name]) - round(before[name]) if name in now and name in before else 0
        parts.append(f"{value} ({by:+d})" if by else value)
    return " · ".join(parts) or "no interval can be measured"


def moved_words(beats_s: Mapping[int, MarksS], when: Callable[[float], str], fs: float) -> str:
    """Which marks of single beats were moved, in one line; "" if none.

    Parameters
    ----------
    beats_s : mapping of int to mapping of WaveMark to float
        By R peak, a sample: what was moved.
    when : callable
        Writes a time, seconds.
    fs : float
        Sampling frequency, Hz.
    """
    told = [f"{_names(own)} of the beat at {when(sample / fs)}" for sample, own in sorted(beats_s.items())]
    return f"Moved by the reader: {', '.join(told)}" if told else ""


def _names(moved: MarksS) -> str:
    return ", ".join(MOVABLE[name] for name in MOVABLE if name in moved)
