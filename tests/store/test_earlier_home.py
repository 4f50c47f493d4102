"""A home and a cache that version 0.1.0 wrote (tests/fixtures/make_home.py): every study opens as it was left."""

from __future__ import annotations

import json
import shutil
import sqlite3
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from models import registry
from pipeline.cases.material import material_of
from pipeline.cases.study_review import review_of
from pipeline.errors import ReviewError
from pipeline.export.report_pdf import write_pdf
from pipeline.intake import read_path
from pipeline.store.database import close_databases
from pipeline.store.recordings import open_recording
from pipeline.store.results import load_analysis
from pipeline.store.reviews import audit, decide, reopen, standing
from pipeline.store.studies import stored_analysis, worklist
from pipeline.store.tables import HEAD
from pipeline.wording import RESEARCH_USE
from tests.fixtures.make_home import ANNA, BESIDE, CARLA, dated, said_of

EARLIER = Path(__file__).resolve().parent.parent / "fixtures" / "home-0.1.0.zip"
# The sentence under every export, and the name of class N, have changed since; they are no part of a study.
EARLIER_NOTICE = "For research use only. Not a medical device. A clinician looks at the signal and decides."
SINCE = (
    (EARLIER_NOTICE, RESEARCH_USE),
    ("Share of normal beats", "Share of N class beats"),
    ('"text": "normal"', '"text": "N class"'),
)
LATER = (
    *("conclusion", "concluded", "draft", "not_reviewed", "urgent_not_reviewed", "reason", "statements", "amends"),
    *("holter", "report_sha256"),
)
CUT_OFF_S = 0.1  # beats nearer to the start were findings then, if they had no class
RECORDS = ("signed", "in_review")
SIGNED, IN_REVIEW = 1, 2


