"""What `evaluate --rhythm` prints is what it wrote."""

from __future__ import annotations

from models.registry import WEIGHTS
from pipeline.evaluation.rhythm_schema import read_rhythm_evaluation
from pipeline.evaluation.rhythm_text import rhythm_lines
from pipeline.wording import score


def test_every_annotated_rhythm_of_every_database_has_a_line():
    found = read_rhythm_evaluation(WEIGHTS / "rhythm_episodes" / "rhythm.json")
    lines = rhythm_lines(found)
    annotated = [[target for target in source.targets if target.annotated] for source in found.sources]
    assert len(lines) == len(found.sources) + sum(map(len, annotated))
    assert lines[0] == "MIT-BIH Malignant Ventricular Ectopy Database, read from signal: 12 records, 7.0 h"
    first = annotated[0][0]
    assert f"Se {score(first.time['se'].value)}" in lines[1]
    assert lines[1].endswith(f"episodes {first.found} of {first.annotated}")
    assert len({line.index(" Se ") for line in lines if line.startswith("  ")}) == 1
