"""R peaks: what the choice of candidates promises, what must not move the beats, and the second opinion."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.analysis import prepare
from pipeline.config import DEFAULT, data_root
from pipeline.datasets import demo_path
from pipeline.evaluation.matching import match_beats
from pipeline.intake import read_path
from pipeline.signal import conditioning
from pipeline.signal.conditioning import Conditioned, condition
from pipeline.signal.leads import choose_leads
from pipeline.signal.r_peak_candidates import _envelopes, find_candidates
from pipeline.signal.r_peak_choice import DenseNetwork, apart, in_rhythm, load_networks
from pipeline.signal.r_peaks import _placed, detect_r_peaks, detector_agreement, slopes
from pipeline.types import Recording

SIGNAL = DEFAULT.signal


@pytest.fixture(scope="module")
def demo() -> Conditioned:
    """The demo recording and, as a second lead, what an electrode at another angle might show of it."""
    recording = read_path(demo_path())
    conditioned = condition(recording, choose_leads(recording.leads), SIGNAL)
    first = conditioned.signal[:, 0]
    second = 0.4 * first - 0.6 * np.gradient(first) + 0.01 * np.random.default_rng(0).normal(size=first.size)
    return with_signal(conditioned, np.stack([first, second], axis=1))


@pytest.fixture(scope="module")
def beats(demo: Conditioned) -> np.ndarray:
    return detect_r_peaks(demo, SIGNAL)


def with_signal(conditioned: Conditioned, signal: np.ndarray) -> Conditioned:
    return Conditioned(signal.astype(np.float32), conditioned.fs, conditioned.segments)


def f1(first: np.ndarray, second: np.ndarray, window_ms: float = 150) -> float:
    matched = match_beats(first, second, fs=250.0, window_ms=window_ms).matched
    return 2 * matched / (first.size + second.size)


@pytest.mark.parametrize("factor", [-1.0, 0.125, -8.0])
def test_sign_and_gain_leave_every_beat_where_it_is(demo: Conditioned, beats: np.ndarray, factor: float) -> None:
    assert np.array_equal(detect_r_peaks(with_signal(demo, demo.signal * factor), SIGNAL), beats)


def test_a_lead_of_another_gain_leaves_the_beats_where_they_are(demo: Conditioned, beats: np.ndarray) -> None:
    changed = demo.signal * np.array([1.0, 0.1], np.float32)
    assert f1(beats, detect_r_peaks(with_signal(demo, changed), SIGNAL), 50) > 0.995


def test_the_order_of_the_leads_does_not_decide_on_beats(demo: Conditioned, beats: np.ndarray) -> None:
    assert f1(beats, detect_r_peaks(with_signal(demo, demo.signal[:, ::-1]), SIGNAL)) > 0.995


def test_a_stretch_of_nothing_before_and_after_leaves_the_beats_where_they_are(
    demo: Conditioned, beats: np.ndarray
) -> None:
    pad = round(30 * demo.fs)
    padded = np.pad(demo.signal, ((pad, pad), (0, 0)))
    segments = tuple((start + pad, stop + pad) for start, stop in demo.segments)
    assert np.array_equal(detect_r_peaks(Conditioned(padded, demo.fs, segments), SIGNAL) - pad, beats)


def test_one_lead_alone_is_enough(demo: Conditioned, beats: np.ndarray) -> None:
    assert f1(beats, detect_r_peaks(with_signal(demo, demo.signal[:, :1]), SIGNAL)) > 0.98


def test_a_dead_second_lead_counts_as_none(demo: Conditioned) -> None:
    dead = demo.signal * np.array([1.0, 0.0], np.float32)
    alone = detect_r_peaks(with_signal(demo, demo.signal[:, :1]), SIGNAL)
    assert np.array_equal(detect_r_peaks(with_signal(demo, dead), SIGNAL), alone)


def test_the_second_lead_stands_in_while_the_first_is_lost(demo: Conditioned, beats: np.ndarray) -> None:
    start, stop = round(60 * demo.fs), round(70 * demo.fs)
    broken = demo.signal.copy()
    broken[start:stop, 0] = 0
    found = detect_r_peaks(with_signal(demo, broken), SIGNAL)
    inside = [peaks[(peaks > start) & (peaks < stop)] for peaks in (beats, found)]
    assert f1(*inside) > 0.7


def test_no_signal_has_no_beats(demo: Conditioned) -> None:
    silent = with_signal(demo, np.zeros_like(demo.signal))
    assert detect_r_peaks(silent, SIGNAL).size == 0
    assert find_candidates(silent) == []
    assert slopes(silent, SIGNAL).size == 0


def test_candidates_are_in_order_and_of_the_size_that_the_networks_take(demo: Conditioned) -> None:
    pieces = find_candidates(demo)
    at = np.concatenate([piece.at for piece in pieces])
    assert np.diff(at).min() > 0.056 * demo.fs
    surroundings, rhythm = load_networks()
    assert {piece.features.shape[1] for piece in pieces} == {surroundings.weights[0].shape[0]}
    score = np.concatenate([surroundings(piece.features) for piece in pieces])
    features = in_rhythm(at, score, np.concatenate([piece.strength for piece in pieces]), demo.fs)
    assert features is not None
    assert features.shape == (at.size, rhythm.weights[0].shape[0])
    assert np.isfinite(features).all()


def test_without_five_beats_there_is_no_rhythm() -> None:
    at = np.array([100, 300, 500, 700], np.int64)
    assert in_rhythm(at, np.full(4, 5.0, np.float32), np.ones(4, np.float32), 250.0) is None


def test_a_network_of_two_layers_by_hand() -> None:
    eye = np.eye(2, dtype=np.float32)
    network = DenseNetwork((eye, np.array([[2.0], [3.0]], np.float32)), (np.array([0.0, -1.0], np.float32), np.ones(1)))
    assert network(np.array([[1.0, 5.0], [-4.0, 0.5]], np.float32)).tolist() == [15.0, 1.0]


@given(
    st.lists(st.tuples(st.integers(0, 400), st.floats(-5, 5, width=32)), max_size=40, unique_by=lambda pair: pair[0])
)
def test_kept_candidates_stand_apart_and_every_other_one_is_near_a_better_one(pairs: list[tuple[int, float]]) -> None:
    at = np.array(sorted(position for position, _ in pairs), np.int64)
    score = np.array([dict(pairs)[int(position)] for position in at], np.float32)
    kept = apart(at, score, 50.0)
    assert np.all(np.diff(at[kept]) >= 50)
    for i in np.flatnonzero(~kept):
        near = kept & (np.abs(at - at[i]) < 50)
        assert score[near].max() >= score[i]


def test_a_beat_of_the_shape_of_those_that_stand_elsewhere_stands_where_they_do() -> None:
    """Spikes 56 ms before wide waves; the slopes do not see those of two beats, of which one has another shape."""
    true = np.arange(250, 14_000, 210)
    axis = np.arange(14_500)[:, None]
    lead = 0.5 * np.exp(-0.5 * ((axis - true + 14) / 1.5) ** 2).sum(axis=1)
    lead += np.exp(-0.5 * ((axis - true) / 8.0) ** 2).sum(axis=1)
    lead[true[30] - 25 : true[30] - 8] = 0  # this one has no spike
    conditioned = Conditioned(lead[:, None].astype(np.float32), 250.0, ((0, lead.size),))
    steep = true - 14
    steep[[20, 30]] = true[[20, 30]]
    expected = np.where(np.arange(true.size) == 30, true, true - 14)
    assert _placed(true, steep, conditioned, SIGNAL).tolist() == expected.tolist()


def test_noise_beside_a_pause_does_not_hide_how_high_the_beats_are() -> None:
    """Beats, a pause of 40 s with noise of a hundredth of them, and beats."""
    conditioned, _ = pulses()
    noise = 0.01 * np.random.default_rng(1).normal(size=(10_000, 1)).astype(np.float32)
    signal = np.concatenate([conditioned.signal, noise, conditioned.signal])
    envelopes = _envelopes(np.ascontiguousarray(signal[::2].T), 125.0)
    height = np.median(envelopes.level)
    assert envelopes.level.min() > 0.25 * height
    assert envelopes.long == pytest.approx(height, rel=0.1)


def test_noise_does_not_hide_the_beats_between_its_bursts() -> None:
    """A minute of noise five times as high as the beats, a minute of beats, and one of noise."""
    conditioned, _ = pulses()
    noise = 5 * np.random.default_rng(1).normal(size=(2, *conditioned.signal.shape)).astype(np.float32)
    signal = np.concatenate([noise[0], conditioned.signal, noise[1]])
    envelopes = _envelopes(np.ascontiguousarray(signal[::2].T), 125.0)
    alone = _envelopes(np.ascontiguousarray(conditioned.signal[::2].T), 125.0)
    assert envelopes.level[0, 40:50] == pytest.approx(np.median(alone.level), rel=0.1)


def test_both_detectors_agree_on_an_undisturbed_rhythm() -> None:
    conditioned, true = pulses()
    assert detector_agreement(true, conditioned, SIGNAL).all()


def test_a_beat_that_only_one_detector_sees_is_not_agreed_on() -> None:
    conditioned, true = pulses()
    invented = np.sort(np.append(true, true[10] + 100))
    assert np.flatnonzero(~detector_agreement(invented, conditioned, SIGNAL)).tolist() == [11]


def test_one_second_opinion_does_not_serve_two_beats() -> None:
    conditioned, true = pulses()
    doubled = np.sort(np.append(true, true[10] + 12))
    assert np.flatnonzero(~detector_agreement(doubled, conditioned, SIGNAL)).tolist() == [11]


def test_nothing_has_no_second_opinion(demo: Conditioned) -> None:
    assert detector_agreement(np.zeros(0, np.int64), demo, SIGNAL).size == 0
    silent = with_signal(demo, np.zeros_like(demo.signal))
    assert not detector_agreement(np.array([100, 500], np.int64), silent, SIGNAL).any()


def test_every_beat_of_a_prepared_recording_says_whether_it_was_agreed_on() -> None:
    prepared = prepare(read_path(demo_path())).beats
    assert prepared.agreed is not None
    assert prepared.agreed.shape == prepared.sample.shape
    assert prepared.agreed.mean() > 0.9


@pytest.mark.data
@pytest.mark.parametrize(("snr_db", "least"), [(6.0, 0.92), (0.0, 0.78)])
def test_electrode_motion_does_not_drown_the_beats(snr_db: float, least: float) -> None:
    from pipeline.synthesis.noise import mixed

    noisy = mixed(mitdb("109"), "em", snr_db, half=1)
    found = found_in(noisy)
    assert noisy.reference is not None
    matched = match_beats(noisy.reference.sample, found, fs=noisy.fs, window_ms=150).matched
    assert 2 * matched / (noisy.reference.sample.size + found.size) > least


@pytest.mark.data
@pytest.mark.parametrize("record", ["107", "217"])
def test_a_paced_beat_stands_at_its_spike(record: str) -> None:
    """The energy of the wide QRS peaks 60 to 100 ms after the spike that the reference marks."""
    paced = mitdb(record)
    assert paced.reference is not None
    found = found_in(paced)
    matched = match_beats(paced.reference.sample, found, fs=paced.fs, window_ms=50).matched
    assert matched / found.size > 0.9


@pytest.mark.data
@pytest.mark.parametrize("record", ["100", "117"])
def test_p_waves_of_blocked_beats_are_no_beats(record: str) -> None:
    """In AV block a P wave stands alone in the middle of a pause; without such training data half of them counted."""
    from pipeline.synthesis.av_block import blocked

    whole = mitdb(record)
    block = blocked(whole, np.random.default_rng(int(record)))
    assert block.reference is not None
    assert whole.reference is not None
    dropped = whole.reference.sample.size - block.reference.sample.size
    found = found_in(block)
    matched = match_beats(block.reference.sample, found, fs=block.fs, window_ms=150).matched
    assert dropped > 100
    assert found.size - matched < 0.1 * dropped
    assert matched > block.reference.sample.size - 5


@pytest.mark.data
def test_mixed_noise_has_the_ratio_asked_for() -> None:
    from pipeline.synthesis.noise import mixed, noise_power, signal_power

    clean = mitdb("109")
    assert clean.reference is not None
    added = mixed(clean, "ma", 6.0, half=0).p_signal - clean.p_signal
    for lead in range(2):
        power = signal_power(clean.p_signal[:, lead], clean.reference.sample, clean.fs)
        assert 10 * np.log10(power / noise_power(added[:, lead], clean.fs)) == pytest.approx(6.0, abs=0.05)


def mitdb(record: str) -> Recording:
    return read_path(data_root() / "mitdb" / f"{record}.hea")


def found_in(recording: Recording) -> np.ndarray:
    conditioned = condition(recording, choose_leads(recording.leads), SIGNAL)
    samples = np.round(detect_r_peaks(conditioned, SIGNAL) * recording.fs / conditioned.fs).astype(np.int64)
    return np.clip(samples, 0, recording.n_samples - 1)


def pulses() -> tuple[Conditioned, np.ndarray]:
    """A minute of narrow beats at 250 Hz, and where they are."""
    true = np.arange(125, 15_000, 210)
    time = np.arange(15_000)
    lead = np.exp(-0.5 * ((time[:, None] - true) / 3.0) ** 2).sum(axis=1)
    lead += 0.01 * np.random.default_rng(0).normal(size=time.size)
    return Conditioned(lead[:, None].astype(np.float32), 250.0, ((0, lead.size),)), true


def test_beats_of_a_synthetic_rhythm_are_found_to_the_sample() -> None:
    conditioned, true = pulses()
    found = detect_r_peaks(conditioned, SIGNAL)
    assert np.abs(found - true).max() <= 1


def test_slopes_of_hours_are_those_of_a_stretch_searched_at_once(
    demo: Conditioned, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal = np.tile(demo.signal, (3, 1))
    whole = Conditioned(signal, demo.fs, ((0, signal.shape[0] // 3), (signal.shape[0] // 3 + 50, signal.shape[0])))
    at_once = slopes(whole, SIGNAL)
    monkeypatch.setattr(conditioning, "STRETCH_S", 130.0)
    monkeypatch.setattr(conditioning, "MARGIN_S", 20.0)
    in_parts = slopes(whole, SIGNAL)
    assert np.isin(at_once, in_parts).mean() > 0.98
    assert np.isin(in_parts, at_once).mean() > 0.95  # after a noise it is deaf for a while, at most to the next cut


def test_candidates_of_hours_are_those_of_a_stretch_searched_at_once(
    demo: Conditioned, monkeypatch: pytest.MonkeyPatch
) -> None:
    signal = np.tile(demo.signal, (3, 1))
    whole = Conditioned(signal, demo.fs, ((0, signal.shape[0] // 3), (signal.shape[0] // 3 + 50, signal.shape[0])))
    at_once, peaks = find_candidates(whole), detect_r_peaks(whole, SIGNAL)
    monkeypatch.setattr(conditioning, "STRETCH_S", 62.0)
    in_parts = find_candidates(whole)
    assert len(in_parts) > 4
    assert np.concatenate([part.at for part in in_parts]).tolist() == np.concatenate([p.at for p in at_once]).tolist()
    assert detect_r_peaks(whole, SIGNAL).tolist() == peaks.tolist()
