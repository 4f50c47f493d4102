"""What rhythms and quality add to the analysis of a day: `python -m benchmarks.rhythm_day [--hours 24] [--rounds 2]`.

`--write` keeps the figures in docs/experiments/rhythm_day.json.

The day is the 48 half hours of the MIT-BIH database in a row. It is analysed with and without masks, noise, refined
peaks and rhythms, in turn, in one process: what they add is the difference, and the ratio of the two does not depend on
the machine. The steps are timed one by one as well, within the analyses with all of them.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final
from unittest.mock import patch

import numpy as np

from benchmarks.results import RhythmDay, Seconds
from pipeline._util.files import write_json
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import to_json
from pipeline.analysis import BeatClassifier, analyse, load_classifier
from pipeline.config import RECORDING_NETWORK, ROOT
from pipeline.rhythm.pacing import Pacing
from pipeline.signal.artefacts import Masked
from pipeline.signal.noise import NoiseVerdicts
from pipeline.types import Analysis, Episode, Recording

REPORT: Final = ROOT / "docs" / "experiments" / "rhythm_day.json"


@dataclass(frozen=True)
class Step:
    """A step of the analysis: its title, where it is looked up, and what stands in for it."""

    title: str
    place: str
    instead: Callable[..., Any]


def no_noise(conditioned: Any, *_: Any, **__: Any) -> NoiseVerdicts:
    """One window without noise."""
    leads = conditioned.signal.shape[1]
    end_s = np.array([len(conditioned.signal) / conditioned.fs])
    none = np.zeros(1, np.float32)
    return NoiseVerdicts(np.zeros(1), end_s, none, np.zeros((leads, 1), np.float32), none)


def unpaced(context: Any, *_: Any) -> Pacing:
    """No beat is paced."""
    none = np.zeros(len(context), np.bool_)
    return Pacing(none, none, np.zeros(len(context), np.float32), False)


def only_sinus(context: Any, *_: Any) -> tuple[Episode, ...]:
    """One episode for the whole day."""
    return (Episode(0.0, context.duration_s, "N"),)


STEPS = (
    Step("artefacts masked", "pipeline.signal.reading.find_artefacts", lambda recording, *_: Masked(recording)),
    Step("noise judged", "pipeline.signal.reading.judge_noise", no_noise),
    Step("peaks refined", "pipeline.analysis.refined", lambda lead, r_peak, *_: r_peak.astype(np.float64)),
    Step(
        "peaks asked to stand out", "pipeline.analysis.standing_out", lambda _, r_peak: np.ones(r_peak.size, np.bool_)
    ),
    Step("sampling frequency doubted", "pipeline.analysis.doubtful_factor", lambda *_: 1.0),
    Step("pacing", "pipeline.analysis.read_pacing", unpaced),
    Step("rhythms in the signal", "pipeline.analysis.find_in_signal", lambda *_: []),
    Step("rhythms in the beats", "pipeline.analysis.episodes", only_sinus),
    Step("false S of interpolated beats", "pipeline.analysis.without_false_s", lambda p, *_: p),
)


@contextmanager
def without() -> Iterator[None]:
    """Analyses without the steps."""
    with ExitStack() as stack:
        for step in STEPS:
            stack.enter_context(patch(step.place, step.instead))
        yield


@contextmanager
def watched(spent: dict[str, list[float]]) -> Iterator[None]:
    """Analyses with the steps, whose processor seconds are added to `spent`."""

    def timed(title: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any, **options: Any) -> Any:
            start = time.process_time()
            try:
                return work(*arguments, **options)
            finally:
                spent[title].append(time.process_time() - start)

        return run

    with ExitStack() as stack:
        for step in STEPS:
            module, _, name = step.place.rpartition(".")
            original = getattr(__import__(module, fromlist=[name]), name)
            stack.enter_context(patch(step.place, timed(step.title, original)))
        yield


def measured(recording: Recording, classifier: BeatClassifier) -> tuple[Analysis, float, float]:
    """An analysis, and its wall and processor seconds."""
    start, used = time.perf_counter(), time.process_time()
    analysis = analyse(recording, classifier)
    return analysis, time.perf_counter() - start, time.process_time() - used


def main(hours: float, rounds: int, *, write: bool = False) -> None:
    """Print the table, and write it if asked to."""
    logging.disable(logging.WARNING)  # Streamlit's warning that there is no browser
    from benchmarks.day import day

    recording = day()
    some = round(hours * 3600 * recording.fs)
    recording = replace(recording, p_signal=recording.p_signal[:some])
    classifier = load_classifier(RECORDING_NETWORK)
    analyse(replace(recording, p_signal=recording.p_signal[: round(600 * recording.fs)]), classifier)  # warm
    spent: dict[str, list[float]] = defaultdict(list)
    load = os.getloadavg()[0]
    plain: list[tuple[float, float]] = []
    full: list[tuple[float, float]] = []
    for _ in range(rounds):
        with without():
            plain.append(measured(recording, classifier)[1:])
        with watched(spent):
            analysis, wall, used = measured(recording, classifier)
            full.append((wall, used))
    found = RhythmDay(
        provenance=Provenance("python -m benchmarks.rhythm_day --write", current_commit(), "mitdb, in a row", now()),
        hours=round(recording.duration_s / 3600, 2),
        rounds=rounds,
        load=round(load, 1),
        without=_best(plain),
        with_rhythms=_best(full),
        added=Seconds(*(round(min(t[i] for t in full) - min(t[i] for t in plain), 2) for i in (0, 1))),
        steps={step.title: round(sum(spent[step.title]) / rounds, 2) for step in STEPS},
    )
    print(f"{recording.duration_s / 3600:.1f} h, {len(recording.leads)} leads: {len(analysis.sample)} beats, "
          f"{len(analysis.rhythm)} episodes")  # fmt: skip
    print(f"{'':40}{'wall':>9}{'CPU':>9}   seconds, best of {rounds}")
    for title, seconds in {"without": found.without, "with": found.with_rhythms}.items():
        print(f"{title:40}{seconds.wall:9.2f}{seconds.processor:9.2f}")
    print(f"{'added':40}{found.added.wall:9.2f}{found.added.processor:9.2f}   aim 4, at most 8 in 24 h")
    ratio = statistics.median(f[1] / p[1] for f, p in zip(full, plain, strict=True))
    print(f"{'with, as a multiple of without':40}{'':9}{ratio:9.2f}   median over pairs")
    for step, spent_s in found.steps.items():
        print(f"{'  ' + step:40}{'':9}{spent_s:9.2f}")
    if write:
        write_json(REPORT, to_json(found))


def _best(times: Sequence[tuple[float, float]]) -> Seconds:
    return Seconds(*(round(min(each[i] for each in times), 2) for i in (0, 1)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    main(options.hours, options.rounds, write=options.write)
