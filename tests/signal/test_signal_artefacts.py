"""What is no signal is masked before filtering, and nothing of an ECG is."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config import DEFAULT
from pipeline.signal.artefacts import find_artefacts, mask_artefacts
from pipeline.signal.conditioning import condition
from pipeline.signal.r_peaks import detect_r_peaks
from pipeline.types import FloatArray, Recording, read_only

FS = 250.0
SIGNAL = DEFAULT.signal


def heart(seconds: float = 60.0, *, rr_s: float = 0.8, noise_mv: float = 0.01, seed: int = 0) -> FloatArray:
    """One lead (n,) with P, QRS and T, mV."""
    time = np.arange(round(seconds * FS)) / FS
    waves = ((-0.16, 0.02, 0.12), (-0.02, 0.008, -0.1), (0.0, 0.011, 1.1), (0.025, 0.01, -0.2), (0.26, 0.05, 0.3))
    lead = sum(
        height * np.exp(-0.5 * ((time - beat - at) / width) ** 2)
        for beat in np.arange(0.5, seconds, rr_s)
        for at, width, height in waves
    )
    return (lead + noise_mv * np.random.default_rng(seed).normal(size=time.size)).astype(np.float32)


def recording(*leads: FloatArray, calibrated: bool = True) -> Recording:
    names = ("II", "V5", "V1")[: len(leads)]
    return Recording("r", FS, read_only(np.stack(leads, axis=1)), names, "0" * 64, (calibrated,) * len(leads))


def masked(*leads: FloatArray, calibrated: bool = True) -> tuple[Recording, list[tuple[str, str, float, float]]]:
    found, artefacts = mask_artefacts(recording(*leads, calibrated=calibrated), SIGNAL)
    return found, [(one.lead, one.kind, one.start / FS, one.stop / FS) for one in artefacts]


@pytest.mark.parametrize("value", [-9999.0, -32768.0, 1e12, 3e38, 163.84])
@pytest.mark.parametrize("samples", [1, 3, 250, 2500])
def test_a_value_that_no_ecg_has_is_masked_and_nothing_else(value, samples):
    lead = heart()
    lead[5000 : 5000 + samples] = value
    found, artefacts = masked(lead)
    assert len(artefacts) == 1
    missing = np.flatnonzero(np.isnan(found.p_signal[:, 0]))
    assert missing.min() == 5000
    assert missing.max() == 5000 + samples - 1


def test_what_is_missing_in_one_part_of_a_long_lead_hides_nothing_in_another():
    lead = heart(seconds=300.0)
    lead[10_000:10_010], lead[40_000:40_600], lead[70_000:70_003] = np.inf, np.nan, -9999.0
    found, artefacts = masked(lead)
    assert artefacts == [("II", "spike", 280.0, 280.012)]
    missing = np.flatnonzero(np.isnan(found.p_signal[:, 0]))
    assert missing.tolist() == [*range(10_000, 10_010), *range(40_000, 40_600), *range(70_000, 70_003)]


def test_one_enormous_sample_costs_no_beat():
    lead = heart()
    whole, _ = masked(lead)
    lead[5003] = 1e12
    found, _ = masked(lead)
    before, after = (detect_r_peaks(condition(one, ("II",), SIGNAL), SIGNAL) for one in (whole, found))
    assert before.size == 75
    assert np.abs(before - after).max() <= 1


def test_infinite_values_are_missing():
    lead = heart()
    lead[100:200] = np.inf
    found, _ = masked(lead)
    assert np.isnan(found.p_signal[100:200, 0]).all()


@pytest.mark.parametrize("scale", [0.2, 1.0, 4.0])
def test_an_ecg_with_tall_beats_and_pacing_spikes_stays_as_it_is(scale):
    lead = heart()
    lead[3000:3040] += (2.5 * np.hanning(40)).astype(np.float32)  # a tall, wide beat
    lead[np.arange(75, lead.size - 10, 200)] += 5.0  # spikes
    given = recording((scale * lead).astype(np.float32))
    found, artefacts = mask_artefacts(given, SIGNAL)
    assert artefacts == ()
    assert found is given


def test_numbers_of_a_converter_are_judged_by_the_leads_own_height():
    lead = 200 * heart() + 1024
    lead[4000:4100] = -32768
    _, artefacts = masked(lead.astype(np.float32), calibrated=False)
    assert artefacts == [("II", "impossible", 16.0, 16.4)]


def test_a_rail_is_masked_and_a_clipped_beat_is_not():
    lead = np.minimum(heart(), np.float32(0.9))
    lead[5000:5100] = 0.9
    lead[7000:7020] = 0.9
    _, artefacts = masked(lead)
    assert [(kind, round(start, 1)) for _, kind, start, _ in artefacts] == [("saturated", 20.0)]


def test_a_step_of_the_baseline_is_masked():
    lead = heart()
    lead[5100:] += 6.0
    found, artefacts = masked(lead)
    assert [kind for _, kind, _, _ in artefacts] == ["step"]
    assert len(condition(found, ("II",), SIGNAL).segments) == 2


def test_a_lead_that_is_flat_while_another_lives_is_dead():
    first, second = heart(), heart(seed=1)
    first[5000:8000] = first[5000]
    _, artefacts = masked(first, second)
    assert [(lead, kind) for lead, kind, _, _ in artefacts] == [("II", "dead")]
    assert artefacts[0][2] == pytest.approx(20.0, abs=0.01)
    assert artefacts[0][3] == pytest.approx(32.0, abs=0.01)


@pytest.mark.parametrize("noise_mv", [0.0, 0.01])
def test_an_asystole_is_no_artefact(noise_mv):
    lead, other = heart(), heart(seed=1)
    rng = np.random.default_rng(5)
    for one in (lead, other):
        one[5050:8050] = noise_mv * rng.normal(size=3000)
    for leads in ((lead,), (lead, other)):
        assert masked(*leads)[1] == []


def test_a_minute_without_any_noise_is_no_asystole():
    lead = heart(180.0)
    lead[20_000:38_000] = 0.0
    _, artefacts = masked(lead)
    assert [kind for _, kind, _, _ in artefacts] == ["dead"]


def test_a_lead_that_was_never_connected_is_dead_and_the_other_stays():
    flat = np.zeros(15_000, np.float32)
    found, artefacts = masked(flat, heart())
    assert artefacts == [("II", "dead", 0.0, 60.0)]
    assert np.isfinite(found.p_signal[:, 1]).all()


def test_fibrillation_and_noise_stay():
    rng = np.random.default_rng(2)
    time = np.arange(15_000) / FS
    wave = np.sin(2 * np.pi * 4.5 * time + np.sin(time)) * (1 + 0.3 * np.sin(0.7 * time))
    lead = (wave + 0.3 * rng.normal(size=time.size)).astype(np.float32)
    assert masked(lead)[1] == []


def test_a_lost_first_lead_does_not_end_what_the_second_lead_shows():
    first, second = heart(), heart(seed=1)
    first[5000:8000] = np.nan
    conditioned = condition(recording(first, second), ("II", "V5"), SIGNAL)
    assert conditioned.segments == ((0, 15_000),)
    assert conditioned.missing == (((5000, 8000),), ())
    assert not conditioned.signal[5000:8000, 0].any()
    inside = [peak for peak in detect_r_peaks(conditioned, SIGNAL) if 5100 < peak < 7900]
    assert len(inside) >= 12


def test_leads_masked_one_at_a_time_are_those_of_the_whole_masked_recording():
    first, second, third = heart(), heart(seed=1), heart(seed=2)
    first[5000:5003], second[7000:7100], second[9000:9100] = -9999.0, np.nan, np.inf
    given = recording(first, second, third)
    found = find_artefacts(given, SIGNAL)
    whole, artefacts = mask_artefacts(given, SIGNAL)
    assert found.artefacts == artefacts
    assert found.endless
    for i, name in enumerate(given.leads):
        assert np.array_equal(found.lead(name), whole.p_signal[:, i], equal_nan=True)
    assert np.flatnonzero(np.isnan(found.lead("V5"))).tolist() == [*range(7000, 7100), *range(9000, 9100)]
    assert np.isinf(given.p_signal[9000:9100, 1]).all()


def test_a_lead_in_which_nothing_is_masked_is_not_copied():
    first, second = heart(), heart(seed=1)
    first[5000:5003] = -9999.0
    given = recording(first, second)
    found = find_artefacts(given, SIGNAL)
    assert np.shares_memory(found.lead("V5"), given.p_signal)
    assert not np.shares_memory(found.lead("II"), given.p_signal)
    assert find_artefacts(recording(second), SIGNAL).artefacts == ()
