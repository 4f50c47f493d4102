"""Names under which derived results are stored: a hash of everything that they were made from, including the code."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from functools import cache

import pipeline
from pipeline._util.fingerprint import ANSWERING, fingerprint
from pipeline.config import Config


def result_key(digest: str, identity: str, config: Config, leads: tuple[str, ...] | None) -> str:
    """Return the name of the analysis of some bytes by some network.

    Parameters
    ----------
    digest : str
        SHA-256 of the recording's bytes.
    identity : str
        `Manifest.identity` of the network: its weights and calibration.
    config : Config
        Settings of the pipeline.
    leads : tuple of str or None
        The leads as requested; None if they were chosen automatically.
    """
    return _key(digest, identity, asdict(config), leads)


def prepared_key(digest: str, config: Config, leads: tuple[str, ...] | None) -> str:
    """Return the name of what comes before the network.

    Parameters
    ----------
    digest : str
        SHA-256 of the recording's bytes.
    config : Config
        Settings of the pipeline.
    leads : tuple of str or None
        The leads as requested; None if they were chosen automatically.
    """
    return _key(digest, asdict(config), leads)


@cache
def code_id(*more: str) -> str:
    """Return the fingerprint of the code that answers, and of `more` modules or packages (dotted names)."""
    return fingerprint(*ANSWERING, *more)


def _key(*parts: object) -> str:
    text = json.dumps([pipeline.__version__, code_id(), *parts], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
