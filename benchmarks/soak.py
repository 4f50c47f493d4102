"""50 000 predictions and a training in one process: `python -m benchmarks.soak [NETWORK] [PREDICTIONS] [EPOCHS]`.

oneDNN at its default was observed to corrupt the heap with other networks; pin a TensorFlow version only if this
ends with "clean". Prints the memory at the start and at the end as well.
"""

from __future__ import annotations

import resource
import sys
import tempfile
from pathlib import Path

import numpy as np

from models import registry
from models.fit import FitPlan, fit
from pipeline.analysis import prepare
from pipeline.config import DEFAULT, data_root
from pipeline.datasets import demo_path
from pipeline.features.beat_image import render_pictures
from pipeline.intake import read_path

BATCH = 64


def main(name: str, predictions: int, epochs: int) -> None:
    """Run, and report whether all answers stayed the same and finite."""
    network = registry.load(name)
    beats = prepare(read_path(demo_path())).beats
    pictures = render_pictures(beats, np.arange(len(beats)), DEFAULT.picture)
    first, start = network.predict(pictures), _megabytes()
    for _ in range(predictions // len(pictures)):
        if not np.array_equal(network.predict(pictures), first):
            raise SystemExit("The same pictures gave other answers.")
    rng = np.random.default_rng(0)
    labels = first.argmax(axis=1).astype(np.int64)
    steps = len(pictures) // BATCH

    def batches(epoch: int) -> object:
        order = rng.permutation(len(pictures))
        return ((pictures[order[i : i + BATCH]], labels[order[i : i + BATCH]]) for i in range(0, steps * BATCH, BATCH))

    with tempfile.TemporaryDirectory() as folder:
        shape = network.manifest.input_shape
        plan = FitPlan(name, shape, 5, epochs, steps, BATCH, 1, data_root() / "weights", Path(folder))
        result = fit(plan, batches, lambda logits: {"val_loss": 0.0}, lambda fraction, sentence: None)
    if not np.isfinite(result.history["loss"]).all():
        raise SystemExit("The loss is not finite.")
    memory = f"{start:.0f} MB before, {_megabytes():.0f} MB after"
    print(f"{name}: {predictions} predictions, {epochs} epochs: clean; {memory}")


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    given = sys.argv[1:]
    main(
        given[0] if given else "vgg16",
        int(given[1]) if len(given) > 1 else 50_000,
        int(given[2]) if len(given) > 2 else 10,
    )
