"""The command line: arguments in, exit codes out; the work is done by the modules that each command imports."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from pipeline.errors import EcgError, ModelError

if TYPE_CHECKING:
    from models.registry import Classifier
    from pipeline.domain import Analysis, Recording
    from pipeline.export.report import ReportContent
    from pipeline.intake import CsvOptions

OK, BAD_USE, REFUSED = 0, 2, 3
FORMATS: Final = ("json", "csv", "atr", "pdf", "fhir")
_ENDINGS: Final = MappingProxyType({"json": ".json", "csv": ".csv", "atr": ".hv", "pdf": ".pdf", "fhir": ".fhir.json"})
DEFAULT_MODEL: Final = "vgg16"
Progress = Callable[[float, str], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0; 2 for bad use, an unusable network among it (argparse raises SystemExit(2) itself); 3 if an input was
        refused: one sentence for each on stderr, the other inputs of the same call are still done.
    """
    options = _parser().parse_args(arguments)
    try:
        code: int = options.command(options)
    except ModelError as error:
        _say(str(error))
        return BAD_USE
    except EcgError as error:
        _say(str(error))
        return REFUSED
    except KeyboardInterrupt:
        _say("Stopped.")
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pipeline", description="HeartVision: every beat of an ECG, seen.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_analyse(commands.add_parser("analyse", help="find and classify the beats of recordings"))
    _add_report(commands.add_parser("report", help="write the report of a recording as PDF"))
    _add_picture(commands.add_parser("picture", help="classify pictures of single beats"))
    _add_digitise(commands.add_parser("digitise", help="turn pictures of 12-lead pages into recordings"))
    _add_train(commands.add_parser("train", help="train a network on the public data"))
    _add_evaluate(commands.add_parser("evaluate", help="score a network by the rules of AAMI EC57"))
    _add_data(commands.add_parser("data", help="download and check the public databases"))
    return parser


def _add_analyse(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("records", nargs="+", type=Path, metavar="RECORD", help="a .hea or .csv file")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="the network (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=Path(), metavar="DIR", help="where RECORD.json, ... are written")
    parser.add_argument(
        "--format", type=_formats, default=("json",), help=f"any of {','.join(FORMATS)} (default: json; report: pdf)"
    )
    parser.add_argument(
        "--leads", type=_names, metavar="NAME[,NAME]", help="one or two leads (default: chosen, MLII first)"
    )
    parser.add_argument("--fs", type=float, metavar="HZ", help="sampling frequency of .csv recordings")
    parser.add_argument("--unit", metavar="UNIT", help="unit of .csv recordings: mV, uV, V, nV or none")
    parser.set_defaults(command=_analyse)


def _add_report(parser: argparse.ArgumentParser) -> None:
    _add_analyse(parser)
    parser.set_defaults(format=("pdf",))


def _add_picture(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="a PNG or JPEG picture of one beat")
    parser.add_argument("--model", default=DEFAULT_MODEL, help="the network (default: %(default)s)")
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="default: standard output")
    parser.add_argument(
        "--heatmap", type=Path, metavar="DIR", help="write where the network looked, one PNG per picture"
    )
    parser.set_defaults(command=_picture)


def _add_digitise(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="a PNG, JPEG, WebP or PDF of one page")
    parser.add_argument("--output", type=Path, default=Path(), metavar="DIR", help="where PAGE.hea, .dat, .json go")
    parser.add_argument("--page", type=int, default=1, metavar="N", help="which page of a PDF (default: %(default)s)")
    parser.add_argument("--speed", type=float, choices=(25.0, 50.0), help="mm/s, where the page does not say")
    parser.add_argument("--gain", type=float, choices=(5.0, 10.0, 20.0), help="mm/mV, where the page does not say")
    parser.add_argument("--layout", metavar="NAME", help="3x4, 3x4+1, 3x4+3, 4x3, 6x2, 6x2+1, 12x1, ...")
    parser.set_defaults(command=_digitise)


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", required=True, help="the network: vgg16, cnn, ... (the modules of models/)")
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
        "--epochs", type=_count, metavar="N", help="a smaller budget: one run of N epochs instead of two averaged ones"
    )
    parser.add_argument(
        "--pictures", type=_count, metavar="N", help="so many recorded beats per epoch (default: 14800)"
    )
    parser.add_argument("--tune", type=_count, metavar="N", help="look for settings in N trials on held-out patients")
    parser.set_defaults(command=_train)


