"""Readers killed with SIGKILL in the middle of their work, and readers and programs at work at the same time."""

from __future__ import annotations

import multiprocessing
import os
import random
import sys
from collections import Counter
from multiprocessing.connection import Connection
from multiprocessing.forkserver import ensure_running
from multiprocessing.process import BaseProcess

import pytest

from pipeline.review.beats_in_force import reviewed_beats
from pipeline.store.reviews import audit, standing
from pipeline.store.studies import create_study, stored_analysis, worklist
from tests.helpers import crash_reader
from tests.helpers.review_study import analysed

EDIT_S = 0.02  # about as long as one edit takes
START_S = 120


@pytest.fixture(scope="module")
def processes() -> multiprocessing.context.ForkServerContext:
    """New processes from one that has imported everything: as separate as any, but there in milliseconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([crash_reader.__name__, "alembic.command"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))  # before Python 3.12 the server does not get our path
        ensure_running()
    return context


@pytest.fixture
def study(store: str) -> int:
    return create_study(analysed("N" * crash_reader.BEATS)).id


def reading(
    context: multiprocessing.context.ForkServerContext, url: str, study: int, reader: str, first: int
) -> tuple[BaseProcess, Connection]:
    """A reader at work, from edit `first` on."""
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=crash_reader.read, args=(theirs, url, study, reader, first, crash_reader.EDITS))
    process.start()
    theirs.close()
    assert ours.poll(START_S)
    assert ours.recv() == -1
    return process, ours


def confirmed(answers: Connection) -> list[int]:
    """All numbers that a process sent before it ended."""
    numbers = []
    try:
        while True:
            numbers.append(answers.recv())
    except EOFError:
        answers.close()
        return numbers


def killed_and_restarted(
    context: multiprocessing.context.ForkServerContext, url: str, study: int, kills: int
) -> list[int]:
    """The confirmed edits of a reader who is killed again and again, at random points of the hundred edits."""
    chance = random.Random(kills)
    done: list[int] = []
    for _ in range(kills):
        process, answers = reading(context, url, study, "Anna", len(done))
        for _ in range(chance.randrange(2 * crash_reader.EDITS // (kills + 1))):
            done.append(answers.recv())
        process.join(chance.uniform(0, EDIT_S))
        assert process.exitcode is None, "the reader was to be killed at work"
        process.kill()
        process.join(START_S)
        done += confirmed(answers)
    process, answers = reading(context, url, study, "Anna", len(done))
    done += confirmed(answers)
    process.join(START_S)
    return done


def edits(study: int) -> list[str]:
    """The texts of all decisions in the audit trail, in order."""
    return [entry.text for entry in audit(study) if entry.event == "decide"]


def check_nothing_lost_or_doubled(study: int, done: list[int]) -> None:
    expected = [crash_reader.edit(number) for number in range(crash_reader.EDITS)]
    assert done == list(range(crash_reader.EDITS))
    assert edits(study) == [edit.text for edit in expected]
    assert standing(study).decisions == tuple(expected)
    assert [entry.seq for entry in audit(study)] == list(range(1, crash_reader.EDITS + 2))
    whole = reviewed_beats(stored_analysis(study), expected)
    assert whole.aami.tolist() == reviewed_beats(stored_analysis(study), standing(study).decisions).aami.tolist()


def test_three_kills_in_a_hundred_edits_lose_and_double_nothing(
    processes: multiprocessing.context.ForkServerContext, store: str, study: int
) -> None:
    done = killed_and_restarted(processes, store, study, kills=3)
    check_nothing_lost_or_doubled(study, done)


@pytest.mark.slow
def test_twenty_kills_in_a_hundred_edits_lose_and_double_nothing(
    processes: multiprocessing.context.ForkServerContext, store: str, study: int
) -> None:
    done = killed_and_restarted(processes, store, study, kills=20)
    check_nothing_lost_or_doubled(study, done)


def test_two_readers_writing_at_once_lose_and_double_nothing(
    processes: multiprocessing.context.ForkServerContext, store: str, study: int
) -> None:
    first = crash_reader.EDITS - 15
    both = [reading(processes, store, study, name, first) for name in ("Anna", "Bert")]
    for process, answers in both:
        assert confirmed(answers) == list(range(first, crash_reader.EDITS))
        process.join(START_S)
    entries = [entry for entry in audit(study) if entry.event == "decide"]
    assert Counter(entry.who for entry in entries) == {"Anna": 15, "Bert": 15}
    assert [entry.seq for entry in entries] == list(range(2, 32))
    for name in ("Anna", "Bert"):
        own = [entry.text for entry in entries if entry.who == name]
        assert own == [crash_reader.edit(number).text for number in range(first, crash_reader.EDITS)]


def test_programs_started_at_once_on_a_new_database_all_find_it_ready(
    processes: multiprocessing.context.ForkServerContext, database_url: str
) -> None:
    started = []
    for _ in range(4):
        ours, theirs = processes.Pipe()
        process = processes.Process(target=crash_reader.open_database, args=(theirs, database_url))
        process.start()
        theirs.close()
        started.append((process, ours))
    for _, ours in started:
        ours.send("go")
    for process, ours in started:
        assert ours.poll(START_S)
        assert ours.recv() == "open"
        process.join(START_S)
    assert worklist().total == 0
