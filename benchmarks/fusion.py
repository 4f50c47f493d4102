"""Whether `vgg16`, which sees pictures, adds to `rhythm_svdb`: `python -m benchmarks.fusion --write`.

The share of `vgg16` in the sum of log probabilities is chosen on patients that neither network was trained on: those
of DS1 that were held out of `vgg16`, and the training half of svdb, of which `vgg16` saw nothing. Each of them is
answered by the two members of `rhythm_svdb` that were trained without it. DS2 and the other half of svdb are answered
by the networks as they ship, at the chosen share alone. Every third beat is read.

Two other ways are measured on the same patients: a share in the log probability of V alone, and a logistic regression
on the log probabilities of both, each patient answered by one fitted without it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models import registry, rhythm
from models.registry import Classifier
from models.softmax import softmax
from pipeline._util.files import write_json
from pipeline._util.provenance import current_commit, now
from pipeline._util.typed_json import read_as
from pipeline.analysis import prepare
from pipeline.config import DEFAULT, ROOT, data_root, runs_root
from pipeline.datasets.catalogue import database_folder
from pipeline.datasets.splits import DS2, training_half
from pipeline.features.network_inputs import blocks
from pipeline.intake import read_path
from pipeline.labels import AAMI_CLASSES, aami_class
from pipeline.training.schema import CrossValidation
from pipeline.training.training_set import VALIDATION
from pipeline.types import Beats

SHARES: Final = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
EVERY: Final = 3
MOST_BEATS: Final = 1000  # of a record
DRAWS: Final = 1000
FOLDS: Final = 5  # of patients, for the logistic regression
LEAST: Final = 1e-6  # probability
V: Final = AAMI_CLASSES.index("V")
FILE: Final = ROOT / "docs" / "experiments" / "fusion.json"

Array = NDArray[np.float64]
Answer = Callable[[Beats], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Answers:
    """Probabilities (n, 5) of both networks, and the class (n,), of the beats of one record."""

    record: str
    by_rhythm: Array
    by_picture: Array
    label: NDArray[np.int64]

    @property
    def logs(self) -> tuple[Array, Array]:
        """Log probabilities (n, 5) of both networks."""
        return np.log(np.maximum(self.by_rhythm, LEAST)), np.log(np.maximum(self.by_picture, LEAST))

    def matrix(self, share: float, classes: Sequence[int] = range(5)) -> NDArray[np.int64]:
        """Return the confusion matrix (5, 5) where `vgg16` has this share in the log probability of some classes."""
        one, other = self.logs
        share_of = np.where(np.isin(np.arange(5), classes), share, 0.0)
        return self.confusion(((1 - share_of) * one + share_of * other).argmax(axis=1))

    def confusion(self, answer: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the confusion matrix (5, 5) of answers (n,)."""
        return np.bincount(self.label * 5 + answer, minlength=25).reshape(5, 5)


def answers(names: Sequence[str], folder: Path, kind: str, by_rhythm: Callable[[str], Answer]) -> Iterator[Answers]:
    """Yield the answers of each record; those of earlier runs are stored."""
    picture = registry.load("vgg16")
    version = f"{picture.manifest.sha256[:8]}-{registry.manifest('rhythm_svdb').sha256[:8]}"
    for name in names:
        kept = runs_root() / "fusion" / version / f"{kind}-{name}.npz"
        if not kept.is_file():
            kept.parent.mkdir(parents=True, exist_ok=True)
            np.savez(kept, **_asked(name, folder, picture, by_rhythm(name)))
        with np.load(kept) as stored:
            yield Answers(name, stored["by_rhythm"], stored["by_picture"], stored["label"])


