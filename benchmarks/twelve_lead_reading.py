"""How long it takes to read an ECG of twelve leads, warm: `python -m benchmarks.twelve_lead_reading [--records 40]`.

`--write` keeps the figures in docs/experiments/twelve_lead_reading.json.

Recordings of LUDB, 10 s at 500 Hz, each read three times after one that loads the networks: beats and rhythm, then
waves, intervals, statements and superclasses. The median of a recording counts.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any, Final

from benchmarks.results import Seconds, TwelveLeadReading
from pipeline._util.files import write_json
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import rounded, to_json
from pipeline.analysis import analyse, load_classifier, with_measurements
from pipeline.config import RECORDING_NETWORK, ROOT, data_root
from pipeline.intake import read_path
from pipeline.types import Recording

REPORT: Final = ROOT / "docs" / "experiments" / "twelve_lead_reading.json"
REPEATS: Final = 3


def spent(work: Callable[[], Any]) -> tuple[Any, Seconds]:
    """What it gives, and the seconds that it took."""
    wall, processor = time.perf_counter(), time.process_time()
    found = work()
    return found, Seconds(time.perf_counter() - wall, time.process_time() - processor)


def middle(some: list[Seconds]) -> Seconds:
    """The median of each."""
    return Seconds(statistics.median(one.wall for one in some), statistics.median(one.processor for one in some))


def measure(records: int) -> TwelveLeadReading:
    """Reads them."""
    headers = sorted((data_root() / "ludb").rglob("*.hea"))[:records]
    recordings = [read_path(header) for header in headers]
    classifier = load_classifier(RECORDING_NETWORK)
    load = os.getloadavg()[0]
    beats: list[Seconds] = []
    measured: list[Seconds] = []
    whole: list[Seconds] = []

    def read(recording: Recording) -> tuple[Seconds, Seconds]:
        analysis, first = spent(lambda: analyse(recording, classifier))
        _, second = spent(lambda: with_measurements(recording, analysis))
        return first, second

    read(recordings[0])
    for recording in recordings:
        times = [read(recording) for _ in range(REPEATS)]
        beats.append(middle([first for first, _ in times]))
        measured.append(middle([second for _, second in times]))
        whole.append(Seconds(beats[-1].wall + measured[-1].wall, beats[-1].processor + measured[-1].processor))
    slowest = max(whole, key=lambda one: one.wall)
    made = Provenance("python -m benchmarks.twelve_lead_reading --write", current_commit(), "LUDB (ludb)", now())
    return TwelveLeadReading(
        made,
        len(recordings),
        rounded(load, 1),
        *(Seconds(rounded(one.wall), rounded(one.processor)) for one in map(middle, (beats, measured, whole))),
        slowest=Seconds(rounded(slowest.wall), rounded(slowest.processor)),
    )


def main() -> None:
    """Prints the figures, and keeps them if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=40)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    found = measure(options.records)
    for name in ("beats_and_rhythm", "measurements", "whole", "slowest"):
        one: Seconds = getattr(found, name)
        print(f"{name:18}{one.wall:7.3f} s{one.processor:7.3f} s of the processor")
    if options.write:
        write_json(REPORT, to_json(found))


if __name__ == "__main__":
    main()
