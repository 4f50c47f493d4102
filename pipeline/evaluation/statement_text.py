"""The scores of measured statements as lines of text."""

from __future__ import annotations

from pipeline.evaluation.statement_schema import StatementScores, StatementsEvaluation, shipped_statements
from pipeline.measurements import Statement
from pipeline.wording import score


def caution(scores: StatementScores) -> str:
    """Return how seldom a statement that is weak, but shown as urgent, was right."""
    said = scores.right + scores.wrong
    if scores.any_age is None:
        return f"Of {said} such statements in PTB-XL and LUDB cardiologists stated {scores.right}."
    return (
        f"Of {said} such ECGs in PTB-XL and LUDB cardiologists called {scores.right} acute, and stated an infarction "
        f"of any age in {scores.any_age}."
    )


def caution_of(one: Statement) -> str:
    """Return a sentence, after a space, on a statement that is shown as urgent although it is weak; else nothing."""
    evaluation = shipped_statements() if one.urgent else None
    scores = None if evaluation is None else evaluation.of(one.code)
    return f" {caution(scores)}" if scores is not None and scores.weak else ""


def statement_lines(found: StatementsEvaluation) -> list[str]:
    """Return a line for each statement and each share."""
    lines = []
    for one in found.statements:
        at = "" if one.se_at_97 is None else f", Se at Sp .97 {score(one.se_at_97.value)}"
        lines.append(
            f"{one.title}: {one.positives} records, Se {score(one.se.value, one.se.low, one.se.high)}, "
            f"Sp {score(one.sp.value)}, PPV {score(one.ppv.value)}{at}{' (weak)' if one.weak else ''}"
        )
    shares = [f"{one.title}: {one.count} of {one.of}" for one in found.shares]
    return [*lines, *shares, *(f"{record} was refused: {why}" for record, why in found.refused.items())]
