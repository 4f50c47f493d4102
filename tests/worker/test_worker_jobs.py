"""States of jobs, and answers that are remembered: without a process and without TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import DEFAULT
from pipeline.labels import AAMI_CLASSES
from pipeline.types import FloatArray, PictureArray
from pipeline.worker.blocks import Remembering
from pipeline.worker.jobs import Job, Jobs, JobStatus
from pipeline.worker.locks import is_held, try_acquire

DAY = Job("d" * 64, "vgg16", "v", None, 20_000_000)
MINUTE = Job("e" * 64, "vgg16", "v", ("II", "V1"), 20_000)
RUNNING = JobStatus("running", 0.5, "Reading")


@pytest.fixture
def jobs(tmp_path: Path) -> Jobs:
    return Jobs(tmp_path)


@pytest.fixture
def worker(jobs: Jobs) -> Iterator[int]:
    """The lock that a living worker holds."""
    descriptor = try_acquire(jobs.worker_lock)
    assert descriptor is not None
    yield descriptor
    os.close(descriptor)


def test_an_asked_job_waits_and_is_found_with_all_its_facts(jobs: Jobs) -> None:
    assert jobs.status(MINUTE).state == "absent"
    jobs.ask(MINUTE)
    assert jobs.status(MINUTE).state == "waiting"
    assert jobs.next() == MINUTE


def test_the_shortest_job_comes_first_and_outranks_a_day(jobs: Jobs) -> None:
    jobs.ask(DAY)
    jobs.ask(MINUTE)
    assert jobs.next() == MINUTE
    assert jobs.is_outranked(DAY)
    assert not jobs.is_outranked(MINUTE)
    assert not jobs.is_outranked(replace(MINUTE, digest="f" * 64))


@pytest.mark.usefixtures("worker")
def test_asking_again_changes_nothing_while_it_runs(jobs: Jobs) -> None:
    jobs.ask(DAY)
    assert jobs.report(DAY, RUNNING)
    jobs.ask(DAY)
    assert jobs.status(DAY).fraction == 0.5
    assert jobs.next() is None


@pytest.mark.usefixtures("worker")
def test_a_cancelled_job_is_given_up_at_its_next_step(jobs: Jobs) -> None:
    jobs.ask(DAY)
    jobs.report(DAY, RUNNING)
    jobs.cancel(DAY)
    assert jobs.status(DAY).state == "running"
    assert not jobs.report(DAY, replace(RUNNING, fraction=0.6))
    assert jobs.status(DAY).state == "cancelled"
    assert jobs.status(DAY).fraction == 0.6
    jobs.ask(DAY)
    assert jobs.next() == DAY


@pytest.mark.usefixtures("worker")
def test_whoever_asks_again_before_the_next_step_takes_the_cancellation_back(jobs: Jobs) -> None:
    jobs.ask(DAY)
    jobs.report(DAY, RUNNING)
    jobs.cancel(DAY)
    jobs.ask(DAY)
    assert jobs.report(DAY, RUNNING)


def test_a_waiting_job_is_cancelled_at_once(jobs: Jobs) -> None:
    jobs.ask(DAY)
    jobs.cancel(DAY)
    assert jobs.status(DAY).state == "cancelled"
    assert jobs.next() is None


def test_a_running_job_without_a_worker_has_stopped_and_can_be_asked_for_again(jobs: Jobs) -> None:
    jobs.ask(DAY)
    jobs.report(DAY, RUNNING)
    assert jobs.status(DAY) == replace(jobs.status(DAY), state="stopped", fraction=0.5)
    jobs.ask(DAY)
    assert jobs.next() == DAY


def test_a_new_worker_does_not_run_into_the_same_accident_by_itself(jobs: Jobs, worker: int) -> None:
    jobs.ask(DAY)
    jobs.report(DAY, RUNNING)
    jobs.recover()
    assert jobs.status(DAY).state == "stopped"
    assert jobs.next() is None


def test_what_nobody_went_on_with_for_long_is_forgotten(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    jobs.ask(DAY)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 31 * 86_400)
    jobs.recover()
    assert jobs.status(DAY).state == "waiting"  # a clock that jumps loses nothing that was asked for
    monkeypatch.setattr(time, "time", lambda: now)
    jobs.cancel(DAY)
    monkeypatch.setattr(time, "time", lambda: now + 31 * 86_400)
    jobs.recover()
    assert jobs.status(DAY).state == "absent"


def test_a_finished_job_leaves_nothing(jobs: Jobs) -> None:
    jobs.ask(DAY)
    jobs.finish(DAY)
    assert jobs.status(DAY) == JobStatus()
    assert list((jobs.folder / "jobs").iterdir()) == []


def test_a_job_is_finished_once_the_study_last_asked_for_is_made(jobs: Jobs) -> None:
    jobs.ask(DAY, study="first")
    assert jobs.finish(DAY) == "first"
    jobs.ask(DAY, study="second")
    assert jobs.finish(DAY, made="first") == "second"
    assert jobs.status(DAY).state == "waiting"
    assert jobs.finish(DAY, made="second") == ""
    assert jobs.status(DAY).state == "absent"


def test_asking_without_a_study_takes_none_away(jobs: Jobs) -> None:
    jobs.ask(DAY, study="wanted")
    jobs.ask(DAY)
    assert jobs.finish(DAY) == "wanted"


@pytest.mark.usefixtures("worker")
def test_only_a_job_that_nobody_works_at_is_taken_off_the_list(jobs: Jobs) -> None:
    jobs.ask(DAY)
    jobs.report(DAY, RUNNING)
    jobs.remove(DAY)
    assert jobs.all() == [DAY]
    jobs.report(DAY, replace(RUNNING, state="refused"))
    jobs.remove(DAY)
    assert jobs.all() == []


def test_a_lock_is_held_until_its_holder_lets_go(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    descriptor = try_acquire(lock)
    assert descriptor is not None
    assert is_held(lock)
    assert try_acquire(lock) is None
    os.close(descriptor)
    assert not is_held(lock)


class Counting:
    """A network whose answer depends on the picture, and that counts how often it was asked."""

    name, version, classes, preprocessing = "n", "v", AAMI_CLASSES, DEFAULT.preprocessing_id()
    threshold, abstain_below = 0.5, 0.4

    def __init__(self) -> None:
        self.asked = 0

    def predict(self, pictures: PictureArray) -> FloatArray:
        self.asked += 1
        values = pictures.reshape(len(pictures), -1)[:, :5].astype(np.float32) + 1
        return values / values.sum(axis=1, keepdims=True)


@pytest.fixture
def pictures() -> PictureArray:
    return np.random.default_rng(0).integers(0, 255, (7, 4, 4, 3), np.uint8)


def test_a_block_is_computed_once_and_remembered_exactly(tmp_path: Path, pictures: PictureArray) -> None:
    network = Counting()
    first = Remembering(network, tmp_path)
    answer = first.predict(pictures)
    assert first.fresh
    again = Remembering(network, tmp_path)
    assert np.array_equal(again.predict(pictures), answer)
    assert not again.fresh
    assert network.asked == 1
    assert not np.array_equal(again.predict(pictures[::-1]), answer)
    assert again.fresh


def test_a_damaged_block_is_computed_again(tmp_path: Path, pictures: PictureArray) -> None:
    network = Counting()
    answer = Remembering(network, tmp_path).predict(pictures)
    (block,) = tmp_path.iterdir()
    block.write_bytes(block.read_bytes()[:-3])
    assert np.array_equal(Remembering(network, tmp_path).predict(pictures), answer)
    assert network.asked == 2
