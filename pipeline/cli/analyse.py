"""`analyse` and `report`: recordings in, findings in the chosen formats out."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pipeline._util.progress import Progress
from pipeline.cli.shared import (
    BAD_USE,
    OK,
    REFUSED,
    add_table_arguments,
    differ,
    label,
    lists_formats,
    loader,
    name_list,
    progress_bars,
    say,
    table_options,
)
from pipeline.config import RECORDING_NETWORK
from pipeline.errors import EcgError, IntakeError, ModelError

if TYPE_CHECKING:
    from models.registry import Classifier
    from pipeline.export.report_content import ReportContent
    from pipeline.intake import CsvOptions
    from pipeline.review.morphology import Families
    from pipeline.twelve_leads.measuring import Marked
    from pipeline.types import Analysis, Recording

_TABLES: Final = (".csv", ".tsv", ".txt")
FORMATS: Final = ("json", "csv", "atr", "pdf", "fhir")
_RHYTHM_CSV: Final = ".rhythm.csv"  # beside the table of beats
_INTERVALS_CSV: Final = ".intervals.csv"  # beside it, too
_ENDINGS: Final = MappingProxyType({"json": ".json", "csv": ".csv", "atr": ".hv", "pdf": ".pdf", "fhir": ".fhir.json"})


def add_analyse(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `analyse`."""
    parser.add_argument(
        "records",
        nargs="+",
        type=Path,
        metavar="RECORD",
        help="a recording (its formats are listed below), a .zip or a folder of them",
    )
    parser.add_argument("--model", default=RECORDING_NETWORK, help="the network (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=Path(), metavar="DIR", help="where RECORD.json, ... are written")
    parser.add_argument(
        "--format", type=_formats, default=("json",), help=f"any of {','.join(FORMATS)} (default: json; report: pdf)"
    )
    parser.add_argument(
        "--leads", type=name_list, metavar="NAME[,NAME]", help="one or two leads (default: chosen, MLII first)"
    )
    parser.add_argument(
        "--waves",
        choices=("auto", "all"),
        default="auto",
        help="measure every beat of a recording of more than ten minutes too, not one median beat of every 30 s",
    )
    add_table_arguments(parser)
    parser.add_argument(
        "--patient",
        choices=("drop", "keep"),
        default="drop",
        help="write who was recorded and when into the results, where the file states it (default: %(default)s)",
    )
    parser.set_defaults(command=_analyse)
    lists_formats(parser)


def add_report(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `report`: those of `analyse`, which writes a PDF."""
    add_analyse(parser)
    parser.set_defaults(format=("pdf",))


def _analyse(options: argparse.Namespace) -> int:
    from pipeline.intake.content import safe_name

    if not differ([safe_name(_record(path)) for path in options.records], "recordings"):
        return BAD_USE
    records = _unfolded(options.records)
    csv = table_options(options)
    load = loader(options.model)
    refused = 0
    written: set[str] = set()
    with progress_bars(len(records)) as steps:
        for path, progress in zip(records, steps, strict=True):
            try:
                refused += _analyse_one(path, options, csv, load, progress, written)
            except ModelError:
                raise
            except EcgError as error:
                refused += 1
                say(f"{label(path)}: {error}")
    return REFUSED if refused else OK


def _record(path: Path) -> str:
    """Return what a recording is called: the name of a record has no ending to be removed."""
    from pipeline.intake.formats.table import format_endings

    return path.stem if path.suffix.lower().removeprefix(".") in format_endings() else path.name


def _unfolded(paths: Sequence[Path]) -> list[Path]:
    """Return the paths with each folder replaced by what is in it. Raises IntakeError if it holds no recording."""
    from pipeline.intake.folders import archive_files, recording_files

    found: list[Path] = []
    for path in paths:
        inside = sorted([*recording_files(path), *archive_files(path)]) if path.is_dir() else [path]
        if not inside:
            raise IntakeError(f"The folder {label(path)!r} holds no recording; choose another one.")
        found += inside
    return found


def _analyse_one(
    path: Path,
    options: argparse.Namespace,
    csv: CsvOptions,
    load: Callable[[], Classifier],
    progress: Progress,
    written: set[str],
) -> int:
    """Analyse the recordings of a file; return how many of them could not be read."""
    from pipeline.intake import open_all

    progress(0.0, f"Reading {label(path)}")
    opened = open_all(path, csv=csv, identity=options.patient == "keep")
    for refused in opened.refused:
        say(f"{label(path)}: {refused.sentence}")
    failed = 0
    for recording in opened.recordings:
        try:
            _require_new_name(recording.name, written)
            _say_notices(path, recording)
            _analyse_recording(recording, path, options, load, progress)
        except ModelError:
            raise
        except EcgError as error:
            if len(opened.recordings) == 1:
                raise
            failed += 1
            say(f"{label(path)}: {recording.name} was not analysed: {error}")
    return failed + len(opened.refused)


def _say_notices(path: Path, recording: Recording) -> None:
    """Say what was taken for what in a table, and what became of the files of an archive."""
    from pipeline.intake.zip_reader import is_archive_file

    packed = is_archive_file(path)
    if recording.notices and (packed or path.suffix.lower() in _TABLES):
        say(f"{label(path)}: {f'{recording.name}: ' if packed else ''}{' '.join(recording.notices)}")


def _require_new_name(name: str, written: set[str]) -> None:
    if name in written:
        raise IntakeError(f"Another recording of this call is called {name!r} too; give it a name of its own.")
    written.add(name)


def _analyse_recording(
    recording: Recording,
    path: Path,
    options: argparse.Namespace,
    load: Callable[[], Classifier],
    progress: Progress,
) -> None:
    from pipeline.analysis import with_measurements
    from pipeline.twelve_leads.reading import read_waves

    reported = bool({"pdf", "fhir"} & set(options.format))
    analysis, families = _classified(recording, options, load, progress, grouped=reported)
    marked = read_waves(recording, analysis, every_beat=True if options.waves == "all" else None)
    analysis = with_measurements(recording, analysis, marked)
    content = _unreviewed(recording, analysis, families) if reported else None
    for name in options.format:
        target = options.output / f"{analysis.record}{_ENDINGS[name]}"
        if target.exists() and target.resolve() == path.resolve():
            raise EcgError("The result would overwrite the recording; choose another --output.")
        _write(name, analysis, content, target, recording)
        _write_marks(name, recording, marked, target)


def _classified(
    recording: Recording,
    options: argparse.Namespace,
    load: Callable[[], Classifier],
    progress: Progress,
    *,
    grouped: bool,
) -> tuple[Analysis, Families | None]:
    """Classify the beats; a report also groups them by their shape, as the page of a review does."""
    from pipeline.analysis import classify, prepare
    from pipeline.review.morphology import find_families

    prepared = prepare(recording, leads=options.leads)
    families = find_families(prepared.beats) if grouped else None
    return classify(prepared, load(), progress=progress), families


def _write_marks(name: str, recording: Recording, marked: Marked, target: Path) -> None:
    """Write what belongs beside a result: the waves beside annotations, the intervals beside the table of beats."""
    if name == "atr" and marked.has_marks:
        from pipeline.export.wfdb_files import WAVE_ANNOTATOR, write_waves

        write_waves(marked.waves, recording, target.with_suffix(f".{WAVE_ANNOTATOR}"))
    if name == "csv":
        from pipeline.export.interval_table import write_intervals_csv

        write_intervals_csv(marked, target.with_suffix(_INTERVALS_CSV))


def _write(name: str, analysis: Analysis, content: ReportContent | None, target: Path, recording: Recording) -> None:
    from pipeline import export

    if content is None or name not in ("pdf", "fhir"):
        if name == "json":
            export.write_analysis_json(analysis, target, recording.identity, recording.device)
            return
        (export.write_csv if name == "csv" else export.write_atr)(analysis, target)
        if name == "csv":
            export.write_rhythm_csv(analysis, target.with_suffix(_RHYTHM_CSV))
        return
    from pipeline.export.fhir import write_fhir
    from pipeline.export.report_pdf import write_pdf

    (write_pdf if name == "pdf" else write_fhir)(content, target)


def _unreviewed(recording: Recording, analysis: Analysis, families: Families | None) -> ReportContent:
    """Return the model's answer alone, as a report that nobody has reviewed."""
    from models import registry
    from pipeline.export.report_content import report_content
    from pipeline.review.beats_in_force import reviewed_beats
    from pipeline.review.signal_evidence import evidence_of
    from pipeline.review.triage import triage

    beats = reviewed_beats(analysis, (), evidence_of(recording, analysis))
    trained_on = registry.manifest(analysis.model).trained_on
    return report_content(
        recording, analysis, beats, created=datetime.now(UTC), trained_on=trained_on, findings=triage(beats, families)
    )


def _formats(text: str) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if unknown := [name for name in chosen if name not in FORMATS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is not one of {', '.join(FORMATS)}")
    return chosen
