"""Atrial flutter and fibrillation in 10 s of twelve leads, against what readers stated; and what flutter never is.

`python -m benchmarks.flutter [--write]`. Every recording of ptbxl and cinc2021 is read end to end, and counts as what
most of its time is named. The second part asks how much of what lies between the QRS is one wave at a multiple of the
heart rate (`pipeline.rhythm.regular_flutter`) in recordings without flutter. `--write` saves all in
docs/experiments/flutter.json and in the page beside it.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipeline._util.files import write_bytes, write_json
from pipeline._util.provenance import current_commit
from pipeline.analysis import Prepared, analyse, load_classifier, prepare
from pipeline.config import RECORDING_NETWORK, ROOT, data_root
from pipeline.datasets.patients import read_ptbxl
from pipeline.errors import EcgError
from pipeline.intake import read_path
from pipeline.picture_sets.labelling import stated_rhythm
from pipeline.rhythm.context import RhythmContext
from pipeline.rhythm.find import breaks
from pipeline.rhythm.regular_flutter import wave_shares

PAGE: Final = ROOT / "docs" / "experiments" / "flutter.md"
MARKS: Final = ("<!-- flutter:start -->", "<!-- flutter:end -->")
WITHOUT: Final = ("mitdb", "svdb", "vfdb", "cinc2017")  # no regular flutter is annotated in them
GROUPS: Final = ("AFL", "AFIB")


@dataclass
class Counts:
    """Recordings of which readers state one rhythm, their patients, and what was named in most of their time."""

    recordings: int = 0
    patients: set[str] = field(default_factory=set)
    named: Counter[str] = field(default_factory=Counter)


def main() -> None:
    """Print the counts; `--write` saves them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="into docs/experiments/flutter.json and flutter.md")
    write = parser.parse_args().write
    report = {
        "command": "python -m benchmarks.flutter --write",
        "commit": current_commit(),
        "stated": {database: _stated(data_root() / database) for database in ("ptbxl", "cinc2021")},
        "waves_without_flutter": {database: _waves(data_root() / database) for database in WITHOUT},
    }
    tables = _tables(report)
    print(tables)
    if write:
        write_json(PAGE.with_suffix(".json"), report)
        head, rest = PAGE.read_text(encoding="utf-8").split(MARKS[0])
        write_bytes(PAGE, f"{head}{MARKS[0]}\n\n{tables}\n\n{MARKS[1]}{rest.split(MARKS[1])[1]}".encode())


def _stated(folder: Path) -> dict[str, Any]:
    """Count the recordings of a folder by what is stated and by what is named."""
    classifier, facts = load_classifier(RECORDING_NETWORK), read_ptbxl(folder)
    counts = {name: Counts() for name in (*GROUPS, "other")}
    for path in _headers(folder):
        fact = facts.get(path.stem)
        stated = fact.rhythm if fact else stated_rhythm(path.read_text("latin-1"))
        group = counts[stated if stated in GROUPS else "other"]
        try:
            episodes = analyse(read_path(path), classifier).rhythm
        except EcgError:
            continue
        seconds = dict.fromkeys((one.rhythm for one in episodes), 0.0)
        for episode in episodes:
            seconds[episode.rhythm] += episode.seconds
        most = max(seconds, key=lambda name: seconds[name])
        group.recordings += 1
        group.patients.add(fact.patient if fact else path.stem)
        group.named[most if most in GROUPS else "other"] += 1
    return {
        name: {"recordings": each.recordings, "patients": len(each.patients), "named": dict(sorted(each.named.items()))}
        for name, each in counts.items()
    }


def _waves(folder: Path) -> dict[str, Any]:
    """Find the most that any stretch of a folder's recordings has of a wave at a multiple of the rate."""
    most, where, hours = 0.0, "", 0.0
    for path in _headers(folder):
        try:
            prepared = prepare(read_path(path))
        except EcgError:
            continue
        hours += prepared.recording.duration_s / 3600
        found = float(wave_shares(_context(prepared)).share.max(initial=0.0))
        if found > most:
            most, where = found, path.stem
    return {"hours": round(hours, 1), "share": round(most, 2), "record": where}


def _context(prepared: Prepared) -> RhythmContext:
    """Return the beats of a recording, all of class N: ventricular runs are asked as well."""
    n, time_s = len(prepared.beats), prepared.beats.sample / prepared.recording.fs
    return RhythmContext(
        duration_s=prepared.recording.duration_s,
        time_s=time_s,
        symbol=np.full(n, "N"),
        trusted=np.ones(n, np.bool_),
        confidence=np.ones(n, np.float32),
        break_before=breaks(time_s, prepared.conditioned),
        conditioned=prepared.conditioned,
        leads=prepared.leads,
    )


def _headers(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*.hea") if not path.stem.endswith("_hr"))


def _tables(report: dict[str, Any]) -> str:
    lines = [
        "| database | stated | recordings | patients | named AFL | AFIB | other |",
        "|---|---|---|---|---|---|---|",
    ]
    for database, groups in report["stated"].items():
        for name, counts in groups.items():
            named = [str(counts["named"].get(each, 0)) for each in (*GROUPS, "other")]
            cells = (database, name, str(counts["recordings"]), str(counts["patients"]), *named)
            lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "| without flutter | hours | most of one wave, share | record |", "|---|---|---|---|"]
    for database, found in report["waves_without_flutter"].items():
        lines.append(f"| {database} | {found['hours']:g} | {found['share']:.2f} | {found['record']} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
