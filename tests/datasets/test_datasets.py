"""Downloads resume and keep only what verifies; statistics count what is there; the demo is what it says."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from pipeline.beat_images.record_curves import load_windows
from pipeline.cli.data import check_table, read_records
from pipeline.config import DEFAULT, ROOT, data_root
from pipeline.datasets import CATALOGUE, demo_path, record_names
from pipeline.datasets.catalogue import checksums, database_folder, dataset
from pipeline.datasets.download import PARTIAL, download
from pipeline.datasets.samples import load_samples
from pipeline.datasets.statistics import (
    RR_BIN_MS,
    RR_BINS,
    gather_statistics,
    load_statistics,
    record_statistics,
    rr_histograms,
    write_statistics,
)
from pipeline.datasets.verify import check_files, digest_of
from pipeline.errors import DataError
from pipeline.intake import read_path
from pipeline.labels import AAMI_CLASSES, aami_class
from pipeline.training.image_networks import run
from pipeline.types import Annotations, Recording

PAYLOAD = bytes(range(256)) * 400
EXPECTED = {"1.dat": hashlib.sha256(PAYLOAD).hexdigest(), "1.hea": hashlib.sha256(b"1 1 360 9\n").hexdigest()}


class _Publisher(SimpleHTTPRequestHandler):
    """Serves a folder, with ranges; notes what was asked for."""

    asked: list[tuple[str, str | None]]

    def do_GET(self):
        self.asked.append((self.path, self.headers["Range"]))
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        payload, start = path.read_bytes(), 0
        if wanted := self.headers["Range"]:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(payload):
                self.send_error(416)
                return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(payload) - start))
        self.end_headers()
        self.wfile.write(
            payload[start : len(payload) // 2] if path.name == "broken.dat" and not start else payload[start:]
        )

    def log_message(self, *_):
        pass


@pytest.fixture
def publisher(tmp_path) -> Iterator[tuple[Path, str, list]]:
    """A folder, the address that serves it, and the list of requests."""
    folder = tmp_path / "publisher"
    folder.mkdir()
    (folder / "1.dat").write_bytes(PAYLOAD)
    (folder / "1.hea").write_bytes(b"1 1 360 9\r\n")
    asked: list[tuple[str, str | None]] = []
    handler = type("Handler", (_Publisher,), {"asked": asked})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"http://127.0.0.1:{server.server_address[1]}/", asked
    server.shutdown()
    server.server_close()


def _at(url):
    return replace(dataset("mitdb"), files_url=url)


def _recording(name="a", fs=100.0, symbols="NNVNA", step=80, seed=0):
    sample = 100 + step * np.arange(len(symbols), dtype=np.int64)
    signal = np.random.default_rng(seed).normal(size=(int(sample[-1]) + 200, 2)).astype(np.float32)
    reference = Annotations(sample, tuple(symbols), ignored=3)
    return Recording(name, fs, signal, ("MLII", "V1"), "0" * 64, (True, True), reference)


def test_a_download_is_complete_and_verified(publisher, tmp_path):
    _, url, asked = publisher
    assert download(_at(url), tmp_path / "db", EXPECTED).complete
    assert (tmp_path / "db" / "1.dat").read_bytes() == PAYLOAD
    assert len(asked) == 2


def test_a_second_download_asks_for_nothing(publisher, tmp_path):
    _, url, asked = publisher
    download(_at(url), tmp_path / "db", EXPECTED)
    asked.clear()
    assert download(_at(url), tmp_path / "db", EXPECTED).complete
    assert asked == []


def test_a_download_goes_on_where_it_was_broken_off(publisher, tmp_path):
    _, url, asked = publisher
    half = tmp_path / "db" / PARTIAL / "1.dat"
    half.parent.mkdir(parents=True)
    half.write_bytes(PAYLOAD[:1000])
    assert download(_at(url), tmp_path / "db", EXPECTED).complete
    assert ("/1.dat", "bytes=1000-") in asked


def test_a_whole_partial_file_is_kept_without_asking_for_more(publisher, tmp_path):
    _, url, _ = publisher
    whole = tmp_path / "db" / PARTIAL / "1.dat"
    whole.parent.mkdir(parents=True)
    whole.write_bytes(PAYLOAD)
    assert download(_at(url), tmp_path / "db", EXPECTED).complete


def test_a_file_that_differs_from_its_checksum_is_not_kept(publisher, tmp_path):
    folder, url, _ = publisher
    (folder / "1.dat").write_bytes(PAYLOAD[:-1] + b"x")
    with pytest.raises(DataError, match="differs from its published SHA-256"):
        download(_at(url), tmp_path / "db", EXPECTED)
    assert not list((tmp_path / "db").rglob("1.dat"))


def test_a_connection_that_ends_early_keeps_what_came_and_the_next_call_finishes(publisher, tmp_path):
    folder, url, _ = publisher
    (folder / "broken.dat").write_bytes(PAYLOAD)
    expected = {"broken.dat": EXPECTED["1.dat"]}
    with pytest.raises(DataError, match="run the command again"):
        download(_at(url), tmp_path / "db", expected)
    assert (tmp_path / "db" / PARTIAL / "broken.dat").stat().st_size == len(PAYLOAD) // 2
    assert download(_at(url), tmp_path / "db", expected).complete


def test_a_file_that_the_publisher_lacks_is_one_sentence(publisher, tmp_path):
    _, url, _ = publisher
    with pytest.raises(DataError, match=r"2\.dat could not be fetched"):
        download(_at(url), tmp_path / "db", {"2.dat": "0" * 64})


def test_a_folder_that_cannot_be_made_is_one_sentence(publisher, tmp_path):
    _, url, _ = publisher
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="could not be written"):
        download(_at(url), tmp_path / "file", EXPECTED)


def test_progress_ends_at_one(publisher, tmp_path):
    _, url, _ = publisher
    seen = []
    download(_at(url), tmp_path / "db", EXPECTED, progress=lambda fraction, sentence: seen.append(fraction))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_a_check_tells_ok_from_missing_and_different(tmp_path):
    (tmp_path / "1.dat").write_bytes(b"other")
    (tmp_path / "1.hea").write_bytes(b"1 1 360 9\n")
    found = check_files("x", tmp_path, {**EXPECTED, "2.hea": "0" * 64})
    assert found.files == (("1.dat", "differs"), ("1.hea", "ok"), ("2.hea", "missing"))
    assert not found.complete
    assert found.readable_records() == ()


def test_headers_verify_whatever_their_line_ends(tmp_path):
    digests = set()
    for name, ending in (("a.hea", b"\n"), ("b.hea", b"\r\n")):
        (tmp_path / name).write_bytes(b"1 1 360 9" + ending)
        digests.add(digest_of(tmp_path / name))
    assert len(digests) == 1


def test_every_database_has_checksums_a_licence_and_whom_to_cite():
    for name, one in CATALOGUE.items():
        assert checksums(name)
        assert record_names(name)
        assert one.licence
        assert len(one.citation) == 2
        assert one.files_url.startswith("https://")


def test_a_folder_of_records_is_its_database_even_if_another_has_records_of_these_names(tmp_path):
    (tmp_path / "101.hea").write_text("101 2 360 9")
    assert "101" in record_names("ltafdb")
    assert database_folder(tmp_path) == tmp_path
    (tmp_path / "101.hea").rename(tmp_path / "800.hea")
    with pytest.raises(DataError, match="holds records of 'svdb'"):
        database_folder(tmp_path)


def test_an_unknown_database_is_refused_by_name():
    with pytest.raises(DataError, match="'nowhere'"):
        dataset("nowhere")


def test_counts_follow_both_label_tables():
    found = record_statistics("other", _recording(symbols="NNVejA"))
    assert found.counts["de_chazal"] == {"N": 4, "S": 1, "V": 1, "F": 0, "Q": 0}
    assert found.counts["bxb"] == {"N": 2, "S": 3, "V": 1, "F": 0, "Q": 0}
    assert (found.group, found.n_beats, found.ignored, found.heart_rate_bpm) == ("other", 6, 3, 75.0)


def test_an_rr_interval_is_counted_for_the_beat_that_ends_it():
    found = rr_histograms(_recording(symbols="NV", step=80))
    assert found["V"][800 // RR_BIN_MS] == 1
    assert sum(int(counts.sum()) for counts in found.values()) == 1


def test_long_rr_intervals_are_in_the_last_bin():
    found = rr_histograms(_recording(symbols="NN", step=5000))["N"]
    assert (found.size, found[-1]) == (RR_BINS, 1)


def test_two_records_with_the_same_signal_are_found():
    same = _recording("b")
    found = gather_statistics([("x", _recording("a")), ("y", same), ("y", _recording("c", seed=1))], {})
    assert found.twins["signals"].groups == 2  # both leads
    assert found.twins["signals"].across_sets == 2
    assert found.twins["signals"].listed[0] == ("x: a MLII", "y: b MLII")
    assert found.twins["beats"].groups == 5


def test_a_recording_without_annotations_is_refused():
    with pytest.raises(DataError, match="no reference annotations"):
        gather_statistics([("x", replace(_recording(), reference=None))], {})


def test_statistics_survive_writing_and_reading(tmp_path):
    found = gather_statistics([("x", _recording())], {"command": "here"})
    write_statistics(found, tmp_path / "statistics.json")
    assert load_statistics(tmp_path / "statistics.json") == found


@pytest.mark.parametrize("text", ["", "{}", '{"records": 3}', "[]"])
def test_broken_statistics_are_one_sentence(tmp_path, text):
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(DataError, match=r"s\.json are missing or broken"):
        load_statistics(tmp_path / "s.json")


def test_the_committed_statistics_hold_whole_sets():
    found = load_statistics()
    assert sum(found.counts("ds1").values()) == 51021
    assert sum(found.counts("ds2").values()) == 49712
    assert {record.record for record in found.records if record.dataset == "mitdb"} == set(record_names("mitdb"))
    assert found.provenance["command"] == "python -m pipeline data --statistics"


def test_mlii_is_the_second_signal_in_record_114():
    leads = {record.record: record.leads for record in load_statistics().records}
    assert leads["114"].index("MLII") == 1


def test_the_committed_sheet_shows_every_class_from_several_records():
    sheet, beats = load_samples()
    assert (ROOT / "data" / "sample_beats.png").stat().st_size <= 400 * 1024
    for name in AAMI_CLASSES:
        records = {beat.record for beat in beats if beat.aami == name}
        assert len(records) >= 4, name
    for beat in beats:
        assert aami_class(beat.symbol) == beat.aami
        part = sheet[beat.top_px : beat.top_px + beat.height_px, beat.left_px : beat.left_px + beat.width_px]
        assert part.shape[:2] == (beat.height_px, beat.width_px)
        assert np.ptp(part) > 100


def test_the_demo_is_five_minutes_with_beats_of_three_classes():
    demo = read_path(demo_path())
    assert (demo.fs, demo.duration_s, demo.leads) == (360.0, 300.0, ("MLII",))
    counts = record_statistics("demo", demo).counts["de_chazal"]
    assert counts == {"N": 358, "S": 0, "V": 93, "F": 56, "Q": 2}


@pytest.mark.data
def test_the_demo_is_the_stated_stretch_of_record_208():
    demo, whole = read_path(demo_path()), read_path(data_root() / "mitdb" / "208.hea")
    start, stop = 422_820, 530_820
    mlii = whole.p_signal[start:stop, whole.leads.index("MLII")]
    np.testing.assert_array_equal(demo.p_signal[:, 0], mlii)
    inside = (whole.reference.sample >= start) & (whole.reference.sample < stop)
    np.testing.assert_array_equal(whole.reference.sample[inside] - start, demo.reference.sample)


@pytest.mark.data
def test_the_table_of_a_check_counts_records_and_beats():
    found = check_files("nstdb", data_root() / "nstdb", checksums("nstdb"))
    table = check_table([found])
    assert [next(iter(column.cells)) for column in table.columns][:3] == ["nstdb", "4", "2,166"]


def test_reading_a_missing_database_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("HEARTVISION_DATA", str(tmp_path))
    with pytest.raises(DataError, match="144 files of mitdb are missing"):
        next(read_records())


def _with_records(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / f"{name}.hea").write_text("")
    return folder


def test_a_database_is_found_beside_others_or_as_the_folder_itself(tmp_path: Path) -> None:
    mitdb, svdb = _with_records(tmp_path / "mitdb", "100"), _with_records(tmp_path / "svdb", "800")
    assert database_folder(tmp_path) == mitdb == database_folder(mitdb)
    assert database_folder(tmp_path, "svdb") == svdb == database_folder(svdb, "svdb")


def test_a_folder_without_records_is_refused_whatever_its_name(tmp_path: Path) -> None:
    (tmp_path / "mitdb").mkdir()
    with pytest.raises(DataError, match=r"There are no records .* of 'mitdb' in .*python -m pipeline data"):
        database_folder(tmp_path)
    with pytest.raises(DataError, match="There are no records"):
        database_folder(tmp_path / "missing")


def test_the_records_of_one_database_are_not_taken_for_those_of_another(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds records of 'mitdb' and none of 'svdb'"):
        database_folder(_with_records(tmp_path / "own", "100"), "svdb")


def test_training_refuses_what_the_evaluation_refuses(tmp_path: Path) -> None:
    _with_records(tmp_path / "own", "800")
    folder = tmp_path / "own"
    for read in (partial(load_windows, ("100",), folder, DEFAULT), partial(run, "cnn", folder)):
        with pytest.raises(DataError, match="holds records of 'svdb' and none of 'mitdb'"):
            read()
