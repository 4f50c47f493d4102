"""What annotators call the beat after an interpolated V: `python -m benchmarks.interpolated`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from pipeline.config import data_root
from pipeline.datasets.splits import DS1
from pipeline.labels import aami_class
from pipeline.rhythm.interpolated import after_interpolated
from pipeline.training.r_peaks import read


def counted(database: str, records: Iterable[str]) -> Counter[str]:
    """Classes of the beats that follow an interpolated V, by the reference."""
    found: Counter[str] = Counter()
    for record in records:
        recording = read(database, record)
        reference = recording.reference
        assert reference is not None
        symbol = np.array([aami_class(one) or "Q" for one in reference.symbol])
        after = after_interpolated(reference.sample / recording.fs, symbol, np.arange(symbol.size) == 0)
        found.update(symbol[after].tolist())
    return found


def main() -> None:
    """Print the counts by class."""
    svdb = sorted(path.stem for path in (data_root() / "svdb").glob("*.hea"))
    for name, records in {"mitdb": DS1, "svdb": svdb}.items():
        print(name, dict(counted(name, records)))


if __name__ == "__main__":
    main()
