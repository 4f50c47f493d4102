"""Tables of programs and habits beyond plain dialects: lost packets, units, footers, other columns, other languages."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.errors import IntakeError
from pipeline.intake.csv_reader import CsvOptions, read_csv
from tests.intake.test_csv_dialects import (
    BREATH,
    CLOCK,
    EPOCH_MS,
    FS,
    MV,
    MV2,
    ROWS,
    SECONDS,
    A,
    B,
    T,
    U,
    fixed,
    table,
    whole,
)

MILLIVOLTS = CsvOptions(None, "mV")
_SHIMMER = "\t".join(
    f"Shimmer_5E3C_{name}_CAL" for name in ("Timestamp_Unix", "Accel_LN_X", "ECG_LL-RA_24BIT", "ECG_LA-RA_24BIT")
)
_CONNECT = "Shimmer\tShimmer\tShimmer\nTimestamp\tECG LL-RA\tECG LA-RA\nCAL\tCAL\tCAL\nmSecs\tmVolts\tmVolts"
_OPENSIGNALS = (
    '# OpenSignals Text File Format\n# {"AA": {"sensor": ["RAW", "ECGBIT"], "column": ["nSeq", "A1", "A2"], '
    '"sampling rate": 250, "label": ["A1", "A2"]}}\n# EndOfHeader'
)
_LABCHART = "Interval=\t0.004 s\nExcelDateTime=\t4.5e+04\nTimeFormat=\tStartOfBlock\nChannelTitle=\tECG\tResp"
_ACQKNOWLEDGE = "test.acq\n4 msec/sample\n2 channels\nECG\nmV\nRSP\nVolts"

# Tables as programs write them, which say all that is needed.
PROGRAMS = {
    "Shimmer": table(whole(EPOCH_MS), fixed(9.8 + BREATH), A, B, sep="\t", above='"sep=\t"', last="\t",
                     names=f"{_SHIMMER}\t\nms\tm/(s^2)\tmV\tmV\t"),
    "ShimmerConnect": table(whole(EPOCH_MS - EPOCH_MS[0]), A, B, sep="\t", names=_CONNECT),
    "OpenSignals": table(whole(np.arange(ROWS) % 16), whole(500 + BREATH * 90), whole(512 + MV * 200), sep="\t",
                         above=_OPENSIGNALS),
    "LabChart": table(SECONDS, A, fixed(BREATH), sep="\t", above=f"{_LABCHART}\nRange=\t10.000 mV\t10.000 V"),
    "LabChart 8": table(SECONDS, A, fixed(BREATH), sep="\t", above=f"{_LABCHART}\nUnitName=\tmV\tV\nRange=\t1 V\t1 V"),
    "AcqKnowledge": table(SECONDS, A, fixed(BREATH), above=_ACQKNOWLEDGE, names=f"sec,CH1,CH2,\n,{ROWS},{ROWS},",
                          last=","),
}  # fmt: skip


def read(payload: bytes, options: CsvOptions = CsvOptions()):  # noqa: B008 - frozen
    return read_csv("r", payload, options)


def holds(payload: bytes, leads: tuple[str, ...], options: CsvOptions = CsvOptions()) -> None:  # noqa: B008 - frozen
    """Assert that a table is read as the two leads that all tables here hold, or the first of them."""
    found = read(payload, options)
    assert (found.leads, found.fs, found.n_samples) == (leads, FS, ROWS)
    np.testing.assert_allclose(found.p_signal, np.stack([MV, MV2], axis=1)[:, : len(leads)], atol=1.1e-3)


# Times


@pytest.mark.parametrize("fs", [128, 130, 200, 256, 300, 360, 500, 512, 1000])
@pytest.mark.parametrize(("every", "lost"), [(10, 20), (75, 140)], ids=["often", "seldom"])
def test_stamps_of_whole_milliseconds_give_the_rate_although_rows_are_lost(fs, every, lost):
    kept = np.array([i for i in range(ROWS) if (i // lost) % every != 5 % every])
    stamps = whole(1_714_557_600_000 + kept * 1000 // fs)
    found = read(table(stamps, [A[i] for i in kept], names="timestamp,II"), MILLIVOLTS)
    assert found.fs == pytest.approx(fs, rel=1e-3)
    assert abs(found.n_samples - ROWS) <= 3


@pytest.mark.parametrize("size", [5, 8, 16, 36])
def test_many_packets_are_lost_and_the_rate_stays(size):
    kept = np.array([i for i in range(ROWS) if (i // size) % 12 != 5])
    found = read(table(whole(EPOCH_MS[kept // size * size]), [A[i] for i in kept], names="timestamp,II"), MILLIVOLTS)
    assert found.fs == FS
    last = ROWS - 1 - kept[-1]
    assert abs(found.n_samples + last - ROWS) <= size
    kept_samples = found.p_signal[~np.isnan(found.p_signal[:, 0]), 0]
    np.testing.assert_allclose(kept_samples, MV[kept], atol=1.1e-3)


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("Time [h]", fixed(T / 3600, 9)),
        ("Time (min)", fixed(T / 60, 7)),
        ("Date", fixed(45_413.5 + T / 86_400, 11)),
        ("Time", fixed(0.41666 + T / 86_400, 10)),
        ("time [s/250]", whole(355_000_000_000 + np.arange(ROWS))),
        ("Tijd", [f"{t:.4f}" for t in T + np.random.default_rng(3).normal(0, 4e-4, ROWS)]),
    ],
    ids=["hours", "minutes", "serial days", "part of a day", "parts of a second", "jitter"],
)
def test_times_in_units_of_other_programs(name, cells):
    holds(table(cells, A, names=f"{name},II"), ("II",), MILLIVOLTS)


def test_times_that_begin_again_are_said_and_counters_that_run_over_are_not():
    twice = table([SECONDS[i % 1600] for i in range(ROWS)], A, names="time,II")
    assert "The times begin again once" in " ".join(read(twice, MILLIVOLTS).notices)
    counter = table(whole(np.arange(ROWS) % 256), A, names="nSeq,II")
    assert "begin again" not in " ".join(read(counter, CsvOptions(FS, "mV")).notices)
    late = np.random.default_rng(5).normal(0, 0.0015, ROWS)
    assert "begin again" not in " ".join(read(table(fixed(T + late, 4), A, names="time,II"), MILLIVOLTS).notices)


@pytest.mark.parametrize("line", ["dt=0.004", "dt: 0.004", "4 msec/sample", "4 ms per sample", "Interval = 0.004 s"])
def test_lines_that_state_an_interval(line):
    holds(table(A, above=line, names="II"), ("II",), MILLIVOLTS)


# Numbers and lines below


@pytest.mark.parametrize(
    ("marks", "sep", "quote"),
    [(",.", ",", '"'), (".,", ";", ""), ("'.", ";", ""), ("\u202f,", ";", ""), (" ,", ";", "")],
)
def test_marks_between_thousands_that_only_a_few_tall_samples_have(marks, sep, quote):
    tall = MV * (1100 / np.abs(MV).max())  # a few QRS complexes are above 1,000
    assert 0 < (np.abs(tall) >= 1000).mean() < 0.05
    cells = [f"{quote}{v:,.1f}{quote}".translate(str.maketrans(",.", marks)) for v in tall]
    times = [f"{quote}{t}{quote}" for t in fixed(T, 3, marks[1])]
    found = read(table(times, cells, sep=sep, names=sep.join(("time (s)", "II (uV)"))))
    np.testing.assert_allclose(found.p_signal[:, 0], tall / 1000, atol=1e-4)


@pytest.mark.parametrize("below", ["Mean,0.041\nMax,1.213\n", "\nEnd of file\n", "\nTotal,3000\n\nChecked,1\n"])
def test_totals_below_the_samples_are_left_out(below):
    holds(table(SECONDS, A, names="time,II", below=below), ("II",), MILLIVOLTS)


# Units


@pytest.mark.parametrize(
    ("names", "cells"),
    [
        ("Время, с;ЭКГ, мВ", A),
        ("Время, с;ЭКГ, мкВ", U),
        ("时间(s);心电(毫伏)", A),
        ("Time in s;ECG in microvolts", U),
        ("Time in s;ECG in millivolts", A),
        ("time;ECG (mVolts)", A),
    ],
)
def test_units_in_names_of_other_languages_and_words(names, cells):
    found = read(table(SECONDS, cells, sep=";", names=names))
    np.testing.assert_allclose(found.p_signal[:, 0], MV, atol=1.1e-3)
    assert found.leads == ("ECG",)


def test_a_row_of_units_that_contradicts_the_names_is_refused():
    with pytest.raises(IntakeError, match="'mV' in a column's name and 'uV' in the row of units"):
        read(table(SECONDS, A, names="time (s),ECG [mV]\ns,uV"))


@pytest.mark.parametrize("word", ["ADC", "counts", "ADC counts", "LSB"])
def test_steps_of_a_converter_are_no_voltage_whatever_is_stated(word):
    payload = table(SECONDS, whole(512 + MV * 200), names=f"time (s),ECG ({word})")
    assert read(payload).calibrated == (False,)
    with pytest.raises(IntakeError, match=f"says '{word}', no voltage, where 'mV' was stated"):
        read(payload, MILLIVOLTS)


# Columns that are no lead although an ECG is in their name, and those of other languages


def test_what_neurokit_writes_beside_the_ecg_is_no_lead():
    marks = [whole((np.arange(ROWS) % 210) == k) for k in (50, 40, 70)]
    names = "ECG_Raw,ECG_Clean,ECG_Rate,ECG_Quality,ECG_R_Peaks,ECG_P_Onsets,ECG_T_Offsets,ECG_Phase_Ventricular"
    payload = table(A, B, fixed(70 + 3 * BREATH), fixed(0.9 + 0.05 * BREATH), *marks, fixed(T % 1), names=names)
    holds(payload, ("ECG_Raw", "ECG_Clean"), CsvOptions(FS, "mV"))


def test_a_column_that_says_whether_electrodes_are_off_needs_no_unit():
    off = whole(np.arange(ROWS) % 700 == 0)
    holds(table(SECONDS, A, off, off, names="time,ECG (mV),ECG lead off,ECG status"), ("ECG",))


@pytest.mark.parametrize(
    "names", ["Zeit;Atmung;EKG", "Temps;Pouls;ECG", "Tiempo;Presión;ECG", "Время;Дыхание;ЭКГ", "时间;呼吸;心电图"]
)
def test_other_signals_of_other_languages_are_no_lead(names):
    found = read(table(SECONDS, fixed(BREATH), A, sep=";", names=names), MILLIVOLTS)
    np.testing.assert_allclose(found.p_signal, MV[:, None], atol=1.1e-3)


@pytest.mark.parametrize("name", ["Afleiding II", "Odprowadzenie II", "SNUADC/ECG_II", "Monitor/II", "Avledning II"])
def test_leads_in_the_words_of_other_languages_and_devices(name):
    holds(table(SECONDS, A, names=f"time,{name}"), ("II",), MILLIVOLTS)


# Programs


def test_shimmer_s_other_sensors_leave_the_row_of_units_one():
    holds(PROGRAMS["Shimmer"], ("II", "I"))


def test_the_four_rows_above_a_table_of_shimmerconnect():
    holds(PROGRAMS["ShimmerConnect"], ("II", "I"))


def test_of_opensignals_sensors_only_that_of_the_ecg_is_a_lead():
    found = read(PROGRAMS["OpenSignals"])
    assert (found.leads, found.calibrated) == (("ECGBIT",), (False,))
    np.testing.assert_allclose(found.p_signal[:, 0], 512 + MV * 200, atol=1.0)


@pytest.mark.parametrize("program", ["LabChart", "LabChart 8", "AcqKnowledge"])
def test_channels_and_units_that_a_program_states_above_its_table(program):
    holds(PROGRAMS[program], ("ECG",))


# Rows of other sensors, counters in two columns, clocks of programs, marks


def test_rows_of_another_sensor_between_those_of_the_ecg_are_passed_over():
    rows = [(t, a, "") for t, a in zip(T.tolist(), A, strict=True)]
    rows += [(t + 1e-4, "", f"{b:.3f}") for t, b in zip(T[::5].tolist(), BREATH[::5].tolist(), strict=True)]
    cells = [(f"{t:.4f}", a, b) for t, a, b in sorted(rows)]
    holds(table(*map(list, zip(*cells, strict=True)), names="time,II,acc_x"), ("II",), MILLIVOLTS)
    every_other = [A[i // 2] if i % 2 == 0 else "" for i in range(2 * ROWS)]
    holds(table(fixed(np.arange(2 * ROWS) / 500), every_other, names="time,II"), ("II",), MILLIVOLTS)


def _without(every: int) -> list[str]:
    """Return the samples with each so-manieth cell blank."""
    return ["" if i % every == every - 1 else a for i, a in enumerate(A)]


@pytest.mark.parametrize("every", [2, 3, 5, 10])
def test_blank_cells_beside_a_counter_of_rows_are_lost_samples_and_state_no_rate(every):
    payload = table(whole(np.arange(ROWS)), _without(every), names="sample,II")
    with pytest.raises(IntakeError, match="does not say its sampling frequency"):
        read(payload, MILLIVOLTS)
    found = read(payload, CsvOptions(FS, "mV"))
    assert (found.fs, found.n_samples) == (FS, ROWS)
    assert np.flatnonzero(np.isnan(found.p_signal[:, 0])).tolist() == list(range(every - 1, ROWS, every))


@pytest.mark.parametrize("every", [3, 5, 10])
@pytest.mark.parametrize("fs", [None, FS], ids=["read", "stated"])
@pytest.mark.parametrize(
    ("name", "cells"),
    [("time_ms", whole(T * 1000)), ("time", [t.strftime("%H:%M:%S.%f") for t in CLOCK])],
    ids=["milliseconds", "clock"],
)
def test_blank_cells_on_an_even_grid_of_times_are_lost_samples(name, cells, fs, every):
    blank = _without(every)
    blank[-1] = A[-1]  # a table may end with lines that hold no sample
    found = read(table(cells, blank, names=f"{name},II"), CsvOptions(fs, "mV"))
    assert (found.fs, found.n_samples) == (FS, ROWS)
    assert np.flatnonzero(np.isnan(found.p_signal[:, 0])).tolist() == [i for i, a in enumerate(blank) if not a]


def test_rows_of_another_sensor_in_the_place_of_samples_leave_these_lost():
    blank = _without(10)
    moves = ["" if a else f"{b:.3f}" for a, b in zip(blank, BREATH, strict=True)]
    found = read(table(whole(T * 1000), blank, moves, names="time_ms,II,acc_x"), MILLIVOLTS)
    assert (found.leads, found.fs, found.n_samples) == (("II",), FS, ROWS)
    assert np.isnan(found.p_signal[:, 0]).sum() == ROWS // 10


@pytest.mark.parametrize("others", [True, False])
def test_where_stamps_are_those_of_packets_a_row_is_another_sensor_s_if_that_has_cells_there_only(others):
    rows = [(EPOCH_MS[i // 10 * 10], a, "") for i, a in enumerate(A)]
    for at in range(ROWS, 0, -10):
        rows.insert(at, (EPOCH_MS[at - 10], "", "0.25" if others else ""))
    stamps, leads, moves = map(list, zip(*rows, strict=True))
    found = read(table(list(map(str, stamps)), leads, moves, names="timestamp,II,acc_x"), MILLIVOLTS)
    assert (found.n_samples < ROWS + 10) is others
    assert (found.fs == FS) is others


def test_a_lead_that_is_off_for_a_while_keeps_its_rows():
    cells = ["" if 500 <= i < 900 else a for i, a in enumerate(A)]
    found = read(table(SECONDS, cells, names="time,II"), MILLIVOLTS)
    assert np.flatnonzero(np.isnan(found.p_signal[:, 0])).tolist() == list(range(500, 900))


def test_flickering_electrodes_keep_their_rows_although_stamps_are_those_of_packets():
    off = np.random.default_rng(9).random(ROWS) < 0.08
    stamps = whole(EPOCH_MS[np.arange(ROWS) // 10 * 10])
    cells = ["!" if gone else a for gone, a in zip(off, A, strict=True)]
    found = read(table(stamps, cells, names="timestamp,II"), MILLIVOLTS)
    np.testing.assert_array_equal(np.isnan(found.p_signal[:, 0]), off)


@pytest.mark.parametrize("parts", [1e9, 1e6, 1e3])
def test_seconds_and_their_parts_in_two_columns(parts):
    stamps = [(str(int(i) // 250), str(round(int(i) % 250 / 250 * parts))) for i in range(ROWS)]
    seconds, rest = map(list, zip(*stamps, strict=True))
    holds(table(seconds, rest, A, names="sec,part,II"), ("II",), MILLIVOLTS)


@pytest.mark.parametrize("form", ["%d-%b-%Y %H:%M:%S.", "%Y%m%dT%H%M%S."])
def test_clocks_of_other_programs(form):
    clock = [t.strftime(form) + f"{t.microsecond // 1000:03d}" for t in CLOCK]
    holds(table(clock, A, names="when,II"), ("II",), MILLIVOLTS)


@pytest.mark.parametrize("mark", ["-1.#IND", "LOFF", "no contact", "65535"])
def test_more_marks_in_place_of_samples(mark):
    cells = [mark if 500 <= i < 600 else a for i, a in enumerate(A)]
    found = read(table(SECONDS, cells, names="time,II"), MILLIVOLTS)
    assert np.flatnonzero(np.isnan(found.p_signal[:, 0])).tolist() == list(range(500, 600))


def test_intervals_between_beats_are_no_ecg_but_what_is_only_called_a_rate_is():
    intervals = whole(800 + 40 * BREATH)
    with pytest.raises(IntakeError, match="No column of the CSV file is an ECG"):
        read(table(SECONDS, intervals, names="time,RR interval (ms)"), MILLIVOLTS)
    assert read(table(SECONDS, A, names="time,hr"), MILLIVOLTS).n_samples == ROWS
