"""`page`: pictures of ECG pages in; their class and WFDB recordings out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline._util.files import write_bytes
from pipeline.cli.shared import BAD_USE, OK, REFUSED, differ, label, name_list, positive, progress_bars, say
from pipeline.errors import EcgError, IntakeError

if TYPE_CHECKING:
    from pipeline.digitisation.corrections import Corrections
    from pipeline.digitisation.digitise import Digitised
    from pipeline.image_folders.predicting import TrainedRun
    from pipeline.types import Recording

_GAINS = ("5", "10", "20")
_OPTIONS = {"grid": "", "speed": "--speed", "gain": "--gain", "layout": "--layout", "strip": "--leads"}


def add_page(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `page`."""
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="a PNG, JPEG, WebP or PDF of one page")
    parser.add_argument("--output", type=Path, default=Path(), metavar="DIR", help="where PAGE.hea, .dat, .json go")
    parser.add_argument(
        "--page", type=positive, default=1, metavar="N", help="which page of a PDF (default: %(default)s)"
    )
    parser.add_argument("--speed", type=float, choices=(25.0, 50.0), help="mm/s, where the page does not say")
    parser.add_argument(
        "--gain", type=_gain, metavar="{5,10,20,10/5,20/10}",
        help="mm/mV, where the page does not say; limb/chest leads where they differ",
    )  # fmt: skip
    parser.add_argument("--layout", metavar="NAME", help="3x4, 3x4+1, 6x2 Cabrera, 12x1, 3x1, one lead, ...")
    parser.add_argument(
        "--leads", type=name_list, default=(), metavar="LEAD,...",
        help="leads that the page does not name: of its strips, of the rows of 3x1, or of one lead",
    )  # fmt: skip
    parser.add_argument("--model", metavar="RUN", help="a run trained on pages of your own names the class instead")
    parser.set_defaults(command=_pages)


def _gain(text: str) -> tuple[float, float | None]:
    """Parse a gain, or that of the limb leads and that of the chest leads."""
    parts = text.split("/")
    if len(parts) > 2 or any(part.removesuffix(".0") not in _GAINS for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(_GAINS)} mm/mV, nor two of them as in 10/5")
    return float(parts[0]), float(parts[1]) if len(parts) > 1 else None


def _pages(options: argparse.Namespace) -> int:
    from pipeline.digitisation.layouts import layout_names

    if options.layout is not None and options.layout not in layout_names():
        say(f"There is no layout {options.layout!r}; there are {', '.join(layout_names())}.")
        return BAD_USE
    if not differ([_page(path) for path in options.images], "pages"):
        return BAD_USE
    trained = _run_of(options.model)
    refused = 0
    with progress_bars(len(options.images)) as steps:
        for path, progress in zip(options.images, steps, strict=True):
            progress(0.0, f"Reading {label(path)}")
            try:
                refused += not _one_page(path, options, trained)
            except EcgError as error:
                refused += 1
                say(f"{label(path)}: {error}")
    return REFUSED if refused else OK


def _run_of(model: str | None) -> TrainedRun | None:
    """Load the run that names classes; None for the network that comes with HeartVision, also called "page"."""
    if model in (None, "page"):
        return None
    from pipeline.image_folders.predicting import find_run, load_run

    return load_run(find_run(str(model)))


def _one_page(path: Path, options: argparse.Namespace, trained: TrainedRun | None) -> bool:
    """Tell whether a page became a recording; its facts are written either way."""
    from pipeline.digitisation.corrections import Corrections
    from pipeline.export import dump_json
    from pipeline.export.wfdb_files import write_record

    gain, chest_gain = options.gain or (None, None)
    given = Corrections(
        speed=options.speed, gain=gain, chest_gain=chest_gain, layout=options.layout, leads=options.leads
    )
    recording, facts = digitise_file(path, given, page=options.page - 1, trained=trained)
    write_bytes(options.output / f"{_page(path)}.page.json", dump_json(facts))
    if recording is None:
        asked = zip(facts["questions"], facts["options"], strict=True)
        questions = " ".join(f"{question} ({option})" if option else question for question, option in asked)
        say(f"{label(path)}: {facts.get('reason') or questions}")
        return False
    write_record(recording, options.output)
    return True


def digitise_file(
    path: Path, given: Corrections, *, page: int = 0, trained: TrainedRun | None = None
) -> tuple[Recording | None, dict[str, Any]]:
    """Digitise one page on disk.

    Parameters
    ----------
    path : Path
        The file.
    given : Corrections
        What the user states by hand.
    page : int, optional
        Which page of a PDF document, from 0.
    trained : TrainedRun, optional
        The run that names the class; the network that comes with HeartVision if None.

    Returns
    -------
    tuple
        The recording, None while questions are open, and what was read, ready for JSON.

    Raises
    ------
    IntakeError
        If the file cannot be read, or is not a page.
    """
    from pipeline.digitisation.to_recording import read_page, to_recording

    found, name = read_page(path, given, page=page)
    facts = _facts(found) | (_class(found) if trained is None else _class_by_run(trained, found))
    if found.needs:
        return None, facts | {"status": "asks"}
    try:
        recording = to_recording(found, name=name)
    except IntakeError as error:
        return None, facts | {"status": "refused", "reason": str(error)}
    return recording, facts | {"status": "read", "record": recording.name, "leads": list(recording.leads)}


def _class(found: Digitised) -> dict[str, Any]:
    """Return the page network's answer; None with the reason where it has none."""
    from pipeline.page_classifier.reading import classify_digitised

    try:
        reading = classify_digitised(found)
    except EcgError as error:
        return {"class": None, "class_reason": str(error)}
    p = {name: round(value, 4) for name, value in reading.p.items()}
    answer = reading.class_name if reading.confident else None
    reason = "" if reading.confident else "no class is likely enough"
    return {"class": answer, "class_reason": reason, "p": p, "version": reading.model_version}


def _class_by_run(trained: TrainedRun, found: Digitised) -> dict[str, Any]:
    """Return the same of a run on a folder."""
    from pipeline.image_folders.predicting import answer_json, predict_pictures

    both = predict_pictures(trained, [("", found.picture, ""), ("", found.sheet.picture, "")])
    answer = next((each for each, _ in both if each.p is not None), both[0][0])  # as uploaded, or else its flat paper
    told = answer_json(answer, trained.run.classes)
    version = trained.classifier.version
    return {"class": told["class"], "class_reason": told["reason"], "p": told["p"], "version": version}


def _facts(found: Digitised) -> dict[str, Any]:
    return {
        "questions": [need.question for need in found.needs],
        "options": [_OPTIONS[need.about] for need in found.needs],
        "px_per_mm": [round(value, 3) for value in found.grid.px_per_mm],
        "skew_deg": round(found.grid.skew_deg, 2),
        "quarter_turns": found.quarter_turns,
        "rows": len(found.lanes),
        "layout": {"name": found.layout.name, "confidence": found.layout.confidence},
        "speed_mm_s": None if found.speed is None else found.speed.value,
        "gain_mm_mv": None if found.gain is None else found.gain.value,
        "chest_gain_mm_mv": None if found.chest_gain is None else found.chest_gain.value,
        "dark_screen": found.dark_screen,
    }


def _page(path: Path) -> str:
    """Return what the results of a page are called."""
    from pipeline.intake.content import file_stem, safe_name

    return safe_name(file_stem(path.name), default="page")