def _add_evaluate(parser: argparse.ArgumentParser) -> None:
    work = parser.add_mutually_exclusive_group(required=True)
    work.add_argument("--model", help="the network")
    work.add_argument("--all", action="store_true", help="everything of every network: DS2, svdb, class sets, stress")
    work.add_argument("--compare", nargs=2, metavar="NAME", help="two networks, from their saved evaluations")
    parser.add_argument(
        "--data", type=Path, metavar="DIR", help="the records, or the folder of mitdb/ (default: HEARTVISION_DATA)"
    )
    parser.add_argument("--stress", action="store_true", help="score sampled beats of DS2 amid noise and lost leads")
    parser.add_argument(
        "--uncertainty", action="store_true", help="add class sets with a promise, calibrated on patients of svdb"
    )
    parser.add_argument(
        "--explanations", type=_count, nargs="?", const=20, metavar="N",
        help="measure how far the heatmaps can be believed, on N beats of each class (default: %(const)s)",
    )  # fmt: skip
    parser.add_argument("--split", default="ds2", choices=("ds1", "ds2", "svdb"), help="default: %(default)s")
    parser.add_argument("--output", type=Path, metavar="FILE.json", help="default: beside the network's weights")
    parser.set_defaults(command=_evaluate)


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="DATABASE", help="default: all")
    parser.add_argument("--check", action="store_true", help="only verify what is there")
    parser.add_argument("--statistics", action="store_true", help="write the statistics that the Dataset page shows")
    parser.set_defaults(command=_data)


def _analyse(options: argparse.Namespace) -> int:
    from pipeline.intake.content import safe_name

    names = [safe_name(path.name.rsplit(".", 1)[0]) for path in options.records]
    if len(set(names)) != len(names):
        _say("Two recordings of this call have the same name; give them to separate calls with separate --output.")
        return BAD_USE
    csv = _csv_options(options)
    if csv is None and any(path.suffix.lower() in (".csv", ".tsv", ".txt") for path in options.records):
        _say("A CSV file does not say its sampling frequency and unit; give --fs and --unit.")
        return BAD_USE
    load = _loader(options.model)
    refused = 0
    with _progress(len(options.records)) as steps:
        for path, progress in zip(options.records, steps, strict=True):
            try:
                _analyse_one(path, options, csv, load, progress)
            except EcgError as error:
                refused += 1
                _say(f"{_label(path)}: {error}")
    return REFUSED if refused else OK


def _analyse_one(
    path: Path, options: argparse.Namespace, csv: CsvOptions | None, load: Callable[[], Classifier], progress: Progress
) -> None:
    from pipeline.analysis import classify, prepare
    from pipeline.intake import read_path

    progress(0.0, f"Reading {_label(path)}")
    prepared = prepare(read_path(path, csv=csv), leads=options.leads)
    analysis = classify(prepared, load(), progress=progress)
    content = _unreviewed(prepared.recording, analysis) if {"pdf", "fhir"} & set(options.format) else None
    for name in options.format:
        target = options.output / f"{analysis.record}{_ENDINGS[name]}"
        if target.exists() and target.resolve() == path.resolve():
            raise EcgError("The result would overwrite the recording; choose another --output.")
        _write(name, analysis, content, target)


def _write(name: str, analysis: Analysis, content: ReportContent | None, target: Path) -> None:
    from pipeline import export

    if content is None or name not in ("pdf", "fhir"):
        writers = {"json": export.write_json, "csv": export.write_csv, "atr": export.write_atr}
        writers[name](analysis, target)
        return
    from pipeline.export.fhir import write_fhir
    from pipeline.export.report_pdf import write_pdf

    (write_pdf if name == "pdf" else write_fhir)(content, target)


