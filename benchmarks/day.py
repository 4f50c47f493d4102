"""A day of ECG saved, analysed by the worker, opened from the cache and paged: `python -m benchmarks.day`.

The day is the 48 half hours of the MIT-BIH database, one after the other. Its files lie in the folder given (or a
temporary one): a second run with the same folder finds the analysis and measures the opening only.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import re
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest

from app.common import ecg_chart
from app.common.theme import LIGHT
from app.review.session import ReviewSession
from benchmarks.timing import header, timed
from pipeline.cases import case as cases
from pipeline.cases import stored_case as work
from pipeline.cases.case import Case
from pipeline.config import ROOT, data_root
from pipeline.intake import read_path
from pipeline.store.listing import study_of_analysis
from pipeline.store.recordings import envelope, open_recording, save_recording
from pipeline.types import Recording
from pipeline.worker import Client
from pipeline.worker.jobs import Jobs

PAGES = 40
HOURS, COLUMNS = 24, 1500


def main(folder: Path, network: str) -> None:
    """Print the table."""
    os.environ |= {"HEARTVISION_CACHE": str(folder / "cache"), "HEARTVISION_HOME": str(folder / "home")}
    logging.disable(logging.WARNING)  # Streamlit's warning that there is no browser
    recording = day()
    header(f"{recording.duration_s / 3600:.1f} h, {len(recording.leads)} leads, {recording.fs:g} Hz")
    timed("kept on disk", partial(save_recording, recording), 1)
    digest = recording.digest
    del recording
    analyse(open_recording(digest), network)
    case = timed("opened from the cache", partial(opened, digest, network), wanted=2)
    turns = iter(times(case))
    timed(f"turned to any of {PAGES} times", lambda: page(case, next(turns)), PAGES, wanted=0.5)
    timed(f"whole day as {HOURS} rows of {COLUMNS}", lambda: overview(case.recording))
    analyse_page(digest, network)
    review_page(case)


def day() -> Recording:
    """All records of the MIT-BIH database in a row, as one recording of two leads."""
    paths = sorted((data_root() / "mitdb").glob("*.hea"))
    records = [read_path(path) for path in paths]
    p_signal = np.concatenate([record.p_signal for record in records])
    digest = hashlib.sha256(b"the day of benchmarks/day.py").hexdigest()
    return replace(
        records[0], name="day", p_signal=p_signal, leads=("MLII", "V1"), digest=digest, reference=None, notices=()
    )


def analyse(recording: Recording, network: str) -> None:
    """Ask the worker unless the analysis is stored, and wait for it."""
    if work.stored_case(recording, network, None) is not None:
        return
    client, job = Client(), work.job(recording, network, None)
    start, peak, beats_from = time.perf_counter(), 0.0, 0.0
    client.ask(job)
    while (status := client.status(job)).state in ("waiting", "running"):
        peak = max(peak, memory_gb(Jobs(client.folder).worker_lock))
        beats_from = beats_from or (time.perf_counter() - start if status.fraction >= 0.08 else 0.0)
        time.sleep(0.2)
    print(f"{'worker: filtered, R peaks found':56}{beats_from:9.1f}")
    print(f"{f'worker: analysed by {network}':56}{time.perf_counter() - start:9.1f}")
    print(f"{'worker: largest memory':56}{peak:9.2f} GB", flush=True)
    client.close()


def memory_gb(lock: Path) -> float:
    """Largest resident memory so far of the process that works in the folder of `lock`."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(lock.parent).encode() in (process / "cmdline").read_bytes():
                found = re.search(r"VmHWM:\s+(\d+) kB", (process / "status").read_text())
                return int(found[1]) / 1e6 if found else 0.0
        except OSError:
            continue
    return 0.0


def opened(digest: str, network: str) -> Case:
    """The case and all that the page shows of it at once."""
    case = work.stored_case(open_recording(digest), network, None)
    assert case is not None
    cases.rate_trend(case), cases.lane_marks(case), case.summary
    cases.quality_text(case.analysis.quality), case.analysis.counts(), case.table, case.next_abnormal(-1, 1)
    page(case, 0.0)
    return case


def page(case: Case, at: float) -> object:
    """The figure of a strip of ten seconds."""
    leads, marks = cases.window_leads(case, at, at + 10), cases.marks(case, at, at + 10)
    return ecg_chart.strip(leads, marks, LIGHT, start_s=at, window_s=10.0, quality=case.analysis.quality.segments)


def times(case: Case) -> list[float]:
    """Random places in the recording, in seconds."""
    return list(np.random.default_rng(0).uniform(0, case.recording.duration_s - 10, PAGES))


def overview(recording: Recording) -> list[object]:
    """The first lead, hour by hour."""
    return [envelope(recording, recording.leads[0], 3600 * i, 3600 * (i + 1), COLUMNS) for i in range(HOURS)]


def analyse_page(digest: str, network: str) -> None:
    """The Analyse page, without a browser: opened by its address, then paged."""

    def opened_page() -> AppTest:
        app = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=600)
        app.query_params["recording"], app.query_params["network"] = digest, network
        return app.run()

    timed("Analyse: first opened, with TensorFlow for Grad-CAM", opened_page, 1)
    app = timed("Analyse: opened by its address", opened_page, 3, wanted=2)
    timed("Analyse: turned", lambda: app.button(key="turn-After").click().run(), wanted=0.5)


def review_page(case: Case) -> None:
    """The Review page, without a browser: opened, paged, decided on, undone; each until the page is drawn again."""
    study = study_of_analysis(case.analysis, case.recording)

    def opened_page() -> AppTest:
        app = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=600)
        app.session_state["reader"] = "benchmark"
        app.query_params["study"] = str(study.id)
        return app.switch_page("review/page.py").run()

    app = timed("Review: opened by its address", opened_page, 3, wanted=2)
    session: ReviewSession = app.session_state["heartvision-review"]
    turns = iter(times(case))
    timed("Review: turned to any time", lambda: (session.jump(next(turns)), app.run()), wanted=0.5)

    def press(name: str) -> None:
        next(button for button in app.button if str(button.key).startswith(name)).click().run()
        assert not app.exception, app.exception
        assert not session.error, session.error

    timed("Review: next finding", lambda: press("review-next-button"), wanted=0.5)
    timed("Review: decided", lambda: press("review-V-"), wanted=0.5)
    timed("Review: undone", lambda: press("review-undo-"), wanted=0.5)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--model", default="vgg16")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        main(options.folder or Path(temporary), options.model)
