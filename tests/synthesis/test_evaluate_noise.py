"""Noise at a stated ratio: by hand, measured back, and beside a record that nst itself made noisy."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.config import data_root
from pipeline.errors import DataError
from pipeline.intake import read_path
from pipeline.synthesis.noise import add_noise, noise_power, read_noise, signal_power
from pipeline.types import Recording, read_only

FS = 100.0


def recording(*leads, name="x", fs=FS):
    signal = np.stack(leads, axis=1).astype(np.float32)
    names = tuple("AB"[: signal.shape[1]])
    return Recording(name, fs, read_only(signal), names, "d", (True,) * len(names))


def spikes(height, n=1000, every=100):
    lead = np.zeros(n)
    lead[50::every] = height
    return lead, np.arange(50, n, every)


def test_powers_by_hand():
    lead, beats = spikes(2.0)
    assert signal_power(lead, beats, FS) == pytest.approx(2.0**2 / 8)
    square = np.tile([0.5, -0.5], 500)
    assert noise_power(square + 3.0, FS) == pytest.approx(0.25)


def test_a_beat_at_the_border_and_one_in_a_gap_do_not_count():
    lead, beats = spikes(2.0)
    lead[150] = np.nan
    assert signal_power(lead, np.append(1, beats), FS) == pytest.approx(0.5)
    assert signal_power(lead, np.array([1]), FS) == 0


def test_the_extreme_five_per_cent_are_left_out():
    lead, beats = spikes(2.0, n=4000)
    lead[beats[0]], lead[beats[1]] = 900.0, 0.0
    assert signal_power(lead, beats, FS) == pytest.approx(0.5)


@pytest.mark.parametrize("snr_db", [24.0, 6.0, 0.0, -6.0])
def test_what_was_added_has_the_stated_ratio_in_each_lead(snr_db):
    rng = np.random.default_rng(0)
    lead, beats = spikes(1.0)
    clean = recording(lead, 0.2 * lead)
    noise = recording(rng.normal(0, 0.3, 700), rng.normal(5, 9, 700), name="em")
    mixed = add_noise(clean, noise, snr_db, beats)
    added = mixed.p_signal - clean.p_signal
    for i, power in enumerate((1 / 8, 0.04 / 8)):
        # of the noise as it was measured: its first 7 seconds, before it repeats
        measured = noise_power(added[:700, i], FS)
        assert 10 * np.log10(power / measured) == pytest.approx(snr_db, abs=0.01)
    assert not mixed.p_signal.flags.writeable
    assert mixed.digest != clean.digest


def test_three_leads_share_two_noises_and_gaps_stay_gaps():
    lead, beats = spikes(1.0)
    holed = lead.copy()
    holed[300:310] = np.nan
    signal = np.stack([lead, holed, lead], axis=1).astype(np.float32)
    clean = Recording("x", FS, read_only(signal), ("A", "B", "C"), "d", (True,) * 3)
    rng = np.random.default_rng(1)
    mixed = add_noise(clean, recording(rng.normal(size=1000), rng.normal(size=1000)), 6.0, beats).p_signal
    assert np.array_equal(mixed[:, 0], mixed[:, 2])
    assert np.flatnonzero(np.isnan(mixed[:, 1])).tolist() == list(range(300, 310))


def test_noise_that_cannot_be_added_is_refused():
    lead, beats = spikes(1.0)
    with pytest.raises(DataError, match="Noise at 360 Hz cannot be added to a recording at 100 Hz"):
        add_noise(recording(lead), recording(lead, fs=360.0), 6.0, beats)
    with pytest.raises(DataError, match="no beats to measure the signal by"):
        add_noise(recording(lead), recording(lead), 6.0, beats[:0])


def test_missing_noise_is_named(tmp_path):
    with pytest.raises(DataError, match="The noise 'em' is missing"):
        read_noise(tmp_path, "em")


@pytest.mark.data
def test_the_gain_is_that_of_nst_which_made_118e_6_at_minus_6_db():
    clean = read_path(data_root() / "mitdb" / "118")
    theirs = read_path(data_root() / "nstdb" / "118e_6").p_signal - clean.p_signal
    ours = add_noise(clean, read_noise(data_root() / "nstdb", "em"), -6.0, clean.reference.sample).p_signal
    ours = ours - clean.p_signal
    part = slice(301 * 360, 419 * 360)  # nst leaves five minutes clean, then two minutes are noisy
    for lead in (0, 1):
        assert np.corrcoef(ours[part, lead], theirs[part, lead])[0, 1] > 0.999
        assert ours[part, lead].std() == pytest.approx(theirs[part, lead].std(), rel=0.03)
