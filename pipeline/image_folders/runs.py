"""Runs of networks on folders of pictures: where they are stored, and which exist. Imports no TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from pipeline.config import home_root
from pipeline.errors import DataError

RUN_SCHEMA: Final = "heartvision.folder-run/1"
_OUTLINE: Final = (
    *("model", "dataset", "provenance", "classes", "counts", "division", "refused", "verdict"),
    *("plan", "trials", "curves", "report", "samples", "minutes"),
)


def runs_folder() -> Path:
    """Return where runs are stored: HEARTVISION_HOME/runs."""
    return home_root() / "runs"


def list_runs() -> tuple[Path, ...]:
    """Return the folders of finished runs, newest first."""
    found = [file.parent for file in runs_folder().glob("*/run.json")]
    return tuple(sorted(found, key=lambda folder: folder.name, reverse=True))


def read_run(folder: Path) -> dict[str, Any]:
    """Read the run.json of a run.

    Raises
    ------
    DataError
        If it is missing, not JSON, or of another version.
    """
    try:
        content: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        schema = content.get("schema")
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(f"The run {folder.name!r} cannot be read; train the folder again.") from error
    if schema != RUN_SCHEMA or any(key not in content for key in _OUTLINE):
        raise DataError(f"The run {folder.name!r} is of another version ({schema!r}); train the folder again.")
    return content
