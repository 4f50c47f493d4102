"""What the evaluation of the superclasses of twelve leads holds. Imports no scikit-learn and no SciPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar, Final

from models.superclasses import NAME, WEIGHTS
from pipeline._util.provenance import Provenance
from pipeline._util.typed_json import read_as
from pipeline.errors import DataError
from pipeline.evaluation.explanations_schema import BothWays, RemovalCurves
from pipeline.evaluation.schema import Estimate, ModelIdentity

AGAIN: Final = "run `python -m pipeline evaluate --model superclasses` again"


@dataclass(frozen=True)
class StatedBin:
    """Records with a probability in a fifth of the scale: how many, its mean, and how often it came true."""

    records: int
    stated: float | None
    observed: float | None


@dataclass(frozen=True)
class AtThreshold:
    """Sensitivity, specificity and positive predictive value where a superclass is called from a threshold."""

    se: Estimate
    sp: Estimate
    ppv: Estimate


@dataclass(frozen=True, kw_only=True)
class SuperclassScores:
    """How well one superclass is told.

    Attributes
    ----------
    name, title : str
        Its code, and its name for readers.
    records : int
        Of how many records it is stated.
    auroc, ap : Estimate
        Areas under the ROC curve and the precision-recall curve.
    ece : Estimate
        Expected calibration error of its probability in five bins.
    threshold : float
        The shipped one, from which the superclass is called.
    balanced : AtThreshold
        At the threshold with the best mean of sensitivity and specificity, chosen for each record on the other folds.
    specific : AtThreshold
        At the threshold with a specificity of .97, chosen in the same way.
    bins : tuple of StatedBin
        Stated probabilities and what came true.
    """

    name: str
    title: str
    records: int
    auroc: Estimate
    ap: Estimate
    ece: Estimate
    threshold: float
    balanced: AtThreshold
    specific: AtThreshold
    bins: tuple[StatedBin, ...]


@dataclass(frozen=True, kw_only=True)
class HeadScores:
    """A way to make probabilities of logits: what it does, mean AUROC, mean calibration error."""

    name: str
    auroc: Estimate
    ece: Estimate


@dataclass(frozen=True, kw_only=True)
class ElsewhereScores:
    """One superclass in another database: in how many records, AUROC, and what the shipped threshold calls there."""

    name: str
    records: int
    auroc: Estimate
    called: AtThreshold


@dataclass(frozen=True, kw_only=True)
class OtherDatabase:
    """A database that neither the network nor its head has seen, with diagnoses by other people.

    Attributes
    ----------
    title : str
        Its name.
    records : int
        How many were read.
    auroc, ece : Estimate
        Means over the superclasses.
    classes : tuple of ElsewhereScores
        Superclass by superclass.
    """

    title: str
    records: int
    auroc: Estimate
    ece: Estimate
    classes: tuple[ElsewhereScores, ...]


@dataclass(frozen=True, kw_only=True)
class HeatTest:
    """How far the maps over time and lead can be believed.

    Attributes
    ----------
    shipped : str
        The map that is shown.
    cell_s : float
        So long a part of one lead is removed at once.
    records : int
        Explained records, of which the superclass was stated and called.
    areas : mapping of str to BothWays
        By map, and for "random" order: areas under the superclass's probability as cells are set to the lead's mean
        in the map's order (deletion: low is good), and as they come back (insertion: high is good).
    better_than_random : mapping of str to BothWays
        By how much each map is better than the random order.
    curves : mapping of str to RemovalCurves
        The mean probability at each tenth.
    """

    shipped: str
    cell_s: float
    records: int
    areas: Mapping[str, BothWays]
    better_than_random: Mapping[str, BothWays]
    curves: Mapping[str, RemovalCurves]


@dataclass(frozen=True, kw_only=True)
class SuperclassEvaluation:
    """An evaluation.json of the network over twelve leads.

    Attributes
    ----------
    model : ModelIdentity
        The network.
    provenance : Provenance
        How it was made.
    caution : str
        What the figures must be read with.
    records, patients, folds : int
        Records, their patients, and into how many folds of PTB-XL these are divided.
    auroc, ece : Estimate
        Means over the superclasses.
    other_folds : mapping of str to float
        Mean AUROC with the patients in ten random folds instead, by seed.
    on_pages : HeadScores
        The same records as a page shows them: 2.5 s of each lead, one column after the other.
    chosen_on : HeadScores
        Records of fold 9, which the network was not trained on; its authors chose its settings there.
    classes : tuple of SuperclassScores
        Superclass by superclass.
    heads : tuple of HeadScores
        Ways that were compared; the first is shipped.
    elsewhere : OtherDatabase, optional
        LUDB, if it was there.
    heat : HeatTest
        The maps.
    """

    SCHEMA: ClassVar[str] = "heartvision.superclasses/1"

    model: ModelIdentity
    provenance: Provenance
    caution: str
    records: int
    patients: int
    folds: int
    auroc: Estimate
    ece: Estimate
    other_folds: Mapping[str, float]
    on_pages: HeadScores
    chosen_on: HeadScores
    classes: tuple[SuperclassScores, ...]
    heads: tuple[HeadScores, ...]
    elsewhere: OtherDatabase | None = None
    heat: HeatTest


def read_superclass_evaluation(path: Path) -> SuperclassEvaluation:
    """Read an evaluation of the superclasses.

    Raises
    ------
    DataError
        If the file is missing, or was written by another version.
    """
    return read_as(SuperclassEvaluation, path, again=AGAIN)


@cache
def shipped_superclasses() -> SuperclassEvaluation | None:
    """Return the shipped evaluation; None if there is none of this version."""
    try:
        return read_superclass_evaluation(WEIGHTS / NAME / "evaluation.json")
    except DataError:
        return None
