"""Recordings on disk: exact, lazy, found by digest only, and never half there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import home_root
from pipeline.datasets import demo_path
from pipeline.errors import DataError
from pipeline.identity import DeviceReading
from pipeline.intake import read_path
from pipeline.store.recordings import (
    BUCKETS,
    delete_recording,
    envelope,
    load_recording,
    open_recording,
    save_recording,
)
from pipeline.types import Recording


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HEARTVISION_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def demo() -> Recording:
    """The demo recording with a second lead that has a gap."""
    recording = read_path(demo_path())
    p_signal = np.repeat(recording.p_signal, 2, axis=1) * np.float32([1, -0.5])
    p_signal[5000:12000, 1] = np.nan
    return replace(recording, p_signal=p_signal, leads=("MLII", "V1"), calibrated=(True, False))


def folder(recording: Recording) -> Path:
    return home_root() / "recordings" / recording.digest[:2] / recording.digest


def test_a_kept_recording_comes_back_exactly_and_mapped(demo: Recording) -> None:
    save_recording(demo)
    back = load_recording(demo.digest)
    assert back is not None
    assert isinstance(back.p_signal, np.memmap)
    assert not back.p_signal.flags.writeable
    assert np.array_equal(back.p_signal, demo.p_signal, equal_nan=True)
    assert (back.name, back.fs, back.leads, back.calibrated, back.notices, back.digest) == (
        *(demo.name, demo.fs, demo.leads, demo.calibrated, demo.notices, demo.digest),
    )
    assert back.reference is not None
    assert demo.reference is not None
    assert np.array_equal(back.reference.sample, demo.reference.sample)
    assert back.reference.symbol == demo.reference.symbol


def test_a_recording_without_annotations_has_none_afterwards(demo: Recording) -> None:
    assert save_recording(replace(demo, reference=None)).reference is None


def test_what_the_recorder_found_is_kept(demo: Recording) -> None:
    device = DeviceReading("Maker ECG-1", (("PR", 160.0, "ms"), ("QRS axis", -30.5, "deg")), ("Sinus rhythm",))
    assert save_recording(replace(demo, device=device)).device == device
    delete_recording(demo.digest)
    assert save_recording(demo).device is None


def test_the_same_bytes_under_another_name_are_kept_once_and_keep_that_name(demo: Recording) -> None:
    save_recording(demo)
    before = (folder(demo) / "signal.npy").stat().st_mtime_ns
    assert save_recording(replace(demo, name="other")).name == "other"
    assert (folder(demo) / "signal.npy").stat().st_mtime_ns == before


@pytest.mark.parametrize("digest", ["", "0" * 64, "../../etc", "0" * 63 + "/", "A" * 64])
def test_what_is_not_here_or_no_digest_is_refused_in_a_sentence(digest: str) -> None:
    assert load_recording(digest) is None
    with pytest.raises(DataError, match="not on this machine"):
        open_recording(digest)


@pytest.mark.parametrize("damage", ["signal.npy", "facts.json"])
def test_a_damaged_recording_counts_as_none_and_is_kept_anew(demo: Recording, damage: str) -> None:
    save_recording(demo)
    path = folder(demo) / damage
    path.write_bytes(path.read_bytes()[:100])
    assert load_recording(demo.digest) is None
    assert np.array_equal(save_recording(demo).p_signal, demo.p_signal, equal_nan=True)


def test_only_the_owner_can_read_it(demo: Recording) -> None:
    save_recording(demo)
    assert folder(demo).stat().st_mode & 0o077 == 0


def test_nothing_half_made_is_left_behind(demo: Recording, home: Path) -> None:
    save_recording(demo)
    assert [path.name for path in folder(demo).parent.iterdir()] == [demo.digest]


def test_a_forgotten_recording_is_gone(demo: Recording) -> None:
    save_recording(demo)
    delete_recording(demo.digest)
    assert load_recording(demo.digest) is None
    assert not folder(demo).exists()


@pytest.mark.parametrize("size", BUCKETS)
def test_the_overview_is_the_lowest_and_highest_of_each_bucket(demo: Recording, size: int) -> None:
    kept = save_recording(demo)
    lead = demo.p_signal[:, 1]
    columns = demo.n_samples // size
    band = envelope(kept, demo.leads[1], 0, demo.duration_s, columns)
    whole = lead[: columns * size].reshape(columns, size)
    for i in range(columns):
        finite = whole[i][np.isfinite(whole[i])]
        expected = (finite.min(), finite.max()) if finite.size else (np.nan, np.nan)
        assert np.array_equal((band.low[i], band.high[i]), expected, equal_nan=True)
    assert band.time_s[1] == pytest.approx(size / demo.fs)


def test_a_short_window_is_shown_sample_by_sample(demo: Recording) -> None:
    band = envelope(save_recording(demo), demo.leads[0], 10, 11, 1000)
    assert np.array_equal(band.low, demo.p_signal[3600:3960, 0])
    assert np.array_equal(band.low, band.high)


def test_a_recording_that_is_not_kept_has_an_overview_too(demo: Recording) -> None:
    assert envelope(demo, demo.leads[0], 0, 10, 50).low.size == 3600


def test_a_home_that_a_recording_makes_is_nobody_elses(
    demo: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "new" / "home"
    monkeypatch.setenv("HEARTVISION_HOME", str(home))
    save_recording(demo)
    assert home.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in home.rglob("*") if path.is_file()} == {0o600}
