"""`python -m pipeline page`: pages in; their class, WFDB recordings and what was read out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.digitisation.digitise import Corrections, Digitised
from pipeline.digitisation.to_recording import read_page, to_recording
from pipeline.errors import EcgError, IntakeError
from pipeline.page_classifier.reading import classify_digitised
from pipeline.types import Recording


def digitise_file(path: Path, given: Corrections, *, page: int = 0) -> tuple[Recording | None, dict[str, Any]]:
    """Digitise one page on disk.

    Parameters
    ----------
    path : Path
        The file.
    given : Corrections
        What the user states by hand.
    page : int, optional
        Which page of a PDF document, from 0.

    Returns
    -------
    tuple
        The recording, None while questions are open, and what was read, ready for JSON.

    Raises
    ------
    IntakeError
        If the file cannot be read, or is not a page.
    """
    found, name = read_page(path, given, page=page)
    facts = _facts(found) | _class(found)
    if found.needs:
        return None, facts | {"status": "asks"}
    try:
        recording = to_recording(found, name=name)
    except IntakeError as error:
        return None, facts | {"status": "refused", "reason": str(error)}
    return recording, facts | {"status": "read", "record": recording.name, "leads": list(recording.leads)}


def _class(found: Digitised) -> dict[str, Any]:
    """Return the page network's answer; None with the reason where it has none."""
    try:
        reading = classify_digitised(found)
    except EcgError as error:
        return {"class": None, "class_reason": str(error)}
    p = {name: round(value, 4) for name, value in reading.p.items()}
    answer = reading.class_name if reading.confident else None
    reason = "" if reading.confident else "no class is likely enough"
    return {"class": answer, "class_reason": reason, "p": p, "version": reading.model_version}


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
