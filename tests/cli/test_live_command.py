"""`live` in the terminal: a replay to its end, and one that is interrupted."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.cli import main
from pipeline.config import ROOT
from pipeline.datasets import demo_path
from pipeline.intake import read_path


def test_a_replay_is_recorded_classified_and_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["live", str(demo_path()), "--output", str(tmp_path), "--duration", "30", "--speed", "30"]
    assert main(given) == 0
    out, err = capsys.readouterr()
    assert "? (provisional" in out
    assert "/min, " in out
    assert "the provisional class was the same in" in err
    assert "Not a medical device" in err
    (header,) = tmp_path.glob("*.hea")
    assert read_path(header).duration_s >= 30


def test_classes_that_stop_are_said_and_the_record_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("pipeline.live.lookout.look_at", breaks)
    given = ["live", str(demo_path()), "--output", str(tmp_path), "--duration", "12", "--speed", "30"]
    assert main(given) == 0
    assert capsys.readouterr().out.count("Classification stopped (MemoryError); nothing is watched any more") == 1
    (header,) = tmp_path.glob("*.hea")
    assert read_path(header).duration_s >= 12


def test_an_interrupt_closes_the_record(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pipeline", "live", str(demo_path()), "--output", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as live:
        assert live.stdout is not None
        while "recording" not in live.stdout.readline():
            pass
        live.send_signal(signal.SIGINT)
        _, err = live.communicate(timeout=60)
    assert live.returncode == 0
    (header,) = tmp_path.glob("*.hea")
    assert f"{header}: " in err
    assert "under way" not in header.read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["live"], 2, "needs the recording"),
        (["live", "nowhere.hea"], 3, "was not found"),
        (["live", str(demo_path()), "--speed", "0"], 2, "speed"),
        (["live", str(demo_path()), "--duration", "-1"], 2, "duration"),
        (["live", str(demo_path()), "--model", "nobody"], 2, "nobody"),
    ],
)
def test_bad_use_is_said_in_a_sentence(
    arguments: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    assert words in capsys.readouterr().err
