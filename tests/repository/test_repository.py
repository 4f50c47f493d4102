"""What users type works as written: pins, commands, licence, numbers."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from pipeline.config import ROOT


def _pins(name: str) -> dict[str, str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return {pin[0].lower(): pin[1] for pin in re.findall(r"^([A-Za-z0-9_.-]+)==([^\s;]+)", text, re.MULTILINE)}


def _asked(name: str) -> list[str]:
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    names = [re.split(r"[<>=~!\[;\s]", line)[0] for line in lines if line and line[0].isalpha()]
    return [re.sub(r"[-_.]+", "-", name).lower() for name in names]  # as packaging normalises them


@pytest.mark.parametrize("name", ["requirements", "requirements-dev"])
def test_every_direct_dependency_is_pinned(name):
    assert [asked for asked in _asked(f"{name}.in") if asked not in _pins(f"{name}.txt")] == []


def test_users_and_developers_get_the_same_versions():
    users, developers = _pins("requirements.txt"), _pins("requirements-dev.txt")
    assert {name: (pin, developers.get(name)) for name, pin in users.items() if developers.get(name) != pin} == {}


def test_the_readme_shows_the_two_commands():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "pip install -r requirements.txt && streamlit run app/main.py" in readme
    assert "pip install -r requirements-dev.txt && python -m pytest" in readme


def test_every_link_of_the_documents_to_a_file_leads_somewhere():
    broken = []
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("data/*.md")):
        for target in re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", path.read_text(encoding="utf-8")):
            if not (path.parent / target).exists():
                broken.append(f"{path.relative_to(ROOT)}: {target}")
    assert broken == []


def test_numbers_in_the_documents_are_those_of_the_saved_evaluations():
    done = subprocess.run(
        [sys.executable, "docs/make_numbers.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_the_licence_is_apache_2():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "END OF TERMS AND CONDITIONS" in text
