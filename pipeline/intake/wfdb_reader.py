"""WFDB records: header and sizes are checked first, then wfdb decodes them from files with names of our own."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import wfdb

from pipeline.config import DEFAULT, Limits
from pipeline.errors import IntakeError, LimitError
from pipeline.identity import Identity, Sex
from pipeline.intake.content import require_ecg, safe_name
from pipeline.intake.lead_scales import NOTICE, common_scale
from pipeline.intake.wfdb_annotations import parse_annotations
from pipeline.intake.wfdb_files import matching_file, parse_with_files
from pipeline.intake.wfdb_header import (
    UNCALIBRATED_GAIN,
    Header,
    SignalSpec,
    check_extent,
    is_multi_segment,
    layout_leads,
)
from pipeline.intake.wfdb_identity import stated_identity
from pipeline.intake.wfdb_segments import Master, parse_master
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
    "508": -(2**7),
    "516": -(2**15),
    "524": -(2**23),
}
_WIDE: Final = frozenset({"8", "24", "32", "524"})  # formats whose samples need more than 16 bits
_DIFFERENCES: Final = "8"  # the format that stores what is added to the sample before
_BIG_ENDIAN: Final = "61"
_CHUNK_FRAMES: Final = 6 * 2**18  # a multiple of every format's group of samples; 1.6 million frames are 12 MB a lead
_LIBRARY_ERRORS: Final = (
    *(ValueError, TypeError, KeyError, IndexError, OverflowError, ArithmeticError, AttributeError, RuntimeError),
)


@dataclass(frozen=True, eq=False)
class _Part:
    """The leads of one segment, or of a whole record.

    Attributes
    ----------
    fs : float
        Sampling frequency, Hz.
    p_signal : (n_samples, n_leads) float32
        mV, NaN where nothing was recorded.
    leads : tuple of str
        Their names.
    calibrated : tuple of bool
        Whether the header gives the gain of each.
    used : tuple of bytes
        The files behind it, in order.
    notices : tuple of str
        What the reader should know.
    age_years, sex : int, Sex
        What the comments say, None where they do not.
    channels : tuple of int
        As in `Recording`.
    """

    fs: float
    p_signal: FloatArray
    leads: tuple[str, ...]
    calibrated: tuple[bool, ...]
    used: tuple[bytes, ...]
    notices: tuple[str, ...]
    age_years: int | None
    sex: Sex | None
    channels: tuple[int, ...] = ()


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
        Signal files under exactly the names that the header gives them; of a multi-segment record also the headers of
        its segments, under the segment's name and ".hea".
    annotations : bytes, optional
        The .atr file. If it is not usable, the recording is read without it and a notice says why.
    limits : Limits, optional
        Limits of the intake.

    Returns
    -------
    Recording
        `p_signal` (n_samples, n_leads) float32 in mV, NaN where the format marks missing samples, where skew leaves a
        lead without a sample and in gaps between segments. Leads whose unit is not a voltage are left out with a
        notice; leads without gain are not calibrated. If leads have several rates, `fs` is that of the ECG. Age and sex
        are the header's, where its comments state them, and so is `identity`.

    Raises
    ------
    LimitError
        If a published limit is exceeded.
    IntakeError
        If header, size, checksum or initial value disagree, or a signal file is missing.
    """
    master = parse_master(header, limits) if is_multi_segment(header, limits) else None
    if master is not None:
        part = _joined(master, files, limits)
    else:
        part = _read_part(parse_with_files(header, files, limits), files, limits)
    require_ecg(part.leads)
    reference, notices = _reference(annotations, len(part.p_signal), part.fs)
    return Recording(
        name=safe_name(name),
        fs=part.fs,
        p_signal=read_only(part.p_signal),
        leads=part.leads,
        digest=_digest(header, *part.used, annotations or b""),
        calibrated=part.calibrated,
        reference=reference,
        notices=(*part.notices, *notices),
        age_years=part.age_years,
        sex=part.sex,
        channels=part.channels,
        identity=_identity(header, master, part.sex, files) or None,
    )


def _identity(header: bytes, master: Master | None, sex: Sex | None, files: Mapping[bytes, bytes]) -> Identity:
    """Return what the header states; of several segments, where it is silent, what that of the first states."""
    own = stated_identity(header, sex)
    first = None if master is None else master.segments[0].name  # None, too, for a gap
    return own if first is None else own.completed(stated_identity(files[first + b".hea"], sex))


