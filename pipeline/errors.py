"""The errors that HeartVision raises on purpose: one sentence each, no patient text."""

from __future__ import annotations

from models.errors import EcgError, ModelError

__all__ = [
    "AccessError",
    "DataError",
    "EcgError",
    "IntakeError",
    "LimitError",
    "ModelError",
    "ReviewError",
    "SignalError",
    "StaleVersion",
    "StoreError",
    "UsageError",
]


class IntakeError(EcgError):
    """The bytes are not a recording or picture that can be read safely."""


class LimitError(IntakeError):
    """The input is larger than a published limit."""


class SignalError(EcgError):
    """The signal was read but cannot be analysed (too short, no usable lead, implausible rate)."""


class DataError(EcgError):
    """A public dataset is missing or differs from its published checksums."""


class UsageError(DataError):
    """What was asked for cannot be done on any data: a setting out of range, or a place that may not be written."""


class ReviewError(EcgError):
    """A decision that cannot be made: no such beat, a signed study, nothing to undo."""


class AccessError(ReviewError):
    """Somebody has not the right to what they asked for, or nobody is signed in."""


class StaleVersion(ReviewError):  # noqa: N818 - it names a state, not a fault
    """Someone else has changed the study since it was opened; the message says who, what and when."""


class StoreError(EcgError):
    """The database cannot be reached, or its version is unknown to this program; nothing was saved."""
