"""The page network: cross-validated on distinct pages together with its baselines, then trained on all of them."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models import page, registry
from models.networks import NETWORKS
from models.runtime import dtype_policy, keras
from models.softmax import softmax
from models.transfer import feature_maps
from pipeline._util.files import write_json
from pipeline._util.progress import Progress, no_progress, stretch_of
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import read_as, to_json
from pipeline.config import data_root, runs_root
from pipeline.evaluation.class_scores import class_report
from pipeline.evaluation.schema import Curves
from pipeline.page_classifier.dataset import CITATION, PAGE_CLASSES, PageSet, folds, load_pages, medians, published
from pipeline.page_classifier.known_pages import write_known
from pipeline.page_classifier.page_picture import DRAWING, SIZE_PX, draw_page_picture
from pipeline.page_classifier.schema import FOLDER, FinalFit, NetworkOnPages, PageEvaluation, WrongPage
from pipeline.page_classifier.trainers import DEFAULT_PLAN, K, PagePlan, TrainedPageNetwork, Trainer, trainer_of
from pipeline.types import IntArray, PictureArray

Array = NDArray[Any]

CUTS: Final = {"vgg16": page.CUT, "mobilenet": "block_5_add"}  # both have 24 x 24 positions
TITLES: Final = {"vgg16": "VGG16, ImageNet", "mobilenet": "MobileNetV2, ImageNet", "cnn": "Small custom CNN"}
SHOWN_WRONG: Final = 12
CHECKPOINTS: Final = runs_root() / "train-page"


def run(
    data_dir: Path | None = None,
    output_dir: Path | None = None,
    *,
    plan: PagePlan = DEFAULT_PLAN,
    progress: Progress = no_progress,
    command: str = "python -m pipeline train --model page",
) -> Path:
    """Cross-validate the page network and its baselines, train it on all pages, write weights and evaluation.

    The features of frozen parts are stored in runs/train-page, so a second run is quick.

    Parameters
    ----------
    data_dir : Path, optional
        The pages; the public ones if None.
    output_dir : Path, optional
        Where the weights go; models/weights if None.
    plan : PagePlan, optional
        How to train and test.
    progress : Progress, optional
        Called with what is being done, for a progress display.
    command : str, optional
        The command to record.

    Returns
    -------
    Path
        The folder written.

    Raises
    ------
    DataError
        If the pages or their manifest are missing.
    """
    started, commit = time.monotonic(), current_commit()  # before this run itself changes the tree
    root = data_dir or data_root() / "ecg_pages"
    keras().mixed_precision.set_global_policy(dtype_policy())
    pages = load_pages(root, stretch_of(progress, 0, 0.1))
    pictures = draw_variants(pages, plan.cnn_variants)
    weights = root.parent / "weights"
    features = {name: _features(name, pictures[:, 0], weights, progress) for name in CUTS}
    everything, files = np.arange(len(pages)), published(pages)
    trainers = {name: trainer_of(name, pages, features, pictures, plan) for name in TITLES}
    resumable = (
        CHECKPOINTS / hashlib.sha256(f"{plan!r}".encode() + pictures.tobytes() + pages.group.tobytes()).hexdigest()[:12]
    )
    reports = {}
    for i, (name, trainer) in enumerate(trainers.items()):
        progress(0.3 + 0.2 * i, f"Cross-validating {TITLES[name]}")
        reports[name] = _once(
            resumable / f"{name}.json", partial(_crossvalidated, pages, everything, True, trainer, plan)
        )
    progress(0.8, "Cross-validating with the published copies")
    leaked = _once(resumable / "leak.json", partial(_crossvalidated, pages, files, False, trainers["vgg16"], plan))
    final = trainers["vgg16"](everything, pages.group, plan.seed)
    origin = {"command": command, "commit": commit}
    folder = _write_model(final, pictures, weights, pages, plan, origin, output_dir, started)
    write_known(medians(pages.beats), folder)
    evaluation = PageEvaluation(
        model="page",
        version=registry.manifest("page", folder.parent).version,
        provenance=Provenance(command, commit, CITATION, now()),
        classes=tuple(PAGE_CLASSES),
        titles=TITLES,
        pages={name: int((pages.label == i).sum()) for i, name in enumerate(PAGE_CLASSES)},
        published={name: int((pages.label[files] == i).sum()) for i, name in enumerate(PAGE_CLASSES)},
        groups=int(pages.group.max()) + 1,
        networks=reports,
        leakage=leaked,
        final=FinalFit(_kept(final.curves), final.temperature, final.inner_macro_f1),
    )
    write_json(folder / "evaluation.json", to_json(evaluation))
    progress(1.0, "Done")
    return folder


def draw_variants(pages: PageSet, variants: int) -> PictureArray:
    """Draw each page `variants` times, (n, variants, 192, 192, 3): as it is, then at random."""
    drawn = np.empty((len(pages), variants, SIZE_PX, SIZE_PX, 3), np.uint8)
    for i, beats in enumerate(pages.beats):
        for v in range(variants):
            drawn[i, v] = draw_page_picture(beats, rng=np.random.default_rng([i, v]) if v else None)
    return drawn


def _features(name: str, pictures: PictureArray, weights: Path, progress: Progress) -> Array:
    """Return feature vectors (n, d) of the pages' pictures, float32; stored as float16 in runs/train-page."""
    key = hashlib.sha256(pictures.tobytes()).hexdigest()[:12]
    file = CHECKPOINTS / f"{name}-{CUTS[name]}-{key}.npy"
    if not file.exists():
        progress(0.1, f"What {TITLES[name]} sees of the pages")
        model = NETWORKS[name].build((SIZE_PX, SIZE_PX, 3), K)
        NETWORKS[name].initialise(model, weights)
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, feature_maps(model, CUTS[name])(pictures))
    maps = np.load(file).astype(np.float32)
    maps = maps.reshape(len(maps), -1)
    return np.asarray(np.sqrt(np.maximum(maps, 0)) if name == "vgg16" else maps)


