"""Episodes of rhythm as findings: which are listed, what they replace, and that they are decided without a beat."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.errors import ReviewError
from pipeline.review.beats_in_force import Board, ReviewedBeats, reviewed_beats
from pipeline.review.decisions import Decision
from pipeline.review.episode_findings import episode_kind, urgent_episodes
from pipeline.review.finding_kinds import FINDING_KINDS
from pipeline.review.hrv import normal_pairs, variability
from pipeline.review.summary import summarise
from pipeline.review.triage import BeatFilter, findings_passing, triage
from pipeline.signal.quality import FLAT
from pipeline.types import RHYTHM_CODES, Analysis, Episode, Quality, QualitySegment, RhythmCode
from tests.helpers.review_beats import written
from tests.helpers.rhythms import beatless, read, with_rhythm

SINUS = {"N", "SBR", "ST", "B", "T"}


def beats_of(analysis: Analysis, *decisions: Decision) -> ReviewedBeats:
    return reviewed_beats(analysis, decisions)


def kinds(beats: ReviewedBeats) -> list[str]:
    return [finding.kind for finding in triage(beats)]


def in_rhythm(beats: ReviewedBeats, *episodes: tuple[float, float, RhythmCode]) -> ReviewedBeats:
    return replace(beats, rhythm=tuple(Episode(start, stop, code, "", 0.9) for start, stop, code in episodes))


def test_every_rhythm_but_sinus_rhythm_and_what_beats_tell_is_a_kind_of_finding() -> None:
    found = {code: episode_kind(Episode(0.0, 9.0, code)) for code in RHYTHM_CODES}
    assert {code for code, kind in found.items() if not kind} == SINUS
    assert set(found.values()) - {""} <= set(FINDING_KINDS)


@pytest.mark.parametrize(
    ("code", "detail", "priority"),
    [
        ("VFL", "VF", 1), ("ASYS", "", 1), ("VT", "", 1), ("BIII", "", 1), ("BII", "2:1", 1), ("BII", "high degree", 1),
        ("BII", "Wenckebach", 2), ("AFIB", "", 2), ("AFL", "", 2), ("SVTA", "", 2), ("P", "", 3), ("NOD", "", 3),
        ("BI", "", 4), ("NOISE", "", 4),
    ],
)  # fmt: skip
def test_an_episode_has_the_priority_of_what_it_is(code: RhythmCode, detail: str, priority: int) -> None:
    assert FINDING_KINDS[episode_kind(Episode(0.0, 9.0, code, detail))].priority == priority


def test_fibrillation_is_listed_in_place_of_an_irregular_stretch() -> None:
    rng = np.random.default_rng(2)
    irregular = written("N" * 120, rng.uniform(0.4, 1.2, 120))
    end_s = irregular.n_samples / irregular.fs
    assert "af_like" in kinds(irregular)
    found = triage(in_rhythm(irregular, (0.0, end_s, "AFIB")))
    assert [(row.kind, row.title, row.priority) for row in found] == [("afib", "Atrial fibrillation", 2)]
    assert "af_like" not in kinds(in_rhythm(irregular, (0.0, end_s, "N")))


def test_a_slow_rate_is_listed_unless_an_episode_says_why() -> None:
    slow = written("N" * 60, 1.5)
    end_s = slow.n_samples / slow.fs
    assert kinds(in_rhythm(slow, (0.0, end_s, "SBR"))) == ["bradycardia"]
    assert kinds(in_rhythm(slow, (0.0, end_s, "BII"))) == ["av_block_2"]
    assert "bradycardia" in kinds(in_rhythm(slow, (0.0, 80.0, "SBR"), (80.0, end_s, "BII")))


def test_a_run_that_its_beats_tell_is_listed_once_and_one_that_they_do_not_is_listed_too() -> None:
    run = written("NNNN" + "V" * 8 + "NNNN", 0.5)
    start, stop = float(run.time_s[4]), float(run.time_s[11])
    assert [kind for kind in kinds(in_rhythm(run, (0.0, start, "N"), (start, stop, "VT"), (stop, 9.0, "N"))) if
            FINDING_KINDS[kind].priority == 1] == ["vt"]  # fmt: skip
    unseen = in_rhythm(written("N" * 16, 0.5), (0.0, 2.0, "N"), (2.0, 8.0, "VT"), (8.0, 9.0, "N"))
    assert kinds(unseen) == ["vt_waves"]
    long = in_rhythm(run, (0.0, start, "N"), (start, start + 60.0, "VT"))
    assert {"vt", "vt_waves"} <= set(kinds(long))


def test_a_pause_between_two_beats_is_listed_once_and_without_them_is_asystole() -> None:
    paused = written("NNNNNN", [0.8, 0.8, 0.8, 12.0, 0.8, 0.8])
    start, stop = float(paused.time_s[2]), float(paused.time_s[3])
    both = in_rhythm(paused, (0.0, start, "N"), (start, stop, "ASYS"), (stop, 20.0, "N"))
    assert [(row.title, row.detail) for row in triage(both)] == [("Long pause", "12.00 s")]
    tail = in_rhythm(written("NNNN", 0.8), (0.0, 3.4, "N"), (3.4, 30.0, "ASYS"))
    assert kinds(tail) == ["asystole"]


def test_a_compensatory_pause_that_is_seen_in_the_signal_as_well_has_one_name() -> None:
    paused = written("NNNSNN", [1.4, 1.4, 1.4, 0.6, 2.2, 1.4])
    start, stop = float(paused.time_s[3]), float(paused.time_s[4])
    both = in_rhythm(paused, (0.0, start, "N"), (start, stop, "ASYS"), (stop, 20.0, "N"))
    assert [row.kind for row in triage(both) if "pause" in row.kind] == ["compensatory_pause"]


@pytest.mark.parametrize(("left_s", "kinds"), [(1.9, []), (2.0, ["pause_in_signal"])])
def test_what_an_artefact_leaves_of_a_pause_is_none_unless_it_is_long_enough(left_s: float, kinds: list[str]) -> None:
    beats = written("NNNN", 0.8)
    left = in_rhythm(beats, (0.0, 3.4, "N"), (3.4, 3.4 + left_s, "ASYS"), (3.4 + left_s, 30.0, "NOISE"))
    assert [row.kind for row in triage(left) if row.kind == "pause_in_signal"] == kinds


@pytest.mark.parametrize(("seconds", "kind"), [(2.9, "pause_in_signal"), (3.0, "asystole")])
def test_a_pause_is_as_urgent_without_a_beat_after_it(seconds: float, kind: str) -> None:
    assert episode_kind(Episode(0.0, seconds, "ASYS", "pause")) == kind


def test_waves_without_beats_are_listed_as_what_they_are() -> None:
    paused = written("NNNNNN", [0.8, 0.8, 0.8, 12.0, 0.8, 0.8])
    silent = replace(paused, silences={3: "waves"}, break_before=np.array([1, 0, 0, 1, 0, 0], bool))
    assert kinds(silent) == ["no_beats"]
    start, stop = float(paused.time_s[2]), float(paused.time_s[3])
    assert kinds(in_rhythm(silent, (0.0, start, "N"), (start, stop, "VFL"), (stop, 20.0, "N"))) == ["vfl"]


@pytest.mark.parametrize(("seconds", "listed"), [(9.9, []), (10.0, ["unreadable"])])
def test_a_short_unreadable_stretch_is_drawn_and_not_listed(seconds: float, listed: list[str]) -> None:
    beats = in_rhythm(
        written("N" * 100), (0.0, 20.0, "N"), (20.0, 20.0 + seconds, "NOISE"), (20.0 + seconds, 81.0, "N")
    )
    assert kinds(beats) == listed


@pytest.mark.parametrize(("evidence", "listed"), [(FLAT, ["unreadable"]), ("noise", [])])
def test_a_short_flat_line_at_the_end_is_listed(evidence: str, listed: list[str]) -> None:
    beats = written("N" * 100)
    end_s = beats.n_samples / beats.fs
    for first, last in ((0.0, 6.0), (end_s - 6.0, end_s)):
        flat = Episode(first, last, "NOISE", "", 0.7, evidence)
        rest = Episode(last, end_s, "N") if first == 0 else Episode(0.0, first, "N")
        assert kinds(replace(beats, rhythm=tuple(sorted((flat, rest), key=lambda one: one.start_s)))) == listed


def test_a_recording_that_is_all_unreadable_is_listed_however_short() -> None:
    recording = beatless("NOISE", seconds=6.0)
    assert kinds(beats_of(read(recording, "NOISE"))) == ["unreadable"]


@pytest.mark.parametrize("code", ["VFL", "ASYS", "NOISE"])
def test_a_finding_without_any_beat_is_listed_seen_and_unseen(code: RhythmCode) -> None:
    analysis = read(beatless(code), code)
    (finding,) = triage(beats_of(analysis))
    assert (finding.samples, finding.start_s, finding.stop_s) == ((), 0.0, analysis.duration_s)
    assert finding.stretch == (0, round(analysis.duration_s * analysis.fs))
    assert not finding.reviewed
    seen = Decision("seen", finding.stretch, text="as I see it")
    beats = beats_of(analysis, seen)
    (after,) = triage(beats)
    assert after.reviewed
    assert after.id == finding.id
    assert beats.seen == {finding.stretch}
    assert beats.notes == {finding.stretch: "as I see it"}
    noted = beats_of(analysis, Decision("note", finding.stretch, text="ask the ward"))
    assert [row.reviewed for row in triage(noted)] == [False]
    assert noted.notes == {finding.stretch: "ask the ward"}
    assert not beats_of(analysis, seen, Decision("note", finding.stretch)).notes


def test_a_look_changes_no_beat_and_leaves_the_board_before_it_as_it_was() -> None:
    analysis = with_rhythm("NNVNN", (2.0, "N"), (9.0, "AFIB"))
    before = Board(analysis, [])
    after = before.after(Decision("seen", (500, 900)))
    assert (before.seen, after.seen) == (frozenset(), {(500, 900)})
    one, other = (board.classes((100, 300, 500, 700, 900)) for board in (before, after))
    assert one == other == "NNVNN"
    with pytest.raises(ReviewError, match="outside the recording"):
        before.after(Decision("seen", (500, 10**9)))
    for samples in ((5,), (1, 2, 3)):
        with pytest.raises(ReviewError, match="two ends"):
            Decision("seen", samples)


def test_a_board_without_beats_names_none() -> None:
    board = Board(read(beatless("VFL"), "VFL"), [])
    assert board.classes((3, 4)) == board.model_classes((3, 4)) == "--"
    with pytest.raises(ReviewError, match="No beat is at"):
        board.after(Decision("confirm", (100,)))
    assert board.after(Decision("add", (500,), "V")).classes((500,)) == "V"


def test_filters_about_beats_let_no_episode_pass_and_those_about_time_do() -> None:
    beats = beats_of(with_rhythm("N" * 40, (10.0, "N"), (20.0, "AFIB"), (33.0, "N")))
    findings = triage(beats)
    assert [finding.kind for finding in findings] == ["afib"]

    def passing(wanted: BeatFilter) -> int:
        return len(findings_passing(findings, beats, wanted))

    assert passing(BeatFilter()) == passing(BeatFilter(reviewed=False)) == 1
    assert passing(BeatFilter(reviewed=True)) == passing(BeatFilter(classes=frozenset("N"))) == 0
    assert passing(BeatFilter(confidence=(0.0, 0.5))) == passing(BeatFilter(among=(100,))) == 0
    assert [passing(BeatFilter(span_s=span)) for span in ((0.0, 10.0), (5.0, 10.1), (19.9, 30.0), (20.0, 30.0))] == [
        *(0, 1, 1, 0),
    ]


def test_no_interval_spans_fibrillation_nor_noise_without_beats() -> None:
    analysis = with_rhythm("N" * 20, (6.0, "N"), (7.2, "VFL"), (12.1, "N"), (13.6, "NOISE"), (99.0, "N"))
    kept = np.array([not 6.0 < t < 7.0 and not 12.1 < t < 13.5 for t in analysis.sample / analysis.fs])
    some = replace(
        analysis,
        **{name: getattr(analysis, name)[kept] for name in ("sample", "p", "has_p", "confidence")},
        status=("classified",) * int(kept.sum()),
        reason=("",) * int(kept.sum()),
    )
    beats = beats_of(some)
    assert [round(float(t), 1) for t in beats.time_s[beats.break_before]] == [0.4, 7.6, 14.0]
    assert not beats_of(replace(some, rhythm=())).break_before[1:].any()


def test_beats_that_noise_hides_make_no_highest_rate() -> None:
    beats = 100
    analysis = with_rhythm("N" * beats, (20.0, "N"), (40.0, "NOISE"), (99.0, "N"))
    sample = analysis.sample.copy()
    noisy = (sample / analysis.fs >= 20) & (sample / analysis.fs < 40)
    sample[noisy] = sample[noisy][0] + 80 * np.arange(noisy.sum())  # 188/min
    status = tuple("unclassified" if one else "classified" for one in noisy)
    hidden = replace(analysis, sample=sample, status=status, reason=tuple("noise" if one else "" for one in noisy))
    rate = summarise(beats_of(hidden)).rate
    assert rate.highest is not None
    assert rate.highest.value == pytest.approx(75, abs=0.1)
    earlier = summarise(beats_of(replace(hidden, rhythm=()))).rate
    assert earlier.highest is not None
    assert earlier.highest.value > 180
    classed = summarise(beats_of(replace(hidden, status=("classified",) * beats))).rate
    assert classed.highest is not None
    assert classed.highest.value == pytest.approx(75, abs=0.1)  # in noise, whatever was made of it


def test_a_noisy_stretch_of_the_quality_hides_beats_as_well() -> None:
    analysis = with_rhythm("NNNNUNNNN", (9.0, "N"))
    noisy = Quality((QualitySegment(0.0, 3.0, "good", ""), QualitySegment(3.0, analysis.duration_s, "noisy", "")), 1.0)
    hidden = beats_of(replace(analysis, quality=noisy)).hidden
    assert hidden is not None
    assert np.flatnonzero(hidden).tolist() == [4]


def test_variability_is_of_sinus_rhythm_alone() -> None:
    analysis = with_rhythm("N" * 200, (80.0, "N"), (120.0, "AFIB"), (200.0, "N"))
    jitter = np.where((analysis.sample / analysis.fs >= 80) & (analysis.sample / analysis.fs < 120), 1, 0)
    sample = analysis.sample + jitter * np.random.default_rng(0).integers(-40, 40, analysis.sample.size)
    found = variability(beats_of(replace(analysis, sample=sample)))
    assert found.rmssd.value == pytest.approx(0, abs=1e-6)
    assert found.n_intervals == 199 - np.count_nonzero(jitter) - 1
    everything = variability(beats_of(replace(analysis, sample=sample, rhythm=())))
    assert everything.rmssd.value is not None
    assert everything.rmssd.value > 50
    assert normal_pairs(beats_of(replace(analysis, sample=sample))).size < 199 - np.count_nonzero(jitter)


def test_the_most_urgent_episodes_come_first_and_the_longest_of_a_kind() -> None:
    some = (
        Episode(0, 5, "VT"),
        Episode(5, 9, "N"),
        Episode(9, 20, "VFL"),
        Episode(20, 90, "VFL"),
        Episode(90, 99, "P"),
    )
    assert [episode.start_s for episode in urgent_episodes(some)] == [20, 9, 0]
    assert [episode.start_s for episode in urgent_episodes(some, 3)] == [20, 9, 0, 90]
