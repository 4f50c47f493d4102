"""From DS1 and drawn pictures to the heads for uploaded pictures: models/weights/NETWORK/pictures.*; ADR 0012."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier

from models import registry
from models.pictures import (
    POINTS,
    Dense,
    beat_inputs,
    blended,
    trace_logits,
    traces,
    write_head,
)
from pipeline.analysis import prepare
from pipeline.config import DEFAULT, Config, data_root
from pipeline.datasets.splits import DS1
from pipeline.domain import FloatArray, IntArray, PictureArray
from pipeline.errors import DataError, IntakeError
from pipeline.evaluate.calibration import fit_temperature, negative_log_likelihood, softmax
from pipeline.evaluate.run import current_commit
from pipeline.intake import read_path
from pipeline.intake.beat_picture import trace_picture
from pipeline.labels import AAMI_CLASSES, aami_class
from pipeline.render.picture import draw, trace_content
from pipeline.signal.windows import gather
from pipeline.train.lesson import PACED_TRAINING, VALIDATION
from pipeline.train.not_beats import CURVES, TRAINING_KINDS, draw_not_beat
from pipeline.train.picture_styles import TRAINING_STYLES, Rng, draw_styled

Progress = Callable[[float, str], None]

SEED: Final = 20261122
BEFORE_S, AFTER_S = 0.6, 0.9  # what is kept of a beat, around its R peak
BEATS_PER_CLASS: Final = 250  # of each record, and a third as many again from its second lead
TRACES: Final = (("N", 16_000), ("S", 3_000), ("V", 11_000), ("F", 2_500), ("Q", 1_500))  # the class head learns from
CHECKS: Final = (("N", 300), ("S", 100), ("V", 200), ("F", 19))  # of held-out patients, to calibrate it
PICTURES_PER_STYLE, CHECKS_PER_STYLE, PICTURES_PER_KIND = 48, 16, 16  # what the beat head learns from
DIRECT_TRACES: Final = 24_000  # beats, and as many other curves, that it learns from without a picture
ACCEPTED: Final = 0.98  # of pictures of beats of held-out patients


@dataclass(frozen=True, eq=False)
class Windows:
    """Stretches `curve` (n, m) around R peaks, at the working frequency, with class index and record."""

    curve: FloatArray
    label: IntArray
    record: NDArray[np.str_]
    fs: float

    def of(self, records: Sequence[str]) -> Windows:
        """Those of some records."""
        kept = np.isin(self.record, list(records))
        return Windows(self.curve[kept], self.label[kept], self.record[kept], self.fs)


@dataclass(frozen=True, eq=False)
class Traced:
    """Traces (n, `POINTS`) that were found in pictures, with what `BeatTrace.finding` says (n, 7)."""

    value: FloatArray
    finding: FloatArray
    drawn: int  # pictures, also those without a trace


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
    started, rng = time.monotonic(), np.random.default_rng(SEED)
    training = tuple(record for record in DS1 if record not in VALIDATION)
    progress(0.0, "Reading the beats")
    windows = load_windows((*DS1, *PACED_TRAINING), data_dir or data_root(), config)
    learnt, held_out = windows.of((*training, *PACED_TRAINING)), windows.of(VALIDATION)
    progress(0.1, "Learning the classes of traces")
    trace = _class_head(learnt, rng)
    beat, accept_from, counts = _beat_head(learnt, held_out, rng, progress)
    progress(0.9, "Calibrating on the held-out patients")
    facts = _calibrated(trace, held_out, network, config, rng)
    facts |= {
        "network": network,
        "network_sha256": registry.manifest(network).sha256,
        "classes": list(AAMI_CLASSES),
        "accept_from": accept_from,
        "command": "python -m pipeline train --model pictures",
        "commit": current_commit(),
        "seed": SEED,
        "train_records": [*training, *PACED_TRAINING],
        "validation_records": list(VALIDATION),
        "traces": sum(count for _, count in TRACES),
        **counts,
        "minutes": round((time.monotonic() - started) / 60, 1),
    }
    return write_head(facts, beat, trace, output_dir or registry.WEIGHTS)


def load_windows(records: Sequence[str], root: Path, config: Config) -> Windows:
    """At most `BEATS_PER_CLASS` beats of each class and record; of paced records, class Q alone.

    Raises
    ------
    DataError
        If the MIT-BIH database is not in `root`.
    """
    if not (root / "mitdb").is_dir():
        raise DataError(f"The MIT-BIH database is not in {str(root)!r}; run `python -m pipeline data` first.")
    parts = [_record_windows(record, root / "mitdb", config) for record in records]
    curves, labels, names = (np.concatenate([part[i] for part in parts]) for i in range(3))
    return Windows(curves.astype(np.float32), labels, names, config.signal.working_fs_hz)


def _record_windows(record: str, folder: Path, config: Config) -> tuple[NDArray[Any], ...]:
    recording = read_path(folder / f"{record}.hea", config=config)
    assert recording.reference is not None
    beats = prepare(recording, config, samples=recording.reference.sample).beats
    label = np.array([AAMI_CLASSES.index(aami_class(symbol) or "Q") for symbol in recording.reference.symbol])
    usable = np.array([not reason for reason in beats.reason])
    paced = recording.name in (*PACED_TRAINING, "217")
    offsets = np.arange(-round(BEFORE_S * beats.fs), round(AFTER_S * beats.fs) + 1)
    rng, curves, labels = np.random.default_rng((SEED, int(record))), [], []
    for index in range(len(AAMI_CLASSES)):
        if (index == AAMI_CLASSES.index("Q")) != paced:
            continue
        chosen = rng.permutation(np.flatnonzero(usable & (label == index)))[:BEATS_PER_CLASS]
        for lead in range(beats.signal.shape[1]):
            of_lead = chosen[:: 1 if lead == 0 else 3]
            curves.append(gather(beats.signal[:, lead], beats.r_peak[of_lead][:, None] + offsets))
            labels.append(np.full(of_lead.size, index))
    return np.concatenate(curves), np.concatenate(labels), np.full(sum(map(len, labels)), record)


def cut_traces(windows: Windows, index: IntArray, rng: Rng) -> FloatArray:
    """Traces (n, POINTS) in 0..1 of windows at `index`, cut as pictures are: from R in the middle to R at the start."""
    before, after = _borders(index.size, rng)
    seconds = -before[:, None] + (before + after)[:, None] * np.linspace(0, 1, POINTS)
    position = (seconds + BEFORE_S) * windows.fs
    left = np.floor(position).astype(np.int64)
    share = position - left
    rows = index[:, None]
    cut = windows.curve[rows, left] * (1 - share) + windows.curve[rows, left + 1] * share
    height = np.ptp(cut, axis=1, keepdims=True) + 1e-6
    cut = cut + height * rng.normal(0, 1, cut.shape) * np.abs(rng.normal(0, 0.012, (index.size, 1)))
    cut = cut + height * rng.normal(0, 0.05, (index.size, 1)) * np.linspace(-0.5, 0.5, POINTS)
    return unit(cut)


def _borders(count: int, rng: Rng) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Seconds before and after R: three in ten pictures have R in the middle."""
    before = rng.uniform(0.0, 0.30, count)
    least = np.maximum(0.2, 0.8 * before)
    after = rng.uniform(least, np.maximum(0.3, np.minimum(0.6, 1.6 * before + 0.25)))
    centred = rng.random(count) < 0.3
    before[centred] = after[centred] = rng.uniform(0.22, 0.30, int(centred.sum()))
    return before, after


