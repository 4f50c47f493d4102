"""Training of `waveform`, which tells second by second whether the ventricles beat on their own and fast.

Each record of vfdb is left out in turn, with a twelfth of the others, and scored by a detector that never saw it; the
shipped detector is trained on all of them. DS2 and half of svdb are never trained on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from models.boosted_trees import BoostedTrees, from_scikit_learn
from models.detectors import WEIGHTS, write_detector
from pipeline._util.files import write_json
from pipeline._util.progress import Progress, no_progress
from pipeline.config import DEFAULT, ROOT, data_root
from pipeline.rhythm.brief_waves import brief_waves
from pipeline.rhythm.usual_beats import KnownBeats
from pipeline.rhythm.ventricular import CLASSES, NAME, NEEDED, VentricularSeconds, confirmed_states, seconds_of
from pipeline.rhythm.waveform_measures import MEASURES, measured, per_second
from pipeline.signal.conditioning import Conditioned
from pipeline.signal.r_peaks import detect_r_peaks
from pipeline.signal.standing_out import standing_out
from pipeline.training.rhythms.facts import training_facts
from pipeline.training.rhythms.folds import write_folds
from pipeline.training.rhythms.waveform_examples import (
    FLUTTER,
    NOISE,
    OTHER,
    TACHYCARDIA,
    Examples,
    WaveformRecord,
    as_recorded,
    changed,
    read_record,
    training_noise,
    training_records,
)
from pipeline.training.rhythms.waveform_scores import as_table, scores
from pipeline.types import FloatArray

SEED: Final = 0
FOLDS: Final = 12
SHARES: Final = {"vfdb": 0.4, "mitdb": 1 / 16, "svdb": 1 / 16}  # of the seconds of other rhythms that are trained on
EXCERPTS: Final = {"vfdb": 100, "mitdb": 16, "svdb": 16}  # changed, of each record
EXCERPT_SHARE: Final = 0.25  # of the seconds of an excerpt
NOISE_WEIGHT: Final = 0.3  # annotated loosely: much of it can be read
BALANCE: Final = 0.5  # power of the rarity of a class that weights it
TREES: Final = {
    "max_iter": 80,
    "learning_rate": 0.12,
    "max_leaf_nodes": 12,
    "l2_regularization": 10.0,
    "min_samples_leaf": 60,
    "max_bins": 63,
    "max_features": 0.15,
    "early_stopping": False,
    "random_state": SEED,
}
TRAINED_ON: Final = "vfdb, DS1 and the paced records of mitdb, half of svdb; also changed: noise, spikes, speed"
RESULTS: Final = ROOT / "docs" / "experiments"
START, END = "<!-- waveform:start -->\n", "<!-- waveform:end -->"


LogOdds = Callable[[FloatArray], NDArray[np.floating[Any]]]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """A record that the detector was not trained on.

    Attributes
    ----------
    label : (n_seconds,) int8
        As in `WaveformRecord`.
    odds : (n_seconds,) float32
        The detector's log odds of a ventricular rhythm, not calibrated.
    of_leads : (n_leads, n_seconds, k) float32
        `per_second`.
    known : KnownBeats
        Its signal, and the beats that are detected in it.
    asked : callable
        The detector: gives the log odds (m,) of measures (m, n_measures), not calibrated.
    """

    label: NDArray[np.int8]
    odds: FloatArray
    of_leads: FloatArray
    known: KnownBeats
    asked: LogOdds


def run(data_dir: Path | None = None, output_dir: Path | None = None, *, progress: Progress = no_progress) -> Path:
    """Train the detector, score it record by record on detectors that never saw the record, and write both.

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
    names, examples = training_records(root), {}
    noise = training_noise(root)
    for number, name in enumerate(names):
        progress(0.2 * number / len(names), f"Measuring {name}")
        examples[name] = _examples(read_record(root, name), number, noise)
    fold = folds(names, root)
    held_out: dict[str, HeldOut] = {}
    without: dict[int, BoostedTrees] = {}
    for number in range(FOLDS):
        progress(0.2 + 0.7 * number / FOLDS, f"Leaving out part {number + 1} of {FOLDS}")
        without[number] = trees = from_scikit_learn(_fitted([examples[n] for n in names if fold[n] != number]))
        held_out |= {name: _held_out(read_record(root, name), trees) for name in fold if fold[name] == number}
    slope, bias = calibration(held_out.values())
    progress(0.9, "Training on all records")
    trees = from_scikit_learn(_fitted(list(examples.values())))
    write_scores(held_out_scores(held_out, slope, bias), output_dir or RESULTS)
    said: dict[str, Any] = {
        "title": "Ventricular waveforms",
        "classes": CLASSES,
        "measures": MEASURES,
        "facts": training_facts(
            NAME, TRAINED_ON, names, started=started, seed=SEED, temperature=1 / slope, bias=(0.0, bias / slope)
        ),
    }
    write_folds(NAME, without, {name: fold[name] for name in names}, **said)
    return write_detector(NAME, trees, folder=output_dir or WEIGHTS, **said)


