"""A network scored on any folder of WFDB records with reference beats: per record, by EC57's rules, with intervals."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Final

from models import registry
from pipeline._util.files import write_json
from pipeline._util.progress import Progress, no_progress, stretch_of
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import read_as, to_json
from pipeline.config import DEFAULT, Config, home_root, runs_root
from pipeline.datasets.catalogue import CATALOGUE, checksums
from pipeline.datasets.splits import DS2
from pipeline.errors import DataError, EcgError
from pipeline.evaluation.predict import KINDS, predict_records
from pipeline.evaluation.record_predictions import RecordPredictions
from pipeline.evaluation.report import evaluate_predictions
from pipeline.evaluation.report_schema import Report
from pipeline.evaluation.report_text import gross_lines, record_lines
from pipeline.evaluation.run import load_described
from pipeline.evaluation.schema import EvaluatedModel, Kind
from pipeline.intake import read_path
from pipeline.intake.folders import recording_files
from pipeline.intake.wfdb_annotations import parse_marks
from pipeline.labels import aami_class, is_beat
from pipeline.types import Recording

CACHE: Final = runs_root() / "evaluate-own"
PACED: Final = "/"  # WFDB's symbol of a paced beat
PACED_SHARE: Final = 0.5  # a record with more of its beats paced is not scored, as EC57 asks
NO_REFERENCE: Final = "It has no reference beats: only a WFDB record has them, in its .atr file."
USER_DEFINED: Final = " "  # stands for annotation codes that WFDB leaves to users


@dataclass(frozen=True)
class SkippedRecord:
    """A record without a part in the scores, and why."""

    record: str
    reason: str


@dataclass(frozen=True)
class OwnEvaluation:
    """A network on a user's folder of records.

    Attributes
    ----------
    model : EvaluatedModel
        The network.
    folder : str
        Name of the folder.
    provenance : Provenance
        How it was made.
    skipped : tuple of SkippedRecord
        Records that could not be scored.
    seen : tuple of str
        Scored records whose signal the network was trained on, by the SHA-256 of the public file.
    symbols : mapping of str to int
        Reference beats of the scored records by WFDB symbol, and what AAMI class each counts as in `classes`.
    classes : mapping of str to str
        AAMI class of each symbol, in de Chazal's table.
    not_beats : mapping of str to int
        Other annotations of these records by symbol: rhythm, noise, waves, and " " for codes left to users; none of
        them counts.
    reference, detected : Report
        Scores at reference beats and end to end.
    """

    SCHEMA: ClassVar[str] = "heartvision.own-evaluation/1"

    model: EvaluatedModel
    folder: str
    provenance: Provenance
    skipped: tuple[SkippedRecord, ...]
    seen: tuple[str, ...]
    symbols: Mapping[str, int]
    classes: Mapping[str, str]
    not_beats: Mapping[str, int]
    reference: Report
    detected: Report

    def of(self, kind: Kind) -> Report:
        """Return the report at reference beats or at detected ones."""
        return self.reference if kind == "reference" else self.detected


def is_own_folder(data_dir: Path) -> bool:
    """Tell whether a folder is a user's: not that of the public databases, and not one that holds all of DS2."""
    if not data_dir.is_dir() or any(any((data_dir / name).glob("*.hea")) for name in CATALOGUE):
        return False
    return not {*DS2} <= {file.stem for file in data_dir.glob("*.hea")}


def evaluate_own(
    name: str,
    data_dir: Path,
    output: Path | None = None,
    *,
    config: Config = DEFAULT,
    weights: Path = registry.WEIGHTS,
    cache: Path = CACHE,
    progress: Progress = no_progress,
) -> tuple[Path, OwnEvaluation]:
    """Score a network on every record of a folder, and of the folders in it, that has reference beats.

    Parameters
    ----------
    name : str
        Name of the network.
    data_dir : Path
        The folder: RECORD.hea with its signal file and RECORD.atr.
    output : Path, optional
        The JSON file; HEARTVISION_HOME/evaluations/NAME-FOLDER.json if None.
    config : Config, optional
        Settings of the pipeline.
    weights : Path, optional
        The folder with the networks' folders.
    cache : Path, optional
        Folder of stored predictions, by the records' content: what was interrupted goes on.
    progress : Progress, optional
        Called with what is being done, for a progress display.

    Returns
    -------
    tuple of Path and OwnEvaluation
        The file and its content.

    Raises
    ------
    DataError
        If the folder holds no record, or none that can be scored.
    ModelError
        If the network cannot be loaded.
    """
    classifier, model = load_described(name, weights)
    headers = sorted(data_dir.rglob("*.hea"))
    if not headers:
        raise DataError(f"There is no record (.hea) in {str(data_dir)!r}; give a folder of WFDB records with .atr.")
    kept, skipped = _scorable(data_dir, headers, config, stretch_of(progress, 0, 0.1))
    skipped += _without_reference(data_dir)
    if not kept:
        raise DataError(f"None of the {len(headers)} records can be scored; {skipped[0].record}: {skipped[0].reason}")
    names = tuple(kept)
    place = cache / hashlib.sha256("".join(kept.values()).encode()).hexdigest()[:16]
    found = predict_records(classifier, model, data_dir, names, place, config, progress=stretch_of(progress, 0.1, 0.95))
    progress(0.95, "Scoring")
    named = {kind: _named(names, found.predictions[kind]) for kind in KINDS}  # two folders may hold one record's name
    reports = {
        kind: evaluate_predictions(
            tuple(named[kind].values()),
            kind=kind,
            threshold=classifier.threshold,
            config=config,
            left_out=tuple(each.record for each in skipped if each.reason.startswith("Paced")),
            refused=found.refused[kind],
        )
        for kind in KINDS
    }
    beats, others = _symbols(data_dir, named["reference"])
    told = OwnEvaluation(
        model=model,
        folder=data_dir.resolve().name,
        provenance=Provenance(
            f"python -m pipeline evaluate --model {name} --data {data_dir.name}",
            current_commit(),
            f"{len(names)} records of {data_dir.resolve().name}",
            now(),
        ),
        skipped=tuple(skipped),
        seen=_seen(data_dir, names, model),
        symbols=beats,
        classes={symbol: aami_class(symbol) or "" for symbol in beats},
        not_beats=others,
        reference=reports["reference"],
        detected=reports["detected"],
    )
    path = output or home_root() / "evaluations" / f"{name}-{told.folder}.json"
    return write_json(path, to_json(told)), told


