"""What an installation is made of: the bill of packages, licences of files that are no code, and advisories."""

from __future__ import annotations

import json
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from deploy.advisories import ask
from deploy.sbom import BILL, bill, licences, pins
from pipeline.config import ROOT

NO_CODE = ("*.npz", "*.ttf", "*.otf", "*.h5", "*.keras", "*.onnx", "*.tflite", "data/*.dat", "data/*.jpg", "data/*.png")
ASKED = """#!{python}
import json, sys
path = sys.argv[sys.argv.index("-r") + 1]
asked = [line.strip().split("==") for line in open(path)]
open({log!r}, "a").write(f"{{len(asked)}}\\n")
{answer}
print(json.dumps({{"dependencies": found}}))
"""
FAULT = {"id": "PYSEC-2099-1", "fix_versions": ["9.9"], "aliases": [], "description": ""}


def test_the_bill_has_every_pinned_package_and_no_other() -> None:
    found = json.loads(BILL.read_text("utf-8"))
    packages = {canonicalize_name(one["name"]): one["version"] for one in found["components"] if "purl" in one}
    assert packages == pins(ROOT / "requirements.txt")
    assert {one["ref"] for one in found["dependencies"]} == {
        *(one["bom-ref"] for one in found["components"]),
        found["metadata"]["component"]["bom-ref"],
    }
    licensed = [one for one in found["components"] if one.get("licenses")]
    assert len(licensed) >= 0.9 * len(found["components"])


def test_the_bill_is_what_the_tool_writes_of_this_environment() -> None:
    pytest.importorskip("cyclonedx")
    assert bill() == BILL.read_text("utf-8"), "run `make sbom`"


def test_every_network_font_and_recording_has_a_licence_that_the_bill_names() -> None:
    rows = licences()
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    shipped = [name for name in tracked if name.startswith(("app/", "pipeline/", "models/", "data/"))]
    files = [name for name in shipped if any(fnmatch(name, kind) for kind in NO_CODE)]
    assert len(files) > 50
    assert [name for name in files if not any(fnmatch(name, row["files"]) for row in rows)] == []
    assert [row["files"] for row in rows if not any(fnmatch(name, row["files"]) for name in shipped)] == []
    said = {one["name"]: one["licenses"][0]["expression"] for one in json.loads(BILL.read_text("utf-8"))["components"]
            if "purl" not in one}  # fmt: skip
    assert said == {row["files"]: row["licence"] for row in rows}


@pytest.mark.parametrize(
    ("answer", "questions", "faults", "sentence"),
    [
        (
            "found = [{'name': n, 'version': v, 'vulns': []} for n, v in asked]",
            2,
            (),
            "no advisory for 3 of 3 pinned packages.",
        ),
        (
            f"found = [{{'name': n, 'version': v, 'vulns': [{FAULT!r}] if n == 'b' else []}} for n, v in asked]",
            2,
            ("b 2: PYSEC-2099-1, mended in 9.9",),
            "1 advisory for 3 of 3 pinned packages.",
        ),
        (
            "found = [{'name': n, 'skip_reason': 'not found'} for n, v in asked]",
            1,
            (),
            "Advisories were not looked for: the package index does not answer that question here.",
        ),
        (
            "sys.exit('Could not connect')",
            1,
            (),
            "Advisories were not looked for: the package index does not answer that question here.",
        ),
    ],
    ids=["none", "one", "an index without advisories", "no network"],
)
def test_advisories_are_told_and_a_silent_index_is_asked_once_and_not_taken_for_none(
    answer: str, questions: int, faults: tuple[str, ...], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, program = tmp_path / "log", tmp_path / "pip-audit"
    program.write_text(ASKED.format(python=sys.executable, log=str(log), answer=answer))
    program.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    pinned = tmp_path / "requirements.txt"
    pinned.write_text("a==1\nb[x]==2 ; sys_platform == 'linux'\nb==1 ; sys_platform == 'win32'\nc==3\n")
    found = ask(pinned)
    assert (found.faults, found.sentence()) == (faults, sentence)
    assert len(log.read_text().split()) == questions
