"""What other ways cost to read the same recording: `python -m benchmarks.peers [--write] [--peers DIR]`.

The first minutes of the MIT-BIH database in a row (two leads, 360 Hz) are read by HeartVision, by NeuroKit2's
`ecg_process`, by wfdb's xqrs, which finds beats only, and as HeartVision's ancestor did: each beat drawn by Matplotlib
and answered alone by a VGG16 at 224 pixels. Each way has a process of its own on one thread, reads the recording once
to warm up, and then by the processor's clock; the ancestor's way is measured on a few beats and scaled to all. DIR is
a folder where NeuroKit2 is installed (`pip install --no-deps --target DIR neurokit2==0.3.0`); without it its row is
missing. `--write` writes docs/experiments/peers.json and the table of docs/experiments/speed.md.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from benchmarks.scale_results import PeerCost, Peers
from benchmarks.stages import long_recording, memory_mb
from pipeline._util.files import write_json
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import from_json, read_as, to_json
from pipeline.config import RECORDING_NETWORK, ROOT
from pipeline.export.recordings.writing import write_recording
from pipeline.intake import read_path
from pipeline.types import Recording

REPORT: Final = ROOT / "docs" / "experiments" / "peers.json"
PAGE: Final = ROOT / "docs" / "experiments" / "speed.md"
MARKS: Final = ("<!-- peers:start -->", "<!-- peers:end -->")
MINUTES: Final = 10.0
DRAWN: Final = 24  # beats of the ancestor's way
PX: Final = 224
SIDE_S: Final = 0.4  # on each side of a beat that is drawn
MISSING: Final = 3  # exit code of a way whose library is not installed

Read = Callable[[Recording], tuple[int, float]]  # reads, returns the beats and which share of them it did


def ours() -> Read:
    """All of an analysis, measured waves included."""
    from pipeline.analysis import analyse, load_classifier, with_measurements

    classifier = load_classifier(RECORDING_NETWORK)

    def read(recording: Recording) -> tuple[int, float]:
        analysis = with_measurements(recording, analyse(recording, classifier))
        return analysis.sample.size, 1.0

    return read


def neurokit() -> Read:
    """NeuroKit2's `ecg_process` on the first lead."""
    library: Any = importlib.import_module("neurokit2")

    def read(recording: Recording) -> tuple[int, float]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _, found = library.ecg_process(recording.p_signal[:, 0].astype(float), sampling_rate=int(recording.fs))
        return len(found["ECG_R_Peaks"]), 1.0

    return read


def xqrs() -> Read:
    """The detector of wfdb on the first lead."""
    from wfdb.processing import xqrs_detect

    def read(recording: Recording) -> tuple[int, float]:
        return len(xqrs_detect(recording.p_signal[:, 0].astype(float), recording.fs, verbose=False)), 1.0

    return read


def ancestor() -> Read:
    """Some beats drawn by Matplotlib, read again as a picture, and answered one by one."""
    from matplotlib.figure import Figure
    from wfdb.processing import xqrs_detect

    from models.runtime import keras

    model = keras().applications.VGG16(weights=None, classes=5)
    side: list[Any] = []

    def read(recording: Recording) -> tuple[int, float]:
        if not side:  # its beats are found by the round that warms up: xqrs has a row of its own
            side.append(xqrs_detect(recording.p_signal[:, 0].astype(float), recording.fs, verbose=False))
        beats, half = side[0], round(SIDE_S * recording.fs)
        for sample in beats[1 : DRAWN + 1]:
            figure = Figure(figsize=(PX / 100, PX / 100), dpi=100)
            axes = figure.subplots()
            axes.plot(recording.p_signal[max(0, sample - half) : sample + half, 0])
            axes.axis("off")
            file = io.BytesIO()
            figure.savefig(file, format="png")
            picture = np.asarray(Image.open(file).convert("RGB"), np.float32)[None]
            model.predict(picture, verbose=0)
        return len(beats), DRAWN / len(beats)

    return read


