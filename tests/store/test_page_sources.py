"""The page of a recording is kept beside its signal, is read again, and is deleted with it."""

import pytest

from pipeline.datasets import demo_path
from pipeline.errors import DataError
from pipeline.intake import read_path
from pipeline.store.page_sources import PageSource, load_page_source, save_page_source
from pipeline.store.recordings import delete_recording, recording_folder, save_recording

P = {"normal": 0.75, "abnormal_heartbeat": 0.25}
PAGE = PageSource(b"photo", b"heat", "normal", P, confident=True, known=True, limits="few pages")


def test_a_page_is_kept_and_deleted_with_its_recording() -> None:
    digest = save_recording(read_path(demo_path())).digest
    assert load_page_source(digest) is None
    save_page_source(digest, PAGE)
    assert load_page_source(digest) == PAGE
    folder = recording_folder(digest)
    assert folder is not None
    assert {file.stat().st_mode & 0o077 for file in folder.glob("page*")} == {0}
    delete_recording(digest)
    assert load_page_source(digest) is None


def test_a_page_needs_its_recording() -> None:
    with pytest.raises(DataError, match="not on this machine"):
        save_page_source("0" * 64, PAGE)
    assert load_page_source("../../etc") is None


def test_a_damaged_page_is_no_page() -> None:
    digest = save_recording(read_path(demo_path())).digest
    save_page_source(digest, PAGE)
    folder = recording_folder(digest)
    assert folder is not None
    (folder / "page.json").write_text("{}")
    assert load_page_source(digest) is None
    delete_recording(digest)
