"""Training of `paced`, which tells whether a beat begins with the stimulus of a pacemaker.

Four records of mitdb are paced. Each is left out in turn for the score; the shipped detector is trained on all of them.
DS1 and half of vfdb and of LUDB give the beats that are not paced, as recorded, in noise and with stray spikes, and
made paced beats, whose spikes passed recorders of many kinds. DS2, the other halves, and the paced records of vfdb and
LUDB are for testing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
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
from pipeline._util.files import write_json
from pipeline._util.progress import Progress, no_progress
from pipeline.config import DEFAULT, ROOT, data_root
from pipeline.datasets.splits import DS1, PACED, training_half
from pipeline.intake import read_path
from pipeline.rhythm.pacing import NAME
from pipeline.signal.conditioning import condition
from pipeline.signal.leads import choose_leads
from pipeline.signal.nearest import NO_BEAT, nearest
from pipeline.signal.pacing import MEASURES, stimulus_measures
from pipeline.signal.r_peaks import detect_r_peaks
from pipeline.synthesis.noise import NoiseKind, half_of, read_noise
from pipeline.synthesis.pacing import with_spikes
from pipeline.training.rhythms.facts import training_facts
from pipeline.training.rhythms.folds import write_folds
from pipeline.types import FloatArray, IntArray, Recording

SEED: Final = 0
PACED_ELSEWHERE: Final = frozenset(  # in whole or in part, among the public records; they are only for testing
    ("vfdb/419", "vfdb/602", *(f"ludb/{number}" for number in (34, 45, 74, 90, 95, 104, 111)))
)
OTHER_DATABASES: Final = ("vfdb", "ludb")
RATES_HZ: Final = (250.0, 500.0)  # at which records of 360 Hz are measured as well
MATCH_S: Final = 0.15
PACED_SYMBOLS: Final = ("/", "f")
PACED_BEATS, OTHER_BEATS, MADE_BEATS = 600, 300, 100  # of a record
PACED_WEIGHT: Final = 5.0  # of a recorded beat of a paced record, 1 for all others
MADE_S: Final = 600.0  # of a record, from which beats are made
STRAY_SPIKES: Final = 400
EDGE_S: Final = 0.4
NOISE_FS_HZ: Final = 360.0  # noise is added to records of this rate only
NOISE_SHARE: Final = (0.1, 0.6)  # height of the noise, as a share of the signal's
TREES: Final = {
    "max_iter": 120,
    "max_depth": 4,
    "learning_rate": 0.1,
    "l2_regularization": 5.0,
    "min_samples_leaf": 40,
    "random_state": SEED,
}
TRAINED_ON: Final = "the four paced records of mitdb; DS1, half of vfdb and of ludb, also with made spikes and noise"
RESULTS: Final = ROOT / "docs" / "experiments" / "paced.json"


@dataclass(frozen=True, eq=False)
class RecordBeats:
    """Beats of one record: measures (n, k), whether each is paced (n,), its reference symbol (n,), weight (n,)."""

    record: str
    measures: FloatArray
    paced: NDArray[np.bool_]
    symbol: NDArray[np.str_]
    weight: NDArray[np.float64]


def run(data_dir: Path | None = None, output_dir: Path | None = None, *, progress: Progress = no_progress) -> Path:
    """Train the detector, score it on each paced record left out, and write both.

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
    beats = []
    for number, record in enumerate(records):
        progress(0.7 * number / len(records), f"Measuring beats of record {record}")
        beats += beats_of(root, record)
    progress(0.7, "Leaving out each paced record in turn")
    scores = {record: _left_out(record, beats) for record in PACED}
    learner = fitted(beats)
    write_json((output_dir or RESULTS.parent) / "paced.json", {"left_out": scores})
    said: dict[str, Any] = {
        "title": "Paced beats",
        "classes": ("not paced", "paced"),
        "measures": [f"{name}, {lead} lead" for lead in ("more abrupt", "other") for name in MEASURES[:-1]],
        "facts": training_facts(NAME, TRAINED_ON, records, started=started, seed=SEED),
    }
    progress(0.9, "Leaving out a quarter of the records in turn")
    fold_of = {record: number % len(PACED) for number, record in enumerate(records)}  # the paced ones come first
    write_folds(NAME, _without_folds(beats, fold_of), fold_of, **said)
    return write_detector(NAME, from_scikit_learn(learner), folder=output_dir or WEIGHTS, **said)


def _without_folds(beats: Sequence[RecordBeats], fold_of: Mapping[str, int]) -> dict[int, BoostedTrees]:
    """Train on the records of the other folds; records of one name in two databases are left out together."""
    without = {}
    for number in range(len(PACED)):
        left_out = {record.partition("/")[2] for record, fold in fold_of.items() if fold == number}
        without[number] = from_scikit_learn(fitted([one for one in beats if one.record not in left_out]))
    return without


def training_records(root: Path) -> list[str]:
    """Return the records that the shipped detector is trained on, DATABASE/RECORD, those that are there."""
    found = [f"mitdb/{record}" for record in (*PACED, *DS1)]
    for database in OTHER_DATABASES:
        names = {path.stem for path in (root / database).glob("*.hea")}
        others = training_half(name for name in names if f"{database}/{name}" not in PACED_ELSEWHERE)
        found += [f"{database}/{name}" for name in others]
    return found


