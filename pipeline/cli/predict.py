"""`predict`: pictures in, the classes that a run on a folder gives them as JSON out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline._util.files import write_bytes
from pipeline.cli.shared import OK, REFUSED, label, progress_bars, say

if TYPE_CHECKING:
    from pipeline.image_folders.predicting import RunAnswer, TrainedRun
    from pipeline.types import PictureArray


def add_predict(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `predict`."""
    parser.add_argument("--run", required=True, metavar="RUN", help="the folder that `train --data FOLDER` wrote")
    parser.add_argument(
        "pictures", nargs="+", type=Path, metavar="PICTURE", help="PNG, JPEG, WebP or PDF files, or folders of pictures"
    )
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="default: standard output")
    parser.add_argument("--heatmap", type=Path, metavar="DIR", help="write where the network looked, a PNG per picture")
    parser.set_defaults(command=_predict)


def _predict(options: argparse.Namespace) -> int:
    from pipeline.image_folders.predicting import find_pictures, find_run, load_run

    trained, files = load_run(find_run(options.run)), find_pictures(options.pictures)
    answers = answer_files(trained, files, options)
    if options.output is not None:
        _say_counts(answers)
    return write_answers({"pictures": answers, "run": options.run} | told_of(trained), options.output)


def answer_files(trained: TrainedRun, files: Sequence[Path], options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return a run's answers, ready for JSON; say what cannot be read, and write heatmaps if they are asked for.

    Parameters
    ----------
    trained : TrainedRun
        The run.
    files : sequence of Path
        The pictures.
    options : Namespace
        Its `heatmap` is a folder or None.
    """
    from pipeline.image_folders.predicting import answer_json, predict_files
    from pipeline.intake.content import file_stem, safe_name

    answers = []
    with progress_bars(1) as steps:
        for number, (answer, seen) in enumerate(predict_files(trained, files, next(steps)), 1):
            answers.append(answer_json(answer, trained.run.classes))
            if seen is None:
                say(f"{label(Path(answer.picture))}: {answer.reason}")
            elif options.heatmap is not None:
                name = safe_name(file_stem(Path(answer.picture).name), default="picture")
                _write_heat(trained, answer, seen, options.heatmap / f"{number:03d}_{name}.png")
    return answers


def write_answers(content: dict[str, Any], output: Path | None) -> int:
    """Write answers as JSON, to standard output if there is no file; the exit code tells whether one has no class."""
    from pipeline.export import dump_json

    if output is None:
        sys.stdout.write(dump_json(content).decode("utf-8"))
    else:
        write_bytes(output, dump_json(content))
    return REFUSED if any(answer["class"] is None for answer in content["pictures"]) else OK


def told_of(trained: TrainedRun) -> dict[str, Any]:
    """Return what an answer states of the run that gave it."""
    manifest = trained.classifier.manifest
    return {
        "model": trained.run.model,
        "version": manifest.version,
        "dataset": trained.run.dataset,
        "classes": list(manifest.classes),
        "abstain_below": manifest.abstain_below,
    }


def _write_heat(trained: TrainedRun, answer: RunAnswer, seen: PictureArray, file: Path) -> None:
    """Write the picture that the network saw under the heat of its most likely class.

    Parameters
    ----------
    trained : TrainedRun
        The run.
    answer : RunAnswer
        Its answer.
    seen : (h, w, 3) uint8
        The picture.
    file : Path
        The PNG file.
    """
    from pipeline.export.pictures import with_heat, write_png
    from pipeline.image_folders.predicting import heat_of_answer

    write_png(with_heat(seen, heat_of_answer(trained, seen, answer).values), file)


def _say_counts(answers: list[dict[str, Any]]) -> None:
    found = [answer["class"] for answer in answers]
    named = sorted({name for name in found if name is not None})
    counts = [f"{found.count(name)} {name}" for name in named]
    counts += [f"{found.count(None)} unclassified"] if None in found else []
    sys.stdout.write(f"{len(found)} picture{'s' if len(found) > 1 else ''}: {', '.join(counts)}\n")
