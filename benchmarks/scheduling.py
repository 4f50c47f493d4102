"""How an archive's recordings are handed to workers: `python -m benchmarks.scheduling [--write]`.

First 10 000 made-up recordings go through the archive's own loop and a real Dask scheduler, with tasks that do nothing:
what remains is what handing out one recording costs. Then their analysis is simulated with 2 to 1000 workers, by the
processor seconds per hour that docs/experiments/stages.json holds: recordings of different lengths are handed out in
the order of their names, workers stop now and then and take what they do with them, and the scheduler answers one
after the other. `--write` keeps the figures in docs/experiments/scheduling.json and the table of docs/scaling.md.
"""

from __future__ import annotations

import argparse
import heapq
import logging
import time
from dataclasses import dataclass
from typing import Final
from unittest.mock import patch

import numpy as np

from benchmarks.results import Lengths, Scheduling, SimulatedRun
from pipeline._util.files import write_json
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import read_as, to_json
from pipeline.archive import run
from pipeline.archive.sources import Source
from pipeline.config import ROOT

REPORT: Final = ROOT / "docs" / "experiments" / "scheduling.json"
STAGES: Final = ROOT / "docs" / "experiments" / "stages.json"
PAGE: Final = ROOT / "docs" / "scaling.md"
MARKS: Final = ("<!-- scheduling:start -->", "<!-- scheduling:end -->")
RECORDINGS: Final = 10_000
WORKERS: Final = (2, 16, 100, 1000)
LENGTHS_H: Final = {24.0: 0.70, 48.0: 0.15, 168.0: 0.05, 10 / 3600: 0.10}  # share of the recordings
SPREAD: Final = 0.2  # standard deviation of the logarithm of what an hour costs
DEATH_H: Final = 500.0  # of work, after which a worker stops on average
RESTART_S: Final = 30.0  # until another one has taken its place


@dataclass(frozen=True)
class Cost:
    """Processor seconds of a recording: for each hour, and to load the program once per worker."""

    per_hour_s: float
    start_s: float


def nothing(source: Source, output: str, network: str) -> list[tuple[str, str, str]]:
    """Stand in for the analysis."""
    return [(source.record, "analysed", "")]


def handing_out_ms(recordings: int) -> float:
    """Return what the archive's loop and Dask need for one recording, ms by the clock."""
    from distributed import Client, LocalCluster

    sources = [Source(f"made-{number:05d}", f"made-{number:05d}.edf") for number in range(recordings)]
    cluster = LocalCluster(
        n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None, silence_logs=logging.CRITICAL
    )
    with cluster, Client(cluster, set_as_default=False) as client, patch.object(run, "process", nothing):
        start = time.perf_counter()
        done = sum(len(found) for found in run._results(client, sources, "", ""))
        seconds = time.perf_counter() - start
    assert done == recordings
    return 1000 * seconds / recordings


def hours_of(recordings: int, rng: np.random.Generator) -> np.ndarray:
    """Return made-up lengths (n,), hours."""
    return rng.choice(list(LENGTHS_H), size=recordings, p=list(LENGTHS_H.values()))


def simulated(hours: np.ndarray, workers: int, cost: Cost, each_ms: float, rng: np.random.Generator) -> SimulatedRun:
    """Hand out recordings one after the other to whoever is free, and return how long that takes.

    Parameters
    ----------
    hours : (n,) float64
        Lengths of the recordings.
    workers : int
        How many there are.
    cost : Cost
        What a recording costs.
    each_ms : float
        What the scheduler needs for each recording: it serves one worker after the other.
    rng : numpy.random.Generator
        Source of spread and of deaths.
    """
    seconds = hours * cost.per_hour_s * np.exp(rng.normal(0, SPREAD, hours.size))
    free = [(cost.start_s, worker) for worker in range(workers)]
    heapq.heapify(free)
    waiting = list(range(hours.size))[::-1]
    scheduler_s, busy_s, deaths, last_s, idle_from = 0.0, 0.0, 0, 0.0, [cost.start_s] * workers
    while waiting:
        number = waiting.pop()
        at, worker = heapq.heappop(free)
        scheduler_s = max(at, scheduler_s) + each_ms / 1000
        dies_after = rng.exponential(DEATH_H * 3600)
        if dies_after < seconds[number]:
            deaths += 1
            waiting.append(number)
            heapq.heappush(free, (scheduler_s + dies_after + RESTART_S + cost.start_s, worker))
            continue
        end = scheduler_s + seconds[number]
        busy_s += seconds[number]
        last_s = max(last_s, end)
        idle_from[worker] = end
        heapq.heappush(free, (end, worker))
    first_idle_s = min(idle_from)
    return SimulatedRun(
        workers=workers,
        wall_h=round(last_s / 3600, 2),
        used=round(busy_s / workers / last_s, 3),
        deaths=deaths,
        tail_h=round((last_s - first_idle_s) / 3600, 2),
        held_at_once=min(hours.size, workers * run.WAITING),
    )


def known_cost() -> Cost:
    """Return what stages.json says of the longest recording of two leads."""
    report = read_as(Lengths, STAGES, again="run `python -m benchmarks.stages --write`")
    longest = max((one for one in report.runs if one.leads == 2), key=lambda one: one.hours)
    return Cost(report.cpu_s_per_hour, longest.stages[0].cpu_s)


def main(*, write: bool) -> None:
    """Measure, simulate, print, and keep it if asked to."""
    cost, each_ms = known_cost(), handing_out_ms(RECORDINGS)
    hours = hours_of(RECORDINGS, np.random.default_rng(0))
    runs = tuple(simulated(hours, workers, cost, each_ms, np.random.default_rng(1)) for workers in WORKERS)
    about = Provenance("python -m benchmarks.scheduling --write", current_commit(), "made up, seed 0", now())
    report = Scheduling(
        provenance=about, recordings=RECORDINGS, hours=round(float(hours.sum())), each_ms=round(each_ms, 2),
        cpu_s_per_hour=cost.per_hour_s, cpu_h_per_1000_hours=round(1000 * cost.per_hour_s / 3600, 3), runs=runs,
    )  # fmt: skip
    print(table(report))
    if write:
        write_json(REPORT, to_json(report))
        before, _, rest = PAGE.read_text("utf-8").partition(MARKS[0])
        PAGE.write_text(f"{before}{MARKS[0]}\n{table(report)}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}", "utf-8")


def table(report: Scheduling) -> str:
    """Return the report as Markdown."""
    million_h = 1e6 * 24 * report.cpu_s_per_hour / 3600
    rows = [
        f"| {one.workers:,} | {one.wall_h:,.2f} | {one.used:.1%} | {one.tail_h:,.2f} | {one.deaths} "
        f"| {one.held_at_once:,} | {million_h / one.workers / one.used / 24:,.1f} |"
        for one in report.runs
    ]
    head = (
        f"An hour of two leads costs {report.cpu_s_per_hour:.2f} processor seconds, 1 000 hours cost\n"
        f"{report.cpu_h_per_1000_hours:.2f} processor hours, a million recordings of 24 h {million_h:,.0f}. To hand "
        f"out\none recording takes {report.each_ms:.1f} ms: one scheduler can feed "
        f"{24 * report.cpu_s_per_hour * 1000 / report.each_ms:,.0f} workers with days.\n\n"
        f"{report.recordings:,} recordings, {report.hours:,} hours in all, simulated:\n\n"
        "| workers | hours | used | last hours | stopped | held | days for a million |\n|---|---|---|---|---|---|---|\n"
    )
    return head + "\n".join(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    main(write=parser.parse_args().write)
