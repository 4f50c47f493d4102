"""Trains the heads for uploaded pictures from beats of many patients and drawn pictures; ADR 0012.

They are written to models/weights/NETWORK/pictures.*.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from models import registry
from models.beat_image_heads import beat_measures, beat_scores, blended, trace_logits, write_head
from models.boosted_trees import BoostedTrees, from_scikit_learn
from models.softmax import softmax
from models.trace_measures import POINTS, shape_measures
from pipeline._util.progress import Progress, no_progress
from pipeline._util.provenance import current_commit
from pipeline.beat_images.doubts import FOLDER
from pipeline.beat_images.record_curves import SEED, Rng, Windows, choose_windows, cut_traces
from pipeline.beat_images.traced_set import Traced, as_traced, joined, traced
from pipeline.beat_images.training_orientation import train_orientation
from pipeline.beat_images.training_set import (
    CLEAN,
    Shapes,
    beat_sketches,
    curve_sketches,
    load_shapes,
    non_beat_curves,
    picture_sketches,
)
from pipeline.config import DEFAULT, Config, data_root
from pipeline.datasets.splits import DS1
from pipeline.evaluation.calibration import equal_cost_threshold, fit_temperature, negative_log_likelihood
from pipeline.features.beat_image import draw, trace_content
from pipeline.labels import AAMI_CLASSES
from pipeline.training.training_set import PACED_TRAINING, VALIDATION
from pipeline.types import FloatArray, IntArray

Advance = Callable[[float], None]
Array = NDArray[Any]

# Each member of the class head is trained without one of these groups of patients, whose beats calibrate it; vgg16 was
# not trained on those of the first.
_REST: Final = tuple(record for record in DS1 if record not in VALIDATION)
FOLDS: Final = (VALIDATION, *(tuple(_REST[i::3]) for i in range(3)))
CLASS_COUNTS: Final = (("N", 12_000), ("S", 2_500), ("V", 10_000), ("F", 2_000), ("Q", 1_200))
SVDB_COUNTS: Final = (("N", 10_000), ("S", 2_500), ("V", 10_000))
NORMAL_COUNTS: Final = (("N", 12_000),)  # of LUDB and PTB-XL
FLIPPED: Final = 0.4  # share of the traces that the class head sees upside down, as some leads show a beat
CHECKS: Final = (("N", 400), ("V", 300), ("F", 60))  # per group, for calibration
CLASS_TREES: Final = {"max_iter": 120, "max_leaf_nodes": 8, "min_samples_leaf": 40, "l2_regularization": 5.0}
BEAT_TREES: Final = {"max_iter": 250, "max_leaf_nodes": 31, "l2_regularization": 1.0}
BEAT_MEMBERS, CLASS_FEATURES, BEAT_FEATURES = 2, 0.3, 0.4  # shares of the features that a split considers
PICTURES_PER_STYLE, CHECKS_PER_STYLE = 64, 48
CURVES_PER_KIND, MIXED_PICTURES, PICTURES_PER_KIND = 12, 96, 8
DIRECT_TRACES: Final = 36_000  # beats, and as many other curves, that are not drawn
PICTURE_WEIGHT: Final = 3.0  # of a trace found in a picture, relative to one that was not drawn
KIND_FOLDS: Final = 3  # a third of the kinds of curves and pictures is held out at a time, as if they were new
ACCEPTED: Final = (0.98, 0.975, 0.97, 0.965, 0.96)  # shares of held-out beats: the first that accepts ...
MAX_NEW_KINDS: Final = 0.01  # ... at most this share of pictures of held-out kinds


def run(
    data_dir: Path | None = None,
    output_dir: Path | None = None,
    *,
    network: str = "vgg16",
    config: Config = DEFAULT,
    cache: Path | None = None,
    progress: Progress = no_progress,
) -> Path:
    """Train both heads on a network and write `output_dir`/NETWORK/pictures.* (default models/weights).

    Parameters
    ----------
    data_dir : Path, optional
        The folder of the databases; the usual one if None.
    output_dir : Path, optional
        Where the heads go; models/weights if None.
    network : str, optional
        Name of the picture network.
    config : Config, optional
        Settings of the pipeline.
    cache : Path, optional
        Where traced pictures are stored, so that an interrupted run resumes; it changes no result.
    progress : Progress, optional
        Called with what is being done, for a progress display.

    Returns
    -------
    Path
        The manifest.

    Raises
    ------
    DataError
        If the MIT-BIH database is not in `data_dir`.
    ModelError
        If the network cannot be loaded.
    """
    started, root = time.monotonic(), data_dir or data_root()
    progress(0.0, "Reading the beats")
    shapes = load_shapes(root, config)
    beat, facts = _beat_head(shapes, cache, lambda f: progress(0.05 + 0.75 * f, "Beat or not"))
    trace = tuple(_class_member(shapes, fold) for fold in range(len(FOLDS)))
    progress(0.95, "Calibrating on patients left out")
    found, measured = _calibrated(trace, shapes.labelled, network, config)
    facts["held_out"] |= measured
    facts |= found | {
        "network": network,
        "network_sha256": registry.manifest(network).sha256,
        "classes": list(AAMI_CLASSES),
        "command": "python -m pipeline train --model pictures",
        "commit": current_commit(),
        "seed": SEED,
        "train_records": [*DS1, *PACED_TRAINING],
        "validation_records": list(VALIDATION),
        "traces": sum(count for _, count in (*CLASS_COUNTS, *SVDB_COUNTS, *NORMAL_COUNTS)),
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    train_orientation(shapes, output_dir and output_dir / FOLDER.name, facts["command"])
    return write_head(facts, beat, trace, output_dir or registry.WEIGHTS)


# Is it a beat? -----------------------------------------------------------------------------------------------------


class _BeatTrainingData:
    """Features of beats and of everything else; the kinds of the latter are stored, so that they can be held out."""

    def __init__(self, training: Shapes, beat: Traced, non_beat: Traced, non_beat_kind: NDArray[np.str_]) -> None:
        rng = np.random.default_rng((SEED, 3))
        beats = training.cut(DIRECT_TRACES, rng, POINTS)
        curves, kind = non_beat_curves(DIRECT_TRACES, beats[:2000], rng, POINTS)
        direct = as_traced(np.concatenate([beats, curves]), rng)
        # How traces that were not drawn might have been found: like those in pictures of beats.
        borrowed = beat.found[rng.integers(len(beat.found), size=len(direct))]
        rows = np.concatenate([direct, beat.value, non_beat.value])
        self.measures = beat_measures(rows, np.concatenate([borrowed, beat.found, non_beat.found]))
        sizes = (len(beats), len(curves), len(beat.value), len(non_beat.value))
        self.label = np.repeat([1, 0, 1, 0], sizes)
        self.weight = np.repeat([1.0, 1.0, PICTURE_WEIGHT, PICTURE_WEIGHT], sizes)
        self.kind = np.concatenate([np.repeat("beat", sizes[0]), kind, np.repeat("beat", sizes[2]), non_beat_kind])

    def fitted(self, seed: int, without: Sequence[str] = ()) -> BoostedTrees:
        """Train trees on all kinds but some."""
        kept = ~np.isin(self.kind, list(without))
        learner = HistGradientBoostingClassifier(
            **BEAT_TREES, max_features=BEAT_FEATURES, early_stopping=False, random_state=seed
        )
        return from_scikit_learn(learner.fit(self.measures[kept], self.label[kept], sample_weight=self.weight[kept]))


def _beat_head(
    shapes: Shapes, cache: Path | None, progress: Advance
) -> tuple[tuple[BoostedTrees, ...], dict[str, Any]]:
    """Return the head that tells beats from everything else, and the facts about it."""
    training, held_out = shapes.parted()
    sketches = (
        beat_sketches(held_out, CHECKS_PER_STYLE, 2),
        curve_sketches(training, CURVES_PER_KIND, MIXED_PICTURES),
        beat_sketches(training, PICTURES_PER_STYLE, 1),
        picture_sketches(training, PICTURES_PER_KIND),
    )
    check, curve, beat, picture = (
        traced(part, lambda f, i=i: progress(0.2 * (i + f)), cache=cache)  # type: ignore[misc]
        for i, part in enumerate(sketches)
    )
    non_beat = joined([curve, picture])
    kind = np.array([sketch.kind for sketch in (*sketches[1], *sketches[3])])
    training_data = _BeatTrainingData(training, beat.at(beat.has), non_beat.at(non_beat.has), kind[non_beat.has])
    progress(0.85)
    accepted, new_kinds = _share_to_accept(training_data, check, non_beat, kind)
    members = tuple(training_data.fitted(seed) for seed in range(BEAT_MEMBERS))
    accept_from = float(np.round(np.quantile(_scores(members, check), 1 - accepted), 4))
    return members, {
        "accept_from": accept_from,
        "beat_pictures": len(sketches[2]),
        "other_pictures": len(kind),
        "held_out": {"beats_accepted": accepted, "new_kinds_accepted": new_kinds},
    }


def _scores(members: Sequence[BoostedTrees], drawn: Traced) -> Array:
    """Return scores (n,) of drawn pictures; 0 for those without a line."""
    return np.where(drawn.has, beat_scores(members, drawn.value, drawn.found), 0.0)


def _share_to_accept(
    training_data: _BeatTrainingData, check: Traced, non_beat: Traced, kind: NDArray[np.str_]
) -> tuple[float, float]:
    """Return the share of held-out beats to accept, and that of pictures of unknown kinds that are then accepted.

    Each kind is read by trees that were not trained on it, with the threshold that these trees would have.
    """
    names = [name for name in dict.fromkeys(kind.tolist()) if name != "mixed"]
    taken = []
    for fold in range(KIND_FOLDS):
        left_out = names[fold::KIND_FOLDS]
        members = (training_data.fitted(fold, left_out),)
        least = np.quantile(_scores(members, check), 1 - np.array(ACCEPTED))
        taken.append(_scores(members, non_beat.at(np.isin(kind, left_out)))[:, None] >= least)
    shares = np.concatenate(taken).mean(axis=0)
    chosen = next((i for i, share in enumerate(shares) if share <= MAX_NEW_KINDS), len(ACCEPTED) - 1)
    return ACCEPTED[chosen], round(float(shares[chosen]), 4)


# Which class? ------------------------------------------------------------------------------------------------------


def _class_member(shapes: Shapes, fold: int) -> BoostedTrees:
    """Train a member of the class head without the patients of one group."""
    rng = np.random.default_rng((SEED, 9, fold))
    windows = shapes.labelled.at(~np.isin(shapes.labelled.record, FOLDS[fold]))
    parts = [_class_training_data(windows, CLASS_COUNTS, rng)]
    for source, counts in ((shapes.svdb, SVDB_COUNTS), (shapes.normal, NORMAL_COUNTS)):
        if source is not None:
            parts.append(_class_training_data(source, counts, rng))
    rows, label = (np.concatenate(column) for column in zip(*parts, strict=True))
    rows = np.where(rng.random((len(rows), 1)) < FLIPPED, 1 - rows, rows)
    learner = HistGradientBoostingClassifier(
        **CLASS_TREES, max_features=CLASS_FEATURES, early_stopping=False, random_state=fold
    )
    return from_scikit_learn(learner.fit(shape_measures(rows), label))


def _class_training_data(windows: Windows, counts: Sequence[tuple[str, int]], rng: Rng) -> tuple[FloatArray, IntArray]:
    index = choose_windows(windows, counts, rng)
    return as_traced(cut_traces(windows, index, rng, POINTS, clean=CLEAN), rng), windows.label[index]


def _calibrated(
    trace: Sequence[BoostedTrees], windows: Windows, network: str, config: Config
) -> tuple[dict[str, float], dict[str, float]]:
    """Find the weight of the network's vote, the temperature and the threshold on held-out patients; and areas there.

    Each group of patients is read by the member that was not trained on it. The network's share is found on the first
    group, which it was not trained on either; in the others the trace votes alone.
    """
    votes, labels, rng = [], [], np.random.default_rng((SEED, 8))
    for fold, records in enumerate(FOLDS):
        left_out = windows.of(records)
        index = choose_windows(left_out, CHECKS, rng)
        value, label = cut_traces(left_out, index, rng, POINTS), left_out.label[index]
        vote = trace_logits((trace[fold],), value)
        if fold == 0:
            of_network = registry.load(network).logits(draw(trace_content(value, config.picture), config.picture))
            share = _network_share(vote, of_network, label)
            vote = blended(vote, of_network, share)
        votes.append(vote)
        labels.append(label)
    logits, label = np.concatenate(votes).astype(np.float64), np.concatenate(labels)
    temperature = fit_temperature(logits, label)
    abnormal = 1 - softmax(logits, temperature=temperature)[:, 0]
    shape = np.isin(label, (0, 2, 3))  # the shape of S is not informative
    threshold = equal_cost_threshold(abnormal[shape], label[shape] != 0)
    found = {"network_share": share, "temperature": round(temperature, 4), "threshold": round(threshold, 3)}
    return found, {"auc_v": _area(abnormal, label, (2,)), "auc_vf": _area(abnormal, label, (2, 3))}


def _area(score: Array, label: IntArray, abnormal: tuple[int, ...]) -> float:
    """Return the area under the ROC curve of some classes against N."""
    kept = np.isin(label, (0, *abnormal))
    return round(float(roc_auc_score(label[kept] > 0, score[kept])), 4)


def _network_share(of_trace: FloatArray, of_network: FloatArray, label: IntArray) -> float:
    """Return the share of the network's vote that fits best, each share with its own temperature."""

    def loss(share: float) -> float:
        logits = blended(of_trace, of_network, share).astype(np.float64)
        return negative_log_likelihood(softmax(logits, temperature=fit_temperature(logits, label)), label)

    return round(float(min(np.linspace(0, 0.9, 10), key=loss)), 2)
