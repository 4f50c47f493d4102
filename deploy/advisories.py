"""Asks the package index for advisories about what is pinned: `python -m deploy.advisories`.

Exit code 1 if a pinned version has one, 0 if none has, and 0 with a sentence that says so where the index does not
answer or keeps no advisories: asked for one package first, it is left alone then.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from deploy.sbom import ROOT, pins

PINNED: Final = ROOT / "requirements-dev.txt"  # what users install, and the tools
ASK: Final = ("pip-audit", "--disable-pip", "--no-deps", "--progress-spinner", "off", "--timeout", "10", "-f", "json")
LIMIT_S: Final = 300


@dataclass(frozen=True)
class Answer:
    """What was found.

    Attributes
    ----------
    asked, answered : int
        How many packages were asked for, and about how many the index said something.
    faults : tuple of str
        One line for each advisory: package, version, its name, and the versions that are free of it.
    """

    asked: int
    answered: int
    faults: tuple[str, ...]

    def sentence(self) -> str:
        """Say it in one sentence."""
        if not self.answered:
            return "Advisories were not looked for: the package index does not answer that question here."
        found = f"{len(self.faults)} advisor{'y' if len(self.faults) == 1 else 'ies'}" if self.faults else "no advisory"
        return f"{found} for {self.answered} of {self.asked} pinned packages."


def ask(path: Path) -> Answer:
    """Ask about all pins of a file of requirements; about the first one only, if there is no answer."""
    pinned = [f"{name}=={version}" for name, version in pins(path).items()]
    first = _ask(pinned[:1])
    return first if not first.answered or len(pinned) == 1 else _ask(pinned)


def _ask(pinned: list[str]) -> Answer:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "requirements.txt"
        path.write_text("\n".join(pinned), "utf-8")
        try:
            done = subprocess.run([*ASK, "-r", str(path)], capture_output=True, text=True, check=False, timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            return Answer(len(pinned), 0, ())
    return read(done.stdout, len(pinned))


def read(said: str, asked: int) -> Answer:
    """Read what pip-audit said; nothing, where it could not ask.

    Parameters
    ----------
    said : str
        Its JSON.
    asked : int
        How many packages it was to ask about.
    """
    try:
        found: list[dict[str, Any]] = json.loads(said)["dependencies"]
    except (ValueError, KeyError):
        return Answer(asked, 0, ())
    known = [one for one in found if "skip_reason" not in one]
    return Answer(asked, len(known), tuple(_line(one, fault) for one in known for fault in one["vulns"]))


def _line(package: dict[str, Any], fault: dict[str, Any]) -> str:
    free = ", ".join(fault["fix_versions"]) or "no version"
    return f"{package['name']} {package['version']}: {fault['id']}, mended in {free}"


if __name__ == "__main__":
    result = ask(PINNED)
    sys.stdout.write("".join(f"{line}\n" for line in (*result.faults, result.sentence())))
    raise SystemExit(1 if result.faults else 0)
