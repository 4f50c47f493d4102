"""The kinds of findings: one table of their urgency, their names and their codes, for lists, reports and exports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from pipeline.rhythm_names import RHYTHM_NAMES
from pipeline.types import RhythmCode


@dataclass(frozen=True)
class FindingKind:
    """What is fixed about a kind of finding.

    Attributes
    ----------
    priority : int
        1 is the most urgent.
    title, words : str
        Its name in lists and reports, and the short one in a row of the worklist.
    group : str
        A finding may change between the kinds of one group and stays the same finding.
    snomed : str
        The SNOMED CT concept that says exactly what the finding says; "" without one.
    scattered : bool
        Whether its beats need not be consecutive: it is a group of beats and no event.
    """

    priority: int
    title: str
    words: str
    group: str
    snomed: str = ""
    scattered: bool = False


RHYTHM_GROUP: Final = "rhythm"  # of findings that are an episode of rhythm, whatever beats it has


def _episode(priority: int, code: RhythmCode) -> FindingKind:
    """Return the kind of finding that an episode of this rhythm is."""
    form = RHYTHM_NAMES[code]
    return FindingKind(priority, form.name, form.short, RHYTHM_GROUP, form.snomed)


# In the order of importance, within one priority as well. SNOMED CT's concepts of what an ECG shows are those that the
# PhysioNet/CinC Challenge of 2020 lists (doi:10.1088/1361-6579/abc960). "AF-like" is a suspicion, and three
# supraventricular beats in a row are a run but no supraventricular tachycardia yet (426761007): they have no code.
# "AF-like" is listed only where no episodes of rhythm are known, as in analyses of earlier versions.
FINDING_KINDS: Final[Mapping[str, FindingKind]] = MappingProxyType(
    {
        "vfl": _episode(1, "VFL"),
        "asystole": _episode(1, "ASYS"),
        "vt_sustained": FindingKind(1, "Sustained ventricular tachycardia", "sustained VT", "v_run", "164895002"),
        "vt": FindingKind(1, "Ventricular tachycardia", "VT", "v_run", "164895002"),
        "vt_waves": FindingKind(
            1, "Ventricular tachycardia in the signal", "VT in the signal", RHYTHM_GROUP, "164895002"
        ),
        "statement": FindingKind(1, "Urgent statement", "urgent ECG", "statement"),
        "av_block_3": _episode(1, "BIII"),
        "av_block_high": FindingKind(
            1, "2:1 or high-degree AV block", "2:1 or high-degree block", RHYTHM_GROUP, "195042002"
        ),
        "long_pause": FindingKind(1, "Long pause", "long pause", "pause"),
        "v_triplet": FindingKind(2, "Ventricular triplet", "V triplet", "v_run"),
        "av_block_2": _episode(2, "BII"),
        "afib": _episode(2, "AFIB"),
        "aflutter": _episode(2, "AFL"),
        "svt_rhythm": _episode(2, "SVTA"),
        "svt": FindingKind(2, "Supraventricular run", "SV run", "s_run"),
        "af_like": FindingKind(2, "Irregular, AF-like", "AF-like", "af_like"),
        "pause": FindingKind(2, "Pause", "pause", "pause"),
        "pause_in_signal": FindingKind(2, "Pause in the signal", "pause in the signal", RHYTHM_GROUP),
        "no_beats": FindingKind(2, "Signal without beats", "signal without beats", "pause"),
        "v_couplet": FindingKind(3, "Ventricular couplet", "V couplet", "v_run"),
        "idioventricular": FindingKind(3, "Idioventricular rhythm", "idioventricular", "v_run"),
        "idioventricular_waves": FindingKind(
            3, "Idioventricular rhythm in the signal", "idioventricular in the signal", RHYTHM_GROUP, "49260003"
        ),
        "missing_beat": FindingKind(3, "Interval of two beats", "missing beat", "pause"),
        "patient_event": FindingKind(3, "Patient event", "patient event", "event"),
        "junctional": _episode(3, "NOD"),
        "paced": _episode(3, "P"),
        "bigeminy": FindingKind(3, "Ventricular bigeminy", "bigeminy", "bigeminy", "11157007"),
        "trigeminy": FindingKind(3, "Ventricular trigeminy", "trigeminy", "trigeminy", "251180001"),
        "av_block_1": _episode(4, "BI"),
        "artefact": FindingKind(4, "Artefact", "artefact", RHYTHM_GROUP),
        "unreadable": _episode(4, "NOISE"),
        "atrial_rhythm": FindingKind(4, "Slow supraventricular run", "slow SV run", "s_run"),
        "s_couplet": FindingKind(4, "Supraventricular couplet", "S couplet", "s_run"),
        "s_bigeminy": FindingKind(4, "Supraventricular bigeminy", "S bigeminy", "s_bigeminy"),
        "s_trigeminy": FindingKind(4, "Supraventricular trigeminy", "S trigeminy", "s_trigeminy"),
        "signal_lost": FindingKind(4, "Signal lost", "signal lost", "pause"),
        "compensatory_pause": FindingKind(4, "Compensatory pause", "compensatory pause", "pause"),
        "bradycardia": FindingKind(4, "Bradycardia", "bradycardia", "bradycardia"),
        "tachycardia": FindingKind(4, "Tachycardia", "tachycardia", "tachycardia"),
        "ectopic_v": FindingKind(5, "Ventricular ectopics", "V ectopics", "ectopic_v", "427172004", scattered=True),
        "fusion": FindingKind(5, "Fusion beats", "fusion beats", "fusion", "13640000", scattered=True),
        "ectopic_s": FindingKind(6, "Supraventricular ectopics", "S ectopics", "ectopic_s", "63593006", scattered=True),
        "paced_or_unclassifiable": FindingKind(
            7, "Paced or unclassifiable beats", "paced or unclassifiable", "paced_or_unclassifiable", scattered=True
        ),
        "doubtful": FindingKind(7, "Doubtful beats", "doubtful beats", "doubtful", scattered=True),
        "unclassified": FindingKind(8, "Unclassified beats", "unclassified beats", "unclassified", scattered=True),
    }
)
# The place of each kind in the order of clinical urgency, 0 first: the one order of lists, reports and the worklist.
URGENCY: Final[Mapping[str, int]] = MappingProxyType({kind: place for place, kind in enumerate(FINDING_KINDS)})


def most_urgent(kinds: Iterable[str]) -> str:
    """Return the most urgent of some kinds; "" of none, and of those that this version does not know."""
    return min((kind for kind in kinds if kind in URGENCY), key=URGENCY.__getitem__, default="")
