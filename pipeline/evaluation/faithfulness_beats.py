"""How faithful occlusion of the signal is on one beat: stretches made usual, or restored, in its order, and its shares.

The parts are stretches of 64 ms, with a boundary at R, on both leads, and the RR intervals of all beats in view. A
stretch is removed by putting the recording's usual beat there, the intervals by marking them as unknown. A beat that is
called N has nothing to remove: its maps are measured by place only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.registry import Classifier
from pipeline._util.progress import Progress
from pipeline.analysis import prepare
from pipeline.config import Config, SequenceConfig
from pipeline.evaluation.faithfulness import P_S, QRS_S, SEED, Explained, drawn
from pipeline.evaluation.predict import reference_of
from pipeline.explain.occlusion import COVER_POINTS, around, covered, occluded, without_rhythm
from pipeline.intake import read_path
from pipeline.labels import AAMI_CLASSES, aami_class
from pipeline.types import Beats, FloatArray

MAPS: Final = ("heat", "qrs", "random")
STRETCH_MS: Final = 64


@dataclass(frozen=True, eq=False)
class _Window:
    """The rows of a beat and its neighbours, and which of them it is."""

    record: str
    rows: FloatArray
    at: int


def explained_beats(
    classifier: Classifier, records: Sequence[str], folder: Path, per_class: int, config: Config, progress: Progress
) -> Explained:
    """Return maps of sampled beats for the network's own answer, and the effect of their order on it.

    Parameters
    ----------
    classifier : Classifier
        A network that reads beats.
    records : sequence of str
        Names of the records.
    folder : Path
        Where they are.
    per_class : int
        Beats sampled per class.
    config : Config
        Settings of the pipeline.
    progress : Progress
        Called with what is being done, for a progress display.
    """
    windows = _sampled(records, folder, per_class, config)
    rng = np.random.default_rng(SEED)
    answer, maps, p = [], [], []
    for i, window in enumerate(windows):
        progress(i / len(windows), f"Beat {i + 1} of {len(windows)}")
        answered = classifier.classes[int(classifier.predict(window.rows)[window.at].argmax())]
        orders = maps_of(classifier, window.rows, window.at, answered, config.sequence, rng)
        answer.append(answered)
        maps.append(orders["heat"])
        p.append([_answers(classifier, window, answered, orders[name], config.sequence) for name in MAPS])
    heat, every, answers = np.stack(maps), np.asarray(p, np.float64), np.array(answer)
    inside = places(config.sequence)
    return Explained(
        record=np.array([window.record for window in windows]),
        answer=answers,
        maps=heat,
        share=heat @ inside.T / np.maximum(heat.sum(axis=1), 1e-9)[:, None],
        area=np.tile(inside.mean(axis=1), (len(windows), 1)),
        p={name: every[:, k] for k, name in enumerate(MAPS)},
        compared=(heat.max(axis=1) > 0) & (answers != "N"),
        again=lambda other, i: _heat(other, windows[i].rows, windows[i].at, answer[i], config.sequence),
    )


def stretches(config: SequenceConfig) -> tuple[slice, ...]:
    """Return stretches of points of the beat; R is the first point of one of them."""
    edges = range(config.points_before % COVER_POINTS, config.points, COVER_POINTS)
    bounds = sorted({0, *edges, config.points})
    return tuple(slice(start, stop) for start, stop in pairwise(bounds))


def maps_of(
    classifier: Classifier, rows: FloatArray, at: int, answer: str, config: SequenceConfig, rng: np.random.Generator
) -> dict[str, NDArray[np.float64]]:
    """Return all maps of one beat as values of its stretches and, last, of the RR intervals.

    "heat" is the app's occlusion, "qrs" is nearness to R, "random" is random.

    Parameters
    ----------
    classifier : Classifier
        A network that reads beats.
    rows : (n, row_size) float32
        Rows of neighbouring beats.
    at : int
        Which row.
    answer : str
        The class to explain.
    config : SequenceConfig
        Layout of the rows.
    rng : Generator
        Random generator.
    """
    centre = _centres_s(config)
    near = np.append(np.exp(-np.abs(centre) / QRS_S), 0.0)
    return {
        "heat": _heat(classifier, rows, at, answer, config),
        "qrs": near,
        "random": rng.random(near.size),
    }


def worse_rows(
    rows: FloatArray, at: int, values: NDArray[np.float64], config: SequenceConfig
) -> list[list[FloatArray]]:
    """Return the rows with ever more parts removed, strongest first, and with all removed and ever more restored.

    Parameters
    ----------
    rows : (n, row_size) float32
        Rows of neighbouring beats.
    at : int
        Which row changes.
    values : (parts,) float64
        Importance of each part.
    config : SequenceConfig
        Layout of the rows.

    Returns
    -------
    list of list of (n, row_size) float32
        Both ways, step by step.
    """
    order = np.argsort(-values, kind="stable")
    ways = ([order[:k] for k in range(order.size + 1)], [order[k:] for k in range(order.size + 1)])
    return [[_without(rows, at, gone, config) for gone in way] for way in ways]


def places(config: SequenceConfig) -> NDArray[np.float64]:
    """Return which parts (3, parts) the QRS, the P window and the RR intervals are; 1 or 0."""
    centre = _centres_s(config)
    inside = np.zeros((3, centre.size + 1))
    inside[0, :-1] = np.abs(centre) <= QRS_S
    inside[1, :-1] = (centre >= P_S[0]) & (centre <= P_S[1])
    inside[2, -1] = 1
    return inside


def _sampled(records: Sequence[str], folder: Path, per_class: int, config: Config) -> list[_Window]:
    """Return windows of beats that are drawn from all records; only what is drawn stays in memory."""
    found: list[tuple[Beats, NDArray[np.int64]]] = []
    for record in records:
        recording = read_path(folder / record, config=config)
        reference = reference_of(recording)
        beats = prepare(recording, config, samples=reference.sample).beats
        label = np.array([AAMI_CLASSES.index(aami_class(symbol) or "Q") for symbol in reference.symbol])
        label[[bool(reason) for reason in beats.reason]] = AAMI_CLASSES.index("Q")  # which is not drawn
        found.append((beats, label))
    of = np.repeat(np.arange(len(records)), [label.size for _, label in found])
    number = np.concatenate([np.arange(label.size) for _, label in found])
    chosen = drawn(np.concatenate([label for _, label in found]), np.array(records)[of], per_class)
    return [_Window(records[of[i]], *around(found[of[i]][0], int(number[i]), config)) for i in chosen]


def _heat(
    classifier: Classifier, rows: FloatArray, at: int, answer: str, config: SequenceConfig
) -> NDArray[np.float64]:
    """Return the app's map in these parts: the mean cost of the covers within a stretch, and that of the intervals."""
    found = occluded(classifier, rows, at, config, class_name=answer)
    edges_s = [(part.start - config.points_before) * config.step_s for part in stretches(config)[1:]]
    part = np.searchsorted(edges_s, found.time_s)
    count = np.bincount(part, minlength=len(edges_s) + 1)
    mean = np.bincount(part, found.fall, minlength=count.size) / np.maximum(count, 1)
    return np.append(mean, found.rhythm_fall)


def _answers(
    classifier: Classifier, window: _Window, answer: str, values: NDArray[np.float64], config: SequenceConfig
) -> list[list[float]]:
    target = classifier.classes.index(answer)
    ways = worse_rows(window.rows, window.at, values, config)
    return [[float(classifier.predict(rows)[window.at, target]) for rows in way] for way in ways]


def _without(rows: FloatArray, at: int, gone: NDArray[np.int64], config: SequenceConfig) -> FloatArray:
    parts = stretches(config)
    for part in gone:
        rows = without_rhythm(rows, config) if part == len(parts) else covered(rows, at, parts[part], config)
    return rows


def _centres_s(config: SequenceConfig) -> NDArray[np.float64]:
    """Return the middle of each stretch, seconds from R."""
    middle = np.array([(part.start + part.stop) / 2 for part in stretches(config)])
    return (middle - config.points_before) * config.step_s
