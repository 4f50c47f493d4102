"""Every network that comes with HeartVision in every export format: read in a new process, compared, measured.

python -m benchmarks.exports [NETWORK ...] writes docs/experiments/exports.json after each network; rows of others stay.
docs/make_numbers.py makes the table of docs/use-and-export.md from it.
"""

from __future__ import annotations

import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks.results import ExportedFormat, Exports
from models import export
from models.registry import available
from pipeline._util.files import write_json
from pipeline._util.provenance import Provenance, current_commit, now
from pipeline._util.typed_json import read_as, to_json
from pipeline.config import ROOT
from pipeline.errors import DataError, ModelError
from pipeline.image_folders.exporting import Source, export_network, source_of

FILE: Final = ROOT / "docs" / "experiments" / "exports.json"
RUNTIMES: Final = {
    "keras": "keras",
    "h5": "keras",
    "savedmodel": "tensorflow",
    "tflite": "ai-edge-litert",
    "onnx": "onnxruntime",
}


def measure(network: str, source: Source, form: str, folder: Path) -> ExportedFormat:
    """One network in one format; why not, where it cannot be."""
    path = folder / f"{network}{export.SUFFIXES[form] or '-graph'}"
    runtime = f"{RUNTIMES[form]} {version(RUNTIMES[form])}"
    try:
        told = export_network(source, form, path)
    except ModelError as error:
        return ExportedFormat(network, form, runtime, 0, 0, None, str(error))
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    return ExportedFormat(network, form, runtime, size, told.compared.inputs, told.compared.largest_difference, "")


def main() -> int:
    """Measures the networks that are named, or all."""
    names = sys.argv[1:] or [*available(), "page"]
    for name in names:
        source = source_of(name, None)
        with tempfile.TemporaryDirectory(prefix="heartvision-") as folder:
            rows = [measure(name, source, form, Path(folder)) for form in export.SUFFIXES]
        for row in rows:
            print(row.network, row.format, row.refused or f"{row.largest_difference:.1e}")
        _write(name, rows)
    return 0


def _write(name: str, rows: list[ExportedFormat]) -> None:
    try:
        before = read_as(Exports, FILE, again="").rows
    except DataError:
        before = ()
    made = Provenance("python -m benchmarks.exports", current_commit(), "inputs of the networks' self-tests", now())
    kept = tuple(row for row in before if row.network != name)
    write_json(FILE, to_json(Exports(made, export.TOLERANCE, (*kept, *rows))))


if __name__ == "__main__":
    sys.exit(main())
