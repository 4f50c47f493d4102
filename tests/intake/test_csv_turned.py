"""Tables that are written in other ways, in old encodings and other languages, and grids with empty places."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import IntakeError
from pipeline.intake.csv_reader import CsvOptions, read_csv
from tests.intake.test_csv_dialects import FS, MILLIS, MV, MV2, ROWS, SECONDS, A, B, T, U, fixed, table, whole

MILLIVOLTS = CsvOptions(None, "mV")
BOTH = CsvOptions(FS, "mV")
LISTED = ",".join(A)


def holds(payload: bytes, leads: tuple[str, ...], options: CsvOptions = CsvOptions()) -> None:  # noqa: B008 - frozen
    """Assert that a table is read as the two leads that all tables here hold, or the first of them."""
    found = read_csv("r", payload, options)
    assert (found.leads, found.fs, found.n_samples) == (leads, FS, ROWS)
    np.testing.assert_allclose(found.p_signal, np.stack([MV, MV2], axis=1)[:, : len(leads)], atol=2.6e-3)


# Tables that lie on their side


@pytest.mark.parametrize("sep", [",", ";", "\t", " ", "|"])
def test_a_row_for_each_lead(sep):
    holds(f"I{sep}{sep.join(A)}\nII{sep}{sep.join(B)}\n".encode(), ("I", "II"), BOTH)
    holds(f"{sep.join(A)}\n{sep.join(B)}\n".encode(), ("lead 1", "lead 2"), BOTH)


def test_lines_above_rows_of_leads_are_kept():
    holds(f"fs: 250 Hz\nunit: mV\n{LISTED}\n".encode(), ("lead 1",))


def test_a_row_of_times_beside_a_row_of_samples():
    holds(f"time;{';'.join(SECONDS)}\nECG;{';'.join(A)}\n".encode(), ("ECG",), MILLIVOLTS)


@pytest.mark.parametrize("cell", ["{}", "[{}]", "{{{}}}"])
def test_all_samples_in_one_cell(cell):
    listed = f'"{cell.format(LISTED)}"'
    above = "startTime,averageHeartRate,classification,ecg_mV,samplingFrequencyHz"
    holds(f"{above}\n2024-05-01T10:00:00,70,NSR,{listed},250\n".encode(), ("ecg",), MILLIVOLTS)


def test_several_recordings_in_cells_of_their_own_are_refused():
    rows = "".join(f'{day},NSR,"{LISTED}"\n' for day in ("2024-05-01", "2024-05-02"))
    with pytest.raises(IntakeError, match="2 recordings, each with all samples in one cell; save each"):
        read_csv("r", f"day,result,samples\n{rows}".encode(), BOTH)


def test_names_with_values_in_each_row():
    holds("".join(f"ECG:{a},limit:5.0\n" for a in A).encode(), ("ECG",), BOTH)
    holds("".join(f"I={a} II={b}\n" for a, b in zip(A, B, strict=True)).encode(), ("I", "II"), BOTH)


# Encodings and languages


@pytest.mark.parametrize(
    ("text", "encoding", "leads"),
    [
        ("Время;ЭКГ, мкВ", "cp1251", ("ECG",)),
        ("Время, с;Отведение II (мкВ)", "cp1251", ("II",)),
        ("Время (с);ЭКГ (мкВ)", "koi8-r", ("ECG",)),
        ("Время (с);ЭКГ (мкВ)", "cp866", ("ECG",)),
        ("时间(秒);心电图(微伏)", "gb18030", ("ECG",)),
        ("時間(s);心電図(uV)", "shift_jis", ("ECG",)),
        ("Time;ECG (µV)", "cp1252", ("ECG",)),
        ("Time;ECG (µV)", "cp850", ("ECG",)),
        ("Time;ECG (µV)", "utf-32", ("ECG",)),
    ],
)
def test_tables_of_older_encodings_say_their_unit(text, encoding, leads):
    holds(table(SECONDS, U, sep=";", names=text).decode().encode(encoding), leads)


@pytest.mark.parametrize(
    ("rate", "lead", "unit"),
    [
        ("Frecuencia de muestreo,250 hercios", "Derivación,Derivación I", "Unidad,µV"),
        ("Bemonsteringsfrequentie,250 hertz", "Afleiding,Afleiding I", "Eenheid,µV"),
        ("Taxa de Amostragem,250 hertz", "Derivação,Derivação I", "Unidade,µV"),
        ("Częstotliwość próbkowania,250 Hz", "Odprowadzenie,Odprowadzenie I", "Jednostka,µV"),
        ("Samplingsfrekvens,250 Hz", "Avledning,Avledning I", "Enhet,µV"),
        ("Output rate,250 Hz", "Lead,I", "Unit,uV"),
    ],
)
def test_lines_of_other_languages_above_the_samples(rate, lead, unit):
    holds(f"{rate}\n\n{lead}\n{unit}\n\n".encode() + table(U), ("I",))


def test_names_as_matlab_writes_them():
    holds(table(SECONDS, A, names="Time_s_,ECG_mV_"), ("ECG",))


# What a step is worth, and contradictions


@pytest.mark.parametrize(
    "line", ["Resolution: 4 uV/LSB", "Amplitude resolution (mV/LSB),0.004", "Step: 4000 nV per bit"]
)
def test_what_a_step_is_worth(line):
    holds(f"{line}\nSampling frequency: 250 Hz\n".encode() + table(whole(np.rint(MV / 0.004)), names="ECG"), ("ECG",))


def test_two_units_of_one_table_are_refused_until_one_is_stated():
    text = table(SECONDS, A, above="Unit: uV", names="time,ecg (mV)")
    with pytest.raises(IntakeError, match="'uV' above the samples and 'mV' at a column; state which one"):
        read_csv("r", text)
    holds(text, ("ecg",), MILLIVOLTS)
    assert read_csv("r", text, CsvOptions(None, "uV")).p_signal.max() == pytest.approx(MV.max() / 1000, rel=0.01)


def test_a_time_that_runs_backwards_is_refused_and_not_taken_for_nothing():
    with pytest.raises(IntakeError, match="runs backwards; sort"):
        read_csv("r", table(SECONDS[::-1], A[::-1], names="time,ecg"), BOTH)


def test_a_start_and_a_rate_above_the_samples_are_none():
    holds(f"1714557600.0,1714557600.0\n{FS},{FS}\n".encode() + table(A, B).lstrip(), ("lead 1", "lead 2"), MILLIVOLTS)
    holds(f"1714557600\n{FS}\n".encode() + table(A).lstrip(), ("lead 1",), BOTH)


# Grids with empty places


@pytest.mark.parametrize("every", [2, 3, 5, 10, 50])
@pytest.mark.parametrize("stamps", [SECONDS, MILLIS], ids=["s", "ms"])
def test_rows_that_are_lost_at_even_distances_lower_no_rate(every, stamps):
    kept = [i for i in range(ROWS) if i % (every + 1) != every - 1]
    found = read_csv("r", table([stamps[i] for i in kept], [A[i] for i in kept], names="time,ecg"), MILLIVOLTS)
    assert found.fs == FS
    assert found.n_samples == kept[-1] + 1
    np.testing.assert_allclose(found.p_signal[kept, 0], MV[kept], atol=1.1e-3)
    assert np.isnan(found.p_signal).sum() == kept[-1] + 1 - len(kept)


@pytest.mark.parametrize("fs", [300, 360, 400, 512, 700, 800, 900])
def test_stamps_rounded_to_milliseconds_leave_no_place_empty(fs):
    found = read_csv("r", table(whole(np.arange(ROWS) * 1000 // fs), A, names="time_ms,ecg"), MILLIVOLTS)
    assert found.fs == pytest.approx(fs, rel=1e-3)
    assert found.n_samples == ROWS


def test_a_stated_rate_that_the_mean_step_confirms_is_believed():
    kept = [i for i in range(ROWS) if i % 10 != 5]
    text = table([SECONDS[i] for i in kept], [A[i] for i in kept], names="time,ecg")
    found = read_csv("r", text, CsvOptions(225.0, "mV"))
    assert (found.fs, found.n_samples) == (225.0, len(kept))


# Columns beside an ECG


def test_impedance_and_skin_are_no_lead():
    other = fixed(5 + np.sin(T))
    holds(table(SECONDS, A, other, other, other, names="time,ECG,Z0,dZ/dt,GSC"), ("ECG",), MILLIVOLTS)
