"""What would place onsets of P waves better: `python -m benchmarks.p_onset --weights DIR`.

DIR holds weights.npz of a network that has not seen the validation records of LUDB: those of models/weights/waves at
commit ad89070a, as the later ones were trained on them too. Each way moves the onsets that the network is certain of;
how far is chosen on the other validation records, record by record. Held-out records are not read.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesRegressor
from sklearn.linear_model import Ridge

from models.waves import FS_HZ, WaveNetwork, _arrays, _Trained, load_waves
from pipeline.analysis import prepare
from pipeline.config import data_root
from pipeline.datasets.wave_references import ludb_records, read_wave_reference
from pipeline.intake import read_path
from pipeline.measurements import WAVE_MARKS
from pipeline.signal.nearest import paired
from pipeline.waves.inputs import lead_lines
from pipeline.waves.marks import marks_of

MATCH_MS: Final = 150.0
SHARES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the way towards a consensus
PATCH_S: Final = (-0.1, 0.08)  # around an onset, that a regressor sees
P_ON, QRS_ON = WAVE_MARKS.index("p_on"), WAVE_MARKS.index("qrs_on")
LEAD: Final = "ii"
Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Onsets:
    """The onsets of one record, seconds.

    Attributes
    ----------
    found : (k, n_leads) float64
        The network's, NaN where it is not certain.
    qrs : (k, n_leads) float64
        Onsets of the QRS.
    reference : (k, n_leads) float64
        The cardiologists', NaN where no mark is near.
    patches : (k, n_leads, n) float64
        The lead and the probability of a P wave around each onset that was found.
    leads : tuple of str
        Names of the leads.
    """

    found: Values
    qrs: Values
    reference: Values
    patches: Values
    leads: tuple[str, ...]


def read(name: str, network: WaveNetwork) -> Onsets:
    """Marks one record with the network and pairs its onsets with the reference."""
    root = data_root() / "ludb"
    recording = read_path(root / f"{name}.hea")
    beat_s = np.asarray(prepare(recording).beats.sample / recording.fs, np.float64)
    lines = lead_lines(recording.p_signal, recording.fs, beat_s)
    probabilities = network.probabilities(lines.values)
    marks = marks_of(probabilities, lines, beat_s)
    found, leads = marks[:, :, P_ON], tuple(lead.lower() for lead in recording.leads)
    reference = np.full(found.shape, np.nan)
    for i, lead in enumerate(leads):
        there = np.sort(read_wave_reference(root / name, lead).waves["p"].on_s)
        there, rows = there[np.isfinite(there)], np.flatnonzero(np.isfinite(found[:, i]))
        pairs = paired(np.round(1000 * there), np.round(1000 * found[rows, i]), within=MATCH_MS)
        for a, b in pairs.items():
            reference[rows[b], i] = there[a]
    both = np.concatenate([lines.values[:, :, :1], probabilities[:, :, :1]], axis=2)
    return Onsets(found, marks[:, :, QRS_ON], reference, _patches(both, found), leads)


def _patches(lines: NDArray[np.floating], found: Values) -> Values:
    offset = np.arange(round(PATCH_S[0] * FS_HZ), round(PATCH_S[1] * FS_HZ))
    at = np.round(np.nan_to_num(found) * FS_HZ).astype(np.int64)[..., None] + offset
    inside = np.clip(at, 0, lines.shape[1] - 1)
    rows = lines[np.arange(found.shape[1])[None, :, None], inside]
    fraction = np.nan_to_num(found) * FS_HZ - np.round(np.nan_to_num(found) * FS_HZ)
    flat = rows.reshape(*found.shape, -1).astype(np.float64)
    return np.concatenate([flat, fraction[..., None]], axis=2)


def over_beats(one: Onsets, share: float) -> Values:
    """Moves the distance from P to QRS towards the record's median in that lead."""
    before = one.qrs - one.found
    return one.found + share * (before - _median(before, axis=0))


