"""What the worklist says of a study, and studies of finished analyses; on both databases."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.review.beats_in_force import reviewed_beats
from pipeline.review.decisions import Decision
from pipeline.review.triage import triage
from pipeline.store.listing import SecondReading, listing, readers, second_readings, study_of_analysis
from pipeline.store.reviews import Outcome, begin_review, decide, save_step, standing
from pipeline.store.second_reading import begin_second, finish_second, withdraw_second
from pipeline.store.studies import UNJUDGED, create_study, get_study, worklist
from pipeline.types import Analysis, Recording
from tests.helpers.review_study import analysed, at

pytestmark = pytest.mark.usefixtures("store")
SLOW_RUN = "NNVVVNNNSN"


def recorded(analysis: Analysis) -> Recording:
    n = round(analysis.duration_s * analysis.fs)
    signal = np.zeros((n, 1), np.float32)
    return Recording(analysis.record, analysis.fs, signal, analysis.leads, analysis.digest, (True,))


def test_the_most_urgent_finding_gives_the_priority() -> None:
    beats = reviewed_beats(analysed(SLOW_RUN), ())
    row = listing(beats, triage(beats))
    assert (row.priority, row.counts["V"], row.counts["S"], row.counts["U"]) == (3, 3, 1, 0)
    assert row.findings == {"idioventricular": 1, "ectopic_s": 1}


def test_the_row_tells_how_long_the_longest_finding_of_the_most_urgent_kind_lasts() -> None:
    analysis = analysed("NNNNNNNNNN")
    later = 1000 * (np.arange(10) >= 5) + 1500 * (np.arange(10) >= 7)
    beats = reviewed_beats(replace(analysis, sample=analysis.sample + later, duration_s=20.0), ())
    found = triage(beats)
    row = listing(beats, found)
    assert {one.kind for one in found} == {"long_pause"}
    assert row.longest_s == pytest.approx(max(np.diff(beats.sample)) / beats.fs)


def test_a_study_without_findings_comes_last() -> None:
    assert listing(reviewed_beats(analysed("NNNNN"), ()), ()).priority == UNJUDGED


def test_a_finished_analysis_becomes_one_study_with_its_row() -> None:
    analysis = analysed(SLOW_RUN)
    study = study_of_analysis(analysis, recorded(analysis))
    assert (study.state, study.priority, study.findings["idioventricular"]) == ("new", 3, 1)
    assert study_of_analysis(analysis, recorded(analysis)) == study
    assert worklist(text="idioventricular").total == 1


def test_a_pause_across_a_gap_in_the_signal_or_a_lost_lead_is_none() -> None:
    analysis = analysed("NNNNNNNNNN")
    analysis = replace(analysis, sample=analysis.sample + 1000 * (np.arange(10) >= 5), duration_s=14.0)
    recording = recorded(analysis)
    found = {}
    for number, (name, fault) in enumerate({"rest": None, "gap": np.nan, "off": 0.0}.items()):
        signal = np.random.default_rng(0).normal(0, 0.02, recording.p_signal.shape).astype(np.float32)
        signal[analysis.sample] = 1.0
        if fault is not None:
            signal[1100:1800] = fault
        other = replace(analysis, digest=f"{number}" * 64)
        found[name] = study_of_analysis(other, replace(recording, p_signal=signal)).findings
    assert found == {"rest": {"long_pause": 1}, "gap": {}, "off": {"signal_lost": 1}}


def test_the_row_follows_a_decision() -> None:
    study = create_study(analysed(SLOW_RUN))
    beats = reviewed_beats(analysed(SLOW_RUN), [Decision("override", at(2, 3, 4), "N")])
    begin_review(study.id, reader="Anna")
    step = Decision("override", at(2, 3, 4), "N")
    save_step(standing(study.id), step, Outcome(row=listing(beats, triage(beats))), reader="Anna")
    found = get_study(study.id)
    assert (found.priority, found.counts["V"], found.findings) == (6, 0, {"ectopic_s": 1})


def test_readers_are_all_who_took_part_the_last_first_and_no_blind_reader() -> None:
    ids = [create_study(analysed(record=name)).id for name in ("a", "b", "c")]
    begin_review(ids[0], reader="Anna")
    begin_review(ids[1], reader="Anna")
    begin_second(ids[1], reader="Bert")
    finish_second(ids[1], reader="Bert", expected_version=1)
    version = decide(ids[0], Decision("override", at(0), "V"), reader="Bert", expected_version=1)
    decide(ids[0], Decision("override", at(1), "V"), reader="Anna", expected_version=version)
    assert readers(ids) == {ids[0]: ("Anna", "Bert"), ids[1]: ("Anna",)}
    assert get_study(ids[1]).reader == "Anna"
    assert readers(()) == {}


def test_second_readings_are_found_for_a_whole_page() -> None:
    ids = [create_study(analysed(record=name)).id for name in ("a", "b", "c", "d")]
    for number in ids:
        begin_review(number, reader="Anna")
    for number in ids[:3]:
        begin_second(number, reader="Bert")
    finish_second(ids[1], reader="Bert", expected_version=1)
    withdraw_second(ids[2], reader="Anna", reason="on leave")
    assert second_readings(ids) == {ids[0]: SecondReading("Bert", False), ids[1]: SecondReading("Bert", True)}
    assert second_readings(()) == {}
