"""Names under which derived results are kept: a hash of all that they were made from, the code among it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Final

import pipeline
from pipeline.config import ROOT, Config

_DECIDING: Final = (
    *("pipeline/signal/*.py", "pipeline/signal/*.json", "pipeline/render/*.py"),
    *("pipeline/inputs.py", "pipeline/analysis.py"),
)


def result_key(digest: str, model_version: str, config: Config, leads: tuple[str, ...] | None) -> str:
    """The name of an analysis of these bytes by these weights; `leads` as asked for, None for chosen ones."""
    return _key(digest, model_version, asdict(config), leads)


def prepared_key(digest: str, config: Config, leads: tuple[str, ...] | None) -> str:
    """The name of what comes before the network."""
    return _key(digest, asdict(config), leads)


@cache
def code_id(*more: str) -> str:
    """Hash of the source files that decide on a result, and of `more` (patterns): 12 hexadecimal digits."""
    files = sorted(path for pattern in (*_DECIDING, *more) for path in ROOT.glob(pattern))
    digest = hashlib.sha256()
    for path in files:
        digest.update(_contribution(path))
    return digest.hexdigest()[:12]


def _contribution(path: Path) -> bytes:
    payload = path.read_bytes()
    return f"{path.relative_to(ROOT)} {len(payload)}\n".encode() + payload


def _key(*parts: object) -> str:
    text = json.dumps([pipeline.__version__, code_id(), *parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
