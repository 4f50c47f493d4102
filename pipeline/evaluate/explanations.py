"""How far heatmaps can be believed: measured on sampled beats of held-out patients and of DS2, patients as units.

explanations.json holds `schema`, `model` {name, title, sha256}, `provenance`, `method` ("HiResCAM" or "occlusion"),
`per_class` (beats drawn of each class), `square_px`, `sets` [{name, title, records, beats, blank, faithfulness {map:
{deletion, insertion}}, against {map: {deletion, insertion}} (heat better by), curves {map: {deletion, insertion: [p]}},
answers [{answer, beats, blank, places {part: {share, area, ratio}}}]}] and `randomised` {beats, stages [{layer,
correlation}]}; estimates are {value, low, high}. Maps: `faithfulness.MAPS`; parts: `faithfulness.PARTS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from models import registry
from models.gradcam import CAM, heatmap
from models.randomise import cascade
from models.registry import Classifier
from pipeline.config import DEFAULT, Config
from pipeline.datasets.splits import DS2, PACED
from pipeline.domain import FloatArray, PictureArray
from pipeline.evaluate import bootstrap
from pipeline.evaluate.faithfulness import MAPS, PARTS, SQUARE_PX, area_under, maps_of, places, worse_pictures
from pipeline.evaluate.predict import Progress, part_of
from pipeline.evaluate.report import plain
from pipeline.evaluate.run import Provenance, current_commit, database_folder, identity, load_described, now, write_json
from pipeline.evaluate.saved import EXPLANATIONS_SCHEMA, Json
from pipeline.labels import AAMI_CLASSES
from pipeline.render.picture import draw
from pipeline.train.beats import LabelledBeats, load_beats

PER_CLASS: Final = 20  # of each set; two sets take VGG16 about five minutes on 2 cores
RANDOMISED: Final = 12  # beats of DS2 whose map is drawn again with random weights
RANDOM_DRAWS: Final = 3  # of these weights: one random answer layer may resemble the learnt one by chance
SEED: Final = 20261122
DRAWN: Final = AAMI_CLASSES[:4]  # Q means too many things


@dataclass(frozen=True, eq=False)
class Explained:
    """Sampled beats: `heat` (n, height_px, width_px), `answer` (n,) classes, `p` {map: (n, 2, steps)} of the answer.

    The second axis of `p` is deletion, insertion.
    """

    beats: LabelledBeats
    pictures: PictureArray
    heat: FloatArray
    answer: NDArray[np.str_]
    p: Mapping[str, NDArray[np.float64]]


def explanations(
    name: str,
    data_dir: Path,
    output: Path | None = None,
    *,
    per_class: int = PER_CLASS,
    config: Config = DEFAULT,
    weights: Path = registry.WEIGHTS,
    progress: Progress = lambda fraction, sentence: None,
) -> Path:
    """Measure the heatmaps of the network called `name`; write and return its explanations.json.

    Raises
    ------
    DataError
        If mitdb is not in `data_dir`.
    ModelError
        If the network cannot be loaded, or reads no pictures.
    """
    classifier, model = load_described(name, weights)
    folder = database_folder(data_dir)
    held_out = tuple(record for record in model["validation_records"] if record not in PACED)
    sets = {"held_out": ("Patients of DS1 held out of the training", held_out), "ds2": ("DS2", DS2)}
    first: Progress = lambda done, sentence: progress(0.9 * done, sentence)  # noqa: E731
    found = {}
    for number, (key, (_, records)) in enumerate(sets.items()):
        progress(0.45 * number, f"Drawing beats of {len(records)} patients")
        beats = sampled(load_beats(records, folder, config), per_class)
        found[key] = explained(classifier, beats, config, part_of(first, number, 2))
    progress(0.9, "Drawing the maps again with random weights")
    method = CAM if classifier.network.heat_layer else "occlusion"
    data = "MIT-BIH Arrhythmia Database 1.0.0: held-out patients of DS1, and DS2"
    command = f"python -m pipeline evaluate --model {name} --explanations {per_class}"
    content: Json = {
        "schema": EXPLANATIONS_SCHEMA,
        "model": identity(model),
        "provenance": asdict(Provenance(command, current_commit(), data, now())),
        "method": method,
        "per_class": per_class,
        "square_px": SQUARE_PX,
        "sets": [{"name": key, "title": title, **measured(found[key], config)} for key, (title, _) in sets.items()],
        "randomised": randomised(classifier, found["ds2"]),
    }
    target = output or weights / name / "explanations.json"
    write_json(target, plain(content))
    return target


def sampled(beats: LabelledBeats, per_class: int) -> LabelledBeats:
    """At most `per_class` beats of each class of `DRAWN`, from as many patients as there are, in turn."""
    rng = np.random.default_rng(SEED)
    chosen: list[int] = []
    for name in DRAWN:
        index = rng.permutation(np.flatnonzero(beats.label == AAMI_CLASSES.index(name)))
        turn = np.zeros(index.size, np.int64)
        for record in np.unique(beats.record[index]):
            own = beats.record[index] == record
            turn[own] = np.arange(own.sum())
        chosen += index[np.argsort(turn, kind="stable")][:per_class].tolist()
    return beats.take(np.array(sorted(chosen), np.int64))


def explained(classifier: Classifier, beats: LabelledBeats, config: Config, progress: Progress) -> Explained:
    """Maps of each beat for the network's own answer, and what taking away and putting back in their order does."""
    pictures = draw(beats.content, config.picture)
    answer = np.array(classifier.classes)[classifier.predict(pictures).argmax(axis=1)]
    rng, heat, p = np.random.default_rng(SEED), [], []
    for i, picture in enumerate(pictures):
        progress(i / len(pictures), f"Beat {i + 1} of {len(pictures)}")
        own, maps = maps_of(classifier, picture, answer[i], config.picture, rng)
        worse = np.stack([worse_pictures(picture, maps[name]) for name in MAPS])
        heat.append(own)
        p.append(_answers(classifier, worse, classifier.classes.index(answer[i])))
    every = np.asarray(p, np.float64)
    return Explained(beats, pictures, np.stack(heat), answer, {name: every[:, k] for k, name in enumerate(MAPS)})


