"""Who was recorded and when: in every output where it is kept, and in none where it is not."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone, tzinfo
from pathlib import Path

import numpy as np
import pypdfium2
import pytest
from fhir.resources.R4B.bundle import Bundle

from models import registry
from pipeline import cli
from pipeline.cli import analyse
from pipeline.config import data_root
from pipeline.errors import IntakeError
from pipeline.export.fhir import to_fhir
from pipeline.export.patient import fhir_period, patient_rows
from pipeline.export.report_pdf import pdf_bytes
from pipeline.export.reviewed import reviewed_to_json
from pipeline.identity import Identity
from pipeline.intake import CsvOptions, read_all, read_path
from tests.export.test_export_report import made, unknown_to_r4
from tests.helpers.made_ecg import made_ecg
from tests.helpers.stand import Stand

WHO = Identity("4711-X", "Quirin Zwiebelfisch", "M", 1951, "syncope", datetime(2005, 5, 2, 23, 59, 50))
PERSONAL = ("4711", "Quirin", "Zwiebelfisch", "1951", "syncope", "2005", "23:59", "00:00:0")
COMMENTS = "# Name: Quirin Zwiebelfisch\n# Patient ID: 4711-X\n# Sex: M\n# DOB: 1951-07-30\n# Indication: syncope\n"


class AtNoon(datetime):
    """A clock that stands: digits of the moment of the test must not pass for those of a patient."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:
        return datetime(2031, 3, 14, 12, 0, 0, tzinfo=tz)


@pytest.fixture
def stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "load", lambda name: Stand())
    monkeypatch.setattr(analyse, "datetime", AtNoon)


@pytest.fixture
def record(tmp_path: Path) -> Path:
    signal, _ = made_ecg(250, 30.0)
    (tmp_path / "r.dat").write_bytes(np.round(1000 * signal).astype("<i2").tobytes())
    first = f"r 1 250 {len(signal)} 23:59:50 02/05/2005\nr.dat 16 1000 16 0 0 0 0 II\n"
    (tmp_path / "r.hea").write_text(first + COMMENTS, encoding="utf-8")
    return tmp_path / "r.hea"


def _written(folder: Path) -> dict[str, str]:
    """Everything that a command wrote, as text."""
    return {path.name: _text(path) for path in sorted(folder.iterdir())}


def _text(path: Path) -> str:
    if path.suffix != ".pdf":
        return path.read_text("latin-1")
    with pypdfium2.PdfDocument(path) as document:
        words = [page.get_textpage().get_text_range() for page in document]
        return "\n".join([*words, *document.get_metadata_dict().values()])


def _analyse(record: Path, output: Path, *options: str) -> dict[str, str]:
    formats = "json,csv,atr,pdf,fhir"
    assert cli.main(["analyse", str(record), "--output", str(output), "--format", formats, *options]) == 0
    return _written(output)


def test_no_output_names_anybody_unless_it_is_asked_to(
    stand: None, record: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    dropped = _analyse(record, tmp_path / "o")
    assert sorted(dropped) == [
        *("r.csv", "r.fhir.json", "r.hv", "r.hvw", "r.intervals.csv", "r.json", "r.pdf", "r.rhythm.csv"),
    ]
    for name, text in dropped.items():
        assert [word for word in PERSONAL if word in text] == [], name
        assert '"patient"' not in text
    told = capsys.readouterr()
    assert [word for word in PERSONAL if word in told.out + told.err + caplog.text] == []


def test_what_is_kept_stands_in_json_fhir_and_the_report(stand: None, record: Path, tmp_path: Path) -> None:
    kept = _analyse(record, tmp_path / "o", "--patient", "keep")
    found = json.loads(kept["r.json"])
    assert found["patient"] == {
        **{"id": "4711-X", "name": "Quirin Zwiebelfisch", "sex": "M", "birth_year": 1951, "indication": "syncope"}
    }
    assert found["start"] == "2005-05-02T23:59:50"
    bundle = json.loads(kept["r.fhir.json"])
    patient = next(e["resource"] for e in bundle["entry"] if e["resource"]["resourceType"] == "Patient")
    assert (patient["gender"], patient["birthDate"]) == ("male", "1951")
    assert "Quirin Zwiebelfisch · no. 4711-X · male · born 1951 · syncope" in " ".join(kept["r.pdf"].split())
    assert "recorded Mon 2005-05-02 23:59:50" in kept["r.pdf"]


def test_keeping_the_patient_changes_neither_digest_nor_file_names_nor_ids(
    stand: None, record: Path, tmp_path: Path
) -> None:
    dropped, kept = _analyse(record, tmp_path / "o"), _analyse(record, tmp_path / "k", "--patient", "keep")
    assert list(dropped) == list(kept)
    one, other = (json.loads(found["r.json"]) for found in (dropped, kept))
    assert one == {name: value for name, value in other.items() if name not in ("patient", "start")}
    bundles = [json.loads(found["r.fhir.json"])["entry"] for found in (dropped, kept)]
    assert {e["resource"]["id"] for e in bundles[0]} < {e["resource"]["id"] for e in bundles[1]}


@pytest.mark.parametrize(
    "damage", ["r 1 250 99999 23:59:50 02/05/2005", "r x 250", "r 1 9999999 7500 23:59:50 02/05/2005"]
)
@pytest.mark.parametrize("keep", [False, True])
def test_no_refusal_repeats_what_the_header_states(
    stand: None, record: Path, damage: str, keep: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = record.read_text(encoding="utf-8").splitlines()[1:]
    record.write_text("\n".join([damage, *lines]), encoding="utf-8")
    with pytest.raises(IntakeError) as refused:
        read_path(record, identity=keep)
    assert [word for word in PERSONAL if word in str(refused.value)] == []
    options = ["--output", str(record.parent / "o"), "--patient", "keep" if keep else "drop"]
    assert cli.main(["analyse", str(record), *options]) == 3
    assert [word for word in PERSONAL if word in capsys.readouterr().err] == []


def _entries(content: object) -> dict[str, list[dict[str, object]]]:
    raw = to_fhir(content)  # type: ignore[arg-type]
    Bundle.model_validate(raw)
    found: dict[str, list[dict[str, object]]] = {}
    for entry in raw["entry"]:
        if entry["resource"]["resourceType"] == "Patient":
            assert set(entry["resource"]) <= {"resourceType", "id", "identifier", "name", "gender", "birthDate"}
        else:
            assert unknown_to_r4(entry["resource"]) == set()
        found.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])
    return found


