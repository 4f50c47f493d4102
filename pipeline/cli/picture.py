"""`picture`: pictures of single beats in, their classes as JSON out."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.cli.predict import answer_files, write_answers
from pipeline.cli.shared import label, loader, progress_bars, say
from pipeline.config import PICTURE_NETWORK
from pipeline.errors import EcgError, ModelError

if TYPE_CHECKING:
    from models.registry import Classifier


def add_picture(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `picture`."""
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="a PNG or JPEG picture of one beat")
    parser.add_argument(
        "--model", default=PICTURE_NETWORK, help="the network (default: %(default)s), or a run on a folder"
    )
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="default: standard output")
    parser.add_argument(
        "--heatmap", type=Path, metavar="DIR", help="write where the network looked, one PNG per picture"
    )
    parser.set_defaults(command=_picture)


def _picture(options: argparse.Namespace) -> int:
    from models import registry
    from pipeline.image_folders.predicting import is_run

    if is_run(options.model):
        return _picture_by_run(options)
    load = loader(options.model)
    answers = []
    with progress_bars(len(options.images)) as steps:
        for number, (path, progress) in enumerate(zip(options.images, steps, strict=True), 1):
            progress(0.0, f"Reading {label(path)}")
            answers.append(_picture_answer(path, load, options.heatmap, number))
            progress(1.0, f"Reading {label(path)}")
    content = {"pictures": answers, "model": options.model, "version": registry.manifest(options.model).version}
    return write_answers(content, options.output)


def _picture_by_run(options: argparse.Namespace) -> int:
    """Answer with a run: the same content, without a threshold on "abnormal", which its classes need not have."""
    from pipeline.image_folders.predicting import find_run, load_run

    trained = load_run(find_run(options.model))
    answers = [
        answer | {"abnormal": None, "threshold": None} for answer in answer_files(trained, options.images, options)
    ]
    content = {"pictures": answers, "model": options.model, "version": trained.classifier.version}
    return write_answers(content, options.output)


def _picture_answer(path: Path, load: Callable[[], Classifier], heatmaps: Path | None, number: int) -> dict[str, Any]:
    from models.beat_image_heads import load_head
    from pipeline.beat_images.reading import beat_picture, classify_traces, read_beat
    from pipeline.intake import read_picture_file
    from pipeline.intake.batch import PictureFile
    from pipeline.labels import AAMI_CLASSES

    answer: dict[str, Any] = {"picture": str(path), "status": "unclassified", "reason": "", "class": None, "p": None}
    answer |= {"abnormal": None, "threshold": None, "confidence": 0.0, "doubts": []}
    try:
        head = load_head()
        trace = read_beat(PictureFile(path.name, read_picture_file(path)), head)
    except ModelError:
        raise
    except EcgError as error:
        say(f"{label(path)}: {error}")
        return answer | {"reason": str(error)}
    classifier = load()
    found = classify_traces([trace], head, classifier)[0]
    assert found.p is not None
    assert found.aami is not None
    p = [round(float(value), 6) for value in found.p]
    if heatmaps is not None:
        _write_heatmap(classifier, beat_picture(trace), found.aami, heatmaps / f"{number:03d}_{trace.name}.png")
    return answer | {
        "status": "classified",
        "class": found.aami,
        "p": dict(zip(AAMI_CLASSES, p, strict=True)),
        "abnormal": round(1.0 - p[0], 6),
        "threshold": found.threshold,
        "confidence": max(p),
        "doubts": list(trace.doubts),
    }


def _write_heatmap(classifier: Classifier, picture: Any, aami: str, path: Path) -> None:
    from pipeline.beat_images.reading import heat_of
    from pipeline.config import DEFAULT
    from pipeline.export import heat_overlay, write_png

    found = heat_of(classifier, picture, aami)
    write_png(heat_overlay(picture, found.values, rows=DEFAULT.picture.beat_height_px), path)
