"""A search for the settings of a training on a folder, by the loss on its validation part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pipeline._util.progress import Progress
from pipeline.errors import DataError
from pipeline.image_folders.runs import SettingImportance, SettingsTrial, TrialState
from pipeline.image_folders.training_set import FolderPlan
from pipeline.training.search import Choice, Range, Watch, search

BATCHES: Final = (16, 32, 64)
SPACE: Final[Mapping[str, Range | Choice]] = MappingProxyType(
    {
        "learning_rate": Range(2e-4, 5e-3, log=True),
        "batch": Choice(BATCHES),
        "dropout": Range(0.1, 0.6),
        "frozen": Range(0.0, 1.0),
        "augmentation": Range(0.0, 2.0),
    }
)


@dataclass(frozen=True)
class Tuned:
    """The best plan, the trials (finished ones first, then those stopped early), and which settings mattered."""

    plan: FolderPlan
    trials: tuple[SettingsTrial, ...]
    importance: tuple[SettingImportance, ...]


def tuned(
    plan: FolderPlan,
    cuts: Sequence[str],
    measure: Callable[[FolderPlan, Watch], float],
    *,
    trials: int,
    changes: bool,
    journal: Path,
    progress: Progress,
) -> Tuned:
    """Search learning rate, batch, dropout, frozen depth and strength of the augmentation around a plan.

    Parameters
    ----------
    plan : FolderPlan
        The plan, whose own settings are tried first.
    cuts : sequence of str
        Layers where the network may be divided, from the deepest frozen part to the least; of one alone, no depth is
        searched.
    measure : callable
        Trains by a plan, tells the watch the loss of each epoch, and returns the lowest.
    trials : int
        How many trials in all, those in the journal included.
    changes : bool
        Whether pictures are changed at random; the strength of that is not searched for pages that are drawn anew.
    journal : Path
        File that stores them.
    progress : Progress
        Called with what is being done, for a progress display.

    Raises
    ------
    DataError
        If the journal cannot be written.
    """

    def planned(settings: Mapping[str, float]) -> FolderPlan:
        return replace(
            plan,
            learning_rate=settings["learning_rate"],
            batch=int(settings["batch"]),
            dropout=settings["dropout"],
            frozen_up_to=_cut(settings["frozen"], cuts) if "frozen" in settings else plan.frozen_up_to or cuts[0],
            augmentation=settings.get("augmentation", plan.augmentation),
        )

    def told(settings: Mapping[str, float], value: float, state: TrialState) -> SettingsTrial:
        depth = planned(settings).frozen_up_to
        rest = {name: settings[name] for name in ("learning_rate", "dropout")}
        return SettingsTrial(
            frozen=settings.get("frozen", -1.0),
            frozen_up_to=depth,
            val_loss=round(value, 5),
            batch=int(settings["batch"]),
            augmentation=settings.get("augmentation", -1.0),
            state=state,
            **rest,
        )

    searched = {"augmentation": changes, "frozen": len(cuts) > 1}  # what changes nothing would pass for important
    space = {name: where for name, where in SPACE.items() if searched.get(name, True)}
    space["batch"] = Choice(tuple(sorted({*BATCHES, plan.batch})))
    own = {name: float(getattr(plan, name)) for name in space if name != "frozen"}
    first = {name: _within(space[name], value) for name, value in own.items()}
    if "frozen" in space:
        first["frozen"] = _place(plan.frozen_up_to, cuts)
    try:
        found = search(
            journal,
            space,
            lambda settings, watch: measure(planned(settings), watch),
            trials,
            first=first,
            progress=progress,
        )
    except OSError as error:
        raise DataError(
            f"The trials cannot be kept in {str(journal.parent)!r} ({error.strerror}): HEARTVISION_HOME must be a "
            "folder that can be written and has room."
        ) from error
    ended = [told(*trial, "complete") for trial in found.trials] + [told(*trial, "pruned") for trial in found.pruned]
    importance = tuple(SettingImportance(name, round(share, 4)) for name, share in found.importance.items())
    return Tuned(planned(found.best), tuple(ended), importance)


def _within(where: Range | Choice, value: float) -> float:
    return value if isinstance(where, Choice) else min(max(value, where.low), where.high)


def _cut(place: float, cuts: Sequence[str]) -> str:
    return cuts[min(int(place * len(cuts)), len(cuts) - 1)]


def _place(cut: str, cuts: Sequence[str]) -> float:
    """Return where in 0..1 a division lies; the middle for the usual one."""
    return (list(cuts).index(cut) + 0.5) / len(cuts) if cut in cuts else 0.5
