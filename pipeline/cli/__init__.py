"""The command line: arguments in, exit codes out; one module per command, which imports what it needs on demand."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import pipeline
from pipeline.cli.analyse import add_analyse, add_report
from pipeline.cli.app import add_app
from pipeline.cli.backup import add_backup, add_restore, add_verify
from pipeline.cli.batch import add_batch, add_worklist
from pipeline.cli.convert import add_convert
from pipeline.cli.data import add_data
from pipeline.cli.evaluate import add_evaluate
from pipeline.cli.export import add_export
from pipeline.cli.images import add_images
from pipeline.cli.live import add_live
from pipeline.cli.page import add_page
from pipeline.cli.picture import add_picture
from pipeline.cli.predict import add_predict
from pipeline.cli.retention import add_erase, add_expire
from pipeline.cli.shared import BAD_USE, REFUSED, Command, say
from pipeline.cli.studies import add_studies
from pipeline.cli.train import add_train
from pipeline.errors import EcgError, ModelError, UsageError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns
    -------
    int
        0; 2 for bad use, including an unusable network or setting (argparse raises SystemExit(2) itself); 3 if an input
        was refused: one sentence for each on stderr, while the other inputs of the same call are still processed.
    """
    options = _parser().parse_args(arguments)
    try:
        code: int = options.command(options)
    except (ModelError, UsageError) as error:
        say(str(error))
        return BAD_USE
    except EcgError as error:
        say(str(error))
        return REFUSED
    except KeyboardInterrupt:
        say("Stopped.")
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    own = Path(sys.argv[0]).stem == "heartvision"  # the command of an installed copy
    prog = "heartvision" if own else "python -m pipeline"
    parser = argparse.ArgumentParser(prog=prog, description="HeartVision: every beat of an ECG, seen.")
    parser.add_argument("--version", action="version", version=f"heartvision {pipeline.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND", parser_class=Command)
    add_analyse(commands.add_parser("analyse", help="find and classify the beats of recordings"))
    add_report(commands.add_parser("report", help="write the report of a recording as PDF"))
    add_convert(commands.add_parser("convert", help="write a recording as WFDB, EDF, DICOM, HL7 aECG or CSV"))
    add_picture(commands.add_parser("picture", help="classify pictures of single beats"))
    add_page(commands.add_parser("page", help="classify pictures of 12-lead pages and turn them into recordings"))
    add_images(commands.add_parser("images", help="turn recordings into a folder of labelled pictures"))
    add_train(commands.add_parser("train", help="train a network on the public data"))
    add_evaluate(commands.add_parser("evaluate", help="score a network by the rules of AAMI EC57"))
    add_predict(commands.add_parser("predict", help="classify pictures with a run that was trained on a folder"))
    add_export(commands.add_parser("export", help="write a network for other software: Keras, TensorFlow, ONNX"))
    add_live(commands.add_parser("live", help="record and classify a live signal as it comes"))
    add_app(commands.add_parser("app", help="start the application in the browser"))
    add_batch(commands.add_parser("batch", help="analyse an archive of recordings, on this machine or a cluster"))
    add_studies(commands.add_parser("studies", help="take reviewed studies away: signed reports, tables, FHIR"))
    add_worklist(commands.add_parser("worklist", help="put what `batch` analysed on the worklist, most urgent first"))
    add_backup(commands.add_parser("backup", help="copy recordings, reviews and reports while the application runs"))
    add_verify(commands.add_parser("verify", help="check a backup, or the audit trail and signatures in use"))
    add_restore(commands.add_parser("restore", help="put a backup into an empty home"))
    add_expire(commands.add_parser("expire", help="delete recordings that are kept for too long"))
    add_erase(commands.add_parser("erase", help="erase who was recorded; decisions stay"))
    add_data(commands.add_parser("data", help="download and check the public databases"))
    return parser
