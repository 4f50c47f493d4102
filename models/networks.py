"""The networks that exist: every module of models/ that defines NETWORK, found without a list.

To add one, write models/NAME.py with `NETWORK = Network(...)` and run `python -m pipeline train --model NAME --ship`,
which writes its weights and manifest; it is then served, evaluated and listed with the others (ADR 0011). A file that
is added or changed is found by a running program.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import import_module, invalidate_caches, reload
from pathlib import Path
from types import MappingProxyType
from typing import Final

import models
from models.network import Network

_READ_AT: Final = "__modified_ns__"  # attribute of a module: when its file had been changed last
_DEFINES: Final = re.compile(r"^NETWORK(: \w+)? = ", re.MULTILINE)


class _Discovered(Mapping[str, Network]):
    """Networks by name, in the order of `Network.place`; the folder is looked at again each time."""

    def __getitem__(self, name: str) -> Network:
        return self._found()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found())

    def __len__(self) -> int:
        return len(self._found())

    def _found(self) -> Mapping[str, Network]:
        files = [file for folder in models.__path__ for file in sorted(Path(folder).glob("*.py"))]
        return _in_files(tuple((file, file.stat().st_mtime_ns) for file in files))


@lru_cache(maxsize=8)
def _in_files(files: tuple[tuple[Path, int], ...]) -> Mapping[str, Network]:
    """Return the networks in files at their modification times."""
    invalidate_caches()  # Python remembers what lay in a folder when it last looked
    defining = [(file, at) for file, at in files if _DEFINES.search(file.read_text(encoding="utf-8"))]
    found = {file.stem: _network(file, at) for file, at in defining}
    return MappingProxyType(dict(sorted(found.items(), key=lambda item: (item[1].place, item[0]))))


@lru_cache(maxsize=256)
def _network(file: Path, modified_ns: int) -> Network:
    """Return the network that a file defines; a module that was read before the file changed is read again."""
    module = import_module(f"models.{file.stem}")
    if getattr(module, _READ_AT, modified_ns) != modified_ns:
        module = reload(module)
    setattr(module, _READ_AT, modified_ns)
    found: Network = module.NETWORK
    return found


NETWORKS: Final[Mapping[str, Network]] = _Discovered()