def _unreviewed(recording: Recording, analysis: Analysis) -> ReportContent:
    """The model's answer alone, as a report that nobody has reviewed."""
    from models import registry
    from pipeline.export.report import report_content
    from pipeline.review.beats import reviewed_beats
    from pipeline.review.ground import ground_of

    beats = reviewed_beats(analysis, (), ground_of(recording, analysis))
    trained_on = registry.manifest(analysis.model).trained_on
    return report_content(recording, analysis, beats, created=datetime.now(UTC), trained_on=trained_on)


def _picture(options: argparse.Namespace) -> int:
    from models import registry
    from pipeline import export

    load = _loader(options.model)
    answers = []
    with _progress(len(options.images)) as steps:
        for number, (path, progress) in enumerate(zip(options.images, steps, strict=True), 1):
            progress(0.0, f"Reading {_label(path)}")
            answers.append(_picture_answer(path, load, options.heatmap, number))
            progress(1.0, f"Reading {_label(path)}")
    content = {"pictures": answers, "model": options.model, "version": registry.manifest(options.model).version}
    if options.output is None:
        sys.stdout.write(export.dump_json(content).decode("utf-8"))
    else:
        export.write_bytes(options.output, export.dump_json(content))
    return REFUSED if any(answer["class"] is None for answer in answers) else OK


def _digitise(options: argparse.Namespace) -> int:
    from pipeline.page.layouts import LAYOUTS

    if options.layout is not None and options.layout not in LAYOUTS:
        _say(f"There is no layout {options.layout!r}; there are {', '.join(LAYOUTS)}.")
        return BAD_USE
    refused = 0
    with _progress(len(options.images)) as steps:
        for path, progress in zip(options.images, steps, strict=True):
            progress(0.0, f"Reading {_label(path)}")
            try:
                refused += not _digitise_one(path, options)
            except EcgError as error:
                refused += 1
                _say(f"{_label(path)}: {error}")
    return REFUSED if refused else OK


def _digitise_one(path: Path, options: argparse.Namespace) -> bool:
    """Whether a page became a recording; its facts are written either way."""
    from pipeline import export
    from pipeline.export.record import write_record
    from pipeline.intake.content import file_stem, safe_name
    from pipeline.page.command import digitise_file
    from pipeline.page.digitise import Corrections

    given = Corrections(speed=options.speed, gain=options.gain, layout=options.layout)
    recording, facts = digitise_file(path, given, page=options.page - 1)
    name = safe_name(file_stem(path.name), default="page")
    export.write_bytes(options.output / f"{name}.page.json", export.dump_json(facts))
    if recording is None:
        _say(f"{_label(path)}: " + (facts.get("reason") or " ".join(facts["questions"])))
        return False
    write_record(recording, options.output)
    return True


def _picture_answer(path: Path, load: Callable[[], Classifier], heatmaps: Path | None, number: int) -> dict[str, Any]:
    from models.pictures import load_head
    from pipeline.intake import read_picture_file
    from pipeline.intake.batch import PictureFile
    from pipeline.labels import AAMI_CLASSES
    from pipeline.pictures import beat_picture, classify_traces, read_beat, threshold_of

    answer: dict[str, Any] = {"picture": str(path), "status": "unclassified", "reason": "", "class": None, "p": None}
    answer |= {"abnormal": None, "threshold": None, "confidence": 0.0}
    try:
        head = load_head()
        trace = read_beat(PictureFile(path.name, read_picture_file(path)), head)
    except ModelError:
        raise
    except EcgError as error:
        _say(f"{_label(path)}: {error}")
        return answer | {"reason": str(error)}
    classifier = load()
    found = classify_traces([trace], head, classifier)[0]
    assert found.p is not None
    assert found.aami is not None
    p = [round(float(value), 6) for value in found.p]
    if heatmaps is not None:
        _write_heatmap(classifier, beat_picture(trace), found.aami, heatmaps / f"{number:03d}_{trace.name}.png")
    return answer | {
        "status": "classified",
        "class": found.aami,
        "p": dict(zip(AAMI_CLASSES, p, strict=True)),
        "abnormal": round(1.0 - p[0], 6),
        "threshold": threshold_of(head, classifier),
        "confidence": max(p),
    }


