"""The errors of the lowest layer; `pipeline.errors` adds the kinds above."""

from __future__ import annotations


class EcgError(Exception):
    """An input that is refused, or a job that cannot be done; `str(error)` is fit to show to a user."""


class ModelError(EcgError):
    """A network's weights, manifest or self-test do not agree."""
