"""Untrusted bytes in, recordings and pictures out: limits first, one reader per format."""

from pipeline.intake.content import TABLE_ENDINGS, file_ending
from pipeline.intake.csv_reader import CSV_UNITS, CsvOptions, CsvTable, describe_csv
from pipeline.intake.csv_roles import ColumnRole
from pipeline.intake.picture_reader import count_pages, read_picture
from pipeline.intake.uploads import read_all, read_path, read_picture_file, read_uploads

__all__ = [
    "CSV_UNITS",
    "TABLE_ENDINGS",
    "ColumnRole",
    "CsvOptions",
    "CsvTable",
    "count_pages",
    "describe_csv",
    "file_ending",
    "read_all",
    "read_path",
    "read_picture",
    "read_picture_file",
    "read_uploads",
]
