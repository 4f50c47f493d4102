"""How faithful the maps over time and lead are: what removing cells in their order does to the superclass.

A cell is a tenth of a second of one lead. Removed, it is the mean of its lead, 0 in scaled values. A map is good if the
probability falls early when cells are removed in its order (deletion), and rises early when they come back (insertion;
Petsiuk 2018, arXiv:1806.07421).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.superclasses import SuperclassNetwork
from pipeline._util.progress import Progress, no_progress
from pipeline.evaluation import bootstrap
from pipeline.evaluation.explanations_schema import BothWays, RemovalCurves
from pipeline.evaluation.faithfulness import area_under
from pipeline.evaluation.schema import Estimate
from pipeline.evaluation.superclass_records import SuperclassRecord
from pipeline.evaluation.superclass_schema import HeatTest
from pipeline.twelve_leads.superclass_heat import CELL, HEATS, SHIPPED_HEAT
from pipeline.twelve_leads.superclass_input import readable_stretches, windows_of
from pipeline.types import FloatArray

PER_CLASS: Final = 12  # records of each superclass that are explained: four minutes on one core
STEPS: Final = 10
RANDOM: Final = "random"
SEED: Final = 20261130
Curves = NDArray[np.float64]  # (2, STEPS + 1): deletion and insertion


def heat_test(
    records: Sequence[SuperclassRecord], network: SuperclassNetwork, *, progress: Progress = no_progress
) -> HeatTest:
    """Measure every map on records whose stated superclass the network calls, from as many patients as there are.

    Parameters
    ----------
    records : sequence of SuperclassRecord
        Records to choose from.
    network : SuperclassNetwork
        The network, with the head and thresholds that are shipped.
    progress : callable, optional
        Called with a fraction in 0..1 and a sentence.
    """
    chosen = _chosen(records, network)
    found: dict[str, list[Curves]] = {name: [] for name in (*HEATS, RANDOM)}
    for i, (record, superclass) in enumerate(chosen):
        values = readable_stretches(record.p_signal_mv, record.leads, record.fs, network)[0].values
        for name, heat in HEATS.items():
            found[name].append(removal_curves(values, heat(values, superclass, network), superclass, network, seed=i))
        found[RANDOM].append(removal_curves(values, np.zeros_like(values), superclass, network, seed=i))
        progress((i + 1) / len(chosen), f"Explaining {record.reference.record}")
    patients = [f"ptbxl/{record.reference.patient}" for record, _ in chosen]
    curves = {name: np.array(each) for name, each in found.items()}
    areas = {name: np.array([[area_under(way) for way in ways] for ways in each]) for name, each in curves.items()}
    gain = {name: (area - areas[RANDOM]) * [-1, 1] for name, area in areas.items() if name != RANDOM}
    return HeatTest(
        shipped=SHIPPED_HEAT,
        cell_s=CELL / network.manifest.fs_hz,
        records=len(chosen),
        areas={name: _both(area, patients) for name, area in areas.items()},
        better_than_random={name: _both(area, patients) for name, area in gain.items()},
        curves={name: RemovalCurves(*map(tuple, each.mean(axis=0).tolist())) for name, each in curves.items()},
    )


def removal_curves(
    values: FloatArray, heat: FloatArray, superclass: str, network: SuperclassNetwork, *, seed: int
) -> Curves:
    """Return the superclass's probability (2, 11) as cells are removed in a map's order, and as they come back.

    Parameters
    ----------
    values : (n, 12) float32
        A stretch of scaled leads.
    heat : (n, 12) float32
        The map, constant in each cell; all 0 stands for a random order.
    superclass : str
        Whose probability.
    network : SuperclassNetwork
        Which answers.
    seed : int
        Of the order of cells with equal heat.
    """
    cells = heat[::CELL]
    ties = np.random.default_rng((SEED, seed)).permutation(cells.size)
    place = np.empty(cells.size, np.int64)
    place[np.lexsort((ties, -cells.ravel()))] = np.arange(cells.size)
    rank = np.repeat(place.reshape(cells.shape), CELL, axis=0)[: len(values)]
    counts = np.linspace(0, cells.size, STEPS + 1).round()
    shown = [rank >= count for count in counts] + [rank < count for count in counts]
    windows = [windows_of(np.where(mask, values, np.float32(0)), network) for mask in shown]
    logits = network.logits(np.concatenate(windows)).reshape(len(shown), len(windows[0]), -1).mean(axis=1)
    place_of = network.manifest.classes.index(superclass)
    return network.probabilities(logits)[:, place_of].reshape(2, -1).astype(np.float64)


def _chosen(records: Sequence[SuperclassRecord], network: SuperclassNetwork) -> list[tuple[SuperclassRecord, str]]:
    """Draw at most `PER_CLASS` records of each superclass that is stated and called, one of each patient."""
    p = network.probabilities(np.stack([record.logits(network).mean(axis=0) for record in records]))
    chosen = []
    for i, name in enumerate(network.manifest.classes):
        order = np.random.default_rng((SEED, i)).permutation(len(records))
        own: dict[str, SuperclassRecord] = {}
        for k in order:
            if name in records[k].reference.superclasses and p[k, i] >= network.manifest.thresholds[i]:
                own.setdefault(records[k].reference.patient, records[k])
        chosen += [(record, name) for record in list(own.values())[:PER_CLASS]]
    return chosen


def _both(values: NDArray[np.float64], patients: Sequence[str]) -> BothWays:
    weights = bootstrap.patient_weights(patients)
    drawn = weights @ values / weights.sum(axis=1, keepdims=True)
    spans = [bootstrap.intervals({"": drawn[:, way]})[""] for way in (0, 1)]
    return BothWays(*(Estimate(float(values[:, way].mean()), *spans[way]) for way in (0, 1)))
