"""`python -m pipeline digitise`: pages in, WFDB recordings and what was read out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.domain import Recording
from pipeline.errors import IntakeError
from pipeline.intake import read_picture, read_picture_file
from pipeline.page.digitise import Corrections, Digitised, digitise
from pipeline.page.recording import to_recording


def digitise_file(path: Path, given: Corrections, *, page: int = 0) -> tuple[Recording | None, dict[str, Any]]:
    """The recording of a page on the disk, None while questions are open, and what was read, as JSON.

    Raises
    ------
    IntakeError
        If the file cannot be read, or is not a page.
    """
    picture = read_picture(read_picture_file(path), path.name, page=page)
    found = digitise(picture.pixels, given)
    facts = _facts(found)
    if found.needs:
        return None, facts | {"status": "asks"}
    try:
        recording = to_recording(found, name=picture.name)
    except IntakeError as error:
        return None, facts | {"status": "refused", "reason": str(error)}
    return recording, facts | {"status": "read", "record": recording.name, "leads": list(recording.leads)}


def _facts(found: Digitised) -> dict[str, Any]:
    return {
        "questions": [need.question for need in found.needs],
        "px_per_mm": [round(value, 3) for value in found.grid.px_per_mm],
        "skew_deg": round(found.grid.skew_deg, 2),
        "quarter_turns": found.quarter_turns,
        "rows": len(found.lanes),
        "layout": {"name": found.layout.name, "confidence": found.layout.confidence},
        "speed_mm_s": None if found.speed is None else found.speed.value,
        "gain_mm_mv": None if found.gain is None else found.gain.value,
    }
