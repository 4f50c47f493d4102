"""EDF, EDF+ and BDF: equal to pyedflib, gaps at their places, other signals left out, sizes that do not fit."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyedflib
import pytest

from pipeline.config import DEFAULT, Limits, data_root
from pipeline.errors import IntakeError, LimitError
from pipeline.identity import Identity
from pipeline.intake import read_path
from pipeline.intake.formats import edf
from pipeline.intake.formats.table import format_of
from tests.helpers.holter_files import Edf, edf_bytes, onset, tones
from tests.hostile.fuzzing import read_or_sentence

REAL = data_root() / "formats" / "edf"
real = pytest.mark.skipif(not REAL.is_dir(), reason="needs the real files")


def read(payload: bytes, limits: Limits = DEFAULT.limits):
    assert edf.recognises(payload[:65536])
    return edf.read("made", payload, limits)


def signal(label: str, n_records: int = 20, per_record: int = 250, *, seed: int = 0, **how: object) -> Edf:
    return Edf(label, tones(n_records * per_record, seed=seed).reshape(n_records, per_record), **how)


def by_pyedflib(payload: bytes, tmp_path) -> list[np.ndarray]:
    """All signals but annotations, in the file's units."""
    path = tmp_path / "made.edf"
    path.write_bytes(payload)
    with pyedflib.EdfReader(str(path)) as file:
        return [file.readSignal(i) for i in range(file.signals_in_file)]


def test_leads_equal_those_of_an_independent_reader(tmp_path):
    payload = edf_bytes([signal("ECG II"), signal("ECG V1", seed=1, unit="mV", physical=("-10", "10"))])
    recording = read(payload)
    first, second = by_pyedflib(payload, tmp_path)
    assert recording.leads == ("II", "V1")
    assert (recording.fs, recording.n_samples) == (250.0, 5000)
    np.testing.assert_allclose(recording.p_signal[:, 0], first / 1000, atol=1e-6)
    np.testing.assert_allclose(recording.p_signal[:, 1], second, atol=1e-6)


def test_steps_of_24_bits_equal_those_of_an_independent_reader(tmp_path):
    how = {"physical": ("-262144", "262143"), "steps": ("-8388608", "8388607")}
    wide = Edf("ECG", tones(5000, size=8_000_000).reshape(20, 250), **how)
    payload = edf_bytes([wide, signal("Status", unit="Boolean", seed=3, **how)], bdf=True, reserved="24BIT")
    recording = read(payload)
    assert recording.leads == ("ECG",)
    np.testing.assert_allclose(recording.p_signal[:, 0], by_pyedflib(payload, tmp_path)[0] / 1000, rtol=1e-6)


def test_a_gap_of_an_edf_d_stays_a_gap_at_its_place():
    begins = [*range(10), *range(70, 80)]
    notes = [onset(at) for at in begins]
    recording = read(edf_bytes([signal("ECG II")], reserved="EDF+D", notes=notes))
    assert recording.n_samples == 80 * 250
    missing = np.isnan(recording.p_signal[:, 0])
    assert missing[2500:17500].all()
    assert not missing[:2500].any()
    assert not missing[17500:].any()
    np.testing.assert_allclose(recording.p_signal[17500:, 0] * 1e4, tones(5000)[2500:], atol=0.51)
    assert "The recording is in 2 parts; the time between them was not recorded." in recording.notices


def test_records_that_follow_each_other_by_less_than_a_sample_are_no_gap():
    notes = [onset(f"{at + 0.001 * (at % 3):.4f}") for at in range(20)]
    recording = read(edf_bytes([signal("ECG II")], reserved="EDF+D", notes=notes))
    assert recording.n_samples == 5000
    assert np.isfinite(recording.p_signal).all()


def test_records_of_an_edf_d_that_overlap_are_refused():
    notes = [onset(at) for at in (*range(10), *range(5, 15))]
    with pytest.raises(IntakeError, match="Data record 11 of the EDF\\+D begins before"):
        read(edf_bytes([signal("ECG II")], reserved="EDF+D", notes=notes))


def test_a_record_without_its_time_is_refused_where_times_count():
    notes = [onset(0), b"\0" * 8, *[onset(at) for at in range(2, 20)]]
    with pytest.raises(IntakeError, match="Data record 2 of the EDF\\+D does not state when it begins"):
        read(edf_bytes([signal("ECG II")], reserved="EDF+D", notes=notes))
    assert read(edf_bytes([signal("ECG II")], reserved="EDF+C", notes=notes)).n_samples == 5000