def _answers(classifier: Classifier, worse: NDArray[np.uint8], target: int) -> NDArray[np.float64]:
    """The target's probability (maps, 2, steps) of pictures that begin and end with the same two for every map."""
    maps, ways, steps = worse.shape[:3]
    between = worse[:, :, 1:-1].reshape(-1, *worse.shape[3:])
    said = classifier.predict(np.concatenate([worse[0, 0, [0, -1]], between]))[:, target].astype(np.float64)
    p = np.empty((maps, ways, steps))
    p[:, 0, 0] = p[:, 1, -1] = said[0]
    p[:, 0, -1] = p[:, 1, 0] = said[1]
    p[:, :, 1:-1] = said[2:].reshape(maps, ways, steps - 2)
    return p


def measured(found: Explained, config: Config) -> Json:
    """What explanations.json says about a set."""
    record, usable = found.beats.record, found.heat.max(axis=(1, 2)) > 0
    area = {
        name: np.array([[area_under(way) for way in beat] for beat in p[usable]]).reshape(-1, 2)
        for name, p in found.p.items()
    }
    better = np.array([-1.0, 1.0])  # deletion is good if it is low
    parts = places(found.beats.content, config.picture)
    return {
        "records": sorted(set(record.tolist())),
        "beats": record.size,
        "blank": int((~usable).sum()),
        "faithfulness": {name: _both(values, record[usable]) for name, values in area.items()},
        "against": {
            name: _both((area["heat"] - values) * better, record[usable])
            for name, values in area.items()
            if name != "heat"
        },
        "curves": {
            name: {way: p[usable, k].mean(axis=0) for k, way in enumerate(("deletion", "insertion"))}
            for name, p in found.p.items()
        },
        "answers": [_answer(name, found, parts, usable) for name in DRAWN],
    }


def randomised(classifier: Classifier, found: Explained) -> Json:
    """Rank correlation of maps with those of the network as its weights are lost; a blank map correlates with none."""
    usable = np.flatnonzero(found.heat.max(axis=(1, 2)) > 0)
    chosen = np.random.default_rng(SEED).permutation(usable)[:RANDOMISED]
    stages = []
    for drawn in zip(*(cascade(classifier, SEED + k) for k in range(RANDOM_DRAWS)), strict=True):
        maps = [[heatmap(broken, found.pictures[i], found.answer[i]).values for i in chosen] for _, broken in drawn]
        alike = [[_alike(found.heat[i], other) for i, other in zip(chosen, each, strict=True)] for each in maps]
        told = _estimate(np.mean(alike, axis=0), found.beats.record[chosen])
        stages.append({"layer": drawn[0][0], "correlation": told})
    return {"beats": chosen.size, "stages": stages}


def _answer(name: str, found: Explained, parts: NDArray[np.bool_], usable: NDArray[np.bool_]) -> Json:
    mine = found.answer == name
    shown = np.flatnonzero(mine & usable)
    total = found.heat[shown].sum(axis=(1, 2))
    inside = {}
    for k, part in enumerate(PARTS):
        share = (found.heat[shown] * parts[shown, k]).sum(axis=(1, 2)) / total
        area = parts[shown, k].mean(axis=(1, 2))
        records = found.beats.record[shown]
        inside[part] = {
            "share": _estimate(share, records),
            "area": float(area.mean()) if area.size else float("nan"),
            "ratio": _estimate(share, records, area),
        }
    return {"answer": name, "beats": int(mine.sum()), "blank": int(mine.sum()) - shown.size, "places": inside}


def _both(values: NDArray[np.float64], record: NDArray[np.str_]) -> Json:
    return {way: _estimate(values[:, k], record) for k, way in enumerate(("deletion", "insertion"))}


def _estimate(values: NDArray[np.float64], record: NDArray[np.str_], of: NDArray[np.float64] | None = None) -> Json:
    """The mean, or sum(values) / sum(of), with an interval from drawing the patients anew."""
    weights = np.ones_like(values) if of is None else of
    names = sorted(set(record.tolist()))
    if not names:
        return {"value": float("nan"), "low": float("nan"), "high": float("nan")}
    sums = np.array([[values[record == name].sum(), weights[record == name].sum()] for name in names])
    drawn = bootstrap.resample(sums, bootstrap.patient_weights(names))
    low, high = bootstrap.intervals({"": drawn[:, 0] / np.where(drawn[:, 1] > 0, drawn[:, 1], np.nan)})[""]
    return {"value": float(sums[:, 0].sum() / sums[:, 1].sum()), "low": low, "high": high}


def _alike(one: FloatArray, other: FloatArray) -> float:
    return 0.0 if not other.max() > 0 else float(spearmanr(one, other, axis=None).statistic)
