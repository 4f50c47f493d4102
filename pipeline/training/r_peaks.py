"""Fits the two small networks that choose R peaks to DS1: `python -m pipeline.training.r_peaks` (minutes on one core).

Training uses only DS1, as recorded and with what it lacks (AV block, asystole, tall T waves, fast runs, pacing spikes,
low beats), and the first half of the noise records. Four pairs are trained, each without a quarter of the patients, the
second network on answers of the first for patients that it was not trained on; what they reach on those is stored with
the weights, which hold the mean of the four.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config import DEFAULT, data_root
from pipeline.datasets.splits import DS1
from pipeline.intake import read_path
from pipeline.intake.wfdb_annotations import parse_marks
from pipeline.signal.conditioning import Conditioned, condition
from pipeline.signal.leads import choose_leads
from pipeline.signal.r_peak_candidates import find_candidates
from pipeline.signal.r_peak_choice import WEIGHTS_PATH, DenseNetwork, choose_candidates, in_rhythm
from pipeline.synthesis.av_block import blocked
from pipeline.synthesis.hard_beats import with_fast_runs, with_low_beats, with_spikes, with_tall_t
from pipeline.synthesis.noise import NoiseKind, mixed
from pipeline.synthesis.pauses import with_pauses
from pipeline.training.dense import Rows, fitted, together
from pipeline.types import Annotations, FloatArray, Recording, read_only

FOLDS = 4
MATCH_S = 0.15
SURROUNDINGS, RHYTHM = ((48, 24), 12), ((16,), 6)  # sizes of the hidden layers, and epochs
CLEAN, IGNORED = "both leads", -1
EXCERPT_S = (300.0, 900.0)  # of each record, which becomes the hard conditions; without the flutter of 207
ALONE = ("asystole", "tall T waves", "fast runs", "spikes")  # of these conditions, the first lead alone as well
PAUSES, PAUSE_P = 8, (1.0, 2.5)  # how many in an excerpt, and how high their P waves are
SIGNAL = DEFAULT.signal
FITTED_BY = (
    "python -m pipeline.training.r_peaks (DS1, also with AV block, asystole, tall T waves, fast runs, pacing spikes, "
    "low beats; first half of the nstdb noise)"
)
# of a candidate in training; 1 in all other conditions
WEIGHTS = {CLEAN: 4.0, "second lead": 1.5, "noise 1 ma": 1.5, "blocked": 2.0}
PAUSED = ("asystole", "asystole, first lead", "asystole, noise")
PAUSE_S, IN_PAUSE, BESIDE_PAUSE = (
    2.4,
    3.0,
    10.0,
)  # from so many seconds on; weights within a second of it, and beside it


Span = tuple[int, int]
Features = Sequence[NDArray[np.floating[Any]]]


@dataclass(frozen=True, eq=False)
class Version:
    """R-peak candidates of one record in one condition.

    Attributes
    ----------
    record : int
        Number of the record.
    name : str
        Name of the condition.
    fs : float
        Sampling frequency, Hz.
    at : (n,) int64
        The candidates, indices into the signal.
    strength : (n,) float32
        Energy of each.
    features : (n, k) float16
        What the network reads of each, in half precision: a few million rows are in memory at once.
    label : (n,) int8
        1 for a beat, 0 for none, -1 for not counted.
    """

    record: int
    name: str
    fs: float
    at: NDArray[np.int64]
    strength: FloatArray
    features: NDArray[np.floating[Any]]
    label: NDArray[np.int8]


def main() -> None:
    """Fit both, score them on held-out patients, and write them: the mean of the networks of all folds."""
    versions = [_version(record, *given) for record in range(len(DS1)) for given in _conditions(DS1[record])]
    weight = np.concatenate([_weights(version) for version in versions])
    score, first = _left_out(versions, [version.features for version in versions], weight, *SURROUNDINGS)
    rhythm = [_in_rhythm(version, own) for version, own in zip(versions, score, strict=True)]
    final, second = _left_out(versions, rhythm, weight, *RHYTHM)
    _write(first, second, _left_out_counts(versions, final))


def _in_rhythm(version: Version, score: FloatArray) -> FloatArray:
    found = in_rhythm(version.at, score, version.strength, version.fs)
    assert found is not None, f"too few beats in {DS1[version.record]}, {version.name}"
    return found


def read(database: str, record: str) -> Recording:
    """Read a record of one of the public databases."""
    return read_path(data_root() / database / f"{record}.hea")


def flutter(database: str, record: str) -> list[Span]:
    """Return stretches of ventricular flutter or fibrillation, VFON to VFOFF, which have no beats (207 of mitdb)."""
    recording = read(database, record)
    payload = (data_root() / database / f"{record}.atr").read_bytes()
    marks = parse_marks(payload, fs=recording.fs)
    starts, stops = ([int(sample) for sample, symbol in marks if symbol == end] for end in "[]")
    return list(zip(starts, stops, strict=True))


def _flutter_of(recording: Recording, record: str) -> list[Span]:
    return flutter("mitdb", record) if recording.name == record else []  # an excerpt has none


def _conditions(record: str) -> Iterator[tuple[str, Recording, Conditioned]]:
    """Yield the record as it is, with one lead, in noise, with one lead noisy and lost at times, and in AV block."""
    recording = read("mitdb", record)
    rng = np.random.default_rng(int(record))
    leads = choose_leads(recording.leads)
    yield CLEAN, recording, _conditioned(recording, leads)
    for lead in leads:
        yield f"{'first' if lead == leads[0] else 'second'} lead", recording, _conditioned(recording, (lead,))
    kinds: tuple[NoiseKind, ...] = ("em", "ma", "bw", "em", "em")
    for number, kind in enumerate(kinds):
        noisy = mixed(recording, kind, rng.uniform(-3, 14), half=0, shift=int(rng.integers(300_000)))
        yield f"noise {number} {kind}", noisy, _conditioned(noisy, leads)
    for number in range(2):
        noisy = mixed(recording, "em", rng.uniform(-6, 6), half=0, shift=int(rng.integers(300_000)))
        p_signal = noisy.p_signal.copy()
        p_signal[:, number] = recording.p_signal[:, number]
        for start in rng.integers(0, len(p_signal) - 6000, 20):
            p_signal[start : start + int(rng.integers(700, 6000)), 1 - number] = 0
        broken = replace(noisy, p_signal=read_only(p_signal))
        yield f"good lead {number}", broken, _conditioned(broken, leads)
    for name, chosen_leads in {"blocked": leads, "blocked, first lead": leads[:1]}.items():
        block = blocked(recording, rng)
        yield name, block, _conditioned(block, chosen_leads)
    noisy = mixed(blocked(recording, rng), "em", rng.uniform(3, 14), half=0, shift=int(rng.integers(300_000)))
    yield "blocked, noise", noisy, _conditioned(noisy, leads)
    for name, hard in _hard(_excerpt(recording, *(round(edge * recording.fs) for edge in EXCERPT_S)), rng):
        yield name, hard, _conditioned(hard, leads)
        if name in ALONE:
            yield f"{name}, first lead", hard, _conditioned(hard, leads[:1])


def _hard(recording: Recording, rng: np.random.Generator) -> Iterator[tuple[str, Recording]]:
    """Yield ten minutes with what the records lack: asystole, tall T waves, fast runs, pacing spikes, low beats."""
    paused, _ = with_pauses(recording, rng, count=PAUSES, p_growth=PAUSE_P)
    yield "asystole", paused
    yield "asystole, noise", mixed(paused, "em", rng.uniform(6, 18), half=0, shift=int(rng.integers(300_000)))
    yield "tall T waves", with_tall_t(recording, rng)
    yield "fast runs", with_fast_runs(recording, rng)
    yield "spikes", with_spikes(recording, rng)
    yield "low beats", with_low_beats(recording, rng)


def _excerpt(recording: Recording, start: int, stop: int) -> Recording:
    assert recording.reference is not None
    inside = (recording.reference.sample >= start) & (recording.reference.sample < stop)
    symbols = tuple(np.array(recording.reference.symbol)[inside].tolist())
    reference = Annotations(recording.reference.sample[inside] - start, symbols)
    name = f"{recording.name}-excerpt"
    return replace(recording, name=name, p_signal=recording.p_signal[start:stop], reference=reference)


def _conditioned(recording: Recording, leads: tuple[str, ...]) -> Conditioned:
    return condition(recording, leads, SIGNAL)


def _version(record: int, name: str, recording: Recording, conditioned: Conditioned) -> Version:
    pieces = find_candidates(conditioned)
    at = np.concatenate([piece.at for piece in pieces])
    return Version(
        record=record,
        name=name,
        fs=conditioned.fs,
        at=at,
        strength=np.concatenate([piece.strength for piece in pieces]),
        features=np.concatenate([piece.features for piece in pieces]).astype(np.float16),
        label=_labels(at, recording, conditioned.fs, _flutter_of(recording, DS1[record])),
    )


def _labels(
    at: NDArray[np.int64], recording: Recording, fs: float, left_out: list[tuple[int, int]]
) -> NDArray[np.int8]:
    """Label the candidate nearest to each reference beat with 1, candidates during flutter with -1."""
    assert recording.reference is not None
    ratio = fs / recording.fs
    beats = recording.reference.sample * ratio
    after = np.clip(np.searchsorted(at, beats), 1, at.size - 1)
    nearest = np.where(beats - at[after - 1] <= at[after] - beats, after - 1, after)
    label = np.zeros(at.size, np.int8)
    label[nearest[np.abs(at[nearest] - beats) <= MATCH_S * fs]] = 1
    for start, stop in left_out:
        label[(at >= start * ratio - 0.2 * fs) & (at <= stop * ratio + 0.2 * fs)] = IGNORED
    return label


def _weights(version: Version) -> FloatArray:
    """Return how much each candidate counts: around a pause more, and the beats beside it most of all."""
    weight = np.full(version.label.size, WEIGHTS.get(version.name, 1.0), np.float32)
    beats = version.at[version.label == 1]
    for before, after in pairwise(beats):
        if version.name in PAUSED and after - before >= PAUSE_S * version.fs:
            near = (version.at >= before - version.fs) & (version.at <= after + version.fs)
            weight[near] = IN_PAUSE
            weight[(version.at == before) | (version.at == after)] = BESIDE_PAUSE
    return weight


def _left_out(
    versions: list[Version], features: Features, weight: FloatArray, hidden: tuple[int, ...], epochs: int
) -> tuple[list[FloatArray], DenseNetwork]:
    """Score every candidate by a network that was not trained on its patient; return those networks as one, too."""
    rows = Rows(np.concatenate(features), np.concatenate([version.label for version in versions]), weight)
    record = np.concatenate([np.full(version.label.size, version.record) for version in versions])
    networks = [fitted(rows, record % FOLDS != fold, hidden, epochs, seed=fold) for fold in range(FOLDS)]
    score = [
        networks[version.record % FOLDS](own.astype(np.float32))
        for version, own in zip(versions, features, strict=True)
    ]
    return score, together(networks)


def _left_out_counts(versions: list[Version], score: list[FloatArray]) -> dict[str, dict[str, int]]:
    """Count beats found, missed and extra per condition, over all patients of DS1."""
    total: dict[str, NDArray[np.int64]] = {}
    for version, own in zip(versions, score, strict=True):
        total[version.name] = total.get(version.name, 0) + np.array(_counts(version, own))
    keys = ("found", "missed", "extra")
    return {name: dict(zip(keys, counts.tolist(), strict=True)) for name, counts in total.items()}


def _counts(version: Version, score: FloatArray) -> tuple[int, int, int]:
    found = np.zeros(version.at.size, np.bool_)
    found[choose_candidates(version.at, score, SIGNAL.beat_score, SIGNAL.beats_apart_ms / 1000 * version.fs)] = True
    beat, none = version.label == 1, version.label == 0
    return int(np.sum(found & beat)), int(np.sum(~found & beat)), int(np.sum(found & none))


def _write(surroundings: DenseNetwork, rhythm: DenseNetwork, left_out: dict[str, dict[str, int]]) -> None:
    def layers(network: DenseNetwork) -> list[dict[str, list[float]]]:
        pairs = zip(network.weights, network.biases, strict=True)
        return [{"weight": _rounded(weight), "bias": _rounded(bias)} for weight, bias in pairs]

    stored = {
        "fitted_by": FITTED_BY,
        "left_out_patients": left_out,
        "surroundings": layers(surroundings),
        "rhythm": layers(rhythm),
    }
    WEIGHTS_PATH.write_text(json.dumps(stored, separators=(",", ":")) + "\n", encoding="utf-8", newline="\n")


def _rounded(array: FloatArray) -> list[float]:
    return np.vectorize(lambda value: float(f"{value:.5g}"))(array).tolist()  # type: ignore[no-any-return]


if __name__ == "__main__":
    main()
