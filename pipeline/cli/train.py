"""`train`: data in, a network's weights and manifest out, in a run or over the shipped weights."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from pipeline._util.progress import Progress
from pipeline._util.provenance import current_commit
from pipeline.cli.shared import BAD_USE, OK, positive, progress_bars, say
from pipeline.cli.train_folder import FOLDER_OPTIONS, add_folder_options, figures, train_folder

# Options that some trainings lack.
_PARTICULAR: Final = ("random_split", "epochs", "pictures", "without", "tune", "config", "track", *FOLDER_OPTIONS)


def add_train(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `train`."""
    work = parser.add_mutually_exclusive_group(required=True)
    work.add_argument("--model", help="the network: vgg16, cnn, ... (the modules of models/)")
    work.add_argument(
        "--all",
        action="store_true",
        help="every network in git by the command in its manifest, each after what it starts from; what was trained "
        "at this commit is skipped, what was interrupted goes on (hours on 2 cores: docs/reproduce.md). Needs --ship "
        "or --output",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="the public databases (default: HEARTVISION_DATA), or a folder of pictures: train/CLASS/*.png",
    )
    parser.add_argument(
        "--output", type=Path, metavar="RUN", help="where the run is written (default: HEARTVISION_HOME/runs/NEW)"
    )
    parser.add_argument(
        "--ship", action="store_true", help="write over the shipped weights (models/weights) instead of a run"
    )
    parser.add_argument("--cpu", action="store_true", help="leave a GPU alone, as HEARTVISION_GPU=0")
    parser.add_argument(
        "--random-split",
        action="store_true",
        help="train on a random split of beats instead and add its (optimistic) score to the network's evaluation",
    )
    parser.add_argument(
        "--epochs",
        type=positive,
        metavar="N",
        help="a smaller budget: one run of N epochs instead of two averaged ones; on a folder, N epochs at most",
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
    add_folder_options(parser)
    parser.set_defaults(command=_train)


def _train(options: argparse.Namespace) -> int:
    from models.registry import WEIGHTS

    if options.cpu:
        os.environ["HEARTVISION_GPU"] = "0"
    if options.ship and options.output:
        say("--ship writes to models/weights and --output elsewhere; give one of them.")
        return BAD_USE
    if options.output and options.output.resolve().is_relative_to(WEIGHTS.resolve()):
        say(f"--output {str(options.output)!r} lies in the shipped weights; --ship writes over those.")
        return BAD_USE
    return _train_all(options) if options.all else _train_one(options)


def _train_all(options: argparse.Namespace) -> int:
    if _is_out_of_place(options, "--all, which trains by the commands in the manifests"):
        return BAD_USE
    if not options.ship and not options.output:
        say("--all trains every shipped network: add --ship to write over their weights, or --output DIR.")
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
    """Run `train` with the arguments of an earlier command, over what is shipped if there is no `output`.

    Parameters
    ----------
    arguments : sequence of str
        "train" and what followed it.
    data : Path or None
        Where the data is now.
    output : Path or None
        Where the result goes now; models/weights if None, as with --ship.

    Returns
    -------
    int
        The exit code.
    """
    parser = argparse.ArgumentParser()
    add_train(parser)
    asked = parser.parse_args(arguments[1:])
    pages = asked.model == "page" and data is not None
    asked.data, asked.output, asked.ship = data / "ecg_pages" if pages and data else data, output, output is None
    return _train_one(asked)


def _train_one(options: argparse.Namespace) -> int:
    from models.networks import NETWORKS
    from pipeline.training.detectors import DETECTORS

    if options.model not in (*NETWORKS, *DETECTORS, "pictures"):
        say(f"There is no network {options.model!r}; there are {', '.join((*NETWORKS, *DETECTORS))}.")
        return BAD_USE
    if options.data is not None:
        from pipeline.image_folders.dataset import check_data_folder, is_folder_dataset
        from pipeline.page_classifier.dataset import lists_pages

        check_data_folder(options.data)
        public_pages = options.model == "page" and lists_pages(options.data)
        if options.model != "pictures" and not public_pages and is_folder_dataset(options.data):
            return _train_on_folder(options)
        if options.model == "page" and not public_pages:
            say(f"The network 'page' learns pictures in folders of classes, and {str(options.data)!r} holds none.")
            return BAD_USE
    what, *applying = _kind_of_training(options)
    if _is_out_of_place(options, what, *applying):
        return BAD_USE
    target = _target(options)
    with progress_bars(1) as steps:
        written = _trained(options, target, next(steps))
    if not options.ship and not options.tune:
        say("The shipped weights are unchanged; train with --ship to write over them.")
    told = figures(written)
    sys.stdout.write(f"{told}\n{written}\n" if told else f"{written}\n")
    return OK


def _train_on_folder(options: argparse.Namespace) -> int:
    if _is_out_of_place(options, "pictures of a folder", "epochs", "tune", "config", "track", *FOLDER_OPTIONS):
        return BAD_USE
    if options.ship:
        say("--ship does not apply to pictures of a folder, which are trained in a run; leave it out.")
        return BAD_USE
    return train_folder(options)


def _target(options: argparse.Namespace) -> Path | None:
    """Return where a training on the public data is written; None stands for models/weights."""
    if options.ship or options.tune:
        return None
    if options.output:
        given: Path = options.output
        return given
    from pipeline.image_folders.runs import new_run

    target = new_run(options.model)
    if options.random_split:
        _copy_evaluation(options.model, target)
    return target


def _copy_evaluation(name: str, target: Path) -> None:
    """Give a run the shipped evaluation, to which the score of a random split is added."""
    from models.registry import WEIGHTS
    from pipeline._util.files import write_bytes

    shipped = WEIGHTS / name / "evaluation.json"
    if shipped.is_file():
        write_bytes(target / name / shipped.name, shipped.read_bytes())


def _trained(options: argparse.Namespace, target: Path | None, progress: Progress) -> Path:
    """Train what was asked for and return what was written."""
    from models.networks import NETWORKS

    if options.model == "pictures":
        from pipeline.beat_images import training as beat_pictures

        return beat_pictures.run(options.data, target, progress=progress)
    if options.model == "page":
        from pipeline.page_classifier.training import run

        command = "python -m pipeline train --model page" + (f" --data {options.data}" if options.data else "")
        return run(options.data, target, progress=progress, command=command)
    if options.model not in NETWORKS:
        from pipeline.training.detectors import train_detector

        return train_detector(options.model, options.data, target, progress=progress)
    return _network(options, NETWORKS[options.model].reads == "beats", target, progress)


def _network(options: argparse.Namespace, whole: bool, target: Path | None, progress: Progress) -> Path:
    """Train a network, over beats if it reads `whole` recordings, or one for comparison with it."""
    from pipeline.training.image_networks import run, run_random_split, run_without
    from pipeline.training.plan import DEFAULT_PLAN
    from pipeline.training.rhythm_network import training
    from pipeline.training.tuning import tune

    name, data, without = options.model, options.data, tuple(options.without or ())
    if options.tune:
        return tune(name, options.tune, data, progress=progress)
    if options.random_split:
        return run_random_split(name, data, target, progress=progress)
    plan = replace(DEFAULT_PLAN.reduced(options.epochs, options.pictures), without=without)

    def train(data: Path | None, output: Path | None, progress: Progress) -> Path:
        if whole:
            return training.run(data, output, name=name, without=without, progress=progress)
        return run(name, data, output, plan=plan, progress=progress)

    if without:
        return run_without(name, without, train, data, target, progress=progress)
    return train(data, target, progress)


def _kind_of_training(options: argparse.Namespace) -> tuple[str, ...]:
    """Return what is trained on the public data, in words, and the options that apply to it."""
    from models.networks import NETWORKS

    if options.model == "pictures":
        return ("the heads for pictures of beats",)
    if options.model == "page":
        return ("pictures of a folder by the page network",)
    if options.model not in NETWORKS:
        return (f"detector {options.model!r}",)
    if NETWORKS[options.model].reads == "beats":
        return f"network {options.model!r}, which learns from whole recordings", "without"
    if options.tune:
        return "a search for settings (--tune)", "tune"
    if options.random_split:
        return "a random split", "random_split"
    return f"network {options.model!r} on beats", "epochs", "pictures", "without"


def _is_out_of_place(options: argparse.Namespace, what: str, *applying: str) -> bool:
    """Tell, and complain, whether an option was given that does not apply to what is trained."""
    given = [name for name in _PARTICULAR if getattr(options, name) not in (None, False) and name not in applying]
    if given:
        say(f"--{given[0].replace('_', '-')} does not apply to {what}; leave it out.")
    return bool(given)
