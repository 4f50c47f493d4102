"""WFDB records beyond one plain segment: segments, rates, skew, differences, FLAC, lengths and names."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import DEFAULT
from pipeline.datasets import demo_path
from pipeline.errors import IntakeError, LimitError
from pipeline.intake import read_all, read_path, read_uploads
from pipeline.intake.batch import split_uploads
from pipeline.intake.wfdb_header import is_multi_segment, parse_header
from pipeline.intake.wfdb_reader import read_wfdb
from pipeline.intake.wfdb_segments import SEGMENTS_MAX, parse_master
from tests.helpers.wfdb_files import BOTH, fixed_layout, flac, frames, variable_layout
from tests.hostile.make_corpus import FS, N, checksum, pack, record, signal_line, zipped

LIMITS = DEFAULT.limits


def _read(files: dict[str, bytes]):
    return read_uploads(list(files.items()))[0]


def _write(folder: Path, files: dict[str, bytes]) -> Path:
    for name, payload in files.items():
        (folder / name).write_bytes(payload)
    return folder / "r.hea"


# Segments


def test_segments_of_one_layout_follow_each_other_and_gaps_are_kept():
    found = _read(fixed_layout())
    assert found.leads == ("II", "V5")
    assert found.fs == FS
    gap = np.full((750, 2), np.nan)
    np.testing.assert_allclose(found.p_signal, np.concatenate([BOTH[:2500], gap, BOTH[2500:5000]]) / 200, atol=1e-6)
    assert np.isnan(found.p_signal).all(axis=1).nonzero()[0].tolist() == list(range(2500, 3250))
    assert "The recording was put together from 2 segments; 3.0 s between them were not recorded." in found.notices


def test_segments_of_different_leads_are_placed_by_name_in_the_order_of_the_layout(tmp_path):
    found = _read(variable_layout())
    theirs = wfdb.rdrecord(str(_write(tmp_path, variable_layout()).with_suffix("")), m2s=True)
    assert found.leads == ("V1", "II", "V5")
    np.testing.assert_allclose(
        found.p_signal, theirs.p_signal[:, [theirs.sig_name.index(lead) for lead in found.leads]], atol=1e-6
    )
    assert np.isnan(found.p_signal[:2500, 0]).all()


@pytest.mark.parametrize("files", [fixed_layout(), variable_layout()], ids=["fixed", "variable"])
def test_a_record_of_segments_is_the_same_as_upload_zip_and_path(tmp_path, files):
    digests = {
        _read(files).digest,
        read_uploads([("any.zip", zipped([(f"db/{name}", payload) for name, payload in files.items()]))])[0].digest,
        read_path(_write(tmp_path, files)).digest,
    }
    assert len(digests) == 1


def test_a_batch_keeps_the_segments_of_a_record_together():
    files = [*sorted(fixed_layout().items(), reverse=True), *record("other").items()]
    parts = split_uploads(files)
    assert sorted(name for name, _ in parts) == ["other", "r"]
    assert {name for name, _ in dict(parts)["r"]} == {*fixed_layout()}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f | {"r.hea": f["r.hea"].replace(b"r/3", b"r/4")}, "announces 4 segments but names 3"),
        (lambda f: f | {"r.hea": f["r.hea"].replace(b"5750", b"5751")}, "5,751 samples but its segments have 5,750"),
        (lambda f: f | {"r.hea": f["r.hea"].replace(b"r_1 2500\n~ 750", b"r_1 2400\n~ 850")}, "Segment 1 has 2,500"),
        (lambda f: f | {"r.hea": f["r.hea"].replace(b" 250 ", b" 125 ")}, "Segment 1 has 250 Hz but"),
        (lambda f: f | {"r.hea": f["r.hea"].replace(b"r_2 2500", b"r 2500")}, "single segment is expected"),
        (lambda f: f | {"r.hea": f["r.hea"].replace(b"~ 750", b"~ -750")}, "not a name and a number"),
        (lambda f: {name: payload for name, payload in f.items() if name != "r_2.hea"}, "'r_2.hea'.* is missing"),
        (lambda f: {name: payload for name, payload in f.items() if name != "r_2.dat"}, "'r_2.dat'.* is missing"),
        (lambda f: f | {"r.hea": b"r/1 2 250 750\n~ 750\n"}, "no segment with a signal"),
        (lambda f: f | {"r.hea": b"r/2 2 250 2500\nr_1 2500\nr_2 0\n"}, "0 samples, and it is not the first"),
        (lambda f: f | {"r_2.dat": f["r_2.dat"][:-2] + b"\x01\x01"}, "checksum of lead 2"),
    ],
)
def test_segments_that_do_not_fit_are_refused_with_the_reason(change, says):
    with pytest.raises(IntakeError, match=says):
        _read(change(fixed_layout()))


def test_gaps_cannot_ask_for_more_samples_than_an_upload_may_have():
    files = fixed_layout()
    files["r.hea"] = b"r/2 2 250\nr_1 2500\n~ 40000000\n"
    with pytest.raises(LimitError, match=r"samples, the limit is 1,000,000"):
        read_uploads(list(files.items()), config=replace(DEFAULT, limits=replace(LIMITS, upload_bytes=1_000_000)))
    files["r.hea"] = b"r/2 2 250\nr_1 2500\n~ 999999999999\n"
    with pytest.raises(LimitError, match="hours"):
        _read(files)


def test_a_record_may_not_have_endless_segments():
    with pytest.raises(LimitError, match="segments, the limit is 4,096"):
        parse_master(f"r/{SEGMENTS_MAX + 1} 2 250 10\n".encode(), LIMITS)


def test_a_segment_of_another_folder_is_not_fetched(tmp_path):
    files = fixed_layout()
    files["r.hea"] = files["r.hea"].replace(b"r_2", b"../r_2")
    with pytest.raises(IntakeError, match="path or unusual characters"):
        read_path(_write(tmp_path, files))


@given(st.text(alphabet="r/_~ 0123456789\n", max_size=120))
@settings(max_examples=300, deadline=None)
def test_any_text_as_header_of_segments_gives_segments_or_one_sentence(text):
    try:
        master = (
            parse_master(b"r/" + text.encode(), LIMITS) if is_multi_segment(b"r/" + text.encode(), LIMITS) else None
        )
    except IntakeError:
        return
    assert master is None or all(segment.n_frames > 0 for segment in master.segments)


# Rates, skew, differences and FLAC


@pytest.mark.parametrize("fmt", ["16", "61", "212", "310", "32"])
def test_the_ecg_is_read_at_its_own_rate_and_others_are_interpolated_or_left_out(fmt, monkeypatch):
    monkeypatch.setattr("pipeline.intake.wfdb_reader._CHUNK_FRAMES", 6 * 211)
    found = _read(frames(fmt=fmt))
    assert found.fs == FS
    assert found.leads == ("II", "V5")
    np.testing.assert_allclose(found.p_signal[:, 0], BOTH[: found.n_samples, 0] / 200, atol=1e-6)
    np.testing.assert_allclose(found.p_signal[::2, 1], BOTH[::2, 1] / 200, atol=1e-6)
    np.testing.assert_allclose(found.p_signal[1:-1:2, 1], (BOTH[:-2:2, 1] + BOTH[2::2, 1]) / 400, atol=1e-6)
    assert "Left out, because the sampling frequency is not the ECG's: RESP." in found.notices
    assert "Interpolated to the 250 Hz of the other leads: V5." in found.notices


def test_a_skewed_lead_is_shifted_by_its_frames_as_wfdb_does(tmp_path):
    files = record()
    files["r.hea"] = files["r.hea"].replace(b" 16 ", b" 16:3 ", 1)
    found, theirs = _read(files), wfdb.rdrecord(str(_write(tmp_path, files).with_suffix("")))
    np.testing.assert_allclose(found.p_signal, theirs.p_signal, atol=1e-6)
    np.testing.assert_allclose(found.p_signal[:-3, 0], BOTH[3:, 0] / 200, atol=1e-6)
    assert np.isnan(found.p_signal).nonzero()[0].tolist() == [N - 3, N - 2, N - 1]
    in_frames = _read(frames(skew=":3"))
    np.testing.assert_allclose(in_frames.p_signal[:-12, 0], BOTH[12 : in_frames.n_samples, 0] / 200, atol=1e-6)


def test_differences_are_summed_across_chunks(monkeypatch):
    steps = np.clip(np.diff(BOTH, axis=0, prepend=BOTH[:1]), -128, 127)
    samples = BOTH[0] + np.cumsum(steps, axis=0)
    lines = [f"r 2 {FS} {N}", *(signal_line(samples[:, i], file="r.dat", fmt="8", lead="V5") for i in (0, 1))]
    files = {"r.hea": "\n".join(lines).encode(), "r.dat": steps.astype(np.int8).tobytes()}
    whole = _read(files)
    monkeypatch.setattr("pipeline.intake.wfdb_reader._CHUNK_FRAMES", 6 * 211)
    np.testing.assert_allclose(_read(files).p_signal, samples / 200, atol=1e-6)
    np.testing.assert_array_equal(_read(files).p_signal, whole.p_signal)


@pytest.mark.parametrize(("fmt", "subtype"), [("508", "PCM_S8"), ("516", "PCM_16"), ("524", "PCM_24")])
def test_flac_formats_give_the_samples_that_were_packed(fmt, subtype):
    samples = BOTH // 4 if fmt == "508" else BOTH
    samples = np.clip(samples, -127, 127) if fmt == "508" else samples
    found = _read(flac(fmt, samples, subtype))
    np.testing.assert_allclose(found.p_signal, samples / 200, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda f: f | {"r.dat": pack(BOTH, "16")}, "no FLAC stream, which format 516"),
        (lambda f: f | {"r.dat": f["r.dat"][:60]}, "FLAC|decoded"),
        (lambda f: f | {"r.dat": b"fLaC" + bytes(2000)}, "FLAC stream of format 516 is damaged"),
        (lambda f: f | {"r.dat": f["r.dat"][:2000]}, "decoded|checksum|damaged"),
        (lambda f: f | {"r.hea": f["r.hea"].replace(b" 7500\n", b" 7000\n", 1)}, "longer than the header says"),
        (lambda f: f | {"r.hea": f["r.hea"].replace(b" 7500\n", b" 999999999\n", 1)}, "limit"),
        (lambda f: f | {"r.hea": f["r.hea"].replace(b"r 2", b"r 1").rsplit(b"\n", 1)[0]}, "has 2 leads"),
    ],
)
def test_damaged_flac_streams_are_refused_in_one_sentence(change, says):
    with pytest.raises(IntakeError, match=says):
        _read(change(flac("516", BOTH, "PCM_16")))


# Length, placeholders, names


@pytest.mark.parametrize("fmt", ["16", "212", "310", "80"])
def test_a_length_that_is_not_stated_is_that_of_the_file(fmt):
    files = record(fmt=fmt, samples=BOTH % 800 - 400 if fmt == "310" else BOTH)
    without = files | {"r.hea": files["r.hea"].replace(f" {FS} {N}".encode(), f" {FS}".encode(), 1)}
    np.testing.assert_array_equal(_read(without).p_signal, _read(files).p_signal)


def test_a_length_of_zero_is_one_that_is_not_stated():
    files = record()
    zero = files | {"r.hea": files["r.hea"].replace(f" {FS} {N}".encode(), f" {FS} 0".encode(), 1)}
    np.testing.assert_array_equal(_read(zero).p_signal, _read(files).p_signal)
    with pytest.raises(IntakeError, match="0 samples"):
        _read(zero | {"r.dat": b""})


@pytest.mark.parametrize(
    ("written", "lead"),
    [
        *(("EEG (C4-A1)", "EEG C4-A1"), ("Resp (sum)", "Resp sum"), ("ЭКГ", "ECG"), ("Müller, Anna", "lead 1")),
        *(("ECG (II)", "II"), ("DERIVATION II (Dupont)", "II"), ("ABP (mmHg)", "ABP mmHg"), ("acc_x (g)", "acc_x g")),
    ],
)
def test_a_name_that_says_what_a_signal_is_survives_its_brackets(written, lead):
    lines = [signal_line(BOTH[:, k], file="r.dat", fmt="16", lead=name) for k, name in enumerate((written, "ECG 2"))]
    files = {"r.hea": "\n".join([f"r 2 {FS} {N}", *lines, ""]).encode(), "r.dat": BOTH.astype("<i2").tobytes()}
    assert _read(files).leads == (lead, "ECG 2")


def test_a_flac_stream_states_the_length_that_its_header_does_not():
    files = flac("516", BOTH, "PCM_16")
    without = files | {"r.hea": files["r.hea"].replace(b" 250 7500", b" 250", 1)}
    assert _read(without).n_samples == N


def test_an_empty_signal_file_without_a_stated_length_is_refused():
    with pytest.raises(IntakeError, match="0 samples"):
        _read({"r.hea": b"r 1 250\nr.dat 16 200 12 0 0 0 0 II\n", "r.dat": b""})


@pytest.mark.parametrize(("first", "total"), [(0, 0), (0, None), (None, 0)])
def test_a_zero_of_one_lead_stands_for_what_was_not_computed(first, total):
    samples = BOTH + 7
    files = record(samples=samples)
    begin = int(samples[0, 0]) if first is None else first
    sums = checksum(samples[:, 0]) if total is None else total
    line = files["r.hea"].splitlines()[1]
    fields = line.split()
    fields[5:7] = [str(begin).encode(), str(sums).encode()]
    files["r.hea"] = files["r.hea"].replace(line, b" ".join(fields))
    found = _read(files)
    assert any("0 for a first sample or checksum that was not computed: MLII" in text for text in found.notices)


def test_a_file_with_more_samples_than_stated_is_called_longer():
    files = record()
    with pytest.raises(IntakeError, match="longer than the header says") as caught:
        _read(files | {"r.dat": files["r.dat"] + bytes(512)})
    assert "upload the complete file" not in str(caught.value)


@pytest.mark.parametrize("name", [b"sub/r", b"a/b/r", b"db/r"])
def test_a_path_in_the_records_name_is_only_a_label(name):
    files = record()
    files["r.hea"] = files["r.hea"].replace(b"r 2", name + b" 2", 1)
    np.testing.assert_allclose(_read(files).p_signal, BOTH / 200, atol=1e-6)


def test_a_path_that_ends_with_a_number_is_told_from_segments_by_the_signal_file():
    files = record("100")
    files["100.hea"] = files["100.hea"].replace(b"100 2", b"mitdb/100 2", 1)
    assert _read(files).n_samples == N


@pytest.mark.parametrize("date", ["12:00:00 31/12/2016", "12:00:00 2016-12-31", "31-Dec-2016 12:00:00", "2016-12-31"])
def test_dates_of_any_order_are_passed_over(date):
    files = record()
    files["r.hea"] = files["r.hea"].replace(f" {N}\n".encode(), f" {N} {date} \n".encode(), 1)
    assert _read(files).n_samples == N


def test_names_in_other_case_are_found(tmp_path):
    files = record()
    upper = {name.upper(): payload for name, payload in files.items()}
    assert _read(upper).digest == _read(files).digest
    _write(tmp_path, upper)
    for typed in ("R", "R.HEA", "r.hea", "R.DAT"):
        assert read_path(tmp_path / typed).digest == _read(files).digest


def test_a_mat_file_is_a_signal_file(tmp_path):
    files = record()
    header = files["r.hea"].replace(b"r.dat 16 ", b"r.mat 16+24 ")
    files = {"r.hea": header, "r.mat": bytes(24) + files["r.dat"]}
    np.testing.assert_allclose(_read(files).p_signal, BOTH / 200, atol=1e-6)
    _write(tmp_path, files)
    assert read_path(tmp_path / "r.mat").digest == _read(files).digest


def test_a_mat_file_alone_lacks_its_header():
    with pytest.raises(IntakeError, match=r"The header 'A1.hea' is missing; upload it together with its signal file"):
        _read({"A1.mat": bytes(24) + BOTH.astype("<i2").tobytes()})


def test_a_header_alone_cannot_tell_a_length_that_it_does_not_state():
    with pytest.raises(IntakeError, match="does not state the number of samples"):
        parse_header(b"r 1 250\nr.dat 16 200\n", LIMITS)
    assert read_wfdb("r", b"r 1 250\nr.dat 16 200\n", {b"r.dat": bytes(5000)}).n_samples == 2500


# Folders


def test_a_zipped_folder_of_physionet_opens_all_of_its_records():
    names = [f"{i:03d}" for i in range(40)]
    files = [(f"db-1.0/{name}", payload) for record_name in names for name, payload in record(record_name).items()]
    beside = ("RECORDS", "ANNOTATORS", "SHA256SUMS.txt", "LICENSE.txt", "README.md", "000.xws", "index.html")
    archive = zipped([*files, *((f"db-1.0/{name}", b"some text\n") for name in beside), ("db-1.0/000.qrs", b"\0\0")])
    found = read_uploads([("db.zip", archive)])
    assert [recording.name for recording in found] == names
    assert any(".qrs" in notice for notice in found[0].notices)
    assert found[1].notices == ()


def test_a_zip_on_disk_gives_all_of_its_records_or_the_only_one(tmp_path):
    (tmp_path / "db.zip").write_bytes(zipped([*record("a").items(), *record("b").items()]))
    assert [found.name for found in read_all(tmp_path / "db.zip")] == ["a", "b"]
    with pytest.raises(IntakeError, match="holds 2 recordings"):
        read_path(tmp_path / "db.zip")


def test_a_file_of_no_known_kind_in_an_archive_is_left_aside_and_named_unless_it_is_all_that_there_is() -> None:
    header = demo_path()
    payload = header.with_suffix(".dat").read_bytes()

    def packed(*members: tuple[str, bytes]) -> bytes:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for name, member in members:
                archive.writestr(name, member)
        return content.getvalue()

    record = ((header.name, header.read_bytes()), (header.with_suffix(".dat").name, payload))
    (found,) = read_uploads([("all.zip", packed(*record, ("notes.ann", b"abc")))])
    assert any("of no known kind in the archive were not read: notes" in notice for notice in found.notices)
    with pytest.raises(IntakeError, match="no known kind"):
        read_uploads([("all.zip", packed(("notes.ann", b"abc")))])
    with pytest.raises(IntakeError, match="is missing"):
        read_uploads([("all.zip", packed(*record, ("other.dat", payload)))])
    with pytest.raises(IntakeError, match="no known kind"):
        read_uploads([*record, ("notes.ann", b"abc")])


@pytest.mark.parametrize("unit", ["NU", "adu", "none", "a.u."])
def test_an_ecg_without_a_unit_is_read_uncalibrated_and_nothing_else_is(unit):
    def header(*names: str) -> bytes:
        lines = "".join(f"r.dat 16 200(0)/{unit} 16 0 0 0 0 {name}\n" for name in names)
        return f"r {len(names)} 250 2500\n{lines}".encode()

    dat = np.stack([np.arange(2500) % 200, np.arange(2500) % 90], axis=1).astype("<i2").tobytes()
    found = read_uploads([("r.hea", header("II", "PLETH")), ("r.dat", dat)])[0]
    assert (found.leads, found.calibrated) == (("II",), (False,))
    assert any("no unit: II" in notice for notice in found.notices)
    with pytest.raises(IntakeError, match="No lead of this recording is in V"):
        read_uploads([("r.hea", header("PLETH", "ABP")), ("r.dat", dat)])


@pytest.mark.parametrize(("unit", "factor"), [("MV", 1.0), ("millivolts", 1.0), ("microV", 1e-3), ("volt", 1e3)])
def test_units_in_words_are_voltages(unit, factor):
    header = f"r 1 250 2500\nr.dat 16 200(0)/{unit} 16 0 0 0 0 II\n".encode()
    steps = np.arange(2500) % 200
    found = read_uploads([("r.hea", header), ("r.dat", steps.astype("<i2").tobytes())])[0]
    np.testing.assert_allclose(found.p_signal[:, 0], steps / 200 * factor, rtol=1e-6)
