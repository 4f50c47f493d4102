"""`page`: pictures of 12-lead pages in; their class and WFDB recordings out."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline._util.files import write_bytes
from pipeline.cli.shared import BAD_USE, OK, REFUSED, differ, label, positive, progress_bars, say
from pipeline.errors import EcgError


def add_page(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `page`."""
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="a PNG, JPEG, WebP or PDF of one page")
    parser.add_argument("--output", type=Path, default=Path(), metavar="DIR", help="where PAGE.hea, .dat, .json go")
    parser.add_argument(
        "--page", type=positive, default=1, metavar="N", help="which page of a PDF (default: %(default)s)"
    )
    parser.add_argument("--speed", type=float, choices=(25.0, 50.0), help="mm/s, where the page does not say")
    parser.add_argument("--gain", type=float, choices=(5.0, 10.0, 20.0), help="mm/mV, where the page does not say")
    parser.add_argument("--layout", metavar="NAME", help="3x4, 3x4+1, 3x4+3, 4x3, 6x2, 6x2+1, 12x1, ...")
    parser.set_defaults(command=_pages)


def _pages(options: argparse.Namespace) -> int:
    from pipeline.digitisation.layouts import LAYOUTS

    if options.layout is not None and options.layout not in LAYOUTS:
        say(f"There is no layout {options.layout!r}; there are {', '.join(LAYOUTS)}.")
        return BAD_USE
    if not differ([_page(path) for path in options.images], "pages"):
        return BAD_USE
    refused = 0
    with progress_bars(len(options.images)) as steps:
        for path, progress in zip(options.images, steps, strict=True):
            progress(0.0, f"Reading {label(path)}")
            try:
                refused += not _one_page(path, options)
            except EcgError as error:
                refused += 1
                say(f"{label(path)}: {error}")
    return REFUSED if refused else OK


def _one_page(path: Path, options: argparse.Namespace) -> bool:
    """Tell whether a page became a recording; its facts are written either way."""
    from pipeline.cli.page_command import digitise_file
    from pipeline.digitisation.digitise import Corrections
    from pipeline.export import dump_json
    from pipeline.export.wfdb_record import write_record

    given = Corrections(speed=options.speed, gain=options.gain, layout=options.layout)
    recording, facts = digitise_file(path, given, page=options.page - 1)
    write_bytes(options.output / f"{_page(path)}.page.json", dump_json(facts))
    if recording is None:
        say(f"{label(path)}: " + (facts.get("reason") or " ".join(facts["questions"])))
        return False
    write_record(recording, options.output)
    return True


def _page(path: Path) -> str:
    """Return what the results of a page are called."""
    from pipeline.intake.content import file_stem, safe_name

    return safe_name(file_stem(path.name), default="page")
