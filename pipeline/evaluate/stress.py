"""How a network bears noise, lost leads and other sampling: the same sampled beats, again and again.

stress.json holds `schema`, `model` {name, title, sha256}, `provenance`, `records`, `caps` (beats of a class that are
read of each record), `beats` (read per condition) and `conditions`: [{name, title, noise, snr_db, fs, records, beats,
overall {measure: estimate}, without_232 {measure: estimate} or null, unclassified}]. A sampled beat stands for the
others of its class and record: counts are weighted by how many it stands for, so that the scores estimate those of all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from models import registry
from pipeline.analysis import BeatClassifier, classify, prepare
from pipeline.config import DEFAULT, Config
from pipeline.datasets.splits import DS2
from pipeline.domain import FloatArray, IntArray, Recording, read_only
from pipeline.errors import SignalError
from pipeline.evaluate import bootstrap, metrics
from pipeline.evaluate.metrics import Scores
from pipeline.evaluate.noise import NOISES, add_noise, read_noise
from pipeline.evaluate.predict import Progress, code_id, reference_of
from pipeline.evaluate.report import S_RECORD, plain
from pipeline.evaluate.run import (
    RUNS,
    Provenance,
    current_commit,
    database_folder,
    identity,
    load_described,
    now,
    write_json,
)
from pipeline.evaluate.saved import STRESS_SCHEMA, Json
from pipeline.intake import read_path
from pipeline.labels import AAMI_CLASSES, aami_class
from pipeline.signal.leads import choose_leads

SNRS_DB: Final = (24.0, 18.0, 12.0, 6.0, 0.0)
RATES_HZ: Final = (128.0, 250.0, 500.0, 1000.0)
CAPS: Final = {"N": 40, "S": 30, "V": 30, "F": 20, "Q": 5}  # more tell little: patients decide the intervals
SHOWN: Final = (
    *("accuracy", "macro_f1", "N_f1", "S_f1", "V_f1", "F_f1", "sveb_f1", "veb_f1"),
    *("binary_se", "binary_sp", "binary_balanced_accuracy"),
)
ELSEWHERE: Final = "svdb"


@dataclass(frozen=True)
class Condition:
    """A noise at a ratio, only the first (0) or second (1) of the leads, or another sampling frequency `fs` (Hz)."""

    name: str
    title: str
    noise: str = ""
    snr_db: float | None = None
    only_lead: int | None = None
    fs: float | None = None


@dataclass(frozen=True, eq=False)
class Sampled:
    """Sampled beats of a record under one condition; `matrix` (6, 6), `flags` (4,) and `unclassified` are weighted."""

    record: str
    matrix: NDArray[np.float64]
    flags: NDArray[np.float64]
    unclassified: float
    beats: int


def conditions() -> tuple[Condition, ...]:
    """Clean, one lead alone, what slower and faster recorders would have kept, and each noise from mild to strong."""
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
    progress: Progress = lambda fraction, sentence: None,
) -> Path:
    """Score the network called `name` on sampled beats of DS2 under every condition; write and return its stress.json.

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
    model: Mapping[str, Any],
    data_dir: Path,
    output: Path,
    *,
    config: Config = DEFAULT,
    records: Sequence[str] = DS2,
    caps: Mapping[str, int] = CAPS,
    cache: Path = RUNS,
    resamples: int = bootstrap.RESAMPLES,
    progress: Progress = lambda fraction, sentence: None,
) -> Path:
    """`stress` with a network at hand; resumes from `cache`. Records of svdb that did not teach it are read as well."""
    noises = {name: read_noise(data_dir / "nstdb", name) for name in NOISES}
    kept = cache / f"{classifier.name}-{classifier.version}-{code_id(config, model, 'reference')}" / _code_id(caps)

    def read(path: Path, condition: Condition) -> Sampled:
        file = kept / f"{path.name}-{condition.name}.npz"
        if not file.is_file():
            recording = _worse(read_path(path, config=config), condition, noises)
            _save(file, sampled(recording, classifier, config, caps=caps, only_lead=condition.only_lead))
        return _load(file, path.name)

    jobs = _jobs(data_dir, records, model)
    content: Json = {
        "schema": STRESS_SCHEMA,
        "model": identity(model),
        "provenance": asdict(_provenance(classifier.name)),
        "records": list(records),
        "caps": dict(caps),
        "beats": 0,
        "conditions": [],
    }
    every, done = sum(len(paths) for _, paths in jobs), 0
    for condition, paths in jobs:
        found = []
        for path in paths:
            progress(done / every, f"Record {path.name}: {condition.title}")
            found.append(read(path, condition))
            done += 1
        content["conditions"].append(_scored(condition, found, resamples))
        content["beats"] = content["conditions"][0]["beats"]
        write_json(output, plain(content))  # what is interrupted has the conditions that were finished
    return output