def test_a_gap_of_years_is_refused_before_memory_is_taken():
    notes = [onset(at) for at in (*range(19), 10**9)]
    with pytest.raises(LimitError, match="hours"):
        read(edf_bytes([signal("ECG II")], reserved="EDF+D", notes=notes))


def test_what_is_no_ecg_is_left_out_by_unit_and_by_name():
    payload = edf_bytes(
        [
            signal("EEG C3-A2"),
            signal("C4-M1"),
            signal("ECG", seed=1),
            signal("Resp nasal", per_record=32),
            signal("SpO2", unit="%", per_record=1),
            signal("EMG chin", per_record=500),
        ]
    )
    recording = read(payload)
    assert recording.leads == ("ECG",)
    assert (recording.fs, recording.n_samples, recording.channels) == (250.0, 5000, (2,))
    said = " ".join(recording.notices)
    assert "Left out, because the unit is no voltage: SpO2." in said
    assert "Left out, because the name is that of another signal: EEG C3-A2, C4-M1, Resp nasal, EMG chin." in said


def test_beside_a_named_ecg_neither_belts_nor_slower_signals_without_a_name_are_leads():
    payload = edf_bytes(
        [signal("ECG 2"), signal("THOR"), signal("LLEG"), signal("E1-M2"), signal("LOC"), signal("X3", per_record=50)]
    )
    recording = read(payload)
    assert recording.leads == ("ECG 2",)
    said = " ".join(recording.notices)
    assert "THOR, LLEG, E1-M2, LOC." in said
    assert "Left out, because the sampling frequency is not the ECG's: X3." in said
    both = read(edf_bytes([signal("ECG 2"), signal("channel 2"), signal("CM5", per_record=125)]))
    assert both.leads == ("ECG 2", "channel 2", "CM5")
    assert read(edf_bytes([signal("chan 1"), signal("chan 2", per_record=125)])).leads == ("chan 1", "chan 2")


def test_a_polysomnogram_without_ecg_is_refused_by_its_names():
    with pytest.raises(IntakeError, match="No signal of this recording is an ECG by its name"):
        read(edf_bytes([signal("EEG C3-A2"), signal("EMG chin")]))
    with pytest.raises(IntakeError, match="holds no ECG"):
        read(edf_bytes([signal("SpO2", unit="%")]))


def test_the_rate_is_that_of_the_ecg_and_a_slower_lead_is_interpolated():
    payload = edf_bytes([signal("Pleth", per_record=1000), signal("ECG II"), signal("ECG V5", per_record=125)])
    recording = read(payload)
    assert (recording.fs, recording.leads) == (250.0, ("II", "V5"))
    slow = tones(2500) / 1e4
    np.testing.assert_allclose(recording.p_signal[::2, 1], slow, atol=6e-5)
    np.testing.assert_allclose(recording.p_signal[1:-1:2, 1], (slow[:-1] + slow[1:]) / 2, atol=6e-5)
    assert "Interpolated to the 250 Hz of the other leads: V5." in recording.notices


def test_a_lead_without_unit_or_without_range_is_not_calibrated():
    recording = read(edf_bytes([signal("ECG II", unit=""), signal("ECG V1", physical=("5", "5"))]))
    assert recording.calibrated == (False, False)
    np.testing.assert_allclose(recording.p_signal[:, 1], tones(5000))


def test_a_range_upside_down_turns_the_lead(tmp_path):
    payload = edf_bytes([signal("ECG II", physical=("3276.7", "-3276.8"))])
    np.testing.assert_allclose(read(payload).p_signal[:, 0] * 1e4, -tones(5000), atol=1.01)


def test_the_lowest_step_outside_the_stated_range_is_no_value():
    steps = tones(5000)
    steps[1000:1100] = -32768
    lead = Edf("ECG II", steps.reshape(20, 250), physical=("-3276.7", "3276.7"), steps=("-32767", "32767"))
    missing = np.isnan(read(edf_bytes([lead])).p_signal[:, 0])
    assert missing[1000:1100].all()
    assert missing.sum() == 100


