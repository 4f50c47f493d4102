"""From the summary of an archive to the worklist: its most urgent recordings become studies, with their analyses."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline._util.progress import Progress, no_progress
from pipeline.archive.sources import at_hand, source_at
from pipeline.archive.tables import SUMMARY, read_kept_analysis
from pipeline.config import DEFAULT
from pipeline.errors import DataError, EcgError, IntakeError
from pipeline.intake import open_all
from pipeline.principal import LOCAL
from pipeline.store.listing import study_of_analysis
from pipeline.store.recordings import save_recording
from pipeline.store.studies import find_study
from pipeline.types import Recording

MADE, KNOWN, REFUSED = "made", "known", "refused"
_COLUMNS = ("record", "source", "status", "digest", "urgent")


@dataclass(frozen=True)
class Filled:
    """What became of the rows: how many studies were "made", "known" before or "refused", and why, by record."""

    counts: dict[str, int]
    refused: tuple[tuple[str, str], ...]


def fill_worklist(
    output: Path, *, most: int | None = None, urgent_only: bool = False, progress: Progress = no_progress
) -> Filled:
    """Put the analysed recordings of an archive on the worklist, the most urgent first.

    The recording is read again from where it lies and stored, without who was recorded; the analysis is the one that
    the archive keeps. A recording that is on the list already stays as it is.

    Parameters
    ----------
    output : Path
        The folder that `run_archive` wrote.
    most : int, optional
        How many rows are taken; all of them if None.
    urgent_only : bool, optional
        Whether only recordings with an urgent finding are taken.
    progress : Progress, optional
        Called as work goes on.

    Raises
    ------
    IntakeError
        If there is no summary that can be read.
    DataError
        If the home cannot be written.
    """
    rows = [row for row in _rows(output) if row["status"] == "analysed" and (row["urgent"] or not urgent_only)]
    counts: Counter[str] = Counter()
    refused = []
    for number, row in enumerate(rows[:most], 1):
        try:
            counts[_listed(row, output)] += 1
        except DataError:
            raise
        except EcgError as error:
            counts[REFUSED] += 1
            refused.append((str(row["record"]), str(error)))
        progress(number / len(rows[:most]), f"{number} of {len(rows[:most])}")
    return Filled(dict(counts), tuple(refused))


def _rows(output: Path) -> list[dict[str, Any]]:
    """Return the rows of the summary, which begin with the most urgent."""
    try:
        found: list[dict[str, Any]] = pq.read_table(output / SUMMARY, columns=list(_COLUMNS)).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise IntakeError(f"{str(output)!r} holds no {SUMMARY} that can be read; name what `batch` wrote.") from error
    return found


def _listed(row: dict[str, Any], output: Path) -> str:
    analysis = read_kept_analysis(str(row["record"]), output)
    if analysis is None or analysis.digest != row["digest"]:
        raise IntakeError("Its analysis is missing or damaged; run `batch` again, which makes it anew.")
    if find_study(analysis, reader=LOCAL) is not None:
        return KNOWN
    study_of_analysis(analysis, save_recording(_recording(row), reader=LOCAL), reader=LOCAL)
    return MADE


def _recording(row: dict[str, Any]) -> Recording:
    """Read the recording of a row where it lies."""
    with at_hand(source_at(str(row["source"])), limit_bytes=DEFAULT.limits.file_bytes) as path:
        for recording in open_all(path).recordings:
            if recording.digest == row["digest"]:
                return recording
    raise IntakeError("The file is not the one that was analysed; run `batch` again.")