def read_own_evaluation(path: Path) -> OwnEvaluation:
    """Read what `evaluate_own` wrote.

    Raises
    ------
    DataError
        If it is missing, not JSON, of another version, or lacks something.
    """
    return read_as(OwnEvaluation, path, again="run `python -m pipeline evaluate --model NAME --data DIR` again")


def figures(found: OwnEvaluation) -> str:
    """Return the main figures as lines of text: who was left out, per record, over all records with intervals."""
    lines = [f"{each.record}: not scored. {each.reason}" for each in found.skipped]
    if found.seen:
        lines.append(
            f"The network was trained on {', '.join(found.seen)}: these figures are no promise for new patients."
        )
    if found.not_beats:
        told = ", ".join(f"{n} {'user-defined' if s == USER_DEFINED else s}" for s, n in found.not_beats.items())
        lines.append(f"Annotations that mark no beat, and do not count: {told}.")
    for title, report in (("End to end, at detected beats", found.detected), ("At reference beats", found.reference)):
        count = len(report.records)
        head = f"{title} ({found.model.name}, {count} record{'s' if count > 1 else ''})"
        lines += ["", head, *record_lines(report), *gross_lines(report)]
    return "\n".join(lines).lstrip("\n") + "\n"


def _scorable(
    data_dir: Path, headers: Sequence[Path], config: Config, progress: Progress
) -> tuple[dict[str, str], list[SkippedRecord]]:
    """Return the digest of each record that can be scored, by its path below the folder, and the others."""
    kept: dict[str, str] = {}
    skipped = []
    for number, header in enumerate(headers):
        name = header.relative_to(data_dir).as_posix().removesuffix(".hea")
        progress(number / len(headers), f"Reading record {number + 1} of {len(headers)}")
        try:
            recording = _read(header, config)
        except EcgError as error:
            skipped.append(SkippedRecord(name, str(error)))
        else:
            kept[name] = recording.digest
    return kept, skipped


def _without_reference(data_dir: Path) -> list[SkippedRecord]:
    """Return the recordings of a folder that are of another format, which has no place for reference beats."""
    others = (path for path in recording_files(data_dir) if path.suffix.lower() != ".hea")
    return [SkippedRecord(path.relative_to(data_dir).as_posix(), NO_REFERENCE) for path in others]


def _read(header: Path, config: Config) -> Recording:
    """Read a record that has beats to be scored against. Raises EcgError with the reason if it is none."""
    if not header.with_name(f"{header.stem}.atr").is_file():
        raise DataError("It has no annotations: there is no .atr file of its name.")
    recording = read_path(header, config=config)
    if recording.reference is None:
        raise DataError(next((note for note in recording.notices if ".atr" in note), "Its annotations are unusable."))
    symbols = recording.reference.symbol
    if not symbols:
        raise DataError("Its annotations (.atr) mark no beat.")
    if (paced := symbols.count(PACED)) > PACED_SHARE * len(symbols):
        raise DataError(f"Paced: {paced} of {len(symbols)} beats are; EC57 leaves such records out.")
    return recording


def _named(names: Sequence[str], found: Sequence[RecordPredictions]) -> dict[str, RecordPredictions]:
    return {name: replace(one, record=name) for name, one in zip(names, found, strict=True)}


def _symbols(data_dir: Path, found: Mapping[str, RecordPredictions]) -> tuple[dict[str, int], dict[str, int]]:
    """Count the reference beats by WFDB symbol, and the other annotations."""
    beats, others = Counter[str](), Counter[str]()
    for name, one in found.items():
        beats.update(one.reference_symbol)
        marks = parse_marks((data_dir / f"{name}.atr").read_bytes(), fs=one.fs)
        others.update(symbol for _, symbol in marks if not is_beat(symbol))
    return dict(beats.most_common()), dict(others.most_common())


def _seen(data_dir: Path, names: Sequence[str], model: EvaluatedModel) -> tuple[str, ...]:
    """Return the records whose signal file is one that the network was trained or calibrated on."""
    taught = (*model.train_records, *model.validation_records)
    known = {checksums(base).get(f"{record}.dat") for base in ("mitdb", "svdb") for record in taught}
    files = {name: data_dir / f"{name}.dat" for name in names}
    return tuple(name for name, file in files.items() if file.is_file() and _sha256(file) in known)


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
