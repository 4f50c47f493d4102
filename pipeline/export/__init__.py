"""What is taken away: JSON, CSV, WFDB annotations, pictures; each file whole or not at all."""

from pipeline.export.annotations import ANNOTATOR, write_atr
from pipeline.export.pictures import heat_overlay, write_png
from pipeline.export.tables import dump_json, safe_cell, table_bytes, to_json, write_csv, write_json

__all__ = [
    "ANNOTATOR",
    "dump_json",
    "heat_overlay",
    "safe_cell",
    "table_bytes",
    "to_json",
    "write_atr",
    "write_csv",
    "write_json",
    "write_png",
]
