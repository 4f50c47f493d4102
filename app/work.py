"""From bytes to an open case, as the Analyse page asks for it. No st.*."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from app import cache
from app.findings import Case
from app.text import duration
from models import registry
from pipeline.analysis import Progress, classify, prepare
from pipeline.config import DEFAULT
from pipeline.domain import Recording
from pipeline.errors import ModelError
from pipeline.store.results import load_analysis, save_analysis

PREFERRED = "vgg16"
FIRST_BEAT = 0.1  # the fraction at which `classify` begins with the beats


def default_network() -> str:
    """The network to start with.

    Raises
    ------
    ModelError
        If no trained network is there.
    """
    names = registry.available()
    if not names:
        raise ModelError("No trained network was found in models/weights; run `python -m pipeline train`.")
    return PREFERRED if PREFERRED in names else names[0]


def open_case(recording: Recording, network: str, leads: tuple[str, ...] | None, progress: Progress) -> Case:
    """The analysed recording: from the cache on disk if these bytes, leads and weights were analysed before.

    TensorFlow is imported only if they were not.

    Raises
    ------
    SignalError
        If the recording cannot be analysed.
    ModelError
        If the network cannot be used.
    """
    progress(0.0, "Filtering the signal and finding R peaks")
    prepared = prepare(recording, DEFAULT, leads=leads)
    version = registry.manifest(network).version
    stored = load_analysis(recording.digest, version, DEFAULT, leads)
    if stored is not None and stored.sample.size == len(prepared.beats):
        return Case(recording, prepared, replace(stored, record=recording.name))
    progress(0.08, "Loading the network")
    analysis = classify(prepared, cache.classifier(network), DEFAULT, progress=progress)
    save_analysis(analysis, DEFAULT, leads)
    return Case(recording, prepared, analysis)


def throttled(report: Callable[[float, str], None], clock: Callable[[], float] = time.monotonic) -> Progress:
    """A progress callback that drops steps of less than one per cent and says how long the rest will take.

    The time left is told once five seconds have been seen, from the pace since the first step that did any work.
    """
    last, pace_from = -1.0, (0.0, clock())

    def step(fraction: float, sentence: str) -> None:
        nonlocal last, pace_from
        if fraction - last < 0.01 and fraction < 1:
            return
        if last < FIRST_BEAT <= fraction:
            pace_from = (fraction, clock())
        last = fraction
        done, elapsed = fraction - pace_from[0], clock() - pace_from[1]
        if done > 0 and elapsed > 5 and fraction < 1:
            sentence = f"{sentence}, about {duration(elapsed / done * (1 - fraction))} left"
        report(min(max(fraction, 0.0), 1.0), sentence)

    return step
