"""One hash for everything that affects a result: the code that makes it, and the facts that the code is given."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from pathlib import Path
from typing import Final

from pipeline.config import ROOT

DETECTORS: Final = ("af", "af_p", "af_waves", "av_block", "paced", "quality", "sampling", "unreadable", "waveform")
# What stands between a recording and the classes of its beats; weights and calibration are in `Manifest.identity`, and
# those of detectors in their manifests.
ANSWERING: Final = (
    *(f"models.weights.{name}.manifest" for name in DETECTORS),
    *(f"models.weights.{name}.manifest" for name in ("waves", "superclasses")),
    *("models", "pipeline.signal", "pipeline.features", "pipeline.features.network_inputs"),
    *("pipeline.rhythm", "pipeline.analysis", "pipeline.labels", "pipeline.wording"),
    *("pipeline.waves", "pipeline.twelve_leads", "pipeline.measurements", "pipeline.rhythm_names"),
)


def fingerprint(*modules: str, facts: object = None, leave_out: Collection[str] = (), root: Path = ROOT) -> str:
    """Return a hash of source files, by name and content, and of `facts`.

    Parameters
    ----------
    *modules : str
        Dotted names of Python or JSON files or of packages; a package stands for every Python file in it and the JSON
        files beside its `__init__.py`.
    facts : object, optional
        What the code is given: anything that JSON can represent.
    leave_out : collection of str, optional
        Dotted names of files in those packages that do not affect the result.
    root : Path, optional
        The folder that holds the packages.

    Returns
    -------
    str
        12 hexadecimal digits.

    Raises
    ------
    ValueError
        If a name, given or left out, belongs to no file: a key that misses its code would never change.
    """
    left_out = {file for name in leave_out for file in _files(name, root)}
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for file in sorted({file for name in modules for file in _files(name, root)} - left_out):
        payload = file.read_bytes()
        digest.update(f"{file.relative_to(root).as_posix()} {len(payload)}\n".encode() + payload)
    return digest.hexdigest()[:12]


def _files(name: str, root: Path) -> list[Path]:
    place = root.joinpath(*name.split("."))
    own = [file for ending in (".py", ".json") if (file := place.with_suffix(ending)).is_file()]
    files = own or [*place.rglob("*.py"), *place.glob("*.json")]
    if not files:
        raise ValueError(f"No source file belongs to {name!r} in {root}; a fingerprint must cover what it names.")
    return files
