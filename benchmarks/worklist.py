"""The worklist with thousands of studies: `python -m benchmarks.worklist [--studies 5000]`.

Fills an empty SQLite database and times the page as the server computes it (no browser): opened, sorted, searched,
paged and filtered; and the queries behind it.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from datetime import UTC, datetime, timedelta

import numpy as np
from sqlalchemy import insert
from streamlit.testing.v1 import AppTest

from benchmarks.timing import header, timed
from pipeline.config import ROOT
from pipeline.review.finding_kinds import FINDING_KINDS
from pipeline.review.states import STUDY_STATES
from pipeline.store.database import database
from pipeline.store.listing import worklist_stamp
from pipeline.store.studies import state_counts, worklist
from pipeline.store.tables import AnalysisRow, StudyRow

REPEATS = 7


def fill(count: int) -> None:
    """Studies of all states, with findings and readers."""
    rng, now = np.random.default_rng(0), datetime.now(UTC)
    kinds = list(FINDING_KINDS)
    rows = []
    for number in range(count):
        found = {str(kind): int(rng.integers(1, 9)) for kind in rng.choice(kinds, 4, replace=False)}
        record, reader = f"Holter {number:05d}", f"Reader {number % 12}"
        rows.append(
            {
                "digest": f"{number:064x}", "record": record, "model": "vgg16", "model_version": "1", "leads": '["II"]',
                "duration_s": 86_400.0, "analysis": "0" * 64, "state": str(rng.choice(list(STUDY_STATES))),
                "priority": int(rng.integers(1, 9)), "counts": {"N": 98_000, "V": int(rng.integers(3000)), "S": 40},
                "findings": found, "reader": reader, "search": f"{record} {reader} vgg16 {' '.join(found)}".casefold(),
                "created": now, "updated": now - timedelta(minutes=number),
            }
        )  # fmt: skip
    with database().writing() as session:
        session.add(AnalysisRow(digest="0" * 64, payload=b""))
        session.flush()
        session.execute(insert(StudyRow), rows)


def queries() -> None:
    """The page's database queries."""
    timed("query: first page by priority", worklist, wanted=0.05)
    timed("query: last page by record", lambda: worklist(sort="record", page=100, page_size=25), wanted=0.05)
    timed("query: search of two words", lambda: worklist(text="reader holter 00042"), wanted=0.05)
    timed("query: studies per state", state_counts)
    timed("query: has anything changed", worklist_stamp)


def _at_the_door() -> AppTest:
    """A new session that is about to open the page."""
    app = AppTest.from_file(str(ROOT / "app" / "main.py"), default_timeout=300).run()
    return app.switch_page("worklist/page.py")


def page() -> None:
    """The page itself."""
    sessions = iter([_at_the_door() for _ in range(REPEATS)])
    app = timed("page: opened in a new session", lambda: next(sessions).run(), REPEATS)
    view = app.session_state["heartvision-worklist"]
    timed("page: drawn again", app.run)
    timed("page: turned", lambda: app.button(key="worklist-next").click().run())
    timed("page: sorted by another column", lambda: (view.sort_by("record"), app.run()))
    timed("page: searched", lambda: app.text_input(key="worklist-text").set_value(f"00{time.time_ns() % 100}").run())


def main(count: int) -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"HEARTVISION_CACHE": f"{folder}/cache", "HEARTVISION_HOME": f"{folder}/home"}
        fill(count)
        header(f"{count} studies")
        queries()
        page()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=5000)
    main(parser.parse_args().studies)
