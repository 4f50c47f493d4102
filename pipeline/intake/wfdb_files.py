"""The signal files of a WFDB header: which bytes belong to which leads, and whether their size is the stated one."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from typing import Final

from pipeline.config import Limits
from pipeline.errors import IntakeError, LimitError
from pipeline.intake.content import foreign_kind
from pipeline.intake.wfdb_header import (
    FLAC_FORMATS,
    FORMATS,
    Header,
    SignalSpec,
    expected_bytes,
    is_multi_segment,
    parse_header,
    signal_files,
)
from pipeline.intake.wfdb_segments import parse_master

_FLAC: Final = b"fLaC"


def parse_with_files(payload: bytes, files: Mapping[bytes, bytes], limits: Limits) -> Header:
    """Read a single-segment header; a length that it does not state is that of its first signal file.

    Parameters
    ----------
    payload : bytes
        The .hea file.
    files : mapping of bytes to bytes
        Signal files under the names that the header gives them.
    limits : Limits
        Limits of the intake.

    Raises
    ------
    LimitError
        If a published limit is exceeded.
    IntakeError
        If the header is not usable, or a length must be found and the file is missing.
    """
    return parse_header(payload, limits, lambda group: _stored_frames(group, _file_of(group, files)))


def needed_files(payload: bytes, fetch: Callable[[bytes], bytes | None], limits: Limits) -> tuple[bytes, ...]:
    """Return the names of the files that belong to a header: its signal files, and all of its segments.

    Parameters
    ----------
    payload : bytes
        The .hea file.
    fetch : callable
        Returns the header of a segment by its file's name, None where there is none.
    limits : Limits
        Limits of the intake.

    Raises
    ------
    LimitError
        If a published limit is exceeded.
    IntakeError
        If a header is not usable.
    """
    if not is_multi_segment(payload, limits):
        return signal_files(payload, limits)
    master, names = parse_master(payload, limits), []
    for name in master.header_names():
        names.append(name)
        header = fetch(name)
        if header is not None and name != master.layout_name():
            names += signal_files(header, limits)
    return tuple(dict.fromkeys(names))


def matching_file(group: tuple[SignalSpec, ...], header: Header, files: Mapping[bytes, bytes], limits: Limits) -> bytes:
    """Return the signal file of some leads once its size is the one that the header asks for.

    Parameters
    ----------
    group : tuple of SignalSpec
        The leads that share the file.
    header : Header
        Their header.
    files : mapping of bytes to bytes
        Signal files under the names that the header gives them.
    limits : Limits
        Its `upload_bytes` bounds the samples, unpacked.

    Raises
    ------
    LimitError
        If the header asks for too many bytes.
    IntakeError
        If the file is missing, of another kind, shorter or longer.
    """
    payload = _file_of(group, files)
    least, most = expected_bytes(group, header.n_frames)
    if least > limits.upload_bytes:
        raise LimitError(f"The header asks for {least:,} bytes of signal, the limit is {limits.upload_bytes:,}.")
    if group[0].fmt in FLAC_FORMATS:
        _check_flac(group, header, payload)
    elif not least <= len(payload) <= most:
        if (kind := foreign_kind(payload, signal=True)) is not None:
            raise IntakeError(f"The signal file is {kind}, not WFDB samples.")
        raise IntakeError(
            f"The signal file has {len(payload):,} bytes but the header asks for {least:,} "
            f"({_extent(group, header)} in format {group[0].fmt}); {_advice(len(payload) - most)}."
        )
    return payload


def _file_of(group: tuple[SignalSpec, ...], files: Mapping[bytes, bytes]) -> bytes:
    payload = files.get(group[0].file)
    if payload is None:
        raise IntakeError("A signal file (.dat) that the header names is missing; add it.")
    return payload


def _extent(group: tuple[SignalSpec, ...], header: Header) -> str:
    spf = sum(signal.spf for signal in group)
    if spf == len(group):
        return f"{header.n_frames:,} samples of {len(group)} leads"
    return f"{header.n_frames:,} frames of {len(group)} leads with {spf} samples per frame"


def _advice(too_many: int) -> str:
    if too_many > 0:
        return "it is longer than the header says, so correct the header or choose the file that belongs to it"
    return "upload the complete file"


def _stored_frames(group: tuple[SignalSpec, ...], payload: bytes) -> int:
    spf = sum(signal.spf for signal in group)
    if group[0].fmt in FLAC_FORMATS:
        return max(0, _flac_length(group, payload) - group[0].byte_offset) // group[0].spf
    per_group, group_bytes = FORMATS[group[0].fmt]
    return max(0, len(payload) - group[0].byte_offset) * per_group // (group_bytes * spf)


def _check_flac(group: tuple[SignalSpec, ...], header: Header, payload: bytes) -> None:
    found, asked = _flac_length(group, payload), group[0].byte_offset + header.n_frames * group[0].spf
    if found != asked:
        raise IntakeError(
            f"The signal file (FLAC) has {found:,} samples of each lead but the header asks for {asked:,}; "
            f"{_advice(found - asked)}."
        )


def _flac_length(group: tuple[SignalSpec, ...], payload: bytes) -> int:
    """Return the samples of each lead in a FLAC stream, by its own header; only a FLAC stream reaches the library."""
    fmt = group[0].fmt
    if not payload.startswith(_FLAC):
        raise IntakeError(f"The signal file is no FLAC stream, which format {fmt} of the header asks for.")
    try:
        import soundfile

        with soundfile.SoundFile(io.BytesIO(payload)) as stream:
            channels, frames = int(stream.channels), int(stream.frames)
    except (ImportError, OSError) as error:
        raise IntakeError(f"Format {fmt} (FLAC) needs the package soundfile, which is not installed here.") from error
    except (RuntimeError, ValueError, TypeError) as error:
        raise IntakeError(f"The FLAC stream of format {fmt} is damaged; choose the original file.") from error
    if channels != len(group):
        raise IntakeError(f"The signal file (FLAC) has {channels} leads but the header asks for {len(group)}.")
    return frames
