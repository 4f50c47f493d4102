"""What a format is to the intake, and how an adapter turns what its library read into a recording."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from pipeline.config import Limits
from pipeline.errors import IntakeError, LimitError
from pipeline.identity import DeviceReading, Identity, impersonal, usable_identity
from pipeline.intake.content import require_ecg, safe_lead, safe_name, unique_leads
from pipeline.types import FloatArray, Recording, read_only

HEAD_BYTES: Final = 64 * 2**10  # what `Format.recognises` is given of a file
# Millivolts per unit, as files write it; a signal in another unit is no lead.
MV_PER_UNIT: Final = (
    *(("nv", 1e-6), ("uv", 1e-3), ("µv", 1e-3), ("μv", 1e-3), ("microvolt", 1e-3)),
    *(("mv", 1.0), ("millivolt", 1.0), ("v", 1e3), ("volt", 1e3)),
)

_CHUNK_SAMPLES: Final = 2**18  # of each lead, looked at together

_NOBODY: Final = Identity()
_NOTHING: Final = DeviceReading()


@dataclass(frozen=True)
class Format:
    """One format that recordings come in.

    Attributes
    ----------
    name : str
        As people call it, such as "EDF, EDF+".
    endings : tuple of str
        Usual endings of its files, lower case with the dot; for choosing files and for lists, never for recognising.
    library : str
        What reads it: the name of a package, or "HeartVision".
    recognises : callable
        Tells from the first `HEAD_BYTES` of a file whether it is one.
    read : callable
        Takes an untrusted name (a label only), the whole file and the limits; returns the recording, raises IntakeError
        or LimitError.
    """

    name: str
    endings: tuple[str, ...]
    library: str
    recognises: Callable[[bytes], bool]
    read: Callable[[str, bytes, Limits], Recording]


@dataclass(frozen=True, eq=False)
class Decoded:
    """What a library read from a file.

    Attributes
    ----------
    fs : float
        Sampling frequency, Hz.
    signal : (n_samples, n_leads) array-like of float
        Values in mV (arbitrary units where not `calibrated`), NaN where nothing was recorded.
    leads : sequence of str
        Untrusted name of each column.
    calibrated : sequence of bool or None
        Per column; None if all are in mV.
    identity : Identity
        Who and when.
    device : DeviceReading
        The recorder's own findings.
    notices : tuple of str
        Sentences for the user.
    age_years : int or None
        The patient's age on the day.
    """

    fs: float
    signal: ArrayLike
    leads: Sequence[str]
    calibrated: Sequence[bool] | None = None
    identity: Identity = _NOBODY
    device: DeviceReading = _NOTHING
    notices: tuple[str, ...] = ()
    age_years: int | None = None


def build_recording(name: str, payload: bytes, decoded: Decoded, *, tag: str, limits: Limits) -> Recording:
    """Check what a library read as every recording is checked, and make a recording of it.

    Parameters
    ----------
    name : str
        Untrusted name of the file; a label only.
    payload : bytes
        The file, for the digest.
    decoded : Decoded
        What was read.
    tag : str
        A word for the format, part of the digest.
    limits : Limits
        Limits of the intake.

    Raises
    ------
    LimitError
        If sampling frequency, duration, samples or the number of leads is out of bounds.
    IntakeError
        If there is no lead or no sample, or no lead can be an ECG by its name.
    """
    with np.errstate(over="ignore"):  # what is no float32 has no value, as below
        signal = np.asarray(decoded.signal, np.float32)
    if signal.ndim != 2 or 0 in signal.shape:
        raise IntakeError("The file holds no signal.")
    check_extent(signal.shape[0], signal.shape[1], decoded.fs, limits)
    leads = unique_leads([safe_lead(lead, number) for number, lead in enumerate(decoded.leads, 1)])
    require_ecg(leads)
    if not _has_values(signal):
        raise IntakeError("No sample of the file has a value.")
    digest = hashlib.sha256(f"{tag}\n".encode())
    digest.update(payload)
    device = impersonal(decoded.device, decoded.identity)
    return Recording(
        name=safe_name(name),
        fs=float(decoded.fs),
        p_signal=read_only(signal),
        leads=leads,
        digest=digest.hexdigest(),
        calibrated=tuple(decoded.calibrated) if decoded.calibrated is not None else (True,) * len(leads),
        notices=decoded.notices,
        age_years=decoded.age_years,
        sex=decoded.identity.sex,
        identity=usable_identity(decoded.identity) or None,
        device=device if device != _NOTHING else None,
    )


def _has_values(signal: FloatArray) -> bool:
    """Make what is not finite NaN, in place; tell whether anything is left. In parts, for a day has many samples."""
    found = False
    for start in range(0, len(signal), _CHUNK_SAMPLES):
        part = signal[start : start + _CHUNK_SAMPLES]
        finite = np.isfinite(part)
        if not finite.all():
            part[~finite] = np.nan
        found = found or bool(finite.any())
    return found


def check_extent(n_samples: int, n_leads: int, fs: float, limits: Limits) -> None:
    """Refuse a signal whose size is out of bounds, best before it is decoded. Raises LimitError.

    Parameters
    ----------
    n_samples, n_leads : int
        Samples per lead, and leads.
    fs : float
        Sampling frequency, Hz.
    limits : Limits
        Limits of the intake.
    """
    if not limits.fs_min_hz <= fs <= limits.fs_max_hz:
        raise LimitError(
            f"The sampling frequency {fs:g} Hz is outside {limits.fs_min_hz:g} to {limits.fs_max_hz:g} Hz."
        )
    if n_leads > limits.leads:
        raise LimitError(f"The file has {n_leads} leads, the limit is {limits.leads}.")
    if n_samples / fs > limits.duration_max_s:
        hours = n_samples / fs / 3600
        raise LimitError(f"The file holds {hours:,.0f} hours, the limit is {limits.duration_max_s / 3600:.0f}.")
    if n_samples * n_leads > limits.upload_bytes:
        raise LimitError(f"The file has {n_samples * n_leads:,} samples, the limit is {limits.upload_bytes:,}.")


def mv_per_unit(unit: str) -> float | None:
    """Return how many millivolts a unit is; None if it is no voltage."""
    return dict(MV_PER_UNIT).get(unit.strip().lower())
