"""Makes data/checksums/*.txt from the databases in `data_root()`.

    python data/make_checksums.py

Headers are hashed with line feeds only, whatever line ends a copy has. For mitdb every file is first compared with the
publisher's own SHA256SUMS.txt, whose headers end their lines with CR LF.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from pipeline.config import ROOT, data_root
from pipeline.datasets import CATALOGUE
from pipeline.datasets.verify import digest_of
from pipeline.errors import DataError

ENDINGS = (".atr", ".dat", ".ecg", ".hea")


def main() -> None:
    """Writes one list per database."""
    for name in CATALOGUE:
        folder = data_root() / name
        files = sorted(path for path in folder.iterdir() if path.suffix in ENDINGS)
        _compare_with_publisher(folder, files)
        lines = [f"{digest_of(path)}  {path.name}\n" for path in files]
        target = ROOT / "data" / "checksums" / f"{name}.txt"
        target.write_text("".join(lines), encoding="ascii", newline="\n")
        sys.stdout.write(f"{target.name}: {len(lines)} files\n")


def _compare_with_publisher(folder: Path, files: list[Path]) -> None:
    published = folder / "SHA256SUMS.txt"
    if not published.is_file():
        return
    expected = dict(reversed(line.split(maxsplit=1)) for line in published.read_text(encoding="ascii").splitlines())
    for path in files:
        payload = path.read_bytes()
        if path.suffix == ".hea":
            payload = payload.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
        if hashlib.sha256(payload).hexdigest() != expected[path.name]:
            raise DataError(f"{path} differs from what its publisher lists in SHA256SUMS.txt.")


if __name__ == "__main__":
    main()
