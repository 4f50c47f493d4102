"""Where the page network and its evaluation are stored, and what that evaluation holds; imports no TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from models.registry import WEIGHTS
from pipeline._util.provenance import Provenance
from pipeline._util.typed_json import read_as
from pipeline.evaluation.class_schema import ClassReport
from pipeline.evaluation.schema import Curves

FOLDER: Final = WEIGHTS / "pages"


@dataclass(frozen=True)
class WrongPage:
    """A page that was called wrongly."""

    page: str
    class_name: str = field(metadata={"key": "class"})
    predicted: str
    confidence: float


@dataclass(frozen=True)
class NetworkOnPages(ClassReport):
    """A network on pages of parts that it was not trained on; the curves of each part, the surest `errors` first."""

    inner_macro_f1: float
    curves: tuple[Curves, ...]
    errors: tuple[WrongPage, ...]


@dataclass(frozen=True)
class FinalFit:
    """The training of the network that is served, on all pages."""

    curves: Curves
    temperature: float
    inner_macro_f1: float


@dataclass(frozen=True)
class PageEvaluation:
    """The page network's evaluation.json.

    Attributes
    ----------
    model, version : str
        Name of the network, and its identity.
    provenance : Provenance
        How it was made.
    classes : tuple of str
        The classes.
    titles : mapping of str to str
        Their names for readers.
    pages, published : mapping of str to int
        Distinct pages of each class, and published files of each class.
    groups : int
        Groups of pages that may be one patient's.
    networks : mapping of str to NetworkOnPages
        The page network and its baselines on distinct pages.
    leakage : NetworkOnPages
        The same network where copies lie on both sides of the split.
    final : FinalFit
        The network that was trained on all pages.
    """

    SCHEMA: ClassVar[str] = "heartvision.pages/1"

    model: str
    version: str
    provenance: Provenance
    classes: tuple[str, ...]
    titles: Mapping[str, str]
    pages: Mapping[str, int]
    published: Mapping[str, int]
    groups: int
    networks: Mapping[str, NetworkOnPages]
    leakage: NetworkOnPages
    final: FinalFit


def read_page_evaluation(folder: Path = FOLDER) -> PageEvaluation:
    """Read the page network's evaluation.json.

    Raises
    ------
    DataError
        If it is missing, not JSON, of another schema, or lacks something.
    """
    file = folder / "page" / "evaluation.json"
    again = "run `python -m pipeline train --model page --ship`"
    return read_as(PageEvaluation, file, what=f"{file.name} of the page network", again=again)
