"""How far heatmaps can be believed: measured on sampled beats of held-out patients and of DS2, patients as units.

What it gives is a `schema.Explanations`. Maps: `MAPS` of `faithfulness_images` or `faithfulness_beats`; parts:
`faithfulness.PARTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from models import registry
from models.gradcam import CAM, cascade
from models.registry import Classifier
from pipeline._util.files import write_json
from pipeline._util.progress import Progress, no_progress, part_of, stretch_of
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import rounded, to_json
from pipeline.config import DEFAULT, Config
from pipeline.datasets.catalogue import database_folder
from pipeline.datasets.splits import DS2, PACED
from pipeline.evaluation import bootstrap
from pipeline.evaluation.explanations_schema import (
    AnswerHeat,
    BothWays,
    ExplainedSet,
    Explanations,
    HeatShare,
    RandomStage,
    RandomWeights,
    RemovalCurves,
)
from pipeline.evaluation.faithfulness import DRAWN, PARTS, SEED, Explained, area_under
from pipeline.evaluation.faithfulness_beats import STRETCH_MS, explained_beats
from pipeline.evaluation.faithfulness_images import SQUARE_PX, explained_pictures
from pipeline.evaluation.run import load_described
from pipeline.evaluation.schema import UNDEFINED_ESTIMATE, Estimate, EvaluatedModel
from pipeline.explain.heatmaps import SIGNAL

PER_CLASS: Final = 20  # per set; two sets take VGG16 about five minutes on 2 cores
RANDOMISED: Final = 12  # beats of DS2 whose map is drawn again with random weights
RANDOM_DRAWS: Final = 3  # draws of these weights: one random output layer may resemble the trained one by chance
_LOOKS: Final[Mapping[str, Callable[..., Explained]]] = MappingProxyType(
    {"pictures": explained_pictures, "beats": explained_beats}
)


def explanations(
    name: str,
    data_dir: Path,
    output: Path | None = None,
    *,
    per_class: int = PER_CLASS,
    config: Config = DEFAULT,
    weights: Path = registry.WEIGHTS,
    progress: Progress = no_progress,
) -> Path:
    """Measure the heatmaps of a network and write its explanations.json.

    Parameters
    ----------
    name : str
        Name of the network.
    data_dir : Path
        The folder of the databases.
    output : Path, optional
        The file; beside the weights if None.
    per_class : int, optional
        Beats sampled per class and set.
    config : Config, optional
        Settings of the pipeline.
    weights : Path, optional
        The folder with the networks' folders.
    progress : Progress, optional
        Called with what is being done, for a progress display.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    DataError
        If mitdb is not in `data_dir`.
    ModelError
        If the network cannot be loaded.
    """
    classifier, model = load_described(name, weights)
    folder, look = database_folder(data_dir), _LOOKS[classifier.network.reads]
    sets = _sets(model)
    first = stretch_of(progress, 0, 0.9)
    found = {
        key: look(classifier, records, folder, per_class, config, part_of(first, number, len(sets)))
        for number, (key, (_, records)) in enumerate(sets.items())
    }
    progress(0.9, "Drawing the maps again with random weights")
    data = f"MIT-BIH Arrhythmia Database 1.0.0: {', and '.join(title for title, _ in sets.values())}"
    command = f"python -m pipeline evaluate --model {name} --explanations {per_class}"
    method, part = _described(classifier)
    measurements = Explanations(
        model=model.identity,
        provenance=Provenance(command, current_commit(), data, now()),
        reads=classifier.network.reads,
        method=method,
        part=part,
        per_class=per_class,
        sets=tuple(explained_set(found[key], key, title) for key, (title, _) in sets.items()),
        randomised=randomised(classifier, found["ds2"]),
    )
    target = output or weights / name / "explanations.json"
    write_json(target, to_json(measurements))
    return target


def _sets(model: EvaluatedModel) -> dict[str, tuple[str, tuple[str, ...]]]:
    """Return the patients whose maps are measured: those of DS1 that were held out, if any, and DS2."""
    held_out = tuple(record for record in model.validation_records if record not in PACED)
    sets = {"held_out": ("Patients of DS1 held out of the training", held_out), "ds2": ("DS2", DS2)}
    return {key: value for key, value in sets.items() if value[1]}


def _described(classifier: Classifier) -> tuple[str, str]:
    """How its maps are made, and what is taken away at once."""
    if classifier.network.reads == "beats":
        return SIGNAL, f"stretch of {STRETCH_MS} ms"
    return CAM if classifier.network.heat_layer else "occlusion", f"square of {SQUARE_PX} pixels"


def explained_set(found: Explained, name: str, title: str) -> ExplainedSet:
    """Return what explanations.json states about a set.

    Parameters
    ----------
    found : Explained
        Beats with their maps, and what the maps are worth.
    name, title : str
        What the set is called in the file, and on the page.
    """
    record, kept = found.record, found.compared
    area = {
        each: np.array([[area_under(way) for way in beat] for beat in p[kept]]).reshape(-1, 2)
        for each, p in found.p.items()
    }
    better = np.array([-1.0, 1.0])  # deletion is good if it is low
    tested = ExplainedSet(
        name=name,
        title=title,
        records=tuple(sorted(set(record.tolist()))),
        beats=record.size,
        blank=int(found.blank.sum()),
        compared=int(kept.sum()),
        faithfulness={each: _both(values, record[kept]) for each, values in area.items()},
        against={
            each: _both((area["heat"] - values) * better, record[kept])
            for each, values in area.items()
            if each != "heat"
        },
        curves={
            each: RemovalCurves(*(tuple(p[kept, way].mean(axis=0).tolist()) for way in (0, 1)))
            for each, p in found.p.items()
        },
        answers=tuple(_answer(answer, found) for answer in DRAWN),
    )
    return rounded(tested)


def randomised(classifier: Classifier, found: Explained) -> RandomWeights:
    """Return the rank correlation of maps with those of the network as its weights are randomised (0 if blank)."""
    usable = np.flatnonzero(~found.blank & found.compared)
    chosen = np.random.default_rng(SEED).permutation(usable)[:RANDOMISED]
    stages = []
    for drawn in zip(*(cascade(classifier, SEED + k) for k in range(RANDOM_DRAWS)), strict=True):
        maps = [[found.again(broken, int(i)) for i in chosen] for _, broken in drawn]
        alike = [[_alike(found.maps[i], other) for i, other in zip(chosen, each, strict=True)] for each in maps]
        correlation = _estimate(np.mean(alike, axis=0), found.record[chosen])
        stages.append(RandomStage(drawn[0][0], correlation))
    return rounded(RandomWeights(chosen.size, tuple(stages)))


def _answer(name: str, found: Explained) -> AnswerHeat:
    mine = found.answer == name
    shown = mine & ~found.blank
    records = found.record[shown]
    inside = {}
    for k, part in enumerate(PARTS):
        share, area = found.share[shown, k], found.area[shown, k]
        inside[part] = HeatShare(
            share=_estimate(share, records),
            area=float(area.mean()) if area.size else None,
            ratio=_estimate(share, records, area),
        )
    return AnswerHeat(name, int(mine.sum()), int((mine & found.blank).sum()), inside)


def _both(values: NDArray[np.float64], record: NDArray[np.str_]) -> BothWays:
    return BothWays(deletion=_estimate(values[:, 0], record), insertion=_estimate(values[:, 1], record))


def _estimate(values: NDArray[np.float64], record: NDArray[np.str_], of: NDArray[np.float64] | None = None) -> Estimate:
    """Return the mean, or sum(values) / sum(of), with an interval from resampling the patients."""
    weights = np.ones_like(values) if of is None else of
    names = sorted(set(record.tolist()))
    if not names:
        return UNDEFINED_ESTIMATE
    sums = np.array([[values[record == name].sum(), weights[record == name].sum()] for name in names])
    drawn = bootstrap.resample(sums, bootstrap.patient_weights(names))
    low, high = bootstrap.intervals({"": drawn[:, 0] / np.where(drawn[:, 1] > 0, drawn[:, 1], np.nan)})[""]
    return Estimate(float(sums[:, 0].sum() / sums[:, 1].sum()), low, high)


def _alike(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    return 0.0 if not other.max() > 0 else float(spearmanr(one, other, axis=None).statistic)