def _write_heatmap(classifier: Classifier, picture: Any, aami: str, path: Path) -> None:
    from pipeline.config import DEFAULT
    from pipeline.export import heat_overlay, write_png
    from pipeline.pictures import heat_of

    found = heat_of(classifier, picture, aami)
    write_png(heat_overlay(picture, found.values, rows=DEFAULT.picture.beat_height_px), path)


def _train(options: argparse.Namespace) -> int:
    from models.networks import NETWORKS
    from pipeline.train.train import DEFAULT_PLAN, run, run_random_split

    if options.model == "pictures":
        return _train_pictures(options)
    if options.model == "page" or _is_folder(options.data):
        return _train_on_pictures_of_a_folder(options)
    if options.model not in NETWORKS:
        _say(f"There is no network {options.model!r}; there are {', '.join(NETWORKS)}.")
        return BAD_USE
    whole = NETWORKS[options.model].reads == "beats"
    if whole and (options.tune or options.random_split or options.epochs or options.pictures):
        _say(f"Network {options.model!r} learns from whole recordings: only --data and --output apply to it.")
        return BAD_USE
    with _progress(1) as steps:
        where = (options.model, options.data, options.output)
        if whole:
            from pipeline.train import rhythm

            written = rhythm.run(options.data, options.output, name=options.model, progress=next(steps))
        elif options.tune:
            from pipeline.train.tune import tune

            written = tune(options.model, options.tune, options.data, progress=next(steps))
        elif options.random_split:
            written = run_random_split(*where, progress=next(steps))
        else:
            plan = DEFAULT_PLAN.reduced(options.epochs, options.pictures)
            written = run(*where, plan=plan, progress=next(steps))
    sys.stdout.write(f"{written}\n")
    return OK


def _is_folder(data: Path | None) -> bool:
    from pipeline.datasets.folders import is_folder_dataset

    return data is not None and data.is_dir() and is_folder_dataset(data)


def _train_on_pictures_of_a_folder(options: argparse.Namespace) -> int:
    """The page network on the public pages, or any picture network on a folder of the user's."""
    if options.random_split or options.epochs or options.pictures or (options.model == "page" and options.tune):
        _say("Only --data, --output and (but for --model page) --tune apply to folders of pictures.")
        return BAD_USE
    with _progress(1) as steps:
        if options.model == "page":
            from pipeline.train.pages import run

            command = "python -m pipeline train --model page" + (f" --data {options.data}" if options.data else "")
            written = run(options.data, options.output, progress=next(steps), command=command)
        else:
            from pipeline.train.folders import run_folder

            tune = options.tune or 0
            written = run_folder(options.model, options.data, options.output, tune=tune, progress=next(steps))
    sys.stdout.write(f"{written}\n")
    return OK


def _train_pictures(options: argparse.Namespace) -> int:
    from pipeline.train import beat_pictures

    with _progress(1) as steps:
        written = beat_pictures.run(options.data, options.output, progress=next(steps))
    sys.stdout.write(f"{written}\n")
    return OK


def _evaluate(options: argparse.Namespace) -> int:
    if options.compare:
        return _compare(options)
    if options.model == "pictures":
        return _evaluate_pictures(options)
    from pipeline.config import data_root

    jobs = _every_evaluation(options) if options.all else [options]
    with _progress(len(jobs)) as steps:
        for job, progress in zip(jobs, steps, strict=True):
            sys.stdout.write(f"{_evaluated(job, job.data or data_root(), progress)}\n")
    return OK


def _evaluate_pictures(options: argparse.Namespace) -> int:
    from pipeline.evaluate.pictures import evaluate_pictures

    with _progress(1) as steps:
        written = evaluate_pictures(data_dir=options.data, output=options.output, progress=next(steps))
    sys.stdout.write(f"{written}\n")
    return OK


