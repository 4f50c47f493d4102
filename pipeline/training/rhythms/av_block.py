"""Training of `av_block`, which tells whether P waves in an interval between beats are not conducted.

No record of DS1 has atrioventricular block. It is made from the P waves and QRS complexes of DS1's and half of svdb's
beats, with the first half of the noise records and without; slow rhythms without block are made in the same way. The
same records as recorded show what is no block. DS2, with record 231, and the other half of svdb are for testing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly
from sklearn.ensemble import HistGradientBoostingClassifier

from models.boosted_trees import BoostedTrees, from_scikit_learn
from models.detectors import WEIGHTS, write_detector
from pipeline._util.progress import Progress, no_progress
from pipeline._util.provenance import current_commit
from pipeline.config import DEFAULT, data_root
from pipeline.datasets.splits import DS1, training_half
from pipeline.intake import read_path
from pipeline.labels import aami_class
from pipeline.rhythm.blocks import NAME, NONE, SECOND, THIRD, worth_asking
from pipeline.rhythm.conduction_measures import MEASURES, conduction_measures
from pipeline.rhythm.context import RhythmContext
from pipeline.signal.conditioning import condition
from pipeline.signal.leads import choose_leads
from pipeline.signal.nearest import NO_BEAT, nearest
from pipeline.signal.p_waves import find_p_waves
from pipeline.signal.r_peaks import detect_r_peaks
from pipeline.synthesis.conduction import BLOCKS, DECOYS, Made, made
from pipeline.synthesis.noise import NoiseKind, add_noise, half_of, read_noise
from pipeline.synthesis.rhythms import simulate
from pipeline.training.rhythms.folds import write_folds
from pipeline.types import FloatArray, IntArray, Recording, read_only

SEED: Final = 0
FOLDS: Final = 4
MATCH_S: Final = 0.15
VERSIONS: Final = 2  # made of each record and kind, the first without noise
MADE_S: Final = 180.0  # duration of each
AF_BEATS: Final = 250  # of the atrial fibrillation that is made of each record of DS1
NOISES: Final[tuple[NoiseKind, ...]] = ("em", "ma", "bw")
SNR_DB: Final = (24.0, 18.0, 12.0, 6.0)
EDGE_S: Final = 2.5  # around the start and the end of an episode nothing is trained on
CLASSES: Final = {"Wenckebach": SECOND, "2:1": SECOND, "high degree": SECOND, "complete": THIRD}
TREES: Final = {
    "max_iter": 250,
    "max_depth": 5,
    "learning_rate": 0.06,
    "l2_regularization": 20.0,
    "min_samples_leaf": 150,
    "max_features": 0.3,
    "random_state": SEED,
}


@dataclass(frozen=True, eq=False)
class Intervals:
    """Intervals of one recording: measures (n, k) and class (n,)."""

    measures: FloatArray
    label: IntArray


def run(data_dir: Path | None = None, output_dir: Path | None = None, *, progress: Progress = no_progress) -> Path:
    """Train the detector and write it.

    Parameters
    ----------
    data_dir : Path, optional
        Folder of the databases; the configured one by default.
    output_dir : Path, optional
        Where to write the weights; models/weights by default.
    progress : callable, optional
        Called with a fraction in 0..1 and a sentence.

    Returns
    -------
    Path
        The folder of the detector.
    """
    root, started = data_dir or data_root(), time.monotonic()
    records = training_records(root)
    parts: dict[str, list[Intervals]] = {}
    for number, record in enumerate(records):
        progress(0.8 * number / len(records), f"Measuring record {record}")
        parts[record] = list(_intervals_of(root, record))
    progress(0.8, "Fitting the trees")
    said: dict[str, Any] = {
        "title": "Atrioventricular block",
        "classes": ("none", "second degree", "complete"),
        "measures": MEASURES,
        "facts": _facts(records, (time.monotonic() - started) / 60),
    }
    fold_of = {record: number % FOLDS for number, record in enumerate(records)}
    without = {number: _fitted([parts[r] for r in records if fold_of[r] != number]) for number in range(FOLDS)}
    write_folds(NAME, without, fold_of, **said)
    return write_detector(NAME, _fitted(list(parts.values())), folder=output_dir or WEIGHTS, **said)


def _fitted(parts: Sequence[Sequence[Intervals]]) -> BoostedTrees:
    """Train on the intervals of records."""
    measures = np.concatenate([part.measures for record in parts for part in record])
    label = np.concatenate([part.label for record in parts for part in record])
    return from_scikit_learn(HistGradientBoostingClassifier(**TREES).fit(measures, label))


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


def _intervals_of(root: Path, record: str) -> Iterator[Intervals]:
    """Yield the intervals of a record as recorded, and of what is made of it."""
    recording = read_path(root / f"{record}.hea")
    measures = interval_measures(context_of(recording))
    yield _asked(measures, np.full(len(measures), NONE))
    if record.startswith("mitdb"):
        rng = np.random.default_rng([SEED, int(recording.name)])
        if (fibrillating := simulate(recording, "fibrillation", AF_BEATS, rng)) is not None:
            measures = interval_measures(context_of(fibrillating))
            yield _asked(measures, np.full(len(measures), NONE))
    for one in made_recordings(root, recording, half=0, versions=VERSIONS):
        context = context_of(one.recording)
        label, certain = labels(one, context.time_s)
        measures = interval_measures(context)
        yield _asked(measures[certain], label[certain])


def _asked(measures: FloatArray, label: IntArray) -> Intervals:
    asked = worth_asking(measures)
    return Intervals(measures[asked], label[asked])


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
    whole = _at_rate(read_noise(root / "nstdb", name), recording.fs)
    part = half_of(whole, 1 if half else 0)
    shifted = replace(part, p_signal=read_only(np.roll(part.p_signal, int(rng.integers(part.n_samples)), axis=0)))
    noisy = add_noise(recording, shifted, snr_db, recording.reference.sample, measured=whole)
    return replace(one, recording=noisy, noise=f"{snr_db:g} dB")


def _at_rate(noise: Recording, fs: float) -> Recording:
    """Return a noise record at another rate."""
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