def _read_part(parsed: Header, files: Mapping[bytes, bytes], limits: Limits) -> _Part:
    payloads = tuple(matching_file(group, parsed, files, limits) for group in parsed.groups())
    kept = parsed.kept()
    if not kept:
        raise IntakeError("No lead of this recording is in V, mV, µV or nV; correct the units in the header.")
    if parsed.n_samples * len(kept) > limits.upload_bytes:
        raise LimitError(
            f"The leads have {parsed.n_samples * len(kept):,} samples, the limit is {limits.upload_bytes:,}."
        )
    p_signal, placeholders = _decode(parsed, payloads, kept)
    scaled = _on_common_scale(p_signal, [parsed.signals[i] for i in kept])
    return _Part(
        fs=parsed.fs,
        p_signal=p_signal,
        leads=tuple(parsed.signals[i].lead for i in kept),
        calibrated=tuple(parsed.signals[i].gain is not None for i in kept),
        used=payloads,
        notices=(*_lead_notices(parsed, kept, placeholders), *((NOTICE,) if scaled else ())),
        age_years=parsed.age_years,
        sex=parsed.sex,
        channels=tuple(kept) if len(kept) < len(parsed.signals) else (),
    )


def _joined(master: Master, files: Mapping[bytes, bytes], limits: Limits) -> _Part:
    """Put the segments of a record one after the other, each lead where its name is, NaN where it is not."""
    headers = _segment_headers(master, files, limits)
    spf = max(header.spf for header in headers.values())
    fs, n_samples = master.frame_hz * spf, master.n_frames * spf
    leads = _joined_leads(master, [header.at_rate(spf) for header in headers.values()], files, limits)
    check_extent(fs, n_samples, limits)
    if len(leads) > limits.leads:
        raise LimitError(f"The segments have {len(leads)} different leads, the limit is {limits.leads}.")
    if n_samples * len(leads) > limits.upload_bytes:
        raise LimitError(f"The segments have {n_samples * len(leads):,} samples, the limit is {limits.upload_bytes:,}.")
    p_signal = np.full((n_samples, len(leads)), np.nan, np.float32)
    uncalibrated: set[str] = set()
    used, notices, start = [], [_gap_notice(master)], 0
    for segment in master.segments:
        if segment.name is not None:
            part = _read_part(headers[segment.name].at_rate(spf), files, limits)
            p_signal[start * spf : (start + segment.n_frames) * spf, [leads.index(x) for x in part.leads]] = (
                part.p_signal
            )
            uncalibrated |= {lead for lead, known in zip(part.leads, part.calibrated, strict=True) if not known}
            used += [files[segment.name + b".hea"], *part.used]
            notices += part.notices
        start += segment.n_frames
    first = next(iter(headers.values()))
    return _Part(
        fs=fs,
        p_signal=p_signal,
        leads=leads,
        calibrated=tuple(lead not in uncalibrated for lead in leads),
        used=tuple(used),
        notices=tuple(dict.fromkeys(notices)),
        age_years=first.age_years,
        sex=first.sex,
    )


def _segment_headers(master: Master, files: Mapping[bytes, bytes], limits: Limits) -> dict[bytes, Header]:
    headers: dict[bytes, Header] = {}
    for number, segment in enumerate(master.segments, 1):
        if segment.name is None:
            continue
        if segment.name not in headers:
            headers[segment.name] = parse_with_files(_header_of(segment.name, files), files, limits)
        header = headers[segment.name]
        if not np.isclose(header.frame_hz, master.frame_hz, rtol=1e-6):
            raise IntakeError(
                f"Segment {number} has {header.frame_hz:g} Hz but the multi-segment header says {master.frame_hz:g}."
            )
        if header.n_frames != segment.n_frames:
            raise IntakeError(
                f"Segment {number} has {header.n_frames:,} samples but the multi-segment header says "
                f"{segment.n_frames:,}."
            )
    if not headers:
        raise IntakeError("The multi-segment record has no segment with a signal; there is nothing to read.")
    return headers


def _header_of(name: bytes, files: Mapping[bytes, bytes]) -> bytes:
    if (payload := files.get(name + b".hea")) is None:
        raise IntakeError("A segment (.hea) that the multi-segment header names is missing; add it.")
    return payload


