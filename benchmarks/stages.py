"""What an analysis costs, stage by stage and against its length: `python -m benchmarks.stages [--write] [--hours 24]`.

Each recording is written to a file and analysed in a process of its own, as `python -m pipeline analyse` does it: the
program is loaded, the file read, beats found, classified, their waves marked and measured, and the result written.
Recordings are made of the half hours of the MIT-BIH database in a row (two leads, 360 Hz); with `--leads 12` twelve
leads at 250 Hz are mixed from them. `--write` adds what was measured to docs/experiments/stages.json, beside what
other lengths gave before, and renews the plot docs/images/stages.png and the tables of docs/experiments/speed.md;
`--page` does only that.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.signal import resample_poly

from benchmarks.results import Lengths, Stage, StagedRun
from pipeline._util.files import write_json
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import read_as, to_json
from pipeline.config import RECORDING_NETWORK, ROOT, data_root
from pipeline.export.recordings.writing import write_recording
from pipeline.intake import read_path
from pipeline.types import Recording

REPORT: Final = ROOT / "docs" / "experiments" / "stages.json"
PAGE: Final = ROOT / "docs" / "experiments" / "speed.md"
MARKS: Final = ("<!-- stages:start -->", "<!-- stages:end -->")
PLOT: Final = ROOT / "docs" / "images" / "stages.png"
HOURS: Final = (1 / 60, 1 / 6, 1.0, 3.0, 6.0, 12.0, 24.0, 48.0)
STANDARD: Final = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
FS_TWELVE: Final = 250.0


@dataclass
class Stages:
    """Times each stage of a process, and the most memory that the process had in it."""

    rows: list[Stage] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure what is done within."""
        Path("/proc/self/clear_refs").write_text("5")  # the peak of resident memory begins anew
        start, used = time.perf_counter(), time.process_time()
        yield
        wall, cpu = time.perf_counter() - start, time.process_time() - used
        self.rows.append(Stage(name, round(wall, 3), round(cpu, 3), round(memory_mb("VmHWM"))))


