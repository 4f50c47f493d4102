"""WFDB records: what is read, bit by bit, and what is refused."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import DEFAULT, data_root
from pipeline.errors import IntakeError, LimitError
from pipeline.intake import read_path, read_uploads
from pipeline.intake.wfdb_annotations import CODE_TO_SYMBOL, parse_annotations
from pipeline.intake.wfdb_header import UNIT_TO_MV, expected_bytes, parse_header
from pipeline.intake.wfdb_reader import MISSING
from tests.hostile.make_corpus import FS, N, annotations, ecg, note, pack, record, signal_line, zipped


def _read(files: dict[str, bytes]):
    return read_uploads(list(files.items()))[0]


@pytest.mark.parametrize("fmt", ["16", "24", "32", "61", "80", "160", "212"])
def test_each_format_is_decoded_as_the_specification_packs_it(fmt):
    samples = np.stack([ecg(501), ecg(501, lead=1)], axis=1)
    found = _read(record(fmt=fmt, samples=samples))
    expected = (samples // 4 if fmt == "80" else samples) / 200
    np.testing.assert_allclose(found.p_signal, expected, atol=1e-6)


@pytest.mark.parametrize("fmt", ["212", "310", "311"])
@pytest.mark.parametrize("n", [300, 301, 302])
def test_formats_of_packed_samples_are_decoded_at_every_remainder(fmt, n):
    samples = ecg(n)[:, None] % 800 - 400
    found = _read(record(fmt=fmt, samples=samples))
    np.testing.assert_allclose(found.p_signal, samples / 200, atol=1e-6)


@pytest.mark.parametrize("fmt", ["16", "24", "32", "61", "160", "212"])
def test_the_missing_value_of_each_format_becomes_nan(fmt):
    samples = np.stack([ecg(600), ecg(600, lead=1)], axis=1)
    samples[100:120, 1] = MISSING[fmt]
    found = _read(record(fmt=fmt, samples=samples))
    assert np.isnan(found.p_signal[100:120, 1]).all()
    assert np.isnan(found.p_signal).sum() == 20


def test_the_values_follow_gain_baseline_and_unit():
    files = record(gain="50(-100)/uV")
    found = _read(files)
    np.testing.assert_allclose(found.p_signal[:, 0], (ecg() + 100) / 50 * 1e-3, rtol=1e-5)
    assert found.calibrated == (True, True)


UNITS = {
    b"V": 1e3,
    b"mV": 1,
    b"mv": 1,
    b"uV": 1e-3,
    b"uv": 1e-3,
    b"\xb5V": 1e-3,
    b"\xc2\xb5V": 1e-3,
    b"\xce\xbcV": 1e-3,
    b"MV": 1,
    b"mVolt": 1,
    b"millivolt": 1,
    b"millivolts": 1,
    b"uVolt": 1e-3,
    b"microV": 1e-3,
    b"microvolt": 1e-3,
    b"microvolts": 1e-3,
    b"volt": 1e3,
    b"volts": 1e3,
}


def test_no_unit_is_known_beyond_those_tested():
    assert {*UNIT_TO_MV} == {*UNITS, b"nV"}


@pytest.mark.parametrize(("unit", "factor"), [*UNITS.items(), (b"nV", 1e-6)])
def test_every_unit_of_the_table_gives_millivolts(unit, factor):
    files = record(gain="200/@")
    files["r.hea"] = files["r.hea"].replace(b"@", unit)
    np.testing.assert_allclose(_read(files).p_signal[:, 0], ecg() / 200 * factor, rtol=1e-5, atol=1e-12)


def test_without_gain_the_lead_is_not_calibrated_and_a_notice_says_so():
    found = _read(record(gain="0/mV"))
    assert found.calibrated == (False, False)
    assert found.notices == ("Not calibrated, because the header gives no gain or no unit: MLII, V5.",)


def test_a_lead_that_is_no_voltage_is_left_out_with_a_notice():
    files = record()
    files["r.hea"] = files["r.hea"].replace(b"200/mV", b"200/mmHg", 1)
    found = _read(files)
    assert found.leads == ("V5",)
    assert "signal 1 of the header" in found.notices[0]
    np.testing.assert_allclose(found.p_signal[:, 0], ecg(lead=1) / 200, atol=1e-6)


def test_leads_in_two_files_are_read_together():
    first, second = ecg(1000), ecg(1000, lead=1)
    lines = [
        f"r 2 {FS} 1000",
        signal_line(first, file="a.dat", fmt="16", lead="II"),
        signal_line(second, file="b.dat", fmt="212", lead="V1"),
    ]
    files = {"r.hea": "\n".join(lines).encode(), "a.dat": pack(first, "16"), "b.dat": pack(second, "212")}
    np.testing.assert_allclose(_read(files).p_signal, np.stack([first, second], axis=1) / 200, atol=1e-6)


def test_a_byte_offset_is_skipped():
    files = record()
    files["r.hea"] = files["r.hea"].replace(b" 16 ", b" 16+512 ")
    files["r.dat"] = b"\xff" * 512 + files["r.dat"]
    np.testing.assert_allclose(_read(files).p_signal[:, 0], ecg() / 200, atol=1e-6)


def test_a_chunked_read_is_the_same_as_a_whole_one(monkeypatch):
    whole = _read(record(fmt="212"))
    monkeypatch.setattr("pipeline.intake.wfdb_reader._CHUNK_FRAMES", 6 * 101)
    np.testing.assert_array_equal(_read(record(fmt="212")).p_signal, whole.p_signal)


def test_equal_bytes_have_equal_digests_and_one_changed_sample_changes_it():
    samples = np.stack([ecg(), ecg(lead=1)], axis=1)
    first = _read(record(samples=samples)).digest
    assert _read(record(samples=samples)).digest == first
    samples[4000, 1] += 1
    assert _read(record(samples=samples)).digest != first


def test_a_checksum_stated_as_unsigned_is_the_same_checksum():
    files = record()
    line = files["r.hea"].splitlines()[1].split()
    total = int(line[6])
    files["r.hea"] = files["r.hea"].replace(b" %d " % total, b" %d " % (total % 65536))
    assert _read(files).n_samples == N


def test_checksums_that_are_all_zero_were_not_computed():
    files = record()
    lines = files["r.hea"].splitlines()
    without = [b" ".join([*(fields := line.split())[:5], b"7", b"0", *fields[7:]]) for line in lines[1:3]]
    found = _read(files | {"r.hea": b"\n".join([lines[0], *without])})
    assert any("no checksum" in notice for notice in found.notices)
    with pytest.raises(IntakeError, match="begins with"):
        _read(files | {"r.hea": b"\n".join([lines[0], without[0], lines[2]])})


def test_a_header_that_ends_with_the_adc_zero_promises_no_first_sample():
    files = record()
    lines = [b" ".join(line.split()[:4]) + b" 1024" for line in files["r.hea"].splitlines()[1:3]]
    files["r.hea"] = b"\n".join((files["r.hea"].splitlines()[0], *lines))
    np.testing.assert_allclose(_read(files).p_signal[:, 0], (ecg() - 1024) / 200, atol=1e-5)


def test_refusals_carry_the_numbers_of_the_broken_comparison():
    files = record()
    files["r.dat"] = files["r.dat"][:1000]
    with pytest.raises(IntakeError, match=rf"1,000 bytes but the header asks for {4 * N:,} \({N:,} samples of 2 leads"):
        _read(files)


def test_limits_are_a_kind_of_their_own():
    with pytest.raises(LimitError, match="limit is 16"):
        parse_header(b"r 17 250 1000\n", DEFAULT.limits)


@pytest.mark.parametrize(("fs", "ok"), [("49.9", False), ("50", True), ("10000", True), ("10000.1", False)])
def test_the_published_bounds_of_the_sampling_frequency_are_inclusive(fs, ok):
    header = f"r 1 {fs} 1000\nr.dat 16 200\n".encode()
    if ok:
        assert parse_header(header, DEFAULT.limits).fs == float(fs)
    else:
        with pytest.raises(LimitError, match="sampling frequency"):
            parse_header(header, DEFAULT.limits)


def test_a_counter_frequency_beside_fs_is_no_error():
    header = b"r 1 250/1000(5) 1000 12:00:00 01/01/2020\nr.dat 16 200\n"
    assert parse_header(header, DEFAULT.limits).fs == 250


@pytest.mark.parametrize(
    ("fmt", "n", "least", "most"),
    [("16", 5, 10, 10), ("212", 5, 8, 9), ("212", 4, 6, 6), ("310", 5, 8, 8), ("311", 5, 7, 8)],
)
def test_the_expected_size_follows_the_format(fmt, n, least, most):
    header = parse_header(f"r 1 250 {n}\nr.dat {fmt} 200\n".encode(), DEFAULT.limits)
    assert expected_bytes(header.groups()[0], n) == (least, most)


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_any_bytes_as_header_give_a_header_or_one_sentence(payload):
    with contextlib.suppress(IntakeError):
        assert parse_header(payload, DEFAULT.limits).n_samples > 0


@given(st.text(alphabet="r 0123456789./:()-+exXmVuNn\n#", max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_header_like_text_gives_a_header_or_one_sentence(text):
    with contextlib.suppress(IntakeError):
        header = parse_header(text.encode(), DEFAULT.limits)
        assert header.n_samples > 0
        assert all(signal.gain is None or signal.gain > 0 for signal in header.signals)


# Annotations


def test_our_table_of_codes_is_that_of_wfdb():
    from wfdb.io.annotation import ann_labels

    assert {label.label_store: label.symbol for label in ann_labels if label.label_store} == CODE_TO_SYMBOL


def test_beats_are_kept_and_other_annotations_counted():
    payload = annotations([(10, 28), (100, 1), (300, 5), (310, 14), (5000, 8)])
    found = parse_annotations(payload, n_samples=N, fs=FS)
    assert found.sample.tolist() == [100, 300, 5000]
    assert found.symbol == ("N", "V", "A")
    assert found.ignored == 2


@given(st.lists(st.tuples(st.integers(0, 10**6), st.sampled_from(sorted(CODE_TO_SYMBOL))), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_our_reader_and_wfdb_agree_on_any_valid_file(tmp_path_factory, events):
    folder = tmp_path_factory.getbasetemp()
    events = sorted(events)
    (folder / "two.atr").write_bytes(annotations(events))
    theirs = wfdb.rdann(str(folder / "two"), "atr")
    ours = parse_annotations((folder / "two.atr").read_bytes(), n_samples=10**6 + 1, fs=FS)
    beats = [(s, y) for s, y in zip(theirs.sample.tolist(), theirs.symbol, strict=True) if y in "NLRaVFJASEj/QBe?rnf"]
    assert list(zip(ours.sample.tolist(), ours.symbol, strict=True)) == beats
    assert ours.ignored == len(events) - len(beats)


def test_an_annotation_up_to_a_second_after_the_end_is_ignored():
    payload = annotations([(100, 1), (N, 1)])
    found = parse_annotations(payload, n_samples=N, fs=FS)
    assert found.sample.tolist() == [100]
    assert found.ignored == 1


def test_a_stated_time_resolution_must_be_that_of_the_recording():
    payload = note(b"## time resolution: 250") + annotations()
    assert parse_annotations(payload, n_samples=N, fs=250).sample.size > 30
    with pytest.raises(IntakeError, match="250 Hz and the recording has 360 Hz"):
        parse_annotations(payload, n_samples=N, fs=360)


# Pairing


def test_several_records_in_one_upload_are_several_recordings():
    files = [*record("a").items(), *record("b", fmt="212").items()]
    assert [found.name for found in read_uploads(files)] == ["a", "b"]


def test_a_zip_holds_the_same_recording_as_its_files():
    files = list(record().items())
    assert read_uploads([("any.zip", zipped(files))])[0].digest == read_uploads(files)[0].digest


def test_a_record_path_may_come_with_or_without_its_ending(tmp_path):
    for name, payload in record().items():
        (tmp_path / name).write_bytes(payload)
    assert read_path(tmp_path / "r").digest == read_path(tmp_path / "r.hea").digest


def test_the_path_and_the_upload_of_the_same_bytes_are_the_same_recording(tmp_path):
    files = record()
    for name, payload in files.items():
        (tmp_path / name).write_bytes(payload)
    assert read_path(tmp_path / "r.hea").digest == _read(files).digest


def test_a_missing_record_is_named():
    with pytest.raises(IntakeError, match=r"header \(.hea\) of 'nothing' was not found"):
        read_path(Path("/nowhere/nothing"))


@pytest.mark.parametrize("typed", [".", "/", ""])
def test_a_path_without_a_name_is_refused_in_one_sentence(typed):
    with pytest.raises(IntakeError, match="check the path"):
        read_path(Path(typed))


def test_an_empty_annotation_file_beside_a_record_is_told_and_not_in_the_way(tmp_path):
    files = record() | {"r.atr": b""}
    for name, payload in files.items():
        (tmp_path / name).write_bytes(payload)
    found = read_path(tmp_path / "r")
    assert found.notices == _read(files).notices == ("The annotation file (.atr) was not used: it is empty.",)


@pytest.mark.parametrize("name", ["MZ01", "BM7", "RIFF2"])
def test_a_record_may_be_called_as_programs_and_pictures_begin(name):
    files = record(name)
    header = files[f"{name}.hea"].replace(b"r ", name.encode() + b" ", 1)
    assert header.startswith(name.encode())
    assert _read(files | {f"{name}.hea": header}).name == name


# Public data


@pytest.mark.data
@pytest.mark.parametrize("record_path", ["mitdb/100", "mitdb/114", "mitdb/207", "svdb/800", "nstdb/118e_6"])
def test_public_records_are_read_as_wfdb_reads_them(record_path):
    path = data_root() / record_path
    ours, theirs = read_path(path), wfdb.rdrecord(str(path))
    assert ours.leads == tuple(theirs.sig_name)
    assert ours.fs == theirs.fs
    np.testing.assert_allclose(ours.p_signal, theirs.p_signal, atol=1e-5)


@pytest.mark.data
def test_a_public_record_whose_header_scales_each_lead_to_one_millivolt_is_read_as_microvolts():
    path = data_root() / "ludb" / "10"
    ours, theirs = read_path(path), wfdb.rdrecord(str(path))
    steps = wfdb.rdrecord(str(path), physical=False)
    assert ours.leads == tuple(theirs.sig_name)
    np.testing.assert_allclose(np.ptp(theirs.p_signal, axis=0), 1, atol=1e-3)
    np.testing.assert_allclose(ours.p_signal, (steps.d_signal - np.array(steps.baseline)) / 1000, atol=1e-4)
    limbs = [ours.p_signal[:, ours.leads.index(name)] for name in ("i", "ii", "iii")]
    assert np.abs(limbs[1] - limbs[0] - limbs[2]).max() < 0.05


@pytest.mark.slow
def test_a_day_of_two_leads_is_read_in_seconds_and_under_a_gigabyte():
    import subprocess
    import sys

    script = """
import re, numpy as np
from pathlib import Path
from pipeline.intake.wfdb_reader import read_wfdb
n = 86400 * 360
payload = np.random.default_rng(0).integers(0, 255, n * 3 // 8, dtype=np.uint8).tobytes() * 8
header = f"x 2 360 {n}\\nx.dat 212 200\\nx.dat 212 200\\n".encode()
samples = read_wfdb("x", header, {b"x.dat": payload}).n_samples
status = Path("/proc/self/status").read_text()  # ru_maxrss would be that of the process that started this one
print(samples, re.search(r"VmHWM:\\s+(\\d+)", status)[1])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120)
    samples, peak_kb = map(int, done.stdout.split())
    assert samples == 86400 * 360
    assert peak_kb < 1_000_000