def _joined_leads(
    master: Master, headers: list[Header], files: Mapping[bytes, bytes], limits: Limits
) -> tuple[str, ...]:
    """Return the leads that segments have, in the order of the layout if there is one, else as they appear."""
    found = dict.fromkeys(header.signals[i].lead for header in headers for i in header.kept())
    layout = layout_leads(_header_of(master.layout, files), limits) if master.layout is not None else ()
    leads = (*(lead for lead in layout if lead in found), *(lead for lead in found if lead not in layout))
    if not leads:
        raise IntakeError("No lead of this recording is in V, mV, µV or nV; correct the units in the header.")
    return leads


def _gap_notice(master: Master) -> str:
    parts = sum(segment.name is not None for segment in master.segments)
    if not master.gap_frames:
        return f"The recording was put together from {parts} segments."
    return (
        f"The recording was put together from {parts} segments; "
        f"{master.gap_frames / master.frame_hz:,.1f} s between them were not recorded."
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


def _decode(header: Header, payloads: tuple[bytes, ...], kept: list[int]) -> tuple[FloatArray, tuple[str, ...]]:
    """Decode to float32 mV, verifying first sample and checksum of every lead; return the leads that state neither."""
    p_signal = np.full((header.n_samples, len(kept)), np.nan, np.float32)
    slow = {
        i: np.empty(header.n_frames * header.signals[i].spf, np.float32)
        for i in kept
        if header.signals[i].spf != header.spf
    }
    sums = np.zeros(len(header.signals), np.int64)
    first = last = [signal.init or 0 for signal in header.signals]
    with tempfile.TemporaryDirectory(prefix="heartvision-") as folder:
        try:
            _write_record(Path(folder), header, payloads)
        except OSError as error:
            raise IntakeError("The recording could not be buffered: no space on the server's disk.") from error
        for start in range(0, header.n_frames, step := _frames_at_once(header)):
            stop = min(start + step, header.n_frames)
            digital = _read_chunk(Path(folder), header, start, stop, last)
            first = [int(samples[0]) for samples in digital] if start == 0 else first
            last = [int(samples[-1]) for samples in digital]
            sums += [int(samples.sum(dtype=np.int64)) for samples in digital]
            for column, i in enumerate(kept):
                signal = header.signals[i]
                target = slow[i] if i in slow else p_signal[:, column]
                target[start * signal.spf : stop * signal.spf] = _millivolts(signal, digital[i])
    for column, i in enumerate(kept):
        if i in slow:
            p_signal[:, column] = _at_rate_of_ecg(slow.pop(i), header.signals[i], header)
        _align(p_signal[:, column], header.signals[i].skew * header.spf)
    return p_signal, _check_stated(header, first, sums.tolist())


def _frames_at_once(header: Header) -> int:
    per_lead = max(signal.spf for signal in header.signals)
    return max(6, _CHUNK_FRAMES // per_lead // 6 * 6)


def _at_rate_of_ecg(samples_mv: FloatArray, signal: SignalSpec, header: Header) -> FloatArray:
    """Interpolate a slower lead linearly; a sample beside a missing one is missing."""
    times = np.arange(header.n_samples) * (signal.spf / header.spf)
    at_rate: FloatArray = np.interp(times, np.arange(len(samples_mv)), samples_mv).astype(np.float32)
    return at_rate


def _align(lead: FloatArray, late: int) -> None:
    """Shift a lead that is stored `late` samples too late, in place."""
    if late:
        lead[:-late] = lead[late:].copy()
        lead[-late:] = np.nan


def _write_record(folder: Path, header: Header, payloads: tuple[bytes, ...]) -> None:
    """Write the signal files and a header of our own: none of the user's text reaches wfdb."""
    lines = [f"r {len(header.signals)} 1 {header.n_frames}"]
    for number, (group, payload) in enumerate(zip(header.groups(), payloads, strict=True)):
        fmt, offset = group[0].fmt, group[0].byte_offset
        if fmt == _BIG_ENDIAN:  # wfdb does not expand frames of it
            fmt, payload = "16", np.frombuffer(payload, ">i2", offset=offset).astype("<i2").tobytes()
            offset = 0
        (folder / f"s{number}.dat").write_bytes(payload)
        start = f"+{offset}" if offset else ""
        lines += [f"s{number}.dat {fmt}x{signal.spf}{start} 1(0)/mV 0 0 0 0 0 x" for signal in group]
    (folder / "r.hea").write_text("\n".join(lines) + "\n", encoding="ascii")


def _read_chunk(folder: Path, header: Header, start: int, stop: int, last: list[int]) -> list[IntArray]:
    """Decode the frames [start, stop) of every signal; `last` are the samples before them, for sums of differences."""
    wide = any(signal.fmt in _WIDE for signal in header.signals)
    try:
        record = wfdb.rdrecord(
            os.fspath(folder / "r"),
            sampfrom=start,
            sampto=stop,
            physical=False,
            smooth_frames=False,
            return_res=32 if wide else 16,
        )
    except _LIBRARY_ERRORS as error:
        raise IntakeError("The signal file could not be decoded in the format that the header gives.") from error
    digital: list[IntArray] = record.e_d_signal
    if [samples.shape for samples in digital] != [((stop - start) * signal.spf,) for signal in header.signals]:
        raise IntakeError("The signal file could not be decoded in the format that the header gives.")
    return [
        samples.astype(np.int64) + before if signal.fmt == _DIFFERENCES else samples
        for samples, signal, before in zip(digital, header.signals, last, strict=True)
    ]


def _check_stated(header: Header, first: list[int], sums: list[int]) -> tuple[str, ...]:
    """Compare first samples and checksums with the header's; return the leads whose 0 stands for one not computed."""
    placeholders = []
    for number, (signal, value, total) in enumerate(zip(header.signals, first, sums, strict=True), 1):
        starts = signal.fmt == _DIFFERENCES or signal.init in (None, value)
        fits = signal.checksum is None or (signal.checksum - total) % 2**16 == 0
        if not starts and (signal.init != 0 or not (fits or signal.checksum == 0)):
            raise IntakeError(
                f"Lead {number} begins with {value} but the header says {signal.init}: "
                "header and signal file do not belong together or the format is wrong."
            )
        if not fits and signal.checksum != 0:
            found = (total + 2**15) % 2**16 - 2**15
            raise IntakeError(
                f"The checksum of lead {number} is {found} but the header says {signal.checksum}: "
                "the file is damaged or not the one the header was written for."
            )
        if not starts or not fits:
            placeholders.append(signal.lead)
    return tuple(placeholders)


def _millivolts(signal: SignalSpec, digital: IntArray) -> FloatArray:
    gain = signal.gain if signal.gain is not None else UNCALIBRATED_GAIN
    unit = signal.mv_per_unit if signal.gain is not None and signal.mv_per_unit is not None else 1.0
    value = ((digital - np.float64(signal.baseline)) * (unit / gain)).astype(np.float32)
    if signal.fmt in MISSING:
        value[digital == MISSING[signal.fmt]] = np.nan
    return value


def _reference(payload: bytes | None, n_samples: int, fs: float) -> tuple[Annotations | None, tuple[str, ...]]:
    if payload is None:
        return None, ()
    try:
        return parse_annotations(payload, n_samples=n_samples, fs=fs), ()
    except IntakeError as error:
        return None, (f"The annotation file (.atr) was not used: {error}.",)


def _lead_notices(header: Header, kept: list[int], placeholders: tuple[str, ...]) -> tuple[str, ...]:
    signals = header.signals
    no_voltage = [str(i + 1) for i, signal in enumerate(signals) if signal.mv_per_unit is None]
    other_rate = [s.lead for i, s in enumerate(signals) if i not in kept and s.mv_per_unit is not None]
    slower = [signals[i].lead for i in kept if signals[i].spf != header.spf]
    bare = [signals[i].lead for i in kept if signals[i].gain is None]
    unsummed = [signals[i].lead for i in kept if signals[i].checksum is None]
    notices = []
    if no_voltage:
        notices.append(f"Left out, because the unit is no voltage: signal {', '.join(no_voltage)} of the header.")
    if other_rate:
        notices.append(f"Left out, because the sampling frequency is not the ECG's: {', '.join(other_rate)}.")
    if slower:
        notices.append(f"Interpolated to the {header.fs:g} Hz of the other leads: {', '.join(slower)}.")
    if bare:
        notices.append(f"Not calibrated, because the header gives no gain or no unit: {', '.join(bare)}.")
    if unsummed:
        notices.append(
            "The header gives no checksum and no first sample, so damage to the signal file cannot be noticed."
        )
    if placeholders:
        notices.append(
            f"The header states 0 for a first sample or checksum that was not computed: {', '.join(placeholders)}."
        )
    return tuple(notices)
