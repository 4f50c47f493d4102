"""`evaluate`: a network's scores, stored beside its weights."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any, Final

from pipeline._util.progress import Progress
from pipeline._util.provenance import current_commit
from pipeline.cli.shared import BAD_USE, OK, lists_formats, positive, progress_bars, say
from pipeline.errors import DataError

PTBXL: Final = "ptbxl"  # the folder of PTB-XL, which is not downloaded with the rest
SUPERCLASSES: Final = "superclasses"  # the network over twelve leads; `models` is imported when it is needed


def add_evaluate(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `evaluate`."""
    work = parser.add_mutually_exclusive_group(required=True)
    work.add_argument("--model", help="the network; `superclasses` reads twelve leads and is scored on ptbxl/")
    work.add_argument(
        "--run", metavar="RUN", help="a run on a folder, scored on the pictures in class folders of --data"
    )
    work.add_argument(
        "--all",
        action="store_true",
        help="everything of every network: DS2, svdb, class sets, stress, explanations, pictures of beats, rhythms, "
        "twelve leads, and the runs to compare with (random split, without a record); what was measured at this "
        "commit is skipped, what was interrupted goes on (hours on 2 cores: docs/reproduce.md)",
    )
    work.add_argument("--compare", nargs=2, metavar="NAME", help="two networks, from their saved evaluations")
    work.add_argument(
        "--rhythm",
        action="store_true",
        help="the rhythms that are named, against those annotated in every database that is there; records that a "
        "detector was trained on are read by one that was not, where its training left one in runs/",
    )
    work.add_argument(
        "--twelve-leads",
        action="store_true",
        help="the measured statements on intervals, conduction, hypertrophy and infarction, against what cardiologists "
        "stated of the records of ptbxl/ and ludb/",
    )
    parser.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="the folder of mitdb/ (default: HEARTVISION_DATA), or any folder of WFDB records with .atr",
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--stress", action="store_true", help="score sampled beats of DS2 amid noise and lost leads")
    kind.add_argument(
        "--uncertainty", action="store_true", help="add class sets with a promise, calibrated on patients of svdb"
    )
    kind.add_argument(
        "--explanations", type=positive, nargs="?", const=20, metavar="N",
        help="measure how far the heatmaps can be believed, on N beats of each class (default: %(const)s)",
    )  # fmt: skip
    parser.add_argument("--split", choices=("ds1", "ds2", "svdb"), help="of the public databases (default: ds2)")
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE.json",
        help="default: beside the network's weights, in the run, or (own records) in HEARTVISION_HOME/evaluations",
    )
    parser.set_defaults(command=_evaluate)
    lists_formats(parser)


def _evaluate(options: argparse.Namespace) -> int:
    if options.data is not None and not options.data.is_dir():
        raise DataError(f"There is no folder {str(options.data)!r}; check its path.")
    if options.run is not None:
        return _evaluate_run(options)
    if _is_own(options):
        return _evaluate_own(options)
    options.split = options.split or "ds2"
    if options.compare:
        return _compare(options)
    if options.rhythm:
        return _evaluate_rhythm(options)
    if options.twelve_leads:
        return _evaluate_statements(options)
    if options.model == "pictures":
        return _evaluate_pictures(options)
    if options.model == SUPERCLASSES:
        return _evaluate_superclasses(options)
    from pipeline.config import data_root

    jobs = _every_evaluation(options) if options.all else [options]
    with progress_bars(len(jobs)) as steps:
        for job, progress in zip(jobs, steps, strict=True):
            written = _evaluated(job, job.data or data_root(), progress)
            sys.stdout.write(f"{_main_figures(job, written)}{written}\n")
    return _compared_and_pictures(options) if options.all else OK


def _evaluate_run(options: argparse.Namespace) -> int:
    from pipeline.image_folders.predicting import find_run, load_run, network_in
    from pipeline.image_folders.scoring import evaluate_run, figures

    if (found_beats := network_in(options.run)) is not None:
        return _evaluate_beats_run(options, *found_beats)
    if options.data is None:
        say("evaluate --run needs --data DIR, a folder of pictures in class folders: DIR/CLASS/*.png.")
        return BAD_USE
    with progress_bars(1) as steps:
        trained = load_run(find_run(options.run))
        written, found = evaluate_run(trained, options.data, options.output, progress=next(steps))
    sys.stdout.write(f"{figures(found)}{written}\n")
    return OK


