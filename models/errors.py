"""The errors of the lowest layer; `pipeline.errors` adds the kinds above."""

from __future__ import annotations


class EcgError(Exception):
    """An input that is refused, or a task that cannot be done; `str(error)` can be shown to a user."""


class ModelError(EcgError):
    """A network's weights, manifest or self-test disagree."""
