"""Every real file of another format, as read here and by an independent reader: `python -m benchmarks.formats`.

The files are looked for in HEARTVISION_DATA/formats, a folder for each kind. Writes the table of docs/formats.md
between its marks; `--check` only compares it. The difference is the largest of all samples and leads, in steps of the
file.
"""

from __future__ import annotations

import base64
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from pipeline.config import DEFAULT, ROOT, data_root
from pipeline.errors import EcgError
from pipeline.intake.formats.table import format_of

PAGE: Final = ROOT / "docs" / "formats.md"
BLOCK: Final = re.compile(r"(<!-- agreement:start -->\n).*?(<!-- agreement:end -->)", re.DOTALL)
Signal = NDArray[np.float64]


@dataclass(frozen=True)
class Check:
    """An independent way to read a kind of file.

    Attributes
    ----------
    folder : str
        Of the files, below HEARTVISION_DATA/formats.
    pattern : str
        Of their names.
    against : str
        What reads them, in words.
    read : callable
        Takes a path; returns lead names and the signal in mV, and the size of a step in mV.
    """

    folder: str
    pattern: str
    against: str
    read: Callable[[Path], tuple[list[str], Signal, float]]


@dataclass(frozen=True)
class Agreement:
    """One file as read twice: what it is, or the sentence that refuses it, and the largest difference in steps."""

    file: str
    format: str
    library: str
    against: str
    content: str
    difference: float | None


def of_muse(path: Path) -> tuple[list[str], Signal, float]:
    """The rhythm of a RestingECG, its Base64 decoded here."""
    waveforms = ElementTree.parse(path).getroot().findall("Waveform")
    rhythm = next(each for each in waveforms if each.findtext("WaveformType") == "Rhythm")
    leads = rhythm.findall("LeadData")
    step = float(leads[0].findtext("LeadAmplitudeUnitsPerBit") or "") / 1000
    columns = [np.frombuffer(base64.b64decode(lead.findtext("WaveFormData") or ""), "<i2") for lead in leads]
    return [lead.findtext("LeadID") or "" for lead in leads], np.stack(columns, 1) * step, step


def of_aecg(path: Path) -> tuple[list[str], Signal, float]:
    """The first series of an annotated ECG, its digits taken here."""
    space = "{urn:hl7-org:v3}"
    series = next(ElementTree.parse(path).getroot().iter(f"{space}series"))
    names, columns, step = [], [], 1.0
    for sequence in next(series.iter(f"{space}sequenceSet")).iter(f"{space}sequence"):
        code = next(sequence.iter(f"{space}code")).get("code", "")
        if not code.startswith("MDC_ECG_LEAD_"):
            continue
        step = float(next(sequence.iter(f"{space}scale")).get("value", "")) / 1000
        names.append(code.removeprefix("MDC_ECG_LEAD_"))
        columns.append(np.array((next(sequence.iter(f"{space}digits")).text or "").split(), float) * step)
    return names, np.stack(columns, 1), step


def of_sierra(path: Path) -> tuple[list[str], Signal, float]:
    """Philips XML by sierraecg."""
    import sierraecg

    leads = sierraecg.read_file(str(path)).leads
    return [lead.label for lead in leads], np.stack([np.asarray(lead.samples) for lead in leads], 1) / 200, 0.005


def of_cardiosoft(path: Path) -> tuple[list[str], Signal, float]:
    """The strip of a CardiologyXML, taken from its text."""
    strip = path.read_text("latin-1").split("<StripData>")[1]
    step = float(re.findall(r'<Resolution units="uVperLsb">(\d+)', strip)[0]) / 1000
    found = re.findall(r'<WaveformData lead="(\w+)">([^<]*)<', strip)
    columns = [np.array([int(cell) for cell in text.split(",")]) for _, text in found]
    return [name for name, _ in found], np.stack(columns, 1) * step, step


def of_dicom(path: Path) -> tuple[list[str], Signal, float]:
    """The first multiplex group, decoded by pydicom."""
    from pydicom import dcmread

    data = dcmread(path)
    channels = data.WaveformSequence[0].ChannelDefinitionSequence
    names = [channel.ChannelSourceSequence[0].CodeMeaning.split(" ")[1] for channel in channels]
    return names, np.asarray(data.waveform_array(0), float) / 1000, float(channels[0].ChannelSensitivity) / 1000


def of_scp_as_aecg(path: Path) -> tuple[list[str], Signal, float]:
    """HL7's own example, of which Example.scp is a conversion."""
    return of_aecg(path.parent.parent / "hl7_aecg" / "Example aECG.xml")


def of_raw_scp(path: Path) -> tuple[list[str], Signal, float]:
    """The end of section 6 of demo.scp, which is not coded: eight leads of 10,000 samples."""
    content = path.read_bytes()
    start = content.index(b"\x20\x4e" * 8)
    step = int.from_bytes(content[start - 6 : start - 4], "little") / 1e6
    values = np.frombuffer(content, "<i2", 80_000, start + 16).reshape(8, 10_000).T
    return ["I", "II", "V1", "V2", "V3", "V4", "V5", "V6"], values * step, step


