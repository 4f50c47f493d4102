"""An extreme is never taken in or beside what cannot be read: shown with signals that were made so."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from pipeline.config import REVIEW
from pipeline.review.beats_in_force import reviewed_beats
from pipeline.review.decisions import Decision
from pipeline.review.holter import holter, kind_rows, longest_pause
from pipeline.review.readable import is_readable, readable_rr_s, unread_spans
from pipeline.review.signal_evidence import evidence_of
from pipeline.review.summary import summarise
from pipeline.review.triage import triage
from pipeline.types import Episode, Quality, QualitySegment, Recording
from tests.helpers.review_study import FS, analysed, at

SECONDS = 200
BESIDE = REVIEW.beside_s


def made(trouble="", *, start_s=100.0, stop_s=110.0, pause_s=2.4, longer_s=3.6):
    """A heart at 75/min, 50/min and 110/min for a while, with a pause, and a trouble beside which beats are wrong.

    Ten of them are 0.3 s apart before it, and an interval of `longer_s` comes after it.
    """
    steps = [0.8] * 40 + [1.2] * 12 + [0.8] * 10 + [0.55] * 12 + [0.8] * 10 + [pause_s] + [0.8] * 99
    time_s = list(np.cumsum(steps))
    time_s = [one for one in time_s if one < start_s - 3.2]
    time_s += [start_s - 0.15 - 0.3 * k for k in range(9, -1, -1)]
    time_s += [stop_s + 0.4, stop_s + 0.4 + longer_s]
    time_s += list(np.arange(time_s[-1] + 0.8, SECONDS - 1, 0.8))
    sample = np.round(np.array(time_s) * FS).astype(np.int64)
    rng = np.random.default_rng(1)
    signal = rng.normal(0, 0.004, round(SECONDS * FS)).astype(np.float32)
    for one in sample:
        signal[one - 5 : one + 6] += np.hanning(11).astype(np.float32)
    inside = slice(round(start_s * FS), round(stop_s * FS))
    analysis = analysed("N" * sample.size)
    analysis = replace(analysis, sample=sample, duration_s=float(SECONDS))
    decisions, rhythm = [], (Episode(0.0, float(SECONDS), "N"),)
    good = QualitySegment(0.0, float(SECONDS), "good", "")
    quality = Quality((good,), 1.0)
    if trouble == "gap":
        signal[inside] = np.nan
    elif trouble in ("poor", "flat", "flat and dead"):
        verdict = "noisy" if trouble == "poor" else "flat"
        parts = (replace(good, stop_s=start_s), QualitySegment(start_s, stop_s, verdict, trouble),
                 replace(good, start_s=stop_s))  # fmt: skip
        quality = Quality(parts, 0.95)
        if trouble == "flat and dead":
            signal[inside] = 0.0
    elif trouble == "noise":
        rhythm = (Episode(0.0, start_s, "N"), Episode(start_s, stop_s, "NOISE"), Episode(stop_s, float(SECONDS), "N"))
    elif trouble == "artefact":
        decisions = [Decision("rhythm_name", (inside.start, inside.stop), subject="ARTEFACT")]
    analysis = replace(analysis, rhythm=rhythm, quality=quality)
    recording = Recording("case", FS, signal[:, None], ("MLII",), analysis.digest, (True,))
    return reviewed_beats(analysis, decisions, evidence_of(recording, analysis))


@pytest.mark.parametrize("trouble", ["gap", "poor", "noise", "artefact"])
def test_lowest_highest_and_longest_are_those_of_the_readable_stretches(trouble):
    beats = made(trouble)
    found = summarise(beats)
    assert (found.rate.lowest.value, found.rate.highest.value) == (
        pytest.approx(50, abs=0.5),
        pytest.approx(60 / 0.55, abs=0.5),
    )
    assert found.longest_rr.value == pytest.approx(2.4, abs=0.01)
    rows = holter(beats, triage(beats))
    assert rows.total.highest == found.rate.highest.value == max(row.highest for row in rows.rows)
    assert rows.total.lowest == found.rate.lowest.value == min(row.lowest for row in rows.rows)


def test_a_flat_line_within_a_pause_is_read():
    found = summarise(made("flat"))
    assert found.longest_rr == summarise(made()).longest_rr
    assert found.longest_rr.value > 9
    assert summarise(made("flat and dead")).longest_rr.value == pytest.approx(2.4, abs=0.01)  # and no pause


@pytest.mark.parametrize(
    ("verdict", "span", "unread"),
    [("flat", (49.5, 64.0), False), ("flat", (53.0, 64.0), True), ("noisy", (49, 64), True), ("gap", (49, 64), True)],
)
def test_only_a_flat_line_and_only_within_an_asystole_or_a_rest_is_read(verdict, span, unread):
    analysis = replace(analysed("N"), quality=Quality((QualitySegment(52.0, 60.0, verdict, ""),), 1.0))
    assert bool(unread_spans(analysis, [Episode(*span, "ASYS")], ())) is unread
    assert bool(unread_spans(analysis, [], (), [span])) is unread
    assert unread_spans(analysis, [Episode(*span, "NOISE")], ())
    assert unread_spans(analysis, [], ())


def test_without_the_trouble_the_same_beats_are_the_extremes():
    found = summarise(made())
    assert found.rate.highest.value == pytest.approx(200, abs=1)
    assert found.longest_rr.value > 9  # across the place where nothing was found


@pytest.mark.parametrize("trouble", ["gap", "poor", "noise", "artefact"])
def test_the_longest_pause_is_not_the_one_beside_the_trouble(trouble):
    beats = made(trouble, longer_s=2.9)
    findings = triage(beats)
    row = next(row for row in kind_rows(findings, beats.unread) if row.kind == "pause")
    assert row.number >= 2
    start_s, stop_s = longest_pause(row.longest)
    assert stop_s - start_s == pytest.approx(2.4, abs=0.01)
    start_s, stop_s = longest_pause(next(one for one in kind_rows(findings) if one.kind == "pause").longest)
    assert stop_s - start_s == pytest.approx(2.9, abs=0.01)  # it stays listed


def test_where_nothing_can_be_read_the_extremes_are_of_what_there_is():
    beats = made()
    nothing = replace(beats, unread=((0.0, float(SECONDS)),))
    assert summarise(nothing) == summarise(beats)


def test_several_pauses_in_a_row_are_measured_and_counted_one_by_one():
    analysis = analysed("N" * 30)
    sample = analysis.sample.copy()
    for beat, seconds in ((10, 2.2), (11, 2.8), (12, 2.5), (20, 2.4)):
        sample[beat:] += round((seconds - 0.8) * FS)
    beats = reviewed_beats(replace(analysis, sample=sample, duration_s=60.0), ())
    (row,) = kind_rows(triage(beats))
    assert (len(row.findings), row.number, row.number_decided) == (2, 4, 0)
    assert longest_pause(row.longest) == (pytest.approx(beats.time_s[10]), pytest.approx(beats.time_s[11]))
    assert holter(beats, triage(beats)).total.pauses == 4


@given(
    some.lists(some.tuples(some.floats(0, 300), some.floats(0.1, 60)), max_size=8),
    some.lists(some.floats(0.3, 6), min_size=2, max_size=60),
)
def test_every_interval_and_stretch_is_judged_as_one_by_one(troubles, steps):
    spans = [(start, start + length) for start, length in troubles]
    analysis = replace(analysed("N"), quality=Quality((), 1.0))
    unread = unread_spans(analysis, [Episode(*span, "NOISE") for span in spans], ())
    assert all(before[1] < after[0] for before, after in pairwise(unread))
    time_s = np.cumsum(steps)
    rr_s = np.array(steps, np.float32)

    def touched(start_s, stop_s):
        return any(start - BESIDE < stop_s and stop + BESIDE > start_s for start, stop in spans)

    wanted = [touched(stop - step, stop) for step, stop in zip(steps, time_s.tolist(), strict=True)]
    wanted[0] = touched(-np.inf, float(time_s[0]))  # what comes before the first beat is not known
    found = readable_rr_s(rr_s, time_s, unread)
    assert np.isnan(found).tolist() == (wanted if not all(wanted) else [False] * len(wanted))
    for stop, step in zip(time_s.tolist(), steps, strict=True):
        assert is_readable(unread, stop - step, stop) is not touched(stop - step, stop)


def low_beats(found, *, high_mv=1.0, low_mv=0.4):
    """Beats 0.8 s apart, high in the first half and low in the second, of which those named were found."""
    sample = np.array(at(*range(60)), np.int64)
    signal = np.random.default_rng(2).normal(0, 0.004, round(52 * FS)).astype(np.float32)
    for number, one in enumerate(sample):
        signal[one - 5 : one + 6] += (high_mv if number < 45 else low_mv) * np.hanning(11).astype(np.float32)
    analysis = replace(analysed("N" * len(found)), sample=sample[list(found)], duration_s=52.0)
    recording = Recording("case", FS, signal[:, None], ("MLII",), analysis.digest, (True,))
    return sample, evidence_of(recording, analysis)


def test_missed_beats_between_low_ones_are_no_pause():
    sample, evidence = low_beats([*range(50), 54, *range(55, 60)])
    assert evidence.between(int(sample[49]), int(sample[54])) == "waves"


def test_a_pause_between_low_beats_is_one_and_so_is_one_that_begins_with_a_t_wave():
    sample = np.array([*at(*range(50)), *at(*range(55, 60))], np.int64)
    signal = np.random.default_rng(2).normal(0, 0.004, round(52 * FS)).astype(np.float32)
    for number, one in enumerate(sample):
        signal[one - 5 : one + 6] += (1.0 if number < 45 else 0.4) * np.hanning(11).astype(np.float32)
    signal[sample[40] + 55 : sample[40] + 75] += 0.2 * np.hanning(20).astype(np.float32)  # a T wave
    for beats in (sample, np.sort(np.append(sample, sample[40] + 65))):
        analysis = replace(analysed("N" * beats.size), sample=beats, duration_s=52.0)
        recording = Recording("case", FS, signal[:, None], ("MLII",), analysis.digest, (True,))
        evidence = evidence_of(recording, analysis)
        assert evidence.between(int(sample[49]), int(sample[50])) == "rest"
        stretch = np.flatnonzero((beats > sample[40]) & (beats < sample[41]))
        if stretch.size:
            signal[sample[40] + 80 : sample[41] - 10] = 0.0
            assert evidence.between(int(beats[stretch[0]]), int(sample[41])) == "rest"
