"""The tables of an archive: beats and rhythm of each record as Parquet, and the line of the summary that it gets."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline._util.files import write_bytes
from pipeline.errors import DataError
from pipeline.export.analysis_files import rhythm_rows
from pipeline.labels import AAMI_CLASSES
from pipeline.review.episode_findings import urgent_episodes
from pipeline.rhythm_names import RHYTHM_NAMES, rhythm_name
from pipeline.store.results import read_analysis, write_analysis
from pipeline.store.stored_files import BROKEN_NPZ
from pipeline.types import Analysis, Recording

SUMMARY: Final = "summary.parquet"
LINES: Final = "records"  # one JSON file per record: its line of the summary, and what it was made from
ANALYSES: Final = "analyses"  # one .npz per record, from which the worklist makes a study
_KINDS: Final = ("beats", "rhythm")
_RHYTHM: Final = pa.schema(
    [
        *((name, pa.float64()) for name in ("start_s", "stop_s")),
        *((name, pa.string()) for name in ("rhythm", "detail")),
        *(("confidence", pa.float64()), ("evidence", pa.string())),
    ]
)
_BEATS: Final = pa.schema(  # the same for a record without a beat
    [
        *(("sample", pa.int64()), ("time_s", pa.float64()), ("class", pa.string())),
        *((f"p_{name}", pa.float64()) for name in AAMI_CLASSES),
        *(("confidence", pa.float64()), ("status", pa.string()), ("reason", pa.string()), ("rr_ms", pa.float64())),
    ]
)
_STATEMENT_RANK: Final = 1  # of an urgent statement of twelve leads: after fibrillation, with asystole


@dataclass(frozen=True)
class Line:
    """A record's line of the summary.

    Attributes
    ----------
    record, source : str
        Its name in the tables, and the place of its file.
    status : str
        "analysed", "refused" (its reason is a sentence), or "failed" (tried again by the next run).
    reason : str
        Why there are no tables; "" if there are.
    digest : str
        SHA-256 of what was read.
    key : str
        `digest`, network and code: what the tables were made from.
    made : dict of str to str
        SHA-256 of each table, by its path.
    fs, duration_s : float
        Hz, seconds.
    leads : str
        Leads that were read, joined by ", ".
    beats : int
        How many.
    counts : dict of str to int
        Classified beats per class, and those not classified.
    rhythms : dict of str to float
        Share of the time, per code.
    urgent : str
        The most urgent episode or statement in words, "" without one.
    rank : int
        Its place in the order of urgency, from 0; a large number without one.
    """

    record: str
    source: str
    status: str
    reason: str = ""
    digest: str = ""
    key: str = ""
    made: dict[str, str] = field(default_factory=dict)
    fs: float = 0.0
    duration_s: float = 0.0
    leads: str = ""
    beats: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    rhythms: dict[str, float] = field(default_factory=dict)
    urgent: str = ""
    rank: int = len(RHYTHM_NAMES)


def write_tables(analysis: Analysis, recording: Recording, line: Line, output: Path) -> Line:
    """Write the beats, the rhythm and the analysis of a record, each whole or not at all, then its line; return that.

    Parameters
    ----------
    analysis : Analysis
        What was found.
    recording : Recording
        In what.
    line : Line
        With `record`, `source` and `key`.
    output : Path
        Folder of the archive's tables.

    Raises
    ------
    DataError
        If the disk is full or cannot be written.
    """
    made = {}
    tables = zip(_KINDS, (_beats(analysis), _rhythm(analysis)), strict=True)
    files = [(output / kind / f"record={line.record}" / "part-0.parquet", _parquet(table)) for kind, table in tables]
    for path, content in (*files, (_kept(line.record, output), _packed(analysis))):
        write_bytes(path, content)
        made[path.relative_to(output).as_posix()] = hashlib.sha256(content).hexdigest()
    urgent, rank = _urgent(analysis)
    whole = sum(episode.seconds for episode in analysis.rhythm) or 1.0
    seconds: dict[str, float] = {}
    for episode in analysis.rhythm:
        seconds[episode.rhythm] = seconds.get(episode.rhythm, 0.0) + episode.seconds
    done = Line(
        record=line.record,
        source=line.source,
        status="analysed",
        digest=recording.digest,
        key=line.key,
        made=made,
        fs=recording.fs,
        duration_s=recording.duration_s,
        leads=", ".join(analysis.leads),
        beats=int(analysis.sample.size),
        counts=dict(analysis.counts()),
        rhythms={code: found / whole for code, found in seconds.items()},
        urgent=urgent,
        rank=rank,
    )
    return write_line(done, output)


def _urgent(analysis: Analysis) -> tuple[str, int]:
    """Return what is most urgent in words, and its place in the order of urgency."""
    order, found = list(RHYTHM_NAMES), []
    if worst := urgent_episodes(analysis.rhythm):
        found.append((order.index(worst[0].rhythm), rhythm_name(worst[0]).name))
    statements = () if analysis.measured is None else analysis.measured.statements
    found += [(_STATEMENT_RANK, one.text) for one in statements if one.urgent]
    rank, words = min(found, default=(len(order), ""))
    return words, rank


def write_line(line: Line, output: Path) -> Line:
    """Write a record's line; the record is finished when it is there."""
    content = json.dumps(asdict(line), sort_keys=True).encode()
    write_bytes(output / LINES / f"{line.record}.json", content)
    return line


