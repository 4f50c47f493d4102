"""A reader in a process of its own, to be killed: takes decisions and reports which the store confirmed."""

from __future__ import annotations

import os
from multiprocessing.connection import Connection

from pipeline.errors import StaleVersion
from pipeline.review.decisions import Decision
from pipeline.store.database import database
from pipeline.store.reviews import decide, standing
from tests.helpers.review_study import FIRST, STEP

EDITS = 100
BEATS = 20


def key(reader: str, number: int) -> str:
    """The name of the request for an edit; a retry has the same."""
    return f"{reader}-{number}"


def edit(number: int) -> Decision:
    """The edit with this number; every one differs from the one before it."""
    return Decision("override", (FIRST + STEP * (number % BEATS),), "NSVF"[number % 4], f"edit {number}")


def read(answers: Connection, url: str, study: int, reader: str, first: int, last: int) -> None:
    """Take the edits from `first` to before `last`, and send each number once it is confirmed; -1 when ready."""
    os.environ["HEARTVISION_DATABASE_URL"] = url
    database()
    answers.send(-1)
    for number in range(first, last):
        _insist(study, reader, number)
        answers.send(number)


def open_database(answers: Connection, url: str) -> None:
    """Open and migrate a database, and report that it worked."""
    os.environ["HEARTVISION_DATABASE_URL"] = url
    answers.recv()
    database()
    answers.send("open")


def _insist(study: int, reader: str, number: int) -> None:
    """Take an edit; read the study again whenever someone else was faster."""
    while True:
        version = standing(study).version
        try:
            decide(study, edit(number), reader=reader, expected_version=version, key=key(reader, number))
        except StaleVersion:
            continue
        return
