"""First-degree block by the P-R that the wave marks give, and the growth of P-R in Wenckebach's periods."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.measurements import WAVE_MARKS, Waves
from pipeline.twelve_leads.measured_pr import with_measured_pr
from pipeline.twelve_leads.measuring import Marked
from pipeline.types import Episode, FloatArray, Recording, RhythmCode
from tests.helpers.made_ecg import QRS, P, T
from tests.helpers.rhythms import with_rhythm

FS, RR_S = 250.0, 0.8


def marked(*pr_ms: float, beats_each: int = 75) -> Marked:
    """Beats every 0.8 s, a minute of each P-R interval; NaN where no P wave was marked."""
    pr_s = np.repeat(np.array(pr_ms), beats_each) / 1000
    beat_s = 0.4 + RR_S * np.arange(pr_s.size)
    marks = np.full((pr_s.size, 1, len(WAVE_MARKS)), np.nan)
    marks[:, 0, WAVE_MARKS.index("qrs_on")] = beat_s - 0.04
    marks[:, 0, WAVE_MARKS.index("p_on")] = beat_s - 0.04 - pr_s
    waves = Waves(("II",), beat_s, marks, marks[:, 0])
    return Marked(waves, np.ones(pr_s.size, np.bool_), np.full(pr_s.size, RR_S))


def decided(rhythm: tuple[tuple[float, float, RhythmCode], ...], *pr_ms: float) -> list[tuple[float, float, str]]:
    recording = Recording.from_array(np.zeros(round(rhythm[-1][1] * FS)), fs=FS, leads="II")
    found = tuple(Episode(start_s, stop_s, code, "", 0.8, "found") for start_s, stop_s, code in rhythm)
    analysis = replace(with_rhythm("N" * 30, (0.0, "N")), rhythm=found)
    return [(e.start_s, e.stop_s, e.rhythm) for e in with_measured_pr(recording, analysis, marked(*pr_ms)).rhythm]


@pytest.mark.parametrize(
    ("pr_ms", "code"), [(180, "N"), (201, "N"), (215, "N"), (217, "BI"), (260, "BI"), (np.nan, "N")]
)
def test_clearly_more_than_200_ms_is_first_degree_block(pr_ms, code):
    assert decided(((0, 300, "N"),), *[pr_ms] * 5) == [(0, 300, code)]


@pytest.mark.parametrize(("pr_ms", "code"), [(180, "N"), (205, "BI"), (230, "BI"), (np.nan, "BI")])
def test_a_block_that_was_found_stands_unless_p_r_was_measured_and_is_not_long(pr_ms, code):
    assert decided(((0, 300, "BI"),), *[pr_ms] * 5) == [(0, 300, code)]


def test_block_begins_where_p_r_grows_long():
    assert decided(((0, 600, "N"),), *[170] * 5, *[240] * 5) == [(0, 300, "N"), (300, 600, "BI")]


def test_a_p_r_near_the_limit_does_not_come_and_go():
    assert decided(((0, 600, "N"),), *[205, 205, 219, 205, 205, 220, 205, 205, 219, 205]) == [(0, 600, "N")]


def test_half_minutes_before_and_after_a_long_time_without_p_r_do_not_decide_each_other():
    night = [np.nan] * 240
    rhythm = ((0, 60 * 243, "N"),)
    found = decided(rhythm, 220, *night, 170, 170)
    assert [code for _, _, code in found] == ["BI", "N"]
    assert found[0][:2] == (0, 60)


def test_a_p_r_that_wanders_is_no_first_degree_block():
    found = decided(((0, 540, "N"),), *[240, 300, 360] * 3)
    assert sum(stop_s - start_s for start_s, stop_s, code in found if code == "BI") <= 60  # its two ends at most


@pytest.mark.parametrize("code", ["AFIB", "P", "BII", "B", "NOD", "SVTA"])
def test_only_sinus_rhythm_becomes_first_degree_block(code):
    rhythm = ((0, 100, "N"), (100, 200, code), (200, 300, "N"))
    expected = [(0, 100, "BI"), (100, 200, code), (200, 300, "BI")]
    assert decided(rhythm, *[250] * 5) == expected


def test_the_episode_says_what_was_measured_and_how_sure_it_is():
    recording = Recording.from_array(np.zeros(round(300 * FS)), fs=FS, leads="II")
    analysis = replace(with_rhythm("N" * 30, (0.0, "N")), rhythm=(Episode(0, 300, "N"),))
    near, far = (with_measured_pr(recording, analysis, marked(*[pr_ms] * 5)).rhythm[0] for pr_ms in (218, 260))
    assert near.evidence == "P-R of 218 ms, measured from the onset of P"
    assert 0.8 < near.confidence < 0.9
    assert far.confidence > 0.99


def periods(growth_s: float) -> tuple[FloatArray, list[float]]:
    """Groups of four beats whose P-R grows by a third of this from beat to beat, then a P wave without a beat."""
    p_s = np.arange(0.6, 59.5, 0.85)
    conducted = np.arange(p_s.size) % 5 != 4
    r_s = p_s + 0.17 + growth_s / 3 * (np.arange(p_s.size) % 5)
    at = np.arange(round(60 * FS)) / FS
    lead = np.random.default_rng(0).normal(0, 0.004, at.size)
    for p in p_s:
        lead += P[2] * np.exp(-0.5 * ((at - p) / P[1]) ** 2)
    for r in r_s[conducted]:
        for centre, width, height in (*QRS, T):
            lead += height * np.exp(-0.5 * ((at - r - centre) / width) ** 2)
    return lead.astype(np.float32), r_s[conducted].tolist()


def test_wenckebach_says_by_how_much_p_r_grew():
    lead, r_s = periods(0.12)
    recording = Recording.from_array(lead, fs=FS, leads="II")
    analysis = with_rhythm("N" * len(r_s), (0.0, "N"))
    sample = np.round(np.array(r_s) * FS).astype(np.int64)
    block = Episode(0, 60, "BII", "Wenckebach", 0.9, "found")
    analysis = replace(analysis, sample=sample, fs=FS, offset=None, rhythm=(block,))
    empty = marked(*[np.nan])
    evidence = with_measured_pr(recording, analysis, empty).rhythm[0].evidence
    assert evidence.startswith("found; P-R grew by ")
    grown_ms = float(evidence.removeprefix("found; P-R grew by ").split(" ")[0])
    assert grown_ms == pytest.approx(120, abs=20)
