"""What explanations.json holds: how far heatmaps can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from pipeline._util.provenance import Provenance
from pipeline.evaluation.schema import Column, Estimate, ModelIdentity, Way


@dataclass(frozen=True)
class BothWays:
    """A measure as parts of a beat are taken away in a map's order, and as they are put back."""

    deletion: Estimate
    insertion: Estimate

    def by(self, way: Way) -> Estimate:
        """Return one of the two."""
        return self.deletion if way == "deletion" else self.insertion


@dataclass(frozen=True)
class RemovalCurves:
    """The answer's mean probability, step by step, as parts are taken away and as they are put back."""

    deletion: Column
    insertion: Column

    def by(self, way: Way) -> Column:
        """Return one of the two."""
        return self.deletion if way == "deletion" else self.insertion


@dataclass(frozen=True)
class HeatShare:
    """How much of the heat lies in a part: its share, that of the part itself, and their ratio."""

    share: Estimate
    area: float | None
    ratio: Estimate


@dataclass(frozen=True)
class AnswerHeat:
    """Where the heat of one answer lies, part by part; `blank` maps show nothing."""

    answer: str
    beats: int
    blank: int
    places: Mapping[str, HeatShare]


@dataclass(frozen=True, kw_only=True)
class ExplainedSet:
    """How far the heatmaps of some patients can be trusted; maps by name, "heat" is the network's own.

    Attributes
    ----------
    name, title : str
        Key of the set, and its name for readers.
    records : tuple of str
        Its records.
    beats, blank : int
        Beats that were sampled, and those of them whose heatmap is empty.
    compared : int, optional
        Beats that count for the comparison of maps.
    faithfulness : mapping of str to BothWays
        Areas under the deletion and insertion curves of each map.
    against : mapping of str to BothWays
        By how much the heat is better than each other map.
    curves : mapping of str to RemovalCurves
        The curves of each map.
    answers : tuple of AnswerHeat
        Where the heat lies, by the network's answer.
    """

    name: str
    title: str
    records: tuple[str, ...]
    beats: int
    blank: int
    compared: int | None = None
    faithfulness: Mapping[str, BothWays]
    against: Mapping[str, BothWays]
    curves: Mapping[str, RemovalCurves]
    answers: tuple[AnswerHeat, ...]


@dataclass(frozen=True)
class RandomStage:
    """Rank correlation of maps with those of a network whose weights are random from the answer back to `layer`."""

    layer: str
    correlation: Estimate


@dataclass(frozen=True)
class RandomWeights:
    """What is left of the maps of some beats as the weights are lost."""

    beats: int
    stages: tuple[RandomStage, ...]


@dataclass(frozen=True, kw_only=True)
class Explanations:
    """An explanations.json: how far a network's heatmaps can be trusted.

    Attributes
    ----------
    model : ModelIdentity
        The network.
    provenance : Provenance
        How it was made.
    reads : {"pictures", "beats"}, optional
        What the network reads.
    method : str
        How the maps are made.
    part : str, optional
        What is removed at once, in words.
    per_class : int
        At most so many beats of each class are sampled.
    square_px : int, optional
        Side of the squares that are removed from pictures.
    sets : tuple of ExplainedSet
        The measurements, by set of patients.
    randomised : RandomWeights
        How maps change as the weights are randomised.
    """

    SCHEMA: ClassVar[str] = "heartvision.explanations/1"

    model: ModelIdentity
    provenance: Provenance
    reads: Literal["pictures", "beats"] | None = None
    method: str
    part: str | None = None
    per_class: int
    square_px: int | None = None
    sets: tuple[ExplainedSet, ...]
    randomised: RandomWeights

    @property
    def is_of_signal(self) -> bool:
        """Whether the maps are over the signal, not over a picture of it."""
        return self.reads == "beats"

    @property
    def part_named(self) -> str:
        """What is taken away at once, in words."""
        return self.part or f"square of {self.square_px or 16} pixels"
