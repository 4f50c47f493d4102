"""Names under which derived results are kept: a hash of all that they were made from, the code among it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import cache

import pipeline
from pipeline._util.fingerprint import ANSWERING, fingerprint
from pipeline.config import Config


def result_key(digest: str, identity: str, config: Config, leads: tuple[str, ...] | None) -> str:
    """The name of an analysis of these bytes by this network (`Manifest.identity`).

    Parameters
    ----------
    digest : str
        SHA-256 of the bytes that were read.
    identity : str
        `Manifest.identity` of the network.
    config : Config
        The numbers that steer the pipeline.
    leads : tuple of str, optional
        The leads as asked for; None for chosen ones.
    """
    return _key(digest, identity, asdict(config), leads)


def prepared_key(digest: str, config: Config, leads: tuple[str, ...] | None) -> str:
    """The name of what comes before the network; parameters as in `result_key`."""
    return _key(digest, asdict(config), leads)


@cache
def code_id(*more: str) -> str:
    """Fingerprint of the code that answers, and of `more` modules or packages (dotted names)."""
    return fingerprint(*ANSWERING, *more)


def _key(*parts: object) -> str:
    text = json.dumps([pipeline.__version__, code_id(), *parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
