"""Where evaluations are stored, and their readers. Imports no scikit-learn and no SciPy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pipeline._util.provenance import Provenance
from pipeline._util.typed_json import read_as
from pipeline.errors import DataError
from pipeline.evaluation.evaluation_schema import Evaluation
from pipeline.evaluation.explanations_schema import Explanations
from pipeline.evaluation.schema import Column, Curves, EvaluationSplit
from pipeline.evaluation.stress_schema import StressTest

DATABASES: Final[Mapping[EvaluationSplit, str]] = MappingProxyType({"ds1": "mitdb", "ds2": "mitdb", "svdb": "svdb"})
EVALUATED_SPLITS: Final[Mapping[EvaluationSplit, str]] = MappingProxyType(
    {
        "ds2": "MIT-BIH DS2, 22 patients never trained on",
        "svdb": "MIT-BIH Supraventricular database: other hospital days, other leads, 128 Hz",
        "ds1": "MIT-BIH DS1, the patients that the network was trained on",
    }
)
AGAIN: Final = "run `python -m pipeline evaluate` again"


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


def read_evaluation(path: Path) -> Evaluation:
    """Read an evaluation.json.

    Raises
    ------
    DataError
        If the file is missing, not JSON, of another schema, or lacks something.
    """
    return read_as(Evaluation, path, again=AGAIN)


def read_measured(name: str, part: str, weights: Path) -> tuple[str, Provenance] | None:
    """Return the SHA-256 of the weights that were measured and where that comes from; None where nothing is readable.

    Parameters
    ----------
    name : str
        The network.
    part : {"ds1", "ds2", "svdb", "uncertainty", "stress", "explanations"}
        What was measured: a split, or something besides.
    weights : Path
        The folder with the networks' folders.
    """
    home, file = weights / name, evaluation_file(name, "ds2" if part == "uncertainty" else part, weights)
    try:
        if part in ("stress", "explanations"):
            kind: type[StressTest] | type[Explanations] = StressTest if part == "stress" else Explanations
            found = read_as(kind, home / f"{part}.json", again=AGAIN)
            return found.model.sha256, found.provenance
        evaluation = read_evaluation(file)
    except DataError:
        return None
    if part != "uncertainty":
        return evaluation.model.sha256, evaluation.provenance
    return (evaluation.model.sha256, evaluation.uncertainty.provenance) if evaluation.uncertainty else None


def read_history(path: Path) -> Curves:
    """Read a history.json: the curves of a training, epoch by epoch; None where a measure was not taken.

    Raises
    ------
    DataError
        If the file is missing or holds no curves.
    """
    return read_as(dict[str, Column], path, again="train the network again")