def _evaluate_beats_run(options: argparse.Namespace, name: str, weights: Path) -> int:
    """Score a network that was trained on the public data in a run: there, or on a folder of one's own."""
    from pipeline.config import data_root
    from pipeline.evaluation.run import evaluate

    options.model = name
    if _is_own(options):
        return _evaluate_own(options, weights)
    split, data = options.split or "ds2", options.data or data_root()
    with progress_bars(1) as steps:
        written = evaluate(name, data, split, options.output, weights=weights, progress=next(steps))
    sys.stdout.write(f"{_main_figures(options, written)}{written}\n")
    return OK


def _is_own(options: argparse.Namespace) -> bool:
    """Tell whether plain scores on a folder of records of one's own were asked for."""
    other = options.split or options.stress or options.uncertainty or options.explanations
    other = other or options.model in ("pictures", SUPERCLASSES)
    if options.model is None or options.data is None or other:
        return False
    from pipeline.evaluation.own_records import is_own_folder

    return is_own_folder(options.data)


def _evaluate_own(options: argparse.Namespace, weights: Path | None = None) -> int:
    from models.registry import WEIGHTS
    from pipeline.evaluation.own_records import evaluate_own, figures

    with progress_bars(1) as steps:
        written, found = evaluate_own(
            options.model, options.data, options.output, weights=weights or WEIGHTS, progress=next(steps)
        )
    sys.stdout.write(f"{figures(found)}{written}\n")
    return OK


def _compared_and_pictures(options: argparse.Namespace) -> int:
    """Run the rest of --all: trainings that serve only for comparison, pictures of beats, rhythms, twelve leads."""
    from models.registry import WEIGHTS
    from pipeline.cli.everything import is_same, trained_to_compare
    from pipeline.cli.train import train_again
    from pipeline.config import data_root
    from pipeline.evaluation.saved import read_evaluation

    commit = current_commit()
    for job in trained_to_compare(WEIGHTS):
        done = "--without" in job.arguments and is_same(read_evaluation(job.file).provenance.commit, commit)
        if not done and (code := train_again(job.arguments, options.data, None)):
            return code
    rest = argparse.Namespace(data=options.data, output=None)
    if code := _evaluate_pictures(rest) or _evaluate_rhythm(rest):
        return code
    if not ((options.data or data_root()) / PTBXL).is_dir():
        say(f"{PTBXL} is not there; what is measured on twelve leads is skipped.")
        return OK
    return _evaluate_superclasses(rest) or _evaluate_statements(rest)


def _evaluate_pictures(options: argparse.Namespace) -> int:
    from pipeline.beat_images.evaluation import evaluate_pictures

    with progress_bars(1) as steps:
        written = evaluate_pictures(data_dir=options.data, output=options.output, progress=next(steps))
    sys.stdout.write(f"{written}\n")
    return OK


def _evaluate_superclasses(options: argparse.Namespace) -> int:
    from pipeline.config import data_root
    from pipeline.evaluation.superclass_schema import read_superclass_evaluation
    from pipeline.evaluation.superclass_text import superclass_lines
    from pipeline.evaluation.superclasses import evaluate_superclasses

    with progress_bars(1) as steps:
        written = evaluate_superclasses(options.data or data_root(), options.output, progress=next(steps))
    lines = superclass_lines(read_superclass_evaluation(written))
    sys.stdout.write("\n".join([*lines, str(written)]) + "\n")
    return OK


def _evaluate_rhythm(options: argparse.Namespace) -> int:
    from pipeline.config import data_root
    from pipeline.evaluation.rhythm_run import evaluate_rhythm
    from pipeline.evaluation.rhythm_schema import read_rhythm_evaluation
    from pipeline.evaluation.rhythm_text import rhythm_lines

    with progress_bars(1) as steps:
        written = evaluate_rhythm(options.data or data_root(), options.output, progress=next(steps))
    lines = rhythm_lines(read_rhythm_evaluation(written))
    sys.stdout.write("\n".join([*lines, str(written)]) + "\n")
    return OK


