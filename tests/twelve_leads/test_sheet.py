"""Paper in millimetres: what is drawn where, at every speed and gain, and what is said about it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from pipeline.twelve_leads.derived_leads import TWELVE_LEADS
from pipeline.twelve_leads.layouts import SHEET_LAYOUTS
from pipeline.twelve_leads.sheet import GAINS_MM_MV, PAPER_MM, SPEEDS_MM_S, ecg_sheet, page_s
from pipeline.types import Recording

FS = 500.0


def recording(leads=TWELVE_LEADS, *, seconds=20.0, fs=FS, calibrated=True):
    """Leads with a beat of 1 mV and 40 ms every second; that of lead number k is k/10 mV higher."""
    time_s = np.arange(round(seconds * fs)) / fs
    beat = np.clip(1 - np.abs((time_s % 1) - 0.5) / 0.02, 0, None)
    signal = beat[:, None] * (1 + np.arange(len(leads)) / 10)
    return Recording.from_array(signal, fs=fs, leads=list(leads), calibrated=calibrated)


def trace(sheet, lead, *, strip=False):
    return next(one for one in sheet.traces if one.lead == lead and (one.row == sheet.strip_row) == strip)


@pytest.mark.parametrize("speed", SPEEDS_MM_S)
@pytest.mark.parametrize("gain", GAINS_MM_MV)
def test_a_second_and_a_millivolt_have_their_length_on_paper(speed, gain):
    sheet = ecg_sheet(recording(), SHEET_LAYOUTS["12x1"], speed_mm_s=speed, gain_mm_mv=gain, points_per_mm=100)
    for number, lead in enumerate(TWELVE_LEADS):
        one = trace(sheet, lead)
        peaks = one.x_mm[one.y_mm < one.y_mm.min() + 1e-3]
        assert_allclose(np.diff(peaks), speed, atol=1e-3)
        assert_allclose(np.ptp(one.y_mm), gain * (1 + number / 10), rtol=1e-4)
    assert sheet.width_mm - sheet.left_mm == PAPER_MM
    assert sheet.scales == f"{speed:g} mm/s · {gain:g} mm/mV"


@pytest.mark.parametrize(("speed", "gain", "width", "height"), [(25, 10, 5, 10), (50, 10, 10, 10), (25, 20, 5, 20)])
def test_the_pulse_is_one_millivolt_high_and_200_ms_wide(speed, gain, width, height):
    sheet = ecg_sheet(recording(), SHEET_LAYOUTS["3x4"], speed_mm_s=speed, gain_mm_mv=gain)
    for row, zero in enumerate(sheet.zero_mm):
        corners = np.array(sheet.pulse(row))
        assert corners[:, 1].max() == zero
        assert np.ptp(corners[:, 1]) == pytest.approx(height)
        top = corners[corners[:, 1] == corners[:, 1].min(), 0]
        assert np.ptp(top) == pytest.approx(width)
        assert corners[:, 0].max() < sheet.left_mm


@pytest.mark.parametrize("name", SHEET_LAYOUTS)
def test_zero_lines_lie_on_bold_lines_and_the_paper_is_whole_squares(name):
    sheet = ecg_sheet(recording(), SHEET_LAYOUTS[name])
    assert_allclose(np.array([*sheet.zero_mm, sheet.height_mm]) % 5, 0)
    assert sheet.zero_mm == tuple(sorted(sheet.zero_mm))


def test_the_columns_follow_each_other_in_time():
    sheet = ecg_sheet(recording(), SHEET_LAYOUTS["3x4"], start_s=3.0)
    for lead, (start, stop) in {"I": (0, 62.5), "aVR": (62.5, 125), "V1": (125, 187.5), "V6": (187.5, 250)}.items():
        x = trace(sheet, lead).x_mm - sheet.left_mm
        assert x[0] == pytest.approx(start, abs=0.06)
        assert x[-1] == pytest.approx(stop, abs=0.06)
    assert sheet.columns_mm == (72.5, 135.0, 197.5)
    strip = trace(sheet, "II", strip=True)
    assert np.ptp(strip.x_mm) == pytest.approx(PAPER_MM, abs=0.06)
    peak = float(strip.x_mm[strip.y_mm.argmin()])
    assert (peak - sheet.x_of(3.5)) % 25 == pytest.approx(0, abs=0.06)


def test_limb_leads_that_are_missing_are_derived_and_said_so():
    eight = [lead for lead in TWELVE_LEADS if lead not in ("III", "aVR", "aVL", "aVF")]
    sheet = ecg_sheet(recording(eight), SHEET_LAYOUTS["3x4"], points_per_mm=100)
    assert {one.lead for one in sheet.traces if one.derived} == {"III", "aVR", "aVL", "aVF"}
    assert sheet.notes == ("* III, aVR, aVL and aVF computed from I and II.",)
    assert np.ptp(trace(sheet, "III").y_mm) == pytest.approx(10 * (1.1 - 1.0), rel=1e-3)  # II - I
    assert not ecg_sheet(recording(), SHEET_LAYOUTS["3x4"]).notes


def test_cabrera_draws_avr_upside_down_and_says_so():
    usual = trace(ecg_sheet(recording(), SHEET_LAYOUTS["6x2"]), "aVR")
    turned = trace(ecg_sheet(recording(), SHEET_LAYOUTS["cabrera"]), "−aVR")
    assert_allclose(turned.y_mm - np.median(turned.y_mm), -(usual.y_mm - np.median(usual.y_mm)), atol=1e-4)
    assert "aVR upside down" in ecg_sheet(recording(), SHEET_LAYOUTS["cabrera"]).notes[0]


def test_a_lead_without_a_scale_has_no_pulse_and_says_so():
    sheet = ecg_sheet(recording(["a", "b", "c"], calibrated=False), SHEET_LAYOUTS["3x4"])
    assert all(not sheet.pulse(row) for row in range(3))
    assert sheet.notes == ("a, b and c without a scale: not calibrated.",)
    assert sheet.scales == "25 mm/s"


def test_gaps_stay_open():
    whole = recording()
    signal = np.array(whole.p_signal)
    signal[1000:1500, 0] = np.nan
    sheet = ecg_sheet(Recording.from_array(signal, fs=FS, leads=TWELVE_LEADS), SHEET_LAYOUTS["12x1"])
    one = trace(sheet, "I")
    inside = (one.x_mm > sheet.x_of(2.02)) & (one.x_mm < sheet.x_of(2.98))
    assert np.isnan(one.y_mm[inside]).all()
    assert np.isfinite(one.y_mm[~inside & ((one.x_mm < sheet.x_of(2)) | (one.x_mm > sheet.x_of(3.01)))]).all()


def test_thinned_traces_keep_every_peak():
    fine = recording(fs=1000.0)
    sheet = ecg_sheet(fine, SHEET_LAYOUTS["12x1"], points_per_mm=4)
    for number, lead in enumerate(TWELVE_LEADS):
        one = trace(sheet, lead)
        assert one.x_mm.size <= PAPER_MM * 4
        assert np.ptp(one.y_mm) == pytest.approx(10 * (1 + number / 10), rel=1e-3)


def test_only_the_samples_of_the_window_are_read():
    class Watched(np.ndarray):
        def __getitem__(self, key):
            first = key[0] if isinstance(key, tuple) else key
            assert isinstance(first, slice)
            assert first.stop - first.start < 11 * FS
            return np.asarray(super().__getitem__(key))

    long = recording(seconds=3600.0)
    watched = Recording(
        name=long.name, fs=long.fs, p_signal=long.p_signal.view(Watched), leads=long.leads, digest=long.digest,
        calibrated=long.calibrated,
    )  # fmt: skip
    sheet = ecg_sheet(watched, SHEET_LAYOUTS["3x4"], start_s=1800.0)
    expected = ecg_sheet(long, SHEET_LAYOUTS["3x4"], start_s=1800.0)
    assert_allclose(trace(sheet, "V6").y_mm, trace(expected, "V6").y_mm)


def test_a_short_recording_has_short_paper_with_all_columns():
    sheet = ecg_sheet(recording(seconds=6.0), SHEET_LAYOUTS["3x4"])
    assert page_s(25.0, 6.0) == 6.0
    assert sheet.width_mm - sheet.left_mm == 150
    assert len(sheet.traces) == 13


@pytest.mark.parametrize("name", SHEET_LAYOUTS)
@pytest.mark.parametrize("gain", GAINS_MM_MV)
def test_rows_move_together_until_they_fit_a_page(name, gain):
    sheet = ecg_sheet(recording(), SHEET_LAYOUTS[name], gain_mm_mv=gain, highest_mm=145)
    assert sheet.height_mm <= 145
    assert sheet.zero_mm[0] > 0
    assert sheet.zero_mm[-1] < sheet.height_mm
    assert (np.diff(sheet.zero_mm) > 0).all()
    assert sheet.pulse(0)


def test_a_crowded_page_has_one_pulse_and_its_names_at_the_zero_lines():
    sheet = ecg_sheet(recording(), SHEET_LAYOUTS["12x1"], highest_mm=145)
    assert sheet.crowded
    assert [bool(sheet.pulse(row)) for row in range(12)] == [True] + [False] * 11
    names = [sheet.name_at(one) for one in sheet.traces]
    assert (np.diff([baseline for _, baseline in names]) > 3).all()
