"""What a finished training leaves in its folder: answers, pictures, plots, logs, a report, and run.json last."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from models import registry
from models.event_log import write_events
from models.gradcam import heatmap
from models.runtime import dtype_policy, graphics_processors
from pipeline._util.files import write_bytes, write_json
from pipeline._util.provenance import current_environment
from pipeline._util.typed_json import to_json
from pipeline.evaluation.class_schema import ClassReport
from pipeline.image_folders.html_report import write_report
from pipeline.image_folders.plots import write_plots
from pipeline.image_folders.predictions import Predictions, write_predictions
from pipeline.image_folders.runs import FolderRun
from pipeline.image_folders.samples import Heat, write_samples
from pipeline.types import FloatArray, PictureArray

EVENTS: Final = "tensorboard"
SCORES: Final = "classification_report.csv"


def write_results(folder: Path, run: FolderRun, answers: Predictions, pictures: PictureArray) -> FolderRun:
    """Write all results of a run whose weights are in its folder; with run.json, which comes last, it is finished.

    Parameters
    ----------
    folder : Path
        The folder of the run.
    run : FolderRun
        The run, without samples and environment.
    answers : Predictions
        The answers to the test pictures.
    pictures : (n, h, w, 3) uint8
        The test pictures, as the network reads them.

    Returns
    -------
    FolderRun
        The run as it was written.

    Raises
    ------
    DataError
        If a file cannot be written.
    ModelError
        If the weights in the folder do not load.
    """
    write_predictions(folder, answers)
    write_bytes(folder / SCORES, _scores(run.report).encode())
    samples = write_samples(folder, pictures, answers, _heat(run.model, folder), run.plan.seed)
    here = current_environment(graphics_processors(), dtype_policy())
    done = replace(run, samples=samples, environment=here)
    write_plots(folder, done)
    write_events(folder / EVENTS, done.curves)
    write_report(folder, done)
    write_json(folder / "run.json", to_json(done))
    return done


def _heat(name: str, folder: Path) -> Heat:
    """Return the heatmaps of the network as it was stored: what anybody who loads it will see."""
    network = registry.load(name, folder)

    def heat(picture: PictureArray) -> FloatArray | None:
        found = heatmap(network, picture)
        return None if found.blank else np.asarray(found.values, np.float32)

    return heat


def _scores(report: ClassReport) -> str:
    """Return the scores of each class with their intervals, as CSV."""
    measures = ("precision", "recall", "f1")
    lines = [",".join(("class", "pictures", *(f"{m}{part}" for m in measures for part in ("", "_low", "_high"))))]
    for row in report.classes:
        estimates = [getattr(row, measure) for measure in measures]
        values = [value for e in estimates for value in (e.value, e.low, e.high)]
        name = '"' + row.class_name.replace('"', '""') + '"'
        lines.append(",".join([name, str(row.reference), *("" if value is None else f"{value}" for value in values)]))
    return "\n".join(lines) + "\n"
