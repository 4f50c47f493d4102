"""CSV as recorders, spreadsheets and people write it: each dialect gives the same samples as the plain table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from pipeline.errors import IntakeError
from pipeline.intake.csv_reader import CsvOptions, describe_csv, read_csv
from tests.hostile.make_corpus import ecg

FS = 250.0
ROWS = 3000
MV = ecg(ROWS) / 200.0
MV2 = ecg(ROWS, lead=1) / 200.0
UV = np.rint(MV * 1000).astype(int)
UV2 = np.rint(MV2 * 1000).astype(int)
T = np.arange(ROWS) / FS
BREATH = np.sin(2 * np.pi * 0.25 * T)
EPOCH_MS = 1_714_557_600_000 + np.arange(ROWS) * 4
CLOCK = pd.date_range("2024-05-01 10:00:00", periods=ROWS, freq="4ms")


def table(
    *columns: list[str],
    sep: str = ",",
    above: str = "",
    names: str = "",
    below: str = "",
    end: str = "\n",
    last: str = "",
) -> bytes:
    """A table of ready cells, with lines above and below."""
    rows = [sep.join(row) + last for row in zip(*columns, strict=True)]
    text = "".join(f"{line}{end}" for line in [*above.split("\n"), *names.split("\n")] if line or "\n" in above)
    return (text + end.join(rows) + end + below).encode()


def fixed(values: np.ndarray, digits: int = 3, decimal: str = ".") -> list[str]:
    return [f"{value:.{digits}f}".replace(".", decimal) for value in values.tolist()]


def whole(values: np.ndarray) -> list[str]:
    return [str(int(value)) for value in values.tolist()]


A, B = fixed(MV), fixed(MV2)
SECONDS, MILLIS = fixed(T), whole(T * 1000)
U, U2 = whole(UV), whole(UV2)


@dataclass(frozen=True)
class Case:
    """One dialect.

    Attributes
    ----------
    name : str
        What is special about it.
    payload : bytes
        The file.
    leads : tuple of str
        Names of the leads that must be found.
    says : str
        "fs", "unit" or "fs unit": what the file states itself; the rest is stated.
    unit : str
        In which unit the values are.
    """

    name: str
    payload: bytes
    leads: tuple[str, ...] = ("II",)
    says: str = "fs"
    unit: str = "mV"


ONE = ("lead 1",)
APPLE = """Name,Test Person
Date of Birth,"1 Jan 1980"
Recorded Date,2024-01-02 09:14:40 +0100
Classification,Sinus Rhythm
Symptoms,
Software Version,1.90
Device,"Watch6,7"
Sample Rate,250 hertz