def _asked(name: str, folder: Path, picture: Classifier, by_rhythm: Answer) -> dict[str, NDArray[np.generic]]:
    recording = read_path(folder / f"{name}.hea")
    assert recording.reference is not None
    beats = prepare(recording, samples=recording.reference.sample).beats
    label = np.array([AAMI_CLASSES.index(aami_class(one) or "Q") for one in recording.reference.symbol])
    readable = np.flatnonzero([not reason for reason in beats.reason])
    asked = readable[:: max(EVERY, -(-readable.size // MOST_BEATS))]
    some = np.isin(np.arange(len(beats)), asked)
    few = replace(beats, reason=tuple("" if one else "not asked" for one in some.tolist()))
    pictures = np.zeros((len(beats), 5), np.float32)
    for block in blocks(few, picture.preprocessing, DEFAULT):
        pictures[block.beat] = picture.predict(block.inputs)[block.answer]
    return {"by_rhythm": by_rhythm(beats)[asked], "by_picture": pictures[asked], "label": label[asked]}


def shipped(network: Classifier) -> Answer:
    """Return what a network says as it ships: probabilities (n, 5) of the beats of a record."""

    def answer(beats: Beats) -> NDArray[np.float32]:
        found = np.zeros((len(beats), 5), np.float32)
        for block in blocks(beats, network.preprocessing, DEFAULT):
            found[block.beat] = network.predict(block.inputs)[block.answer]
        return found

    return answer


def held_out(network: Classifier) -> Callable[[str], Answer]:
    """Return, for a record, what the two members say that were trained without it."""
    folder = registry.WEIGHTS / "rhythm_svdb"
    folds = read_as(CrossValidation, folder / "scores.json", what="The scores", again="train it").folds
    manifest = network.manifest
    with np.load(folder / "weights.npz") as stored:
        weights = {name: stored[name].astype(np.float32) for name in stored.files}

    def member(number: int) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
        model = rhythm.member(manifest.input_shape, len(AAMI_CLASSES))
        for weight in model.weights:
            weight.assign(weights[f"member{number}_{weight.path}"])
        return rhythm.forward(model)

    def of(name: str) -> Answer:
        fold = next(i for i, names in enumerate(folds) if name in names)
        members = [member(number) for number in range(fold, rhythm.MEMBERS, len(folds))]

        def answer(beats: Beats) -> NDArray[np.float32]:
            found = np.zeros((len(beats), 5), np.float32)
            for block in blocks(beats, manifest.preprocessing, DEFAULT):
                logits = np.mean([logits_of(block.inputs) for logits_of in members], axis=0)
                p = softmax((logits + np.array(manifest.logit_bias)) / manifest.temperature)
                found[block.beat] = p[block.answer]
            return found

        return answer

    return of


def scores(matrix: NDArray[np.int64]) -> dict[str, float]:
    """Return F1 of N, S, V and F, and Cohen's kappa."""
    both, total = matrix.sum(axis=0) + matrix.sum(axis=1), matrix.sum()
    f1 = 2 * np.diag(matrix) / np.maximum(both, 1)
    chance = (matrix.sum(axis=0) * matrix.sum(axis=1)).sum() / total**2
    kappa = (np.trace(matrix) / total - chance) / (1 - chance)
    return {name: round(float(f1[i]), 4) for i, name in enumerate("NSVF")} | {"kappa": round(float(kappa), 4)}


def difference(found: Sequence[Answers], share: float) -> dict[str, list[float]]:
    """Return what a share changes against none, with 95 % intervals by a bootstrap over patients."""
    return changes(np.array([[one.matrix(0.0), one.matrix(share)] for one in found]))


def changes(pairs: NDArray[np.int64]) -> dict[str, list[float]]:
    """Return how the scores of the second differ from those of the first, with 95 % intervals over patients.

    Parameters
    ----------
    pairs : (n, 2, 5, 5) int64
        Confusion matrices of each patient, one way and the other.
    """
    rng = np.random.default_rng(0)
    drawn = [pairs[rng.integers(len(pairs), size=len(pairs))].sum(axis=0) for _ in range(DRAWS)]
    found = [
        {name: value - scores(one[0])[name] for name, value in scores(one[1]).items()}
        for one in (pairs.sum(axis=0), *drawn)
    ]
    return {
        name: [
            round(found[0][name], 4),
            *np.quantile([one[name] for one in found[1:]], (0.025, 0.975)).round(4).tolist(),
        ]
        for name in found[0]
    }


def stacked(found: Mapping[str, Sequence[Answers]], *, pictures: bool) -> dict[str, dict[str, float]]:
    """Return the scores of a logistic regression on `rhythm_svdb` alone or on both, by database."""
    every = [(name, one) for name, part in found.items() for one in part]
    matrices = {name: np.zeros((5, 5), np.int64) for name in found}
    seen = [np.hstack(one.logs[: 2 if pictures else 1]) for _, one in every]
    for fold in range(FOLDS):
        taught = [i for i in range(len(every)) if i % FOLDS != fold]
        model = LogisticRegression(C=0.1, max_iter=500)
        model.fit(np.concatenate([seen[i] for i in taught]), np.concatenate([every[i][1].label for i in taught]))
        for i in range(fold, len(every), FOLDS):
            matrices[every[i][0]] += every[i][1].confusion(model.predict(seen[i]))
    return {name: scores(matrix) for name, matrix in matrices.items()}


def _table(
    found: Sequence[Answers], shares: Sequence[float], classes: Sequence[int] = range(5)
) -> Mapping[str, dict[str, float]]:
    return {f"{share:g}": scores(np.sum([one.matrix(share, classes) for one in found], axis=0)) for share in shares}


def main() -> None:
    """Choose the share on held-out patients and measure it on DS2 and svdb."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--write", action="store_true", help=f"write {FILE.relative_to(ROOT)}")
    options = parser.parse_args()
    mitdb, svdb = database_folder(data_root(), "mitdb"), database_folder(data_root(), "svdb")
    records = [file.stem for file in svdb.glob("*.hea")]
    teaching = training_half(records)
    network = registry.load("rhythm_svdb")
    held = {
        "DS1": list(answers(VALIDATION, mitdb, "held-out", held_out(network))),
        "svdb": list(answers(teaching, svdb, "held-out", held_out(network))),
    }
    tables = {name: _table(found, SHARES) for name, found in held.items()}
    everyone = [*held["DS1"], *held["svdb"]]
    together = _table(everyone, SHARES)
    best = max(SHARES, key=lambda share: min(tables[name][f"{share:g}"]["kappa"] - tables[name]["0"]["kappa"]
                                             for name in tables))  # fmt: skip
    report = {"command": "python -m benchmarks.fusion --write", "commit": current_commit(), "date": now(),
              "held_out": tables | {"together": together}, "share": best,
              "share_in_v_alone": {name: _table(found, SHARES, (V,)) for name, found in held.items()},
              "regression": {"rhythm_svdb alone": stacked(held, pictures=False),
                             "both": stacked(held, pictures=True)},
              "difference_at_a_tenth": difference(everyone, 0.1)}  # fmt: skip
    if best:
        tested = {
            "ds2": list(answers(DS2, mitdb, "test", lambda _: shipped(network))),
            "svdb": list(answers(sorted(set(records) - set(teaching)), svdb, "test", lambda _: shipped(network))),
        }
        report["test"] = {name: _table(found, (0.0, best)) for name, found in tested.items()}
        report["difference_test"] = {name: difference(found, best) for name, found in tested.items()}
    for name, value in report.items():
        print(name, value)
    if options.write:
        write_json(FILE, report)


if __name__ == "__main__":
    main()
