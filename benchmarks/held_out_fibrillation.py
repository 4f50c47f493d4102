"""Fibrillation found by rules that were chosen without its record: `python -m benchmarks.held_out_fibrillation`.

Some constants of the rules around the waveform detector were chosen with vfdb in view. Here they are chosen anew for
each record with fibrillation or flutter, on all others (`FAMILIES`: which constants, and their candidates), and that
record is read with them, by detectors that were not trained on it (`runs/rhythms`). The choice is the candidate that
finds most episodes of 4 s and more of the other records, and of these the one with the fewest seconds named falsely; if
several are equal, the first, which is the rule as it was before vfdb/422 was looked at. `--write` saves what is found
in docs/experiments/held_out_fibrillation.json.
"""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import product
from typing import Any, Final
from unittest.mock import patch

from models.detectors import detectors_from
from pipeline._util.files import write_json
from pipeline._util.provenance import current_commit
from pipeline.analysis import analyse, load_classifier
from pipeline.config import RECORDING_NETWORK, ROOT, data_root
from pipeline.datasets.rhythm_references import read_rhythms
from pipeline.evaluation.held_out_detectors import readers
from pipeline.evaluation.rhythm_scores import TARGETS, episode_count, graded, time_counts, time_matrix
from pipeline.intake import read_path

REPORT: Final = ROOT / "docs" / "experiments" / "held_out_fibrillation.json"
MORE: Final = ("mitdb/207",)
AFTER, VENTRICULAR, USUAL = (f"pipeline.rhythm.{name}" for name in ("after_fibrillation", "ventricular", "usual_beats"))
Setting = tuple[tuple[str, str, float], ...]
"""Values of constants: module, name, value."""
# In each family, the first candidate of each constant is the rule before vfdb/422 was looked at.
FAMILIES: Final[Mapping[str, Mapping[tuple[str, str], Sequence[float]]]] = {
    "what ends fibrillation": {(AFTER, "BEATS"): (1, 2, 3), (AFTER, "WAVES_MV"): (0.15, 0.1, 0.2)},
    "what a second needs": {(AFTER, "BEATS"): (1,), (VENTRICULAR, "NEEDED"): (-1.4, -2.0, -0.8)},
    "what joins two episodes": {(AFTER, "BEATS"): (1,), (USUAL, "GAP_S"): (40, 20, 80)},
}
EPISODES: Final = next(target for target in TARGETS if target.name == "VF_VFL_4s")
TIME: Final = next(target for target in TARGETS if target.name == "shockable")


def main() -> None:
    """Read, choose, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/experiments/held_out_fibrillation.json")
    write = parser.parse_args().write
    report: dict[str, Any] = {
        "command": "python -m benchmarks.held_out_fibrillation --write",
        "commit": current_commit(),
    }
    for family, constants in FAMILIES.items():
        results = {setting: dict(_read(setting)) for setting in _settings(constants)}
        report[family] = _chosen(results)
        print(family, report[family], flush=True)
    if write:
        write_json(REPORT, report)


def _settings(constants: Mapping[tuple[str, str], Sequence[float]]) -> list[Setting]:
    values = product(*constants.values())
    return [tuple((*key, value) for key, value in zip(constants, some, strict=True)) for some in values]


def _records() -> list[str]:
    return [*(f"vfdb/{file.stem}" for file in sorted((data_root() / "vfdb").glob("*.hea"))), *MORE]


def _read(setting: Setting) -> Iterator[tuple[str, tuple[int, int, float]]]:
    """Yield each record with its annotated episodes, those found, and the seconds that are falsely named."""
    classifier = load_classifier(RECORDING_NETWORK)
    for record in _records():
        path = data_root() / record
        reference = read_rhythms(path, record.partition("/")[0])
        with ExitStack() as stack:
            for module, name, value in setting:
                stack.enter_context(patch.object(importlib.import_module(module), name, value))
            stack.enter_context(detectors_from(readers(record).places))
            named = analyse(read_path(path), classifier).rhythm
        count = episode_count(reference.episodes, named, EPISODES)
        counts = time_counts(time_matrix(graded(reference.episodes), named), TIME)
        yield record, (count.annotated, count.found, float(counts[2]))


def _chosen(results: Mapping[Setting, Mapping[str, tuple[int, int, float]]]) -> dict[str, Any]:
    """Choose for each record with episodes on all others; the order of the settings decides between equals."""
    records = next(iter(results.values()))
    rows = {}
    for record in records:
        annotated = records[record][0]
        if not annotated:
            continue
        best = min(results, key=lambda setting: _cost(results[setting], record))
        equal = [setting for setting in results if _cost(results[setting], record) == _cost(results[best], record)]
        rows[record] = {
            "annotated": annotated,
            "found": results[best][record][1],
            "chosen": _told(best),
            "as good elsewhere": [_told(setting) for setting in equal[1:]],
            "found by these": [results[setting][record][1] for setting in equal[1:]],
        }
    return {
        "annotated": sum(row["annotated"] for row in rows.values()),
        "found": sum(row["found"] for row in rows.values()),
        "records": rows,
        "all": {
            str(_told(setting)): {
                "found": sum(found for _, found, _ in of.values()),
                "falsely named, s": round(sum(false_s for _, _, false_s in of.values()), 1),
            }
            for setting, of in results.items()
        },
    }


def _cost(of: Mapping[str, tuple[int, int, float]], without: str) -> tuple[int, float]:
    others = [counts for record, counts in of.items() if record != without]
    return -sum(found for _, found, _ in others), round(sum(false_s for _, _, false_s in others))


def _told(setting: Setting) -> dict[str, float]:
    return {name: value for _, name, value in setting}


if __name__ == "__main__":
    main()
