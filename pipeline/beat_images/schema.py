"""What pictures-evaluation.json holds, as frozen dataclasses. Imports no TensorFlow and no SciPy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline._util.typed_json import read_as

BinaryMeasure = Literal["accuracy", "sensitivity", "specificity", "auc"]
Interval = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Acceptance:
    """How many of `n` pictures were taken for a beat, and that share with its 95 % interval."""

    n: int
    accepted: int
    share: float
    interval: Interval


@dataclass(frozen=True, kw_only=True)
class BinaryScores:
    """Scores of normal against abnormal; None where there are no such pictures."""

    accuracy: float | None
    sensitivity: float | None
    specificity: float | None
    auc: float | None

    def by(self, measure: BinaryMeasure) -> float | None:
        """Return one of them."""
        values = {
            "accuracy": self.accuracy,
            "sensitivity": self.sensitivity,
            "specificity": self.specificity,
            "auc": self.auc,
        }
        return values[measure]


@dataclass(frozen=True, kw_only=True)
class AcceptedScores(BinaryScores, Acceptance):
    """Acceptance, and the scores of what was accepted; `sensitivity_vf` and `auc_vf` of V and F against N.

    `intervals` are of drawing patients anew, where that was done.
    """

    calibration_error: float | None = None
    sensitivity_vf: float | None
    auc_vf: float | None
    intervals: Mapping[str, Interval] | None = None


@dataclass(frozen=True, kw_only=True)
class ClassAcceptance(Acceptance):
    """Acceptance of the pictures of one class, and the share of those accepted that is called abnormal."""

    called_abnormal: float | None


@dataclass(frozen=True, kw_only=True)
class StyledBeats:
    """Beats of patients that were not trained on, drawn in every style, and textbook beats.

    Attributes
    ----------
    all, held_out_styles : AcceptedScores
        In all styles, and in those that training did not see.
    against_normal : mapping of str to AcceptedScores
        Of "V", "VF" and "VFQ" against N.
    textbook : Acceptance
        How many textbook beats are accepted.
    by_style : mapping of str to AcceptedScores
        Scores by style.
    by_class : mapping of str to ClassAcceptance
        Acceptance by class.
    """

    all: AcceptedScores
    held_out_styles: AcceptedScores
    against_normal: Mapping[str, AcceptedScores]
    textbook: Acceptance
    by_style: Mapping[str, AcceptedScores]
    by_class: Mapping[str, ClassAcceptance]


@dataclass(frozen=True, kw_only=True)
class KindCount:
    """How many pictures of a kind were taken for a beat."""

    n: int
    accepted: int


@dataclass(frozen=True, kw_only=True)
class OtherPictures(Acceptance):
    """Pictures without a beat, of kinds that are not in the training data."""

    by_kind: Mapping[str, KindCount]


@dataclass(frozen=True, kw_only=True)
class FolderSymbols:
    """What annotators called the beats of a folder of pictures: all that were matched, and the sure ones."""

    n: int
    median_r: float
    nearest: Mapping[str, int]
    sure: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class AnnotatedScores(AcceptedScores):
    """Scores by the annotators' labels, over `sure` matches of these `records`."""

    sure: int
    records: tuple[str, ...]
    against_normal: Mapping[str, AcceptedScores]
    counts: Mapping[str, int]


@dataclass(frozen=True, kw_only=True)
class FolderLearner:
    """The scores of a small network that was trained on the folders' names as labels.

    Attributes
    ----------
    n : int
        How many pictures.
    groups : int, optional
        Groups of pictures of one beat or alike, which are not divided between training and test.
    accuracy, sensitivity, specificity, auc : float, optional
        Scores; None where undefined.
    """

    n: int
    groups: int | None = None
    accuracy: float | None
    sensitivity: float | None
    specificity: float | None
    auc: float | None


@dataclass(frozen=True, kw_only=True)
class FolderLabels:
    """What the folders' names are worth as labels: tested on a third of them, and on other patients."""

    learnt_on_two_thirds: FolderLearner
    learnt_on_ds1_patients: FolderLearner


@dataclass(frozen=True, kw_only=True)
class PublicPictures:
    """The public one-beat pictures: which beats they are, and how they are read.

    Attributes
    ----------
    n, accepted : int
        Pictures, and those that are accepted as a beat.
    share : float
        The share accepted.
    folders : mapping of str to FolderSymbols
        What each folder contains, by the annotators' symbols.
    annotators_labels : AnnotatedScores
        Scores against the annotators' labels.
    folder_labels : FolderLabels
        What the folders' names are worth as labels.
    """

    n: int
    accepted: int
    share: float
    folders: Mapping[str, FolderSymbols]
    annotators_labels: AnnotatedScores
    folder_labels: FolderLabels


@dataclass(frozen=True, kw_only=True)
class PicturesEvaluation:
    """A pictures-evaluation.json; what an interrupted evaluation did not reach is None.

    Attributes
    ----------
    network, version, network_version : str
        The network, and identities of the heads and of its weights.
    threshold, accept_from : float
        From which probability a beat is abnormal, and a picture is accepted as a beat.
    seed : int
        Seed of the random generators.
    command, commit, created : str
        How it was made, by which code, and when.
    styles : StyledBeats, optional
        Beats of DS2 in every style.
    minutes : float, optional
        Duration.
    others : OtherPictures, optional
        Pictures without a beat.
    beat_images : PublicPictures, optional
        The public one-beat pictures.
    note : str, optional
        A remark for readers.
    """

    network: str
    version: str
    network_version: str
    threshold: float
    accept_from: float
    seed: int
    command: str
    commit: str
    created: str
    styles: StyledBeats | None = None
    minutes: float | None = None
    others: OtherPictures | None = None
    beat_images: PublicPictures | None = None
    note: str | None = None


def read_pictures_evaluation(path: Path) -> PicturesEvaluation:
    """Read a pictures-evaluation.json.

    Raises
    ------
    DataError
        If the file is missing, not JSON, or lacks something.
    """
    return read_as(PicturesEvaluation, path, again="run `python -m pipeline evaluate --model pictures` again")