def _jobs(data_dir: Path, records: Sequence[str], model: Mapping[str, Any]) -> list[tuple[Condition, list[Path]]]:
    """Each condition and the recordings that are read under it; svdb, if it is there, comes second."""
    folder = database_folder(data_dir)
    own = [folder / record for record in records]
    seen = {*(model.get("train_records") or ()), *(model.get("validation_records") or ())}
    others = [file.with_suffix("") for file in sorted((data_dir / ELSEWHERE).glob("*.hea")) if file.stem not in seen]
    clean, *worse = ((condition, own) for condition in conditions())
    elsewhere = Condition(ELSEWHERE, f"Another database, as recorded: {ELSEWHERE}")
    return [clean, *([(elsewhere, others)] if others else []), *worse]


def sampled(
    recording: Recording,
    classifier: BeatClassifier,
    config: Config = DEFAULT,
    *,
    caps: Mapping[str, int] = CAPS,
    only_lead: int | None = None,
) -> Sampled:
    """Read a sample of a recording's reference beats, at most `caps` of a class, amid all its beats.

    The same beats are drawn whatever was done to the signal. A recording that is refused has all of them unread.

    Raises
    ------
    DataError
        If it has no reference beats.
    """
    reference = reference_of(recording)
    truth = np.array([AAMI_CLASSES.index(aami_class(symbol) or "Q") for symbol in reference.symbol])
    chosen, weight = draw(truth, [caps[name] for name in AAMI_CLASSES], seed=_seed(recording.name))
    p, has_p, refused = _read(recording, reference.sample, chosen, classifier, config, only_lead)
    predicted = np.where(has_p, p.argmax(axis=1), metrics.Q)
    matrix = np.bincount(truth[chosen] * 6 + predicted, weight, minlength=36).reshape(6, 6).astype(np.float64)
    flagged = has_p & (1 - p[:, metrics.N] >= classifier.threshold)
    flags = _flags(truth[chosen], flagged, weight)
    return Sampled(recording.name, matrix, flags, float(weight @ refused), chosen.size)


