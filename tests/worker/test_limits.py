"""One job never stops another: whatever it raises, however much it takes, and whatever kills its worker."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import WORKER, WorkerLimits
from pipeline.datasets import demo_path
from pipeline.intake import read_path
from pipeline.store.recordings import save_recording
from pipeline.worker import Job
from pipeline.worker.jobs import Jobs, JobStatus
from pipeline.worker.locks import acquire
from pipeline.worker.process import beyond, run


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HEARTVISION_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path / "home"))
    return tmp_path / "jobs"


class Network:
    """Answers N for every beat, unless it is told what to raise."""

    name, version, classes, threshold, abstain_below = "cnn", "v", ("N", "S", "V", "F", "Q"), 0.5, 0.0

    def __init__(self, error: BaseException | None) -> None:
        from models import registry

        self.error, self.preprocessing = error, registry.manifest("cnn").preprocessing

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        if self.error is not None:
            raise self.error
        answer = np.full((len(inputs), 5), 0.01, np.float32)
        answer[:, 0] = 0.96
        return answer


def asked(jobs: Jobs, name: str, network: str) -> Job:
    demo = read_path(demo_path())
    kept = save_recording(replace(demo, digest=hashlib.sha256(name.encode()).hexdigest(), reference=None))
    job = Job(kept.digest, network, "identity", None, kept.n_samples)
    jobs.ask(job)
    return job


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ZeroDivisionError(), "could not be analysed (ZeroDivisionError)"),
        (MemoryError(), "needs more memory than there is"),
        (OSError(28, "No space left on device"), "could not be kept (No space left on device)"),
    ],
)
def test_whatever_a_job_raises_is_a_sentence_and_the_next_one_is_done(
    folder: Path, error: Exception, words: str
) -> None:
    jobs = Jobs(folder)
    acquire(jobs.servers_lock, shared=True)
    bad, good = asked(jobs, "bad", "bad"), asked(jobs, "good", "good")
    networks: dict[str, Callable[[], Network]] = {"bad": lambda: Network(error), "good": lambda: Network(None)}
    assert run(folder, lambda name: networks[name](), idle_s=0.5) == 0
    assert jobs.status(bad).state == "refused"
    assert words in jobs.status(bad).sentence
    assert jobs.status(good) == JobStatus()  # finished, and off the list


def test_a_job_beyond_its_limits_is_named() -> None:
    limits = WorkerLimits(memory_bytes=2**30, seconds=3600.0)
    assert beyond(limits, 2**29, 60.0) == ""
    assert beyond(limits, 3 * 2**29, 60.0).startswith("The analysis took 1.5 GB of memory, the limit is 1;")
    assert beyond(limits, 0, 7200.0).startswith("The analysis took 2.0 hours, the limit is 1;")
    assert beyond(WORKER, 3 * 2**30, 600.0) == ""
