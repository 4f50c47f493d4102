"""A day of Holter read from WFDB, EDF and ISHNE Holter in turn: `python -m benchmarks.holter_formats --write`.

The three files hold the same 24 hours of three leads at 250 Hz. Each is read in a process of its own, one after the
other, several rounds: the machine's other work then falls on all of them alike, and the ratio is what counts. `--write`
puts the result into docs/experiments/formats.json and the table of docs/experiments/speed.md.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline._util.files import write_json
from pipeline.config import ROOT
from pipeline.export.recordings.writing import write_recording
from pipeline.intake import read_path
from pipeline.types import Recording

REPORT = ROOT / "docs" / "experiments" / "formats.json"
PAGE = ROOT / "docs" / "experiments" / "speed.md"
MARKS = ("<!-- formats:start -->", "<!-- formats:end -->")
HOURS, FS, LEADS = 24, 250, ("II", "V1", "V5")
ROUNDS = 7
FILES = {"WFDB": "day.hea", "EDF": "day.edf", "EDF+D with 24 gaps": "gaps.edf", "ISHNE Holter": "day.ecg"}


@dataclass(frozen=True)
class Once:
    """One reading: processor seconds, and by how many MB it raised the largest memory of its process."""

    cpu_s: float
    memory_mb: float


def main() -> None:
    """Measure, print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read is not None:
        print(json.dumps(vars(once(options.read))))
        return
    with tempfile.TemporaryDirectory() as folder:
        make(Path(folder))
        found = {name: [] for name in FILES}
        for _ in range(ROUNDS):
            for name, file in FILES.items():
                found[name].append(in_own_process(Path(folder) / file))
    report = summary(found)
    print(table(report))
    if options.write:
        write_json(REPORT, report)
        before, _, rest = PAGE.read_text("utf-8").partition(MARKS[0])
        PAGE.write_text(f"{before}{MARKS[0]}\n{table(report)}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}", "utf-8")


def make(folder: Path) -> None:
    """Write the day in all formats."""
    recording = day()
    write_recording(recording, folder / FILES["WFDB"])
    write_recording(recording, folder / FILES["EDF"])
    steps = np.round(recording.p_signal * 1000).astype("<i2")
    (folder / FILES["ISHNE Holter"]).write_bytes(ishne_header(len(steps)) + steps.tobytes())
    signal = recording.p_signal.copy()
    for hour in range(HOURS):
        signal[hour * 3600 * FS + 9000 : hour * 3600 * FS + 12000] = np.nan
    write_recording(Recording.from_array(signal, fs=FS, leads=LEADS), folder / FILES["EDF+D with 24 gaps"])


def day() -> Recording:
    """Whole microvolts of an ECG's size; what they are does not matter to a reader."""
    rng = np.random.default_rng(0)
    steps = rng.normal(0, 300, (HOURS * 3600 * FS, len(LEADS))).astype(np.int16)
    return Recording.from_array(steps.astype(np.float32) / 1000, fs=FS, leads=LEADS)


def ishne_header(n_samples: int) -> bytes:
    """The fixed header of three leads in steps of 1 microvolt."""
    rows = ((6, 11, 15), (1, 1, 1), (1000, 1000, 1000))
    header = struct.pack("<iiii", 0, n_samples, 522, 522) + bytes(130)
    header += struct.pack("<h", len(LEADS))
    header += b"".join(struct.pack("<12h", *row, *[-9] * 9) for row in rows)
    header += struct.pack("<h40sh", 0, b"digital", FS)
    return b"ISHNE1.0\0\0" + header.ljust(512, b"\0")


def once(path: Path) -> Once:
    """Read a file, after the libraries are loaded."""
    import edfio  # noqa: F401 - loading it is not reading
    import wfdb  # noqa: F401

    before = largest_mb()
    started = time.process_time()
    recording = read_path(path)
    cpu_s = time.process_time() - started
    assert recording.n_samples == HOURS * 3600 * FS, recording
    return Once(cpu_s, largest_mb() - before)


def largest_mb() -> float:
    """The largest resident memory so far; `getrusage` would tell that of the process that started this one."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def in_own_process(path: Path) -> Once:
    """Read a file in a new process, so that its memory is its own."""
    command = [sys.executable, "-m", "benchmarks.holter_formats", "--read", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return Once(**json.loads(done.stdout.splitlines()[-1]))


def summary(found: dict[str, list[Once]]) -> dict[str, object]:
    """The best of all rounds, which other work on the machine disturbs least, and the median memory."""
    base = min(each.cpu_s for each in found["WFDB"])
    formats = {
        name: {
            "cpu_s": round(min(each.cpu_s for each in rounds), 2),
            "memory_mb": round(statistics.median(each.memory_mb for each in rounds)),
            "times_wfdb": round(min(each.cpu_s for each in rounds) / base, 2),
        }
        for name, rounds in found.items()
    }
    return {"hours": HOURS, "fs": FS, "leads": len(LEADS), "rounds": ROUNDS, "formats": formats}


def table(report: dict) -> str:
    """The report as Markdown."""
    head = (
        f"`python -m benchmarks.holter_formats --write`: {report['hours']} h of {report['leads']} leads at "
        f"{report['fs']} Hz, each file\nread in its own process, the best of {report['rounds']} rounds. Memory is what "
        "reading adds.\n\n"
        "| file | processor seconds | times WFDB | memory, MB |\n|---|---|---|---|\n"
    )
    rows = (
        f"| {name} | {each['cpu_s']:.2f} | {each['times_wfdb']:.2f} | {each['memory_mb']:.0f} |"
        for name, each in report["formats"].items()
    )
    return head + "\n".join(rows)


if __name__ == "__main__":
    main()
