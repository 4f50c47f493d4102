"""A blind second reading of a study, and the adjudication of the differences between two readers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from pipeline.errors import AccessError, ReviewError
from pipeline.principal import LOCAL, Principal, Who, principal
from pipeline.review.agreement import ReaderDifference, adopting
from pipeline.review.decisions import clean_text
from pipeline.signal.nearest import NO_BEAT
from pipeline.store.log import KEEP, Log, find_reading, open_log, reading_row
from pipeline.store.reviews import Stamp, Standing, check_writable, classes_around
from pipeline.store.studies import stored_analysis
from pipeline.store.tables import ReadingRow


def is_blind(now: Standing | Stamp, who: Principal) -> bool:
    """Tell whether the store shows this reader their own second reading only: it is unfinished."""
    return bool(who) and now.second_reader == who.name and not now.second_done


def begin_second(study_id: int, *, reader: Who) -> int:
    """Begin a second reading, which starts from the model's answer and knows nothing of the first.

    Returns
    -------
    int
        The version of the second reading. A reader who has already begun continues where they were.

    Raises
    ------
    ReviewError
        If the study is new, the reader took part in the first reading, or someone else is second reader.
    """
    with open_log(study_id, "main", reader, None, right="second") as log:
        second = find_reading(log.session, study_id, "second")
        if second is not None and (second.reader, second.state) == (log.who, "open"):
            return second.version
        _check_second_possible(log, second)
        now = datetime.now(UTC)
        row = ReadingRow(study_id=study_id, role="second", reader=log.who, state="open", version=0, opened=now)
        log.session.add(row)
        log.session.flush()
        Log(log.session, log.study, row, log.who, log.key).append("second_begun")
        return row.version


def finish_second(study_id: int, *, reader: Who, expected_version: int, key: str | None = None) -> int:
    """Close the second reading; from now on decisions in the study adjudicate, and both readings stay as they are.

    Parameters
    ----------
    study_id : int
        Which study.
    reader : Principal or str
        The second reader.
    expected_version : int
        The version of the second reading that the reader saw.
    key : str, optional
        Names this request, so that it is carried out once.

    Returns
    -------
    int
        The new version of the main reading.
    """
    with open_log(study_id, "second", reader, key) as log:
        main = reading_row(log.session, study_id, "main")
        first = Log(log.session, log.study, main, log.who, log.key)
        if not first.repeats("second_done"):
            check_writable(log, expected_version)
            log.reading.state, log.reading.closed = "closed", datetime.now(UTC)
            first.append("second_done")
        return main.version


def withdraw_second(study_id: int, *, reader: Who, reason: str) -> None:
    """End an unfinished second reading without a result; its entries stay in the audit trail.

    Parameters
    ----------
    study_id : int
        Which study.
    reader : Principal or str
        Who ends it.
    reason : str
        Why.

    Raises
    ------
    ReviewError
        If it is finished, or no reason is given.
    """
    others = principal(reader).holds("decide")
    with open_log(study_id, "second", reader, None, right="decide" if others else "second") as log:
        if not others and log.who != log.reading.reader:
            raise AccessError("The second reading is somebody else's; a reader may withdraw it.")
        if log.reading.state != "open":
            raise ReviewError("The second reading is finished and stays; adjudicate the differences.")
        if not clean_text(reason):
            raise ReviewError("No reason is given; say why the second reading is withdrawn.")
        log.append("second_withdrawn", text=clean_text(reason))
        log.reading.state, log.reading.closed = "withdrawn", datetime.now(UTC)


def adjudicate(
    study_id: int,
    difference: ReaderDifference,
    choice: Literal["first", "second"],
    *,
    reader: Who,
    expected_version: int,
    text: str = "",
    key: str | None = None,
) -> int:
    """Adjudicate a difference in favour of one of the readers; a third answer is an ordinary `decide`.

    `undo` reverts it. Errors are those of `decide`.

    Parameters
    ----------
    study_id : int
        Which study.
    difference : ReaderDifference
        What the readers differ on.
    choice : Literal['first', 'second']
        Whose answer becomes the class in force.
    reader : Principal or str
        Who adjudicates.
    expected_version : int
        The version of the main reading that the reader saw.
    text : str, optional
        A remark.
    key : str, optional
        Names this request, so that it is carried out once.

    Returns
    -------
    int
        The new version of the main reading.
    """
    samples = tuple(sorted({difference.first_sample, difference.second_sample} - {NO_BEAT}))
    decision = adopting(difference, clean_text(text)) if choice == "second" else None
    analysis = stored_analysis(study_id, reader=LOCAL)
    with open_log(study_id, "main", reader, key) as log:
        if not log.repeats("adjudicate", decision):
            check_writable(log, expected_version)
            _check_second_done(log)
            if decision is None:
                log.append("adjudicate", kind=KEEP, samples=samples, text=clean_text(text))
            else:
                log.append("adjudicate", decision=decision, classes=classes_around(log, analysis, decision))
        return log.version


def _check_second_possible(log: Log, second: ReadingRow | None) -> None:
    if log.study.state == "new":
        raise ReviewError("This study has no first reader yet; begin the review instead.")
    if second is not None:
        raise ReviewError(f"{second.reader} is the second reader of this study; there can be one.")
    if any(row.who == log.who for row in log.rows):
        raise ReviewError("You are the first reader of this study; the second must be someone else.")


def _check_second_done(log: Log) -> None:
    if reading_row(log.session, log.study.id, "second").state != "closed":
        raise ReviewError("The second reading is not finished; adjudicate when it is.")