def _once(file: Path, work: Callable[[], NetworkOnPages]) -> NetworkOnPages:
    """Return the result of `work`, from the file of an interrupted run if there is one."""
    if not file.exists():
        write_json(file, to_json(work()))
    return read_as(NetworkOnPages, file, again="delete it and train again")


def _kept(curves: Mapping[str, Sequence[float]]) -> Curves:
    return {name: tuple(values) for name, values in curves.items()}


def _crossvalidated(pages: PageSet, rows: IntArray, fair: bool, train: Trainer, plan: PagePlan) -> NetworkOnPages:
    """Report a network over all outer folds of `rows`; unless `fair`, copies and patients are dealt freely."""
    label = pages.label[rows]
    own = pages.group[rows] if fair else np.arange(rows.size)
    alone = pages.group if fair else np.arange(len(pages))
    outer = folds(label, own, plan.outer, plan.seed)
    p, inner, curves = np.zeros((rows.size, K)), [], []
    for number in range(plan.outer):
        training, tested = rows[outer != number], rows[outer == number]
        trained = train(training, alone, plan.seed + 100 * (number + 1))
        p[outer == number] = softmax(trained.logits(tested), temperature=trained.temperature)
        inner.append(trained.inner_macro_f1)
        curves.append(_kept(trained.curves))
    report = class_report(p, label, PAGE_CLASSES, group=own if fair else None)
    wrong = [i for i in np.argsort(-p.max(axis=1)) if p[i].argmax() != label[i]][:SHOWN_WRONG]
    shown = [
        WrongPage(
            page=pages.names[rows[i]],
            class_name=PAGE_CLASSES[label[i]],
            predicted=PAGE_CLASSES[int(p[i].argmax())],
            confidence=round(float(p[i].max()), 3),
        )
        for i in wrong
    ]
    return NetworkOnPages(
        **vars(report),
        inner_macro_f1=round(float(np.mean(inner)), 4),
        curves=tuple(curves),
        errors=tuple(shown),
    )


def _write_model(
    final: TrainedPageNetwork,
    pictures: PictureArray,
    weights: Path,
    pages: PageSet,
    plan: PagePlan,
    origin: dict[str, str],
    output_dir: Path | None,
    started: float,
) -> Path:
    model = NETWORKS["page"].build((SIZE_PX, SIZE_PX, 3), K)
    NETWORKS["page"].initialise(model, weights)
    assert final.head is not None
    page.set_head(model, *final.head)
    golden = pictures[[int(np.flatnonzero(pages.label == i)[0]) for i in range(K)], 0]
    facts = {
        "classes": PAGE_CLASSES,
        "preprocessing": DRAWING,
        "logit_bias": (0.0,) * K,
        "temperature": final.temperature,
        "threshold": 0.5,
        "picture_threshold": 0.5,
        "abstain_below": 0.5,
        "trained_on": f"{len(pages)} distinct 12-lead pages; {CITATION}",
        "train_records": (),
        "validation_records": (),
        **origin,
        "seed": plan.seed,
        "training_minutes": round((time.monotonic() - started) / 60, 1),
        "pictures_seen": len(final.curves["loss"]) * len(pages),
    }
    return registry.write("page", model, final.curves, golden, facts, output_dir or FOLDER)