def draw(truth: NDArray[np.int64], caps: Sequence[int], *, seed: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """At most `caps[k]` indices of each class k, sorted, and how many beats each stands for."""
    rng = np.random.default_rng(seed)
    parts, weights = [], []
    for label, cap in enumerate(caps):
        every = np.flatnonzero(truth == label)
        part = rng.permutation(every)[:cap]
        parts.append(part)
        weights.append(np.full(part.size, every.size / max(part.size, 1)))
    index, weight = np.concatenate(parts), np.concatenate(weights)
    order = np.argsort(index)
    return index[order], weight[order]


def _read(
    recording: Recording,
    samples: IntArray,
    chosen: IntArray,
    classifier: BeatClassifier,
    config: Config,
    only_lead: int | None,
) -> tuple[FloatArray, NDArray[np.bool_], NDArray[np.bool_]]:
    """Probabilities of the chosen beats, whether they were read, and whether they stay unclassified."""
    leads = choose_leads(recording.leads)
    use = leads if only_lead is None else leads[only_lead : only_lead + 1] or leads
    try:
        prepared = prepare(recording, config, leads=use, samples=samples)
    except SignalError:
        n = chosen.size
        return np.zeros((n, 5), np.float32), np.zeros(n, np.bool_), np.ones(n, np.bool_)
    aside = np.ones(samples.size, np.bool_)
    aside[chosen] = False
    reason = tuple("not sampled" if a else r for a, r in zip(aside, prepared.beats.reason, strict=True))
    found = classify(replace(prepared, beats=replace(prepared.beats, reason=reason)), classifier, config)
    return found.p[chosen], found.has_p[chosen], np.array([found.status[i] == "unclassified" for i in chosen])


def _worse(recording: Recording, condition: Condition, noises: Mapping[str, Recording]) -> Recording:
    if condition.fs is not None:
        return at_rate(recording, condition.fs)
    if condition.snr_db is None:
        return recording
    return add_noise(recording, noises[condition.noise], condition.snr_db, reference_of(recording).sample)


def at_rate(recording: Recording, fs: float) -> Recording:
    """The recording as if it had been sampled at `fs` (Hz), gaps and reference beats at their times."""
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


def _flags(truth: IntArray, flagged: NDArray[np.bool_], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    abnormal, normal = np.isin(truth, (metrics.S, metrics.V, metrics.F)), truth == metrics.N
    cells = (abnormal & flagged, abnormal & ~flagged, normal & flagged, normal & ~flagged)
    return np.array([weight @ cell for cell in cells])


def _scored(condition: Condition, found: Sequence[Sampled], resamples: int) -> Json:
    others = [item for item in found if item.record != S_RECORD]
    beats = sum(float(item.matrix.sum()) for item in found)
    return {
        "name": condition.name,
        "title": condition.title,
        "noise": condition.noise,
        "snr_db": condition.snr_db,
        "fs": condition.fs,
        "records": len(found),
        "beats": sum(item.beats for item in found),
        "overall": _estimates(found, resamples),
        "without_232": _estimates(others, resamples) if 0 < len(others) < len(found) else None,
        "unclassified": sum(item.unclassified for item in found) / beats,
    }


def _estimates(found: Sequence[Sampled], resamples: int) -> Json:
    matrices, flags = np.stack([item.matrix for item in found]), np.stack([item.flags for item in found])
    weights = bootstrap.patient_weights([item.record for item in found], resamples=resamples)
    value = _scores(matrices.sum(axis=0), flags.sum(axis=0))
    drawn = _scores(bootstrap.resample(matrices, weights), bootstrap.resample(flags, weights))
    around = bootstrap.intervals({name: drawn[name] for name in SHOWN})
    return {n: {"value": float(value[n]), "low": around[n][0], "high": around[n][1]} for n in SHOWN}


def _scores(matrix: NDArray[np.float64], flags: NDArray[np.float64]) -> Scores:
    return metrics.all_scores(matrix) | metrics.binary_scores(flags)


def _code_id(caps: Mapping[str, int]) -> str:
    """Hash of what a sample depends on besides the network and the recording."""
    code = (Path(__file__), Path(__file__).with_name("noise.py"))
    digest = hashlib.sha256(repr(sorted(caps.items())).encode() + b"".join(part.read_bytes() for part in code))
    return f"stress-{digest.hexdigest()[:12]}"


def _save(file: Path, found: Sampled) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part.npz")
    np.savez(part, matrix=found.matrix, flags=found.flags, counts=[found.unclassified, found.beats])
    part.replace(file)


def _load(file: Path, record: str) -> Sampled:
    with np.load(file, allow_pickle=False) as arrays:
        unclassified, beats = arrays["counts"]
        return Sampled(record, arrays["matrix"], arrays["flags"], float(unclassified), int(beats))


def _seed(record: str) -> int:
    return int.from_bytes(record.encode()[-4:], "big")


def _provenance(name: str) -> Provenance:
    data = "MIT-BIH Arrhythmia (DS2), Noise Stress Test and Supraventricular Arrhythmia Databases 1.0.0"
    return Provenance(f"python -m pipeline evaluate --model {name} --stress", current_commit(), data, now())
