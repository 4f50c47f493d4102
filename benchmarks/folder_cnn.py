"""The custom CNN on a folder of 12-lead pages, with default settings: `python -m benchmarks.folder_cnn`.

Five folds of the distinct pages, and of 200 of them drawn at random; pages of one patient stay together. Writes
docs/experiments/folder_cnn.json and the table in docs/experiments/folders.md.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from models.networks import NETWORKS
from models.softmax import softmax
from models.transfer import logits_of
from pipeline._util.files import write_json
from pipeline._util.provenance import current_commit
from pipeline._util.typed_json import to_json
from pipeline.config import ROOT, data_root
from pipeline.evaluation.calibration import fit_temperature
from pipeline.evaluation.class_scores import class_report
from pipeline.image_folders.dataset import FolderDataset, read_folder
from pipeline.image_folders.fitting import fit, folder_use
from pipeline.image_folders.settings import usual_plan
from pipeline.image_folders.training_set import Prepared, divide, labels, prepare
from pipeline.page_classifier.dataset import folds

FOLDS = 5
SOME = 200  # pages of the small folder
RESULTS = ROOT / "docs" / "experiments" / "folder_cnn.json"
PAGE = ROOT / "docs" / "experiments" / "folders.md"
MARKS = "<!-- folders:start -->", "<!-- folders:end -->"


def crossvalidated(name: str, prepared: Prepared) -> dict[str, Any]:
    """Train once for each fold and score what it held out; return report, epochs and minutes."""
    label, started = labels(prepared.dataset), time.process_time()
    fold = folds(label, prepared.copies, FOLDS, prepared.plan.seed)
    p, epochs = np.zeros((label.size, len(prepared.dataset.classes))), []
    for number in range(FOLDS):
        marked = [
            replace(picture, split="test" if part == number else "train")
            for picture, part in zip(prepared.dataset.pictures, fold, strict=True)
        ]
        division = divide(replace(prepared.dataset, pictures=tuple(marked)), prepared.copies, prepared.plan)
        fitted = fit(name, prepared.divided(division), prepared.plan)
        held, tested = (
            logits_of(fitted.model)(prepared.pictures[rows]) for rows in (division.validation, division.test)
        )
        p[division.test] = softmax(tested, temperature=fit_temperature(held, label[division.validation]))
        epochs.append(len(fitted.history["loss"]))
        right = (p[division.test].argmax(axis=1) == label[division.test]).mean()
        print(f"fold {number + 1}: {epochs[-1]} epochs, {right:.3f}, {time.process_time() - started:.0f} s", flush=True)
    report = class_report(p, label, prepared.dataset.classes, group=prepared.copies)
    return {
        "report": to_json(report),
        "epochs": epochs,
        "classes_answered": int(np.unique(p.argmax(axis=1)).size),
        "minutes": round((time.process_time() - started) / 60, 1),
    }


def some_of(prepared: Prepared, count: int) -> Prepared:
    """Return so many pictures drawn at random."""
    rows = np.sort(np.random.default_rng(prepared.plan.seed).choice(len(prepared.pictures), count, replace=False))
    variants = prepared.variants
    return replace(
        prepared,
        dataset=_rows(prepared.dataset, rows),
        copies=np.unique(prepared.copies[rows], return_inverse=True)[1],
        pictures=prepared.pictures[rows],
        variants=None if variants is None else variants[:, rows],
    )


def _rows(dataset: FolderDataset, rows: np.ndarray[Any, np.dtype[np.int64]]) -> FolderDataset:
    return replace(
        dataset,
        files=tuple(dataset.files[i] for i in rows),
        pictures=tuple(dataset.pictures[i] for i in rows),
        prints=dataset.prints[rows],
    )


def table(found: dict[str, Any]) -> str:
    """Return the results as a table in Markdown, with what wrote it."""
    rows = ["| pages | macro F1 | accuracy | classes answered | epochs |", "|---|---|---|---|---|"]
    for part in ("all", "some"):
        report = found[part]["report"]
        scores = [_estimate(report["overall"][name]) for name in ("macro_f1", "accuracy")]
        epochs = ", ".join(f"{count}" for count in found[part]["epochs"])
        rows.append(f"| {report['pictures']} | {' | '.join(scores)} | {found[part]['classes_answered']} | {epochs} |")
    rows += ["", "| class, all pages | pages | sensitivity | positive predictivity | F1 |", "|---|---|---|---|---|"]
    for row in found["all"]["report"]["classes"]:
        scores = [_estimate(row[name]) for name in ("recall", "precision", "f1")]
        rows.append(f"| {row['class'].replace('_', ' ')} | {row['reference']} | {' | '.join(scores)} |")
    shape = " x ".join(f"{side}" for side in found["input_shape"])
    minutes = found["all"]["minutes"] + found["some"]["minutes"]
    return "\n".join(rows) + (
        f"\n\nWritten by `{found['command']}` at commit `{found['commit']}`: {found['groups']} groups of pages,\n"
        f"redrawn to {shape}, {minutes:.0f} minutes of one processor. Intervals: 95 %, bootstrap over groups.\n"
    )


def _estimate(found: dict[str, float]) -> str:
    return f"{found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def write_page(found: dict[str, Any]) -> None:
    """Write the table between the marks of the page."""
    before, rest = PAGE.read_text("utf-8").split(MARKS[0])
    after = rest.split(MARKS[1])[1]
    PAGE.write_text(f"{before}{MARKS[0]}\n{table(found)}{MARKS[1]}{after}", encoding="utf-8")


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="cnn")
    parser.add_argument("--data", type=Path, default=data_root() / "ecg_pages")
    parser.add_argument("--reads", default="auto", choices=("auto", "pictures", "pages"), help="only auto is written")
    options = parser.parse_args()
    plan = replace(usual_plan(folder_use(options.model)), reads=options.reads)
    prepared = prepare(read_folder(options.data), plan)
    found = {
        "command": f"python -m benchmarks.folder_cnn --model {options.model}",
        "commit": current_commit(),
        "model": NETWORKS[options.model].title,
        "reads": prepared.plan.reads,
        "input_shape": list(prepared.pictures.shape[1:]),
        "groups": int(np.unique(prepared.copies).size),
        "pages": len(prepared.pictures),
        "all": crossvalidated(options.model, prepared),
        "some": crossvalidated(options.model, some_of(prepared, SOME)),
    }
    if options.reads == "auto":
        write_json(RESULTS, found)
        write_page(found)
    else:
        print(table(found))


if __name__ == "__main__":
    main()
