"""The report from the command line. No TensorFlow here."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from models import registry
from pipeline import cli
from tests.helpers.stand import Stand
from tests.hostile.make_corpus import record


@dataclass(frozen=True)
class Manifest:
    """What the command line reads of a manifest."""

    trained_on: str = "recordings of nobody"


@pytest.fixture
def made(monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "manifest", lambda name: Manifest())
    monkeypatch.setattr(registry, "load", lambda name: Stand())
    for file, payload in record("a").items():
        (tmp_path / file).write_bytes(payload)
    return tmp_path


def test_report_writes_a_pdf(made):
    assert cli.main(["report", str(made / "a.hea"), "--output", str(made / "o")]) == 0
    assert [path.name for path in (made / "o").iterdir()] == ["a.pdf"]
    assert (made / "o" / "a.pdf").read_bytes().startswith(b"%PDF-")


def test_analyse_writes_a_report_and_a_preliminary_bundle(made):
    code = cli.main(["analyse", str(made / "a.hea"), "--output", str(made / "o"), "--format", "pdf,fhir,json"])
    assert code == 0
    assert sorted(path.name for path in (made / "o").iterdir()) == ["a.fhir.json", "a.json", "a.pdf"]
    bundle = json.loads((made / "o" / "a.fhir.json").read_text("utf-8"))
    assert bundle["entry"][0]["resource"]["status"] == "preliminary"
