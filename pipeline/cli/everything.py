"""What `train --all` and `evaluate --all` stand for: the commands behind the numbers in git, in a working order."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

EXTRA: Final = {"pictures": ("vgg16", "pictures.json"), "page": ("pages", "page", "manifest.json")}  # besides networks


@dataclass(frozen=True)
class Made:
    """Something that a command made: name, the file that records it, and the `arguments` after `python -m pipeline`.

    `--data` and `--output` are not among the arguments: they belong to the computer it was made on.
    """

    name: str
    file: Path
    arguments: tuple[str, ...]


def trained(weights: Path) -> list[Made]:
    """Return every network that has weights, each after what it is trained from, and how it was trained."""
    from models.registry import available

    files = {name: weights / name / "manifest.json" for name in available(weights)}
    files |= {name: weights.joinpath(*parts) for name, parts in EXTRA.items()}
    return [_made(name, file, _read(file)["command"]) for name, file in files.items() if file.is_file()]


def trained_to_compare(weights: Path) -> list[Made]:
    """Return trainings that left only a score beside a network's: a random split of beats, or without a record."""
    from models.registry import available

    found = []
    for name in available(weights):
        usual = weights / name / "evaluation.json"
        if usual.is_file() and _read(usual)["random_split"]:
            found.append(_made(name, usual, f"python -m pipeline train --model {name} --random-split"))
        for file in sorted((weights / name).glob("evaluation-without-*.json")):
            found.append(_made(name, file, _read(file)["provenance"]["command"]))
    return found


def is_of(file: Path, commit: str, keys: Sequence[str] = (), *, sha256: str | None = None) -> bool:
    """Tell whether the content of a file under `keys` was made by this very code.

    Parameters
    ----------
    file : Path
        A JSON file.
    commit : str
        The code's commit.
    keys : sequence of str, optional
        Path to an object with a "commit".
    sha256 : str, optional
        SHA-256 of the weights, if the content must be of these.
    """
    if not file.is_file():
        return False
    found: Any = _read(file)
    if sha256 is not None and found["model"].get("sha256") != sha256:
        return False
    for key in keys:
        found = (found or {}).get(key)
    return bool(commit) and str((found or {}).get("commit")).split("+")[0] == commit.split("+")[0]


def _made(name: str, file: Path, command: str) -> Made:
    arguments, kept = shlex.split(command)[3:], []
    while arguments:
        if arguments[0] in ("--data", "--output"):
            arguments = arguments[2:]
        else:
            kept.append(arguments.pop(0))
    return Made(name, file, tuple(kept))


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found
