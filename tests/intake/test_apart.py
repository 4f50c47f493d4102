"""An upload is read in a process of its own as it would be here; one that takes too much is refused and ends alone."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import fields

import numpy as np
import pytest

from pipeline.config import IntakeProcess
from pipeline.datasets import demo_path
from pipeline.errors import IntakeError, LimitError
from pipeline.intake import CsvOptions, open_uploads, read_uploads
from pipeline.intake.apart import Apart
from pipeline.types import Recording
from tests.hostile.make_corpus import record, table


@pytest.fixture(scope="module")
def apart() -> Iterator[Apart]:
    reader = Apart()
    reader.ready()
    yield reader
    reader.close()


def same(one: Recording, other: Recording) -> None:
    for each in fields(Recording):
        here, there = getattr(one, each.name), getattr(other, each.name)
        if each.name == "p_signal":
            assert here.dtype == there.dtype
            assert not here.flags.writeable
            assert np.array_equal(here, there, equal_nan=True)
        elif each.name == "reference" and there is not None:
            assert here.sample.tolist() == there.sample.tolist()
            assert (here.symbol, here.ignored) == (there.symbol, there.ignored)
        else:
            assert here == there, each.name


def demo() -> list[tuple[str, bytes]]:
    path = demo_path()
    return [(each.name, each.read_bytes()) for each in sorted(path.parent.glob(f"{path.stem}.*"))]


def test_what_is_read_apart_is_what_is_read_here(apart: Apart) -> None:
    header = record()["r.hea"].replace(b"\n", b" 10:30:00 01/02/2020\n", 1)
    for files, csv in (
        (demo(), None),
        (list({**record(), "r.hea": header}.items()), None),
        ([("r.csv", table(rows=5000))], CsvOptions(250.0, "mV")),
    ):
        for found, wanted in zip(
            apart.read(files, csv=csv, identity=True).recordings,
            read_uploads(files, csv=csv, identity=True),
            strict=True,
        ):
            same(found, wanted)


def test_what_an_archive_holds_besides_is_told_as_it_is_here(apart: Apart) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, content in record().items():
            archive.writestr(name, content)
        archive.writestr("s.hea", b"r 99 250 1000\n")
    files = [("all.zip", packed.getvalue())]
    found, wanted = apart.read(files), open_uploads(files)
    assert len(found.recordings) == 1
    assert len(found.refused) == 1
    assert found.refused == wanted.refused


def test_a_refusal_is_the_same_sentence_of_the_same_kind(apart: Apart) -> None:
    for files in ([], [("r.hea", b"\x89PNG\r\n\x1a\n")], [("r.hea", b"r 99 250 1000\n"), ("r.dat", b"")]):
        with pytest.raises(IntakeError) as here:
            read_uploads(files)
        with pytest.raises(type(here.value)) as there:
            apart.read(files)
        assert str(there.value) == str(here.value)


@pytest.mark.parametrize("limits", [IntakeProcess(memory_bytes=2**28), IntakeProcess(seconds=0.05)])
def test_what_takes_too_much_is_refused_in_one_sentence_and_the_next_upload_is_read(
    apart: Apart, limits: IntakeProcess
) -> None:
    small = Apart(limits)
    try:
        with pytest.raises(LimitError, match="too much memory or time"):
            small.read(demo())
    finally:
        small.close()
    assert len(apart.read(demo()).recordings) == 1


def test_a_process_that_was_killed_while_it_waited_is_replaced(apart: Apart) -> None:
    apart.ready()
    assert apart._spare is not None
    apart._spare.kill()
    apart._spare.wait()
    assert len(apart.read(demo()).recordings) == 1
