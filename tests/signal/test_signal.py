"""From millivolts to beats: what must stay when the signal is scaled, resampled, inverted or cut."""

import dataclasses

import numpy as np
import pytest
from scipy import signal as sps

from pipeline.analysis import prepare
from pipeline.config import DEFAULT
from pipeline.datasets import demo_path
from pipeline.errors import SignalError
from pipeline.evaluation.matching import match_beats
from pipeline.features.beat_sequence import frame, waves
from pipeline.intake import read_path
from pipeline.signal.beat_windows import beat_offsets, gather, usual_beats
from pipeline.signal.leads import choose_leads
from pipeline.signal.r_peaks import detect_r_peaks
from pipeline.signal.reading import read_leads
from pipeline.types import Recording, read_only
from tests.hostile.make_corpus import ecg


@pytest.fixture(scope="module")
def demo() -> Recording:
    return read_path(demo_path())


def changed(recording: Recording, p_signal: np.ndarray, fs: float | None = None) -> Recording:
    return dataclasses.replace(
        recording, p_signal=p_signal.astype(np.float32), fs=fs or recording.fs, reference=None, notices=()
    )


def agreement(first: np.ndarray, second: np.ndarray, fs: float) -> float:
    matching = match_beats(first, second, fs=fs, window_ms=50)
    return matching.matched / max(len(first), len(second))


def test_the_beats_of_the_demo_are_found(demo: Recording) -> None:
    assert demo.reference is not None
    found = prepare(demo).beats.sample
    matching = match_beats(demo.reference.sample, found, fs=demo.fs, window_ms=150)
    # at 210 s MLII is lost for four seconds; the cardiologists read on in the other lead
    assert matching.matched / demo.reference.sample.size > 0.97
    assert matching.matched / found.size > 0.98


@pytest.mark.parametrize("factor", [0.2, 5.0])
def test_beats_and_pictures_do_not_depend_on_the_amplitude(demo: Recording, factor: float) -> None:
    first, second = prepare(demo).beats, prepare(changed(demo, demo.p_signal * factor)).beats
    assert np.array_equal(first.sample, second.sample)
    assert np.abs(first.template - second.template).max() < 1e-3


@pytest.mark.parametrize("fs", [128.0, 500.0, 1000.0])
def test_beats_do_not_depend_on_the_sampling_frequency(demo: Recording, fs: float) -> None:
    resampled = sps.resample_poly(demo.p_signal, int(fs * 9), int(demo.fs * 9), axis=0)
    first, second = prepare(demo).beats, prepare(changed(demo, resampled, fs)).beats
    assert agreement(first.sample, np.round(second.sample * demo.fs / fs).astype(np.int64), demo.fs) > 0.97


def test_an_inverted_lead_keeps_its_beats_and_is_said_to_be_inverted() -> None:
    fs = 250.0
    time = np.arange(int(60 * fs)) / fs
    upright = sum(np.exp(-0.5 * ((time - beat) / 0.012) ** 2) for beat in np.arange(0.5, 60, 0.85))
    noise = 0.01 * np.random.default_rng(0).normal(size=time.size)
    recording = Recording("x", fs, (upright + noise)[:, None].astype(np.float32), ("II",), "d", (True,))
    first, second = prepare(recording), prepare(changed(recording, -recording.p_signal))
    assert agreement(first.beats.sample, second.beats.sample, fs) > 0.98
    assert not any("points down" in notice for notice in first.notices)
    assert any("points down" in notice for notice in second.notices)


def test_a_gap_splits_the_recording_and_beats_on_both_sides_stay(demo: Recording) -> None:
    holed = demo.p_signal.copy()
    start, stop = int(100 * demo.fs), int(112 * demo.fs)
    holed[start:stop] = np.nan
    whole, cut = prepare(demo), prepare(changed(demo, holed))
    away = (whole.beats.sample < start - demo.fs) | (whole.beats.sample > stop + demo.fs)
    assert agreement(whole.beats.sample[away], cut.beats.sample, demo.fs) > 0.95
    assert cut.quality.analysed_fraction < 0.97
    assert "gap" in {segment.verdict for segment in cut.quality.segments}
    after = np.searchsorted(cut.beats.sample, stop)
    assert np.isnan(cut.beats.rr_s[after])


def test_one_missing_sample_is_bridged(demo: Recording) -> None:
    holed = demo.p_signal.copy()
    holed[5000] = np.nan
    assert prepare(changed(demo, holed)).beats.sample.size == prepare(demo).beats.sample.size


def test_one_enormous_spike_does_not_silence_the_detector(demo: Recording) -> None:
    spiked = demo.p_signal.copy()
    spiked[50_000] = 1e4
    assert agreement(prepare(demo).beats.sample, prepare(changed(demo, spiked)).beats.sample, demo.fs) > 0.85


