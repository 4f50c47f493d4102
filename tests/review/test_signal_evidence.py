"""Long intervals: a heart at rest, a lost lead, or waves that nobody has marked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.analysis import prepare
from pipeline.config import REVIEW, data_root
from pipeline.datasets import demo_path
from pipeline.intake import read_path
from pipeline.review.beats_in_force import ReviewedBeats, reviewed_beats
from pipeline.review.decisions import Decision
from pipeline.review.rhythm_events import events
from pipeline.review.signal_evidence import evidence_of
from pipeline.review.summary import summarise, tachogram
from pipeline.review.triage import triage
from pipeline.types import Analysis, Episode, Quality, Recording
from tests.helpers.review_study import analysed, at

FS = 250.0
START, STOP = 1000, 2040  # what is silent: beats 4 and 10 stand at 900 and 2100, 4.8 s apart
HOLE = [Decision("delete", at(5, 6, 7, 8, 9))]
Lead = NDArray[np.float64]


def study(*leads: Lead) -> tuple[Recording, Analysis]:
    """Sixteen beats 0.8 s apart, of which decisions take five away."""
    analysis = analysed("N" * 16)
    names = tuple(f"lead {i}" for i in range(len(leads)))
    signal = np.stack(leads, axis=1).astype(np.float32)
    recording = Recording("case", FS, signal, names, analysis.digest, (True,) * len(leads))
    return recording, Analysis(**{**vars(analysis), "leads": names[:2]})


def lead(silence: Lead | float | None = None) -> Lead:
    """Narrow beats of 1 mV with P and T waves in a little noise; between START and STOP as said, else at rest."""
    n, rng = round(13.2 * FS), np.random.default_rng(3)
    values = rng.normal(0, 0.01, n)
    wave = np.hanning(30)
    for sample in at(0, 1, 2, 3, 4, 10, 11, 12, 13, 14, 15):
        values[sample - 5 : sample + 6] += np.hanning(11)
        values[sample - 55 : sample - 25] += 0.15 * wave
        values[sample + 60 : sample + 90] += 0.3 * wave
    if silence is not None:
        values[START:STOP] = silence if np.ndim(silence) == 0 else values[START:STOP] + silence
    return np.nan_to_num(values, nan=-2.0)


def beats_of(*leads: Lead, more: tuple[Decision, ...] = ()) -> ReviewedBeats:
    recording, analysis = study(*leads)
    return reviewed_beats(analysis, [*HOLE, *more], evidence_of(recording, analysis))


def kinds(*leads: Lead, more: tuple[Decision, ...] = ()) -> list[str]:
    return [event.kind for event in events(beats_of(*leads, more=more))]


SECONDS = np.arange(STOP - START) / FS
FLUTTER = 0.3 * np.sin(2 * np.pi * 4.5 * SECONDS)
NOISE = np.random.default_rng(5).normal(0, 0.15, SECONDS.size)
RECOVERY = 1.8 * np.exp(-SECONDS)  # an amplifier after an electrode that came off
P_WAVES = 0.2 * np.resize(np.concatenate([np.zeros(170), np.hanning(30)]), SECONDS.size)
OFF_AND_ON = np.where((SECONDS > 0.6) & (SECONDS < 3.6), np.nan, 0.0)  # NaN here: held at one value
BREATH = 0.15 * np.sin(2 * np.pi * 0.3 * SECONDS)


@pytest.mark.parametrize("silence", [None, P_WAVES, BREATH], ids=["rest", "P waves", "breath"])
def test_a_clean_flat_line_is_a_pause(silence: Lead | None) -> None:
    assert kinds(lead(silence)) == ["long_pause"]


@pytest.mark.parametrize("silence", [0.0, -1.5, RECOVERY, OFF_AND_ON], ids=["off", "rail", "recovery", "off and on"])
def test_a_lead_that_is_flat_or_adrift_is_lost_and_no_pause(silence: Lead | float) -> None:
    assert kinds(lead(silence)) == ["signal_lost"]


@pytest.mark.parametrize("silence", [0.0, RECOVERY], ids=["off", "recovery"])
@pytest.mark.parametrize(("least_s", "listed"), [(10.0, ["signal_lost"]), (4.0, ["unreadable"])])
def test_a_lost_signal_is_listed_also_where_it_is_noise_too_short_for_a_finding(
    silence: Lead | float, least_s: float, listed: list[str]
) -> None:
    beats, config = beats_of_noise(silence), replace(REVIEW, unreadable_s=least_s)
    assert [finding.kind for finding in triage(beats, config=config)] == listed
    assert beats.break_before[5]


def test_waves_in_a_short_noise_are_noise_and_no_finding() -> None:
    assert triage(beats_of_noise(NOISE)) == ()


def beats_of_noise(silence: Lead | float) -> ReviewedBeats:
    """The beats of a lead whose silence is an episode of noise."""
    recording, analysis = study(lead(silence))
    first_s, last_s = at(4)[0] / FS, at(10)[0] / FS
    rhythm = Episode(0, first_s, "N"), Episode(first_s, last_s, "NOISE"), Episode(last_s, 13.2, "N")
    return reviewed_beats(replace(analysis, rhythm=rhythm), HOLE, evidence_of(recording, analysis))


@pytest.mark.parametrize("silence", [FLUTTER, NOISE], ids=["flutter", "noise"])
def test_waves_that_nobody_marked_are_no_pause(silence: Lead) -> None:
    assert kinds(lead(silence)) == ["no_beats"]


def test_one_lead_at_rest_makes_a_pause_and_waves_weigh_more_than_loss() -> None:
    assert kinds(lead(RECOVERY), lead()) == ["long_pause"]
    assert kinds(lead(0.0), lead(FLUTTER)) == ["no_beats"]
    assert kinds(lead(0.0), lead(RECOVERY), lead()) == ["signal_lost"]  # the third lead was not analysed


def test_the_answer_does_not_depend_on_the_gain() -> None:
    assert kinds(5 * lead(FLUTTER)) == kinds(0.2 * lead(FLUTTER)) == ["no_beats"]
    assert kinds(5 * lead()) == ["long_pause"]


def test_an_interval_in_which_the_signal_is_lost_is_no_rr_interval() -> None:
    rest, lost = beats_of(lead()), beats_of(lead(0.0))
    assert [summarise(beats).longest_rr.value for beats in (rest, lost)] == pytest.approx([4.8, 0.8])
    assert (tachogram(rest).x.size, tachogram(lost).x.size) == (10, 9)


def test_missed_beats_that_a_reader_adds_end_the_silence() -> None:
    added = Decision("add", tuple(sample + 3 for sample in at(5, 6, 7, 8, 9)), "V")
    assert kinds(lead(FLUTTER), more=(added,)) == ["idioventricular"]
    assert beats_of(lead(FLUTTER), more=(added,)).silences == {}


def test_a_lost_signal_is_listed_below_a_pause_and_keeps_its_id() -> None:
    pause, waves, lost = (triage(beats_of(lead(silence)))[0] for silence in (None, FLUTTER, 0.0))
    assert [row.priority for row in (pause, waves, lost)] == [1, 2, 4]
    assert pause.id == waves.id == lost.id
    assert lost.detail == "4.80 s, flat or adrift"


def test_without_the_signal_a_long_interval_is_a_pause() -> None:
    assert [event.kind for event in events(reviewed_beats(analysed("N" * 16), HOLE))] == ["long_pause"]


def test_an_interval_is_judged_once() -> None:
    evidence = evidence_of(*study(lead()))
    first = evidence.between(*at(4, 10))
    assert evidence.between(*at(4, 10)) is first
    assert evidence.between(*at(0, 1)) == "rest"  # too short to look into


def test_a_signal_of_nothing_but_gaps_is_lost_wherever_it_is_asked() -> None:
    recording, analysis = study(np.full(round(13.2 * FS), np.nan))
    assert evidence_of(recording, analysis).between(*at(4, 10)) == "lost"


def found_in(recording: Recording, samples: NDArray[np.int64] | None = None) -> dict[str, list[float]]:
    """When each kind of long interval begins, at the beats given or found."""
    beats = prepare(recording, samples=samples).beats
    plain = analysed("N" * len(beats), quality=Quality((), 1.0))
    analysis = Analysis(**{**vars(plain), "fs": recording.fs, "duration_s": recording.duration_s,
                           "leads": recording.leads, "sample": beats.sample})  # fmt: skip
    listed = events(reviewed_beats(analysis, (), evidence_of(recording, analysis)))
    wanted = ("pause", "long_pause", "no_beats", "signal_lost")
    return {kind: [round(event.start_s) for event in listed if event.kind == kind] for kind in wanted}


def test_the_lost_lead_of_the_demo_is_no_pause() -> None:
    found = found_in(read_path(demo_path()))
    assert found == {"pause": [], "long_pause": [], "no_beats": [], "signal_lost": [96, 209]}


@pytest.mark.data
@pytest.mark.parametrize(
    ("record", "pauses", "waves"), [("201", 13, 0), ("207", 1, 6)], ids=["pauses of 201", "flutter of 207"]
)
def test_real_pauses_stay_and_flutter_is_none(record: str, pauses: int, waves: int) -> None:
    recording = read_path(data_root() / "mitdb" / f"{record}.hea")
    assert recording.reference is not None
    found = found_in(recording, recording.reference.sample)
    assert (len(found["pause"] + found["long_pause"]), len(found["no_beats"])) == (pauses, waves)
    assert REVIEW.wave_height == 0.35  # chosen on DS1: 0.13 is the highest of these pauses, 0.37 the lowest of flutter
