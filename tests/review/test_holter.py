"""The tables of a Holter report are those of a recording whose beats were made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.measurements import Measurements, Statement
from pipeline.review.beats_in_force import reviewed_beats
from pipeline.review.conclusion import NOTHING_CONFIRMED, decided_facts, proposed_text, undecided
from pipeline.review.decisions import Decision
from pipeline.review.holter import holter, run_bpm, urgent_findings
from pipeline.review.hrv import spectrum
from pipeline.review.triage import triage
from pipeline.types import Episode
from tests.helpers.review_study import FS, analysed, at

LETTERS = "N" * 20 + "V" + "N" * 9 + "VV" + "N" * 8 + "VVVV" + "N" * 6 + "S" + "N" * 9 + "SS" + "N" * 8


def day(letters=LETTERS, times=60, *, rhythm=(), decisions=()):
    """A recording of these letters again and again, 0.8 s a beat."""
    analysis = replace(analysed(letters * times), rhythm=rhythm)
    return reviewed_beats(analysis, decisions)


def test_rows_count_what_was_made_and_the_total_is_their_sum():
    beats = day()  # 70 beats or 56 s sixty times
    found = holter(beats, triage(beats))
    assert [row.stop_s - row.start_s for row in found.rows[:-1]] == [300.0] * (len(found.rows) - 1)
    assert found.total.beats == 70 * 60 == sum(row.beats for row in found.rows)
    assert (found.total.v_single, found.total.v_couplets, found.total.v_runs) == (60, 60, 60)
    assert (found.total.s_single, found.total.s_couplets, found.total.s_runs) == (60, 60, 0)
    for name in ("v_single", "v_couplets", "v_runs", "s_single", "s_couplets", "pauses"):
        assert sum(getattr(row, name) for row in found.rows) == getattr(found.total, name)
    assert found.rows[0].mean == pytest.approx(75.0, abs=0.01)
    assert found.rows[0].beats == 375


@pytest.mark.parametrize(("times", "step_s", "rows"), [(2, None, 0), (4, 60.0, 4), (60, 300.0, 12), (150, 3600.0, 3)])
def test_a_row_is_an_hour_of_a_day_and_less_of_a_short_recording(times, step_s, rows):
    beats = day(times=times)
    found = holter(beats, triage(beats)).rows
    assert len(found) == rows
    assert not rows or found[0].stop_s == step_s
    assert not rows or found[-1].stop_s == pytest.approx(beats.n_samples / beats.fs)


def test_time_in_fibrillation_and_noise_is_divided_among_the_rows():
    rhythm = (Episode(0.0, 250.0, "N"), Episode(250.0, 700.0, "AFIB"), Episode(700.0, 3360.4, "NOISE"))
    beats = day(rhythm=rhythm)
    found = holter(beats, triage(beats))
    assert [row.af_s for row in found.rows[:4]] == [50.0, 300.0, 100.0, 0.0]
    assert found.rows[2].unread_s == 200.0
    assert (found.atrial.seconds, found.atrial.count) == (450.0, 1)
    assert found.atrial.longest == rhythm[1]
    assert found.atrial.share == pytest.approx(450 / (beats.n_samples / FS))


def test_an_artefact_is_no_beat_and_a_rejected_run_no_run():
    beats = day(times=4, decisions=[Decision("reject", at(*range(40, 44)))])
    total = holter(beats, triage(beats)).total
    assert (total.beats, total.v_runs) == (4 * 70 - 4, 3)


def test_of_each_kind_of_run_the_longest_and_the_fastest_are_known():
    analysis = analysed("N" * 10 + "VVVVV" + "N" * 10 + "VVVV" + "N" * 10)
    sample = analysis.sample.copy()
    sample[26:29] = sample[25] + np.array([75, 150, 225])  # 0.3 s apart: 200/min
    sample[29:] = sample[28] + 200 * np.arange(1, sample.size - 28)
    sample[11:15] = sample[10] + 120 * np.arange(1, 5)  # 0.48 s apart: 125/min
    beats = reviewed_beats(replace(analysis, sample=sample), ())
    row = next(row for row in holter(beats, triage(beats)).kinds if row.kind == "vt")
    assert len(row.findings) == 2
    assert (len(row.longest.samples), run_bpm(row.longest)) == (5, pytest.approx(125.0))
    assert (len(row.fastest.samples), run_bpm(row.fastest)) == (4, pytest.approx(200.0))
    assert row.slowest is row.longest


def test_a_conclusion_never_tells_of_what_nobody_has_decided():
    open_ = day(times=2)
    assert proposed_text(decided_facts(triage(open_), open_), triage(open_)) == NOTHING_CONFIRMED
    beats = day(times=2, decisions=[Decision("confirm", at(30, 31))])
    found = triage(beats)
    facts = decided_facts(found, beats)
    assert [fact.key for fact in facts] == ["v_couplet"]
    text = proposed_text(facts, found)
    assert text == "Ventricular couplet: 2 beats at 75/min at 0:00:24."
    assert len([one for one in found if one.kind == "v_couplet"]) == 2  # the other one is open and left out


def test_a_rejected_run_is_no_fact_and_a_renamed_one_is_what_it_became():
    beats = day(times=1, decisions=[Decision("override", at(30, 31), "S")])
    assert [fact.name for fact in decided_facts(triage(beats), beats)] == ["Supraventricular couplet"]
    beats = day(times=1, decisions=[Decision("reject", at(30, 31))])
    assert decided_facts(triage(beats), beats) == ()


def test_the_burden_is_a_fact_once_every_beat_of_the_class_is_decided():
    ventricular = tuple(i for i, letter in enumerate(LETTERS) if letter == "V")
    beats = day(times=1, decisions=[Decision("confirm", at(*ventricular))])
    facts = decided_facts(triage(beats), beats)
    assert facts[-1].text == "Ventricular beats in all: 7, 10.0 % of the classified beats."
    one_open = day(times=1, decisions=[Decision("confirm", at(*ventricular[1:]))])
    assert "burden_V" not in [fact.key for fact in decided_facts(triage(one_open), one_open)]


def test_confirmed_episodes_are_told_with_their_time_share_and_longest():
    rhythm = (Episode(0.0, 20.0, "AFIB"), Episode(20.0, 30.0, "N"), Episode(30.0, 56.4, "AFIB"))
    ends = [(0, 5000), (7500, 14100)]
    beats = day(times=1, rhythm=rhythm, decisions=[Decision("seen", stretch) for stretch in ends])
    fact = decided_facts(triage(beats), beats)[0]
    assert fact.text == ("Atrial fibrillation: 2 episodes, 46 s in all (82.3 %), the longest 26 s at 0:00:30.")
    assert fact.concept == "164889003"


def test_urgent_findings_and_statements_without_a_decision_are_named():
    stemi = Statement("STE-INF", "infarction", "ST elevation, inferior.", "0.3 mV", urgent=True)
    beats = day(times=2)
    left = undecided(triage(beats), Measurements(statements=(stemi,)))
    assert left.names == ("ST elevation, inferior",)
    assert left.statements == (stemi,)
    decided = undecided(triage(beats), Measurements(statements=(stemi,)), {"STE-INF": "rejected"})
    assert decided.statements == ()
    facts = decided_facts(triage(beats), beats, (stemi,), {"STE-INF": "confirmed"})
    assert (facts[0].key, facts[0].text) == ("statement:STE-INF", "ST elevation, inferior.")


def test_urgent_is_the_first_priority_and_episodes_of_the_second():
    analysis = analysed("N" * 10 + "VVVV" + "N" * 10 + "SSS" + "N" * 10)
    sample = analysis.sample.copy()
    sample[11:] -= 100 * np.minimum(np.arange(1, sample.size - 10), 4)
    rhythm = (Episode(0.0, 15.0, "N"), Episode(15.0, 29.6, "AFL"))
    beats = reviewed_beats(replace(analysis, sample=sample, rhythm=rhythm), ())
    assert {one.kind for one in urgent_findings(triage(beats))} == {"vt", "aflutter"}


@pytest.mark.parametrize(("hz", "band"), [(0.1, "lf"), (0.25, "hf"), (0.02, "vlf")])
def test_the_power_of_a_sine_is_half_its_amplitude_squared_in_its_band(hz, band):
    times = [0.4]
    while times[-1] < 900:
        times.append(times[-1] + 0.8 + 0.03 * np.sin(2 * np.pi * hz * times[-1]))
    analysis = analysed("N" * len(times))
    sample = np.round(np.array(times) * 5000).astype(np.int64)
    beats = reviewed_beats(replace(analysis, fs=5000.0, sample=sample, duration_s=times[-1] + 1), ())
    found = spectrum(beats)
    powers = {name: getattr(found, name).value for name in ("vlf", "lf", "hf")}
    assert powers.pop(band) == pytest.approx(0.5 * 30.0**2, rel=0.08)
    assert max(powers.values()) < 20
    assert found.segments == 3


def test_without_five_quiet_minutes_there_is_no_spectrum_but_a_reason():
    beats = day("NV" * 10, times=40)
    assert spectrum(beats).lf.value is None
    assert "filled to 90 %" in spectrum(beats).lf.reason
