"""The errors that HeartVision raises on purpose: one sentence each, no patient text."""

from __future__ import annotations


class EcgError(Exception):
    """An input that is refused, or a job that cannot be done; `str(error)` is fit to show to a user."""


class IntakeError(EcgError):
    """The bytes are not a recording or picture that can be read safely."""


class LimitError(IntakeError):
    """The input is larger than a published limit."""


class SignalError(EcgError):
    """The signal was read but cannot be analysed (too short, no usable lead, implausible rate)."""


class ModelError(EcgError):
    """A network's weights, manifest or self-test do not agree."""


class DataError(EcgError):
    """A public dataset is missing or differs from its published checksums."""
