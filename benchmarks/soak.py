"""Whether memory grows over 50 000 predictions, and two hours of use: `python -m benchmarks.soak [--write]`.

The pictures of the demo recording are answered again and again, all of them and parts of any size in turn. All of them
must get the same answers to the bit, also in another process; parts may differ as `models.registry` tolerates. Memory
is noted every 1 000 predictions in a log in runs/soak: a run that was interrupted goes on where it was (`--anew` begins
again). `--write` writes docs/experiments/soak.json and the lines of docs/scaling.md with what was reached so far;
`--predictions 0 --write` does only that.

`--use 30` lets one person analyse and one review on a server of their own (`benchmarks.sessions`), ten times as fast as
people, until two hours of such use are over, or 30 minutes by the clock.

`--epochs 10` trains the network in the same process afterwards. oneDNN at its default was observed to corrupt the heap
with other networks; pin a TensorFlow version only if this ends without an error.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.scale_results import ManyPredictions, MemoryPoint, ServedSessions, Soak
from benchmarks.sessions import run, wrapped
from benchmarks.stages import memory_mb
from models import registry
from models.fit import FitPlan, fit
from models.registry import GOLDEN_TOLERANCE, Classifier
from pipeline._util.files import write_json
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import read_as, to_json
from pipeline.analysis import prepare
from pipeline.config import DEFAULT, ROOT, data_root, runs_root
from pipeline.datasets import demo_path
from pipeline.features.beat_image import render_pictures
from pipeline.intake import read_path

REPORT: Final = ROOT / "docs" / "experiments" / "soak.json"
PAGE: Final = ROOT / "docs" / "scaling.md"
MARKS: Final = ("<!-- soak:start -->", "<!-- soak:end -->")
SESSIONS, PACE, HOURS = 2, 10.0, 2.0  # of the use
BATCH: Final = 64  # of the training
EVERY: Final = 1000  # predictions between two notes
POINTS: Final = 25  # of memory that are written
WARM_UP: Final = 0.1  # of a process's predictions, which its memory is compared with


@dataclass(frozen=True)
class Note:
    """What a process, named by when it began, had done: predictions of all and its own, its processor time, memory."""

    process: str
    total: int
    own: int
    cpu_s: float
    memory_mb: float
    load: float


def log_of(network: str) -> Path:
    """Return the log of a network."""
    return runs_root() / "soak" / registry.manifest(network).version / "log.jsonl"


def notes(log: Path) -> list[Note]:
    """Return what was noted; a line that was cut off when a process ended is left out."""
    lines = log.read_text("utf-8").split("\n")[:-1] if log.is_file() else []
    return [Note(**json.loads(line)) for line in lines]


def predict_many(network: Classifier, pictures: NDArray[np.uint8], wanted: int, log: Path) -> None:
    """Answer until so many predictions are in the log, all told."""
    total, own = (before[-1].total if (before := notes(log)) else 0), 0
    first = _first_answers(network, pictures, log.with_name("answers.npy"))
    process, noted = now(), 0
    rng = np.random.default_rng(len(before))
    while total + own < wanted:
        if not np.array_equal(network.predict(pictures), first):
            raise SystemExit("The same pictures got other answers.")
        start, stop = np.sort(rng.choice(len(pictures) + 1, 2, replace=False))
        if np.abs(network.predict(pictures[start:stop]) - first[start:stop]).max() > GOLDEN_TOLERANCE:
            raise SystemExit(f"Pictures {start} to {stop} alone got other answers than among all.")
        own += len(pictures) + int(stop - start)
        if own - noted >= EVERY:
            noted = own
            load = os.getloadavg()[0]
            note = Note(process, total + own, own, round(time.process_time(), 2), round(memory_mb("VmRSS"), 1), load)
            with log.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(note)) + "\n")


def _first_answers(network: Classifier, pictures: NDArray[np.uint8], file: Path) -> NDArray[np.float32]:
    if not file.is_file():
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, network.predict(pictures))
    found: NDArray[np.float32] = np.load(file)
    return found


def summary(network: str, noted: list[Note]) -> ManyPredictions:
    """Return the log in numbers."""
    processes = [list(group) for _, group in groupby(noted, lambda note: note.process)]
    longest = max(processes, key=lambda group: group[-1].own)
    shown = longest[:: max(1, -(-len(longest) // POINTS))]
    return ManyPredictions(
        network=network,
        predictions=noted[-1].total,
        processes=len(processes),
        cpu_s=round(sum(group[-1].cpu_s for group in processes), 1),
        load=round(float(np.mean([note.load for note in noted])), 1),
        growth_mb=round(max(_growth_mb(group) for group in processes), 1),
        memory=tuple(MemoryPoint(note.own, note.memory_mb) for note in [*shown, longest[-1]]),
    )


def _growth_mb(group: list[Note]) -> float:
    """By how much a process grew since it had done a tenth; no less than 0, lest one hides what another does."""
    warm = next(note for note in group if note.own >= WARM_UP * group[-1].own)
    return max(0.0, group[-1].memory_mb - warm.memory_mb)


def train(name: str, pictures: NDArray[np.uint8], labels: NDArray[np.int64], epochs: int) -> None:
    """Train the network on its own answers, and check that the loss is finite."""
    rng, steps = np.random.default_rng(0), len(pictures) // BATCH

    def batches(epoch: int) -> object:
        order = rng.permutation(len(pictures))
        return ((pictures[order[i : i + BATCH]], labels[order[i : i + BATCH]]) for i in range(0, steps * BATCH, BATCH))

    with tempfile.TemporaryDirectory() as folder:
        shape = registry.manifest(name).input_shape
        plan = FitPlan(name, shape, 5, epochs, steps, BATCH, 1, data_root() / "weights", Path(folder))
        result = fit(plan, batches, lambda logits: {"val_loss": 0.0}, lambda fraction, sentence: None)
    if not np.isfinite(result.history["loss"]).all():
        raise SystemExit("The loss is not finite.")


def main() -> None:
    """Run what is asked for, and report what was reached."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--network", default="vgg16")
    parser.add_argument("--predictions", type=int, default=50_000, help="in all, those of earlier runs included")
    parser.add_argument("--epochs", type=int, default=0, help="of a training afterwards, in the same process")
    parser.add_argument("--use", type=float, default=0, metavar="MINUTES", help="of two people on a server, at most")
    parser.add_argument("--anew", action="store_true", help="forget earlier runs")
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.relative_to(ROOT)}")
    options = parser.parse_args()
    log = log_of(options.network)
    if options.anew:
        shutil.rmtree(log.parent, ignore_errors=True)
    if options.predictions or options.epochs:
        network = registry.load(options.network)
        beats = prepare(read_path(demo_path())).beats
        pictures = render_pictures(beats, np.arange(len(beats)), DEFAULT.picture)
        predict_many(network, pictures, options.predictions, log)
        if options.epochs:
            train(options.network, pictures, network.predict(pictures).argmax(axis=1), options.epochs)
    use = used(options.use) if options.use else None
    if options.write:
        print(written(options.network, notes(log), use))


