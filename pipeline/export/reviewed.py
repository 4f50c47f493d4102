"""The reviewed result as JSON, CSV and WFDB annotations: the class in force, with the model's answer beside it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pipeline._util.files import write_bytes
from pipeline.export.analysis_files import dump_json, rhythm_rows, table_bytes, to_json
from pipeline.export.measured_rows import measured_rows
from pipeline.export.moved_marks import moved_lines, moved_rows
from pipeline.export.report_content import ReportContent, utc_text
from pipeline.export.report_sections import (
    NOT_SIGNED,
    beats_table,
    figures,
    identification,
    kinds_table,
    reviewed_words,
    rhythm_table,
    rows_table,
    urgent_lines,
    variability_table,
)
from pipeline.export.wfdb_files import annotation_bytes
from pipeline.labels import AAMI_CLASSES
from pipeline.review.beats_in_force import REJECTED, UNCLASSIFIED, ReviewedBeats
from pipeline.review.decisions import Stretch
from pipeline.review.holter import run_bpm
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
        "findings"; "conclusion" (None before a signature), "concluded" (what it was made from), "draft" (what is
        confirmed so far), "not_reviewed", "urgent_not_reviewed", "reason", "report_sha256"
        of the signed report, "amends" (earlier ones); "holter",
        the tables over time and by kind; "stretches", whose rhythm a reader has looked at ("seen") or commented on;
        where a reader moved marks of median beats, "moved_marks" with the intervals that follow and, in a recording of
        at most a minute, "measurements", all that is measured and stated then, beside the model's in the outer object;
        and, once a reader has decided about it, "rhythm": the rhythm in force, "decided" of each episode ("confirmed",
        "named" or null), what was "rejected", the "patient_events", and the verdicts on "statements". The model's own
        rhythm stays beside it, in the outer "rhythm".
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
        **_signed_rows(content),
        "holter": _holter_rows(content),
        **({"stretches": _stretches(content.beats)} if content.beats.rhythm else {}),
        **_moved(content),
        **_decided_rhythm(content),
    }
    return {**to_json(content.analysis, content.identity, content.device), "review": review}


def _moved(content: ReportContent) -> dict[str, Any]:
    """Return what a reader moved and what follows; nothing where no mark was moved."""
    again = content.remeasured
    if again is None:
        return {}
    whole = {} if again.measured is None else {"measurements": measured_rows(again.measured)}
    return {"moved_marks": moved_rows(content), **whole}


def _signed_rows(content: ReportContent) -> dict[str, Any]:
    """Return the conclusion and what belongs to the signature."""
    study, left = content.study, content.undecided
    return {
        "conclusion": content.conclusion if study.state == "signed" else None,
        "concluded": [asdict(fact) for fact in content.concluded],
        "draft": [asdict(fact) for fact in content.facts],
        "not_reviewed": len(left.findings),
        "urgent_not_reviewed": list(left.names),
        "reason": study.reason,
        "report_sha256": study.report or None,
        "amends": [
            {"name": one.name, "reader": one.who, "signed_at": utc_text(one.at), "report_sha256": one.report}
            for one in study.earlier
        ],
    }


def _holter_rows(content: ReportContent) -> dict[str, Any]:
    """Return the tables of the report as plain values."""
    found, atrial = content.holter, content.holter.atrial
    return {
        "rows": [asdict(row) for row in found.rows],
        "total": asdict(found.total),
        "kinds": [
            {
                "kind": row.kind,
                "count": len(row.findings),
                "confirmed": row.decided,
                "longest": row.longest.id,
                "fastest": None if row.fastest is None else row.fastest.id,
                "fastest_bpm": None if row.fastest is None else run_bpm(row.fastest),
            }
            for row in found.kinds
        ],
        "atrial": {"seconds": atrial.seconds, "share": atrial.share, "episodes": atrial.count},
        "variability": asdict(content.variability),
        "spectrum": asdict(content.spectrum),
    }


def write_summary_csv(content: ReportContent, path: Path) -> Path:
    """Write the report's conclusion, numbers and tables, a value a row. Raises DataError if it cannot be written."""
    lines = [("identification", "", name, value) for name, value in identification(content)]
    lines.append(("conclusion", "", "text", content.conclusion or NOT_SIGNED))
    lines += [("conclusion", "", "reviewed", words) for words in reviewed_words(content)]
    lines += [("urgent", one.title, one.state, one.detail) for one in urgent_lines(content)]
    lines += [("intervals", "", "moved", words) for words in moved_lines(content)]
    lines += [("figures", figure.name, figure.more, figure.value) for figure in figures(content)]
    tables = (rows_table, kinds_table, rhythm_table, beats_table, variability_table)
    for table in (make(content) for make in tables):
        for row in table.rows:
            cells = list(zip(table.columns, row, strict=True))[1:]
            lines += [(table.title, row[0], column.name, value) for column, value in cells if value]
    return write_bytes(path, table_bytes(("section", "row", "column", "value"), lines))


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
        "measured": [_seconds(stretch, ruling.fs) for stretch in ruling.measured],
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