def over_leads(one: Onsets, share: float) -> Values:
    """Moves onsets towards their median over the leads of the beat."""
    return one.found + share * (_median(one.found, axis=1) - one.found)


def _median(values: Values, axis: int) -> Values:
    known = np.isfinite(values).any(axis=axis, keepdims=True)
    return np.where(known, np.nanmedian(np.where(known, values, 0), axis=axis, keepdims=True), np.nan)


def learnt(model: Ridge | ExtraTreesRegressor, training: Sequence[Onsets]) -> Callable[[Onsets, float], Values]:
    """A regressor of what is wrong with an onset, trained on other records."""
    wrong = [one.reference - one.found for one in training]
    known = [np.isfinite(values) for values in wrong]
    model.fit(
        np.concatenate([one.patches[rows] for one, rows in zip(training, known, strict=True)]),
        np.concatenate([values[rows] for values, rows in zip(wrong, known, strict=True)]),
    )

    def moved(one: Onsets, share: float) -> Values:
        predicted = model.predict(one.patches.reshape(-1, one.patches.shape[2])).reshape(one.found.shape)
        return np.asarray(one.found + share * predicted, np.float64)

    return moved


def errors(records: Sequence[Onsets], moved: Sequence[Values], lead: str = "") -> Values:
    """Found less reference, ms, in one lead or in all."""
    parts = []
    for one, values in zip(records, moved, strict=True):
        wrong = 1000 * (values - one.reference)
        own = wrong if not lead else wrong[:, [one.leads.index(lead)]]
        parts.append(own[np.isfinite(own)])
    return np.concatenate(parts)


def left_out(records: Sequence[Onsets], ways: Sequence[Callable[[Onsets, float], Values]]) -> Iterator[Values]:
    """Moves each record by the share that is best on the others; `ways` holds one for each record."""
    tried = {share: [way(one, share) for one, way in zip(records, ways, strict=True)] for share in SHARES}
    for i, _ in enumerate(records):
        others = [j for j in range(len(records)) if j != i]
        spread = {s: errors([records[j] for j in others], [own[j] for j in others]).std() for s, own in tried.items()}
        yield tried[min(spread, key=lambda share: float(spread[share]))][i]


def main() -> None:
    """Prints mean and standard deviation of each way, in lead II and over all leads."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True)
    weights = _Trained(_arrays(parser.parse_args().weights / "weights.npz"))
    network = replace(load_waves(), layers=weights)
    names = ludb_records(data_root() / "ludb")
    records = [read(name, network) for name in names.validation]
    training = [read(name, network) for name in names.training]

    def each(make: Callable[[], Ridge | ExtraTreesRegressor]) -> list[Callable[[Onsets, float], Values]]:
        return [learnt(make(), [other for other in records if other is not one]) for one in records]

    trees = {"n_estimators": 60, "min_samples_leaf": 8, "random_state": 0}
    count = len(records)
    ways: dict[str, list[Callable[[Onsets, float], Values]]] = {
        "towards the median over beats": [over_beats] * count,
        "towards the median over leads": [over_leads] * count,
        "ridge, on the other validation records": each(lambda: Ridge(10.0)),
        "trees, on the other validation records": each(lambda: ExtraTreesRegressor(**trees)),
        "ridge, on the training records": [learnt(Ridge(10.0), training)] * count,
        "trees, on the training records": [learnt(ExtraTreesRegressor(**trees), training)] * count,
    }
    moved = {"as the network says": [one.found for one in records]}
    moved |= {name: list(left_out(records, own)) for name, own in ways.items()}
    for name, values in moved.items():
        both = [errors(records, values, lead) for lead in (LEAD, "")]
        told = "; ".join(f"{own.mean():+5.1f} ± {own.std():4.1f} ms ({own.size})" for own in both)
        print(f"{name:42}{told}")


if __name__ == "__main__":
    main()