def unit(values: NDArray[Any]) -> FloatArray:
    """Rows (n, m) scaled to 0..1 each."""
    low, high = values.min(axis=1, keepdims=True), values.max(axis=1, keepdims=True)
    return np.asarray((values - low) / np.maximum(high - low, 1e-6), np.float32)


def choose(windows: Windows, counts: Sequence[tuple[str, int]], rng: Rng) -> IntArray:
    """Indices of so many windows per class; a record's chance grows with the square root of its windows."""
    chosen = []
    for aami, count in counts:
        index = np.flatnonzero(windows.label == AAMI_CLASSES.index(aami))
        if index.size:
            _, owner, sizes = np.unique(windows.record[index], return_inverse=True, return_counts=True)
            weight = 1 / np.sqrt(sizes[owner])
            chosen.append(rng.choice(index, count, p=weight / weight.sum()))
    return np.concatenate(chosen)


def _class_head(windows: Windows, rng: Rng) -> Dense:
    index = choose(windows, TRACES, rng)
    model = MLPClassifier((128, 64), alpha=1.0, max_iter=14, batch_size=256, random_state=SEED)
    return _fitted(model, cut_traces(windows, index, rng), windows.label[index], scaled=False)


def _beat_head(learnt: Windows, held_out: Windows, rng: Rng, progress: Progress) -> tuple[Dense, float, dict[str, int]]:
    """The head that tells beats from all else, the score from which it accepts, and how many pictures it saw."""
    beats = drawn_beats(learnt, TRAINING_STYLES, PICTURES_PER_STYLE, rng, lambda f: progress(0.15 + 0.35 * f, "Beats"))
    others = drawn_others(learnt, rng, lambda f: progress(0.5 + 0.3 * f, "Other pictures"))
    checks = drawn_beats(held_out, TRAINING_STYLES, CHECKS_PER_STYLE, rng, lambda f: progress(0.8 + 0.1 * f, "Checks"))
    index = rng.integers(0, len(learnt.label), DIRECT_TRACES)
    kinds = [kind for kind in TRAINING_KINDS if kind in CURVES]
    curves = [CURVES[kinds[i % len(kinds)]](rng, beats.value) for i in range(DIRECT_TRACES)]
    parts = (
        (beats.value, beats.finding, 1),
        (cut_traces(learnt, index, rng), _borrowed(beats, rng), 1),
        (others.value, others.finding, 0),
        (unit(traces(curves)), _borrowed(beats, rng), 0),
    )
    inputs = np.concatenate([beat_inputs(list(value), finding) for value, finding, _ in parts])
    label = np.concatenate([np.full(len(value), answer) for value, _, answer in parts])
    head = _fitted(MLPClassifier((128, 64), alpha=0.5, max_iter=14, batch_size=256, random_state=SEED), inputs, label)
    score = 1 / (1 + np.exp(-head(beat_inputs(list(checks.value), checks.finding))[:, 0]))
    counts = {"beat_pictures": beats.drawn, "other_pictures": others.drawn}
    return head, round(float(np.quantile(score, 1 - ACCEPTED)), 4), counts