WAYS: Final[dict[str, tuple[str, int, Callable[[], Read]]]] = {
    "HeartVision": ("beats, classes, rhythms, waves, measurements", 2, ours),
    "NeuroKit2 0.3 `ecg_process`": ("beats, waves, quality", 1, neurokit),
    "wfdb xqrs": ("beats", 1, xqrs),
    f"Matplotlib and VGG16 at {PX} px": ("classes of given beats, one by one", 1, ancestor),
}


def cost(name: str, path: Path) -> PeerCost:
    """Read the file in this process, and return what that cost."""
    does, leads, start = WAYS[name]
    read, recording = start(), read_path(path)
    read(recording)
    begun = time.process_time()
    beats, part = read(recording)
    used = (time.process_time() - begun) / part
    per_hour = used * 3600 / recording.duration_s
    return PeerCost(name, does, leads, beats, round(recording.duration_s / 60, 1), round(per_hour, 2),
                    round(memory_mb("VmHWM")))  # fmt: skip


def measured(minutes: float, peers: Path | None) -> Peers:
    """Read the same recording by all ways."""
    rows, missing, load = [], [], os.getloadavg()[0]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1")
    found = [*([str(peers)] if peers else []), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | threads | {"PYTHONPATH": os.pathsep.join(found), "HEARTVISION_GPU": "0"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "minutes.hea"
        write_recording(long_recording(minutes / 60, 2), path)
        for name in WAYS:
            command = [sys.executable, "-m", "benchmarks.peers", "--of", name, str(path)]
            done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False)
            if done.returncode == MISSING:
                missing.append(name)
                continue
            done.check_returncode()
            rows.append(from_json(PeerCost, json.loads(done.stdout.splitlines()[-1])))
    about = Provenance("python -m benchmarks.peers --write --peers DIR", current_commit(), "mitdb, in a row", now())
    return Peers(about, round(load, 1), tuple(rows), tuple(missing))


def markdown(report: Peers) -> str:
    """Return the report as Markdown."""
    own, minutes = report.rows[0].cpu_s_per_hour, report.rows[0].minutes
    lines = [
        f"`python -m benchmarks.peers --write --peers DIR`: the same {minutes:g} minutes (two leads, 360",
        "Hz), one process and one thread each, scaled to an hour; the program is loaded before. The load was",
        f"{report.load:g}.",
        "",
        "| way | does | leads | processor s an hour | times HeartVision | most memory, MB |",
        "|---|---|---|---|---|---|",
        *(
            f"| {row.name} | {row.does} | {row.leads} | {row.cpu_s_per_hour:,.1f} | {row.cpu_s_per_hour / own:,.1f} "
            f"| {row.memory_mb:,} |"
            for row in report.rows
        ),
    ]
    return "\n".join(lines + [f"\nNot installed: {name}." for name in report.missing])


def page(report: Peers) -> None:
    """Write the table of the page."""
    before, _, rest = PAGE.read_text("utf-8").partition(MARKS[0])
    PAGE.write_text(f"{before}{MARKS[0]}\n{markdown(report)}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}", "utf-8")


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--minutes", type=float, default=MINUTES)
    parser.add_argument("--peers", type=Path, metavar="DIR", help="where NeuroKit2 is installed")
    parser.add_argument("--write", action="store_true", help=f"write {REPORT.relative_to(ROOT)}")
    parser.add_argument("--page", action="store_true", help="renew the page from what was measured before")
    parser.add_argument("--of", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.of:
        try:
            print(json.dumps(to_json(cost(options.of[0], Path(options.of[1])))))
        except ImportError:
            raise SystemExit(MISSING) from None
        return
    before = read_as(Peers, REPORT, again="run it with --write") if options.page else None
    report = before or measured(options.minutes, options.peers)
    print(markdown(report))
    if options.write:
        write_json(REPORT, to_json(report))
    if options.write or options.page:
        page(report)


if __name__ == "__main__":
    main()
