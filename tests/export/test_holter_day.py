"""The numbers of a day's report, worked out a second time from its beats and spans, one by one and in plain Python."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from pipeline.config import REVIEW
from pipeline.export.report_content import report_content
from pipeline.export.report_pdf import pdf_bytes
from pipeline.export.report_sections import figures, kinds_table, rows_table
from pipeline.identity import Identity
from pipeline.review.beats_in_force import reviewed_beats
from pipeline.types import Episode, Quality, QualitySegment, Recording
from tests.export.test_export_report import CREATED, text_of
from tests.helpers.review_study import FS, analysed

START = datetime(2005, 5, 2, 14, 3, 20)
HOURS = 24.0
DAY_S = HOURS * 3600
NIGHT = (9 * 3600.0, 16 * 3600.0)
AF = ((5 * 3600.0, 5 * 3600.0 + 1800.0), (20.25 * 3600.0, 21.75 * 3600.0))
NOISE = ((7 * 3600.0, 7 * 3600.0 + 240.0),)
GAP = (11.3 * 3600.0, 11.5 * 3600.0)


def in_one(at_s, spans):
    return any(start_s <= at_s < stop_s for start_s, stop_s in spans)


def made():
    """A day: slow at night, irregular in fibrillation, single beats, couplets, runs, pauses; noise and a gap."""
    rng = np.random.default_rng(7)
    time_s, letters, now = [], [], 1.0
    due = {3600.0 * 2.5: 2.6, 3600.0 * 12.2: 3.4, 3600.0 * 13.0: 2.2, 3600.0 * 18.1: 2.9}  # pauses
    while now < DAY_S - 2:
        usual = 1.1 if NIGHT[0] <= now < NIGHT[1] else 0.8
        step = rng.uniform(0.42, 1.05) if in_one(now, AF) else usual + 0.03 * np.sin(now / 40) + rng.normal(0, 0.01)
        if in_one(now, NOISE):
            step = 0.3  # what a detector makes of noise
        if (pause := next((at for at in due if at <= now), None)) is not None:
            step = due.pop(pause)
        now += float(step)
        event = rng.uniform()
        calm = not in_one(now, (*AF, *NOISE, (GAP[0] - 10, GAP[1] + 10))) and step < 1.5
        shares = ((0.004, "V"), (0.005, "VV"), (0.0053, "VVVV"), (0.9965, ""), (0.997, "SS"), (1.0, "S"))
        ectopic = next(word for most, word in shares if event < most) if calm else ""
        time_s.append(now)
        letters.append("N")
        for letter in ectopic:
            now += 0.45
            time_s.append(now)
            letters.append(letter)
        now += 0.5 if ectopic else 0.0
    kept = [(at, letter) for at, letter in zip(time_s, letters, strict=True) if not GAP[0] <= at < GAP[1]]
    sample = np.round(np.array([at for at, _ in kept]) * FS).astype(np.int64)
    word = "".join(letter for _, letter in kept)
    edges = sorted({0.0, DAY_S, *(edge for span in (*AF, *NOISE) for edge in span)})
    rhythm = tuple(
        Episode(a, b, "AFIB" if in_one(a, AF) else "NOISE" if in_one(a, NOISE) else "N", "", 0.95)
        for a, b in pairwise(edges)
    )
    quality = Quality(
        (QualitySegment(0.0, GAP[0], "good", ""), QualitySegment(*GAP, "gap", "no signal"),
         QualitySegment(GAP[1], DAY_S, "good", "")), 0.99,
    )  # fmt: skip
    analysis = replace(analysed(word), sample=sample, duration_s=DAY_S, rhythm=rhythm, quality=quality)
    signal = np.zeros((round(DAY_S * FS), 1), np.float32)
    recording = Recording("day", FS, signal, ("MLII",), analysis.digest, (True,))
    recording = replace(recording, identity=Identity("1", "Ada", "F", 1941, "syncope", START))
    return report_content(recording, analysis, reviewed_beats(analysis, ()), created=CREATED), word


@pytest.fixture(scope="module")
def day():
    return made()


def plain(day):
    """Times and intervals as plain lists: an interval is none across the gap, and none in the noise's rates."""
    content, word = day
    times = (content.analysis.sample / FS).tolist()
    steps = [None, *(b - a for a, b in pairwise(times))]
    steps = [None if step is None or (times[i - 1] < GAP[0] <= times[i]) else step for i, step in enumerate(steps)]
    return times, steps, word


def readable(times, steps):
    """The intervals that touch neither noise nor gap, nor the two seconds beside them."""
    margin = REVIEW.beside_s
    near = [(a - margin, b + margin) for a, b in (*NOISE, GAP)]
    return [
        None if step is None or any(times[i - 1] < b and times[i] > a for a, b in near) else step
        for i, step in enumerate(steps)
    ]


def rates(steps):
    """The rate of each beat with eight known intervals before it: of their median."""
    found = []
    for i in range(len(steps)):
        window = steps[i - 7 : i + 1]
        if i < 7 or any(step is None for step in window):
            found.append(None)
        else:
            ordered = sorted(window)
            found.append(120 / (ordered[3] + ordered[4]))
    return found


