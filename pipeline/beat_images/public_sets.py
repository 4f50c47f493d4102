"""What the folders of the public one-beat pictures contain, and what their names are worth as labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from sklearn.neural_network import MLPClassifier

from models.beat_image_heads import traces
from pipeline.beat_images.schema import FolderLabels, FolderLearner, FolderSymbols
from pipeline.beat_images.scores import SEED, binary
from pipeline.beat_images.source_beats import RecordedBeats
from pipeline.datasets.splits import DS1, DS2
from pipeline.types import FloatArray

ALIKE_R: Final = 0.999  # pictures of one folder that correlate more stay on one side of the split


def symbols_of(matches: RecordedBeats, kept: NDArray[np.bool_]) -> FolderSymbols:
    """Count what the annotators called the beats of a folder, over all matches and over the sure ones."""
    counts = {}
    for name, part in (("nearest", kept), ("sure", kept & matches.sure)):
        symbols, numbers = np.unique(matches.symbol[part], return_counts=True)
        counts[name] = dict(sorted(zip(symbols.tolist(), numbers.tolist(), strict=True), key=lambda pair: -pair[1]))
    return FolderSymbols(n=int(kept.sum()), median_r=round(float(np.median(matches.r[kept])), 4), **counts)


def trained_on_folder_names(
    values: Sequence[FloatArray], folder: NDArray[np.str_], matches: RecordedBeats
) -> FolderLabels:
    """Score a small network that is trained on the folder names as labels.

    That network is not shipped. A seeded third is for testing; pictures of one beat, or similar ones, stay together.

    Parameters
    ----------
    values : sequence of (m,) float32
        Traces of the pictures.
    folder : (n,) str
        Name of each picture's folder.
    matches : RecordedBeats
        The recorded beat behind each.
    """
    inputs, truth = traces(values), folder == "abnormal"
    group = _groups(inputs, matches)
    test = np.random.default_rng(SEED).permutation(int(group.max()) + 1)[group] < (int(group.max()) + 1) / 3
    learner = MLPClassifier((64, 32), alpha=0.3, max_iter=120, random_state=SEED).fit(inputs[~test], truth[~test])
    score = learner.predict_proba(inputs[test])[:, 1]
    ds = {name: np.isin(matches.record, list(records)) for name, records in (("ds1", DS1), ("ds2", DS2))}
    patients = MLPClassifier((64, 32), alpha=0.3, max_iter=120, random_state=SEED).fit(
        inputs[ds["ds1"]], truth[ds["ds1"]]
    )
    others = binary(truth[ds["ds2"]], patients.predict_proba(inputs[ds["ds2"]])[:, 1], 0.5)
    return FolderLabels(
        learnt_on_two_thirds=FolderLearner(
            n=int(test.sum()), groups=int(group.max()) + 1, **vars(binary(truth[test], score, 0.5))
        ),
        learnt_on_ds1_patients=FolderLearner(n=int(ds["ds2"].sum()), **vars(others)),
    )


def _groups(values: FloatArray, matches: RecordedBeats) -> NDArray[np.int64]:
    """Return a number per picture, the same for pictures of one recorded beat or that correlate above `ALIKE_R`."""
    standard = values - values.mean(axis=1, keepdims=True)
    standard /= np.linalg.norm(standard, axis=1, keepdims=True)
    same = (matches.record[:, None] == matches.record) & (matches.sample[:, None] == matches.sample)
    return np.asarray(connected_components((standard @ standard.T > ALIKE_R) | same)[1], np.int64)