@pytest.fixture(params=["with its cache", "without a cache"])
def earlier(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of a user of 0.1.0 as this program finds it: its cache may be of use, or of none."""
    with zipfile.ZipFile(EARLIER) as packed:
        packed.extractall(tmp_path)
    if request.param == "without a cache":
        shutil.rmtree(tmp_path / "cache")
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HEARTVISION_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HEARTVISION_DATABASE_URL", raising=False)
    yield tmp_path
    close_databases()


def test_the_worklist_shows_both_studies_as_they_were_left(earlier: Path) -> None:
    listed = {study.record: study for study in worklist(sort="record").studies}
    assert {record: (study.id, study.state) for record, study in listed.items()} == {
        "signed": (SIGNED, "signed"),
        "in_review": (IN_REVIEW, "in_review"),
    }
    for record, study in listed.items():
        said = _said(earlier, record)["study"]
        assert (study.counts, study.findings, study.priority) == (said["counts"], said["findings"], said["priority"])
    assert [worklist(text=name).total for name in ("anna", "bert", "carla")] == [2, 1, 1]


@pytest.mark.parametrize("record", RECORDS)
def test_a_study_opens_with_the_same_decisions_classes_signature_and_exports(earlier: Path, record: str) -> None:
    found, said = said_of({"signed": SIGNED, "in_review": IN_REVIEW}[record]), _said(earlier, record)
    assert len(found["study"].pop("token")) == 22  # studies had no address then
    for part in ("study", "standing", "audit", "beats"):
        assert found[part] == said[part], part
    assert found["findings"] == _whole(said["findings"])
    assert found["exports"].keys() == said["exports"].keys() == {"hv", "csv", "json", "fhir.json"}
    for ending, export in said["exports"].items():
        for before, now in SINCE:
            export = export.replace(before, now)
        assert _without_later(found["exports"][ending], ending) == _without_later(export, ending), ending
    if said["study"]["state"] == "signed":  # the conclusion is what was signed, no longer a list of findings
        report = json.loads(found["exports"]["fhir.json"])["entry"][0]["resource"]
        assert report["conclusion"].startswith("Seen and agreed; control in 3 months.\n")
    assert set(found["others"]) <= set(said["others"])  # what other networks said is in the cache, and may be gone


def test_the_report_of_a_signed_study_is_written(earlier: Path) -> None:
    now = standing(SIGNED)
    report = write_pdf(dated(review_of(material_of(now.study), now), SIGNED), earlier / "report.pdf").read_bytes()
    assert report.startswith(b"%PDF-")
    assert report.rstrip().endswith(b"%%EOF")


def test_opening_adds_the_columns_of_today_and_changes_nothing_in_the_database(earlier: Path) -> None:
    before = _rows(earlier)
    for study in worklist().studies:
        said_of(study.id)
    close_databases()
    after = _rows(earlier)
    assert (before.pop("alembic_version"), after.pop("alembic_version")) == ([("0001",)], [(HEAD,)])
    assert [row[-1] for row in after["audit"]] == [""] * len(before["audit"])
    assert before["audit"]
    assert {name: [row[: len(old[0])] for row in after[name]] for name, old in before.items() if old} == {
        name: old for name, old in before.items() if old
    }


def test_the_review_goes_on_and_a_signed_study_is_read_only_until_it_is_reopened(earlier: Path) -> None:
    before = audit(IN_REVIEW)
    override = standing(IN_REVIEW).decisions[-1]
    decide(IN_REVIEW, override, reader=ANNA, expected_version=standing(IN_REVIEW).version)
    assert audit(IN_REVIEW)[:-1] == before
    version = standing(SIGNED).version
    with pytest.raises(ReviewError, match="signed"):
        decide(SIGNED, override, reader=CARLA, expected_version=version)
    reopen(SIGNED, reader=CARLA, expected_version=version, reason="a second look")
    assert standing(SIGNED).state == "reopened"


@pytest.mark.parametrize("record", RECORDS)
def test_the_same_files_opened_again_are_the_same_recording(earlier: Path, record: str) -> None:
    study = next(study for study in worklist().studies if study.record == record)
    again = read_path(earlier / "files" / f"{record}.hea")
    stored = open_recording(study.digest)
    assert again.digest == study.digest
    assert (again.p_signal == stored.p_signal).all()
    assert (again.fs, again.leads, again.calibrated) == (stored.fs, stored.leads, stored.calibrated)


def test_an_analysis_of_the_cache_is_found_whole_or_not_at_all(earlier: Path) -> None:
    for study in worklist().studies:
        own, kept = load_analysis(study.digest, registry.manifest(study.model).identity), stored_analysis(study.id)
        if own is not None:
            assert own.sample.tolist() == kept.sample.tolist()
            assert own.p.tolist() == kept.p.tolist()
        beside = load_analysis(study.digest, registry.manifest(BESIDE).identity)
        assert beside is None or beside.sample.tolist() == kept.sample.tolist()


def _without_later(export: str, ending: str) -> Any:
    """An export without what later versions say in it: tables and conclusion in JSON; in FHIR the conclusion, and the
    status of findings that nobody reviewed, which is preliminary now.
    """
    if ending not in ("json", "fhir.json"):
        return export
    content = json.loads(export)
    if ending == "json":
        for name in LATER:
            content["review"].pop(name, None)
        content["review"]["findings"] = _whole(content["review"]["findings"])
    else:
        report = content["entry"][0]["resource"]
        report.pop("conclusion")
        cut = {entry["fullUrl"] for entry in content["entry"][1:] if _is_cut_off(entry["resource"])}
        content["entry"] = [entry for entry in content["entry"] if entry["fullUrl"] not in cut]
        report["result"] = [one for one in report["result"] if one["reference"] not in cut]
        for entry in content["entry"][1:]:
            if "not reviewed" in json.dumps(entry["resource"]):
                entry["resource"].pop("status")
    return content


def _whole(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Findings without those of beats that the start of the recording cuts off, which are none any more."""
    return [one for one in findings if one["kind"] != "unclassified" or one["start_s"] >= CUT_OFF_S]


def _is_cut_off(observation: dict[str, Any]) -> bool:
    """Tell whether an Observation is such a finding."""
    starts = [
        part["valueQuantity"]["value"]
        for part in observation.get("component", [])
        if part["code"].get("text") == "Start in the recording"
    ]
    return observation.get("code", {}).get("text") == "Unclassified beats" and starts[0] < CUT_OFF_S


def _said(folder: Path, record: str) -> dict[str, Any]:
    said: dict[str, Any] = json.loads((folder / "said.json").read_text("utf-8"))[record]
    return said


def _rows(folder: Path) -> dict[str, list[Any]]:
    """Every row of every table."""
    with sqlite3.connect(folder / "home" / "reviews.sqlite") as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: connection.execute(f"SELECT * FROM {name} ORDER BY 1").fetchall() for name in tables}
