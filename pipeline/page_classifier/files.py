"""Where the page network and its evaluation are stored; imports no TensorFlow."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from models.registry import WEIGHTS
from pipeline.errors import DataError

FOLDER: Final = WEIGHTS / "pages"
PAGE_CLASS_NAMES: Final = {
    "normal": "Normal",
    "myocardial_infarction": "Myocardial infarction",
    "history_of_mi": "History of myocardial infarction",
    "abnormal_heartbeat": "Abnormal heartbeat",
}
PAGES_SCHEMA: Final = "heartvision.pages/1"
_OUTLINE: Final = ("provenance", "classes", "titles", "pages", "published", "groups", "networks", "leakage", "final")


def read_page_evaluation(folder: Path = FOLDER) -> dict[str, Any]:
    """Read the page network's evaluation.json, and check its outline.

    Raises
    ------
    DataError
        If it is missing, not JSON, or of another schema.
    """
    file = folder / "page" / "evaluation.json"
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        schema = content.get("schema")
    except (OSError, ValueError, AttributeError) as error:
        raise DataError(f"{file.name} of the page network cannot be read; run `{_AGAIN}`.") from error
    if schema != PAGES_SCHEMA or any(key not in content for key in _OUTLINE):
        raise DataError(f"{file.name} of the page network is of another version ({schema!r}); run `{_AGAIN}`.")
    return content


_AGAIN: Final = "python -m pipeline train --model page"
