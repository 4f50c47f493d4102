"""Saved evaluations, as the pages read them: the schema's name and outline. Imports no scikit-learn and no SciPy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from pipeline.errors import DataError

SCHEMA: Final = "heartvision.evaluation/1"
STRESS_SCHEMA: Final = "heartvision.stress/1"
EXPLANATIONS_SCHEMA: Final = "heartvision.explanations/1"
OUTLINE: Final = ("model", "split", "provenance", "reference", "detected", "random_split", "error_sheet")
DATABASES: Final = MappingProxyType({"ds1": "mitdb", "ds2": "mitdb", "svdb": "svdb"})
SPLITS: Final = MappingProxyType(
    {
        "ds2": "MIT-BIH DS2, 22 patients never trained on",
        "svdb": "MIT-BIH Supraventricular database: other hospital days, other leads, 128 Hz",
        "ds1": "MIT-BIH DS1, the patients that taught the network",
    }
)
REPORT_OUTLINE: Final = (
    *("kind", "records", "left_out", "refused", "table", "threshold", "hours", "beats", "notes", "overall", "average"),
    *("classes", "confusion", "ec57", "variants", "per_record", "roc", "pr", "reliability", "thresholds", "coverage"),
    *("errors", "error_count", "s_without_232"),
)

Json = dict[str, Any]


def evaluation_file(name: str, split: str, weights: Path) -> Path:
    """Return where the evaluation of a network is stored: evaluation.json for ds2, else evaluation-SPLIT.json.

    Parameters
    ----------
    name : str
        Name of the network.
    split : str
        Name of the split.
    weights : Path
        The folder with the networks' folders.
    """
    return weights / name / ("evaluation.json" if split == "ds2" else f"evaluation-{split}.json")


def without_file(name: str, without: Sequence[str], weights: Path) -> Path:
    """Return where the DS2 evaluation of the same network, trained without some records, is stored.

    Parameters
    ----------
    name : str
        Name of the network.
    without : sequence of str
        The records.
    weights : Path
        The folder with the networks' folders.
    """
    return weights / name / f"evaluation-without-{'-'.join(without)}.json"


def read_evaluation(path: Path) -> Json:
    """Read an evaluation.json, and check its outline.

    Raises
    ------
    DataError
        If the file is missing, not JSON, or of another schema.
    """
    try:
        content: Json = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path.name} cannot be read as JSON; run `python -m pipeline evaluate` again.") from error
    schema = content.get("schema") if isinstance(content, dict) else None
    if schema != SCHEMA:
        raise DataError(
            f"{path.name} has the schema {schema!r}, not {SCHEMA!r}; run `python -m pipeline evaluate` again."
        )
    missing = [key for key in OUTLINE if key not in content]
    for kind in ("reference", "detected", "random_split"):
        if (report := content.get(kind)) is not None:
            missing += [f"{kind}.{key}" for key in REPORT_OUTLINE if key not in report]
    if missing:
        raise DataError(f"{path.name} lacks {', '.join(missing[:3])}; run `python -m pipeline evaluate` again.")
    return content
