"""An installed copy: the wheel holds all that it needs, and works where there is no checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import pipeline
from pipeline.config import ROOT

PARTS = ("app", "models", "pipeline")
PACKAGES = "import sysconfig; print(sysconfig.get_path('purelib'))"
PLACES = "import pipeline as hv; print(hv.__file__, hv.demo_path(), hv.demo_page_path(), sep='\\n')"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this tree, built by the pinned build backend."""
    folder = tmp_path_factory.mktemp("wheel")
    _run(*_pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, ROOT), cwd=folder)
    (built,) = folder.glob("heartvision-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with that wheel."""
    return _environment(tmp_path_factory.mktemp("environment"), wheel)


def test_the_wheel_holds_every_file_of_the_packages_and_what_they_look_for(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    tracked = _run("git", "ls-files", *PARTS, cwd=ROOT).split("\n")
    assert sorted(set(filter(None, tracked)) - names) == []
    shipped = {name.removeprefix("pipeline/shipped/") for name in names if name.startswith("pipeline/shipped/")}
    assert {"demo/208_excerpt.hea", "demo/208_excerpt.dat", "demo/208_excerpt.atr", "statistics.json"} <= shipped
    assert {"pipeline/py.typed", "models/py.typed", "app/.streamlit/config.toml"} <= names
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == set(PARTS)


def test_an_installed_copy_analyses_the_demo_by_its_own_command(installed: Path, tmp_path: Path) -> None:
    places = _run(installed / "python", "-c", PLACES, cwd=tmp_path).splitlines()
    assert all(Path(place).is_relative_to(installed.parent) for place in places)
    assert _run(installed / "heartvision", "--version", cwd=tmp_path) == f"heartvision {pipeline.__version__}\n"
    _run(installed / "heartvision", "analyse", places[1], "--output", tmp_path, "--format", "json,pdf", cwd=tmp_path)
    found = json.loads((tmp_path / "208_excerpt.json").read_text("utf-8"))
    assert (found["version"], found["summary"]["beats"]) == (pipeline.__version__, 503)
    assert (tmp_path / "208_excerpt.pdf").read_bytes().startswith(b"%PDF-")


def test_an_editable_copy_is_the_checkout(tmp_path: Path) -> None:
    programs = _environment(tmp_path, "--no-build-isolation", "--editable", ROOT)
    places = _run(programs / "python", "-c", PLACES, cwd=tmp_path).splitlines()
    assert all(Path(place).is_relative_to(ROOT) for place in places)
    assert _run(programs / "heartvision", "--version", cwd=tmp_path) == f"heartvision {pipeline.__version__}\n"


def _environment(folder: Path, *what: object) -> Path:
    """The programs of a new environment with this package; its dependencies are those that run the tests."""
    venv.create(folder / "venv", with_pip=False, symlinks=os.name != "nt")
    programs = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    elsewhere = [path for path in sys.path if path.endswith("-packages")]
    packages = Path(_run(programs / "python", "-c", PACKAGES, cwd=folder).strip())
    (packages / "dependencies.pth").write_text("\n".join(elsewhere) + "\n", "utf-8")
    _run(
        *_pip("--python", programs / "python", "install", "--no-deps", "--no-index", "--ignore-installed", *what),
        cwd=folder,
    )
    return programs


def _pip(*arguments: object) -> tuple[object, ...]:
    return (sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments)


def _run(*command: object, cwd: Path) -> str:
    """What a command says; fails with its errors. Nothing of this checkout is on its path."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
