"""WFDB records: header and sizes are checked first, then wfdb decodes them from files with names of our own."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
import wfdb

from pipeline.config import DEFAULT, Limits
from pipeline.errors import IntakeError, LimitError
from pipeline.intake.content import foreign_kind, safe_name
from pipeline.intake.lead_scales import NOTICE, common_scale
from pipeline.intake.wfdb_annotations import parse_annotations
from pipeline.intake.wfdb_header import UNCALIBRATED_GAIN, Header, SignalSpec, expected_bytes, parse_header
from pipeline.types import Annotations, FloatArray, IntArray, Recording, read_only

# Digital value of a missing sample (WFDB signal(5)).
MISSING: Final = {
    "16": -(2**15),
    "24": -(2**23),
    "32": -(2**31),
    "61": -(2**15),
    "80": -(2**7),
    "160": -(2**15),
    "212": -(2**11),
    "310": -(2**9),
    "311": -(2**9),
}
_CHUNK_FRAMES: Final = 6 * 2**18  # a multiple of every format's group of samples; 1.6 million frames are 12 MB a lead
_LIBRARY_ERRORS: Final = (ValueError, TypeError, KeyError, IndexError, OverflowError, ArithmeticError, AttributeError)


def read_wfdb(
    name: str,
    header: bytes,
    files: Mapping[bytes, bytes],
    annotations: bytes | None = None,
    *,
    limits: Limits = DEFAULT.limits,
) -> Recording:
    """Turn the bytes of one WFDB record into a recording in millivolts.

    Parameters
    ----------
    name : str
        Untrusted record name; used as a label only.
    header : bytes
        The .hea file.
    files : mapping of bytes to bytes
        Signal files under exactly the names that the header gives them.
    annotations : bytes, optional
        The .atr file. If it is not usable, the recording is read without it and a notice says why.
    limits : Limits, optional
        Limits of the intake.

    Returns
    -------
    Recording
        `p_signal` (n_samples, n_leads) float32 in mV, NaN where the format marks missing samples. Leads whose unit is
        not a voltage are left out with a notice; leads without gain are not calibrated. Age and sex are the header's,
        where its comments state them.

    Raises
    ------
    LimitError
        If a published limit is exceeded.
    IntakeError
        If header, size, checksum or initial value disagree, or a signal file is missing.
    """
    parsed = parse_header(header, limits)
    payloads = tuple(_matching_file(group, parsed, files, limits) for group in parsed.groups())
    kept = [i for i, signal in enumerate(parsed.signals) if signal.mv_per_unit is not None]
    if not kept:
        raise IntakeError("No lead of this recording is in V, mV, µV or nV; correct the units in the header.")
    p_signal = _decode(parsed, payloads, kept)
    scaled = _on_common_scale(p_signal, [parsed.signals[i] for i in kept])
    reference, notices = _reference(annotations, parsed)
    return Recording(
        name=safe_name(name),
        fs=parsed.fs,
        p_signal=read_only(p_signal),
        leads=tuple(parsed.signals[i].lead for i in kept),
        digest=_digest(header, *payloads, annotations or b""),
        calibrated=tuple(parsed.signals[i].gain is not None for i in kept),
        reference=reference,
        notices=(*_lead_notices(parsed, kept), *((NOTICE,) if scaled else ()), *notices),
        age_years=parsed.age_years,
        sex=parsed.sex,
        channels=tuple(kept) if len(kept) < len(parsed.signals) else (),
    )


def _on_common_scale(p_signal: FloatArray, signals: list[SignalSpec]) -> bool:
    """Bring leads that the header scales each to its own range to one scale, in place; tell whether that was needed."""
    gains = [signal.gain / signal.mv_per_unit for signal in signals if signal.gain and signal.mv_per_unit]
    if len(gains) < len(signals):
        return False
    factor = common_scale(p_signal, [signal.lead for signal in signals], gains)
    if factor is not None:
        p_signal *= factor.astype(np.float32)
    return factor is not None


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def _matching_file(
    group: tuple[SignalSpec, ...], header: Header, files: Mapping[bytes, bytes], limits: Limits
) -> bytes:
    payload = files.get(group[0].file)
    if payload is None:
        raise IntakeError("A signal file (.dat) that the header names is missing; add it.")
    least, most = expected_bytes(group, header.n_samples)
    if least > limits.upload_bytes:
        raise LimitError(f"The header asks for {least:,} bytes of signal, the limit is {limits.upload_bytes:,}.")
    if least <= len(payload) <= most:
        return payload
    if (kind := foreign_kind(payload, signal=True)) is not None:
        raise IntakeError(f"The signal file is {kind}, not WFDB samples.")
    raise IntakeError(
        f"The signal file has {len(payload):,} bytes but the header asks for {least:,} "
        f"({header.n_samples:,} samples of {len(group)} leads in format {group[0].fmt}); upload the complete file."
    )


def _decode(header: Header, payloads: tuple[bytes, ...], kept: list[int]) -> FloatArray:
    """Decode in chunks to float32 mV, verifying initial value and checksum of every lead."""
    p_signal = np.empty((header.n_samples, len(kept)), np.float32)
    sums = np.zeros(len(header.signals), np.int64)
    with tempfile.TemporaryDirectory(prefix="heartvision-") as folder:
        try:
            _write_record(Path(folder), header, payloads)
        except OSError as error:
            raise IntakeError("The recording could not be buffered: no space on the server's disk.") from error
        for start in range(0, header.n_samples, _CHUNK_FRAMES):
            stop = min(start + _CHUNK_FRAMES, header.n_samples)
            digital = _read_chunk(Path(folder), header, start, stop)
            sums += digital.sum(axis=0, dtype=np.int64)
            if start == 0:
                _check_initial(header, digital[0])
            for column, i in enumerate(kept):
                p_signal[start:stop, column] = _millivolts(header.signals[i], digital[:, i])
    _check_sums(header, sums)
    return p_signal


def _write_record(folder: Path, header: Header, payloads: tuple[bytes, ...]) -> None:
    """Write the signal files and a header of our own: none of the user's text reaches wfdb."""
    lines = [f"r {len(header.signals)} {header.fs:.9g} {header.n_samples}"]
    for number, (group, payload) in enumerate(zip(header.groups(), payloads, strict=True)):
        (folder / f"s{number}.dat").write_bytes(payload)
        offset = f"+{group[0].byte_offset}" if group[0].byte_offset else ""
        lines += [f"s{number}.dat {signal.fmt}{offset} 1(0)/mV 0 0 0 0 0 x" for signal in group]
    (folder / "r.hea").write_text("\n".join(lines) + "\n", encoding="ascii")


