"""The networks that exist: every module of models/ that defines NETWORK, found without a list.

To add one, write models/NAME.py with `NETWORK = Network(...)` and run `python -m pipeline train --model NAME`, which
writes its weights and manifest; it is then served, evaluated and listed with the others (ADR 0011).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Final

import models
from models.network import Network

_DEFINES: Final = re.compile(r"^NETWORK(: \w+)? = ", re.MULTILINE)


class _Discovered(Mapping[str, Network]):
    """Networks by name, in the order of `Network.place`; the folder is read again each time."""

    def __getitem__(self, name: str) -> Network:
        return self._found()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found())

    def __len__(self) -> int:
        return len(self._found())

    def _found(self) -> Mapping[str, Network]:
        folders = [Path(folder) for folder in models.__path__]
        return _in_folders(tuple((folder, folder.stat().st_mtime_ns) for folder in folders))


@lru_cache(maxsize=8)
def _in_folders(folders: tuple[tuple[Path, int], ...]) -> Mapping[str, Network]:
    """Return the networks of folders at their modification times; adding or removing a file changes its folder's."""
    files = [file for folder, _ in folders for file in sorted(folder.glob("*.py"))]
    names = [file.stem for file in files if _DEFINES.search(file.read_text(encoding="utf-8"))]
    found: dict[str, Network] = {name: import_module(f"models.{name}").NETWORK for name in names}
    return MappingProxyType(dict(sorted(found.items(), key=lambda item: (item[1].place, item[0]))))


NETWORKS: Final[Mapping[str, Network]] = _Discovered()
