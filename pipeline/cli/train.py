"""`train`: data in, a network's weights and manifest out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from pipeline._util.progress import Progress
from pipeline._util.provenance import current_commit
from pipeline.cli.shared import BAD_USE, OK, positive, progress_bars, say

DEFAULT_STORE: Final = "default"
_PARTICULAR: Final = (  # options that some trainings lack
    *("random_split", "epochs", "pictures", "without", "tune", "track"),
)


def add_train(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `train`."""
    work = parser.add_mutually_exclusive_group(required=True)
    work.add_argument("--model", help="the network: vgg16, cnn, ... (the modules of models/)")
    work.add_argument(
        "--all",
        action="store_true",
        help="every network in git by the command in its manifest, each after what it starts from; what was trained "
        "at this commit is skipped, what was interrupted goes on (hours on 2 cores: docs/reproduce.md)",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="the public databases (default: HEARTVISION_DATA), or a folder of pictures: train/CLASS/*.png",
    )
    parser.add_argument("--output", type=Path, metavar="DIR", help="default: models/weights")
    parser.add_argument(
        "--random-split",
        action="store_true",
        help="train on a random split of beats instead and add its (optimistic) score to the network's evaluation",
    )
    parser.add_argument(
        "--epochs",
        type=positive,
        metavar="N",
        help="a smaller budget: one run of N epochs instead of two averaged ones",
    )
    parser.add_argument(
        "--pictures", type=positive, metavar="N", help="so many recorded beats per epoch (default: 14800)"
    )
    parser.add_argument(
        "--without",
        nargs="+",
        metavar="RECORD",
        help="train without these records of DS1 instead and keep the score on DS2 beside the usual one "
        "(201 is of the same man as 202, who is tested)",
    )
    parser.add_argument("--tune", type=positive, metavar="N", help="look for settings in N trials on held-out patients")
    parser.add_argument(
        "--track",
        nargs="?",
        const=DEFAULT_STORE,
        metavar="STORE",
        help="add a run on a folder of pictures to MLflow too (default: mlflow.db in HEARTVISION_HOME); needs "
        "mlflow-skinny or mlflow",
    )
    parser.set_defaults(command=_train)


def _train(options: argparse.Namespace) -> int:
    return _train_all(options) if options.all else _train_one(options)


def _train_all(options: argparse.Namespace) -> int:
    if _is_out_of_place(options, "--all, which trains by the commands in the manifests"):
        return BAD_USE
    from models.registry import WEIGHTS
    from pipeline.cli.everything import is_trained, trained_networks

    commit, target = current_commit(), options.output or WEIGHTS
    for job in trained_networks(WEIGHTS):
        if is_trained(target / job.file.relative_to(WEIGHTS), commit):
            say(f"{job.name} was trained at this commit; skipped.")
        elif code := train_again(job.arguments, options.data, options.output):
            return code
    return OK


def train_again(arguments: Sequence[str], data: Path | None, output: Path | None) -> int:
    """Run `train` with the arguments of an earlier command.

    Parameters
    ----------
    arguments : sequence of str
        "train" and what followed it.
    data : Path or None
        Where the data is now.
    output : Path or None
        Where the result goes now.

    Returns
    -------
    int
        The exit code.
    """
    parser = argparse.ArgumentParser()
    add_train(parser)
    asked = parser.parse_args(arguments[1:])
    pages = asked.model == "page" and data is not None
    asked.data, asked.output = data / "ecg_pages" if pages and data else data, output
    return _train_one(asked)


def _train_one(options: argparse.Namespace) -> int:
    from models.networks import NETWORKS
    from pipeline.training.detectors import DETECTORS

    if options.model == "pictures":
        return _train_pictures(options)
    if options.model == "page" or _is_folder(options.data):
        return _train_on_pictures_of_a_folder(options)
    if options.model in DETECTORS:
        return _train_detector(options)
    if options.model not in NETWORKS:
        say(f"There is no network {options.model!r}; there are {', '.join((*NETWORKS, *DETECTORS))}.")
        return BAD_USE
    whole = NETWORKS[options.model].reads == "beats"
    if _is_out_of_place(options, *_kind_of_training(options, whole)):
        return BAD_USE
    with progress_bars(1) as steps:
        written = _network(options, whole, next(steps))
    sys.stdout.write(f"{written}\n")
    return OK


