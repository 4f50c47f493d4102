"""Shared by all commands: exit codes, lists and counts as arguments, progress bars, one sentence on stderr."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pipeline._util.progress import Progress

if TYPE_CHECKING:
    from models.registry import Classifier
    from pipeline.intake import CsvOptions

OK, BAD_USE, REFUSED = 0, 2, 3
_FINISHED: Final = re.compile(  # `models.loop`, whose steps begin as its epochs do, and `pipeline.training.search`
    r"Epoch \d+/\d+ loss |Trial \d+ of \d+ (ended|stopped early)|\d+ of \d+ trials are kept"
)


class Command(argparse.ArgumentParser):
    """A command; the help of one that reads recordings lists their formats, which are looked up only then."""

    lists_formats = False

    def format_help(self) -> str:
        """Return the help, with the formats below it."""
        if self.lists_formats:
            from pipeline.intake.formats.table import format_list

            self.epilog = f"Recordings: {format_list()}. What a file is, is told from its content."
        return super().format_help()


def lists_formats(parser: argparse.ArgumentParser) -> None:
    """Let the help of a command list the formats of recordings."""
    if isinstance(parser, Command):
        parser.lists_formats = True


def positive(text: str) -> int:
    """Parse a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def name_list(text: str) -> tuple[str, ...]:
    """Parse names separated by commas."""
    return tuple(part.strip() for part in text.split(","))


def add_table_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a CSV file may leave unsaid: its sampling frequency, unit, leads and column of times."""
    parser.add_argument("--fs", type=float, metavar="HZ", help="sampling frequency of .csv files that do not say it")
    parser.add_argument(
        "--unit", metavar="UNIT", help="unit of .csv files that do not say it: mV, uV, V, nV or none (arbitrary)"
    )
    parser.add_argument(
        "--column",
        type=name_list,
        default=(),
        metavar="NAME[,NAME]",
        help="the columns of .csv files that are leads, by name or number from 1 (default: found)",
    )
    parser.add_argument(
        "--time-column",
        metavar="NAME",
        help="the column of times of .csv files, by name or number from 1; none if there is none (default: found)",
    )


def table_options(options: argparse.Namespace) -> CsvOptions:
    """Return what was stated about CSV files."""
    from pipeline.intake import CsvOptions

    return CsvOptions(options.fs, options.unit, options.column, options.time_column)


def loader(name: str) -> Callable[[], Classifier]:
    """Return a function that loads the network on its first call and checks its inputs; the manifest is checked now."""
    from models import registry

    registry.manifest(name)
    loaded: list[Classifier] = []

    def load() -> Classifier:
        if not loaded:
            from pipeline.analysis import load_classifier

            loaded.append(load_classifier(name))
        return loaded[0]

    return load


@contextmanager
def progress_bars(count: int) -> Iterator[Iterator[Progress]]:
    """Provide one progress function per step, drawn as a bar on stderr if that is a terminal.

    Each finished epoch of a training, and each trial of a search, is a line there with its loss, on a terminal or not.
    """
    if not sys.stderr.isatty():
        yield iter([_tell_finished] * count)
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=float(count))

        def step(index: int) -> Progress:
            def update(fraction: float, sentence: str) -> None:
                if _FINISHED.match(sentence):
                    bar.console.print(escape(sentence), highlight=False, soft_wrap=True)
                bar.update(task, completed=index + fraction, description=escape(sentence))

            return update

        yield (step(index) for index in range(count))


def _tell_finished(done: float, sentence: str) -> None:
    if _FINISHED.match(sentence):
        say(sentence)


def differ(names: Sequence[str], what: str) -> bool:
    """Tell whether all names differ, so that no result overwrites another; complain if they do not."""
    if len(set(names)) == len(names):
        return True
    say(f"Two {what} of this call have the same name; give them to separate calls with separate --output.")
    return False


def label(path: Path) -> str:
    """Return a user's file name for stderr, without control characters."""
    return "".join(c if c.isprintable() else "?" for c in path.name)


def say(sentence: str) -> None:
    """Write one line to stderr, whatever its encoding."""
    encoding = sys.stderr.encoding or "utf-8"
    sys.stderr.write(sentence.encode(encoding, "backslashreplace").decode(encoding) + "\n")