@pytest.mark.parametrize(
    ("stated", "says"),
    [("-1", None), ("20", None), ("12", "The header states 12 data records, the file has 20"), ("99", "99")],
)
def test_all_records_of_the_file_are_read_whatever_the_header_counts(stated, says):
    recording = read(edf_bytes([signal("ECG II")], n_records=stated))
    assert recording.n_samples == 5000
    assert len(recording.notices) == (says is not None)
    assert says is None or says in recording.notices[0]


def test_a_last_record_that_is_cut_is_left_out_and_said():
    recording = read(edf_bytes([signal("ECG II")])[:-101])
    assert recording.n_samples == 4750
    assert "The last data record is incomplete (399 of 500 bytes): left out." in recording.notices


def test_patient_and_start_are_those_of_edf_plus():
    payload = edf_bytes(
        [signal("ECG II")],
        patient="MCH-0234567 F 02-MAY-1951 Haagse_Harry",
        recording="Startdate 02-MAR-2002 PSG-1234 NN Telemetry03",
        reserved="EDF+C",
        notes=[onset(f"{at}.5" if at else "0.5") for at in range(20)],
    )
    recording = read(payload)
    start = datetime(2002, 3, 2, 21, 44, 39, 500_000)
    assert recording.identity == Identity("MCH-0234567", "Haagse Harry", "F", 1951, start=start)
    assert (recording.age_years, recording.sex) == (50, "F")
    assert recording.device.device == "Telemetry03"


def test_a_plain_header_in_latin_1_is_read_and_a_taken_out_date_is_none():
    named = read(edf_bytes([signal("ECG II")], patient="Österreich, Anna", recording="Praxis Dr. Weiß"))
    assert named.identity == Identity(name="Österreich, Anna", start=datetime(2024, 3, 2, 21, 44, 39))
    assert read(edf_bytes([signal("ECG II")], start=("01.01.85", "00.00.00"))).identity is None
    timed = read(edf_bytes([signal("ECG II")], start=("01.01.85", "21.44.39"))).identity
    assert timed == Identity(start=datetime(1, 1, 1, 21, 44, 39))
    assert not timed.date_known


def test_decimal_commas_in_ranges_are_read():
    recording = read(edf_bytes([signal("ECG II", physical=("-3276,8", "3276,7"))]))
    np.testing.assert_allclose(recording.p_signal[:, 0] * 1e4, tones(5000), atol=0.01)


def test_texts_beside_the_times_are_said_not_to_be_used():
    notes = [onset(at) for at in range(20)]
    assert read(edf_bytes([signal("ECG II")], reserved="EDF+C", notes=notes)).notices == ()
    notes[3] = onset(3, "Lights off")
    said = read(edf_bytes([signal("ECG II")], reserved="EDF+C", notes=notes)).notices
    assert said == ("The annotations in the file were not used.",)


def test_a_file_of_annotations_only_is_refused_in_one_sentence():
    payload = edf_bytes([], reserved="EDF+C", notes=[onset(0, "Apnea")], record_s="0")
    with pytest.raises(IntakeError, match="holds annotations only, no signal"):
        read(payload)


@pytest.mark.parametrize("place", [(184, 192), (236, 244), (244, 252), (256 + 216, 256 + 224), (256 + 120, 256 + 128)])
@pytest.mark.parametrize("value", ["0", "-1", "999999", "nan", "1e9", "x", "", "inf"])
def test_a_number_of_the_header_that_makes_no_sense_ends_in_a_sentence_or_a_recording(place, value):
    payload = bytearray(edf_bytes([signal("ECG II")]))
    payload[slice(*place)] = value.encode().ljust(place[1] - place[0])
    found = read_or_sentence(read, bytes(payload))
    assert len(found) < 300 if isinstance(found, str) else found.leads == ("II",)


def test_hundreds_of_signals_are_refused():
    payload = bytearray(edf_bytes([signal("ECG II")]))
    payload[252:256] = b"9999"
    with pytest.raises(LimitError, match="9999 signals"):
        read(bytes(payload))


@real
def test_real_files_equal_the_independent_reader(tmp_path):
    path = REAL / "0000050.ECG.edf"
    recording = read_path(path)
    signals = by_pyedflib(path.read_bytes(), tmp_path)
    assert recording.leads == ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
    assert recording.fs == 800.0
    np.testing.assert_allclose(recording.p_signal, np.stack(signals, axis=1), atol=1e-4)
    assert format_of((REAL / "made_here_mitdb208_10s.bdf").read_bytes()) is not None
    with pytest.raises(IntakeError, match="annotations only"):
        read_path(REAL / "test_edfann.edf")
