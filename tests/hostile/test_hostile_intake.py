"""Every hostile upload ends in one clear sentence or in an honest result: quickly, silently, without the network."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import numpy as np
import pytest

from models.beat_image_heads import load_head
from pipeline.beat_images.reading import read_beat
from pipeline.beat_images.tracing import read_beat_picture
from pipeline.errors import EcgError, IntakeError
from pipeline.intake import CsvOptions, read_path, read_uploads
from pipeline.intake.batch import PictureFile
from pipeline.types import RECORD_NAME, BeatTrace, Recording
from tests.hostile.case import Case
from tests.hostile.cases import cases
from tests.hostile.make_corpus import BEACON, PATIENT, draw_beat, encoded, record, table, zipped

SECONDS_MAX = 5.0  # of the processor: a busy machine is no hostile file
MUTATIONS = 100  # of each good file
SECRETS = (PATIENT, "John", "MRN", BEACON, "evil.example", "<script", "onerror", "/etc/", "..")


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    def refuse(*arguments, **options):
        raise AssertionError("intake opened a socket")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def _read(case: Case) -> list[Recording] | BeatTrace:
    if case.kind == "picture":
        return read_beat_picture(*case.files[0])
    return read_uploads(case.files, csv=CsvOptions(250.0, "mV") if case.kind == "csv" else None)


def _assert_one_sentence(text: str) -> None:
    assert text
    assert "\n" not in text
    assert len(text) < 400
    for secret in SECRETS:
        assert secret not in text


def _assert_honest(result: list[Recording] | BeatTrace) -> None:
    if isinstance(result, BeatTrace):
        assert np.isfinite(result.row_px).all()
        assert np.isfinite(result.value).all()
        assert 0.0 <= result.value.min() <= result.value.max() <= 1.0
        assert RECORD_NAME.fullmatch(result.name)
        return
    assert result
    for found in result:
        assert found.p_signal.dtype == np.float32
        assert not np.isinf(found.p_signal).any()
        assert not found.p_signal.flags.writeable
        assert 50 <= found.fs <= 10_000
        assert found.p_signal.shape[1] == len(found.leads) == len(found.calibrated)
        assert RECORD_NAME.fullmatch(found.name)
        for text in (*found.leads, *found.notices):
            _assert_one_sentence(text)
        if found.reference is not None and found.reference.sample.size:
            assert found.reference.sample[0] >= 0
            assert found.reference.sample[-1] < found.n_samples
            assert (np.diff(found.reference.sample) >= 0).all()


@pytest.mark.parametrize("case", tuple(cases()), ids=lambda case: case.name[:60].replace("\0", "0"))
def test_a_hostile_upload_is_refused_in_one_sentence_or_read_honestly(case):
    started = time.process_time()
    try:
        result = _read(case)
    except EcgError as error:
        said = str(error)
        assert case.outcome in ("refused", "either"), said
        _assert_one_sentence(said)
    else:
        assert case.outcome in ("read", "either")
        _assert_honest(result)
        said = "" if isinstance(result, BeatTrace) else " ".join(result[0].notices)
    assert case.says in said
    assert time.process_time() - started < SECONDS_MAX


def test_a_strip_of_many_beats_is_no_beat_to_the_heads():
    strip = next(case for case in cases() if case.name == "picture: strip of many beats")
    with pytest.raises(IntakeError, match="may not be an ECG beat"):
        read_beat(PictureFile(*strip.files[0]), load_head())


def test_no_case_is_listed_twice():
    names = [case.name for case in cases()]
    assert len(set(names)) == len(names)


def _mutations(payload: bytes, rng: np.random.Generator) -> bytes:
    """One random change: flipped bytes, a cut, a splice, or a stretch put elsewhere."""
    changed = bytearray(payload)
    at = int(rng.integers(0, len(changed)))
    match int(rng.integers(0, 4)):
        case 0:
            for position in rng.integers(0, min(len(changed), 4096), int(rng.integers(1, 9))):
                changed[position] = int(rng.integers(0, 256))
        case 1:
            del changed[at:]
        case 2:
            changed[at:at] = rng.integers(0, 256, int(rng.integers(1, 64)), np.uint8).tobytes()
        case _:
            length = int(rng.integers(1, 256))
            source = int(rng.integers(0, len(changed)))
            changed[at : at + length] = changed[source : source + length]
    return bytes(changed)


@pytest.mark.parametrize("part", ["r.hea", "r.dat", "r.atr"])
def test_randomly_damaged_recordings_never_crash_intake(part):
    good = record(fmt="212")
    rng = np.random.default_rng(20261122)
    for _ in range(MUTATIONS):
        files = {**good, part: _mutations(good[part], rng)}
        try:
            result = read_uploads(list(files.items()))
        except EcgError as error:
            _assert_one_sentence(str(error))
        else:
            _assert_honest(result)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_randomly_damaged_pictures_never_crash_intake(kind):
    payload = encoded(draw_beat(200, 150)[0], kind)
    rng = np.random.default_rng(20261122)
    for _ in range(MUTATIONS):
        try:
            result = read_beat_picture("b.png", _mutations(payload, rng))
        except EcgError as error:
            _assert_one_sentence(str(error))
        else:
            _assert_honest(result)


def test_randomly_damaged_archives_and_tables_never_crash_intake():
    rng = np.random.default_rng(20261122)
    for name, payload in (("r.zip", zipped(list(record().items()))), ("r.csv", table(rows=300))):
        for _ in range(MUTATIONS):
            try:
                result = read_uploads([(name, _mutations(payload, rng))], csv=CsvOptions(250.0, "mV"))
            except EcgError as error:
                _assert_one_sentence(str(error))
            else:
                _assert_honest(result)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, payload in record().items():
        (tmp_path / name).write_bytes(payload)
    return tmp_path


def test_a_symbolic_link_in_place_of_a_signal_file_is_not_followed(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "secret.dat"
    elsewhere.write_bytes((folder / "r.dat").read_bytes())
    (folder / "r.dat").unlink()
    (folder / "r.dat").symlink_to(elsewhere)
    with pytest.raises(EcgError, match="cannot be opened as a plain file"):
        read_path(folder / "r.hea")


@pytest.mark.parametrize("name", ["../r.dat", "/etc/passwd", "sub/r.dat", "http://127.0.0.1/r.dat"])
def test_a_header_cannot_send_the_reader_elsewhere(folder, name):
    header = (folder / "r.hea").read_text().replace("r.dat", name)
    (folder / "r.hea").write_text(header)
    with pytest.raises(EcgError, match="plain name"):
        read_path(folder / "r.hea")


def test_a_folder_or_a_pipe_in_place_of_a_file_is_refused(folder):
    (folder / "r.dat").unlink()
    (folder / "r.dat").mkdir()
    with pytest.raises(EcgError, match="plain file"):
        read_path(folder / "r.hea")


def test_reading_leaves_no_file_behind(folder, tmp_path_factory, monkeypatch):
    import tempfile

    scratch = tmp_path_factory.mktemp("scratch")
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    before = sorted(path.name for path in folder.iterdir())
    read_path(folder / "r.hea")
    assert sorted(path.name for path in folder.iterdir()) == before
    assert list(scratch.iterdir()) == []


def test_the_patient_in_the_header_is_nowhere_in_the_recording():
    found = read_uploads(list(record().items()))[0]
    assert "John" not in repr(found)