def used(minutes: float) -> ServedSessions:
    """Let one person analyse and one review."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        return run(SESSIONS, minutes, PACE, Path(folder), hours=HOURS)


def written(network: str, noted: list[Note], use: ServedSessions | None) -> str:
    """Write what was reached, beside what was written before, and return it as Markdown."""
    about = Provenance("python -m benchmarks.soak --write --use 30", current_commit(), demo_path().stem, now())
    before = read_as(Soak, REPORT, again="delete it") if REPORT.is_file() else Soak(about)
    report = Soak(about, summary(network, noted) if noted else before.predictions, use or before.use)
    write_json(REPORT, to_json(report))
    head, _, rest = PAGE.read_text("utf-8").partition(MARKS[0])
    text = markdown(report)
    PAGE.write_text(f"{head}{MARKS[0]}\n{text}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}", "utf-8")
    return text


def markdown(report: Soak) -> str:
    """Return the report as Markdown."""
    lines = []
    if (many := report.predictions) is not None:
        places = "one process" if many.processes == 1 else f"{many.processes} processes"
        lines.append(
            f"- {many.predictions:,} pictures answered by `{many.network}` in {places}: no error, the same answers "
            f"throughout, and {many.growth_mb:.0f} MB more at the end than after a tenth of them "
            f"({many.memory[-1].memory_mb:,.0f} MB)."
        )
    if (use := report.use) is not None:
        lines.append(
            f"- {use.hours_of_use:.1f} hours of use by {use.sessions} people within {use.minutes:.0f} minutes, at a "
            f"load of {use.load:g}: {use.analysed} recordings of 30 minutes analysed, {use.lost_jobs} lost; "
            f"{use.decisions} decisions, {use.lost_decisions} lost; {use.wrong_pages} of {use.pages_checked:,} pages "
            f"with the wrong recording; {len(use.errors)} errors. From the second fifth to the last the server grew by "
            f"{use.growth_mb:.0f} MB, to {use.memory[-1].memory_mb:,.0f} MB, and its worker by "
            f"{use.worker_growth_mb:.0f} MB."
        )
        lines += [f"- Error: {error}" for error in use.errors]
    return "\n".join(wrapped(line) for line in lines)


if __name__ == "__main__":
    main()
