"""The reviewed result as JSON, CSV and WFDB annotations: the class in force, with the model's answer beside it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pipeline._util.files import write_bytes
from pipeline.export.analysis_files import dump_json, rhythm_rows, table_bytes, to_json
from pipeline.export.report_content import ReportContent, utc_text
from pipeline.export.wfdb_files import annotation_bytes
from pipeline.labels import AAMI_CLASSES
from pipeline.review.beats_in_force import REJECTED, UNCLASSIFIED, ReviewedBeats
from pipeline.review.decisions import Stretch
from pipeline.review.rhythm_in_force import rhythm_of
from pipeline.wording import RESEARCH_USE

# `|` is WFDB's isolated QRS-like artefact: not a beat, so no tool counts it or takes an RR interval from it.
SYMBOLS: Final = MappingProxyType({**{name: name for name in AAMI_CLASSES}, UNCLASSIFIED: "Q", REJECTED: "|"})

_DIGITS: Final = 6
_COLUMNS: Final = (
    *("sample", "time_s", "class", "model_class", "human", "rr_s"),
    *(f"p_{name}" for name in AAMI_CLASSES),
    *("confidence", "comment"),
)


def reviewed_to_json(content: ReportContent) -> dict[str, Any]:
    """Return `to_json` (the model's answer) with "review": everything that people made of it.

    Returns
    -------
    dict
        "review": "state", "status" (preliminary, final, amended), "reader", "second_reader", "signed_at", "version",
        "created", "notice", "counts", "burden_percent", "beats" (class in force, "U" unclassified, "X" rejected),
        "findings", "stretches", whose rhythm a reader has looked at ("seen") or commented on, and, once a reader has
        decided about it, "rhythm": the rhythm in force, "decided" of each episode ("confirmed", "named" or null), what
        was "rejected", the "patient_events", and the verdicts on urgent "statements". The model's own rhythm stays
        beside it, in the outer "rhythm".
    """
    study, summary = content.study, content.summary
    review = {
        "state": study.state,
        "status": study.fhir_status,
        "reader": study.reader,
        "second_reader": study.second_reader,
        "signed_at": None if study.signed_at is None else utc_text(study.signed_at),
        "version": study.version,
        "created": utc_text(content.created),
        "notice": RESEARCH_USE,
        "counts": dict(summary.counts),
        "burden_percent": summary.burden,
        "beats": _rows(content.beats),
        "findings": [asdict(finding) for finding in content.findings],
        **({"stretches": _stretches(content.beats)} if content.beats.rhythm else {}),
        **_decided_rhythm(content),
    }
    return {**to_json(content.analysis, content.identity, content.device), "review": review}


def write_reviewed_json(content: ReportContent, path: Path) -> Path:
    """Write `reviewed_to_json` as strict UTF-8 JSON. Raises DataError if it cannot be written."""
    return write_bytes(path, dump_json(reviewed_to_json(content)))


def write_reviewed_csv(content: ReportContent, path: Path) -> Path:
    """Write one row per beat in force, including comments, safe in spreadsheets. Raises DataError if that fails."""
    rows = [[_cell(row, column) for column in _COLUMNS] for row in _rows(content.beats)]
    return write_bytes(path, table_bytes(_COLUMNS, rows))


def write_reviewed_atr(content: ReportContent, path: Path) -> Path:
    """Write the beats in force, and the rhythm in force, as WFDB annotations, DIR/RECORD.hv.

    Raises
    ------
    DataError
        If there is neither beat nor rhythm to write, or the file cannot be written.

    Notes
    -----
    N S V F Q stand for themselves. A beat that nobody classified is Q with the note "unclassified", even where a person
    has confirmed that; a rejected one is `|`. The auxiliary note holds what a person decided and the model's answer:
    "overridden, model V".
    """
    beats = content.beats
    symbols = [SYMBOLS[letter] for letter in beats.aami.tolist()]
    return write_bytes(path, annotation_bytes(beats.sample, symbols, _notes(beats), beats.fs, beats.rhythm))


def _notes(beats: ReviewedBeats) -> list[str]:
    answers = zip(beats.aami.tolist(), beats.model_aami.tolist(), beats.human.tolist(), strict=True)
    return [_note_of(aami, model, human) for aami, model, human in answers]


def _note_of(aami: str, model: str, human: str) -> str:
    if aami == UNCLASSIFIED:
        return f"unclassified, {human}" if human else "unclassified"
    return f"{human}, model {model}" if human and model and model != aami else human


def _decided_rhythm(content: ReportContent) -> dict[str, Any]:
    """Return the rhythm in force where a reader has decided anything about it; else it is the model's, and nothing."""
    ruling = content.beats.ruling
    if ruling is None or ruling == rhythm_of(content.analysis):
        return {}
    decided = [piece.ruled or None for piece in ruling.pieces]
    rows = [row | {"decided": by} for row, by in zip(rhythm_rows(ruling.episodes), decided, strict=True)]
    return {
        "rhythm": rows,
        "rejected": [{**_seconds(stretch, ruling.fs), "rhythm": code} for stretch, code in ruling.rejected],
        "patient_events": [{**_seconds(stretch, ruling.fs), "text": text} for stretch, text in ruling.events.items()],
        "statements": dict(ruling.verdicts),
    }


def _seconds(stretch: Stretch, fs: float) -> dict[str, float]:
    return {"start_s": round(stretch[0] / fs, _DIGITS), "stop_s": round(stretch[1] / fs, _DIGITS)}


def _stretches(beats: ReviewedBeats) -> list[dict[str, Any]]:
    return [
        {
            **_seconds((start, stop), beats.fs),
            "seen": (start, stop) in beats.seen,
            "comment": beats.notes.get((start, stop), ""),
        }
        for start, stop in sorted({*beats.seen, *beats.notes})
    ]


def _rows(beats: ReviewedBeats) -> list[dict[str, Any]]:
    time_s, rr_s, p = beats.time_s.tolist(), beats.rr_s.tolist(), beats.p.tolist()
    samples, confidence, human = beats.sample.tolist(), beats.confidence.tolist(), beats.human.tolist()
    answers = zip(beats.aami.tolist(), beats.model_aami.tolist(), strict=True)
    return [
        {
            "sample": samples[i],
            "time_s": round(time_s[i], _DIGITS),
            "class": aami,
            "model_class": model,
            "human": human[i],
            "rr_s": round(rr_s[i], _DIGITS) if rr_s[i] == rr_s[i] else None,
            "p": {c: round(v, _DIGITS) for c, v in zip(AAMI_CLASSES, p[i], strict=True)} if any(p[i]) else None,
            "confidence": round(confidence[i], _DIGITS),
            "comment": beats.comment[i],
        }
        for i, (aami, model) in enumerate(answers)
    ]


def _cell(row: dict[str, Any], column: str) -> object:
    if column.startswith("p_"):
        return row["p"][column[2:]] if row["p"] else None
    return row[column]
