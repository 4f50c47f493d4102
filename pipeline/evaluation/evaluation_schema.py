"""What evaluation.json holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from pipeline._util.provenance import Provenance
from pipeline.evaluation.report_schema import Report
from pipeline.evaluation.schema import EvaluatedModel, EvaluationSplit, Kind, SheetLayout, Speed
from pipeline.evaluation.uncertainty_schema import Uncertainty


@dataclass(frozen=True)
class RandomSplitReport(Report):
    """A report on beats of patients that were trained on, and the `label` that says how optimistic that is."""

    optimistic: bool
    label: str


@dataclass(frozen=True)
class Evaluation:
    """An evaluation.json: a network on the patients of a split.

    Attributes
    ----------
    model : EvaluatedModel
        The network.
    split : {"ds1", "ds2", "svdb"}
        The records.
    seen : tuple of str
        Those of them that the network was trained on.
    provenance : Provenance
        How it was made.
    speed : Speed, optional
        How fast beats were read.
    random_split : RandomSplitReport, optional
        The same network on a random split of beats.
    uncertainty : Uncertainty, optional
        Class sets and abstention.
    error_sheet : SheetLayout, optional
        The sheet of pictures of errors.
    reference, detected : Report
        Scores at reference beats and at detected ones.
    """

    SCHEMA: ClassVar[str] = "heartvision.evaluation/1"

    model: EvaluatedModel
    split: EvaluationSplit
    seen: tuple[str, ...]
    provenance: Provenance
    speed: Speed | None
    random_split: RandomSplitReport | None
    uncertainty: Uncertainty | None
    error_sheet: SheetLayout | None
    reference: Report
    detected: Report

    def of(self, kind: Kind) -> Report:
        """Return the report at reference beats or at detected ones."""
        return self.reference if kind == "reference" else self.detected
