"""CSV recordings: dialects, axes, gaps, and sentences that name the row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import IntakeError, LimitError
from pipeline.intake import CsvOptions, read_path, read_uploads
from pipeline.intake.batch import holds_table
from pipeline.intake.csv_reader import read_csv
from pipeline.intake.csv_text import count_of
from tests.hostile.make_corpus import FS, ecg, table, zipped

MV = CsvOptions(fs=FS, unit="mV")
ROWS = 2000
TRUTH = np.stack([ecg(ROWS), ecg(ROWS, lead=1)], axis=1) / 200


def _table(columns: dict[str, object], **options: object) -> bytes:
    return pd.DataFrame(columns).to_csv(index=False, **options).encode()


@pytest.mark.parametrize("header", ["MLII,V5", None])
@pytest.mark.parametrize(("delimiter", "decimal"), [(",", "."), (";", "."), (";", ","), ("\t", "."), ("\t", ",")])
def test_every_dialect_gives_the_same_millivolts(delimiter, decimal, header):
    found = read_csv("r", table(rows=ROWS, delimiter=delimiter, decimal=decimal, header=header), MV)
    np.testing.assert_allclose(found.p_signal, TRUTH, atol=1e-4)
    assert found.leads == (("MLII", "V5") if header else ("lead 1", "lead 2"))


@pytest.mark.parametrize(
    "change", [lambda b: b"\xef\xbb\xbf" + b, lambda b: b.replace(b"\n", b"\r\n"), lambda b: b + b"\n\n"]
)
def test_bom_crlf_and_blank_last_lines_change_nothing(change):
    found = read_csv("r", change(table(rows=ROWS)), MV)
    np.testing.assert_allclose(found.p_signal, TRUTH, atol=1e-4)


@pytest.mark.parametrize(("unit", "factor"), [("mV", 1), ("uV", 1e-3), ("µV", 1e-3), ("V", 1e3), ("nV", 1e-6)])
def test_the_stated_unit_scales_to_millivolts(unit, factor):
    found = read_csv("r", table(rows=ROWS), CsvOptions(FS, unit))
    np.testing.assert_allclose(found.p_signal, TRUTH * factor, rtol=1e-3, atol=1e-4 * factor)
    assert found.calibrated == (True, True)


def test_arbitrary_units_are_marked_as_not_calibrated():
    found = read_csv("r", table(rows=ROWS), CsvOptions(FS, "none"))
    assert found.calibrated == (False, False)
    assert "Not calibrated" in found.notices[-1]


def test_sampling_frequency_and_unit_are_asked_for_never_guessed():
    with pytest.raises(IntakeError, match="state both"):
        read_uploads([("r.csv", table(rows=ROWS))])


@pytest.mark.parametrize("fs", [0.0, -250.0, float("nan"), float("inf"), 49.0, 10_001.0])
def test_an_absurd_sampling_frequency_is_refused(fs):
    with pytest.raises(LimitError, match="sampling frequency"):
        read_csv("r", table(rows=ROWS), CsvOptions(fs, "mV"))


@pytest.mark.parametrize(
    ("name", "step"),
    [("time", 1 / FS), ("Time (s)", 1 / FS), ("t", 1000 / FS), ("time_ms", 1000 / FS), ("sample", 1), ("", 1)],
)
def test_a_time_or_index_column_is_recognised_checked_and_dropped(name, step):
    payload = _table({name: np.arange(ROWS) * step, "II": TRUTH[:, 0]})
    found = read_csv("r", payload, MV)
    assert found.leads == ("II",)
    np.testing.assert_allclose(found.p_signal[:, 0], TRUTH[:, 0], atol=1e-6)


def test_a_rounded_time_column_still_agrees():
    payload = _table({"time": np.round(np.arange(ROWS) / 360, 3), "II": TRUTH[:, 0]})
    assert read_csv("r", payload, CsvOptions(360, "mV")).leads == ("II",)


def test_a_time_column_of_another_sampling_frequency_is_refused():
    payload = _table({"time": np.arange(ROWS) / 360, "II": TRUTH[:, 0]})
    with pytest.raises(IntakeError, match=r"step by 2\.778 ms, which is 360 Hz, where 250 Hz was stated"):
        read_csv("r", payload, MV)


def test_a_jump_in_time_is_a_gap_at_its_place():
    time = np.arange(ROWS) / FS
    time[1000:] += 0.02
    found = read_csv("r", _table({"time": time, "II": TRUTH[:, 0]}), MV)
    assert found.n_samples == ROWS + 5
    assert np.flatnonzero(np.isnan(found.p_signal[:, 0])).tolist() == [1000, 1001, 1002, 1003, 1004]
    np.testing.assert_allclose(found.p_signal[1005:, 0], TRUTH[1000:, 0], atol=1e-6)
    assert "Rows are missing at one place, 0.02 s in all" in " ".join(found.notices)


def test_clock_times_give_the_sampling_frequency():
    clock = pd.date_range("2020-01-01", periods=ROWS, freq="4ms")
    payload = _table({"time": clock.astype(str), "II": TRUTH[:, 0]})
    found = read_csv("r", payload, CsvOptions(unit="mV"))
    assert (found.leads, found.fs) == (("II",), FS)
    assert "from the time column" in found.notices[0]
    with pytest.raises(IntakeError, match="250 Hz, where 500 Hz was stated"):
        read_csv("r", payload, CsvOptions(500, "mV"))


def test_without_names_a_counting_first_column_is_no_lead():
    payload = _table({"a": np.arange(ROWS), "b": TRUTH[:, 0]}, header=False)
    assert read_csv("r", payload, MV).p_signal.shape == (ROWS, 1)


def test_the_table_that_physionet_s_rdsamp_writes_is_read():
    rows = "\n".join(f"{i / FS:.3f},{a:.3f},{b:.3f}" for i, (a, b) in enumerate(TRUTH.tolist()))
    payload = f"'Elapsed time','MLII','V5'\n'seconds','mV','mV'\n{rows}\n".encode()
    found = read_csv("r", payload, MV)
    assert found.leads == ("MLII", "V5")
    np.testing.assert_allclose(found.p_signal, TRUTH, atol=1e-3)


@pytest.mark.parametrize("index", [True, False])
def test_a_table_that_pandas_wrote_without_names_has_no_sample_more_and_no_index_for_a_lead(index):
    found = read_csv("r", pd.DataFrame(TRUTH.round(4).astype(float)).to_csv(index=index).encode(), MV)
    np.testing.assert_allclose(found.p_signal, TRUTH, atol=1e-4)
    assert found.leads == ("0", "1")


def test_whole_numbers_that_begin_like_names_are_samples_all_the_same():
    counts = np.array([[0, 1], [3, 4]] * ROWS)
    found = read_csv("r", pd.DataFrame(counts).to_csv(index=False, header=False).encode(), MV)
    assert found.p_signal.shape == counts.shape


def test_a_row_of_units_must_say_what_was_stated():
    rows = b"time,MLII\ns,uV\n" + b"".join(b"%.4f,%d\n" % (i / FS, i % 9) for i in range(ROWS))
    assert read_csv("r", rows, CsvOptions(FS, "uV")).p_signal.max() == pytest.approx(0.008)
    assert read_csv("r", rows, CsvOptions(FS, "none")).calibrated == (False,)
    with pytest.raises(IntakeError, match="says 'uV' where 'mV' was stated"):
        read_csv("r", rows, MV)


def test_a_delimiter_at_the_end_of_each_row_makes_no_lead():
    rows = b"I,II,\n" + b"1.5,2.5,\n" * ROWS
    found = read_csv("r", rows, MV)
    assert found.leads == ("I", "II")
    assert np.isfinite(found.p_signal).all()


def test_empty_cells_nan_and_blank_lines_are_missing_samples_and_keep_time():
    lines = table(rows=ROWS).splitlines()
    lines[101], lines[102], lines[103] = b",0.5", b"NaN,", b""
    found = read_csv("r", b"\n".join(lines), MV)
    assert found.n_samples == ROWS
    assert np.isnan(found.p_signal[100, 0])
    assert np.isnan(found.p_signal[101:103]).all()
    assert np.isnan(found.p_signal).sum() == 5


def test_one_lead_with_empty_lines_keeps_its_gaps():
    values = [f"{v:.3f}" for v in TRUTH[:, 0].tolist()]
    values[500:510] = [""] * 10
    found = read_csv("r", ("II\n" + "\n".join(values)).encode(), MV)
    assert found.p_signal.shape == (ROWS, 1)
    assert np.isnan(found.p_signal[:, 0]).sum() == 10


@pytest.mark.parametrize("row", [3, 999, 1501])
def test_a_bad_cell_is_named_by_row_and_column_across_chunks(row, monkeypatch):
    monkeypatch.setattr("pipeline.intake.csv_values.CHUNK_BYTES", 4000)
    lines = table(rows=ROWS).splitlines()
    lines[row - 1] = b"0.1,oops"
    with pytest.raises(IntakeError, match=f"Row {row}, column 2 of the CSV file is not a number"):
        read_csv("r", b"\n".join(lines), MV)


def test_chunks_join_without_a_seam(monkeypatch):
    whole = read_csv("r", table(rows=ROWS), MV)
    monkeypatch.setattr("pipeline.intake.csv_values.CHUNK_BYTES", 2777)
    np.testing.assert_array_equal(read_csv("r", table(rows=ROWS), MV).p_signal, whole.p_signal)


def test_the_digest_covers_bytes_and_what_was_stated():
    payload = table(rows=ROWS)
    digests = {read_csv("r", payload, options).digest for options in (MV, CsvOptions(FS, "uV"), CsvOptions(360, "mV"))}
    assert len(digests) == 3


def test_seventeen_leads_are_too_many():
    with pytest.raises(LimitError, match="limit is 16"):
        read_csv("r", _table({f"c{i}": TRUTH[:, 0] for i in range(17)}), MV)


def test_read_path_takes_csv(tmp_path):
    path = tmp_path / "holter.csv"
    path.write_bytes(table(rows=ROWS))
    found = read_path(path, csv=MV)
    assert (found.name, found.fs, found.n_samples) == ("holter", FS, ROWS)


def test_a_table_is_seen_in_an_archive_too():
    packed = zipped([("a/strip.CSV", table(rows=9)), ("__MACOSX/x.csv", b"")])
    assert holds_table([("day.zip", packed)])
    assert holds_table([("one.hea", b""), ("two.csv", b"")])
    assert not holds_table([("day.zip", zipped([("r.hea", b"x"), ("__MACOSX/x.csv", b"")]))])
    assert not holds_table([("day.zip", packed[:-30])])


@given(st.binary(max_size=300), st.integers(0, 300), st.integers(1, 64))
def test_a_sign_is_counted_as_python_counts_it(text: bytes, start: int, at_once: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.intake.csv_text._COUNTED_BYTES", at_once)
        for stop in (None, 150):
            end = len(text) if stop is None else min(stop, len(text))
            assert count_of(b"\n", text, min(start, end), end) == text.count(b"\n", min(start, end), end)


@pytest.mark.parametrize("row", [2**14 - 1, 2**14, 2**14 + 1, 30_000])
def test_a_step_back_of_the_time_is_found_wherever_it_is(row: int) -> None:
    times = np.arange(40_000) * 4
    times[row:] -= 10_000
    rows = "\n".join(f"{time},{number % 7}" for number, time in enumerate(times.tolist()))
    with pytest.raises(IntakeError, match=f"runs back at row {row + 2};"):
        read_csv("r", f"time_ms,II\n{rows}".encode(), CsvOptions(250.0, "mV"))
