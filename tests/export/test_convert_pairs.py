"""Every written format converted into every other by the command, read again by readers that are not ours."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
import pydicom
import pyedflib
import pytest
import wfdb
from ecgdatakit.parsing.parsers.hl7_aecg import HL7aECGParser

from pipeline.cli import main
from pipeline.export.recordings.writing import write_recording
from pipeline.types import Recording

LEADS: Final = ("I", "II", "V1")
FS: Final = 500.0
COUNT_MV: Final = 0.0002  # the finest step that holds the largest value in 16 bits


class Found(NamedTuple):
    """What an independent reader finds: mV of shape (n_samples, n_leads), names, and samples a second."""

    p_signal: np.ndarray
    leads: tuple[str, ...]
    fs: float


def by_wfdb(path: Path) -> Found:
    record = wfdb.rdrecord(str(path.with_suffix("")))
    assert set(record.units) == {"mV"}
    return Found(record.p_signal, tuple(record.sig_name), float(record.fs))


def by_pyedflib(path: Path) -> Found:
    with pyedflib.EdfReader(str(path)) as file:
        assert {file.getPhysicalDimension(i) for i in range(file.signals_in_file)} == {"uV"}
        signals = [file.readSignal(i) / 1000 for i in range(file.signals_in_file)]
        return Found(np.stack(signals, axis=1), tuple(file.getSignalLabels()), float(file.getSampleFrequency(0)))


def by_pydicom(path: Path) -> Found:
    file = pydicom.dcmread(path)
    item = file.WaveformSequence[0]
    channels = item.ChannelDefinitionSequence
    assert {channel.ChannelSensitivityUnitsSequence[0].CodeValue for channel in channels} == {"uV"}
    names = tuple(channel.ChannelLabel for channel in channels)
    return Found(file.waveform_array(0) / 1000, names, float(item.SamplingFrequency))


def by_ecgdatakit(path: Path) -> Found:
    leads = HL7aECGParser().parse(path).leads
    assert {lead.resolution_unit for lead in leads} == {"uV"}
    signals = [lead.samples * lead.resolution / 1000 for lead in leads]
    return Found(np.stack(signals, axis=1), tuple(lead.label for lead in leads), float(leads[0].sampling_rate))


def by_pandas(path: Path) -> Found:
    table = pd.read_csv(path, comment="#")
    names = [name.removesuffix(" (mV)") for name in table.columns[1:]]
    assert table.columns[1:].tolist() == [f"{name} (mV)" for name in names]
    return Found(table.to_numpy()[:, 1:], tuple(names), 1 / np.diff(table.iloc[:, 0]).mean())


READERS: Final = MappingProxyType[str, Callable[[Path], Found]](
    {".hea": by_wfdb, ".edf": by_pyedflib, ".dcm": by_pydicom, ".xml": by_ecgdatakit, ".csv": by_pandas}
)


def made() -> Recording:
    """Ten seconds of three leads with heights and noise of their own, no whole number of any step."""
    rng = np.random.default_rng(11)
    waves = np.sin(np.arange(5000)[:, None] / np.array([9.1, 14.3, 23.7])) * np.array([0.9, 2.1, 3.3])
    return Recording.from_array(waves + rng.normal(0, 0.03, waves.shape), fs=FS, leads=LEADS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one recording in all formats that are written."""
    folder = tmp_path_factory.mktemp("formats")
    for ending in READERS:
        write_recording(made(), folder / f"first{ending}")
    return folder


@pytest.mark.parametrize(("ending", "to"), list(itertools.permutations(READERS, 2)))
def test_a_format_converted_into_another_keeps_values_within_a_count_and_names(folder, tmp_path, ending, to):
    there, back = tmp_path / f"second{to}", tmp_path / f"third{ending}"
    assert main(["convert", str(folder / f"first{ending}"), str(there)]) == 0
    assert main(["convert", str(there), str(back)]) == 0
    source = READERS[ending](folder / f"first{ending}")
    for found in (READERS[to](there), READERS[ending](back)):
        assert found.leads == source.leads == LEADS
        assert found.fs == pytest.approx(FS, rel=1e-9)
        assert found.p_signal.shape == source.p_signal.shape
        assert np.abs(found.p_signal - source.p_signal).max() <= COUNT_MV
