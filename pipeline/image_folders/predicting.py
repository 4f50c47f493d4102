"""A trained run at work: pictures in, classes with calibrated confidence out, or the reason why there is none."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from models import registry
from models.gradcam import Heatmap
from models.registry import Classifier
from pipeline._util.progress import Progress, no_progress
from pipeline.beat_images.reading import heat_of
from pipeline.errors import DataError, EcgError, ModelError
from pipeline.image_folders.dataset import ENDINGS, FILES_MAX, check_side
from pipeline.image_folders.runs import FolderRun, list_runs, read_run, run_label, runs_folder
from pipeline.image_folders.training_set import seen_by
from pipeline.intake import read_picture, read_picture_file
from pipeline.intake.content import file_ending
from pipeline.types import FloatArray, PictureArray
from pipeline.wording import percent

BATCH: Final = 32  # pictures that are in memory at once
DIGITS: Final = 6
_HIDDEN: Final = (".", "__MACOSX")
PROPORTIONS: Final = 1.3  # a picture fits a run whose input is at most so much wider or narrower; sides are rounded


@dataclass(frozen=True, eq=False)
class TrainedRun:
    """A run that can answer: its folder, its run.json, and its verified network."""

    folder: Path
    run: FolderRun
    classifier: Classifier

    def seen(self, pixels: PictureArray) -> PictureArray:
        """Return a picture (h, w, 3) uint8 as the network sees it.

        Raises
        ------
        IntakeError
            If the run reads 12-lead pages, and this is none that can be read.
        """
        return seen_by(pixels, self.classifier.manifest.input_shape, self.run.plan.reads)


@dataclass(frozen=True, eq=False)
class RunAnswer:
    """What a run says of one picture.

    Attributes
    ----------
    picture : str
        Its path as given or found, or its name.
    class_name : str or None
        The answer; None if it has none.
    p : (k,) float32 or None
        Calibrated probabilities in the order of the run's classes; None if the picture could not be read.
    reason : str
        Why there is no class; "" if there is one.
    """

    picture: str
    class_name: str | None = None
    p: FloatArray | None = None
    reason: str = ""

    @property
    def confidence(self) -> float:
        """The largest probability, 0..1; 0 where the picture could not be read."""
        return 0.0 if self.p is None else float(self.p.max())


def find_run(named: str) -> Path:
    """Return the folder of a run by its path, or by its name or label in HEARTVISION_HOME/runs.

    Raises
    ------
    ModelError
        If there is none.
    """
    folder = Path(named).expanduser()
    if (folder / "run.json").is_file():
        return folder
    known = {run_label(path): path for path in list_runs()} | {path.name: path for path in list_runs()}
    if named in known:
        return known[named]
    what = "holds no run.json" if folder.is_dir() else "is no folder, and no run in HEARTVISION_HOME/runs"
    raise ModelError(
        f"{named!r} {what}; name the folder that `train --data FOLDER --output RUN` wrote, "
        f"or one of {', '.join(sorted(path.name for path in list_runs())) or 'none so far'}."
    )


def is_run(named: str) -> bool:
    """Tell whether a name given for a network is that of a run instead."""
    folder = Path(named).expanduser()
    return (folder / "run.json").is_file() or (runs_folder() / Path(named).name / "run.json").is_file()


def network_in(named: str) -> tuple[str, Path] | None:
    """Return the name of the network that was trained on the public data in a run, and the run's folder.

    Such a run has weights and no run.json; None for any other.
    """
    for folder in (Path(named).expanduser(), runs_folder() / named):
        names = () if (folder / "run.json").exists() else registry.available(folder)
        if names:
            return names[0], folder
    return None


def load_run(folder: Path) -> TrainedRun:
    """Load a run, verified.

    Raises
    ------
    ModelError
        If its run.json cannot be read, its weights are damaged, or its network fails the self-test.
    """
    try:
        run = read_run(folder)
    except DataError as error:
        raise ModelError(str(error)) from error
    classifier = registry.load(run.model, folder)
    if classifier.classes != run.classes:
        raise ModelError(
            f"The run {folder.name!r} is of two trainings: its run.json has other classes than its network."
        )
    return TrainedRun(folder, run, classifier)


def fits(run: FolderRun, width_px: int, height_px: int, *, page: bool) -> bool:
    """Tell whether a picture is of the kind that a run was trained on, by its proportions.

    Parameters
    ----------
    run : FolderRun
        The run.
    width_px, height_px : int
        Size of the picture.
    page : bool
        Whether it is a 12-lead page: a run that redraws pages reads nothing else.
    """
    if run.plan.reads == "pages":
        return page
    height, width = run.plan.input_shape[:2]
    ratio = (width_px / height_px) / (width / height)
    return 1 / PROPORTIONS <= ratio <= PROPORTIONS


def find_pictures(paths: Iterable[Path]) -> list[Path]:
    """List pictures: files as given, whatever their name, and folders walked in order for PNG, JPEG and WebP files.

    Links are followed, each folder is walked once, and hidden files are passed over.

    Raises
    ------
    DataError
        If a folder holds no picture, or there are more than is sensible.
    """
    found: list[Path] = []
    for path in paths:
        inside = list(_walked(path)) if path.is_dir() else [path]
        if not inside:
            raise DataError(f"The folder {str(path)!r} holds no {', '.join(ENDINGS)} file; give one with pictures.")
        found += inside
    if len(found) > FILES_MAX:
        raise DataError(f"{len(found):,} pictures were given, the limit is {FILES_MAX:,}; give a part of them.")
    return found


def predict_files(
    trained: TrainedRun, files: Sequence[Path], progress: Progress = no_progress
) -> Iterator[tuple[RunAnswer, PictureArray | None]]:
    """Yield the answer to each file, with the picture that the network saw; None where it could not be read.

    Parameters
    ----------
    trained : TrainedRun
        The run.
    files : sequence of Path
        The pictures.
    progress : Progress, optional
        Called with what is being done, for a progress display.
    """
    for start in range(0, len(files), BATCH):
        part = files[start : start + BATCH]
        progress(start / len(files), f"Picture {start + 1} of {len(files)}")
        yield from predict_pictures(trained, [(str(path), *_pixels(path)) for path in part])


def predict_pictures(
    trained: TrainedRun, pictures: Sequence[tuple[str, PictureArray | None, str]]
) -> list[tuple[RunAnswer, PictureArray | None]]:
    """Return the answer to each (name, picture (h, w, 3) uint8 or None, why it is None), and what the network saw."""
    seen = [_seen(trained, pixels, reason) for _, pixels, reason in pictures]
    inputs = [picture for picture, _ in seen if picture is not None]
    p = iter(trained.classifier.predict(np.stack(inputs)) if inputs else ())
    return [
        (RunAnswer(name, reason=reason), None) if picture is None else (_answer(trained, name, next(p)), picture)
        for (name, _, _), (picture, reason) in zip(pictures, seen, strict=True)
    ]


def heat_of_answer(trained: TrainedRun, picture: PictureArray, answer: RunAnswer) -> Heatmap:
    """Return where in a picture, as the network saw it, the evidence for the most likely class lies.

    Parameters
    ----------
    trained : TrainedRun
        The run.
    picture : (h, w, 3) uint8
        What the network saw.
    answer : RunAnswer
        Its answer; `p` is known.
    """
    assert answer.p is not None
    return heat_of(trained.classifier, picture, trained.run.classes[int(answer.p.argmax())])


def heat_on_upload(heat: Heatmap, width_px: int, height_px: int) -> FloatArray:
    """Return the part of a heatmap that lies over an uploaded picture: what the network saw around it is white paper.

    Parameters
    ----------
    heat : Heatmap
        Over the picture as a run of "pictures" saw it.
    width_px, height_px : int
        Size of the upload.

    Returns
    -------
    (h, w) float32
        In 0..1, over the whole upload.
    """
    rows, columns = heat.values.shape
    scale = min(rows / height_px, columns / width_px)
    down, across = max(1, round(height_px * scale)), max(1, round(width_px * scale))
    top, left = (rows - down) // 2, (columns - across) // 2
    return np.asarray(heat.values[top : top + down, left : left + across], np.float32)


def answer_json(answer: RunAnswer, classes: Sequence[str]) -> dict[str, Any]:
    """Return an answer ready for JSON, with `DIGITS` decimals."""
    p = None if answer.p is None else dict(zip(classes, (round(float(v), DIGITS) for v in answer.p), strict=True))
    return {
        "picture": answer.picture,
        "status": "unclassified" if answer.class_name is None else "classified",
        "class": answer.class_name,
        "p": p,
        "confidence": round(answer.confidence, DIGITS),
        "reason": answer.reason,
    }


def _answer(trained: TrainedRun, name: str, p: FloatArray) -> RunAnswer:
    best, least = int(p.argmax()), trained.classifier.abstain_below
    if not np.isfinite(p).all() or p[best] < least:
        stated, threshold = _apart(float(p[best]), least)
        reason = (
            f"The confidence of {stated} is below {threshold}, under which this run leaves a "
            f"picture to a person; most likely is {trained.run.classes[best]!r}."
        )
        return RunAnswer(name, None, p, reason)
    return RunAnswer(name, trained.run.classes[best], p)


def _apart(confidence: float, least: float) -> tuple[str, str]:
    """Return two probabilities in per cent, in so many decimals that they differ."""
    told = percent(confidence), percent(least)
    for decimals in range(1, DIGITS):
        if told[0] != told[1] and not told[1].startswith("100."):  # no threshold is rounded up to certainty
            break
        told = f"{100 * confidence:.{decimals}f} %", f"{100 * least:.{decimals}f} %"
    return told


def _seen(trained: TrainedRun, pixels: PictureArray | None, reason: str) -> tuple[PictureArray | None, str]:
    if pixels is None:
        return None, reason
    try:
        check_side(pixels)
        return trained.seen(pixels), ""
    except EcgError as error:
        return None, str(error)


def _pixels(path: Path) -> tuple[PictureArray | None, str]:
    try:
        return read_picture(read_picture_file(path), path.name).pixels, ""
    except EcgError as error:
        return None, str(error)


def _walked(root: Path) -> Iterator[Path]:
    seen = set[str]()
    for folder, names, files in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        names[:] = [] if real in seen else sorted(name for name in names if not name.startswith(_HIDDEN))
        if real not in seen:
            yield from (Path(folder) / name for name in sorted(files) if _is_picture(name))
        seen.add(real)


def _is_picture(name: str) -> bool:
    return not name.startswith(_HIDDEN) and file_ending(name) in ENDINGS