def _read_chunk(folder: Path, header: Header, start: int, stop: int) -> IntArray:
    wide = any(signal.fmt in ("24", "32") for signal in header.signals)
    try:
        record = wfdb.rdrecord(
            os.fspath(folder / "r"), sampfrom=start, sampto=stop, physical=False, return_res=32 if wide else 16
        )
    except _LIBRARY_ERRORS as error:
        raise IntakeError("The signal file could not be decoded in the format that the header gives.") from error
    digital: IntArray = record.d_signal
    if digital.shape != (stop - start, len(header.signals)):
        raise IntakeError("The signal file could not be decoded in the format that the header gives.")
    return digital


def _check_initial(header: Header, first: IntArray) -> None:
    for number, (signal, value) in enumerate(zip(header.signals, first.tolist(), strict=True), 1):
        if signal.init is not None and signal.init != value:
            raise IntakeError(
                f"Lead {number} begins with {value} but the header says {signal.init}: "
                "header and signal file do not belong together or the format is wrong."
            )


def _check_sums(header: Header, sums: IntArray) -> None:
    for number, (signal, total) in enumerate(zip(header.signals, sums.tolist(), strict=True), 1):
        if signal.checksum is not None and (signal.checksum - total) % 2**16:
            found = (total + 2**15) % 2**16 - 2**15
            raise IntakeError(
                f"The checksum of lead {number} is {found} but the header says {signal.checksum}: "
                "the file is damaged or not the one the header was written for."
            )


def _millivolts(signal: SignalSpec, digital: IntArray) -> FloatArray:
    gain = signal.gain if signal.gain is not None else UNCALIBRATED_GAIN
    unit = signal.mv_per_unit if signal.gain is not None and signal.mv_per_unit is not None else 1.0
    value = ((digital - np.float64(signal.baseline)) * (unit / gain)).astype(np.float32)
    value[digital == MISSING[signal.fmt]] = np.nan
    return value


def _reference(payload: bytes | None, header: Header) -> tuple[Annotations | None, tuple[str, ...]]:
    if payload is None:
        return None, ()
    try:
        return parse_annotations(payload, n_samples=header.n_samples, fs=header.fs), ()
    except IntakeError as error:
        return None, (f"The annotation file (.atr) was not used: {error}.",)


def _lead_notices(header: Header, kept: list[int]) -> tuple[str, ...]:
    left_out = [str(i + 1) for i in range(len(header.signals)) if i not in kept]
    bare = [header.signals[i].lead for i in kept if header.signals[i].gain is None]
    unsummed = [header.signals[i].lead for i in kept if header.signals[i].checksum is None]
    notices = []
    if left_out:
        notices.append(f"Left out, because the unit is no voltage: signal {', '.join(left_out)} of the header.")
    if bare:
        notices.append(f"Not calibrated, because the header gives no gain: {', '.join(bare)}.")
    if unsummed:
        notices.append("The header gives no checksum, so damage to the signal file cannot be noticed.")
    return tuple(notices)
