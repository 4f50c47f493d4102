"""What an uploaded picture of a beat is asked: is it a beat, is it upside down, and is it V or N?

    python -m benchmarks.beat_pictures [PART ...] [--write]

Traces as pictures show them, none drawn. Whether a curve is a beat is decided by trees that were trained on some
patients and some kinds of curves, and read on other patients and other kinds: each kind of `pipeline.synthesis` is
held out in turn, a third at a time. Upside-down beats are told by trees that were trained without a third of the
patients, each third in turn; and by the detector that comes with HeartVision, on patients that it was not trained on.
V is told from N on the patients of DS1, each read by trees that were trained without them. DS2, the kinds that only the
evaluation draws, and the test folds of other databases are not read. What is written replaces the parts that are named.

Each answer is compared where as few beats are refused, or doubted wrongly, as `REFUSED` and `DOUBTED` say.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from benchmarks.wide_curves import wide_curve
from models.beat_image_heads import load_head
from models.boosted_trees import BoostedTrees, from_scikit_learn
from models.trace_measures import POINTS, shape_measures
from pipeline._util.files import write_json
from pipeline._util.provenance import current_commit, now
from pipeline.beat_images.doubts import ORIENTATIONS, is_doubted, may_be_upside_down, orientations, oriented
from pipeline.beat_images.record_curves import (
    SEED,
    Rng,
    Windows,
    choose_windows,
    cut_traces,
    load_supraventricular,
    load_unlabelled,
    load_windows,
)
from pipeline.beat_images.record_curves import unit as to_unit
from pipeline.beat_images.traced_set import as_traced, resampled
from pipeline.beat_images.training import CLASS_FEATURES, CLASS_TREES, FOLDS
from pipeline.beat_images.training_orientation import TREES
from pipeline.beat_images.training_set import Shapes, non_beat_curves
from pipeline.config import DEFAULT, ROOT, data_root
from pipeline.datasets.splits import DS1
from pipeline.labels import AAMI_CLASSES
from pipeline.synthesis.non_beats import CURVES
from pipeline.synthesis.simple_curves import mixed_curve, unlike_beats
from pipeline.training.training_set import PACED_TRAINING
from pipeline.types import FloatArray

FILE: Final = ROOT / "docs" / "experiments" / "beat_pictures.json"
THIRDS: Final = 3
REFUSED: Final = 0.03  # share of beats of held-out patients that a gate may refuse
BEATS, READ_BEATS, OTHER_CURVES, PER_KIND = 3_000, 1_500, 4_000, 20
WIDE, MINED_FROM, MINED = 2_500, 6_000, 1_500
GATE: Final = {"max_iter": 150, "max_leaf_nodes": 31, "l2_regularization": 1.0, "max_features": 0.4}
COMPONENTS, NEAREST = 40, 5
DOUBTED: Final = (0.01, 0.02, 0.05, 0.1)  # shares of beats as recorded that are called upside down
TURNED, READ_TURNED = 3_000, 2_000
V: Final = AAMI_CLASSES.index("V")
V_READ: Final = (("N", 300), ("V", 200))  # of each group of patients
V_TRAINED: Final = (("N", 2_000), ("V", 2_000))  # of each database
CHECKS: Final = 4_000  # beats, in each orientation
QRS: Final = 10  # points around the steepest place
PARTS: Final = ((-44, -10), (-10, 0), (0, 10), (10, 34), (34, 70))  # points from the steepest place

Array = NDArray[Any]
Score = Callable[[FloatArray], Array]


def main() -> None:
    """Measure what is named, or all, and print or write it."""
    parts: dict[str, Callable[[Shapes], Any]] = {
        "other_curves_accepted": lambda shapes: accepted_curves(*shapes.parted()),
        "upside_down": lambda shapes: upside_down(shapes.parted()[0]),
        "orientation": lambda shapes: said_of_orientations(shapes.parted()[1]),
        "v_against_n": v_against_n,
    }
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("part", nargs="*", choices=[[], *parts], help="all by default")
    parser.add_argument("--write", action="store_true", help=f"write {FILE.relative_to(ROOT)}")
    options = parser.parse_args()
    commit, shapes = current_commit(), load_beats()
    found = {name: parts[name](shapes) for name in options.part or parts}
    for name, value in found.items():
        print(name, value)
    if options.write:
        before = json.loads(FILE.read_text("utf-8")) if FILE.is_file() else {}
        made = {"command": "python -m benchmarks.beat_pictures --write", "commit": commit, "date": now()}
        write_json(FILE, before | made | found)


def load_beats() -> Shapes:
    """Return the beats that the heads for pictures learn from, but those of PTB-XL."""
    root = data_root()
    labelled = load_windows((*DS1, *PACED_TRAINING), root, DEFAULT)
    return Shapes(labelled, load_unlabelled(root, DEFAULT), load_supraventricular(root, DEFAULT))


# Is it a beat? -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Curves:
    """Beats to train on and to read, `near` ones that no other curve resembles, and other curves with their kinds."""

    beats: FloatArray
    read: FloatArray
    near: FloatArray
    others: FloatArray
    kind: NDArray[np.str_]
    asked: FloatArray
    asked_kind: NDArray[np.str_]


def accepted_curves(training: Shapes, held_out: Shapes) -> dict[str, list[float]]:
    """Return the share of curves of held-out kinds that each gate accepts: of each third of the kinds, and the mean."""
    rng, kinds = np.random.default_rng((SEED, 50)), list(CURVES)
    near = training.cut(2_000, rng, POINTS)
    others, kind = non_beat_curves(OTHER_CURVES, near, rng, POINTS)
    asked = [to_unit(np.stack([resampled(CURVES[name](rng, near)) for _ in range(PER_KIND)])) for name in kinds]
    unlike = [unlike_beats(rows, near) for rows in asked]
    curves = _Curves(
        as_traced(training.cut(BEATS, rng, POINTS), rng),
        as_traced(held_out.cut(READ_BEATS, rng, POINTS), rng),
        near,
        as_traced(others, rng),
        kind,
        as_traced(np.concatenate([rows[good] for rows, good in zip(asked, unlike, strict=True)]), rng),
        np.repeat(kinds, [int(good.sum()) for good in unlike]),
    )
    columns = [
        _third(curves, kinds[third::THIRDS], np.random.default_rng((SEED, 51, third))) for third in range(THIRDS)
    ]
    return {name: _with_mean([column[name] for column in columns]) for name in columns[0]}


def _third(curves: _Curves, left_out: Sequence[str], rng: Rng) -> dict[str, float]:
    """Return the share of some kinds that each gate accepts that was not trained on them."""
    kept, asked = ~np.isin(curves.kind, left_out), curves.asked[np.isin(curves.asked_kind, left_out)]
    others = curves.others[kept]
    wide = _drawn(wide_curve, WIDE, curves.near, rng)
    trees = _gate(curves.beats, others)
    wider = _gate(curves.beats, np.concatenate([others, wide]))
    mined = _hardest(wider, curves.near, rng)
    harder = _gate(curves.beats, np.concatenate([others, wide, mined]))
    class_trees = load_head().trace

    def energy(rows: FloatArray) -> Array:
        logits = np.mean([member(shape_measures(rows)) for member in class_trees], axis=0)
        return np.asarray(np.log(np.exp(logits).sum(axis=1)))

    distance = _distance(curves.beats)
    gates: dict[str, Score] = {
        "trees": trees,
        "mean of five forms": lambda rows: np.mean([trees(form) for form in _forms(rows)], axis=0),
        "least of five forms": lambda rows: np.min([trees(form) for form in _forms(rows)], axis=0),
        "energy alone": energy,
        "distance alone": distance,
        "trees and energy": _beside(trees, energy, curves.read),
        "trees and distance": _beside(trees, distance, curves.read),
        "trained on wide curves too": wider,
        "and on the hardest of more": harder,
        "mean of these three trees": lambda rows: trees(rows) + wider(rows) + harder(rows),
        "least of these three trees": lambda rows: np.min([trees(rows), wider(rows), harder(rows)], axis=0),
    }
    return {name: _accepted(gate, curves.read, asked) for name, gate in gates.items()}


def _accepted(gate: Score, beats: FloatArray, others: FloatArray) -> float:
    return float((gate(others) >= np.quantile(gate(beats), REFUSED)).mean())


def _gate(beats: FloatArray, others: FloatArray) -> Score:
    """Train trees to tell beats from other curves; both count the same."""
    label = np.repeat([1, 0], [len(beats), len(others)])
    weight = np.where(label == 1, 1.0, len(beats) / len(others))
    learner = HistGradientBoostingClassifier(**GATE, early_stopping=False, random_state=SEED)
    trained = learner.fit(shape_measures(np.concatenate([beats, others])), label, sample_weight=weight)
    trees = from_scikit_learn(trained)
    return lambda rows: trees(shape_measures(rows))[:, 0]


def _drawn(draw: Callable[[Rng, int], FloatArray], count: int, near: FloatArray, rng: Rng) -> FloatArray:
    rows = to_unit(np.stack([draw(rng, POINTS) for _ in range(count)]))
    return as_traced(rows[unlike_beats(rows, near)], rng)


def _hardest(gate: Score, near: FloatArray, rng: Rng) -> FloatArray:
    """Return those of many curves that a gate takes for beats most."""
    half = MINED_FROM // 2
    rows = np.concatenate([_drawn(wide_curve, half, near, rng), _drawn(mixed_curve, half, near, rng)])
    return rows[np.argsort(-gate(rows))[:MINED]]


def _forms(rows: FloatArray) -> list[FloatArray]:
    """Return traces as they are, smoother, cropped at the right, and tilted both ways."""
    along, at = np.linspace(-0.5, 0.5, POINTS), np.linspace(0, (POINTS - 1) * 0.96, POINTS)
    padded = np.pad(rows, ((0, 0), (1, 1)), mode="edge")
    cropped = np.stack([np.interp(at, np.arange(POINTS), row) for row in rows])
    forms = [rows, (padded[:, 2:] + padded[:, :-2] + 2 * rows) / 4, cropped, rows + 0.08 * along, rows - 0.08 * along]
    return [to_unit(form) for form in forms]


def _distance(beats: FloatArray) -> Score:
    """Return minus the mean distance to the nearest of the beats, in whitened principal components."""
    mean = beats.mean(axis=0)
    _, size, axes = np.linalg.svd(beats - mean, full_matrices=False)
    turn = axes[:COMPONENTS].T / (size[:COMPONENTS] / np.sqrt(len(beats)))
    known = (beats - mean) @ turn

    def score(rows: FloatArray) -> Array:
        at = (rows - mean) @ turn
        square = (at**2).sum(axis=1)[:, None] + (known**2).sum(axis=1) - 2 * at @ known.T
        return np.asarray(-np.sqrt(np.maximum(np.partition(square, NEAREST, axis=1)[:, :NEAREST], 0)).mean(axis=1))

    return score


def _beside(first: Score, second: Score, beats: FloatArray) -> Score:
    """Return a score and half of what another falls short of the mean of beats, both in standard deviations."""
    (m1, s1), (m2, s2) = ((of.mean(), of.std()) for of in (first(beats), second(beats)))
    return lambda rows: (first(rows) - m1) / s1 + 0.5 * np.minimum((second(rows) - m2) / s2, 0)


# Is it upside down? ------------------------------------------------------------------------------------------------


def upside_down(shapes: Shapes) -> dict[str, dict[str, list[float]]]:
    """Return what trees for two orientations notice of each third of the patients, trained without it; and means.

    For each kind of measures, with or without the answer to the other view taken off: the ROC area, and the share of
    upside-down beats that is noticed where `DOUBTED` beats as recorded are doubted.
    """
    found: dict[str, list[dict[str, float]]] = {}
    measures: dict[str, Score] = {
        "shape": shape_measures,
        "directions": direction_measures,
        "both": lambda rows: np.concatenate([shape_measures(rows), direction_measures(rows)], axis=1),
    }
    for third in range(THIRDS):
        rng = np.random.default_rng((SEED, 52, third))
        beats, asked = (_part(shapes, third, inside=inside).cut(n, rng, POINTS)
                        for inside, n in ((False, TURNED), (True, READ_TURNED)))  # fmt: skip
        for name, measure in measures.items():
            learner = HistGradientBoostingClassifier(**TREES, max_features=0.3, random_state=SEED)
            rows = np.concatenate([measure(beats), measure(1 - beats)])
            trees = from_scikit_learn(learner.fit(rows, np.repeat([0, 1], len(beats))))
            usual, turned = (trees(measure(view).astype(np.float32))[:, 0] for view in (asked, 1 - asked))
            found.setdefault(name, []).append(_noticed(usual, turned))
            found.setdefault(f"{name}, less the other view", []).append(_noticed(usual - turned, turned - usual))
    return {name: {key: _with_mean([row[key] for row in rows]) for key in rows[0]} for name, rows in found.items()}


def _noticed(usual: Array, turned: Array) -> dict[str, float]:
    area = roc_auc_score(np.repeat([0, 1], [len(usual), len(turned)]), np.concatenate([usual, turned]))
    shares = {f"at {share:g}": float((turned > np.quantile(usual, 1 - share)).mean()) for share in DOUBTED}
    return {"area": float(area), **shares}


def _part(shapes: Shapes, third: int, *, inside: bool) -> Shapes:
    """Return a third of the patients of each database, or the others."""

    def of(windows: Windows) -> Windows:
        chosen = np.isin(windows.record, np.unique(windows.record)[third::THIRDS])
        return windows.at(chosen if inside else ~chosen)

    others = [None if part is None else of(part) for part in (shapes.ludb, shapes.svdb)]
    return Shapes(of(shapes.labelled), others[0], others[1])


def direction_measures(rows: FloatArray) -> FloatArray:
    """Measure which way traces (n, POINTS) in 0..1 point, (n, 20): their level, and each part above or below it."""
    steps = np.diff(rows, axis=1)
    place = np.abs(steps).argmax(axis=1)[:, None]
    y, distance = rows - np.median(rows, axis=1, keepdims=True), np.arange(POINTS) - place
    spread = np.maximum(y.std(axis=1), 1e-6)
    near = np.where(np.abs(distance) <= QRS, y, 0)
    found = [1 - 2 * np.median(rows, axis=1), y.mean(axis=1), np.mean(y**3, axis=1) / spread**3, y[:, 0], y[:, -1]]
    found += [y[:, -1] - y[:, 0], steps.max(axis=1) + steps.min(axis=1), near.max(axis=1) + near.min(axis=1)]
    found += [np.mean(y > by, axis=1) - np.mean(y < -by, axis=1) for by in (0.05, 0.2)]
    for start, stop in PARTS:
        part = (distance >= start) & (distance < stop)
        of_part = np.where(part, y, 0)
        found += [of_part.sum(axis=1) / np.maximum(part.sum(axis=1), 1), of_part.max(axis=1) + of_part.min(axis=1)]
    return np.stack(found, axis=1).astype(np.float32)


def said_of_orientations(held_out: Shapes) -> dict[str, Any]:
    """Return what share of beats of held-out patients HeartVision doubts, by what was done to them."""
    beats = held_out.cut(CHECKS, np.random.default_rng((SEED, 41)), POINTS)
    said: dict[str, Any] = {"beats": len(beats)}
    for kind, name in enumerate(ORIENTATIONS):
        p = orientations(oriented(beats, kind))
        shares = {"doubted": is_doubted(p), "perhaps upside down": may_be_upside_down(p)}
        said[name] = {word: round(float(share.mean()), 4) for word, share in shares.items()}
    return said


# Is it V or N? -----------------------------------------------------------------------------------------------------


def v_against_n(shapes: Shapes) -> dict[str, list[float]]:
    """Return the ROC area of V against N: of each group of DS1's patients, read without it, and over all of them.

    The members of the head that comes with HeartVision read each trace as it is, in several forms, and upside down;
    beside them, trees that are trained to tell V from N alone, on DS1 without the group and on svdb.
    """
    head, rows, labels = load_head(), dict[str, list[Array]](), []
    for fold, records in enumerate(FOLDS):
        rng, group = np.random.default_rng((SEED, 53, fold)), shapes.labelled.of(records)
        index = choose_windows(group, V_READ, rng)
        value, member = cut_traces(group, index, rng, POINTS), head.trace[fold]
        labels.append(group.label[index] == V)

        def score(traces: FloatArray, member: BoostedTrees = member) -> Array:
            logits = member(shape_measures(traces))
            return np.asarray(logits[:, V] - logits[:, 0])

        forms, alone = _forms(value), _alone(shapes, records, rng)
        answers = {
            "the head": score(value),
            "and smoother": score(value) + score(forms[1]),
            "and cropped": score(value) + score(forms[2]),
            "and tilted both ways": score(value) + score(forms[3]) + score(forms[4]),
            "mean of five forms": np.sum([score(form) for form in forms], axis=0),
            "and upside down": score(value) + score(1 - value),
            "trees for V and N alone": alone(value),
            "the head and these trees": score(value) + alone(value),
        }
        for name, answer in answers.items():
            rows.setdefault(name, []).append(answer)
    return {name: _areas(labels, answers) for name, answers in rows.items()}


def _alone(shapes: Shapes, without: Sequence[str], rng: Rng) -> Score:
    """Train trees to tell V from N on the patients of DS1 but some, and on svdb."""
    parts = [shapes.labelled.at(~np.isin(shapes.labelled.record, without)), shapes.svdb]
    chosen = [(part, choose_windows(part, V_TRAINED, rng)) for part in parts if part is not None]
    rows = as_traced(np.concatenate([cut_traces(part, index, rng, POINTS) for part, index in chosen]), rng)
    label = np.concatenate([part.label[index] == V for part, index in chosen])
    learner = HistGradientBoostingClassifier(
        **CLASS_TREES, max_features=CLASS_FEATURES, early_stopping=False, random_state=SEED
    )
    trees = from_scikit_learn(learner.fit(shape_measures(rows), label))
    return lambda traces: trees(shape_measures(traces))[:, 0]


def _areas(labels: Sequence[Array], answers: Sequence[Array]) -> list[float]:
    """Return the ROC area of each group, and over all."""
    pairs = [*zip(labels, answers, strict=True), (np.concatenate(labels), np.concatenate(answers))]
    return [round(float(roc_auc_score(label, answer)), 4) for label, answer in pairs]


def _with_mean(values: Sequence[float]) -> list[float]:
    return [round(float(value), 4) for value in (*values, np.mean(values))]


if __name__ == "__main__":
    main()