def clusters(word):
    """Runs of one ectopic letter: where they begin, which letter, how many."""
    found, i = [], 0
    while i < len(word):
        stop = i
        while stop < len(word) and word[stop] == word[i]:
            stop += 1
        if word[i] in "VS":
            found.append((i, word[i], stop - i))
        i = stop
    return found


def test_beats_and_rates_of_every_hour_are_those_that_can_be_counted_by_hand(day):
    times, steps, _ = plain(day)
    rate = rates(readable(times, steps))
    rows = day[0].holter.rows
    edges = [0.0]
    clock = START.replace(minute=0, second=0) + timedelta(hours=1)
    while (clock - START).total_seconds() < DAY_S - 360:
        edges.append((clock - START).total_seconds())
        clock += timedelta(hours=1)
    assert [row.start_s for row in rows] == pytest.approx(edges)
    for row, start_s, stop_s in zip(rows, edges, [*edges[1:], DAY_S], strict=True):
        inside = [i for i, at in enumerate(times) if start_s <= at < stop_s]
        assert row.beats == len(inside)
        known = [rate[i] for i in inside if rate[i] is not None]
        assert (row.lowest, row.highest) == (pytest.approx(min(known), rel=1e-4), pytest.approx(max(known), rel=1e-4))
    shown = [line[0] for line in rows_table(day[0]).rows]
    assert shown[:2] == ["14:03:20", "15:00:00"]
    assert shown[10] == "Tue 00:00:00"


def test_singles_couplets_and_runs_are_counted_as_by_hand(day):
    times, _, word = plain(day)
    total = day[0].holter.total
    found = clusters(word)

    def many(letter, low, high=10**9):
        return sum(kind == letter and low <= count <= high for _, kind, count in found)

    assert (total.v_single, total.v_couplets, total.v_runs) == (many("V", 1, 1), many("V", 2, 2), many("V", 3))
    assert (total.s_single, total.s_couplets, total.s_runs) == (many("S", 1, 1), many("S", 2, 2), many("S", 3))
    assert min(total.v_single, total.v_couplets, total.v_runs, total.s_single, total.s_couplets) > 5
    for row in day[0].holter.rows:
        own = [count for i, kind, count in found if kind == "V" and row.start_s <= times[i] < row.stop_s]
        assert (row.v_single, row.v_couplets, row.v_runs) == (
            own.count(1), own.count(2), sum(count > 2 for count in own),
        )  # fmt: skip


def test_lowest_highest_and_mean_rate_and_the_longest_interval_are_those_worked_out_by_hand(day):
    times, steps, _ = plain(day)
    clear = readable(times, steps)
    known = [one for one in rates(clear) if one is not None]
    summary = day[0].summary
    assert summary.rate.lowest.value == pytest.approx(min(known), rel=1e-4)
    assert summary.rate.highest.value == pytest.approx(max(known), rel=1e-4)
    assert summary.rate.highest.value < 150  # the noise would be 200
    whole = [step for step in steps if step is not None]
    assert summary.rate.mean == pytest.approx(60 * len(whole) / sum(whole), rel=1e-3)
    longest = max((step, at) for step, at in zip(clear, times, strict=True) if step is not None)
    assert (summary.longest_rr.value, summary.longest_rr.time_s) == (
        pytest.approx(longest[0], abs=1e-3), pytest.approx(longest[1], abs=1e-3),
    )  # fmt: skip
    tile = next(one for one in figures(day[0]) if one.name == "Longest RR interval")
    begun = START + timedelta(seconds=longest[1] - longest[0])
    assert tile.value == f"{longest[0]:.2f} s"
    assert tile.more in (f"at Tue {begun:%H:%M:%S}", f"at Tue {begun + timedelta(seconds=1):%H:%M:%S}")


def test_pauses_and_the_longest_of_them_are_those_worked_out_by_hand(day):
    _, steps, _ = plain(day)
    long = sorted(step for step in steps if step is not None and step >= 2)
    assert day[0].holter.total.pauses == len(long) == 4
    rows = {row[0]: row for row in kinds_table(day[0]).rows}
    assert rows["Long pause"][1:4:2] == ("1", rows["Long pause"][3])
    assert rows["Long pause"][3].startswith(f"{long[-1]:.2f} s at Tue ")
    assert rows["Pause"][1] == "3"
    assert rows["Pause"][3].startswith(f"{long[-2]:.2f} s at ")


def test_the_burden_of_fibrillation_is_the_sum_of_its_spans(day):
    seconds = sum(b - a for a, b in AF)
    atrial = day[0].holter.atrial
    assert (atrial.seconds, atrial.count, atrial.share) == (seconds, 2, pytest.approx(seconds / DAY_S))
    assert atrial.longest.seconds == max(b - a for a, b in AF)
    for row in day[0].holter.rows:
        inside = sum(max(0.0, min(b, row.stop_s) - max(a, row.start_s)) for a, b in AF)
        assert row.af_s == pytest.approx(inside, abs=1e-6)


def test_the_printed_day_has_its_hours_in_one_piece_and_nothing_cut(day):
    pages = text_of(pdf_bytes(day[0]))
    hourly = [text for text in pages if "Hour by hour" in text]
    assert len(hourly) == 1
    assert "Tue 13:00:00" in hourly[0]
    assert not any("…" in text.replace(f"{day[0].analysis.digest[:24]}…", "") for text in pages)
