"""Training of `av_block`, which tells whether P waves in an interval between beats are not conducted.

No record of DS1 has atrioventricular block. It is made from the P waves and QRS complexes of DS1's and half of svdb's
beats, with the first half of the noise records and without; slow rhythms without block are made in the same way. The
same records as recorded show what is no block. DS2, with record 231, and the other half of svdb are for testing.
Each record is held out once: what the others' detector finds in it calibrates the confidence of episodes.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly
from scipy.special import logit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from models.boosted_trees import BoostedTrees, from_scikit_learn
from models.detectors import WEIGHTS, write_detector
from models.softmax import softmax
from pipeline._util.files import write_json
from pipeline._util.progress import Progress, no_progress
from pipeline._util.provenance import current_commit
from pipeline.config import DEFAULT, ROOT, data_root
from pipeline.datasets.splits import DS1, training_half
from pipeline.intake import read_path
from pipeline.labels import aami_class
from pipeline.rhythm.blocks import LEAST_P, NAME, NONE, SECOND, THIRD, block_episodes
from pipeline.rhythm.conduction_measures import MEASURES, conduction_measures, worth_asking
from pipeline.rhythm.context import RhythmContext
from pipeline.signal.conditioning import condition
from pipeline.signal.leads import choose_leads
from pipeline.signal.nearest import NO_BEAT, nearest
from pipeline.signal.p_waves import find_p_waves
from pipeline.signal.r_peaks import detect_r_peaks
from pipeline.synthesis.conduction import BLOCKS, CODES, DECOYS, Made, made
from pipeline.synthesis.noise import NoiseKind, add_noise, half_of, read_noise
from pipeline.synthesis.rhythms import simulate
from pipeline.training.rhythms.folds import write_folds
from pipeline.types import Episode, FloatArray, IntArray, Recording, RhythmCode, read_only

SEED: Final = 0
FOLDS: Final = 4
MATCH_S: Final = 0.15
VERSIONS: Final = 5  # made of each record and kind, the first without noise
EVERY: Final = 2  # of the made intervals is trained on: neighbours look at the same beats
RECORDED_WEIGHT: Final = 4.0  # of intervals as recorded, 1 for made ones
MADE_S: Final = 180.0  # duration of each
AF_BEATS: Final = 250  # of the atrial fibrillation that is made of each record of DS1
NOISES: Final[tuple[NoiseKind, ...]] = ("em", "ma", "bw")
SNR_DB: Final = (24.0, 18.0, 12.0, 6.0)
EDGE_S: Final = 2.5  # around the start and the end of an episode nothing is trained on
CLASSES: Final = {"Wenckebach": SECOND, "2:1": SECOND, "high degree": SECOND, "complete": THIRD}
TREES: Final = {
    "max_iter": 100,
    "max_leaf_nodes": 20,
    "learning_rate": 0.1,
    "l2_regularization": 20.0,
    "min_samples_leaf": 150,
    "max_features": 0.25,
    "early_stopping": False,
    "random_state": SEED,
}
SCORES: Final = ROOT / "docs" / "experiments" / "av_block.json"


@dataclass(frozen=True, eq=False)
class Measured:
    """One recording for training.

    Attributes
    ----------
    made : Made or None
        How it was made, without its signal; None for a record as it is.
    duration_s : float
        Its duration.
    time_s : (n,) float64
        R peaks, seconds.
    measures : (n, k) float32
        Measures of the intervals before them.
    label : (n,) int64
        Classes of these intervals.
    used : (n,) bool
        Which of them are trained on.
    """

    made: Made | None
    duration_s: float
    time_s: NDArray[np.float64]
    measures: FloatArray
    label: IntArray
    used: NDArray[np.bool_]


def run(data_dir: Path | None = None, output_dir: Path | None = None, *, progress: Progress = no_progress) -> Path:
    """Train the detector, score it on each record held out, and write both.

    Parameters
    ----------
    data_dir : Path, optional
        Folder of the databases; the configured one by default.
    output_dir : Path, optional
        Where to write the weights and the scores; models/weights and docs/experiments by default.
    progress : callable, optional
        Called with a fraction in 0..1 and a sentence.

    Returns
    -------
    Path
        The folder of the detector.
    """
    root, started = data_dir or data_root(), time.monotonic()
    records = training_records(root)
    parts: dict[str, list[Measured]] = {}
    for number, record in enumerate(records):
        progress(0.6 * number / len(records), f"Measuring record {record}")
        parts[record] = list(_measured(root, record))
    progress(0.6, "Fitting the trees")
    said: dict[str, Any] = {
        "title": "Atrioventricular block",
        "classes": ("none", "second degree", "complete"),
        "measures": MEASURES,
        "facts": _facts(records, (time.monotonic() - started) / 60),
    }
    fold_of = {record: number % FOLDS for number, record in enumerate(records)}
    without = {number: _fitted([parts[r] for r in records if fold_of[r] != number]) for number in range(FOLDS)}
    write_folds(NAME, without, fold_of, **said)
    held_out = [
        (one, _episodes_in(one, without[number])) for record, number in fold_of.items() for one in parts[record]
    ]
    write_json((output_dir or SCORES.parent) / SCORES.name, held_out_scores(held_out))
    progress(0.9, "Fitting the trees to all records")
    return write_detector(NAME, _fitted(list(parts.values())), folder=output_dir or WEIGHTS, **said)


def _fitted(parts: Sequence[Sequence[Measured]]) -> BoostedTrees:
    """Train on the intervals of records."""
    known = [one for record in parts for one in record]
    weight = [np.full(one.used.sum(), 1.0 if one.made else RECORDED_WEIGHT) for one in known]
    return from_scikit_learn(
        HistGradientBoostingClassifier(**TREES).fit(
            np.concatenate([one.measures[one.used] for one in known]),
            np.concatenate([one.label[one.used] for one in known]),
            sample_weight=np.concatenate(weight),
        )
    )


def _episodes_in(one: Measured, trees: BoostedTrees) -> list[Episode]:
    """Return the block that trees find in a recording."""
    p = np.zeros((len(one.measures), 3), np.float32)
    p[:, NONE] = 1
    asked = worth_asking(one.measures)
    if asked.any():
        p[asked] = softmax(trees(one.measures[asked]), dtype=np.float32)
    return block_episodes(one.time_s, one.measures, p, calibration=(1.0, 0.0))


def held_out_scores(held_out: Sequence[tuple[Measured, Sequence[Episode]]]) -> dict[str, Any]:
    """Score what was found in recordings of held-out patients.

    Parameters
    ----------
    held_out : sequence of (Measured, sequence of Episode)
        The recordings, and the second-degree and complete block found in each.

    Returns
    -------
    dict
        Episodes of made block by kind and by noise, and the share that is named for at least half of its time; false
        episodes in recordings without block; slope and intercept that turn the log odds of an episode's confidence
        into those of its being block.
    """
    kinds: dict[str, list[bool]] = {}
    noises: dict[str, list[bool]] = {}
    false: dict[str, list[float]] = {}
    confidence, right = list[float](), list[bool]()
    for one, found in held_out:
        spans = one.made.episodes if one.made and CODES.get(one.made.kind) in BLOCKED else ()
        if not spans:
            count = false.setdefault(one.made.kind if one.made else "as recorded", [0.0, 0.0])
            count[0] += len(found)
            count[1] += one.duration_s / 3600
        for start_s, stop_s in spans:
            assert one.made is not None
            named = sum(_shared(each, start_s, stop_s) for each in found) >= (stop_s - start_s) / 2
            noises.setdefault(one.made.noise or "none", []).append(named)
            if one.made.noise:
                kinds.setdefault(one.made.kind, []).append(named)
        if one.made:
            confidence += [each.confidence for each in found]
            right += [sum(_shared(each, *span) for span in spans) >= each.seconds / 2 for each in found]
    return {
        "with noise": {kind: _found(named) for kind, named in kinds.items()},
        "by noise": {noise: _found(named) for noise, named in noises.items()},
        "without block": {
            name: {"hours": round(hours, 2), "episodes in 24 h": round(24 * count / max(hours, 1e-9), 2)}
            for name, (count, hours) in false.items()
        },
        "confidence": _calibration(confidence, right),
    }


BLOCKED: Final[tuple[RhythmCode, ...]] = ("BII", "BIII")


def _shared(episode: Episode, start_s: float, stop_s: float) -> float:
    return max(0.0, min(episode.stop_s, stop_s) - max(episode.start_s, start_s))


def _found(named: Sequence[bool]) -> dict[str, float]:
    return {"episodes": len(named), "found": round(float(np.mean(named)), 4)}


def _calibration(confidence: Sequence[float], right: Sequence[bool]) -> dict[str, float]:
    """Return slope and intercept of the logistic regression; they change nothing where all episodes are of a kind."""
    slope, intercept = 1.0, 0.0
    if len(set(right)) == 2:
        odds = logit(np.clip(confidence, LEAST_P, 1 - LEAST_P))
        fit = LogisticRegression(C=100.0).fit(odds[:, None], right)
        slope, intercept = float(fit.coef_[0, 0]), float(fit.intercept_[0])
    share = round(float(np.mean(right)), 4) if right else 0.0
    return {"episodes": len(right), "right": share, "slope": round(slope, 3), "intercept": round(intercept, 3)}


def training_records(root: Path) -> list[str]:
    """Return the records that the detector is trained on, DATABASE/RECORD."""
    others = training_half(path.stem for path in (root / "svdb").glob("*.hea"))
    return [*(f"mitdb/{record}" for record in DS1), *(f"svdb/{record}" for record in others)]


def _facts(records: list[str], minutes: float) -> dict[str, Any]:
    return {
        "temperature": 1.0,
        "bias": (0.0, 0.0, 0.0),
        "trained_on": "DS1 and half of svdb, and blocks and slow rhythms made of their beats, with and without noise",
        "train_records": tuple(records),
        "commit": current_commit(),
        "command": f"python -m pipeline train --model {NAME}",
        "seed": SEED,
        "training_minutes": round(minutes, 2),
    }


def _measured(root: Path, record: str) -> Iterator[Measured]:
    """Yield a record as it is, and what is made of it."""
    recording = read_path(root / f"{record}.hea")
    yield _of(recording, None)
    if record.startswith("mitdb"):
        rng = np.random.default_rng([SEED, int(recording.name)])
        if (fibrillating := simulate(recording, "fibrillation", AF_BEATS, rng)) is not None:
            yield _of(fibrillating, Made(fibrillating, "fibrillation", ()))
    for one in made_recordings(root, recording, half=0, versions=VERSIONS):
        yield _of(one.recording, one)


def _of(recording: Recording, one: Made | None) -> Measured:
    context = context_of(recording)
    measures = interval_measures(context)
    label, certain = np.full(len(context), NONE), np.ones(len(context), np.bool_)
    if one is not None:
        label, certain = labels(one, context.time_s)
        one = replace(one, recording=replace(recording, p_signal=recording.p_signal[:1]))
        certain[np.arange(len(context)) % EVERY != 0] = False
    used = certain & worth_asking(measures)
    return Measured(one, recording.duration_s, context.time_s, measures, label, used)


def made_recordings(root: Path, recording: Recording, *, half: int, versions: int, clean: int = 1) -> Iterator[Made]:
    """Yield recordings of every kind, made from the beats of a recording, the noisy ones at `SNR_DB` in turn.

    Parameters
    ----------
    root : Path
        Folder of the databases: noise is read there.
    recording : Recording
        A recording with reference beats.
    half : int
        Which half of the noise records is used: 0 for training, 1 for testing.
    versions : int
        How many of each kind.
    clean : int, optional
        So many of them have no added noise.
    """
    for kind_number, kind in enumerate((*BLOCKS, *DECOYS)):
        for version in range(versions):
            rng = np.random.default_rng([SEED, int(recording.name), kind_number, version, half])
            one = made(recording, kind, rng, seconds=MADE_S)
            if one is None:
                return
            snr_db = SNR_DB[(version - clean + kind_number + int(recording.name)) % len(SNR_DB)]
            yield one if version < clean else _noisy(root, one, snr_db, half, rng)


def _noisy(root: Path, one: Made, snr_db: float, half: int, rng: np.random.Generator) -> Made:
    recording, name = one.recording, NOISES[int(rng.integers(len(NOISES)))]
    assert recording.reference is not None
    whole = _noise(root, name, recording.fs)
    part = half_of(whole, 1 if half else 0)
    shifted = replace(part, p_signal=read_only(np.roll(part.p_signal, int(rng.integers(part.n_samples)), axis=0)))
    noisy = add_noise(recording, shifted, snr_db, recording.reference.sample, measured=whole)
    return replace(one, recording=noisy, noise=f"{snr_db:g} dB")


@cache
def _noise(root: Path, name: NoiseKind, fs: float) -> Recording:
    """Return a noise record at another rate."""
    noise = read_noise(root / "nstdb", name)
    if noise.fs == fs:
        return noise
    ratio = Fraction(fs / noise.fs).limit_denominator(1000)
    p_signal = resample_poly(noise.p_signal, ratio.numerator, ratio.denominator, axis=0).astype(np.float32)
    return replace(noise, fs=fs, p_signal=read_only(p_signal))


def labels(one: Made, time_s: NDArray[np.float64]) -> tuple[IntArray, NDArray[np.bool_]]:
    """Return the class of the interval before each beat (n,), and whether it is certain (n,).

    Parameters
    ----------
    one : Made
        The made recording.
    time_s : (n,) float64
        Its detected R peaks, seconds.
    """
    label, certain = np.full(time_s.size, NONE), np.ones(time_s.size, np.bool_)
    for start_s, stop_s in one.episodes:
        label[(time_s > start_s) & (time_s < stop_s)] = CLASSES.get(one.kind, NONE)
        certain &= (np.abs(time_s - start_s) > EDGE_S) & (np.abs(time_s - stop_s) > EDGE_S)
    return label, certain


def interval_measures(context: RhythmContext) -> FloatArray:
    """Return the measures (n, len(MEASURES)) of a recording's intervals."""
    assert context.conditioned is not None
    return conduction_measures(context, find_p_waves(context.conditioned, context.time_s))


def context_of(recording: Recording, *, usual: str = "Q") -> RhythmContext:
    """Return the detected beats of a recording with the classes of its reference.

    Parameters
    ----------
    recording : Recording
        A recording with a reference, which may be empty.
    usual : str, optional
        Class of a beat that the reference lacks.
    """
    assert recording.reference is not None
    leads = choose_leads(recording.leads, None)
    conditioned = condition(recording, leads, DEFAULT.signal)
    time_s = detect_r_peaks(conditioned, DEFAULT.signal) / conditioned.fs
    n = time_s.size
    symbol = np.full(n, usual, "U1")
    if n and recording.reference.sample.size:
        partner = nearest(recording.reference.sample, np.round(time_s * recording.fs), within=MATCH_S * recording.fs)
        found = partner != NO_BEAT
        known = np.array([aami_class(one) or "Q" for one in recording.reference.symbol])
        symbol[found] = known[partner[found]]
    return RhythmContext(
        duration_s=recording.duration_s,
        time_s=time_s,
        symbol=symbol,
        trusted=symbol != "Q",
        confidence=np.ones(n, np.float32),
        break_before=np.arange(n) == 0,
        recording=recording,
        conditioned=conditioned,
        leads=leads,
    )
