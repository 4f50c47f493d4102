"""Predictions of a network for whole recordings, stored between runs so that nothing is computed twice."""

from __future__ import annotations

import inspect
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from pipeline._util.fingerprint import ANSWERING, fingerprint
from pipeline._util.progress import Progress, no_progress
from pipeline.analysis import BeatClassifier, analyse
from pipeline.config import DEFAULT, Config
from pipeline.errors import DataError, SignalError
from pipeline.evaluation.record_predictions import RecordPredictions, load_predictions, save_predictions
from pipeline.evaluation.schema import EvaluatedModel, Kind
from pipeline.intake import read_path
from pipeline.signal.r_peaks import snap
from pipeline.types import Analysis, Annotations, Recording, read_only

KINDS: Final[tuple[Kind, ...]] = ("reference", "detected")
WEIGHING: Final = ("sha256", "logit_bias", "temperature")  # fields of a manifest that change an answer
# These find beats: given beats need none of them but `snap`.
DETECTING: Final = ("pipeline.signal.r_peaks", "pipeline.signal.r_peak_candidates", "pipeline.signal.r_peak_choice")
READING: Final = ("pipeline.intake.wfdb_annotations", "pipeline.intake.wfdb_header", "pipeline.intake.wfdb_reader")


@dataclass(frozen=True)
class Predicted:
    """Predictions of each kind in the order of the records, why records were `refused`, and the time it took.

    `beats` were newly read in `seconds`; both are 0 if everything was stored by earlier runs.
    """

    predictions: Mapping[Kind, Sequence[RecordPredictions]]
    refused: Mapping[Kind, Mapping[str, str]]
    beats: int
    seconds: float


def predict_records(
    classifier: BeatClassifier,
    model: EvaluatedModel,
    folder: Path,
    names: Sequence[str],
    cache: Path,
    config: Config = DEFAULT,
    *,
    kinds: Sequence[Kind] = KINDS,
    progress: Progress = no_progress,
) -> Predicted:
    """Read each record of a folder at its reference beats and at detected ones, using stored predictions if possible.

    Parameters
    ----------
    classifier : BeatClassifier
        The network.
    model : EvaluatedModel
        Its manifest, as in evaluation.json.
    folder : Path
        Where the records are.
    names : sequence of str
        Names of the records.
    cache : Path
        Folder of stored predictions.
    config : Config, optional
        Settings of the pipeline.
    kinds : sequence of Kind, optional
        "reference", "detected", or both.
    progress : Progress, optional
        Called with what is being done, for a progress display.

    Raises
    ------
    DataError
        If a record or its annotations are missing.
    """
    predictions: dict[Kind, list[RecordPredictions]] = {kind: [] for kind in kinds}
    refused: dict[Kind, dict[str, str]] = {kind: {} for kind in kinds}
    kept = {kind: cache / f"{classifier.name}-{classifier.version}-{code_id(config, model, kind)}" for kind in kinds}
    beats, seconds = 0, 0.0
    for done, (name, kind) in enumerate((name, kind) for name in names for kind in kinds):
        progress(done / (len(kinds) * len(names)), f"Record {name} at {kind} beats")
        file, started = kept[kind] / f"{name}-{kind}.npz", time.perf_counter()
        is_new = not file.is_file()
        found, reason = _predict_or_load(file, folder / name, classifier, config, kind)
        predictions[kind].append(found)
        if reason:
            refused[kind][name] = reason
        elif is_new:
            beats, seconds = beats + found.sample.size, seconds + time.perf_counter() - started
    return Predicted(predictions, refused, beats, seconds)


def predict_record(
    recording: Recording, classifier: BeatClassifier, config: Config = DEFAULT, *, kind: Kind
) -> RecordPredictions:
    """Return the network's answers for a recording with reference beats, at these or at the detected ones.

    Parameters
    ----------
    recording : Recording
        The recording.
    classifier : BeatClassifier
        The network.
    config : Config, optional
        Settings of the pipeline.
    kind : Kind
        "reference" or "detected".

    Raises
    ------
    DataError
        If the recording has no reference beats.
    SignalError
        If it cannot be analysed.
    """
    samples = reference_of(recording).sample if kind == "reference" else None
    return beside_reference(recording, kind, analyse(recording, classifier, config, samples=samples))


def reference_of(recording: Recording) -> Annotations:
    """Return the reference beats of a recording.

    Raises
    ------
    DataError
        If it has none.
    """
    if recording.reference is None or not recording.reference.sample.size:
        raise DataError(f"Record {recording.name!r} has no reference beats (.atr) to be scored against.")
    return recording.reference


def code_id(config: Config, model: EvaluatedModel, kind: Kind) -> str:
    """Return a fingerprint of what a prediction depends on besides the recording: weights, calibration, steps, code.

    Parameters
    ----------
    config : Config
        Settings of the pipeline.
    model : EvaluatedModel
        The network's manifest, as in evaluation.json.
    kind : Kind
        "reference" or "detected".
    """
    scoring_aside = replace(config, match_window_ms=0.0, learning_period_s=0.0, predict_batch=0)
    facts = [repr(scoring_aside), {key: getattr(model, key) for key in WEIGHING}, inspect.getsource(snap)]
    leave_out = DETECTING if kind == "reference" else ()
    return fingerprint(*ANSWERING, *READING, facts=facts, leave_out=leave_out)


def _predict_or_load(
    kept: Path, path: Path, classifier: BeatClassifier, config: Config, kind: Kind
) -> tuple[RecordPredictions, str]:
    if kept.is_file():
        return load_predictions(kept)[0], ""
    if not path.with_name(f"{path.name}.hea").is_file():
        raise DataError(
            f"Record {path.name!r} is missing in {path.parent.name!r}; run `python -m pipeline data` to fetch it."
        )
    recording = read_path(path, config=config)
    try:
        found = predict_record(recording, classifier, config, kind=kind)
    except SignalError as error:
        return beside_reference(recording, kind, None), str(error)
    save_predictions(kept, [found])
    return found, ""


def beside_reference(recording: Recording, kind: Kind, found: Analysis | None) -> RecordPredictions:
    """Combine analysis and reference; in a refused record (None) all is missed or, at reference beats, unread.

    Parameters
    ----------
    recording : Recording
        A recording with reference beats.
    kind : {"reference", "detected"}
        Whether the analysis is at reference beats or at detected ones.
    found : Analysis or None
        The analysis; None if the recording was refused.
    """
    reference = reference_of(recording)
    unread = reference.sample if kind == "reference" else np.zeros(0, np.int64)
    return RecordPredictions(
        record=recording.name,
        fs=recording.fs,
        n_samples=recording.n_samples,
        reference_sample=reference.sample,
        reference_symbol=reference.symbol,
        sample=found.sample if found else unread,
        p=found.p if found else read_only(np.zeros((unread.size, 5), np.float32)),
        has_p=found.has_p if found else read_only(np.zeros(unread.size, np.bool_)),
    )
