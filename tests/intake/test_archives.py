"""An archive with bad files in it: the others open, and each bad one is named with its reason."""

from __future__ import annotations

import zipfile
from dataclasses import replace

import numpy as np
import pytest

from pipeline.config import DEFAULT
from pipeline.errors import IntakeError, LimitError
from pipeline.intake import open_all, open_uploads, read_all, read_path, read_uploads
from tests.helpers import hospital_files as made
from tests.helpers.wfdb_files import fixed_layout
from tests.hostile.make_corpus import encoded, record, table, zipped

MUSE = made.muse(made.counts(8, 12.0))
GOOD = [*record().items(), ("in/m.xml", MUSE)]


def opened(*files: tuple[str, bytes]):
    return open_uploads([("all.zip", zipped(list(files)))])


@pytest.mark.parametrize("name", ["export.bin", "export", "all.csv", "all.ecg", "ALL.ZIP"])
def test_an_archive_is_one_whatever_its_name(name, tmp_path):
    payload = zipped(list(GOOD))
    assert names(open_uploads([(name, payload)])) == ["m", "r"]
    assert sorted(found.name for found in read_uploads([(name, payload)])) == ["m", "r"]
    (tmp_path / name).write_bytes(payload)
    assert names(open_all(tmp_path / name)) == ["m", "r"]
    assert sorted(found.name for found in read_all(tmp_path / name)) == ["m", "r"]


@pytest.mark.parametrize(
    ("members", "says"),
    [
        (["[Content_Types].xml", "xl/workbook.xml"], "an Excel workbook by its content; save the sheet .* as CSV"),
        (["[Content_Types].xml", "word/document.xml"], "a Word document by its content; a recording is needed"),
        (["[Content_Types].xml", "ppt/slides.xml"], "an Office document by its content"),
        (["mimetype", "content.xml"], "an OpenDocument file by its content; of a spreadsheet, save"),
        (["META-INF/MANIFEST.MF", "a.class"], "a Java program by its content"),
        (["ecg.npy"], "an archive of NumPy arrays; save the samples as CSV"),
    ],
)
@pytest.mark.parametrize("name", ["a.zip", "a.xlsx"])
def test_what_is_an_archive_inside_and_holds_no_recording_is_called_what_it_is(members, says, name, tmp_path):
    payload = zipped([(member, b"<x/>") for member in members])
    (tmp_path / name).write_bytes(payload)
    for read in (
        lambda: open_uploads([(name, payload)]),
        lambda: read_uploads([(name, payload)]),
        lambda: read_path(tmp_path / name),
    ):
        with pytest.raises(IntakeError, match=says):
            read()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"\x1f\x8b\x08\x00" + bytes(60), "a gzip archive by its content; unpack it first"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(60), "unpack it, and pack it again as .zip"),
        (b"r.hea" + bytes(252) + b"ustar" + bytes(300), "a tar archive by its content; unpack it, and pack it again"),
        (b"\x89HDF\r\n\x1a\n" + bytes(60), "an HDF5 file by its content; save the samples as CSV"),
        (b"\x93NUMPY\x01\x00" + bytes(60), "a NumPy array by its content; save the samples as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "of old Office programs by its content; save the sheet"),
        (b"MATLAB 5.0 MAT-file, Platform" + bytes(200), "a MATLAB file by its content; save the samples as CSV"),
    ],
)
@pytest.mark.parametrize("name", ["a.xyz", "a.mat"])
def test_files_of_other_programs_are_refused_with_what_to_do(content, says, name, tmp_path):
    if name == "a.mat" and not content.startswith(b"MATLAB"):
        pytest.skip("only MATLAB writes .mat")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(IntakeError, match=says):
        read_path(tmp_path / name)
    if name == "a.xyz":
        with pytest.raises(IntakeError, match=says):
            read_uploads([(name, content)])


def test_a_page_alone_in_an_archive_is_shown_the_way():
    with pytest.raises(IntakeError, match="the page 12-lead page reads it"):
        read_uploads([("all.zip", zipped([("x.pdf", b"%PDF-1.4 x")]))])


def names(found) -> list[str]:
    return sorted(recording.name for recording in found.recordings)


