"""What `train --all` and `evaluate --all` stand for: the commands behind the numbers in git, in a working order."""

from __future__ import annotations

import json
import shlex
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


def trained_networks(weights: Path) -> list[Made]:
    """Return all networks and detectors with weights, each after what it is trained from, and how it was trained."""
    from models.registry import available
    from pipeline.training.detectors import DETECTORS

    files = {name: weights / name / "manifest.json" for name in (*available(weights), *DETECTORS)}
    files |= {name: weights.joinpath(*parts) for name, parts in EXTRA.items()}
    return [_made(name, file, _read(file)["command"]) for name, file in files.items() if file.is_file()]


def trained_to_compare(weights: Path) -> list[Made]:
    """Return trainings that left only a score beside a network's: a random split of beats, or without a record.

    Raises
    ------
    DataError
        If an evaluation cannot be read.
    """
    from models.registry import available
    from pipeline.evaluation.saved import read_evaluation

    found = []
    for name in available(weights):
        usual = weights / name / "evaluation.json"
        if usual.is_file() and read_evaluation(usual).random_split:
            found.append(_made(name, usual, f"python -m pipeline train --model {name} --random-split"))
        for file in sorted((weights / name).glob("evaluation-without-*.json")):
            found.append(_made(name, file, read_evaluation(file).provenance.command))
    return found


def is_trained(manifest: Path, commit: str) -> bool:
    """Tell whether the weights of a manifest were made by this very code."""
    return manifest.is_file() and is_same(str(_read(manifest).get("commit")), commit)


def is_measured(name: str, part: str, commit: str, weights: Path) -> bool:
    """Tell whether this very code has measured the weights that a network has now.

    Parameters
    ----------
    name : str
        The network.
    part : {"ds2", "svdb", "uncertainty", "stress", "explanations"}
        What was measured.
    commit : str
        The code's commit.
    weights : Path
        The folder with the networks' folders.
    """
    from models.registry import manifest
    from pipeline.evaluation.saved import read_measured

    found = read_measured(name, part, weights)
    return found is not None and found[0] == manifest(name, weights).sha256 and is_same(found[1].commit, commit)


def is_same(made: str, commit: str) -> bool:
    """Tell whether two commits are the same, be the working tree changed or not; "" is the commit of nothing."""
    return bool(commit) and made.split("+")[0] == commit.split("+")[0]


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
