"""Untrusted bytes in, recordings and pictures out: limits first, one reader per format."""

from pipeline.intake.csv_reader import CSV_UNITS, CsvOptions
from pipeline.intake.uploads import read_path, read_uploads

__all__ = ["CSV_UNITS", "CsvOptions", "read_path", "read_uploads"]
