"""AV block and pacing, in drawn recordings whose waves stand at known times, and in real ones."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from scipy.signal import resample_poly

from pipeline.config import DEFAULT, data_root
from pipeline.intake import read_path
from pipeline.intake.wfdb_annotations import parse_marks
from pipeline.rhythm.blocks import block_episodes, find_blocks, outside_fibrillation
from pipeline.rhythm.conduction_measures import MEASURES
from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.pacing import find_pacing, paced_beats, read_pacing, unpaced_as_conducted
from pipeline.signal.conditioning import condition
from pipeline.signal.p_waves import find_p_waves
from pipeline.signal.pacing import MEASURES as STIMULUS_MEASURES
from pipeline.signal.r_peaks import detect_r_peaks
from pipeline.types import Episode, Recording

SECONDS = 60.0


def drawn(p_s, r_s, *, fs=360.0, spikes_s=(), wide=False, seconds=SECONDS, noise_mv=0.01, seed=0):
    """Draw P waves, beats and spikes at these times, one lead in mV."""
    t = np.arange(round(seconds * fs)) / fs
    x = np.random.default_rng(seed).normal(0, noise_mv, t.size)

    def bell(at, width, height):
        near = np.abs(t - at) < 6 * width
        x[near] += height * np.exp(-0.5 * ((t[near] - at) / width) ** 2)

    for at in p_s:
        bell(at, 0.022, 0.15)
    for at in r_s:
        bell(at, 0.04 if wide else 0.012, 1.0)
        bell(at + 0.05, 0.03 if wide else 0.012, -0.3)
        bell(at + 0.29, 0.045, 0.3)
    for at in spikes_s:
        x[round(at * fs) : round(at * fs) + max(1, round(0.001 * fs))] += 2.0
    return Recording.from_array(x, fs=fs, leads="II", calibrated=False)


def context(recording, time_s=None):
    conditioned = condition(recording, recording.leads, DEFAULT.signal)
    if time_s is None:
        time_s = detect_r_peaks(conditioned, DEFAULT.signal) / conditioned.fs
    time_s = np.asarray(time_s, np.float64)
    n = time_s.size
    return RhythmContext(
        duration_s=recording.duration_s,
        time_s=time_s,
        symbol=np.full(n, "N"),
        trusted=np.ones(n, bool),
        confidence=np.ones(n, np.float32),
        break_before=np.arange(n) == 0,
        recording=recording,
        conditioned=conditioned,
        leads=recording.leads,
    )


def share_named(episodes, rhythm, start_s, stop_s):
    named = [max(0.0, min(e.stop_s, stop_s) - max(e.start_s, start_s)) for e in episodes if e.rhythm == rhythm]
    return sum(named) / (stop_s - start_s)


def test_p_waves_are_found_where_they_were_drawn():
    p_s = np.arange(0.6, SECONDS - 1, 0.8)
    found = find_p_waves(context(drawn(p_s, p_s[::2] + 0.16)).conditioned, p_s[::2] + 0.16)
    sure = found.time_s[found.likeness > 0.9]
    nearest = np.abs(p_s[2:-2, None] - sure).min(axis=1)
    assert np.mean(nearest < 0.02) > 0.95


def test_two_to_one_block_is_named_and_a_bradycardia_of_the_same_rate_is_not():
    p_s = np.arange(0.6, SECONDS - 1, 0.8)
    beats = p_s[::2] + 0.16
    blocked = find_blocks(context(drawn(p_s, beats)))
    assert share_named(blocked, "BII", 5, 55) > 0.9
    assert {episode.detail for episode in blocked if episode.rhythm == "BII"} == {"2:1"}
    slow = find_blocks(context(drawn(beats - 0.16, beats)))
    assert not [episode for episode in slow if episode.rhythm != "BI"]


def test_block_is_not_named_from_beats_that_cannot_be_relied_on():
    p_s = np.arange(0.6, SECONDS - 1, 0.8)
    known = context(drawn(p_s, p_s[::2] + 0.16))
    for trusted, named in ((np.arange(len(known)) % 3 != 0, True), (np.arange(len(known)) % 3 == 0, False)):
        found = find_blocks(replace(known, trusted=trusted))
        assert any(one.rhythm == "BII" for one in found) is named


class SecondWaves:
    """Finds block wherever a sure P wave belongs to no beat."""

    def probabilities(self, measures):
        blocked = measures[:, MEASURES.index("extra_score")] > 0.5
        return np.stack([np.where(blocked, 0.01, 0.97), np.where(blocked, 0.97, 0.02), np.full(blocked.size, 0.01)], 1)


@pytest.mark.parametrize(
    ("beside_s", "sure_beside", "named"),
    [(0.6, True, True), (1.0, True, True), (1.15, True, False), (1.15, False, True)],
)
def test_two_to_one_block_that_ends_without_a_change_of_the_rate_is_none(beside_s, sure_beside, named):
    rr_s = np.concatenate([np.full(20, beside_s), np.full(20, 1.2), np.full(20, beside_s)])
    blocked = np.repeat([False, True, False], 20)
    known = context(drawn([], [], seconds=rr_s.sum() + 1), np.cumsum(rr_s))
    if not sure_beside:
        known = replace(known, break_before=~blocked)
    measures = np.zeros((rr_s.size, len(MEASURES)), np.float32)
    for name, column in (("rr_s", rr_s), ("extra_score", 0.9 * blocked), ("extra_place", 0.5), ("extra_mean", 0.1)):
        measures[:, MEASURES.index(name)] = column
    found = find_blocks(known, SecondWaves(), measures)
    assert [(one.rhythm, one.detail) for one in found] == ([("BII", "2:1")] if named else [])


class SecondDegree:
    """A detector that is sure of second-degree block before every beat."""

    def probabilities(self, measures):
        return np.tile(np.array([0.01, 0.98, 0.01], np.float32), (len(measures), 1))


@pytest.mark.parametrize(
    ("course", "detail"),
    [
        ([1, 1, 4], "high degree"),
        ([1, 3], "high degree"),
        ([1, 1, 5], "high degree"),
        ([1.1, 1.05, 1.85], "Wenckebach"),
        ([1.1, 1.85], "Wenckebach"),
        ([2, 2], "2:1"),
        ([2, 3], "high degree"),
    ],
)
def test_block_in_which_several_p_waves_in_a_row_are_blocked_is_high_degree_whatever_is_conducted(course, detail):
    to_pp = np.resize(np.array(course), 24)
    beats = np.cumsum([1.0, *0.8 * to_pp])
    measures = np.full((beats.size, len(MEASURES)), -1, np.float32)
    for name, values in (("rr_s", np.diff(beats, prepend=0.2)), ("course_rr_to_pp", [-1, *to_pp]), ("extra_mean", 1)):
        measures[:, MEASURES.index(name)] = values
    known = context(drawn(np.arange(0.8, beats[-1], 0.8), beats, seconds=beats[-1] + 1), time_s=beats)
    (block,) = [one for one in find_blocks(known, SecondDegree(), measures) if one.rhythm == "BII"]
    assert block.detail == detail


def test_the_line_of_gains_shows_p_waves_and_neither_beats_nor_t_waves():
    p_s = np.arange(0.6, SECONDS - 1, 0.8)
    beats = np.delete(p_s, slice(5, None, 6)) + 0.16  # every sixth P wave is not conducted
    waves = find_p_waves(context(drawn(p_s, beats)).conditioned, beats)
    at = [np.round(times[3:-3] * waves.line_fs).astype(int) for times in (p_s, beats, beats + 0.29)]
    assert np.median(waves.line[at[0]]) > 0.9
    assert np.isnan(waves.line[at[1]]).all()
    assert np.nanmedian(np.abs(waves.line[at[2]])) < 0.2


def test_one_likely_interval_does_not_make_an_episode_and_one_unlikely_does_not_end_it():
    p = np.tile(np.float32([0.98, 0.01, 0.01]), (60, 1))
    p[20:40], p[30], p[50] = (0.05, 0.9, 0.05), (0.7, 0.2, 0.1), (0.1, 0.8, 0.1)
    time_s, measures = np.arange(60.0), np.full((60, len(MEASURES)), -1, np.float32)
    (episode,) = block_episodes(time_s, measures, p)
    assert (episode.rhythm, episode.start_s, episode.stop_s) == ("BII", pytest.approx(18.7), pytest.approx(38.7))
    surer = block_episodes(time_s, measures, p, calibration=(2.0, 0.0))
    assert surer[0].confidence > block_episodes(time_s, measures, p, calibration=(1.0, 0.0))[0].confidence
    measures[:, MEASURES.index("over_t")] = 1.5  # a wave larger than a P wave
    assert block_episodes(time_s, measures, p) == []


def test_block_in_the_midst_of_atrial_fibrillation_is_left_out_and_beside_it_is_not():
    fibrillation = [Episode(0.0, 300.0, "AFIB")]
    midst, edge = Episode(50.0, 70.0, "BII", "Wenckebach"), Episode(285.0, 320.0, "BII", "2:1")
    junctional = Episode(100.0, 120.0, "NOD")
    assert outside_fibrillation([midst, junctional, edge], fibrillation) == [junctional, edge]
    assert outside_fibrillation([midst], [Episode(0.0, 300.0, "AFL")]) == [midst]


def slow_beats(seconds=SECONDS, *, bpm=50.0, seed=0):
    rng = np.random.default_rng(seed)
    return np.cumsum(60 / bpm * (1 + rng.normal(0, 0.008, int((seconds - 1.5) * bpm / 60)))) - 0.3


@pytest.mark.parametrize("bpm", [42, 50, 58])
@pytest.mark.parametrize("fs", [125.0, 360.0, 1000.0])
def test_slow_regular_beats_without_any_p_wave_are_junctional_and_no_block(bpm, fs):
    r_s = slow_beats(bpm=bpm)
    found = find_blocks(context(drawn((), r_s, fs=fs), time_s=r_s))
    assert share_named(found, "NOD", 0, SECONDS) > 0.9
    assert {episode.rhythm for episode in found} == {"NOD"}


@pytest.mark.parametrize("height", [0.05, 0.15])
def test_slow_regular_beats_with_p_waves_however_low_are_not_junctional(height):
    r_s = slow_beats()
    seen = drawn(r_s - 0.17, (), noise_mv=0.0)
    low = replace(seen, p_signal=seen.p_signal * np.float32(height / 0.15) + drawn((), r_s).p_signal)
    assert share_named(find_blocks(context(low, time_s=r_s)), "NOD", 0, SECONDS) == 0


def test_slow_beats_without_p_waves_that_are_irregular_or_in_noise_or_dissociated_are_not_junctional():
    rng = np.random.default_rng(3)
    wild_s = np.cumsum(1.2 * rng.lognormal(0, 0.2, 46)) - 0.3
    wild_s = wild_s[wild_s < SECONDS - 0.5]
    assert share_named(find_blocks(context(drawn((), wild_s), time_s=wild_s)), "NOD", 0, SECONDS) == 0
    r_s = slow_beats()
    assert share_named(find_blocks(context(drawn((), r_s, noise_mv=0.08), time_s=r_s)), "NOD", 0, SECONDS) == 0
    own_way = drawn(np.arange(0.5, SECONDS - 1, 0.77), r_s)
    assert share_named(find_blocks(context(own_way, time_s=r_s)), "NOD", 0, SECONDS) == 0


def test_complete_block_is_named_where_p_waves_and_beats_go_their_own_ways():
    found = find_blocks(context(drawn(np.arange(0.5, SECONDS - 1, 0.77), np.arange(0.9, SECONDS - 1, 1.63))))
    assert share_named(found, "BIII", 5, 55) > 0.8


def test_a_long_constant_pr_interval_is_first_degree_block_and_a_usual_one_is_not():
    p_s = np.arange(0.6, SECONDS - 1, 0.9)
    assert share_named(find_blocks(context(drawn(p_s, p_s + 0.28))), "BI", 5, 55) > 0.8
    assert not find_blocks(context(drawn(p_s, p_s + 0.15)))


@pytest.mark.parametrize("find", [find_blocks, find_pacing])
def test_finders_take_recordings_without_beats_and_beats_without_a_signal(find):
    recording = drawn((), (), seconds=12.0)
    assert find(context(recording, time_s=())) == []
    beats = np.arange(1.0, 60.0, 0.9)
    n = beats.size
    alone = RhythmContext(60.0, beats, np.full(n, "N"), np.ones(n, bool), np.ones(n, np.float32), np.arange(n) == 0)
    assert find(alone) == []


@pytest.mark.parametrize(
    ("fs", "rr_s"), [(250.0, 0.85), (500.0, 0.85), (1000.0, 0.85), (360.0, 0.75), (500.0, 0.6), (1000.0, 0.7)]
)
def test_spikes_before_p_waves_and_beats_are_dual_chamber_pacing(fs, rr_s):
    r_s = np.arange(1.0, SECONDS - 1, rr_s)
    spikes = np.sort(np.concatenate([r_s - 0.07, r_s - 0.23]))
    seen = context(drawn(r_s - 0.18, r_s, fs=fs, spikes_s=spikes, wide=True), time_s=r_s)
    (episode,) = find_pacing(seen)
    assert (episode.rhythm, episode.detail) == ("P", "dual chamber")
    assert paced_beats(seen).all()
    assert episode.seconds > 55


def test_spikes_before_beats_alone_are_ventricular_pacing_and_before_p_waves_alone_atrial():
    r_s = np.arange(1.0, SECONDS - 1, 0.85)
    ventricular = context(drawn((), r_s, fs=500.0, spikes_s=r_s - 0.07, wide=True), time_s=r_s)
    assert [episode.detail for episode in find_pacing(ventricular)] == ["ventricular"]
    atrial = context(drawn(r_s - 0.16, r_s, fs=500.0, spikes_s=r_s - 0.21), time_s=r_s)
    assert [episode.detail for episode in find_pacing(atrial)] == ["atrial"]
    assert not paced_beats(atrial).any()


def test_a_sure_q_without_a_stimulus_counts_as_conducted():
    r_s = np.arange(1.0, SECONDS - 1, 0.85)
    own, paced, doubtful = np.arange(r_s.size) % 3 == 0, np.arange(r_s.size) % 3 == 1, np.arange(r_s.size) % 3 == 2
    seen = context(drawn((), r_s, fs=500.0, spikes_s=r_s[paced] - 0.07, wide=True), time_s=r_s)
    seen = replace(seen, symbol=np.full(r_s.size, "Q"), trusted=~doubtful)
    symbol = unpaced_as_conducted(seen, read_pacing(seen)).symbol
    assert (symbol[own] == "N").all()
    assert (symbol[paced | doubtful] == "Q").all()
    without = replace(seen, recording=None)
    assert unpaced_as_conducted(without, read_pacing(without)) is without


def test_stray_spikes_and_wide_beats_are_not_pacing():
    r_s = np.arange(1.0, SECONDS - 1, 0.85)
    stray = np.random.default_rng(1).uniform(1, SECONDS - 1, 60)
    assert not read_pacing(context(drawn(r_s - 0.18, r_s, fs=500.0, spikes_s=stray), time_s=r_s)).any.any()
    assert not read_pacing(context(drawn(r_s - 0.18, r_s, fs=500.0, wide=True), time_s=r_s)).any.any()


def test_no_stimulus_is_seen_at_a_rate_at_which_it_looks_like_a_qrs():
    r_s = np.arange(1.0, SECONDS - 1, 0.85)
    assert not paced_beats(context(drawn((), r_s, fs=100.0, spikes_s=r_s - 0.07, wide=True), time_s=r_s)).any()


def at_another_rate(recording, fs):
    factor = Fraction(round(fs), round(recording.fs))
    lead = resample_poly(recording.p_signal[:, 0], factor.numerator, factor.denominator)
    return Recording.from_array(lead, fs=fs, leads="II", calibrated=False)


@pytest.mark.parametrize("fs", [125.0, 128.0])
def test_what_a_slow_recorder_leaves_of_stimuli_is_seen_at_the_rate_of_a_pacemaker_only(fs):
    r_s = np.arange(1.0, SECONDS - 1, 0.85)
    paced = drawn((), r_s, fs=1000.0, spikes_s=r_s - 0.07, wide=True)
    assert paced_beats(context(at_another_rate(paced, fs), time_s=r_s)).mean() > 0.8
    wide = drawn(r_s - 0.18, r_s, fs=1000.0, wide=True)
    assert not paced_beats(context(at_another_rate(wide, fs), time_s=r_s)).any()
    fast_s = np.arange(1.0, SECONDS - 1, 0.42)
    fast = drawn((), fast_s, fs=1000.0, spikes_s=fast_s - 0.07, wide=True)
    assert not paced_beats(context(at_another_rate(fast, fs), time_s=fast_s)).any()


class Judge:
    """Answers in place of trees: paced where a function of the measures (n, k) says so."""

    def __init__(self, is_paced):
        self.is_paced = is_paced

    def probabilities(self, measures):
        paced = np.where(self.is_paced(measures), 0.999, 0.001)
        return np.stack([1 - paced, paced], axis=1)


def slow_paced(before_s):
    """Return a paced recording of a slow recorder, whose spikes stand so long before R."""
    r_s = np.arange(1.0, 2 * SECONDS - 1, 0.85)
    paced = drawn((), r_s, fs=1000.0, spikes_s=r_s - before_s, wide=True, seconds=2 * SECONDS)
    return context(at_another_rate(paced, 125.0), time_s=r_s)


@pytest.mark.parametrize(("sure", "paced"), [(8, False), (30, True)])
def test_a_stimulus_that_few_beats_of_all_that_begin_alike_show_surely_is_the_qrs(sure, paced):
    few = Judge(lambda measures: np.arange(len(measures)) < sure)
    assert (read_pacing(slow_paced(0.07), few).ventricular.mean() > 0.8) == paced


def test_a_stimulus_long_before_the_r_peak_of_a_lead_is_judged_from_its_own_place():
    near = Judge(lambda measures: np.abs(measures[:, STIMULUS_MEASURES.index("onset_ms")]) < 40)
    assert read_pacing(slow_paced(0.1), near).ventricular.mean() > 0.8


@pytest.mark.data
def test_the_second_degree_block_of_record_231_is_named():
    found = find_blocks(context(read_path(data_root() / "mitdb" / "231.hea")))
    notes = [(97.6, 149.0), (333.6, 562.0), (799.8, 1044.2), (1205.2, 1245.6), (1274.5, 1409.6)]
    named = sum(share_named(found, "BII", start_s, stop_s) * (stop_s - start_s) for start_s, stop_s in notes)
    assert named / sum(stop_s - start_s for start_s, stop_s in notes) >= 0.9


@pytest.mark.data
def test_paced_beats_of_record_217_are_found_and_its_others_are_not():
    recording = read_path(data_root() / "mitdb" / "217.hea")
    marks = parse_marks((data_root() / "mitdb" / "217.atr").read_bytes(), fs=recording.fs)
    beats = [(sample / recording.fs, symbol) for sample, symbol in marks if symbol in "/fNV"]
    symbol = np.array([letter for _, letter in beats])
    paced = paced_beats(context(recording, time_s=[time_s for time_s, _ in beats]))
    assert paced[symbol == "/"].mean() > 0.98
    assert paced[np.isin(symbol, ["N", "V"])].mean() < 0.02


@pytest.mark.data
def test_record_102_is_paced_in_the_lead_whose_r_peak_comes_late_as_well():
    recording = read_path(data_root() / "mitdb" / "102.hea")
    alone = replace(recording, p_signal=recording.p_signal[:, 1:], leads=recording.leads[1:])
    assert paced_beats(context(alone)).mean() > 0.9
