"""Where a result comes from: the command, the commit of the code, the data and the date."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from pipeline.config import IS_CHECKOUT, ROOT

LISTED_FILES: Final = 20
_SOURCES: Final = ("app/*.py", "models/*.py", "pipeline/*.py")
_NO_SOURCES: Final = (":(exclude)docs", ":(exclude)models/weights", ":(exclude)*.md")


@dataclass(frozen=True)
class Provenance:
    """Where a result comes from.

    Attributes
    ----------
    command : str
        The command line.
    commit : str
        The git commit.
    data : str
        The data used.
    date : str
        ISO 8601.
    """

    command: str
    commit: str
    data: str
    date: str


@dataclass(frozen=True)
class Environment:
    """What a result was computed with.

    Attributes
    ----------
    python, keras, tensorflow, numpy : str
        Versions; "" if the package is not installed.
    system : str
        Operating system and its release.
    processor : str
        Its name, and how many cores there are.
    gpus : tuple of str
        Graphics processors that were used; none if empty.
    dtype : str
        Keras' policy, such as "float32".
    changed : tuple of str
        Source files that differ from the commit, the first `LISTED_FILES`.
    untracked : tuple of str
        Source files that git does not know, the first `LISTED_FILES`.
    """

    python: str
    keras: str
    tensorflow: str
    numpy: str
    system: str
    processor: str
    gpus: tuple[str, ...]
    dtype: str
    changed: tuple[str, ...] = ()
    untracked: tuple[str, ...] = ()


def current_environment(gpus: Sequence[str], dtype: str) -> Environment:
    """Return what this process runs on; `gpus` and `dtype` are what only TensorFlow knows."""
    changed, untracked = _differing_sources()
    return Environment(
        python=platform.python_version(),
        **{package: _version(package) for package in ("keras", "tensorflow", "numpy")},
        system=f"{platform.system()} {platform.release()}",
        processor=f"{_processor()}, {os.cpu_count() or 1} cores",
        gpus=tuple(gpus),
        dtype=dtype,
        changed=changed,
        untracked=untracked,
    )


def now() -> str:
    """Return the time, ISO 8601 to the second, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def current_commit() -> str:
    """Return the commit of the working tree, with "+changes" if its tracked sources differ from it.

    It is "" outside git, and in an installed copy.

    Results do not count as sources: weights are identified by their SHA-256 wherever they are mentioned.
    """
    if not IS_CHECKOUT:
        return ""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", *_NO_SOURCES)
        return f"{commit}+changes" if changed else commit
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True, timeout=10)
    return done.stdout.strip()


def _differing_sources() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the source files that differ from the commit, and those that git does not know."""
    if not IS_CHECKOUT:
        return (), ()
    try:
        changed = _git("diff", "--name-only", "HEAD", "--", *_SOURCES)
        untracked = _git("ls-files", "--others", "--exclude-standard", "--", *_SOURCES)
    except (OSError, subprocess.CalledProcessError):
        return (), ()
    return tuple(changed.splitlines()[:LISTED_FILES]), tuple(untracked.splitlines()[:LISTED_FILES])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    try:
        facts = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        facts = ""
    named = [line.partition(":")[2].strip() for line in facts.splitlines() if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()
