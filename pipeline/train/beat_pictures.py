"""From DS1 and drawn pictures to the heads for uploaded pictures: models/weights/NETWORK/pictures.*; ADR 0012."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models import registry
from models.pictures import beat_extras, blended, shape_measures, trace_logits, write_head
from models.trace_net import POINTS, Lesson, TraceNet, teach
from pipeline.config import DEFAULT, Config, data_root
from pipeline.datasets.splits import DS1
from pipeline.domain import FloatArray, IntArray
from pipeline.evaluate.calibration import fit_temperature, negative_log_likelihood, softmax
from pipeline.evaluate.run import current_commit
from pipeline.labels import AAMI_CLASSES
from pipeline.render.picture import draw, trace_content
from pipeline.train.beat_windows import (
    SEED,
    Rng,
    Windows,
    choose,
    cut_traces,
    fairly,
    load_unlabelled,
    load_windows,
    unit,
)
from pipeline.train.curves import mixed_curve, unlike_beats
from pipeline.train.lesson import PACED_TRAINING, VALIDATION
from pipeline.train.not_beats import CURVES, PICTURES, other_picture
from pipeline.train.picture_set import Sketch, Traced, resampled, traced
from pipeline.train.picture_styles import STYLES
from pipeline.train.textbook import textbook_beats

Progress = Callable[[float, str], None]
Step = Callable[[float], None]

# Each member of the class head leaves out one of these groups of patients, whose beats calibrate it; vgg16 did not see
# those of the first.
_REST: Final = tuple(record for record in DS1 if record not in VALIDATION)
FOLDS: Final = (VALIDATION, *(tuple(_REST[i::3]) for i in range(3)))
CLASS_COUNTS: Final = (("N", 6_500), ("S", 250), ("V", 5_000), ("F", 1_200), ("Q", 900))  # in each epoch
CHECKS: Final = (("N", 200), ("V", 130), ("F", 19))  # of each group, to calibrate
CLASS_EPOCHS, BEAT_EPOCHS, BEAT_MEMBERS = 4, 6, 1
PICTURES_PER_STYLE, CHECKS_PER_STYLE, PICTURES_PER_KIND, MIXED_PICTURES = 60, 20, 12, 240
DIRECT_TRACES: Final = 8_000  # in each epoch, beats, and as many other curves, without a picture
CLEAN: Final = 0.35  # of recorded beats are averaged and smooth
LUDB_SHARE, TEXTBOOK_SHARE = 0.25, 0.2  # of beats that the beat head learns from
ACCEPTED: Final = 0.98  # of the beat pictures of held-out patients


@dataclass(frozen=True, eq=False)
class Shapes:
    """Where beats come from: labelled ones of MIT-BIH, and those of LUDB if it is there."""

    labelled: Windows
    unlabelled: Windows | None

    def cut(self, count: int, rng: Rng, points: int) -> FloatArray:
        """Traces (count, points) of beats of all patients, and of textbooks, in random order."""
        drawn, free = round(TEXTBOOK_SHARE * count), 0
        parts = [unit(textbook_beats(drawn, rng, points))]
        if self.unlabelled is not None:
            free = round(LUDB_SHARE * count)
            parts.append(_cut(self.unlabelled, free, rng, points))
        parts.append(_cut(self.labelled, count - drawn - free, rng, points))
        return np.asarray(rng.permutation(np.concatenate(parts)), np.float32)


def run(
    data_dir: Path | None = None,
    output_dir: Path | None = None,
    *,
    network: str = "vgg16",
    config: Config = DEFAULT,
    progress: Progress = lambda fraction, sentence: None,
) -> Path:
    """Train both heads on a network and write `output_dir`/NETWORK/pictures.* (default models/weights).

    Raises
    ------
    DataError
        If the MIT-BIH database is not in `data_dir`.
    ModelError
        If the network cannot be loaded.
    """
    started, rng, root = time.monotonic(), np.random.default_rng(SEED), data_dir or data_root()
    progress(0.0, "Reading the beats")
    windows = load_windows((*DS1, *PACED_TRAINING), root, config)
    learnt, held_out = _split(windows, load_unlabelled(root, config))
    beat, accept_from, counts = _beat_head(learnt, held_out, rng, lambda f: progress(0.05 + 0.55 * f, "Beat or not"))
    trace = TraceNet(
        tuple(
            _class_member(windows, k, lambda f, k=k: progress(0.6 + 0.09 * (k + f), "Classes"))
            for k in range(len(FOLDS))
        )  # type: ignore[misc]
    )
    progress(0.96, "Calibrating on patients left out")
    facts = _calibrated(trace, windows, network, config, rng)
    facts |= {
        "network": network,
        "network_sha256": registry.manifest(network).sha256,
        "classes": list(AAMI_CLASSES),
        "accept_from": accept_from,
        "command": "python -m pipeline train --model pictures",
        "commit": current_commit(),
        "seed": SEED,
        "train_records": [*DS1, *PACED_TRAINING],
        "validation_records": list(VALIDATION),
        "traces": CLASS_EPOCHS * sum(count for _, count in CLASS_COUNTS),
        **counts,
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    return write_head(facts, beat, trace, output_dir or registry.WEIGHTS)


def _cut(windows: Windows, count: int, rng: Rng, points: int) -> FloatArray:
    index = fairly(windows, np.arange(len(windows.label)), count, rng)
    return cut_traces(windows, index, rng, points, clean=CLEAN)


def _split(windows: Windows, unlabelled: Windows | None) -> tuple[Shapes, Shapes]:
    """Patients to learn from and patients to check: those of `VALIDATION`, and every fifth of LUDB."""
    check = np.isin(windows.record, VALIDATION)
    if unlabelled is None:
        return Shapes(windows.at(~check), None), Shapes(windows.at(check), None)
    free = np.isin(unlabelled.record, np.unique(unlabelled.record)[::5])
    return (
        Shapes(windows.at(~check), unlabelled.at(~free)),
        Shapes(windows.at(check), unlabelled.at(free)),
    )


# Is it a beat? -----------------------------------------------------------------------------------------------------


def _beat_head(learnt: Shapes, held_out: Shapes, rng: Rng, progress: Step) -> tuple[TraceNet, float, dict[str, int]]:
    """The head that tells beats from all else, the score from which it accepts, and how many pictures it saw."""
    beats, others = beat_sketches(learnt, PICTURES_PER_STYLE, rng), _other_sketches(learnt, rng)
    checks = beat_sketches(held_out, CHECKS_PER_STYLE, rng)
    drawn = traced([*beats, *others, *checks], lambda f: progress(0.6 * f))
    place = np.arange(len(drawn.has))
    beat = drawn.at((place < len(beats)) & drawn.has)
    other = drawn.at((place >= len(beats)) & (place < len(beats) + len(others)) & drawn.has)
    members = []
    for seed in range(BEAT_MEMBERS):
        lesson_rng, done = np.random.default_rng((SEED, seed)), seed / BEAT_MEMBERS
        members.append(
            teach(
                lambda epoch, g=lesson_rng: _beat_lesson(learnt, beat, other, g),  # type: ignore[misc]
                BEAT_EPOCHS,
                outputs=1,
                seed=seed,
                watch=lambda epoch, _, d=done: progress(0.6 + 0.4 * (d + (epoch + 1) / BEAT_EPOCHS / BEAT_MEMBERS)),  # type: ignore[misc]
            )
        )
    head, check = TraceNet(tuple(members)), drawn.at(place >= len(beats) + len(others))
    score = 1 / (1 + np.exp(-head(check.value, beat_extras(check.value, check.found))[:, 0]))
    score[~check.has] = 0
    counts = {"beat_pictures": len(beats), "other_pictures": len(others)}
    return head, float(np.round(np.quantile(score, 1 - ACCEPTED), 4)), counts


def beat_sketches(shapes: Shapes, count: int, rng: Rng) -> list[Sketch]:
    """`count` pictures of beats in each style, to be drawn."""
    return [
        Sketch("beat", (SEED, 1, int(rng.integers(2**31))), style, curve)
        for style in STYLES
        for curve in shapes.cut(count, rng, 400)
    ]


def _other_sketches(shapes: Shapes, rng: Rng) -> list[Sketch]:
    """Pictures that are no beat, of all kinds, to be drawn."""
    beats, styles = shapes.cut(400, rng, 400), list(STYLES)
    few = [beats[rng.integers(len(beats), size=12)] for _ in range(40)]

    def seed() -> tuple[int, ...]:
        return (SEED, 2, int(rng.integers(2**31)))

    def curve(kind: str, value: FloatArray) -> Sketch:
        return Sketch(kind, seed(), styles[rng.integers(len(styles))], unit(value[None])[0])

    named = [curve(kind, CURVES[kind](rng, beats)) for kind in CURVES for _ in range(PICTURES_PER_KIND)]
    mixed = [curve("mixed", mixed_curve(rng, 400)) for _ in range(MIXED_PICTURES)]
    drawn = [
        Sketch(kind, seed(), draw=other_picture, given=(kind, few[rng.integers(len(few))]))
        for kind in PICTURES
        for _ in range(PICTURES_PER_KIND)
    ]
    return [*named, *mixed, *drawn]


def _beat_lesson(learnt: Shapes, beat: Traced, other: Traced, rng: Rng) -> Lesson:
    """Beats and other curves, without a picture and as found in pictures."""
    beats = learnt.cut(DIRECT_TRACES, rng, POINTS)
    curves = other_curves(DIRECT_TRACES, beats[:1500], rng)
    rows = np.concatenate([beats, curves, beat.value, other.value, other.value])
    # How traces without a picture might have been found: as those in pictures of beats were.
    borrowed = beat.found[rng.integers(len(beat.found), size=len(beats) + len(curves))]
    found = np.concatenate([borrowed, beat.found, other.found, other.found])
    sizes = (len(beats), len(curves), len(beat.value), 2 * len(other.value))
    label = np.repeat(np.array([1, 0, 1, 0], np.float32), sizes)
    order = rng.permutation(len(label))
    return rows[order], beat_extras(rows, found)[order], label[order]


def other_curves(count: int, beats: FloatArray, rng: Rng) -> FloatArray:
    """At most `count` traces (n, POINTS) of curves that are like none of the beats (k, POINTS)."""
    kinds = list(CURVES)
    drawn = [
        mixed_curve(rng, POINTS)
        if rng.random() < 0.65
        else resampled(CURVES[kinds[rng.integers(len(kinds))]](rng, beats))
        for _ in range(count)
    ]
    curves = unit(np.stack(drawn))
    return np.asarray(curves[unlike_beats(curves, beats)], np.float32)


# Which class? ------------------------------------------------------------------------------------------------------


def _class_member(windows: Windows, fold: int, progress: Step) -> dict[str, FloatArray]:
    """A member of the class head that knows nothing of the patients of one group."""
    learnt, rng = windows.at(~np.isin(windows.record, FOLDS[fold])), np.random.default_rng((SEED, 9, fold))

    def lesson(epoch: int) -> Lesson:
        index = rng.permutation(choose(learnt, CLASS_COUNTS, rng))
        rows = cut_traces(learnt, index, rng, POINTS, clean=CLEAN)
        return rows, shape_measures(rows), learnt.label[index]

    return teach(lesson, CLASS_EPOCHS, outputs=len(AAMI_CLASSES), seed=fold, dropout=0.4,
                 watch=lambda epoch, _: progress((epoch + 1) / CLASS_EPOCHS))  # fmt: skip


def _calibrated(trace: TraceNet, windows: Windows, network: str, config: Config, rng: Rng) -> dict[str, Any]:
    """How much the network's vote weighs, the temperature and the threshold, from patients left out.

    Each group of patients is read by the member that does not know it. The network's share is found on the first
    group, which it does not know either; in the others the trace votes alone.
    """
    votes, labels = [], []
    for fold, records in enumerate(FOLDS):
        left_out = windows.of(records)
        index = choose(left_out, CHECKS, rng)
        value, label = cut_traces(left_out, index, rng, POINTS), left_out.label[index]
        vote = trace_logits(TraceNet((trace.members[fold],)), list(value))
        if fold == 0:
            of_network = registry.load(network).logits(draw(trace_content(value, config.picture), config.picture))
            share = _network_share(vote, of_network, label)
            vote = blended(vote, of_network, share)
        votes.append(vote)
        labels.append(label)
    logits, label = np.concatenate(votes).astype(np.float64), np.concatenate(labels)
    temperature = fit_temperature(logits, label)
    threshold = _balanced_threshold(1 - softmax(logits, temperature=temperature)[:, 0], label)
    return {"network_share": share, "temperature": round(temperature, 4), "threshold": round(threshold, 3)}


def _network_share(of_trace: FloatArray, of_network: FloatArray, label: IntArray) -> float:
    """The share of the network's vote with which both fit best, each share with its own temperature."""

    def loss(share: float) -> float:
        logits = blended(of_trace, of_network, share).astype(np.float64)
        return negative_log_likelihood(softmax(logits, temperature=fit_temperature(logits, label)), label)

    return round(float(min(np.linspace(0, 0.9, 10), key=loss)), 2)


def _balanced_threshold(score: NDArray[np.float64], label: IntArray) -> float:
    """Where sensitivity for V and F and specificity are best together; the shape of S says nothing."""
    abnormal, normal = np.isin(label, (2, 3)), label == 0
    candidates = np.linspace(0.02, 0.98, 97)
    return float(
        candidates[np.argmax([(score[abnormal] >= t).mean() + (score[normal] < t).mean() for t in candidates])]
    )
