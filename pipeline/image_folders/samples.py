"""Test pictures that a run keeps to look at: mistakes, a random draw, some of each class; with heatmaps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.export.pictures import with_heat, write_png
from pipeline.image_folders.predictions import Predictions
from pipeline.image_folders.runs import Chosen, SampleAnswer
from pipeline.types import FloatArray, PictureArray

FOLDER: Final = "samples"
MISTAKES: Final = 6
RANDOM: Final = 8
OF_EACH_CLASS: Final = 3
AT_MOST: Final = 48

Heat = Callable[[PictureArray], FloatArray | None]
"""Heatmap (h, w) in 0..1 of the answer to a picture (h, w, 3); None where nothing spoke for it."""


def chosen_samples(answers: Predictions, seed: int) -> list[tuple[int, Chosen]]:
    """Choose test pictures: the most confident mistakes, some at random, some of each class at random.

    Parameters
    ----------
    answers : Predictions
        The answers to all test pictures.
    seed : int
        Seed of the random generator; the same seed chooses the same pictures.

    Returns
    -------
    list of (int, str)
        Row and reason, `AT_MOST` in all; a row may occur for several reasons.
    """
    called, random = answers.p.argmax(axis=1), np.random.default_rng(seed)
    surest = np.argsort(-answers.p.max(axis=1), kind="stable")
    wrong = [i for i in surest if called[i] != answers.label[i]][:MISTAKES]
    drawn = random.permutation(len(answers.paths))[:RANDOM]
    of_class = [
        random.permutation(np.flatnonzero(answers.label == number))[:OF_EACH_CLASS]
        for number in range(len(answers.classes))
    ]
    reasons: tuple[tuple[Chosen, list[int]], ...] = (
        ("mistake", [int(i) for i in wrong]),
        ("random", sorted(int(i) for i in drawn)),
        ("class", [int(i) for rows in of_class for i in rows]),
    )
    return [(i, reason) for reason, rows in reasons for i in rows][:AT_MOST]


def write_samples(
    folder: Path, pictures: PictureArray, answers: Predictions, heat: Heat, seed: int
) -> tuple[SampleAnswer, ...]:
    """Write the chosen test pictures, each once, and beside them the same under their heatmap.

    Parameters
    ----------
    folder : Path
        The folder of the run.
    pictures : (n, h, w, 3) uint8
        The test pictures, as the network reads them.
    answers : Predictions
        The answers to them.
    heat : callable
        Heatmap of a picture.
    seed : int
        Seed of the choice.

    Raises
    ------
    DataError
        If a picture cannot be written.
    """
    files: dict[int, tuple[str, str]] = {}
    shown = []
    for i, reason in chosen_samples(answers, seed):
        if i not in files:
            files[i] = _written(folder, len(files), pictures[i], heat(pictures[i]))
        file, heatmap = files[i]
        shown.append(
            SampleAnswer(
                file=file,
                path=answers.paths[i],
                class_name=answers.classes[answers.label[i]],
                predicted=answers.classes[int(answers.p[i].argmax())],
                confidence=round(float(answers.p[i].max()), 4),
                heatmap=heatmap,
                chosen=reason,
            )
        )
    return tuple(shown)


def _written(folder: Path, number: int, picture: PictureArray, heat: FloatArray | None) -> tuple[str, str]:
    file = f"{FOLDER}/{number:02d}.png"
    write_png(picture, folder / file)
    if heat is None:
        return file, ""
    heatmap = f"{FOLDER}/{number:02d}-heatmap.png"
    write_png(with_heat(picture, heat), folder / heatmap)
    return file, heatmap
