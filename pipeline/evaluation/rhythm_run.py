"""Evaluates the rhythms that are named against those that readers annotated, and stores the result as JSON.

Records are read from the signal, end to end, and where reference beats are known also from these. A record that a
detector was trained on is read by one that was not (`held_out_detectors`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from models import registry
from models.detectors import available_detectors, detector_manifest, detectors_from
from pipeline._util.files import write_json
from pipeline._util.fingerprint import ANSWERING, fingerprint
from pipeline._util.progress import Progress, no_progress
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import read_as, rounded, to_json
from pipeline.analysis import BeatClassifier, analyse
from pipeline.config import DEFAULT, RECORDING_NETWORK, Config
from pipeline.datasets.rhythm_references import RhythmReference, read_rhythms, read_strip_labels, strip_rhythm
from pipeline.errors import DataError, IntakeError, LimitError, SignalError
from pipeline.evaluation.held_out_detectors import FOLDS, fold_count, readers
from pipeline.evaluation.predict import READING
from pipeline.evaluation.rhythm_report import READ, STRIPS, TITLES, Compared, compare, sources
from pipeline.evaluation.rhythm_schema import EvaluatedDetector, RhythmEvaluation, rhythm_file
from pipeline.evaluation.run import RUNS, load_described
from pipeline.evaluation.schema import EvaluatedModel
from pipeline.intake import read_path
from pipeline.rhythm.find import find_rhythms
from pipeline.twelve_leads.measured_pr import with_measured_pr
from pipeline.twelve_leads.reading import read_waves
from pipeline.types import Episode, IntArray

Finder = Callable[[IntArray, Sequence[str], float], tuple[Episode, ...]]
"""Names rhythms from beats, given their samples, symbols and sampling frequency, as `find_rhythms` does."""

_AGAIN: Final = "run the evaluation again"


@dataclass(frozen=True)
class Named:
    """The rhythms named in a record, as they are kept between runs.

    Attributes
    ----------
    episodes : tuple of Episode
        The rhythms, in order.
    refused : str
        Why there are none.
    detectors : tuple of str
        Detectors that were asked.
    """

    episodes: tuple[Episode, ...]
    refused: str = ""
    detectors: tuple[str, ...] = ()


def evaluate_rhythm(
    data_dir: Path,
    output: Path | None = None,
    *,
    find: Finder = find_rhythms,
    network: str = RECORDING_NETWORK,
    config: Config = DEFAULT,
    weights: Path = registry.WEIGHTS,
    progress: Progress = no_progress,
) -> Path:
    """Read every record of the databases that are there, and write the evaluation of rhythms.

    Parameters
    ----------
    data_dir : Path
        The folder of the databases; those that are missing are left out.
    output : Path, optional
        The file; `rhythm_schema.rhythm_file` if None.
    find : callable, optional
        Names rhythms from beats.
    network : str, optional
        The network that classifies the beats that are detected.
    config : Config, optional
        Settings of the pipeline.
    weights : Path, optional
        The folder with the networks' and detectors' folders.
    progress : Progress, optional
        Called with what is being done, for a progress display.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        If none of the databases is in `data_dir`, or their annotations cannot be read.
    ModelError
        If the network cannot be loaded.
    """
    classifier, model = load_described(network, weights)
    return evaluate_with(
        classifier, model, data_dir, output or rhythm_file(weights), find=find, config=config, weights=weights,
        progress=progress,
    )  # fmt: skip


def evaluate_with(
    classifier: BeatClassifier,
    model: EvaluatedModel,
    data_dir: Path,
    output: Path,
    *,
    find: Finder = find_rhythms,
    config: Config = DEFAULT,
    weights: Path = registry.WEIGHTS,
    folds: Path = FOLDS,
    cache: Path = RUNS,
    progress: Progress = no_progress,
) -> Path:
    """Do what `evaluate_rhythm` does, with a network that is already loaded; resumes from `cache`.

    Parameters
    ----------
    classifier : BeatClassifier
        The network.
    model : EvaluatedModel
        What evaluations state about it.
    data_dir : Path
        The folder of the databases.
    output : Path
        The file.
    find : callable, optional
        Names rhythms from beats.
    config : Config, optional
        Settings of the pipeline.
    weights : Path, optional
        The folder with the detectors' folders.
    folds : Path, optional
        Where trainings leave the detectors that do not know some records.
    cache : Path, optional
        Folder of stored results.
    progress : Progress, optional
        Called with what is being done, for a progress display.
    """
    jobs = [(path, database, read_from) for database, read_from in READ for path in _records(data_dir, database)]
    if not jobs:
        raise DataError(f"None of {', '.join(TITLES)} is in {str(data_dir)!r}; give the folder that holds them.")
    labels = read_strip_labels(data_dir / STRIPS) if (data_dir / STRIPS).is_dir() else {}
    code = fingerprint(*ANSWERING, *READING, "pipeline.rhythm", facts=[repr(config), model.sha256])
    found = []
    for done, (path, database, read_from) in enumerate(jobs):
        progress(done / len(jobs), f"{database}/{path.name} from its {read_from}")
        chosen = readers(f"{database}/{path.name}", weights=weights, folds=folds)
        label = labels[path.name] if database == STRIPS else ""
        reference = _strip(path, label) if label else read_rhythms(path, database)
        kept = cache / f"rhythm-{code}" / f"{database}-{path.name}-{read_from}-{_digest(chosen.versions)}.json"
        if not kept.is_file():
            with detectors_from(chosen.places) as asked:
                named = (
                    Named(find(reference.sample, reference.symbol, reference.fs))
                    if read_from == "beats"
                    else _from_signal(path, classifier, config)
                )
            write_json(kept, to_json(replace(named, detectors=tuple(sorted(asked)))), private=True)
        named = read_as(Named, kept, again=_AGAIN)
        found.append(
            compare(
                reference, named.episodes, read_from,
                held_out=[name for name in named.detectors if name in chosen.places],
                seen=[name for name in named.detectors if name in chosen.seen], refused=named.refused, label=label,
            )
        )  # fmt: skip
    content = RhythmEvaluation(
        provenance=_provenance(found),
        network=classifier.name,
        network_sha256=model.sha256,
        network_trained_on=model.trained_on,
        detectors=tuple(_described(name, weights, folds) for name in available_detectors(weights)),
        sources=sources(found),
    )
    return write_json(output, to_json(rounded(content)))


def _records(data_dir: Path, database: str) -> list[Path]:
    return [file.with_suffix("") for file in sorted((data_dir / database).glob("*.hea"))]


def _strip(path: Path, label: str) -> RhythmReference:
    recording = read_path(path)
    rhythm = strip_rhythm(label, recording.duration_s)
    empty = np.empty(0, np.int64)
    return RhythmReference(f"{STRIPS}/{path.name}", recording.fs, recording.duration_s, empty, (), rhythm, {})


def _from_signal(path: Path, classifier: BeatClassifier, config: Config) -> Named:
    try:
        recording = read_path(path, config=config)
        analysis = analyse(recording, classifier, config)
        return Named(with_measured_pr(recording, analysis, read_waves(recording, analysis)).rhythm)
    except (IntakeError, LimitError, SignalError) as error:
        return Named((), str(error))


def _digest(facts: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(dict(facts), sort_keys=True).encode()).hexdigest()[:12]


def _described(name: str, weights: Path, folds: Path) -> EvaluatedDetector:
    manifest = detector_manifest(name, weights)
    return EvaluatedDetector(
        name=name,
        title=manifest.title,
        sha256=manifest.sha256,
        trained_on=manifest.trained_on,
        records=len(manifest.train_records),
        size_bytes=(weights / name / "weights.npz").stat().st_size,
        folds=fold_count(name, folds),
        commit=manifest.commit,
        command=manifest.command,
    )


def _provenance(found: Sequence[Compared]) -> Provenance:
    names = dict.fromkeys(row.record.partition("/")[0] for row in found)
    data = ", ".join(f"{TITLES[name]} ({name})" for name in names)
    return Provenance("python -m pipeline evaluate --rhythm", current_commit(), data, now())
