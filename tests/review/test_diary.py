"""A patient's diary becomes marks of patient events at the times that it names."""

from __future__ import annotations

from datetime import datetime

import pytest

from pipeline.errors import IntakeError
from pipeline.review.decisions import Decision
from pipeline.review.diary import DIARY_BYTES, DIARY_LINES, read_diary

FS, HOURS = 250.0, 8
N = int(HOURS * 3600 * FS)
EVENING = datetime(2025, 3, 3, 23, 0)


def read(text: str, start: datetime | None = EVENING) -> tuple[Decision, ...]:
    return read_diary(text.encode(), fs=FS, n_samples=N, start=start)


@pytest.mark.parametrize("text", ["time,text\n23:30,dizzy\n", "23:30;dizzy", "\ufeffTime\tNote\n23:30\tdizzy\n\n"])
def test_a_time_to_the_minute_marks_that_minute(text: str) -> None:
    assert read(text) == (Decision("event_mark", (1800 * 250, 1860 * 250), text="dizzy"),)


def test_times_are_of_the_clock_with_a_start_and_elapsed_without() -> None:
    by_clock = read('03:04:29,palpitations\nTue 00:10:00,"stairs, two floors"\n+0:00:30,start\n')
    assert [mark.samples[0] / FS for mark in by_clock] == [14669, 4200, 30]
    assert [mark.text for mark in by_clock] == ["palpitations", "stairs, two floors", "start"]
    (elapsed,) = read("0:12:03,dizzy", None)
    assert (elapsed.samples[0] / FS, elapsed.samples[1] / FS) == (723, 733)


def test_the_last_moment_has_a_mark_inside_the_recording() -> None:
    (mark,) = read("07:00:00,end")
    assert mark.samples == (N - 1, N)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("23:30,dizzy\n22:00,Zwiebelfisch", "Line 2 of the diary: the recording has no such time"),
        ("23:30,dizzy\nlater,Zwiebelfisch", "Line 2 of the diary: a time is written hh:mm:ss"),
        ("23:30,", "Line 1 of the diary has a time but no text"),
        ("time,text", "no entry"),
        ("", "no entry"),
        ("1:00,x\n" * (DIARY_LINES + 1), f"the limit is {DIARY_LINES}"),
        ("x" * (DIARY_BYTES + 1), "bytes"),
        ("23:30,a\x00b", "control character"),
    ],
)
def test_what_is_no_diary_is_refused_by_line_and_never_repeated(text: str, says: str) -> None:
    with pytest.raises(IntakeError, match=says) as refused:
        read(text)
    assert "Zwiebelfisch" not in str(refused.value)


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(IntakeError, match="UTF-8"):
        read_diary(b"\xff\xfe\x00", fs=FS, n_samples=N)