def _network(options: argparse.Namespace, whole: bool, progress: Progress) -> Path:
    """Train a network, over beats if it reads `whole` recordings, or one for comparison with it."""
    from pipeline.training.image_networks import run, run_random_split, run_without
    from pipeline.training.plan import DEFAULT_PLAN
    from pipeline.training.rhythm_network import training
    from pipeline.training.tuning import tune

    name, data, output, without = options.model, options.data, options.output, tuple(options.without or ())
    if options.tune:
        return tune(name, options.tune, data, progress=progress)
    if options.random_split:
        return run_random_split(name, data, output, progress=progress)
    plan = replace(DEFAULT_PLAN.reduced(options.epochs, options.pictures), without=without)

    def train(data: Path | None, output: Path | None, progress: Progress) -> Path:
        if whole:
            return training.run(data, output, name=name, without=without, progress=progress)
        return run(name, data, output, plan=plan, progress=progress)

    if without:
        return run_without(name, without, train, data, output, progress=progress)
    return train(data, output, progress)


def _kind_of_training(options: argparse.Namespace, whole: bool) -> tuple[str, ...]:
    """Return what is trained, in words, and the options that apply to it."""
    if whole:
        return f"network {options.model!r}, which learns from whole recordings", "without"
    if options.tune:
        return "a search for settings (--tune)", "tune"
    if options.random_split:
        return "a random split", "random_split"
    return f"network {options.model!r}", "epochs", "pictures", "without"


def _is_out_of_place(options: argparse.Namespace, what: str, *applying: str) -> bool:
    """Tell, and complain, whether an option was given that does not apply to what is trained."""
    given = [name for name in _PARTICULAR if getattr(options, name) and name not in applying]
    if given:
        say(f"--{given[0].replace('_', '-')} does not apply to {what}; leave it out.")
    return bool(given)


def _is_folder(data: Path | None) -> bool:
    from pipeline.image_folders.dataset import is_folder_dataset

    return data is not None and data.is_dir() and is_folder_dataset(data)


def _train_on_pictures_of_a_folder(options: argparse.Namespace) -> int:
    """Train the page network on the public pages, or any picture network on a folder of the user's."""
    if _is_out_of_place(options, "pictures of a folder", *(() if options.model == "page" else ("tune", "track"))):
        return BAD_USE
    with progress_bars(1) as steps:
        if options.model == "page":
            from pipeline.page_classifier.training import run

            command = "python -m pipeline train --model page" + (f" --data {options.data}" if options.data else "")
            written = run(options.data, options.output, progress=next(steps), command=command)
        else:
            from pipeline.image_folders.tracking import require_mlflow, track
            from pipeline.image_folders.training import run_folder

            if options.track:
                require_mlflow()
            tune = options.tune or 0
            written = run_folder(options.model, options.data, options.output, tune=tune, progress=next(steps))
            if options.track:
                track(written, "" if options.track == DEFAULT_STORE else options.track)
    sys.stdout.write(f"{written}\n")
    return OK


def _train_pictures(options: argparse.Namespace) -> int:
    if _is_out_of_place(options, "the heads for pictures of beats"):
        return BAD_USE
    from pipeline.beat_images import training as beat_pictures

    with progress_bars(1) as steps:
        written = beat_pictures.run(options.data, options.output, progress=next(steps))
    sys.stdout.write(f"{written}\n")
    return OK


def _train_detector(options: argparse.Namespace) -> int:
    if _is_out_of_place(options, f"detector {options.model!r}"):
        return BAD_USE
    from pipeline.training.detectors import train_detector

    with progress_bars(1) as steps:
        written = train_detector(options.model, options.data, options.output, progress=next(steps))
    sys.stdout.write(f"{written}\n")
    return OK
