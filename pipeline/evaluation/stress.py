"""How a network bears noise, lost leads and other sampling: the same sampled beats, again and again.

What it gives is a `schema.StressTest`. A sampled beat stands for the others of its class and record: counts are
weighted by how many it stands for, so that the scores estimate those of all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from models import registry
from pipeline._util.files import write_json
from pipeline._util.fingerprint import fingerprint
from pipeline._util.progress import Progress, no_progress
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import rounded, to_json
from pipeline.analysis import BeatClassifier
from pipeline.config import DEFAULT, Config
from pipeline.datasets.catalogue import database_folder
from pipeline.datasets.splits import DS2
from pipeline.evaluation import bootstrap, metrics
from pipeline.evaluation.metrics import Scores
from pipeline.evaluation.predict import code_id, reference_of
from pipeline.evaluation.report import S_RECORD
from pipeline.evaluation.run import RUNS, load_described
from pipeline.evaluation.sampling import CAPS, Sampled, load_sampled, sampled, save
from pipeline.evaluation.schema import Estimate, Estimates, EvaluatedModel
from pipeline.evaluation.stress_schema import ShareRight, StressedCondition, StressTest
from pipeline.intake import read_path
from pipeline.synthesis.noise import NOISES, add_noise, half_of, read_noise
from pipeline.types import Recording, read_only

SNRS_DB: Final = (24.0, 18.0, 12.0, 6.0, 0.0)
RATES_HZ: Final = (128.0, 250.0, 500.0, 1000.0)
SHOWN: Final = (
    *("accuracy", "macro_f1", "N_f1", "S_f1", "V_f1", "F_f1", "sveb_f1", "veb_f1"),
    *("binary_se", "binary_sp", "binary_balanced_accuracy"),
)
ELSEWHERE: Final = "svdb"


@dataclass(frozen=True)
class Condition:
    """One condition of the stress test; the fields that are not set change nothing.

    Attributes
    ----------
    name, title : str
        Its key, and its name for readers.
    noise : str
        Record of nstdb whose noise is added; "" for none.
    snr_db : float, optional
        Signal-to-noise ratio, dB.
    only_lead : int, optional
        The first (0) or second (1) lead alone.
    fs : float, optional
        Another sampling frequency, Hz.
    """

    name: str
    title: str
    noise: str = ""
    snr_db: float | None = None
    only_lead: int | None = None
    fs: float | None = None


def conditions() -> tuple[Condition, ...]:
    """Return the conditions: clean, one lead alone, slower and faster recorders, and each noise from mild to strong."""
    alone = (
        Condition("first_lead", "Only the first lead", only_lead=0),
        Condition("second_lead", "Only the second lead", only_lead=1),
    )
    rates = tuple(Condition(f"fs_{fs:g}", f"Sampled at {fs:g} Hz", fs=fs) for fs in RATES_HZ)
    noisy = tuple(
        Condition(f"{noise}_{snr:g}", f"{title}, {snr:g} dB", noise, snr)
        for noise, title in NOISES.items()
        for snr in SNRS_DB
    )
    return (Condition("clean", "As recorded, both leads"), *alone, *rates, *noisy)


def stress(
    name: str,
    data_dir: Path,
    output: Path | None = None,
    *,
    config: Config = DEFAULT,
    weights: Path = registry.WEIGHTS,
    progress: Progress = no_progress,
) -> Path:
    """Score a network on sampled beats of DS2 under every condition, and write its stress.json.

    Parameters
    ----------
    name : str
        Name of the network.
    data_dir : Path
        The folder of the databases.
    output : Path, optional
        The file; beside the weights if None.
    config : Config, optional
        Settings of the pipeline.
    weights : Path, optional
        The folder with the networks' folders.
    progress : Progress, optional
        Called with what is being done, for a progress display.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        If mitdb or nstdb is not in `data_dir`.
    ModelError
        If the network cannot be loaded.
    """
    target = output or weights / name / "stress.json"
    return stress_classifier(*load_described(name, weights), data_dir, target, config=config, progress=progress)


def stress_classifier(
    classifier: BeatClassifier,
    model: EvaluatedModel,
    data_dir: Path,
    output: Path,
    *,
    config: Config = DEFAULT,
    records: Sequence[str] = DS2,
    caps: Mapping[str, int] = CAPS,
    cache: Path = RUNS,
    resamples: int = bootstrap.RESAMPLES,
    progress: Progress = no_progress,
) -> Path:
    """Do what `stress` does, with a network that is already loaded; resumes from `cache`.

    Records of svdb that the network was not trained on are read as well.

    Parameters
    ----------
    classifier : BeatClassifier
        The network.
    model : EvaluatedModel
        What evaluations state about it; see `describe_model`.
    data_dir : Path
        The folder of the databases.
    output : Path
        The file.
    config : Config, optional
        Settings of the pipeline.
    records : sequence of str, optional
        Records of MIT-BIH.
    caps : mapping of str to int, optional
        Most beats per class and record.
    cache : Path, optional
        Folder of stored results.
    resamples : int, optional
        Of the bootstrap over patients.
    progress : Progress, optional
        Called with what is being done, for a progress display.

    Returns
    -------
    Path
        The file.
    """
    noises = {name: read_noise(data_dir / "nstdb", name) for name in NOISES}
    kept = cache / f"{classifier.name}-{classifier.version}-{code_id(config, model, 'reference')}" / _code_id(caps)

    def read(path: Path, condition: Condition) -> Sampled:
        file = kept / f"{path.name}-{condition.name}.npz"
        if not file.is_file():
            recording = worse(read_path(path, config=config), condition, noises)
            save(file, sampled(recording, classifier, config, caps=caps, only_lead=condition.only_lead))
        return load_sampled(file, path.name)

    jobs = _jobs(data_dir, records, model)
    test = StressTest(model.identity, _provenance(classifier.name), tuple(records), caps, 0, ())
    every, done = sum(len(paths) for _, paths in jobs), 0
    for condition, paths in jobs:
        found = []
        for path in paths:
            progress(done / every, f"Record {path.name}: {condition.title}")
            found.append(read(path, condition))
            done += 1
        scored = (*test.conditions, rounded(_scored(condition, found, resamples)))
        test = replace(test, beats=scored[0].beats, conditions=scored)
        write_json(output, to_json(test))  # an interrupted run has the conditions that were finished
    return output


def _jobs(data_dir: Path, records: Sequence[str], model: EvaluatedModel) -> list[tuple[Condition, list[Path]]]:
    """Return each condition and the recordings that are read under it; svdb, if available, comes second."""
    folder = database_folder(data_dir)
    own = [folder / record for record in records]
    seen = {*model.train_records, *model.validation_records}
    others = [file.with_suffix("") for file in sorted((data_dir / ELSEWHERE).glob("*.hea")) if file.stem not in seen]
    clean, *rest = ((condition, own) for condition in conditions())
    elsewhere = Condition(ELSEWHERE, f"Another database, as recorded: {ELSEWHERE}")
    return [clean, *([(elsewhere, others)] if others else []), *rest]


def worse(recording: Recording, condition: Condition, noises: Mapping[str, Recording]) -> Recording:
    """Apply a condition to a recording, except lost leads; the noise is from the halves for testing (`half_of`).

    Parameters
    ----------
    recording : Recording
        The recording.
    condition : Condition
        The condition.
    noises : mapping of str to Recording
        Noise records, by name.
    """
    if condition.fs is not None:
        return at_rate(recording, condition.fs)
    if condition.snr_db is None:
        return recording
    whole, beats = noises[condition.noise], reference_of(recording).sample
    return add_noise(recording, half_of(whole, 1), condition.snr_db, beats, measured=whole)


def at_rate(recording: Recording, fs: float) -> Recording:
    """Return the recording as if sampled at `fs` (Hz), with gaps and reference beats at their times."""
    ratio = Fraction(fs / recording.fs).limit_denominator(1000)
    gaps = np.isnan(recording.p_signal)
    filled = np.where(gaps, np.float32(0), recording.p_signal)
    p_signal = resample_poly(filled, ratio.numerator, ratio.denominator, padtype="line").astype(np.float32)
    p_signal[gaps[np.minimum(np.arange(len(p_signal)) * len(gaps) // len(p_signal), len(gaps) - 1)]] = np.nan
    reference = reference_of(recording)
    sample = np.clip(np.round(reference.sample * (fs / recording.fs)).astype(np.int64), 0, len(p_signal) - 1)
    return replace(
        recording,
        fs=fs,
        p_signal=read_only(p_signal),
        digest=f"{recording.digest}@{fs:g}",
        reference=replace(reference, sample=read_only(sample)),
    )


def _scored(condition: Condition, found: Sequence[Sampled], resamples: int) -> StressedCondition:
    others = [item for item in found if item.record != S_RECORD]
    beats = sum(float(item.matrix.sum()) for item in found)
    return StressedCondition(
        name=condition.name,
        title=condition.title,
        noise=condition.noise,
        snr_db=condition.snr_db,
        fs=condition.fs,
        records=len(found),
        beats=sum(item.beats for item in found),
        overall=_estimates(found, resamples),
        without_232=_estimates(others, resamples) if 0 < len(others) < len(found) else None,
        unclassified=sum(item.unclassified for item in found) / beats,
        classified=_right(np.sum([item.classified for item in found], axis=0), beats),
        gated=_right(np.sum([item.gated for item in found], axis=0), beats),
    )


def _right(counts: NDArray[np.float64], beats: float) -> ShareRight:
    """Return the share of all beats that these are, and the share of these that is right."""
    number, right = counts.tolist()
    return ShareRight(number / beats, right / number if number else None)


def _estimates(found: Sequence[Sampled], resamples: int) -> Estimates:
    matrices, flags = np.stack([item.matrix for item in found]), np.stack([item.flags for item in found])
    weights = bootstrap.patient_weights([item.record for item in found], resamples=resamples)
    value = _scores(matrices.sum(axis=0), flags.sum(axis=0))
    drawn = _scores(bootstrap.resample(matrices, weights), bootstrap.resample(flags, weights))
    around = bootstrap.intervals({name: drawn[name] for name in SHOWN})
    return {name: Estimate(float(value[name]), *around[name]) for name in SHOWN}


def _scores(matrix: NDArray[np.float64], flags: NDArray[np.float64]) -> Scores:
    return metrics.all_scores(matrix) | metrics.binary_scores(flags)


def _code_id(caps: Mapping[str, int]) -> str:
    """Return a fingerprint of what a sample depends on besides the network and the recording."""
    code = ("pipeline.evaluation.stress", "pipeline.evaluation.sampling", "pipeline.synthesis.noise")
    return f"stress-{fingerprint(*code, facts=dict(caps))}"


def _provenance(name: str) -> Provenance:
    data = "MIT-BIH Arrhythmia (DS2), Noise Stress Test and Supraventricular Arrhythmia Databases 1.0.0"
    return Provenance(f"python -m pipeline evaluate --model {name} --stress", current_commit(), data, now())
