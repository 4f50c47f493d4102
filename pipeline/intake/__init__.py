"""Untrusted bytes in, recordings and pictures out: limits first, one reader per format.

A name is imported when it is first used: the list of formats, which `--help` prints, needs no reader.
"""

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.intake.archives import open_all, open_uploads
    from pipeline.intake.content import TABLE_ENDINGS, file_ending, is_archive
    from pipeline.intake.csv_reader import CSV_UNITS, CsvOptions, CsvTable, describe_csv
    from pipeline.intake.csv_roles import ColumnRole
    from pipeline.intake.opened import Opened
    from pipeline.intake.picture_reader import count_pages, read_picture
    from pipeline.intake.uploads import read_all, read_path, read_picture_file, read_uploads

__all__ = [
    "CSV_UNITS",
    "TABLE_ENDINGS",
    "ColumnRole",
    "CsvOptions",
    "CsvTable",
    "Opened",
    "count_pages",
    "describe_csv",
    "file_ending",
    "is_archive",
    "open_all",
    "open_uploads",
    "read_all",
    "read_path",
    "read_picture",
    "read_picture_file",
    "read_uploads",
]

_HOMES = MappingProxyType(  # all others are at home in the reader of CSV
    dict.fromkeys(("read_all", "read_path", "read_picture_file", "read_uploads"), "pipeline.intake.uploads")
    | dict.fromkeys(("count_pages", "read_picture"), "pipeline.intake.picture_reader")
    | dict.fromkeys(("TABLE_ENDINGS", "file_ending", "is_archive"), "pipeline.intake.content")
    | dict.fromkeys(("open_all", "open_uploads"), "pipeline.intake.archives")
    | {"ColumnRole": "pipeline.intake.csv_roles", "Opened": "pipeline.intake.opened"}
)


def __getattr__(name: str) -> object:
    """Return the public name from the module that owns it."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_HOMES.get(name, "pipeline.intake.csv_reader")), name)
    globals()[name] = found
    return found