def _every_evaluation(options: argparse.Namespace) -> list[argparse.Namespace]:
    """What --all stands for, in an order in which each finds what it needs."""
    from models.registry import available

    usual = {**vars(options), "all": False, "output": None, "stress": False, "uncertainty": False}
    usual |= {"explanations": None}
    kinds: tuple[dict[str, Any], ...] = ({"split": "ds2"}, {"split": "svdb"}, {"uncertainty": True}, {"stress": True})
    asked = [usual | {"model": name} | kind for name in available() for kind in kinds]
    return [argparse.Namespace(**job) for job in asked if not _taught_by_what_it_tests(job)]


def _taught_by_what_it_tests(job: dict[str, Any]) -> bool:
    """Whether an evaluation on svdb, or class sets calibrated there, is of a network that its patients taught."""
    from models.networks import NETWORKS

    return NETWORKS[job["model"]].taught_by == "svdb" and (job["split"] == "svdb" or job["uncertainty"])


def _evaluated(options: argparse.Namespace, data: Path, progress: Progress) -> Path:
    if options.stress:
        from pipeline.evaluate.stress import stress

        return stress(options.model, data, options.output, progress=progress)
    if options.explanations:
        from pipeline.evaluate.explanations import explanations

        return explanations(options.model, data, options.output, per_class=options.explanations, progress=progress)
    from pipeline.evaluate.run import evaluate, evaluate_uncertainty

    if options.uncertainty:
        return evaluate_uncertainty(options.model, data, options.output, progress=progress)
    return evaluate(options.model, data, options.split, options.output, progress=progress)


def _compare(options: argparse.Namespace) -> int:
    from models.registry import WEIGHTS
    from pipeline.evaluate.compare import as_text, compare
    from pipeline.evaluate.saved import evaluation_file, read_evaluation

    first, second = (read_evaluation(evaluation_file(name, options.split, WEIGHTS)) for name in options.compare)
    for kind in ("reference", "detected"):
        sys.stdout.write(f"{options.split} at {kind} beats, {' against '.join(options.compare)}\n")
        sys.stdout.write(as_text(compare(first[kind], second[kind])))
    return OK


def _data(options: argparse.Namespace) -> int:
    from pipeline.datasets.command import run_data

    return run_data(check=options.check, statistics=options.statistics, names=tuple(options.names))


def _loader(name: str) -> Callable[[], Classifier]:
    """Loads the network on the first call and checks that it reads our pictures; the manifest is checked now."""
    from models import registry

    registry.manifest(name)
    loaded: list[Classifier] = []

    def load() -> Classifier:
        if not loaded:
            from pipeline.analysis import check_classifier
            from pipeline.config import DEFAULT

            classifier = registry.load(name)
            check_classifier(classifier, DEFAULT)
            loaded.append(classifier)
        return loaded[0]

    return load


def _csv_options(options: argparse.Namespace) -> CsvOptions | None:
    from pipeline.intake import CsvOptions

    return None if options.fs is None or options.unit is None else CsvOptions(options.fs, options.unit)


def _formats(text: str) -> tuple[str, ...]:
    chosen = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    if unknown := [name for name in chosen if name not in FORMATS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is not one of {', '.join(FORMATS)}")
    return chosen


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _names(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


@contextmanager
def _progress(count: int) -> Iterator[Iterator[Progress]]:
    """One progress function per step, drawn as a bar on stderr if that is a terminal."""
    if not sys.stderr.isatty():
        yield iter([lambda fraction, sentence: None] * count)
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=float(count))

        def step(index: int) -> Progress:
            return lambda fraction, sentence: bar.update(task, completed=index + fraction, description=escape(sentence))

        yield (step(index) for index in range(count))


def _label(path: Path) -> str:
    """A file name of the user's for stderr, without control characters."""
    return "".join(c if c.isprintable() else "?" for c in path.name)


def _say(sentence: str) -> None:
    """One line on stderr, whatever its encoding."""
    encoding = sys.stderr.encoding or "utf-8"
    sys.stderr.write(sentence.encode(encoding, "backslashreplace").decode(encoding) + "\n")