def of_edf(path: Path) -> tuple[list[str], Signal, float]:
    """EDF and BDF by pyedflib."""
    import pyedflib

    with pyedflib.EdfReader(str(path)) as file:
        columns = [file.readSignal(i) for i in range(file.signals_in_file)]
        steps = (file.getPhysicalMaximum(0) - file.getPhysicalMinimum(0)) / (
            file.getDigitalMaximum(0) - file.getDigitalMinimum(0)
        )
        return file.getSignalLabels(), np.stack(columns, 1), float(steps)


def of_ishne(path: Path) -> tuple[list[str], Signal, float]:
    """ISHNE Holter by ecgdatakit."""
    from ecgdatakit.parsing.parsers.ishne_holter import ISHNEHolterParser

    leads = ISHNEHolterParser().parse(path).leads
    columns = [lead.samples * lead.resolution / 1000 for lead in leads]
    return [lead.label for lead in leads], np.stack(columns, 1), leads[0].resolution / 1000


def of_mfer(path: Path) -> tuple[list[str], Signal, float]:
    """A monitor's II and V5, taken from their places: frames of a minute, two leads before four slower signals."""
    content = path.read_bytes()
    start = content.index(b"\x1e\x84\x00\x18\xb8\x20") + 6
    frames = np.frombuffer(content, "<i2", 810_000, start).reshape(12, 67_500)[:, :30_000]
    leads = frames.reshape(12, 2, 15_000).transpose(0, 2, 1).reshape(-1, 2)
    return ["II", "V5"], np.where(leads == -32768, np.nan, leads * 0.002), 0.002


CHECKS: Final = (
    Check("edf", "*ECG.edf", "pyedflib 0.1.42", of_edf),
    Check("edf", "*.bdf", "pyedflib 0.1.42", of_edf),
    Check("ishne", "*.ecg", "ecgdatakit 2.0.3", of_ishne),
    Check("mfer", "*.MWF", "its samples, taken from their places", of_mfer),
    Check("dicom", "*.dcm", "pydicom's own decoder", of_dicom),
    Check("scp", "Example.scp", "the HL7 aECG of the same recording", of_scp_as_aecg),
    Check("scp", "demo.scp", "its samples, taken from their place", of_raw_scp),
    Check("hl7_aecg", "*.xml", "its digits, taken from the XML", of_aecg),
    Check("ge_muse", "*.xml", "its Base64, decoded anew", of_muse),
    Check("ge_cardiosoft", "*.xml", "its numbers, taken from the text", of_cardiosoft),
    Check("philips_sierra", "*.[xX][mM][lL]", "sierraecg 0.4.0", of_sierra),
)


def agreements(root: Path) -> Iterator[Agreement]:
    """Read every file of every check twice."""
    for check in CHECKS:
        for path in sorted((root / check.folder).glob(check.pattern)):
            yield _agreement(path, check)


def _agreement(path: Path, check: Check) -> Agreement:
    payload = path.read_bytes()
    found = format_of(payload)
    assert found is not None, path
    file = f"{check.folder}/{path.name}"
    try:
        recording = found.read("x", payload, DEFAULT.limits)
    except EcgError as error:
        return Agreement(file, found.name, found.library, check.against, f"refused: {error}", None)
    names, signal, step_mv = check.read(path)
    assert [name.upper() for name in recording.leads] == [name.upper() for name in names], path
    assert recording.p_signal.shape == signal.shape, path
    apart = np.abs(recording.p_signal - signal)
    same_gaps = np.array_equal(np.isnan(recording.p_signal), np.isnan(signal))
    difference = float(np.nanmax(apart)) / step_mv if same_gaps else float("inf")
    content = f"{len(names)} leads, {recording.fs:g} Hz, {recording.duration_s:g} s"
    return Agreement(file, found.name, found.library, check.against, content, difference)


def table(rows: list[Agreement]) -> str:
    """The rows as Markdown."""
    head = "| file | format | read by | read as | checked against | difference, steps |\n|---|---|---|---|---|---|\n"
    lines = []
    for row in rows:
        against, apart = ("", "") if row.difference is None else (row.against, f"{row.difference:.3f}")
        lines.append(f"| {row.file} | {row.format} | {row.library} | {row.content} | {against} | {apart} |\n")
    return head + "".join(lines)


def main() -> int:
    """Write or check the table."""
    rows = list(agreements(data_root() / "formats"))
    if not rows:
        raise SystemExit(f"There is no file in {data_root() / 'formats'}.")
    text = PAGE.read_text("utf-8")
    filled = BLOCK.sub(lambda match: match[1] + table(rows) + match[2], text)
    if "--check" in sys.argv:
        return int(filled != text)
    PAGE.write_text(filled, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
