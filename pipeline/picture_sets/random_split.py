"""What a split inside patients costs, as the project measured it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pipeline.errors import DataError
from pipeline.evaluation.saved import evaluation_file, read_evaluation

MEASURED_ON: Final = "vgg16"  # the network that was scored both ways


def what_it_costs(weights: Path | None = None) -> str:
    """Say what a split inside patients does to scores, with the project's own measurement of it.

    Parameters
    ----------
    weights : Path, optional
        The folder with the networks' evaluations; the shipped ones without it.
    """
    from models.registry import WEIGHTS

    said = (
        "Pictures of one patient are in train and test (random split): a score on this test part says how well "
        "patients are recognised, not how well new ones are read"
    )
    try:
        found = read_evaluation(evaluation_file(MEASURED_ON, "ds2", weights or WEIGHTS))
    except DataError:
        return f"{said}."
    fair, easy = (report.overall for report in (found.reference, found.random_split or found.reference))
    f_fair, f_easy, s_fair, s_easy = (part[key].value for key in ("F_f1", "S_f1") for part in (fair, easy))
    if found.random_split is None or None in (f_fair, f_easy, s_fair, s_easy):
        return f"{said}."
    return (
        f"{said}. Network {MEASURED_ON}: F1 of S {s_easy:.3f} and of F {f_easy:.3f} on a random split, {s_fair:.3f} "
        f"and {f_fair:.3f} on new patients."
    )
