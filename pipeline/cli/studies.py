"""`studies`: the files of reviewed studies as one zip, signed reports as they were signed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipeline.cli.shared import OK, REFUSED, name_list, positive, say


def add_studies(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `studies`."""
    parser.add_argument(
        "numbers", type=positive, nargs="*", metavar="STUDY", help="numbers of studies (default: all that are signed)"
    )
    parser.add_argument("--output", type=Path, required=True, metavar="FILE.zip", help="a folder in it for each study")
    parser.add_argument(
        "--format", type=name_list, default=("pdf",), metavar="NAME[,NAME]",
        help="pdf, hv, csv, json, fhir.json, summary.pdf, full.pdf, tables.csv (default: pdf)",
    )  # fmt: skip
    parser.set_defaults(command=_studies)


def _studies(options: argparse.Namespace) -> int:
    from pipeline._util.files import write_bytes
    from pipeline.errors import UsageError
    from pipeline.export.study_files import REVIEWED, missing_from, studies_zip
    from pipeline.principal import LOCAL
    from pipeline.store.studies import signed_studies

    forms = {form.ending: form for form in REVIEWED}
    if unknown := [name for name in options.format if name not in forms]:
        raise UsageError(f"--format {unknown[0]!r} is not one of {', '.join(forms)}.")
    numbers = tuple(options.numbers) or signed_studies(reader=LOCAL)
    if not numbers:
        say("No study is signed; name studies by their numbers.")
        return REFUSED
    content = studies_zip(numbers, [forms[name] for name in options.format], reader=LOCAL)
    write_bytes(options.output, content)
    sentences = missing_from(content)
    for sentence in sentences:
        say(sentence)
    sys.stdout.write(f"{len(numbers) - len(sentences)} of {len(numbers)} studies in {options.output}\n")
    return REFUSED if sentences else OK
