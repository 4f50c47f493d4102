"""The networks that there are: every module of models/ that defines NETWORK, found without a list.

To add one, write models/NAME.py with `NETWORK = Network(...)` and run `python -m pipeline train --model NAME`, which
writes its weights and manifest; then it is served, evaluated and on the board (docs/adr/0011).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Final

import models
from models.network import Network

_DEFINES: Final = re.compile(r"^NETWORK(: \w+)? = ", re.MULTILINE)


class _Discovered(Mapping[str, Network]):
    """Networks by name, in the order of `Network.place`; files are looked for at each question."""

    def __getitem__(self, name: str) -> Network:
        if name not in _names():
            raise KeyError(name)
        found: Network = import_module(f"models.{name}").NETWORK
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(_names(), key=lambda name: (self[name].place, name)))

    def __len__(self) -> int:
        return len(_names())


def _names() -> frozenset[str]:
    files = [file for folder in models.__path__ for file in Path(folder).glob("*.py")]
    return frozenset(file.stem for file in files if _defines_network(file, file.stat().st_mtime_ns))


@lru_cache(maxsize=256)
def _defines_network(file: Path, changed_ns: int) -> bool:
    return bool(_DEFINES.search(file.read_text(encoding="utf-8")))


NETWORKS: Final[Mapping[str, Network]] = _Discovered()
