"""An analysis as JSON and as CSV."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipeline._util.files import write_bytes
from pipeline.export.measured_rows import measured_rows
from pipeline.export.patient import patient_rows
from pipeline.identity import DeviceReading, Identity
from pipeline.labels import AAMI_CLASSES
from pipeline.rhythm_names import rhythm_name
from pipeline.twelve_leads.recorder import device_rows
from pipeline.types import Analysis, Episode, QualitySegment

_DIGITS: Final = 6
_FORMULA: Final = tuple("=+-@\t\r\n＝＋－＠")
_COLUMNS: Final = (
    "sample",
    "time_s",
    "class",
    *(f"p_{name}" for name in AAMI_CLASSES),
    "abnormal",
    "confidence",
    "status",
    "reason",
)
_NO_BEATS: Final = b'\n "beats": []'
_Row = tuple[int, float, str, list[float] | None, float | None, float, str, str]  # in the order of `_COLUMNS`
_RHYTHM_COLUMNS: Final = ("start_s", "stop_s", "rhythm", "detail", "name", "confidence", "evidence")


def to_json(
    analysis: Analysis, identity: Identity | None = None, device: DeviceReading | None = None
) -> dict[str, Any]:
    """Return the analysis as plain values, in the form that the command line promises.

    Parameters
    ----------
    analysis : Analysis
        What was found.
    identity : Identity, optional
        Who was recorded and when, where that is to be told: "patient" and "start".
    device : DeviceReading, optional
        The recorder's own reading, where the file held one: "device", see `device_rows`.

    Returns
    -------
    dict
        "record", "fs" (Hz), "duration_s", "leads", "model", "quality", "beats", "rhythm", "summary", "version". A beat
        on which no network ran has class "Q", p and abnormal None, confidence 0, and a reason. The episodes in "rhythm"
        cover the recording in order; analyses of earlier versions have none. What was measured follows, as in
        `pipeline.export.measured_rows`.
    """
    return _with_beats(analysis, _beats(analysis), identity, device)


def _with_beats(
    analysis: Analysis, beats: list[dict[str, Any]], identity: Identity | None, device: DeviceReading | None
) -> dict[str, Any]:
    return {
        "record": analysis.record,
        "fs": analysis.fs,
        **patient_rows(identity),
        "duration_s": analysis.duration_s,
        "leads": list(analysis.leads),
        "model": analysis.model,
        "quality": {
            "analysed_fraction": analysis.quality.analysed_fraction,
            "segments": [_segment(segment, analysis) for segment in analysis.quality.segments],
        },
        "beats": beats,
        **({"rhythm": rhythm_rows(analysis.rhythm)} if analysis.rhythm else {}),
        **measured_rows(analysis.measured),
        **device_rows(device, analysis.measured),
        "summary": _summary(analysis),
        "version": analysis.version,
    }


def write_analysis_json(
    analysis: Analysis, path: Path, identity: Identity | None = None, device: DeviceReading | None = None
) -> Path:
    """Write `to_json` in UTF-8, without NaN, whole or not at all.

    Parameters
    ----------
    analysis : Analysis
        What was found.
    path : Path
        Where to write.
    identity : Identity, optional
        Who was recorded and when, where that is to be told.
    device : DeviceReading, optional
        The recorder's own reading, where the file held one.

    Raises
    ------
    DataError
        If it cannot be written.
    """
    return write_bytes(path, analysis_bytes(analysis, identity, device))


def analysis_bytes(analysis: Analysis, identity: Identity | None = None, device: DeviceReading | None = None) -> bytes:
    """Encode what `to_json` returns, as `dump_json` does; beats, of which a day has 100 000, by a pattern of their own.

    Parameters
    ----------
    analysis : Analysis
        What was found.
    identity : Identity, optional
        Who was recorded and when, where that is to be told.
    device : DeviceReading, optional
        The recorder's own reading, where the file held one.

    Raises
    ------
    ValueError
        If a number is not finite: JSON cannot express it.
    """
    rows = list(_rows(analysis))
    if not all(math.isfinite(number) for row in rows for number in (row[1], row[5], *(row[3] or ()))):
        raise ValueError("Out of range float values are not JSON compliant")
    texts = {
        text: json.dumps(text, ensure_ascii=False) for text in {*analysis.symbol, *analysis.status, *analysis.reason}
    }
    whole = dump_json(_with_beats(analysis, [], identity, device))
    if not rows:
        return whole
    with_p, without_p = _pattern(True), _pattern(False)
    beats = ",\n".join(
        with_p % (sample, time_s, texts[symbol], *p, abnormal, confidence, texts[status], texts[reason])
        if p
        else without_p % (sample, time_s, texts[symbol], confidence, texts[status], texts[reason])
        for sample, time_s, symbol, p, abnormal, confidence, status, reason in rows
    )
    # a text in the result holds no line break of its own: JSON writes it as \\n
    return whole.replace(_NO_BEATS, f'\n "beats": [\n{beats}\n ]'.encode("utf-8", "replace"), 1)


def dump_json(value: object) -> bytes:
    """Encode strict JSON in UTF-8.

    Raises
    ------
    ValueError
        If a number is not finite: JSON cannot express it.
    """
    return (json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8", "replace")


def write_csv(analysis: Analysis, path: Path) -> Path:
    """Write one row per beat, every cell quoted, text safe in spreadsheets. Raises DataError if that fails."""
    rows = [[_cell(beat, column) for column in _COLUMNS] for beat in _beats(analysis)]
    return write_bytes(path, table_bytes(_COLUMNS, rows))


def write_rhythm_csv(analysis: Analysis, path: Path) -> Path:
    """Write one row per episode of rhythm, as `write_csv` does. Raises DataError if that fails."""
    names = [rhythm_name(episode).name for episode in analysis.rhythm]
    rows = [{**row, "name": name} for row, name in zip(rhythm_rows(analysis.rhythm), names, strict=True)]
    return write_bytes(path, table_bytes(_RHYTHM_COLUMNS, [[row[name] for name in _RHYTHM_COLUMNS] for row in rows]))


def rhythm_rows(episodes: Sequence[Episode]) -> list[dict[str, Any]]:
    """Return episodes of rhythm as plain values, times in seconds from sample 0."""
    return [
        {
            "start_s": round(episode.start_s, _DIGITS),
            "stop_s": round(episode.stop_s, _DIGITS),
            "rhythm": episode.rhythm,
            "detail": episode.detail,
            "confidence": round(episode.confidence, _DIGITS),
            "evidence": episode.evidence,
        }
        for episode in episodes
    ]


def table_bytes(header: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    """Encode a CSV table in UTF-8; None is an empty cell, and text that a spreadsheet would run is made plain.

    References
    ----------
    OWASP, CSV Injection: https://owasp.org/www-community/attacks/CSV_Injection
    """
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([["" if cell is None else safe_cell(cell) for cell in row] for row in rows])
    return text.getvalue().encode("utf-8", "replace")


def safe_cell(cell: object) -> object:
    """Return text that begins like a formula with an apostrophe before it, anything else as it is.

    Examples
    --------
    >>> safe_cell("=1+1"), safe_cell(2.5)
    ("'=1+1", 2.5)
    """
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _segment(segment: QualitySegment, analysis: Analysis) -> dict[str, Any]:
    """Return a segment as plain values; what an earlier version found, which did not name leads, stays as it was."""
    values = {**asdict(segment), "leads": list(segment.leads)}
    return values if analysis.rhythm else {name: value for name, value in values.items() if name != "leads"}


def _rows(analysis: Analysis) -> Iterator[_Row]:
    time_s, abnormal, confidence, probabilities = (
        np.round(values.astype(np.float64), _DIGITS).tolist()  # all at once: seven numbers for each of 100 000 beats
        for values in (analysis.time_s, analysis.abnormal, analysis.confidence, analysis.p)
    )
    has_p, beats = analysis.has_p.tolist(), zip(analysis.sample.tolist(), analysis.symbol, strict=True)
    for i, (sample, symbol) in enumerate(beats):
        read = has_p[i]
        yield (
            sample,
            time_s[i],
            symbol,
            probabilities[i] if read else None,
            abnormal[i] if read else None,
            confidence[i] if read else 0.0,
            analysis.status[i],
            analysis.reason[i],
        )


def _beats(analysis: Analysis) -> list[dict[str, Any]]:
    return [
        {
            "sample": sample,
            "time_s": time_s,
            "class": symbol,
            "p": dict(zip(AAMI_CLASSES, p, strict=True)) if p else None,
            "abnormal": abnormal,
            "confidence": confidence,
            "status": status,
            "reason": reason,
        }
        for sample, time_s, symbol, p, abnormal, confidence, status, reason in _rows(analysis)
    ]


def _pattern(read: bool) -> str:
    """Return how a beat is written within the whole, with a place for each of its values."""
    known = dict.fromkeys(("sample", "time_s", "class"), "%s")
    answer = {"p": dict.fromkeys(AAMI_CLASSES, "%s"), "abnormal": "%s"} if read else {"p": None, "abnormal": None}
    beat = {**known, **answer, **dict.fromkeys(("confidence", "status", "reason"), "%s")}
    lines = json.dumps(beat, indent=1).replace('"%s"', "%s").splitlines()
    return "\n".join(f"  {line}" for line in lines)


def _summary(analysis: Analysis) -> dict[str, Any]:
    counts = analysis.counts()
    rr_s = np.diff(analysis.time_s)
    return {
        "beats": len(analysis.sample),
        "classified": len(analysis.sample) - counts["unclassified"],
        "unclassified": counts["unclassified"],
        "counts": {name: counts[name] for name in AAMI_CLASSES},
        "median_hr_bpm": round(60.0 / float(np.median(rr_s)), 1) if rr_s.size else None,
        "abnormal_threshold": analysis.threshold,
        "notices": list(analysis.notices),
        "model_version": analysis.model_version,
        "digest": analysis.digest,
    }


def _cell(beat: dict[str, Any], column: str) -> object:
    if column.startswith("p_"):
        return beat["p"][column[2:]] if beat["p"] else None
    return beat[column]
