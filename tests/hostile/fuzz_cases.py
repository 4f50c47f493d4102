"""Every reader of recordings, and good files to damage for it; a format without an entry fails a test."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from functools import partial

import numpy as np

from pipeline.config import DEFAULT, data_root
from pipeline.errors import EcgError
from pipeline.intake import open_uploads, read_uploads
from pipeline.intake.csv_reader import CsvOptions, describe_csv
from pipeline.intake.formats.table import FORMATS
from pipeline.intake.shape import named_by_shape
from pipeline.types import Recording
from tests.helpers import hospital_files as made
from tests.helpers.holter_files import (
    Edf,
    atc_bytes,
    edf_bytes,
    ishne_bytes,
    kardia_json,
    mfer_bytes,
    movesense_json,
    onset,
    tones,
)
from tests.helpers.wfdb_files import BOTH, fixed_layout, flac, frames, variable_layout
from tests.hostile.fuzzing import FuzzCase, Upload
from tests.hostile.make_corpus import record, table, zipped
from tests.intake.test_csv_dialects import CASES as DIALECTS
from tests.intake.test_csv_dialects import stated
from tests.intake.test_csv_programs import PROGRAMS

_TWELVE = made.counts(12, 2.0)
_EIGHT = made.counts(8, 2.0)
_CSV_PIECES = (
    *(b",", b";", b"\t", b"|", b" ", b"\n", b"\r", b"\r\n", b"\n\n", b'"', b"'", b"#", b"%", b"=", b":", b"!", b"-"),
    *(b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xff\xfe", b"nan", b"inf", b"-inf", b"1e400", b"1e38", b"-32768", b"9999"),
    *(b"99999999999999999999", b"0.1", b"0,1", b"1.234,5", b"1,234.5", b"12:00:00", b"24:60:61", b"2024-05-01T10:00"),
    *(b"1.234,567.8", b"1'234,567", b"1 234.567,8", b"1,234,567.8", b"-1.234.567,8e5", b"1'234.5"),
    *(b"01.05.2024", b"time", b"II", b"ECG [mV]", b"Sample Rate,0 Hz", b"fs=1e308", b"sep=,", b"sep=\t", b"Unit,mV"),
    *(b"# {}", b'# {"x": {"column": ["a"], "label": [], "sensor": [], "sampling rate": "x"}}', b"[" * 5000),
    *("µ".encode(), "王".encode(), "\u2212".encode(), "\u202e".encode(), b"A" * 70_000, b"1" * 400, b"," * 300),
)
_XML_PIECES = (
    *(b"<", b">", b"</a>", b"<a>", b"<a/>", b"&amp;", b"&x;", b'"', b"'", b"=", b"<!--", b"-->", b"<![CDATA[", b"]]>"),
    *(b"<?xml version='1.0'?>", b"<!DOCTYPE x>", b"\xef\xbb\xbf", b"\xff\xfe", b"\x00", b"nan", b"inf", b"1e400"),
    *(b"-1", b"0", b"99999999999", b"uV", b"kg", b"20249999", b"1" * 400, b"<a>" * 300, b" x" * 300, b"A" * 9000),
)
_JSON_PIECES = (
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"null", b"true", b"-1", b"1e400", b"NaN", b"Infinity", b"[]", b"{}"),
    *(b'"x"', b"[[" * 300, b"9" * 400, b"0.5", b"\\u0000", b"\\ud800", b"\xff", b"\x00"),
)
_WFDB_PIECES = (
    *(b" ", b"\n", b"/", b":", b"+", b"x", b"(", b")", b"~", b"#", b"16", b"212", b"8", b"516", b"x4", b":3", b":-3"),
    *(b":999999999", b"+24", b"r.dat", b"r_1", b"~ 750\n", b"0", b"-1", b"1e308", b"nan", b"mV", b"uV", b"12:00:00"),
)


def _edf() -> list[bytes]:
    leads = [Edf("ECG II", tones(1000).reshape(4, 250)), Edf("Resp", tones(100).reshape(4, 25), unit="mV")]
    slow = Edf("ECG V5", tones(500).reshape(4, 125))
    notes = [onset(at, "Event") for at in (0, 1, 7, 8)]
    wide = {"physical": ("-262144", "262143"), "steps": ("-8388608", "8388607")}
    return [
        edf_bytes([*leads, slow]),
        edf_bytes(leads, reserved="EDF+D", notes=notes),
        edf_bytes(leads, reserved="EDF+C", notes=notes),
        edf_bytes([Edf("ECG", tones(1000).reshape(4, 250), **wide)], bdf=True, reserved="24BIT"),
    ]


def _of_one_file() -> dict[str, tuple[list[bytes], str, tuple[bytes, ...]]]:
    """Good files of each format of the table, the folder of real ones, and pieces."""
    steps = np.stack([tones(600), tones(600, seed=1)], axis=1)
    six = {"leadI": tones(600).tolist(), "leadII": tones(600, seed=1).tolist()}
    return {
        "EDF, EDF+, BDF": (_edf(), "edf", ()),
        "ISHNE Holter": ([ishne_bytes(steps, text=b"text")], "ishne", ()),
        "MFER": ([mfer_bytes({"II": tones(600), "V1": tones(600), "RESP": tones(300)}, records=3)], "mfer", ()),
        "AliveCor Kardia ATC": ([atc_bytes({b"ecg ": tones(600), b"ecg2": tones(600)})], "", ()),
        "AliveCor Kardia JSON": ([kardia_json(six)], "", _JSON_PIECES),
        "Movesense JSON": ([movesense_json(tones(960), lost=(7,))], "", _JSON_PIECES),
        "DICOM ECG": (
            [made.dicom(_TWELVE, syntax=f"1.2.840.10008.1.2{more}") for more in ("", ".1", ".1.99")],
            "dicom",
            (),
        ),
        "SCP-ECG": ([made.scp(_TWELVE), made.scp(_EIGHT, coded=True)], "scp", ()),
        "HL7 aECG": ([made.aecg(_TWELVE)], "hl7_aecg", _XML_PIECES),
        "GE MUSE XML": ([made.muse(_EIGHT)], "ge_muse", _XML_PIECES),
        "GE CardioSoft XML": ([made.cardiosoft(_TWELVE)], "ge_cardiosoft", _XML_PIECES),
        "Philips Sierra XML": (
            [made.sierra(_TWELVE), made.sierra(_TWELVE, compressed=False)],
            "philips_sierra",
            _XML_PIECES,
        ),
        "Mortara ELI XML": ([made.mortara(_TWELVE)], "", _XML_PIECES),
    }


def _by_its_reader(name: str, upload: Upload, rng: np.random.Generator) -> list[Recording]:
    """By this reader, whatever the damaged file looks like by now."""
    found = next(each for each in FORMATS if each.name == name)
    return [named_by_shape(found.read("fuzzed", upload[0][1], DEFAULT.limits))]


def _as_upload(upload: Upload, rng: np.random.Generator) -> Sequence[Recording]:
    return open_uploads(upload, csv=CsvOptions(250.0, "mV")).recordings


def _as_archive(upload: Upload, rng: np.random.Generator) -> Sequence[Recording]:
    return open_uploads([("all.zip", zipped(list(upload)))], csv=CsvOptions(250.0, "mV")).recordings


def _as_table(upload: Upload, rng: np.random.Generator) -> Sequence[Recording]:
    """With rate and unit that fit, or with choices that a user may make."""
    name, payload = upload[0]
    options = stated(DIALECTS[int(name)]) if name.isdecimal() else CsvOptions()  # the others say it all
    if rng.random() < 0.3:
        fs = (None, 250.0, 500.0)[int(rng.integers(3))]
        unit = (None, "mV", "uV", "none")[int(rng.integers(4))]
        columns = ((), (), (1,), (2,), ("II",))[int(rng.integers(5))]
        options = CsvOptions(fs, unit, columns, (None, None, None, "none", 1)[int(rng.integers(5))])
    with suppress(EcgError):
        describe_csv(payload, CsvOptions(columns=options.columns, time_column=options.time_column))
    return read_uploads([("table.csv", payload)], csv=options)


def _tables() -> tuple[Upload, ...]:
    """Each dialect, named by its number, which says what has to be stated, and tables of programs."""
    dialects = tuple(((str(number), dialect.payload),) for number, dialect in enumerate(DIALECTS))
    return dialects + tuple(((name, payload),) for name, payload in PROGRAMS.items())


def _plain_records() -> tuple[Upload, ...]:
    small = BOTH % 800 - 400  # for formats of ten bits
    formats = ("16", "61", "80", "160", "212", "310", "311", "24", "32")
    return tuple(tuple(record(fmt=fmt, samples=small if fmt in ("310", "311") else None).items()) for fmt in formats)


def _wfdb() -> tuple[FuzzCase, ...]:
    packed = [flac(fmt, BOTH // 8, kind) for fmt, kind in (("508", "PCM_S8"), ("516", "PCM_16"), ("524", "PCM_24"))]
    plain, others = _plain_records(), [frames(), frames(fmt="212", skew=":3"), *packed]
    segments = tuple(tuple(each.items()) for each in (fixed_layout(), variable_layout()))
    return (
        FuzzCase("WFDB", "WFDB", plain, _as_upload, pieces=_WFDB_PIECES),
        FuzzCase("WFDB of several rates and FLAC", "WFDB", tuple(tuple(e.items()) for e in others), _as_upload,
                 pieces=_WFDB_PIECES),
        FuzzCase("WFDB of several segments", "WFDB", segments, _as_upload, pieces=_WFDB_PIECES),
    )  # fmt: skip


def _archives() -> tuple[FuzzCase, ...]:
    mixed = (*record().items(), ("t.csv", table(rows=2500)), ("e.edf", _edf()[0]), ("RECORDS", b"r\n"))
    packed = (("all.zip", zipped(list(mixed))),)
    return (
        FuzzCase("ZIP", "ZIP", (packed, (("r.zip", zipped(list(record("r", fmt="212").items()))),)), _as_upload),
        FuzzCase("ZIP of damaged files", "ZIP", (mixed, tuple(fixed_layout().items())), _as_archive),
    )


def fuzz_cases() -> tuple[FuzzCase, ...]:
    """All readers with their files."""
    singles = tuple(
        FuzzCase(name, name, tuple((("x", payload),) for payload in files), partial(_by_its_reader, name), folder,
                 pieces)
        for name, (files, folder, pieces) in _of_one_file().items()
    )  # fmt: skip
    tables = FuzzCase("CSV", "CSV", _tables(), _as_table, "apple_watch", _CSV_PIECES, ("Test Person",))
    return (*singles, tables, *_wfdb(), *_archives())


def real_uploads(case: FuzzCase) -> list[Upload]:
    """Real files of the kind, where the public files are at hand."""
    folder = data_root() / "formats" / case.folder
    if not case.folder or not folder.is_dir():
        return []
    return [((path.name, path.read_bytes()),) for path in sorted(folder.iterdir())]
