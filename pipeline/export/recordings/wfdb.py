"""A recording as a WFDB record, each lead in its own steps; who and when as comments, if they are kept."""

from __future__ import annotations

from typing import Final

from pipeline.export.recordings.steps import in_steps
from pipeline.types import Recording

_UNCALIBRATED_PER_UNIT: Final = 200  # what readers assume where the gain is 0


def wfdb_files(recording: Recording) -> tuple[tuple[bytes, bytes], list[str]]:
    """Encode a recording as header and signal file of format 16, in which a missing sample is -32768; it can hold all.

    Raises
    ------
    DataError
        If a value does not fit into 16 bits.
    """
    steps = in_steps(recording, given=1 / _UNCALIBRATED_PER_UNIT)
    lines = [f"{recording.name} {len(recording.leads)} {recording.fs:.15g} {recording.n_samples}{_when(recording)}"]
    for i, (lead, calibrated) in enumerate(zip(recording.leads, recording.calibrated, strict=True)):
        checksum = (int(steps.values[:, i].sum(dtype="int64")) + 0x8000) % 0x10000 - 0x8000
        gain = f"{1 / steps.step[i]:.10g}(0)/mV" if calibrated else "0"
        lines.append(f"{recording.name}.dat 16 {gain} 16 0 {steps.values[0, i]} {checksum} 0 {lead}")
    lines += [f"# {text}" for text in (*_who(recording), *recording.notices)]
    header = ("\n".join(lines) + "\n").encode("utf-8")
    return (header, steps.values.astype("<i2").tobytes()), []


def _when(recording: Recording) -> str:
    known = recording.identity
    if known is None or known.start is None:
        return ""
    return known.start.strftime(" %H:%M:%S %d/%m/%Y" if known.date_known else " %H:%M:%S")


def _who(recording: Recording) -> list[str]:
    if recording.identity is None:
        return []
    who = recording.identity
    known: dict[str, str | int | None] = {"Age": recording.age_years, "Sex": who.sex, "Birth year": who.birth_year}
    known |= {"Name": who.name, "ID": who.patient_id, "Reason": who.indication}
    return [f"{key}: {value}" for key, value in known.items() if value not in (None, "")]