def _borrowed(beats: Traced, rng: Rng) -> FloatArray:
    """How traces without a picture might have been found: as those in pictures were."""
    return beats.finding[rng.integers(0, len(beats.finding), DIRECT_TRACES)]


def drawn_beats(
    windows: Windows, styles: Sequence[str], count: int, rng: Rng, progress: Callable[[float], None]
) -> Traced:
    """The traces found in `count` pictures of beats in each of the styles."""
    return traced(_beat_pictures(windows, styles, count, rng), len(styles) * count, progress)


def _beat_pictures(windows: Windows, styles: Sequence[str], count: int, rng: Rng) -> Iterator[PictureArray]:
    for style in styles:
        index = choose(windows, [(aami, count // 4) for aami in "NSVF"], rng)
        yield from (draw_styled(value, style, rng) for value in cut_traces(windows, index, rng))


def drawn_others(windows: Windows, rng: Rng, progress: Callable[[float], None]) -> Traced:
    """The traces found in pictures that are no beats."""
    beats = cut_traces(windows, rng.integers(0, len(windows.label), 200), rng)
    kinds = [kind for kind in TRAINING_KINDS for _ in range(PICTURES_PER_KIND)]
    return traced((draw_not_beat(kind, rng, beats) for kind in kinds), len(kinds), progress)


def traced(pictures: Iterable[PictureArray], count: int, progress: Callable[[float], None]) -> Traced:
    """The traces that are found in `count` pictures (h, w, 3)."""
    values, findings = [], []
    for number, picture in enumerate(pictures):
        try:
            _, row, finding = trace_picture(picture)
        except IntakeError:
            continue
        finally:
            progress((number + 1) / count)
        values.append((row.max() - row) / (row.max() - row.min()))
        findings.append(finding)
    return Traced(traces(values), np.stack(findings), count)


def _calibrated(trace: Dense, windows: Windows, network: str, config: Config, rng: Rng) -> dict[str, Any]:
    """How much the network's vote weighs, the temperature and the threshold, from held-out patients."""
    index = choose(windows, CHECKS, rng)
    value, label = cut_traces(windows, index, rng), windows.label[index]
    of_network = registry.load(network).logits(draw(trace_content(value, config.picture), config.picture))
    of_trace = trace_logits(trace, list(value))
    best: tuple[float, float, float] | None = None
    for share in np.linspace(0, 0.9, 10):
        logits = blended(of_trace, of_network, float(share)).astype(np.float64)
        temperature = fit_temperature(logits, label)
        loss = negative_log_likelihood(softmax(logits, temperature=temperature), label)
        if best is None or loss < best[0]:
            best = (loss, float(share), temperature)
    assert best is not None
    p = softmax(blended(of_trace, of_network, best[1]).astype(np.float64), temperature=best[2])
    threshold = _balanced_threshold(1 - p[:, 0], label)
    return {"network_share": round(best[1], 2), "temperature": round(best[2], 4), "threshold": round(threshold, 3)}


def _balanced_threshold(score: NDArray[np.float64], label: IntArray) -> float:
    """Where sensitivity for V and F and specificity are best together; the shape of S says nothing."""
    abnormal, normal = np.isin(label, (2, 3)), label == 0
    candidates = np.linspace(0.02, 0.98, 97)
    return float(
        candidates[np.argmax([(score[abnormal] >= t).mean() + (score[normal] < t).mean() for t in candidates])]
    )


def _fitted(model: MLPClassifier, inputs: FloatArray, label: IntArray, *, scaled: bool = True) -> Dense:
    mean = inputs.mean(axis=0) if scaled else np.full(inputs.shape[1], 0.4, np.float32)
    scale = inputs.std(axis=0) + 1e-3 if scaled else np.ones(inputs.shape[1], np.float32)
    model.fit(((inputs - mean) / scale).astype(np.float32), label)
    layers = tuple((w.astype(np.float32), b.astype(np.float32)) for w, b in
                   zip(model.coefs_, model.intercepts_, strict=True))  # fmt: skip
    return Dense(mean.astype(np.float32), scale.astype(np.float32), layers)
