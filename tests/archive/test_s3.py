"""An archive in a store that speaks S3: a real server of the protocol on the loopback interface."""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyarrow.fs import S3FileSystem

from pipeline.archive.sources import at_hand, find_sources, source_at
from pipeline.cli import main
from pipeline.config import ROOT
from pipeline.errors import IntakeError, LimitError
from tests.archive.test_archive import content

DEMO = ROOT / "data" / "demo"
PYTHON = os.environ.get("HEARTVISION_S3_PYTHON", sys.executable)  # of an environment with tests/archive/s3-server.txt
BUCKET = "ward/holters"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Where the server answers."""
    if sys.executable == PYTHON and importlib.util.find_spec("moto") is None:
        pytest.skip("no server: install tests/archive/s3-server.txt elsewhere, and name its HEARTVISION_S3_PYTHON")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [PYTHON, "-m", "moto.server", "--host", "127.0.0.1", "--port", str(port)]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    server = subprocess.Popen(command, env=clean, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield _once_it_answers(server, f"http://127.0.0.1:{port}")
    finally:
        server.terminate()
        server.wait()


def _once_it_answers(server: subprocess.Popen[bytes], address: str) -> str:
    for _ in range(150):
        assert server.poll() is None, "the server ended"
        try:
            urllib.request.urlopen(f"{address}/moto-api/", timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return address
    raise AssertionError("the server did not answer within half a minute")


@pytest.fixture
def store(address: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3FileSystem]:
    """Give a bucket with two recordings, one of them in a folder, and a header that is none."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    files = S3FileSystem(endpoint_override=address, allow_bucket_creation=True, allow_bucket_deletion=True)
    files.create_dir("ward")
    for record, folder in (("207_flutter", BUCKET), ("219_fibrillation", f"{BUCKET}/night")):
        for file in DEMO.glob(f"{record}.*"):
            put(files, f"{folder}/{file.name}", file.read_bytes())
    put(files, f"{BUCKET}/broken.hea", b"nonsense")
    yield files
    files.delete_dir("ward")


def put(files: S3FileSystem, name: str, payload: bytes) -> None:
    with files.open_output_stream(name) as writing:
        writing.write(payload)


def test_a_batch_over_s3_gives_the_tables_of_the_same_files_on_disk(
    store: S3FileSystem, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    assert main(["batch", f"s3://{BUCKET}", "--output", str(there), "--workers", "1"]) == 3
    assert capsys.readouterr().out.startswith("2 analysed, 1 refused; 3 rows in ")
    disk = tmp_path / "disk"
    (disk / "night").mkdir(parents=True)
    for record, folder in (("207_flutter", disk), ("219_fibrillation", disk / "night")):
        for file in DEMO.glob(f"{record}.*"):
            (folder / file.name).write_bytes(file.read_bytes())
    assert main(["batch", str(disk), "--output", str(here), "--workers", "1"]) == 0
    tables = {name: digest for name, digest in content(here).items() if name.startswith(("beats/", "rhythm/"))}
    assert len(tables) == 4
    assert {name: digest for name, digest in content(there).items() if name.startswith(("beats/", "rhythm/"))} == tables
    capsys.readouterr()
    before = content(there)
    put(store, f"{BUCKET}/night/219_fibrillation.dat", (DEMO / "219_fibrillation.dat").read_bytes())  # the same again
    assert main(["batch", f"s3://{BUCKET}", "--output", str(there), "--workers", "1"]) == 3
    assert capsys.readouterr().out.startswith("1 refused, 2 skipped; 3 rows in ")
    assert content(there) == before


def test_a_pattern_of_s3_names_records_with_all_their_files(store: S3FileSystem) -> None:
    (source,) = find_sources(f"s3://{BUCKET}/night/*.*")
    assert source.place == f"s3://{BUCKET}/night/219_fibrillation.hea"
    assert {file.rsplit(".", 1)[1] for file in source.files} == {"hea", "dat", "atr"}
    assert source_at(source.place).files == source.files
    with at_hand(source, limit_bytes=10**6) as path:
        assert path.with_suffix(".dat").read_bytes() == (DEMO / "219_fibrillation.dat").read_bytes()
    with pytest.raises(LimitError, match="larger than"), at_hand(source, limit_bytes=1000):
        pass


def test_what_vanishes_from_s3_and_a_store_that_does_not_answer_are_one_sentence(
    store: S3FileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    (source,) = find_sources(f"s3://{BUCKET}/night/*.*")
    store.delete_file(f"{BUCKET}/night/219_fibrillation.dat")
    with pytest.raises(IntakeError, match="could not be fetched"), at_hand(source, limit_bytes=10**6):
        pass
    with pytest.raises(IntakeError, match="cannot be listed"):
        find_sources("s3://another-ward/holters")
    with pytest.raises(IntakeError, match="No recording was found"):
        find_sources("s3://ward/another-folder")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(IntakeError, match="cannot be listed"):
        find_sources(f"s3://{BUCKET}")