@pytest.mark.parametrize(
    ("bad", "name", "why"),
    [
        (("bad.xml", MUSE[:3000]), "bad.xml", "no well-formed XML"),
        (("x/bad.hea", b"bad 1 250 9\nbad.dat 16 200 12 0 0 0 0 II\n"), "bad.hea", "is missing"),
        (("bad.csv", b"time,RSP\n1,2\n2,3\n"), "bad.csv", "No column of the CSV file is an ECG"),
        (("bad.csv", table(rows=3000)), "bad.csv", "does not say its sampling frequency and unit"),
        (("bad.dat", bytes(100)), "bad.dat", "The header 'bad.hea' is missing"),
        (("нет.zip", zipped(GOOD)), "нет.zip", "an archive itself"),
        (("bad.dat", zipped(GOOD)), "bad.dat", "another archive"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("first", [True, False])
def test_one_bad_file_of_an_archive_spoils_no_other(bad, name, why, first):
    found = opened(*((bad, *GOOD) if first else (*GOOD, bad)))
    assert names(found) == ["m", "r"]
    assert [refused.name for refused in found.refused] == [name]
    assert found.refused[0].sentence.startswith(f"{name} was not read: ")
    assert why in found.refused[0].why


def test_a_damaged_or_encrypted_member_spoils_no_other():
    payload = zipped([("a.xml", MUSE), ("b.xml", made.muse(made.counts(8, 12.0, seed=2)))])
    at = payload.index(b"a.xml") + 200
    damaged = payload[:at] + bytes(8) + payload[at + 8 :]
    found = open_uploads([("all.zip", damaged)])
    assert names(found) == ["b"]
    assert found.refused[0].sentence == ("a.xml was not read: Member 1 of the ZIP archive is damaged; pack it again.")
    locked = bytearray(payload)
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[payload.index(magic) + offset] |= 1
    found = open_uploads([("all.zip", bytes(locked))])
    assert names(found) == ["b"]
    assert "encrypted" in found.refused[0].why


def test_an_archive_in_which_nothing_can_be_read_says_how_many_and_why():
    with pytest.raises(IntakeError, match=r"^None of 2 files can be read; a.xml was not"):
        opened(("a.xml", MUSE[:3000]), ("b.xml", MUSE[:3000]))
    with pytest.raises(IntakeError, match=r"^The GE MUSE XML file is no well-formed XML"):
        opened(("a.xml", MUSE[:3000]))
    with pytest.raises(IntakeError, match="holds no recording"):
        opened(("RECORDS", b"a\n"))
    with pytest.raises(IntakeError, match="of no known kind"):
        opened(("notes.doc", b"hello"))


def test_archives_that_are_too_large_together_are_refused():
    one = zipped([("m.xml", MUSE)])
    tight = replace(DEFAULT, limits=replace(DEFAULT.limits, upload_bytes=len(MUSE) + 10))
    assert names(open_uploads([("a.zip", one)], config=tight)) == ["m"]
    with pytest.raises(LimitError, match="The upload has"):
        open_uploads([(f"{i}.zip", one) for i in range(len(MUSE) // len(one) + 1)], config=tight)


def test_what_endangers_the_machine_still_refuses_the_whole_archive():
    with pytest.raises(LimitError, match="times its size"):
        opened(*GOOD, ("bomb.dat", bytes(50_000_000)))
    with pytest.raises(IntakeError, match="points outside"):
        opened(*GOOD, ("../x.dat", b"x"))


def test_a_member_without_a_name_is_refused():
    payload = zipped([("a", b"x")])
    at = payload.index(b"PK\x01\x02")
    nameless = payload[: at + 28] + b"\0\0" + payload[at + 30 : at + 46] + payload[at + 47 :]
    end = nameless.index(b"PK\x05\x06") + 12
    nameless = nameless[:end] + (int.from_bytes(nameless[end : end + 4], "little") - 1).to_bytes(4, "little") + (
        nameless[end + 4 :]
    )  # fmt: skip
    with pytest.raises(IntakeError, match="points outside"):
        read_uploads([("a.zip", nameless)])


def test_recordings_of_one_name_in_several_folders_all_open_and_are_told_apart():
    other = record(samples=np.stack([np.arange(7500) % 300] * 2, axis=1))
    found = opened(*((f"a/{name}", payload) for name, payload in record().items()),
                   *((f"b/c/{name}", payload) for name, payload in other.items()), ("top.xml", MUSE))  # fmt: skip
    assert names(found) == ["a_r", "b_c_r", "top"]
    assert not found.refused
    assert len({recording.digest for recording in found.recordings}) == 3


def test_files_of_no_known_kind_are_left_aside_and_named():
    found = opened(*GOOD, ("notes.doc", b"hello"), ("r.qrs", b"\0\0"), ("LICENSE", b"free"))
    assert not found.refused
    said = " ".join(notice for recording in found.recordings for notice in recording.notices)
    assert "Files of no known kind in the archive were not read: notes." in said
    assert "Annotations of another kind than .atr were not used: .qrs." in said


def test_segments_of_a_record_stay_together_beside_a_bad_file():
    found = opened(*fixed_layout().items(), ("p.png", encoded(np.zeros((50, 50), np.uint8))), ("bad.xml", MUSE[:3000]))
    assert names(found) == ["r"]
    assert [refused.name for refused in found.refused] == ["bad.xml"]


def test_files_without_an_archive_are_refused_together_as_before():
    with pytest.raises(IntakeError, match="no well-formed XML"):
        open_uploads([("m.xml", MUSE), ("bad.xml", MUSE[:3000])])


def test_a_loose_file_beside_an_archive_is_named_as_what_it_is():
    page = encoded(np.zeros((50, 50), np.uint8))
    found = open_uploads([("all.zip", zipped(GOOD)), ("page.png", page), ("n.xml", made.muse(made.counts(8, 3.0)))])
    assert names(found) == ["m", "n", "r"]
    assert [refused.name for refused in found.refused] == ["page.png"]
    assert "the page 12-lead page reads it" in found.refused[0].why


def test_an_archive_on_disk_is_opened_alike_and_keeps_identities_only_if_asked(tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as packed:
        packed.writestr("m.xml", MUSE)
        packed.writestr("bad.xml", MUSE[:3000])
    found = open_all(tmp_path / "all.zip")
    assert names(found) == ["m"]
    assert found.recordings[0].identity is None
    assert open_all(tmp_path / "all.zip", identity=True).recordings[0].identity is not None
    assert [refused.name for refused in found.refused] == ["bad.xml"]


def test_a_long_list_of_few_members_is_refused_for_its_length_and_not_for_their_number():
    payload = zipped([(f"{number}{'n' * 60_000}.csv", b"x") for number in range(3)])
    with pytest.raises(LimitError, match=r"list of members takes 180,\d+ bytes, the limit is 131,072; pack fewer"):
        open_uploads([("all.zip", payload)])
