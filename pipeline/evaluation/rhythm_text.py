"""The main figures of an evaluation of rhythms, as lines of text."""

from __future__ import annotations

from pipeline.evaluation.rhythm_schema import RhythmEvaluation, TargetScores
from pipeline.wording import score

WIDTH = 50  # of a rhythm's name


def rhythm_lines(found: RhythmEvaluation) -> list[str]:
    """Return for each database a heading, and a line for each rhythm that is annotated in it."""
    lines: list[str] = []
    for source in found.sources:
        lines.append(f"{source.title}, read from {source.read_from}: {source.records} records, {source.hours:.1f} h")
        lines += [_line(target) for target in source.targets if target.annotated]
    return lines


def _line(target: TargetScores) -> str:
    time = " ".join(
        f"{name} {score(target.time[key].value)}" for key, name in (("se", "Se"), ("sp", "Sp"), ("ppv", "+P"))
    )
    return f"  {target.title:{WIDTH}} {time}; episodes {target.found} of {target.annotated}"
