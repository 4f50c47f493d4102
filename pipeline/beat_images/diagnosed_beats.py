"""Normal beats (N) of recordings without beat annotations, whose diagnoses name no other beats: LUDB and PTB-XL.

They bring what MIT-BIH has in few patients: bundle branch blocks, hypertrophy, infarction, in twelve leads.
"""

from __future__ import annotations

import ast
import csv
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np

from pipeline.analysis import prepare
from pipeline.beat_images.record_curves import Part, Windows, join_windows, part_of, windows_of
from pipeline.config import Config
from pipeline.errors import EcgError
from pipeline.intake import read_path
from pipeline.labels import AAMI_CLASSES

NORMAL: Final = AAMI_CLASSES.index("N")
OTHER_BEATS: Final = re.compile(r"extrasyst|pacemaker|pacing|WPW|preexcit", re.IGNORECASE)  # in a diagnosis of LUDB
OTHER_CODES: Final = frozenset({"PVC", "PAC", "PACE", "WPW", "PRC(S)", "BIGU", "TRIGU", "SVARR", "PSVT"})  # of PTB-XL
HEALTHY_EVERY: Final = 5  # recording called normal is taken, so that abnormal shapes are not rare


def load_normal(ludb: Windows | None, root: Path, config: Config) -> Windows | None:
    """Return the normal beats of LUDB and PTB-XL; None if neither is in `root`.

    Parameters
    ----------
    ludb : Windows or None
        All beats of LUDB.
    root : Path
        The folder of the databases.
    config : Config
        Settings of the pipeline.
    """
    first = None if ludb is None else normal_of_ludb(ludb, root / "ludb")
    parts = [part for file in recordings_of_ptbxl(root / "ptbxl") for part in _parts(file, config)]
    if not parts:
        return first
    second = windows_of(parts, config)
    return second if first is None else join_windows(first, second)


def normal_of_ludb(ludb: Windows, folder: Path) -> Windows:
    """Return the beats of recordings in whose headers in `folder` no diagnosis names other beats, labelled N."""
    others = [
        name
        for name in np.unique(ludb.record).tolist()
        if OTHER_BEATS.search((folder / f"{name.removeprefix('ludb ')}.hea").read_text("utf-8", errors="replace"))
    ]
    kept = ludb.at(~np.isin(ludb.record, others))
    return replace(kept, label=np.full_like(kept.label, NORMAL))


def recordings_of_ptbxl(folder: Path) -> Iterator[Path]:
    """Yield the headers of recordings whose statements name no other beats; of normal ones, every fifth."""
    table, healthy = folder / "ptbxl_database.csv", 0
    if not table.is_file():
        return
    with table.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    for row in rows:
        file, codes = folder / f"{row['filename_lr']}.hea", set(ast.literal_eval(row["scp_codes"]))
        if row["extra_beats"] or codes & OTHER_CODES or not file.is_file():
            continue
        healthy += "NORM" in codes
        if "NORM" not in codes or healthy % HEALTHY_EVERY == 0:
            yield file


def _parts(file: Path, config: Config) -> Iterator[Part]:
    """Yield the beats of a 12-lead recording lead by lead; they are found in its first two leads."""
    samples = None
    try:
        recording = read_path(file, config=config)
        for pair in zip(recording.leads[::2], recording.leads[1::2], strict=False):
            beats = prepare(recording, config, leads=pair, samples=samples).beats
            samples = beats.sample
            usable = np.flatnonzero([not reason for reason in beats.reason])
            for lead in range(beats.signal.shape[1]):
                yield part_of(f"ptbxl {file.stem}", NORMAL, beats, lead, usable)
    except EcgError:
        return
