"""Clock times on the page, and the same times typed back."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from pipeline.errors import IntakeError
from pipeline.typed_times import read_clock
from pipeline.wording import clock, clock_text, clock_words, start_text

EVENING = datetime(2025, 3, 3, 23, 0)  # a Monday


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "23:00:00"),
        (3599.94, "23:59:59"),
        (3599.96, "Tue 00:00:00"),
        (14669, "Tue 03:04:29"),
        (25 * 3600, "Wed 00:00:00"),
        (6 * 86400, "Sun 23:00:00"),
        (6 * 86400 + 3600, "2025-03-10 00:00:00"),
    ],
)
def test_the_clock_shows_the_day_after_midnight(seconds: float, text: str) -> None:
    assert clock_text(seconds, EVENING) == text


def test_without_a_start_time_is_elapsed_and_says_so_where_it_stands_alone() -> None:
    assert clock_text(723.44, None) == clock(723.44, tenths=False) == "12:03"
    assert clock_text(723.44, None, tenths=True) == clock(723.44)
    assert clock_text(723, None, hours=True, label=True) == "0:12:03 elapsed"
    assert clock_text(723, EVENING, label=True) == "23:12:03"
    assert (clock_words(None), clock_words(EVENING), start_text(EVENING)) == (
        *("Elapsed", "Clock"),
        "Mon 2025-03-03 23:00:00",
    )


def test_fractions_of_the_start_and_a_time_zone_count() -> None:
    start = datetime(2025, 3, 3, 23, 0, 0, 700_000, timezone(timedelta(hours=-9)))
    assert clock_text(0.2, start, tenths=True) == "23:00:00.9"
    assert clock_text(0.3, start, tenths=True) == "23:00:01.0"


def test_a_time_of_day_without_a_date_has_no_day_of_the_week() -> None:
    start = datetime(1, 1, 1, 23, 0)
    assert (start_text(start), clock_text(60, start)) == ("23:00:00, date not known", "23:01:00")
    assert clock_text(14669, start) == "day 2 03:04:29"
    assert clock_text(30 * 86400, start) == "day 31 23:00:00"


@pytest.mark.parametrize(
    "start", [None, EVENING, datetime(2024, 2, 28, 8, 59, 59, 900_000), datetime(1, 1, 1, 23, 59, 59)]
)
@pytest.mark.parametrize("seconds", [0.0, 59.9, 723.4, 3725.4, 86_399.9, 90_000.0, 700_000.0])
def test_what_the_page_shows_can_be_typed_back(start: datetime | None, seconds: float) -> None:
    assert read_clock(clock_text(seconds, start, tenths=True), start) == pytest.approx(seconds, abs=0.051)


@pytest.mark.parametrize(
    ("text", "start", "seconds"),
    [
        ("1:02:05.4", None, 3725.4),
        ("02:05", None, 125.0),
        ("90:00", None, 5400.0),
        ("45", None, 45.0),
        (" + 0:10:00 ", EVENING, 600.0),
        ("23:30", EVENING, 1800.0),
        ("00:30", EVENING, 5400.0),
        ("Tuesday 00:30:01", EVENING, 5401.0),
        ("wed 00:00", EVENING, 90_000.0),
        ("2025-03-05 00:00:00", EVENING, 90_000.0),
    ],
)
def test_times_are_typed_in_the_ways_that_people_use(text: str, start: datetime | None, seconds: float) -> None:
    assert read_clock(text, start) == seconds


@pytest.mark.parametrize(
    ("text", "start"),
    [
        *(("", None), ("1:2:3:4", None), ("12:60", None), ("-5", None), ("nan", None), ("Tue 03:04:29", None)),
        *(("45", EVENING), ("24:00:00", EVENING), ("2025-13-40 03:04", EVENING), ("2025-03-02 03:04", EVENING)),
        *(("+Tue 1:00", EVENING), ("22:00:00", EVENING), ("Tue 03:04:29", EVENING), ("1:02:05", None)),
    ],
)
def test_what_is_no_time_of_this_recording_is_refused(text: str, start: datetime | None) -> None:
    with pytest.raises(IntakeError):
        read_clock(text, start, duration_s=3600.0)


def test_the_last_moment_that_is_shown_may_be_typed() -> None:
    assert read_clock(clock_text(1805.97, None, tenths=True), duration_s=1805.97) == 1805.97