def read_line(record: str, output: Path) -> Line | None:
    """Return a record's line; None if it is not finished, or the file is damaged."""
    try:
        found = json.loads((output / LINES / f"{record}.json").read_bytes())
        return Line(**found)
    except (OSError, ValueError, TypeError):
        return None


def read_kept_analysis(record: str, output: Path) -> Analysis | None:
    """Return the analysis that is kept of a record; None if there is none, or it is damaged."""
    try:
        with _kept(record, output).open("rb") as file:
            return read_analysis(file)
    except (*BROKEN_NPZ, DataError):
        return None


def is_whole(line: Line, output: Path) -> bool:
    """Tell whether the tables of a line are as they were written."""
    try:
        return bool(line.made) and all(
            hashlib.sha256((output / path).read_bytes()).hexdigest() == digest for path, digest in line.made.items()
        )
    except OSError:
        return False


def write_summary(output: Path) -> int:
    """Write one row per record, the most urgent first; return how many there are.

    Raises
    ------
    DataError
        If the disk is full or cannot be written.
    """
    lines = [read_line(path.stem, output) for path in sorted((output / LINES).glob("*.json"))]
    known = sorted((line for line in lines if line is not None), key=lambda line: (line.rank, line.record))
    rows = [_row(line) for line in known]
    write_bytes(output / SUMMARY, _parquet(pa.Table.from_pylist(rows, _summary_schema())))
    return len(rows)


def _kept(record: str, output: Path) -> Path:
    return output / ANALYSES / f"{record}.npz"


def _packed(analysis: Analysis) -> bytes:
    content = io.BytesIO()
    write_analysis(content, analysis)
    return content.getvalue()


def _row(line: Line) -> dict[str, Any]:
    plain = ("record", "source", "status", "reason", "digest", "fs", "duration_s", "leads", "beats", "urgent", "rank")
    return {
        **{name: getattr(line, name) for name in plain},
        **{name: line.counts.get(name, 0) for name in (*AAMI_CLASSES, "unclassified")},
        **{f"share_{code}": line.rhythms.get(code, 0.0) for code in RHYTHM_NAMES},
    }


def _summary_schema() -> pa.Schema:
    return pa.schema(
        [
            *((name, pa.string()) for name in ("record", "source", "status", "reason", "digest")),
            *(("fs", pa.float64()), ("duration_s", pa.float64()), ("leads", pa.string()), ("beats", pa.int64())),
            *(("urgent", pa.string()), ("rank", pa.int64())),
            *((name, pa.int64()) for name in (*AAMI_CLASSES, "unclassified")),
            *((f"share_{code}", pa.float64()) for code in RHYTHM_NAMES),
        ]
    )


def _beats(analysis: Analysis) -> pa.Table:
    frame = analysis.to_frame()
    frame.insert(0, "sample", analysis.sample)
    return pa.Table.from_pandas(frame, _BEATS, preserve_index=False).replace_schema_metadata(None)


def _rhythm(analysis: Analysis) -> pa.Table:
    return pa.Table.from_pylist(rhythm_rows(analysis.rhythm), _RHYTHM)


def _parquet(table: pa.Table) -> bytes:
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    return out.getvalue()