def _evaluate_statements(options: argparse.Namespace) -> int:
    from pipeline.analysis import load_classifier
    from pipeline.config import RECORDING_NETWORK, data_root
    from pipeline.evaluation.statement_schema import read_statements
    from pipeline.evaluation.statement_text import statement_lines
    from pipeline.evaluation.statements import evaluate_statements

    network = load_classifier(RECORDING_NETWORK)
    with progress_bars(1) as steps:
        written = evaluate_statements(
            options.data or data_root(), options.output, classifier=network, progress=next(steps)
        )
    sys.stdout.write("\n".join([*statement_lines(read_statements(written)), str(written)]) + "\n")
    return OK


def _every_evaluation(options: argparse.Namespace) -> list[argparse.Namespace]:
    """Return what --all stands for, in an order in which each finds what it needs."""
    from models.registry import available

    usual = {**vars(options), "all": False, "output": None, "stress": False, "uncertainty": False}
    usual |= {"explanations": None}
    asked = [usual | {"model": name} | kind for name in available() for kind in _KINDS]
    return [argparse.Namespace(**job) for job in asked if not _is_done(job)]


_KINDS: Final[tuple[dict[str, Any], ...]] = (
    {"split": "ds2"},
    {"split": "svdb"},
    {"uncertainty": True},
    {"stress": True},
    {"explanations": 20},
)


def _is_done(job: dict[str, Any]) -> bool:
    """Tell whether this very code has measured these very weights."""
    from models.registry import WEIGHTS
    from pipeline.cli.everything import is_measured

    part = next((kind for kind in ("uncertainty", "stress", "explanations") if job[kind]), job["split"])
    return is_measured(job["model"], part, current_commit(), WEIGHTS)


def _evaluated(options: argparse.Namespace, data: Path, progress: Progress) -> Path:
    if options.stress:
        from pipeline.evaluation.stress import stress

        return stress(options.model, data, options.output, progress=progress)
    if options.explanations:
        from pipeline.evaluation.explanations import explanations

        return explanations(options.model, data, options.output, per_class=options.explanations, progress=progress)
    if options.uncertainty:
        from pipeline.evaluation.uncertainty import evaluate_uncertainty

        return evaluate_uncertainty(options.model, data, options.output, progress=progress)
    from pipeline.evaluation.run import evaluate

    return evaluate(options.model, data, options.split, options.output, progress=progress)


def _main_figures(options: argparse.Namespace, written: Path) -> str:
    """Return the main figures of a split; nothing of other measurements, which the Evaluation page shows."""
    if options.stress or options.explanations or options.uncertainty:
        return ""
    from pipeline.evaluation.predict import KINDS
    from pipeline.evaluation.report_text import gross_lines
    from pipeline.evaluation.saved import read_evaluation

    found = read_evaluation(written)
    lines = [
        line
        for kind in KINDS
        for line in (f"{options.model} on {found.split}, at {kind} beats", *gross_lines(found.of(kind)))
    ]
    return "\n".join(lines) + "\n"


def _compare(options: argparse.Namespace) -> int:
    """Compare on the records of both, with both kinds of beats; again without the record with most S beats."""
    from models.registry import WEIGHTS
    from pipeline.evaluation.compare import as_text, compare_reports, shared
    from pipeline.evaluation.predict import KINDS
    from pipeline.evaluation.report import S_RECORD
    from pipeline.evaluation.saved import evaluation_file, read_evaluation

    first, second = (read_evaluation(evaluation_file(name, options.split, WEIGHTS)) for name in options.compare)
    for kind in KINDS:
        pair = shared(first.of(kind), second.of(kind))
        found = f"{options.split} at {kind} beats, {' against '.join(options.compare)}"
        sys.stdout.write(f"{found}\n{as_text(compare_reports(*pair))}")
        if S_RECORD in pair[0].records:
            rest = compare_reports(*pair, without=(S_RECORD,))
            sys.stdout.write(f"{found}, without record {S_RECORD}\n{as_text(rest)}")
    return OK