def beats_of(root: Path, record: str) -> list[RecordBeats]:
    """Return the beats of a record as recorded, and those made of it if it is not paced.

    Parameters
    ----------
    root : Path
        Folder of the databases.
    record : str
        DATABASE/RECORD.
    """
    recording = read_path(root / f"{record}.hea")
    rng = np.random.default_rng([SEED, int(recording.name)])
    at, symbol = detected_beats(recording)
    if recording.name in PACED:
        measures = stimulus_measures(recording.p_signal, at, recording.fs).measures
        weight = np.full(at.size, PACED_WEIGHT * PACED_BEATS / at.size)
        return [RecordBeats(recording.name, measures, np.isin(symbol, PACED_SYMBOLS), symbol, weight)]
    chosen = np.sort(rng.permutation(at.size)[:OTHER_BEATS])
    recording = _two_leads(recording)
    measures = stimulus_measures(recording.p_signal, at[chosen], recording.fs).measures
    known = RecordBeats(recording.name, measures, np.zeros(chosen.size, np.bool_), symbol[chosen], np.ones(chosen.size))
    return [known, *_made(root, recording, at, rng), *_at_other_rates(recording, at[chosen], symbol[chosen])]


def _two_leads(recording: Recording) -> Recording:
    columns = [recording.leads.index(lead) for lead in choose_leads(recording.leads, None)]
    return replace(recording, p_signal=recording.p_signal[:, columns], leads=tuple(recording.leads[i] for i in columns))


def _at_other_rates(recording: Recording, at: IntArray, symbol: NDArray[np.str_]) -> list[RecordBeats]:
    """Return the same beats, not paced, measured after resampling."""
    found = []
    for rate_hz in RATES_HZ if recording.fs == NOISE_FS_HZ else ():
        ratio = Fraction(rate_hz / recording.fs).limit_denominator(1000)
        p_signal = resample_poly(recording.p_signal, ratio.numerator, ratio.denominator, axis=0).astype(np.float32)
        here = np.round(at * float(ratio)).astype(np.int64)[::3]
        measures = stimulus_measures(p_signal, here, rate_hz).measures
        found.append(
            RecordBeats(recording.name, measures, np.zeros(len(here), np.bool_), symbol[::3], np.ones(len(here)))
        )
    return found


def detected_beats(recording: Recording) -> tuple[IntArray, NDArray[np.str_]]:
    """Return the R peaks (n,) that are found in a recording, and the reference symbol of each (n,), "?" without one."""
    conditioned = condition(recording, choose_leads(recording.leads, None), DEFAULT.signal)
    r_peak = detect_r_peaks(conditioned, DEFAULT.signal)
    at = np.round(r_peak / conditioned.fs * recording.fs).astype(np.int64)
    symbol = np.full(at.size, "?", "U2")
    if recording.reference is not None and recording.reference.sample.size:
        partner = nearest(recording.reference.sample, at, within=MATCH_S * recording.fs)
        found = partner != NO_BEAT
        symbol[found] = np.array(recording.reference.symbol)[partner[found]]
    return at, symbol


def _made(root: Path, recording: Recording, at: IntArray, rng: np.random.Generator) -> list[RecordBeats]:
    """Return beats with made spikes, and beats with stray spikes and with noise, which are not paced."""
    size = min(recording.n_samples, round(MADE_S * recording.fs))
    start = int(rng.integers(0, recording.n_samples - size + 1))
    edge = round(EDGE_S * recording.fs)
    inside = at[(at > start + edge) & (at < start + size - edge)] - start
    part = replace(recording, p_signal=recording.p_signal[start : start + size], reference=None)
    stray = np.sort(rng.choice(np.arange(edge, size - edge), min(STRAY_SPIKES, size // edge))).astype(np.int64)
    signals = {"made": with_spikes(part, inside, rng).p_signal, "stray": with_spikes(part, stray, rng).p_signal}
    if recording.fs == NOISE_FS_HZ:
        signals["noise"] = _noisy(root, part, rng)
    beats = np.sort(rng.permutation(inside)[:MADE_BEATS])
    return [
        RecordBeats(
            recording.name,
            stimulus_measures(p_signal, beats, recording.fs).measures,
            np.full(beats.size, name == "made"),
            np.full(beats.size, name),
            np.ones(beats.size),
        )
        for name, p_signal in signals.items()
    ]


def _noisy(root: Path, part: Recording, rng: np.random.Generator) -> FloatArray:
    kind: NoiseKind = "em" if rng.random() < 0.5 else "ma"
    noise = half_of(read_noise(root / "nstdb", kind), 0).p_signal
    added = np.resize(np.roll(noise, int(rng.integers(len(noise))), axis=0), part.p_signal.shape)
    high = [np.percentile(np.abs(x - np.median(x, axis=0)), 98, axis=0) for x in (part.p_signal, added)]
    return np.asarray(part.p_signal + added * (high[0] / high[1] * rng.uniform(*NOISE_SHARE)), np.float32)


def fitted(beats: Sequence[RecordBeats]) -> HistGradientBoostingClassifier:
    """Fit the trees to these beats; paced ones and others count alike."""
    measures = np.concatenate([one.measures for one in beats])
    paced = np.concatenate([one.paced for one in beats])
    weight = np.concatenate([one.weight for one in beats])
    weight[paced] *= weight[~paced].sum() / weight[paced].sum()
    return HistGradientBoostingClassifier(**TREES).fit(measures, paced.astype(np.int64), sample_weight=weight)


def _left_out(record: str, beats: Sequence[RecordBeats]) -> dict[str, Any]:
    """Score the record by a detector that was trained on all others: per symbol, how many beats are called paced."""
    learner = fitted([one for one in beats if one.record != record])
    own = next(one for one in beats if one.record == record)
    said = learner.predict(own.measures) == 1
    return {
        str(symbol): {"beats": int((own.symbol == symbol).sum()), "paced": int(said[own.symbol == symbol].sum())}
        for symbol in np.unique(own.symbol)
    }
