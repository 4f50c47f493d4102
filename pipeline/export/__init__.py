"""Results as files: JSON, CSV, WFDB annotations, pictures; each file is written whole or not at all."""

from pipeline.export.analysis_files import (
    dump_json,
    rhythm_rows,
    safe_cell,
    table_bytes,
    to_json,
    write_analysis_json,
    write_csv,
    write_rhythm_csv,
)
from pipeline.export.pictures import heat_overlay, write_png
from pipeline.export.wfdb_files import ANNOTATOR, write_atr

__all__ = [
    "ANNOTATOR",
    "dump_json",
    "heat_overlay",
    "rhythm_rows",
    "safe_cell",
    "table_bytes",
    "to_json",
    "write_analysis_json",
    "write_atr",
    "write_csv",
    "write_png",
    "write_rhythm_csv",
]