Lead,Lead I
Unit,µV
"""
APPLE_DE = APPLE.replace("Sample Rate,250 hertz", "Abtastrate,250 Hertz").replace("Unit,", "Einheit,")
APPLE_DE = APPLE_DE.replace("Lead,Lead I", "Ableitung,Ableitung I").replace("Name,", "Name,")
APPLE_FR = APPLE.replace("Sample Rate,250 hertz", 'Fréquence d’échantillonnage,"250 hertz"')
APPLE_FR = APPLE_FR.replace("Lead,Lead I", "Dérivation,Dérivation I").replace("Unit,", "Unité,").replace("Name", "Nom")
OPENSIGNALS = (
    '# OpenSignals Text File Format\n# {{"00:07:80:4B:2D:8F": {{"sensor": ["RESP", "ECG"], "device name": "x", '
    '"column": ["nSeq", "DI", "CH1", "CH2"], "sampling rate": 250, "label": ["CH1", "CH2"], '
    '"resolution": [4, 1, 16, 16]}}}}\n# EndOfHeader'
).format()


def _packets(times: np.ndarray, size: int) -> np.ndarray:
    """The time of the first sample of each packet for all of it."""
    return times[np.arange(times.size) // size * size]


CASES = (
    # preambles
    Case("comment lines", table(SECONDS, A, above="# made by x\n# subject 7", names="time,II")),
    Case("comment lines with the names in one", table(SECONDS, A, above="# made by x", names="# time,II")),
    Case("percent comments", table(A, above="% recorder 5\n% Fs = 250 Hz", names="II")),
    Case("key: value without #", table(U, U2, above="Sampling Rate (Hz): 250\nGain (digit/millivolt): 1000",
         names="I,II"), ("I", "II"), "fs unit", "uV"),
    Case("key,value", table(A, above="Device,X1\nSample Rate,250 Hz\nUnit,mV", names="II"), ("II",), "fs unit"),
    Case("key=value", table(A, B, above="fs=250\nunit=mV", names="I,II"), ("I", "II"), "fs unit"),
    Case("key;value and decimal comma", table(fixed(MV, 3, ","), sep=";", above="Abtastrate;250 Hz\nEinheit;mV",
         names="EKG"), ("EKG",), "fs unit"),
    Case("kHz", table(A, above="Sampling frequency: 0.25 kHz", names="II")),
    Case("an interval", table(A, above="Sampling interval: 4 ms", names="II")),
    Case("a filter is no sampling frequency", table(SECONDS, A, above="High pass filter: 0.5 Hz\nNotch: 50 Hz",
         names="time,II")),
    Case("a gain of 200", table(whole(MV * 200), above="Fs: 250 Hz\nGain: 200 ADU/mV", names="II"), ("II",),
         "fs unit", "200"),
    Case("Apple Watch", table(fixed(MV * 1000), above=APPLE), ("I",), "fs unit", "uV"),
    Case("Apple Watch in German", table(fixed(MV * 1000, 3, ","), above=APPLE_DE), ("I",), "fs unit", "uV"),
    Case("Apple Watch in French", table([f'"{v}"' for v in fixed(MV * 1000, 3, ",")], above=APPLE_FR), ("I",),
         "fs unit", "uV"),
    Case("OpenSignals", table(whole(np.arange(ROWS) % 16), ["0"] * ROWS, whole(500 + BREATH * 90), U, sep="\t",
         above=OPENSIGNALS, last="\t"), ("ECG",), "fs unit", "none"),
    Case("Kardia", table(U, above="Patient: Test Person\nRecorded: 2024-01-02\nSample rate: 250 Hz\nUnits: uV\n",
         names="Lead I"), ("I",), "fs unit", "uV"),
    Case("Polar", table([f"{t.isoformat(timespec='milliseconds')}" for t in CLOCK[np.arange(ROWS) // 73 * 73]],
         whole(599_628_000_000_000_000 + np.arange(ROWS) * 4_000_000), fixed(T * 1000, 4), U, sep=";",
         names="Phone timestamp;sensor timestamp [ns];timestamp [ms];ecg [uV]"), ("ecg",), "fs unit", "uV"),
    Case("Movesense", table(MILLIS, U, names="timestamp,sample"), ONE, "fs", "uV"),
    Case("Shimmer", table(whole(EPOCH_MS), A, ["128"] * ROWS, sep="\t", above='"sep=\t"', names=(
         "Shimmer_0000_Timestamp_Unix_CAL\tShimmer_0000_ECG_LL-RA_24BIT_CAL\tShimmer_0000_ECG_STATUS1\nms\tmV\tno_units"
         )), ("II",), "fs unit"),
    Case("rdsamp", table(SECONDS, A, B, names="'Elapsed time','II','V5'\n'seconds','mV','mV'"), ("II", "V5"),
         "fs unit"),
    Case("rdsamp -p", table([f"[{t:%H:%M:%S}.{t.microsecond // 1000:03d}]" for t in CLOCK], A,
         names="'Elapsed time','II'\n'hh:mm:ss.mmm','mV'"), ("II",), "fs unit"),
    Case("a long preamble", table(SECONDS, A, above="\n".join(f"Remark {i}: nothing" for i in range(60)),
         names="time,II")),
    # delimiters
    Case("sep=;", table(SECONDS, A, sep=";", above="sep=;", names="Time;ECG"), ("ECG",)),
    Case("sep=| quoted", table(SECONDS, A, sep="|", above='"sep=|"', names="Time|ECG"), ("ECG",)),
    Case("semicolons", table(SECONDS, A, sep=";", names="time;II")),
    Case("tabs", table(SECONDS, A, sep="\t", names="time\tII")),
    Case("bars", table(SECONDS, A, sep="|", names="time|II")),
    Case("comma and blank", table(SECONDS, A, sep=", ", names="time, II")),
    Case("aligned with blanks", ("\n".join(f"{i:8d}{a:>10}{b:>10}" for i, (a, b) in enumerate(zip(A, B, strict=True)))
         ).encode(), ("lead 1", "lead 2"), ""),
    Case("aligned with blanks and names", ("    time        II\n" + "\n".join(
         f"{t:>8}{a:>10}" for t, a in zip(SECONDS, A, strict=True))).encode()),
    Case("trailing delimiters", table(SECONDS, A, sep=";", names="time;II;", last=";")),
    Case("trailing delimiters, not in the names", table(SECONDS, A, names="time,II", last=",")),
    # numbers
    Case("decimal comma", table(fixed(T, 3, ","), fixed(MV, 3, ","), sep=";", names="Zeit;II")),
    Case("decimal comma with a decimal point in the times", table(SECONDS, fixed(MV, 3, ","), sep=";",
         names="time;II")),
    Case("decimal comma, quoted", table([f'"{v}"' for v in fixed(T, 3, ",")], [f'"{v}"' for v in fixed(MV, 3, ",")],
         names='"time","II"')),
    Case("decimal comma in a single column", table(fixed(MV * 1000, 3, ",")), ONE, "", "uV"),
    Case("decimal comma in a single column with a name", table(fixed(MV, 2, ","), names="II"), ("II",), "", "mV/100"),
    Case("decimal comma in a single quoted column", table([f'"{v}"' for v in fixed(MV, 3, ",")]), ONE, ""),
    Case("decimal comma with tabs", table(fixed(MV, 3, ","), fixed(MV2, 3, ","), sep="\t", names="I\tII"),
         ("I", "II"), ""),
    Case("one decimal after a comma in a single column", table(fixed(UV / 10 + (np.arange(ROWS) % 7) / 1e3, 1, ",")),
         ONE, "", "mV*100"),
    Case("two columns of whole numbers are no decimals", table(whole(600 + UV // 10), whole(600 + UV2 // 10)),
         ("lead 1", "lead 2"), "", "offset"),
    Case("points between thousands", table([f"{v:,.2f}".translate(str.maketrans(",.", ".,")) for v in MV * 5000],
         sep=";", names="II"), ("II",), "", "5000"),
    Case("commas between thousands, quoted", table(SECONDS, [f'"{v:,.1f}"' for v in MV * 5000], names="time,II"),
         ("II",), "fs", "5000"),
    Case("apostrophes between thousands", table(MILLIS, [f"{v:,.1f}".replace(",", "'") for v in MV * 5000], sep=";",
         names="t;II"), ("II",), "fs", "5000"),
    Case("exponents", table([f"{v:.6E}" for v in MV.tolist()], names="II"), ("II",), ""),
    Case("plus signs", table(SECONDS, [f"{v:+.3f}" for v in MV.tolist()], names="time,II")),
    Case("a minus of typographers", table(SECONDS, [a.replace("-", "\u2212") for a in A], names="time,II")),
    Case("quotes around all cells", table([f'"{t}"' for t in SECONDS], [f'"{a}"' for a in A], names='"time","II"')),
    # encodings and line ends
    Case("BOM", b"\xef\xbb\xbf" + table(SECONDS, A, names="time,II")),
    Case("UTF-16 with BOM", table(SECONDS, A, names="time,II").decode().encode("utf-16")),
    Case("UTF-16 big endian without BOM", table(SECONDS, A, names="time,II").decode().encode("utf-16-be")),
    Case("UTF-16 little endian without BOM", table(SECONDS, A, names="time,II").decode().encode("utf-16-le")),
    Case("Windows 1252", table(U, names="II [µV]").decode().encode("cp1252"), ("II",), "unit", "uV"),
    Case("CRLF", table(SECONDS, A, names="time,II", end="\r\n")),
    Case("CR", table(SECONDS, A, names="time,II", end="\r")),
    Case("CR CR LF", table(SECONDS, A, names="time,II", end="\r\r\n")),
    Case("mixed line ends", table(SECONDS[:999], A[:999], names="time,II", end="\r\n")
         + table(SECONDS[999:], A[999:])),
    Case("an empty line after each row", table(SECONDS, A, names="time,II", end="\n\n")),
    Case("empty lines here and there beside a time column", table(SECONDS, A, names="time,II").replace(
         b"\n1.000,", b"\n\n1.000,").replace(b"\n7.000,", b"\n\n\n7.000,")),
    # names and units
    Case("units in brackets", table(SECONDS, U, names="Time [s],II [uV]"), ("II",), "fs unit", "uV"),
    Case("units in parentheses", table(MILLIS, A, names="time (ms),ECG (mV)"), ("ECG",), "fs unit"),
    Case("units after a slash", table(SECONDS, A, names="time/s,II/mV"), ("II",), "fs unit"),
    Case("units after an underscore", table(SECONDS, A, names="time_s,II_mV"), ("II",), "fs unit"),
    Case("I[uV]", table(U, U2, names="I[uV],II[uV]"), ("I", "II"), "unit", "uV"),
    Case("a row of units", table(SECONDS, A, names="time,II\ns,mV"), ("II",), "fs unit"),
    Case("a row of units in parentheses", table(SECONDS, U, names="time,II\n(s),(µV)"), ("II",), "fs unit", "uV"),
    Case("a row of units and an empty line", table(SECONDS, A, sep=";", names="time;II\ns;mV").replace(
         b"s;mV\n", b"s;mV\n\n"), ("II",), "fs unit"),
    Case("vendors' names", table(A, B, names="MDC_ECG_LEAD_II,ECG Lead V5"), ("II", "V5"), ""),
    Case("channels", table(A, B, names="CH1 ECG,CH2 ECG"), ("ECG1", "ECG2"), ""),
    Case("names in Cyrillic", table(SECONDS, A, names="время,ЭКГ"), ("ECG",)),
    # other columns
    Case("respiration first", table(fixed(BREATH), A, names="RSP,ECG"), ("ECG",), ""),
    Case("pulse wave, acceleration and temperature", table(SECONDS, fixed(BREATH), fixed(BREATH), fixed(30 + BREATH),
         A, names="time,PPG,acc_x,temp,II")),
    Case("an event column with words", table(SECONDS, A, ["button" if i == 500 else "" for i in range(ROWS)],
         names="time,II,event")),
    Case("a text column in all rows", table(["rest"] * ROWS, SECONDS, A, names="phase,time,II")),
    Case("labels 0 and 1", table(A, whole(T > 6), names="II,label"), ("II",), ""),
    Case("an unnamed flag", table(A, whole(T > 6)), ONE, ""),
    Case("a counter of any name", table(whole(np.arange(ROWS) + 17), A, names="foo,II"), ("II",), ""),
    Case("a counter at the end", table(A, whole(np.arange(ROWS)), names="II,n"), ("II",), ""),
    Case("a counter that begins again", table(whole(np.arange(ROWS) % 256), A, names="nSeq,II"), ("II",), ""),
    Case("a timer in ms called timer", table(fixed(T * 1000, 1), A, names="timer,II")),
    Case("names as numbers", table(SECONDS, A, names="0,1"), ("1",), "fs"),
    # times
    Case("seconds since 1970", table([f"{1_714_557_600 + t:.3f}" for t in T.tolist()], A, names="timestamp,II")),
    Case("ms since 1970", table(whole(EPOCH_MS), A, names="timestamp,II")),
    Case("us since 1970", table(whole(EPOCH_MS * 1000), A, names="timestamp,II")),
    Case("ns since 1970", table(whole(EPOCH_MS * 1_000_000), A, names="timestamp,II")),
    Case("us", table(whole(T * 1e6), A, names="time_us,II")),
    Case("ISO", table([t.isoformat(timespec="milliseconds") for t in CLOCK], A, names="time,II")),
    Case("ISO with zone", table([t.isoformat(timespec="milliseconds") + "Z" for t in CLOCK], A, names="time,II")),
    Case("German date and time of whole seconds", table([f"{t:%d.%m.%Y %H:%M:%S}" for t in CLOCK], fixed(MV, 3, ","),
         sep=";", names="Datum;EKG"), ("EKG",)),
    Case("time of day", table([f"{t:%H:%M:%S}.{t.microsecond // 1000:03d}" for t in CLOCK], A, names="time,II")),
    Case("time of day with a comma", table([f"{t:%H:%M:%S},{t.microsecond // 1000:03d}" for t in CLOCK], A, sep=";",
         names="time;II")),
    Case("time of day with a colon before ms", table([f"{t:%H:%M:%S}:{t.microsecond // 1000:03d}" for t in CLOCK], A,
         names="time,II")),
    Case("twelve hours", table([f"{t:%I:%M:%S}.{t.microsecond // 1000:03d} AM" for t in CLOCK], A, names="time,II")),
    Case("midnight", table([f"{t:%H:%M:%S}.{t.microsecond // 1000:03d}" for t in CLOCK
         + pd.Timedelta(hours=13, minutes=59, seconds=55)], A, names="time,II")),
    Case("date and time in two columns", table([f"{t:%Y-%m-%d}" for t in CLOCK],
         [f"{t:%H:%M:%S}.{t.microsecond // 1000:03d}" for t in CLOCK], A, names="date,time,II")),
    Case("the same stamp for a packet of 20", table(whole(_packets(EPOCH_MS, 20)), A, names="timestamp,II")),
    Case("a stamp for the first of each packet only", table(
         [str(v) if i % 25 == 0 else "" for i, v in enumerate(EPOCH_MS)], A, names="timestamp,II")),
    Case("a phone's stamp for each packet", table([f"{t.isoformat(timespec='milliseconds')}" for t in
         CLOCK[np.arange(ROWS) // 73 * 73]], U, sep=";", names="Phone timestamp;ecg [uV]"), ("ecg",), "fs unit", "uV"),
    Case("a date and a time of whole seconds", table([f"{t:%d.%m.%Y}" for t in CLOCK], [f"{t:%H:%M:%S}" for t in CLOCK],
         fixed(MV, 3, ","), sep=";", names="Datum;Uhrzeit;EKG"), ("EKG",)),
    Case("minutes", table(fixed(T / 60, 7), A, names="time (min),II")),
    Case("jitter of a phone", table(whole(EPOCH_MS + np.random.default_rng(5).integers(-3, 4, ROWS)), A,
         names="timestamp,II")),
    # below
    Case("a footer", table(SECONDS, A, names="time,II", below="\nEnd of recording\nTotal: 3000 samples\n")),
    Case("a footer with delimiters", table(SECONDS, A, sep=";", names="time;II", below="mean;n/a\nMade by;X\n")),
    Case("a last row that was cut off", table(SECONDS, A, names="time,II", below="12.00")),
)  # fmt: skip
_SCALE = {"mV": 1.0, "uV": 1e-3, "none": 1.0}


def stated(case: Case) -> CsvOptions:
    """What a reader has to state about a file."""
    unit = case.unit if case.unit in _SCALE else "mV"
    return CsvOptions(None if "fs" in case.says else FS, None if "unit" in case.says else unit)


def _truth(case: Case) -> np.ndarray:
    both = np.stack([MV, MV2], axis=1)
    if case.unit == "none":
        both = both * 1000
    if case.unit == "mV*100":
        both = both * 100
    if case.unit == "5000":
        both = both * 5000
    if case.unit == "offset":
        both = np.stack([600 + UV // 10, 600 + UV2 // 10], axis=1)
    return both[:, : len(case.leads)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_dialect_gives_the_samples_leads_and_rate(case):
    found = read_csv("r", case.payload, stated(case))
    assert found.leads == case.leads
    assert found.fs == pytest.approx(FS, rel=2e-3)
    assert found.n_samples == ROWS
    loose = {"mV/100": 0.006, "200": 0.005, "5000": 0.06, "none": 1.0, "offset": 0.6, "mV*100": 0.06}.get(
        case.unit, 1.1e-3
    )
    np.testing.assert_allclose(found.p_signal, _truth(case), atol=loose)
    assert not np.isnan(found.p_signal).any()


@pytest.mark.parametrize("case", [case for case in CASES if "fs" in case.says], ids=lambda case: case.name)
def test_a_rate_that_the_file_contradicts_is_refused_with_both_numbers(case):
    with pytest.raises(IntakeError, match=r"250 Hz.* 500 Hz was stated|2(49|5[01])\.\d+ Hz, where 500 Hz"):
        read_csv("r", case.payload, CsvOptions(500.0, stated(case).unit))


@pytest.mark.parametrize("case", [case for case in CASES if "unit" in case.says and case.unit != "none"],
                         ids=lambda case: case.name)  # fmt: skip
def test_a_unit_that_the_file_contradicts_is_refused(case):
    with pytest.raises(IntakeError, match="where 'nV' was stated"):
        read_csv("r", case.payload, CsvOptions(stated(case).fs, "nV"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_a_file_says_is_known_before_it_is_read(case):
    known = describe_csv(case.payload)
    assert (known.fs is not None) == ("fs" in case.says)
    assert (known.unit is not None) == ("unit" in case.says)
    assert sum(column.role == "ECG" for column in known.columns) == len(case.leads)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_lines_about_a_person_reach_nothing(case):
    found = read_csv("r", case.payload, stated(case))
    said = " ".join([found.name, *found.leads, *found.notices, repr(describe_csv(case.payload))])
    for secret in ("Test Person", "1980", "subject 7", "09:14", "Sinus"):
        assert secret not in said


# Rows that are lost
LOST = np.r_[0:900, 1040:2000, 2140:ROWS]
TIMES: dict[str, Callable[[np.ndarray], tuple[str, list[str]]]] = {
    "seconds": lambda i: ("time", fixed(i / FS)),
    "ms": lambda i: ("time_ms", whole(i * 4)),
    "ms since 1970": lambda i: ("timestamp", whole(EPOCH_MS[i])),
    "time of day": lambda i: ("time", [f"{t:%H:%M:%S}.{t.microsecond // 1000:03d}" for t in CLOCK[i]]),
    "a counter": lambda i: ("sample", whole(i)),
    "a counter that begins again": lambda i: ("nSeq", whole(i % 1024)),
}


@pytest.mark.parametrize("kind", TIMES)
def test_lost_rows_are_gaps_at_their_places(kind):
    name, times = TIMES[kind](LOST)
    payload = table(times, [A[i] for i in LOST], names=f"{name},II")
    found = read_csv("r", payload, CsvOptions(FS if "counter" in kind else None, "mV"))
    assert (found.fs, found.n_samples) == (FS, ROWS)
    gaps = np.flatnonzero(np.isnan(found.p_signal[:, 0]))
    assert gaps.tolist() == [*range(900, 1040), *range(2000, 2140)]
    np.testing.assert_allclose(found.p_signal[LOST, 0], MV[LOST], atol=1e-3)
    assert "Rows are missing at 2 places, 1.12 s in all" in " ".join(found.notices)


def test_a_lost_packet_among_equal_stamps_is_a_gap_of_its_length():
    kept = np.r_[0:1000, 1060:ROWS]  # three packets of 20
    payload = table(whole(_packets(EPOCH_MS, 20)[kept]), [A[i] for i in kept], names="timestamp,II")
    found = read_csv("r", payload, CsvOptions(FS, "mV"))
    assert np.flatnonzero(np.isnan(found.p_signal[:, 0])).tolist() == [*range(1000, 1060)]


def test_late_stamps_of_a_phone_are_no_gaps_but_a_lost_second_is():
    rng = np.random.default_rng(7)
    sent = np.arange(0, ROWS, 50) + 49  # a packet of 50 arrives late by up to 60 ms
    late = EPOCH_MS[sent] + rng.integers(0, 60, sent.size)
    stamps = np.repeat(np.maximum.accumulate(late), 50)
    found = read_csv("r", table(whole(stamps), A, names="timestamp,II"), CsvOptions(FS, "mV"))
    assert found.n_samples == ROWS
    kept = np.r_[0:1500, 1750:ROWS]
    found = read_csv("r", table(whole(stamps[kept]), [A[i] for i in kept], names="timestamp,II"), CsvOptions(FS, "mV"))
    assert abs(found.n_samples - ROWS) <= 15
    assert not np.isnan(found.p_signal[:1450]).any()


def test_times_that_run_back_or_leap_by_days_are_refused():
    back = EPOCH_MS.copy()
    back[1500:] -= 60_000
    with pytest.raises(IntakeError, match="runs back at row 1502"):
        read_csv("r", table(whole(back), A, names="timestamp,II"), CsvOptions(None, "mV"))
    back[-1] = EPOCH_MS[0] - 1
    with pytest.raises(IntakeError, match="runs back at row"):
        read_csv("r", table(whole(back), A, names="timestamp,II"), CsvOptions(None, "mV"))
    leap = EPOCH_MS.copy()
    leap[1500:] += 90 * 86_400_000
    with pytest.raises(IntakeError, match=r"jumps by 7,776,000 s at row 1502"):
        read_csv("r", table(whole(leap), A, names="timestamp,II"), CsvOptions(None, "mV"))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("last", ["1e307", "-1e308"])
def test_a_time_beyond_all_numbers_is_refused_in_a_sentence(last):
    minutes = [f"{i / FS / 60:.7f}" for i in range(ROWS - 1)] + [last]
    with pytest.raises(IntakeError, match=r"numbers that are no times|jumps by|runs back"):
        read_csv("r", table(minutes, A, names="time (min),II"), CsvOptions(None, "mV"))


@pytest.mark.parametrize(
    "mark", ["!", "null", "NaN", "n/a", "NA", "", "-", "lead off", "Leads Off!", "-32768", "9999", "#N/A"]
)
@pytest.mark.parametrize("timed", [True, False])
def test_marks_in_place_of_samples_are_gaps(mark, timed):
    cells = U.copy()
    cells[800:900] = [mark] * 100
    payload = table(SECONDS, cells, names="time,II") if timed else table(cells, names="II")
    found = read_csv("r", payload, CsvOptions(FS, "uV"))
    assert found.n_samples == ROWS
    assert np.flatnonzero(np.isnan(found.p_signal[:, 0])).tolist() == [*range(800, 900)]
    if mark in ("!", "lead off", "Leads Off!", "-32768", "9999"):
        assert f"100 samples are written {mark!r} and taken as missing." in found.notices


def test_a_row_of_one_mark_stands_for_all_cells():
    rows = [f"{a},{b}" for a, b in zip(U, U2, strict=True)]
    rows[100:150] = ["!"] * 50
    found = read_csv("r", "\n".join(["I,II", *rows]).encode(), CsvOptions(FS, "uV"))
    assert np.isnan(found.p_signal).all(axis=1).nonzero()[0].tolist() == [*range(100, 150)]


def test_tall_samples_that_look_like_marks_stay():
    values = np.rint(MV * 9000).astype(int)
    values[700:705] = 9999
    found = read_csv("r", table(whole(values), names="II"), CsvOptions(FS, "uV"))
    assert not np.isnan(found.p_signal).any()


def test_the_reader_s_choice_of_columns_wins():
    payload = table(SECONDS, fixed(BREATH), A, names="time,RSP,II")
    assert read_csv("r", payload, CsvOptions(FS, "mV", columns=("RSP",))).leads == ("RSP",)
    assert read_csv("r", payload, CsvOptions(FS, "mV", columns=(3,))).leads == ("II",)
    assert read_csv("r", payload, CsvOptions(FS, "mV", columns=("2", "II"))).leads == ("RSP", "II")
    found = read_csv("r", payload, CsvOptions(500.0, "mV", time_column="none"))
    assert (found.fs, found.leads) == (500.0, ("II",))
    with pytest.raises(IntakeError, match="no column 'V1'; it has 1 'time', 2 'RSP', 3 'II'"):
        read_csv("r", payload, CsvOptions(FS, "mV", columns=("V1",)))


def test_a_table_without_an_ecg_says_what_its_columns_are():
    with pytest.raises(IntakeError, match=r"No column .* is an ECG: 'time' \(time\), 'RSP' \(other signal\)"):
        read_csv("r", table(SECONDS, fixed(BREATH), names="time,RSP"), CsvOptions(FS, "mV"))


def test_commas_between_cells_and_before_decimals_are_refused():
    with pytest.raises(IntakeError, match="commas both between its cells and before decimals"):
        read_csv("r", table(fixed(MV, 3, ","), fixed(MV2, 3, ",")), CsvOptions(FS, "mV"))


NO_UNIT = ("Symptoms,None", "# Medication: none", "# Comment: none", "Filter: none", "# Group: V", "Electrode: V",
           "Mode: raw", "Remarks;None", "Event=none", "Allergies: None", "Filter unit: none", "Lead: V", "ECG: none",
           "Scale: none", "Sex: V")  # fmt: skip


@pytest.mark.parametrize("line", NO_UNIT)
def test_only_a_key_for_units_states_one(line):
    with pytest.raises(IntakeError, match="does not say its unit"):
        read_csv("r", table(A, above=line, names="II"), CsvOptions(FS))
    for above in (f"{line}\nUnit,µV", f"Unit,µV\n{line}"):
        found = read_csv("r", table(U, above=above, names="II"), CsvOptions(FS))
        assert all(found.calibrated)
        np.testing.assert_allclose(found.p_signal[:, 0], MV, atol=1.1e-3)


@pytest.mark.parametrize(
    "key",
    ["Unit", "UNITS", "unit(s)", "Einheit", "Einheiten", "Maßeinheit", "Unité", "Unidad", "Unità", "Amplitude unit",
     "Voltage units", "Y unit", "y-axis unit", "Signal unit", "ecg_unit", "signalUnit", "Unit of measurement",
     "Units (ECG)", "Scale", "Y scale", "Amplitude", "Physical dimension", "Единица измерения", "单位"],
)  # fmt: skip
def test_keys_for_units(key):
    for line in (f"{key}: uV", f"# {key}: [uV]", f"{key},uV", f"{key}=microvolts"):
        found = read_csv("r", table(U, above=f"# x\n{line}", names="II"), CsvOptions(FS))
        np.testing.assert_allclose(found.p_signal[:, 0], MV, atol=1.1e-3)


def test_a_gain_is_not_the_number_of_another_fact_of_its_line():
    above = "Sampling rate: 500 Hz; Resolution: 1000 counts/mV"
    found = read_csv("r", table(U, above=above, names="II"), CsvOptions())
    assert found.fs == 500
    np.testing.assert_allclose(found.p_signal[:, 0], MV, atol=1.1e-3)


def test_arbitrary_units_that_a_file_states_are_not_calibrated_and_two_units_are_none():
    assert not any(read_csv("r", table(U, above="Unit: none", names="II"), CsvOptions(FS)).calibrated)
    with pytest.raises(IntakeError, match="does not say its unit"):
        read_csv("r", table(A, above="Unit: mV\nY unit: uV", names="II"), CsvOptions(FS))


NO_RATE = ("Line frequency: 50 Hz", "Netzfrequenz: 50 Hz", "AC: 50 Hz", "Power line: 60 Hz", "High cut: 150 Hz",
           "Upper frequency: 150 Hz", "Low: 0.5 Hz", "Filter: 0.05-150 Hz", "# Notch: 50 Hz", "Bandwidth: 150 Hz",
           "# Notch 50 Hz", "# 0.05 - 150 Hz", "# ECG: 0.05-150 Hz", "Frequency: 50 Hz", "Frequency range: 150 Hz",
           "Lowpass,150 Hz", "Tiefpass;100 Hz", "Corner: 100 Hz", "HF: 150 Hz", "Heart rate: 1.2 Hz", "Max: 150 Hz",
           "Acc sampling rate: 52 Hz", "PPG sample rate: 100 Hz", "Filtre passe-bas: 150 Hz", "Screen: 60 Hz",
           "ECG filter: 0.05-150 Hz, line 50 Hz", "Sampling started: 2024-05-01",
           "# 50 Hz", "60 Hz", "Abtastung: 12 Bit", "Sampling resolution: 12,5 uV", "Samples: 3000")  # fmt: skip


@pytest.mark.parametrize("line", NO_RATE)
def test_a_frequency_of_something_else_is_no_sampling_rate(line):
    with pytest.raises(IntakeError, match="does not say its sampling frequency"):
        read_csv("r", table(A, above=f"{line}\n# x", names="II"), CsvOptions(None, "mV"))
    for above in (f"{line}\nSampling rate: 500 Hz", f"fs=500\n{line}"):
        assert read_csv("r", table(A, above=above, names="II"), CsvOptions(None, "mV")).fs == 500
    assert read_csv("r", table(SECONDS, A, above=f"{line}\n# x", names="time,II"), CsvOptions(None, "mV")).fs == FS


@pytest.mark.parametrize(
    "line",
    ["Sampling rate: 500 Hz", "Sampling frequency,500", "sample_rate=500", "samplingRate: 500", "SampleRate;500 Hz",
     "fs: 500", "Fs (Hz): 500", "fs_hz=500", "SR: 500", "Abtastrate: 500 Hz", "Abtastfrequenz;500,0 Hz", "500 Hz",
     "Fréquence d'échantillonnage: 500 Hz", "Frequence d'echantillonnage,500 Hz", "Frecuencia de muestreo: 500 Hz",
     "Sampling rate (kHz): 0.5", "Sampling: 2 ms", "Sampling interval: 2 ms", "Samples per second: 500", "# 500 Hz",
     "# ECG, 500 Hz", "# ECG 500 Hz", "Lead II: 500 Hz", "Frequency: 500 Hz", "Rate,500 Hz", "Frequency (Hz): 500",
     "# sampled at 500 Hz", "# Sampling rate 500 Hz", "# Device: X, fs=500 Hz, notch: 50 Hz", "采样率: 500 Hz",
     "# Filter: 0.05-150 Hz; Sampling rate: 500 Hz", "Sampling rate: 500 Hz, filter 150 Hz",
     '# {"device": "x", "sampling rate": 500, "filter": "150 Hz"}', "Sample rate: 500 samples/s",
     "Acquisition frequency: 500 Hz"],
)  # fmt: skip
def test_lines_that_state_a_sampling_rate(line):
    for above in (line, f"Line frequency: 50 Hz\n{line}", f"{line}\nUpper frequency: 150 Hz"):
        for payload in (table(A, above=above, names="II"), table(A, B, above=above, names="I,II")):
            assert read_csv("r", payload, CsvOptions(None, "mV")).fs == 500
    with pytest.raises(IntakeError, match="500 Hz was stated"):
        read_csv("r", table(SECONDS, A, above=line, names="time,II"), CsvOptions(None, "mV"))


@pytest.mark.parametrize("line", ["500 Hz", "# 500 Hz", "ECG, 500 Hz"])
def test_a_bare_rate_above_samples_without_names_is_no_name(line):
    for columns in ((A,), (A, B)):
        found = read_csv("r", table(*columns, above=line), CsvOptions(None, "mV"))
        assert (found.fs, found.n_samples) == (500, ROWS)
        assert found.leads == ("lead 1", "lead 2")[: len(columns)]


def test_of_two_sampling_rates_that_of_the_ecg_counts_and_else_none():
    both = "Sampling rate: 1000 Hz\nECG sampling rate: 500 Hz"
    assert read_csv("r", table(A, above=both, names="II"), CsvOptions(None, "mV")).fs == 500
    both = "Sampling rate: 1000 Hz\nSample rate: 500 Hz"
    with pytest.raises(IntakeError, match="does not say its sampling frequency"):
        read_csv("r", table(A, above=both, names="II"), CsvOptions(None, "mV"))


DATES = (
    "%m/%d/%Y %H:%M:%S.%f", "%d/%m/%Y %H:%M:%S.%f", "%m-%d-%Y %H:%M:%S.%f", "%d-%m-%Y %H:%M:%S.%f",
    "%m/%d/%y %H:%M:%S.%f", "%d/%m/%y %H:%M:%S.%f", "%m/%d/%Y %I:%M:%S.%f %p", "%d/%m/%Y %I:%M:%S.%f %p",
    "%m/%d/%y %I:%M:%S.%f %p", "%d/%m/%y %I:%M:%S.%f %p", "%H:%M:%S.%f %m/%d/%Y", "%H:%M:%S.%f %d/%m/%Y",
    "%d.%m.%Y %H:%M:%S.%f", "%Y/%m/%d %H:%M:%S.%f",
)  # fmt: skip


@pytest.mark.parametrize("form", DATES)
@pytest.mark.parametrize("day", ["2024-10-05", "2024-05-10", "2024-02-12", "2024-12-31"])
@pytest.mark.parametrize("before", [1, ROWS - 1])
def test_a_date_changes_at_midnight_whatever_the_order_of_day_and_month(form, day, before):
    start = pd.Timestamp(day) + pd.Timedelta(days=1) - pd.Timedelta(milliseconds=4 * before)
    clock = pd.date_range(start, periods=ROWS, freq="4ms")
    found = read_csv(
        "r", table(clock.strftime(form).tolist(), A, names="time,II", below="End\n"), CsvOptions(None, "mV")
    )
    assert (found.fs, found.n_samples) == (FS, ROWS)
    np.testing.assert_allclose(found.p_signal[:, 0], MV, atol=1e-3)


def test_a_leap_by_a_month_is_refused_in_either_order():
    clock = pd.date_range("2024-10-13 10:00:00", periods=ROWS, freq="4ms").to_series()
    clock.iloc[1500:] += pd.Timedelta(days=31)
    for form in DATES[:2]:
        with pytest.raises(IntakeError, match="jumps by 2,678,400 s at row 1502"):
            read_csv("r", table(clock.dt.strftime(form).tolist(), A, names="time,II"), CsvOptions(None, "mV"))
