"""From a command to its answer in a new process, and numpy against Keras: `python -m benchmarks.cold_start`.

The first table is of whole processes: wall and processor time, best and median; the aim for the default
network, on two quiet cores, is 4 s. The second, in one process, is of each network that numpy serves: to load it with
its self-test, and to answer for a whole recording, in times of what Keras takes for the same.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models import registry
from models.networks import NETWORKS
from models.registry import Classifier
from pipeline.analysis import prepare
from pipeline.config import DEFAULT, PICTURE_NETWORK, RECORDING_NETWORK, ROOT
from pipeline.datasets import demo_path
from pipeline.features.network_inputs import blocks
from pipeline.intake import read_path

REPEATS: Final = 5
TILES: Final = 12  # repeats of the demo's beats: about an hour


def cold(title: str, *arguments: str, repeats: int = REPEATS) -> None:
    """One line: a command of ours, each time in a new process."""
    wall, cpu = [], []
    for _ in range(repeats):
        used, start = os.times(), time.perf_counter()
        done = subprocess.run([sys.executable, *arguments], cwd=ROOT, capture_output=True, check=False)
        wall.append(time.perf_counter() - start)
        now = os.times()
        cpu.append(now.children_user + now.children_system - used.children_user - used.children_system)
        assert done.returncode == 0, done.stderr.decode()
    each = (min(wall), statistics.median(wall), min(cpu), statistics.median(cpu))
    print(f"{title:44}" + "".join(f"{seconds:9.2f}" for seconds in each), flush=True)


def whole_commands(output: str) -> None:
    """The first table."""
    print(f"{'command':44}{'best':>9}{'median':>9}{'CPU best':>9}{'median':>9}   seconds")
    record = (str(demo_path()), "--output", output)
    cold("python, numpy alone", "-c", "import numpy")
    cold("--help", "-m", "pipeline", "--help")
    for name in (RECORDING_NETWORK, PICTURE_NETWORK):
        cold(f"analyse the demo by {name}", "-m", "pipeline", "analyse", *record, "--model", name, repeats=3)
    cold("report of the demo", "-m", "pipeline", "report", *record, repeats=3)


def best(work: Callable[[], Any]) -> tuple[float, float]:
    """The best wall and processor time."""
    times = []
    for _ in range(REPEATS):
        start, used = time.perf_counter(), time.process_time()
        work()
        times.append((time.perf_counter() - start, time.process_time() - used))
    wall, cpu = zip(*times, strict=True)
    return min(wall), min(cpu)


def against_keras(name: str, parts: list[NDArray[Any]]) -> None:
    """Lines of the second table."""
    start = time.perf_counter()
    served = registry.load(name)
    loaded = time.perf_counter() - start
    start = time.perf_counter()
    keras = Classifier(served.manifest, served.model)
    keras.logits(parts[0])
    built = time.perf_counter() - start
    beats = sum(map(len, parts))
    print(f"{name:14}{'load':>12}{loaded:9.2f} s {built:9.2f} s {loaded / built:9.3f}", flush=True)
    ours, theirs = (best(lambda n=network: [n.logits(part) for part in parts]) for network in (served, keras))
    for kind, k in (("wall", 0), ("CPU", 1)):
        rates = beats / ours[k], beats / theirs[k]
        print(f"{name:14}{kind:>12}{rates[0]:9.0f} /s{rates[1]:9.0f} /s{ours[k] / theirs[k]:9.2f}", flush=True)


def main() -> None:
    """Print both tables."""
    with tempfile.TemporaryDirectory() as output:
        whole_commands(output)
    (block,) = blocks(prepare(read_path(demo_path())).beats, DEFAULT.sequence_id(), DEFAULT)
    rows = np.tile(block.inputs, (TILES, 1))
    parts = [rows[i : i + DEFAULT.sequence.block] for i in range(0, len(rows), DEFAULT.sequence.block)]
    print(f"\n{len(rows)} beats{'':18}{'numpy':>9}{'Keras':>12}{'times Keras':>14}")
    for name in registry.available():
        if NETWORKS[name].served is not None:
            against_keras(name, parts)


if __name__ == "__main__":
    main()
