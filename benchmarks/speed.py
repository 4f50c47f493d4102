"""Speed of the main job on one 30-minute, two-lead recording, as a table: `python -m benchmarks.speed [RECORD.hea]`.

Every row of the network is also given as a ratio to the network's own forward time in the same run, on the same
machine: that ratio, not the seconds, must not get worse.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from models import registry
from models.runtime import dtype_policy
from pipeline.analysis import classify, prepare
from pipeline.config import DEFAULT, data_root
from pipeline.explain.heatmaps import explain_beat
from pipeline.features.beat_image import render_pictures
from pipeline.features.network_inputs import blocks
from pipeline.intake import read_path

REPEATS = 3


def best_of(work: Callable[[], Any], repeats: int = REPEATS) -> tuple[float, Any]:
    """Shortest wall time in seconds over warm repeats, and the last result."""
    result, times = work(), []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        times.append(time.perf_counter() - start)
    return min(times), result


def main(path: Path) -> None:
    """Print the table."""
    until_peaks, prepared = best_of(lambda: prepare(read_path(path)))
    beats = prepared.beats
    index = np.arange(len(beats))
    drawing, _ = best_of(lambda: render_pictures(beats, index, DEFAULT.picture))
    print(
        f"{prepared.recording.name}: {prepared.recording.duration_s / 60:.0f} min, {len(beats)} beats, {dtype_policy()}"
    )
    print(f"{'read to R peaks':32}{until_peaks:9.3f} s")
    print(f"{'all pictures':32}{drawing:9.3f} s {len(beats) / drawing:9.0f} pictures/s")
    for name in registry.available():
        network = registry.load(name)
        given = [block.inputs for block in blocks(beats, network.preprocessing, DEFAULT)]
        forward, _ = best_of(lambda n=network, parts=given: [n.logits(part) for part in parts], 1)
        whole, _ = best_of(lambda n=network: classify(prepared, n), 1)
        heat, _ = best_of(lambda n=network: explain_beat(n, beats, 5))
        print(f"{name + ' forward':32}{forward:9.3f} s {len(beats) / forward:9.0f} beats/s")
        print(f"{name + ' beats to classes':32}{whole:9.3f} s {whole / forward:9.2f} x forward")
        print(f"{name + ' explanation, one beat':32}{heat * 1000:9.1f} ms")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else data_root() / "mitdb" / "100.hea")
