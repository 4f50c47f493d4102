"""Lab Streaming Layer and BrainFlow, on this machine: a stream that is sent here, and the synthetic board."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import IntakeError
from pipeline.intake import read_path
from pipeline.live.brainflow_board import BoardSource
from pipeline.live.choice import SourceChoice, source_of
from pipeline.live.lsl import LslSource
from pipeline.live.session import LiveSession, SessionPlan
from pipeline.live.sources import Source
from pipeline.live.state import LiveState
from tests.live.test_session import network

FS = 500.0


@contextmanager
def sent(name: str, unit: str = "microvolts", pause: tuple[int, float] = (0, 0.0)) -> Iterator[None]:
    """Sends a ramp of three channels in real time, as another program would; `pause`: before which sample, how long."""
    import pylsl

    info = pylsl.StreamInfo(name, "ECG", 3, FS, "float32", f"{name}-1")
    channels = info.desc().append_child("channels")
    for label in ("I", "II", "V1"):
        channel = channels.append_child("channel")
        channel.append_child_value("label", label)
        channel.append_child_value("unit", unit)
    outlet, over = pylsl.StreamOutlet(info), threading.Event()

    def push() -> None:
        outlet.wait_for_consumers(20.0)
        began, n = pylsl.local_clock(), 0
        while not over.is_set():
            lost_s = pause[1] if n >= pause[0] else 0.0
            due = int((pylsl.local_clock() - began - lost_s) * FS)
            if due - n >= 10:
                ramp = np.arange(n, n + 10) % 5000
                outlet.push_chunk(np.repeat(ramp[:, None], 3, axis=1).astype(np.float32).tolist(), pylsl.local_clock())
                n += 10
            time.sleep(0.002)

    thread = threading.Thread(target=push, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def recorded(source: Source, folder: Path, duration_s: float) -> LiveState:
    session = LiveSession(source, SessionPlan(folder, "live-1", duration_s), network, lambda state, _: None)
    return session.run()


def test_a_stream_is_found_on_this_machine_and_kept_without_a_lost_sample(tmp_path: Path) -> None:
    pytest.importorskip("pylsl")
    source = LslSource("hv-whole")
    with sent_after_configuration("hv-whole"):
        state = recorded(source, tmp_path, 2.0)
    read = read_path(Path(state.header))
    assert (read.leads, read.fs, state.n_missing) == (("I", "II", "V1"), FS, 0)
    assert np.array_equal(np.round(read.p_signal[:, 1] * 1000), np.arange(read.n_samples) % 5000)
    assert state.lag_ms is not None
    assert state.lag_ms <= 100


def test_a_pause_of_the_sender_is_a_gap_of_its_length(tmp_path: Path) -> None:
    pytest.importorskip("pylsl")
    with sent_after_configuration("hv-pause", pause=(500, 1.5)):
        state = recorded(LslSource("hv-pause"), tmp_path, 3.2)
    read = read_path(Path(state.header))
    gap = np.flatnonzero(np.isnan(read.p_signal[:, 0]))
    assert gap[0] == 500
    assert abs(gap.size / FS - 1.5) < 0.1
    assert np.array_equal(np.diff(gap), np.ones(gap.size - 1))
    assert np.round(read.p_signal[gap[-1] + 1, 0] * 1000) == 500


def test_a_stream_without_a_voltage_asks_for_its_unit(tmp_path: Path) -> None:
    pytest.importorskip("pylsl")
    with sent_after_configuration("hv-unit", unit=""):
        refused = recorded(LslSource("hv-unit"), tmp_path, 0.2)
        state = recorded(LslSource("hv-unit", unit="mV"), tmp_path, 0.2)
    assert refused.phase == "failed"
    assert "does not state its unit" in refused.sentence
    assert state.phase == "finished"


def test_a_stream_that_nobody_sends_is_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pylsl")
    monkeypatch.setattr("pipeline.live.lsl.FIND_S", 0.2)
    state = recorded(LslSource("hv-nobody"), tmp_path, 1.0)
    assert state.phase == "failed"
    assert "No stream called 'hv-nobody' was found on this machine" in state.sentence


@contextmanager
def sent_after_configuration(name: str, **more: object) -> Iterator[None]:
    """Sends with the same configuration: the first import of pylsl in a process decides how far it looks."""
    from pipeline.live.lsl import library

    library(network=False)
    with sent(name, **more):  # type: ignore[arg-type]
        yield


def test_the_synthetic_board_is_recorded(tmp_path: Path) -> None:
    pytest.importorskip("brainflow")
    state = recorded(BoardSource(-1, leads=("I", "II")), tmp_path, 1.0)
    read = read_path(Path(state.header))
    assert (state.stream, read.leads, read.fs, state.n_missing) == ("Synthetic", ("I", "II"), 250.0, 0)
    assert read.n_samples >= 250
    assert 0.001 < np.nanstd(read.p_signal[:, 1]) < 10


def test_a_board_that_is_none_is_said(tmp_path: Path) -> None:
    pytest.importorskip("brainflow")
    state = recorded(BoardSource(99_999), tmp_path, 1.0)
    assert state.phase == "failed"
    assert "Board 99999" in state.sentence


@pytest.mark.parametrize(("kind", "package"), [("lsl", "pylsl"), ("brainflow", "brainflow")])
def test_a_package_that_is_missing_is_named(kind: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as if it was not installed
    with pytest.raises(IntakeError, match=f"pip install {package}"):
        source_of(SourceChoice(kind)).open()  # type: ignore[arg-type]