def write_scores(found: dict[str, Any], folder: Path) -> None:
    """Write scores to waveform.json in a folder, and into the page waveform.md beside it if there is one."""
    write_json(folder / "waveform.json", found)
    page = folder / "waveform.md"
    if page.is_file():
        before, rest = page.read_text("utf-8").split(START)
        text = f"{before}{START}{as_table(found)}{END}{rest.split(END)[1]}"
        page.write_text(text, encoding="utf-8", newline="\n")


def folds(names: Sequence[str], root: Path) -> dict[str, int]:
    """Return the fold of every record: each of vfdb has its own, the others are spread over them.

    Parameters
    ----------
    names : sequence of str
        Records that are trained on.
    root : Path
        The databases; all other records of mitdb and svdb in it are only scored.
    """
    own = [name for name in names if name.startswith("vfdb")]
    databases = ("mitdb", "svdb")
    others = [f"{database}/{path.stem}" for database in databases for path in sorted((root / database).glob("*.hea"))]
    spread = {name: number % FOLDS for number, name in enumerate(others)}
    return {**{name: number * FOLDS // max(1, len(own)) for number, name in enumerate(own)}, **spread}


def calibration(held_out: Iterable[HeldOut]) -> tuple[float, float]:
    """Return slope and bias that turn the log odds of held-out seconds into calibrated ones."""
    known = list(held_out)
    odds, label = np.concatenate([one.odds for one in known]), np.concatenate([one.label for one in known])
    kept = (label >= OTHER) & (label != NOISE)
    fit = LogisticRegression(C=100.0).fit(odds[kept, None], is_ventricular(label[kept]))
    return float(fit.coef_[0, 0]), float(fit.intercept_[0])


def is_ventricular(label: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Tell where a label is flutter or tachycardia."""
    return np.isin(label, (FLUTTER, TACHYCARDIA))


def _examples(record: WaveformRecord, number: int, noise: Sequence[FloatArray]) -> Examples:
    rng, database = np.random.default_rng([SEED, number]), record.name.split("/")[0]
    plain = as_recorded(record, rng, SHARES[database])
    other = changed(record, rng, EXCERPTS[database], EXCERPT_SHARE, noise)
    return Examples(np.concatenate([plain.measures, other.measures]), np.concatenate([plain.label, other.label]))


def _fitted(examples: Sequence[Examples]) -> HistGradientBoostingClassifier:
    label = np.concatenate([one.label for one in examples])
    target = is_ventricular(label)
    weight = np.where(label == NOISE, NOISE_WEIGHT, 1.0)
    share = np.bincount(target, weight, 2) / weight.sum()
    weight *= share[target.astype(np.int64)] ** -BALANCE
    return HistGradientBoostingClassifier(**TREES).fit(
        np.concatenate([one.measures for one in examples]), target, sample_weight=weight
    )


def _held_out(record: WaveformRecord, trees: BoostedTrees) -> HeldOut:
    of_leads = per_second(record.signal, record.fs)
    return HeldOut(
        record.label, trees(measured(of_leads))[:, 0], of_leads, known_beats(record), lambda rows: trees(rows)[:, 0]
    )


def _calibrated(odds: NDArray[np.floating[Any]], slope: float, bias: float) -> FloatArray:
    return np.asarray(1 / (1 + np.exp(-(slope * odds + bias))), np.float32)


def known_beats(record: WaveformRecord) -> KnownBeats:
    """Return the signal of a record with the beats that are detected in it."""
    conditioned = Conditioned(record.signal, record.fs, ((0, len(record.signal)),))
    r_peak = detect_r_peaks(conditioned, DEFAULT.signal)
    return KnownBeats(record.signal, record.fs, r_peak[standing_out(conditioned, r_peak)] / record.fs)


def held_out_scores(held_out: Mapping[str, HeldOut], slope: float, bias: float) -> dict[str, Any]:
    """Score the state model on records that the detector never saw.

    Parameters
    ----------
    held_out : mapping of str to HeldOut
        The records.
    slope, bias : float
        As from `calibration`.

    Returns
    -------
    dict
        As from `scores`.
    """
    states = {name: confirmed_states(_seconds_of(one, slope, bias), one.known) for name, one in held_out.items()}
    return scores({name: one.label for name, one in held_out.items()}, states)


def _seconds_of(one: HeldOut, slope: float, bias: float) -> VentricularSeconds:
    def detects(rows: FloatArray) -> FloatArray:
        return _calibrated(one.asked(rows), slope, bias)

    probability = _calibrated(one.odds, slope, bias)
    brief = brief_waves(one.of_leads, probability, detects, NEEDED)
    return seconds_of(one.of_leads, probability, brief, np.ones(probability.size, np.bool_))
