"""`train --data FOLDER`: a network trained on a folder of pictures, its options, and the figures that are told."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pipeline.cli.shared import OK, positive, progress_bars

FOLDER_OPTIONS: Final = (  # by their names in a settings file
    *("size", "batch", "learning_rate", "dropout", "frozen_up_to", "augmentation", "class_weights", "patience"),
    *("reads", "seed"),
)
DEFAULT_STORE: Final = "default"


def add_folder_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that only apply to a folder of pictures."""
    own = parser.add_argument_group("a folder of pictures", "settings, which a TOML file can hold under the same names")
    own.add_argument("--config", type=Path, metavar="FILE.toml", help="settings; options on the command line go first")
    own.add_argument("--size", metavar="PX", help="224 for a square, or HEIGHTxWIDTH (default: about 96 x 96)")
    own.add_argument("--batch", type=positive, metavar="N", help="pictures in a batch (default: 32)")
    own.add_argument("--learning-rate", type=float, metavar="X", help="at its highest (default: 0.001)")
    own.add_argument("--dropout", type=float, metavar="X", help="0 to 0.95 (default: 0.4)")
    own.add_argument(
        "--frozen-up-to", metavar="LAYER", help="the last layer that is never trained; none to train all of them"
    )
    own.add_argument("--augmentation", type=float, metavar="X", help="strength of random changes, 0 for none")
    own.add_argument(
        "--class-weights", metavar="HOW", help="none, sqrt (default), balanced, or a factor by class: NAME=2,OTHER=0.5"
    )
    own.add_argument("--patience", type=positive, metavar="N", help="epochs without a better one that end a phase")
    own.add_argument(
        "--reads", metavar="HOW", help="pictures as they are, or 12-lead pages redrawn (default: auto, by the pictures)"
    )
    own.add_argument("--seed", type=int, metavar="N", help="of the random generators")
    own.add_argument(
        "--track",
        nargs="?",
        const=DEFAULT_STORE,
        metavar="STORE",
        help="add the run to MLflow too (default: mlflow.db in HEARTVISION_HOME); needs mlflow-skinny or mlflow",
    )


def train_folder(options: argparse.Namespace) -> int:
    """Train a network on the folder `options.data`."""
    from pipeline.image_folders.fitting import folder_use
    from pipeline.image_folders.settings import planned, read_settings
    from pipeline.image_folders.tracking import require_mlflow, track
    from pipeline.image_folders.training import run_folder

    if options.track:
        require_mlflow()
    use = folder_use(options.model)
    in_file = read_settings(options.config) if options.config else {}
    plan = planned(use, in_file, repr(options.config.name) if options.config else "")
    given = {name: getattr(options, name) for name in ("epochs", *FOLDER_OPTIONS)}
    given = {name: value for name, value in given.items() if value is not None}
    if given:
        plan = planned(use, {**in_file, **given}, "The command line")
    command = _command(options, {**in_file, **given})
    with progress_bars(1) as steps:
        written = run_folder(
            options.model,
            options.data,
            options.output,
            plan=plan,
            tune=options.tune or 0,
            progress=next(steps),
            command=command,
        )
    if options.track:
        track(written, "" if options.track == DEFAULT_STORE else options.track)
    sys.stdout.write(f"{figures(written)}\n{written}\n")
    return OK


def figures(written: Path) -> str:
    """Return the main figures of what was trained, in a few lines; "" if nothing is known."""
    if (written / "run.json").is_file():
        return _of_run(written)
    manifest, history = ({}, {})
    if (written / "manifest.json").is_file():
        manifest = json.loads((written / "manifest.json").read_text("utf-8"))
    if (written / "history.json").is_file():
        history = json.loads((written / "history.json").read_text("utf-8"))
    told = [_best(history)] if history.get("val_loss") else []
    if "training_minutes" in manifest:
        told.append(f"{manifest['training_minutes']:g} min")
    return f"{manifest.get('name', written.name)}: {'; '.join(told)}." if told else ""


def _of_run(folder: Path) -> str:
    from pipeline.image_folders.runs import read_run
    from pipeline.image_folders.scoring import ONE_GROUP

    run = read_run(folder)
    overall = run.report.overall
    lines = [
        f"{run.model} on {run.dataset}: {run.report.pictures} test pictures, accuracy {_estimate(overall.accuracy)}, "
        f"macro F1 {_estimate(overall.macro_f1)}; {_best(run.curves)}; from {run.start}; {run.minutes:g} min.",
        *((ONE_GROUP,) if run.report.groups == 1 else ()),
        *run.verdict.sentences,
        *run.warnings,
    ]
    if run.refused:
        lines += [f"{run.refused} file{'s were' if run.refused > 1 else ' was'} left out:", *run.left_out]
    if more := run.refused - len(run.left_out):
        lines.append(f"and {more} more.")
    return "\n".join(lines)


def _best(curves: Mapping[str, Any]) -> str:
    """Return the held-out measures of the best epoch, whose weights were kept."""
    from models.loop import best_epoch

    losses = [loss if loss is not None else float("inf") for loss in curves["val_loss"]]
    best = max(best_epoch(losses), 0)
    measured = {name: curves[name][best] for name in curves if name.startswith("val_")}
    told = ", ".join(
        f"{name[4:].replace('_', ' ')} {value:.3f}" for name, value in measured.items() if value is not None
    )
    return f"best of {len(losses)} epochs is {best + 1}, held-out {told}"


def _estimate(found: Any) -> str:
    if found.value is None:
        return "unknown"
    return f"{found.value:.3f}" + (f" ({found.low:.3f} to {found.high:.3f})" if found.low is not None else "")


def _command(options: argparse.Namespace, settings: Mapping[str, Any]) -> str:
    """Return the command that repeats a training, with the settings of a file written out."""
    words = ["--model", options.model, "--data", options.data.name]
    words += ["--tune", f"{options.tune}"] if options.tune else []
    rest = [name for name in settings if name not in ("epochs", *FOLDER_OPTIONS)]
    if rest:
        return shlex.join(["python", "-m", "pipeline", "train", *words, "--config", options.config.name])
    for name, value in settings.items():
        words += [f"--{name.replace('_', '-')}", _as_word(value)]
    return shlex.join(["python", "-m", "pipeline", "train", *words])


def _as_word(value: Any) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{name}={factor}" for name, factor in value.items())
    return "x".join(f"{side}" for side in value) if isinstance(value, list | tuple) else f"{value}"
