"""Marks of median and single beats that a reader moved, with what follows: sentences, values, FHIR Observations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pipeline.export.fhir_measurements import INTERVAL_CODES, interval_value
from pipeline.export.report_content import ReportContent
from pipeline.review.moved_marks import mark_words
from pipeline.twelve_leads.remeasured import MovedBeat
from pipeline.wording import clock_text

BY_READER: Final = "Moved by the reader"


def moved_lines(content: ReportContent) -> tuple[str, ...]:
    """Return a sentence for each median or single beat whose marks a reader moved."""
    return tuple(_line(content, beat) for beat in _beats(content))


def moved_remark(content: ReportContent) -> str:
    """Return one sentence about all of them; "" if no mark was moved."""
    lines = moved_lines(content)
    if len(lines) < 2:
        return "".join(lines)
    singles = sum(beat.sample is not None for beat in _beats(content))
    counts = ((len(lines) - singles, "median beat"), (singles, "single beat"))
    told = [f"{count} {of}{'' if count == 1 else 's'}" for count, of in counts if count]
    return f"{BY_READER}: marks of {' and '.join(told)}."


def moved_rows(content: ReportContent) -> list[dict[str, Any]]:
    """Return the same as plain values: the stretch, marks in milliseconds from R, intervals, and ST by lead in mV.

    A single beat has the "sample" of its R peak.
    """
    return [
        {
            "start_s": round(beat.start_s, 3),
            "stop_s": round(beat.stop_s, 3),
            **({} if beat.sample is None else {"sample": beat.sample}),
            "marks_ms": _ms(beat.moved_s),
            "found_ms": _ms(beat.found_s),
            "intervals_ms": _rounded(beat.intervals_ms),
            "before_ms": _rounded(beat.before_ms),
            "st_mv": {lead: [round(mv, 3) for mv in levels] for lead, levels in beat.st_mv.items()},
        }
        for beat in _beats(content)
    ]


def moved_observations(content: ReportContent) -> list[tuple[str, dict[str, Any]]]:
    """Return a name and a body for each of these beats: its intervals, with a note of what was moved."""
    return [
        (
            f"moved-{i}",
            {
                "code": {"text": f"Intervals of a {_kind(beat)}, by marks that a reader moved"},
                "component": [
                    interval_value(name, beat.intervals_ms[name])
                    for name in INTERVAL_CODES
                    if name in beat.intervals_ms
                ],
                "note": [{"text": _line(content, beat)}],
            },
        )
        for i, beat in enumerate(_beats(content))
    ]


def _beats(content: ReportContent) -> tuple[MovedBeat, ...]:
    return () if content.remeasured is None else content.remeasured.beats


def _line(content: ReportContent, beat: MovedBeat) -> str:
    found = mark_words(beat.found_s) if beat.found_s else "not found"
    now = ", ".join(f"{name} {value:.0f}" for name, value in beat.intervals_ms.items())
    before = ", ".join(
        f"{name} {value:.0f}"
        for name, value in beat.before_ms.items()
        if f"{value:.0f}" != f"{beat.intervals_ms.get(name, float('nan')):.0f}"
    )
    where = f"median beat of {content.when(beat.start_s)} to {content.when(beat.stop_s)}"
    if beat.sample is not None:
        where = f"beat at {clock_text(beat.start_s, content.start, tenths=True, hours=True)}"
    was = f"; before {before} ms" if before else ""
    return f"{BY_READER}: {mark_words(beat.moved_s)} (was: {found}), {where}: {now} ms{was}."


def _kind(beat: MovedBeat) -> str:
    return "median beat" if beat.sample is None else "single beat"


def _ms(marks_s: Mapping[Any, float]) -> dict[str, float]:
    return {str(name): round(1000 * at_s, 1) for name, at_s in marks_s.items()}


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in values.items()}