@pytest.mark.parametrize(
    ("p_signal", "sentence"),
    [
        (np.zeros((1, 1)), "at least 10 s"),
        (np.full((10_000, 1), np.nan), "Not enough signal"),
    ],
    ids=["one sample", "all missing"],
)
def test_a_signal_without_beats_is_refused_in_one_sentence(p_signal: np.ndarray, sentence: str) -> None:
    recording = Recording("x", 250.0, p_signal.astype(np.float32), ("II",), "d", (True,))
    with pytest.raises(SignalError, match=sentence) as caught:
        prepare(recording)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    "p_signal",
    [
        np.zeros((10_000, 1)),
        np.tile([[0.0], [5.0]], (5000, 1)).repeat(80, axis=0),
        np.tile([[0.0], [5.0]], (5000, 1)).repeat(40, axis=0),
        np.full((10_000, 1), -9999.0) + np.linspace(0, 1, 10_000)[:, None] ** 9,
    ],
    ids=["flat", "square wave", "fast square wave", "sentinels"],
)
def test_a_signal_without_beats_is_read_as_such(p_signal: np.ndarray) -> None:
    found = prepare(Recording("x", 250.0, p_signal.astype(np.float32), ("II",), "d", (True,)))
    noisy = found.quality.is_noisy(found.beats.r_peak / found.beats.fs)
    assert all(reason or hidden for reason, hidden in zip(found.beats.reason, noisy, strict=True))
    assert "good" not in {segment.verdict for segment in found.quality.segments}


def test_a_refusal_for_gaps_names_the_lead_that_was_recorded_longest() -> None:
    p_signal = np.full((5000, 3), np.nan, np.float32)
    for column, stop in enumerate((500, 250, 2000)):
        p_signal[:stop, column] = 0
    with pytest.raises(SignalError, match=r"no stretch of 9 s .* lasts 8\.0 s, in lead 'V1'\."):
        prepare(Recording("x", 250.0, p_signal, ("I", "II", "V1"), "d", (True,) * 3))


def test_a_wrong_sampling_frequency_is_noticed(demo: Recording) -> None:
    with pytest.raises(SignalError):
        prepare(changed(demo, demo.p_signal[:20_000], 5000.0))


def test_given_samples_stay_one_to_one_and_in_order(demo: Recording) -> None:
    given = np.array([300, 310, 700, 1000, 1200, 1500], np.int64)
    beats = prepare(demo, samples=given).beats
    assert np.array_equal(beats.sample, given)
    assert beats.r_peak.size == given.size


@pytest.mark.parametrize(
    ("leads", "chosen"),
    [
        (("V5", "MLII"), ("MLII", "V5")),
        (("MLII", "V1"), ("MLII", "V1")),
        (("ECG1", "ECG2"), ("ECG1", "ECG2")),
        (("I", "II", "III", "aVR", "V1", "V5"), ("II", "V1")),
        (("X",), ("X",)),
    ],
)
def test_the_best_leads_are_chosen(leads: tuple[str, ...], chosen: tuple[str, ...]) -> None:
    assert choose_leads(leads) == chosen


def test_a_lead_that_is_not_there_is_refused() -> None:
    with pytest.raises(SignalError, match="no lead 'V9'"):
        choose_leads(("II",), ("V9",))


@pytest.mark.data
def test_slow_ectopic_beats_are_found_by_the_second_look() -> None:
    """Record 106 of DS1: the slope detector alone misses 57 V beats."""
    from pipeline.config import data_root

    recording = read_path(data_root() / "mitdb" / "106.hea")
    assert recording.reference is not None
    found = prepare(recording).beats.sample
    matching = match_beats(recording.reference.sample, found, fs=recording.fs, window_ms=DEFAULT.match_window_ms)
    assert recording.reference.sample.size - matching.matched <= 5


@pytest.mark.parametrize("rest_s", [0.004, 0.02, 0.3, 0.9])
def test_a_few_samples_at_the_end_have_no_verdict_of_their_own(rest_s):
    n = round(250 * (30 + rest_s))
    signal = (ecg(n) / 200 + np.random.default_rng(0).normal(0, 0.003, n)).astype(np.float32)[:, None]
    recording = Recording("r", 250.0, read_only(signal), ("MLII",), "0" * 64, (True,))
    read = read_leads(recording, DEFAULT.signal)
    r_peak = detect_r_peaks(read.conditioned, DEFAULT.signal)
    found, _ = read.judged(r_peak, r_peak, DEFAULT.signal)
    assert [(segment.verdict, segment.stop_s) for segment in found.segments] == [("good", n / 250)]


def test_usual_beats_are_those_that_do_not_come_early():
    rr_s = np.array([np.nan, 0.8, 0.8, 0.4, 1.2, 0.8, 0.8, 0.79], np.float32)
    assert usual_beats(rr_s, 0.8, DEFAULT.signal).tolist() == [1, 2, 4, 5, 6, 7]


def test_too_few_usual_beats_make_every_beat_usual():
    rr_s = np.array([np.nan, 0.8, 0.3, 0.8, 0.3, 0.8, 0.3, 0.8], np.float32)
    assert usual_beats(rr_s, 0.8, DEFAULT.signal).tolist() == list(range(8))


@pytest.mark.parametrize(("beats", "taken"), [(2000, 2000), (3999, 3999), (4000, 2000), (100_000, 2000)])
def test_of_many_usual_beats_every_kth_is_taken(beats, taken):
    assert usual_beats(np.full(beats, 0.8, np.float32), 0.8, DEFAULT.signal).size == taken


def test_the_usual_beat_of_the_picture_and_of_the_sequence_are_of_the_same_beats(demo):
    beats = prepare(demo).beats
    at = usual_beats(beats.rr_s, beats.mean_rr_s, DEFAULT.signal)
    expected = np.median(waves(beats, at, DEFAULT.sequence), axis=0)
    np.testing.assert_array_equal(frame(beats, DEFAULT.sequence, DEFAULT.signal).usual, expected.astype(np.float32))
    offsets = beat_offsets(beats.fs, DEFAULT.picture)
    drawn = np.median(gather(beats.signal[:, 0], beats.r_peak[at][:, None] + offsets), axis=0)
    np.testing.assert_array_equal(beats.template, drawn.astype(np.float32))