def test_the_report_and_every_observation_are_about_the_patient_at_the_time() -> None:
    start = datetime(2025, 3, 3, 23, 59, 30, tzinfo=timezone(timedelta(hours=1)))
    found = _entries(replace(made(), identity=replace(WHO, start=start)))
    about = {"reference": f"urn:uuid:{found['Patient'][0]['id']}"}
    for one in (*found["DiagnosticReport"], *found["Observation"]):
        assert one["subject"] == about
        assert one["effectivePeriod"] == {"start": "2025-03-03T23:59:30+01:00", "end": "2025-03-04T00:00:30+01:00"}
    assert found["Patient"][0]["name"] == [{"text": "Quirin Zwiebelfisch"}]


def test_a_time_alone_needs_no_patient_and_a_patient_no_time() -> None:
    found = _entries(replace(made(), identity=Identity(start=datetime(2025, 3, 3))))
    assert "Patient" not in found
    assert "subject" not in found["DiagnosticReport"][0]
    assert "effectivePeriod" in found["DiagnosticReport"][0]
    found = _entries(replace(made(), identity=Identity(sex="F")))
    assert found["Patient"][0]["gender"] == "female"
    assert "effectivePeriod" not in found["DiagnosticReport"][0]


def test_without_a_time_zone_the_clock_is_that_of_this_machine() -> None:
    start = datetime(2025, 3, 3, 8, 30)
    stated = fhir_period(Identity(start=start), 60.0)["effectivePeriod"]["start"]
    assert datetime.fromisoformat(stated) == start.astimezone()


def test_a_time_of_day_without_a_date_is_told_as_such() -> None:
    identity = Identity(start=datetime(1, 1, 1, 8, 4))
    assert patient_rows(identity) == {"start": "08:04:00"}
    assert fhir_period(identity, 60.0) == {}
    assert (
        "recorded 08:04:00, date not known"
        in pypdfium2.PdfDocument(pdf_bytes(replace(made(), identity=identity)))[0].get_textpage().get_text_range()
    )


def test_the_reviewed_result_names_the_patient_where_kept() -> None:
    assert reviewed_to_json(replace(made(), identity=WHO))["patient"]["name"] == "Quirin Zwiebelfisch"
    assert "patient" not in reviewed_to_json(made())


FORMATS = sorted(path for path in (data_root() / "formats").rglob("*") if path.suffix not in ("", ".md"))


@pytest.mark.data
@pytest.mark.parametrize("path", FORMATS, ids=lambda path: path.name)
def test_no_file_of_any_format_is_spoken_of_by_its_patient(path: Path, tmp_path: Path) -> None:
    """Notices, the recorder's reading and every output of files in all formats, read without being asked to keep."""
    try:
        asked = read_all(path, csv=CsvOptions(), identity=True)
    except IntakeError:
        return  # no ECG
    for known, found in zip(asked, read_all(path, csv=CsvOptions()), strict=True):
        assert found.identity is None
        content = replace(made(), analysis=replace(made().analysis, notices=found.notices), identity=found.identity)
        told = "\n".join(
            [
                *(repr(found), repr(found.device), *found.notices, *found.leads),
                *(json.dumps(reviewed_to_json(content)), json.dumps(to_fhir(content))),
            ]
        ).casefold()
        who = known.identity or Identity()
        words = {part for text in (who.name, who.patient_id) for part in text.casefold().split() if len(part) > 3}
        words -= set(re.findall(r"\w+", path.stem.casefold()))  # the name of a file is the recording's own
        assert [word for word in words if re.search(rf"\b{re.escape(word)}\b", told)] == []
        assert who.start is None or f"{who.start:%Y-%m-%d}" not in told.replace(path.stem.casefold(), "")
