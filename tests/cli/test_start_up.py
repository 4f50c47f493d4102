"""What the command line imports and says: TensorFlow only for a network that needs it, and no word that is not ours."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import ROOT
from pipeline.datasets import demo_path
from tests.hostile.make_corpus import draw_beat, encoded

COMMAND = """
import runpy, sys
try:
    runpy.run_module("pipeline", run_name="__main__", alter_sys=True)
except SystemExit as stopped:
    code = stopped.code
sys.stdout.write(f"\\n{code} {' '.join(sorted({'tensorflow', 'keras'} & set(sys.modules)))}")
"""


@dataclass(frozen=True)
class Ran:
    """How `python -m pipeline` ended: its exit code, which of TensorFlow and Keras it had imported, its stderr."""

    code: int
    imported: list[str]
    stderr: str


def ran(*arguments: str) -> Ran:
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    code, *imported = done.stdout.splitlines()[-1].split()
    return Ran(int(code), imported, done.stderr)


@pytest.fixture
def beat(tmp_path: Path) -> Path:
    """A drawn picture of one beat."""
    path = tmp_path / "beat.png"
    path.write_bytes(encoded(draw_beat(640, 480)[0]))
    return path


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    """A picture without a beat."""
    path = tmp_path / "blank.png"
    path.write_bytes(encoded(np.full((100, 100, 3), 255, np.uint8)))
    return path


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["train", "--help"], 0),
        (["analyse"], 2),
        (["analyse", "x.hea", "--model", "oracle"], 2),
        (["analyse", "x.csv", "--model", "vgg16"], 3),
        (["analyse", "missing.hea", "--model", "vgg16"], 3),
        (["train", "--model", "oracle"], 2),
        (["train", "--model", "rhythm", "--epochs", "3"], 2),
        (["evaluate", "--compare", "rhythm", "vgg16"], 0),
    ],
)
def test_what_asks_no_network_imports_no_tensorflow(arguments: list[str], code: int) -> None:
    found = ran(*arguments)
    assert (found.code, found.imported) == (code, [])


def test_checking_the_databases_imports_no_tensorflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEARTVISION_DATA", str(tmp_path))
    assert ran("data", "--check").imported == []


def test_the_default_network_imports_no_tensorflow_and_says_nothing(tmp_path: Path) -> None:
    given = [str(demo_path()), "--output", str(tmp_path)]
    assert ran("analyse", *given, "--format", "json,csv,atr,fhir") == Ran(0, [], "")
    assert ran("report", *given) == Ran(0, [], "")
    assert {path.suffix for path in tmp_path.iterdir()} == {".json", ".csv", ".hv", ".hvw", ".pdf"}


def test_a_refused_picture_imports_no_tensorflow(blank: Path) -> None:
    found = ran("picture", str(blank))
    assert (found.code, found.imported) == (3, [])


def test_where_tensorflow_is_imported_the_command_line_says_its_own_words_only(
    beat: Path, blank: Path, tmp_path: Path
) -> None:
    found = ran("picture", str(blank), str(beat), "--output", str(tmp_path / "o.json"))
    assert found.imported == ["keras", "tensorflow"]
    assert found.stderr == "blank.png: This is not an ECG beat picture: it is blank.\n"
    assert found.code == 3


def test_what_others_say_while_tensorflow_is_imported_is_passed_on() -> None:
    script = (
        "import os, sys\n"
        "from models import runtime\n"
        "os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'\n"
        "with runtime._without_its_log():\n"
        "    os.write(2, b'I0000 00:00:1.5 7 port.cc:153] oneDNN custom operations are on.\\n')\n"
        "    sys.stderr.write('ours\\n')\n"
        "    os.write(2, b'WARNING: All log messages before absl::InitializeLog() is called are written\\n')\n"
        "sys.stderr.write('after\\n')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "ours\nafter\n")