def memory_mb(name: str) -> float:
    """Return what the kernel says of this process's memory, MB."""
    found = re.search(rf"{name}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1000 if found else 0.0


def staged(path: Path) -> list[Stage]:
    """Analyse a file in this process, stage by stage."""
    stages = Stages()
    with stages.stage("program loaded"):
        import wfdb  # noqa: F401

        from pipeline.analysis import classify, load_classifier, prepare, with_measurements
        from pipeline.export.analysis_files import write_analysis_json
        from pipeline.twelve_leads.reading import read_waves

        classifier = load_classifier(RECORDING_NETWORK)
    with stages.stage("file read"):
        recording = read_path(path)
    with stages.stage("leads, quality, R peaks"):
        prepared = prepare(recording)
    ready = [prepared]
    del prepared
    with stages.stage("classes and rhythms"):
        analysis = classify(ready.pop(), classifier)
    with stages.stage("waves marked"):
        marked = read_waves(recording, analysis)
    with stages.stage("measured"):
        analysis = with_measurements(recording, analysis, marked)
    with stages.stage("JSON written"):
        write_analysis_json(analysis, path.with_suffix(".json"))
    return stages.rows


def run_of(path: Path, hours: float) -> StagedRun:
    """Analyse a file in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.stages", "--of", str(path)]
    load = os.getloadavg()[0]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    raw: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    rows = tuple(Stage(**row) for row in raw["stages"])
    return StagedRun(
        hours=round(hours, 4), leads=raw["leads"], fs=raw["fs"], load=round(load, 1),
        wall_s=round(sum(row.wall_s for row in rows), 2), cpu_s=round(sum(row.cpu_s for row in rows), 2),
        memory_mb=max(row.memory_mb for row in rows), stages=rows,
    )  # fmt: skip


def long_recording(hours: float, leads: int) -> Recording:
    """Return so many hours of the MIT-BIH database in a row, again from the start where it ends."""
    parts, left = [], round(hours * 3600 * 360)
    while left > 0:
        for path in sorted((data_root() / "mitdb").glob("*.hea")):
            parts.append(read_path(path).p_signal[:left])
            left -= len(parts[-1])
            if left <= 0:
                break
    both = np.concatenate(parts)
    if leads == 2:
        return Recording.from_array(both, fs=360.0, leads=("MLII", "V1"), name="long")
    return Recording.from_array(twelve(both), fs=FS_TWELVE, leads=STANDARD, name="long")


def twelve(both: np.ndarray) -> np.ndarray:
    """Mix twelve leads (n, 12) at `FS_TWELVE` from two (m, 2) at 360 Hz: what they look like decides on little."""
    two = np.concatenate([resample_poly(lead, 25, 36)[:, None] for lead in both.T], axis=1).astype(np.float32)
    angle = np.linspace(0, np.pi, 12, endpoint=False, dtype=np.float32)
    return two @ np.stack([np.cos(angle), np.sin(angle)])


def measured(hours: float, leads: int) -> StagedRun:
    """Make a recording and analyse it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.hea"
        write_recording(long_recording(hours, leads), path)
        return run_of(path, hours)


def table(run: StagedRun) -> str:
    """Return the stages of a run as text."""
    rows = [f"{'':28}{'wall s':>9}{'CPU s':>9}{'MB':>8}   {run.hours:g} h, {run.leads} leads, load {run.load}"]
    rows += [f"{row.name:28}{row.wall_s:9.2f}{row.cpu_s:9.2f}{row.memory_mb:8d}" for row in run.stages]
    return "\n".join([*rows, f"{'all':28}{run.wall_s:9.2f}{run.cpu_s:9.2f}{run.memory_mb:8d}"])


def kept(runs: list[StagedRun]) -> Lengths:
    """Return these runs and those of other lengths that were kept before."""
    before = read_as(Lengths, REPORT, again="").runs if REPORT.exists() else ()
    own = {(run.hours, run.leads) for run in runs}
    every = [run for run in before if (run.hours, run.leads) not in own] + runs
    every.sort(key=lambda run: (run.leads, run.hours))
    two = [run for run in every if run.leads == 2]
    slope, rest = line(two) if len(two) > 1 else (0.0, 0.0)
    about = Provenance("python -m benchmarks.stages --write", current_commit(), "mitdb, in a row", now())
    return Lengths(about, round(slope, 3), round(rest, 3), tuple(every))


def line(runs: list[StagedRun]) -> tuple[float, float]:
    """Return the processor seconds of an hour in the longest run, and by how much the others' differ from it at most.

    What the program takes to load is counted apart. Runs below an hour are left out of the second: seconds that do not
    depend on the length are most of theirs.
    """
    known = [(run.hours, run.cpu_s - run.stages[0].cpu_s) for run in runs if run.hours >= 1]
    if not known:
        return 0.0, 0.0
    per_hour = known[-1][1] / known[-1][0]
    return per_hour, max(abs(cpu / hours / per_hour - 1) for hours, cpu in known)


def draw(report: Lengths) -> None:
    """Draw processor seconds and memory against the length."""
    from matplotlib.figure import Figure

    runs = [run for run in report.runs if run.leads == 2]
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    axes = figure.subplots(1, 2)
    hours = [run.hours for run in runs]
    for axis, values, name in (
        (axes[0], [run.cpu_s for run in runs], "processor time, s"),
        (axes[1], [run.memory_mb for run in runs], "most memory, MB"),
    ):
        axis.plot(hours, values, "o-", color="#1f5fa8")
        axis.set_xlabel("length of the recording, h (two leads, 360 Hz)")
        axis.set_ylabel(name)
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    PLOT.parent.mkdir(exist_ok=True)
    figure.savefig(PLOT, dpi=110, metadata={"Software": None})


def page(report: Lengths) -> None:
    """Draw the plot, and write the tables of the page."""
    draw(report)
    before, _, rest = PAGE.read_text("utf-8").partition(MARKS[0])
    PAGE.write_text(f"{before}{MARKS[0]}\n{markdown(report)}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}", "utf-8")


def markdown(report: Lengths) -> str:
    """Return the report as Markdown: all lengths, then the stages of the longest runs."""
    lines = [
        "`python -m benchmarks.stages --write`, each file analysed in a process of its own, the program's",
        "start included. The load is how many processes the machine's two cores had to work on: seconds by",
        "the clock mean little above 2, and processor seconds are too many.",
        "",
        "| recording | processor s | s by the clock | most memory, MB | load |",
        "|---|---|---|---|---|",
        *(
            f"| {length(run.hours)}, {run.leads} leads, {run.fs:g} Hz | {run.cpu_s:.1f} | {run.wall_s:.1f} "
            f"| {run.memory_mb:,} | {run.load:g} |"
            for run in report.runs
        ),
        "",
        f"Two leads cost {report.cpu_s_per_hour:.2f} processor seconds an hour; from an hour on, no length differs",
        f"from that by more than {report.most_from_line:.0%}.",
    ]
    for leads in sorted({run.leads for run in report.runs}):
        longest = [run for run in report.runs if run.leads == leads][-1]
        lines += [
            "",
            f"| stage of {length(longest.hours)}, {leads} leads | processor s | most memory, MB |",
            "|---|---|---|",
            *(f"| {row.name} | {row.cpu_s:.2f} | {row.memory_mb:,} |" for row in longest.stages),
        ]
    return "\n".join(lines)


def length(hours: float) -> str:
    """Return a length in words."""
    return f"{hours:g} h" if hours >= 1 else f"{60 * hours:.0f} min"


def main(every: list[float], leads: int, *, write: bool) -> None:
    """Measure each length, print its stages, and keep them if asked to."""
    runs = []
    for hours in every:
        runs.append(measured(hours, leads))
        print(table(runs[-1]), flush=True)
        if write:
            report = kept(runs)
            write_json(REPORT, to_json(report))
            page(report)


def _child(path: Path) -> None:
    rows = staged(path)
    recording = read_path(path)
    found = {"leads": len(recording.leads), "fs": recording.fs, "stages": [vars(row) for row in rows]}
    print(json.dumps(found))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, action="append", help="how long; may be given several times")
    parser.add_argument("--leads", type=int, default=2, choices=(2, 12))
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--page", action="store_true", help="renew the page and the plot from what was measured before")
    parser.add_argument("--of", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.of is not None:
        _child(options.of)
    elif options.page:
        page(read_as(Lengths, REPORT, again="run it with --write"))
    else:
        main(options.hours or list(HOURS), options.leads, write=options.write)
