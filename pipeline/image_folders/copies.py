"""Pictures of a folder that occur more than once, byte for byte or in appearance, and the consequences."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pipeline.image_folders.dataset import FolderDataset
from pipeline.image_folders.runs import CopiesVerdict, Severity
from pipeline.types import IntArray

ALIKE: Final = 0.985  # correlation of thumbnails; a re-saved or resized copy reaches at least 0.99
MIN_PICTURES: Final = 5  # pictures of a class, of which a fifth is held out
_BLOCK: Final = 1024


@dataclass(frozen=True)
class Group:
    """Pictures that are copies of each other, as indices of `FolderDataset.pictures`; `exact` if byte for byte."""

    members: tuple[int, ...]
    exact: bool
    across_splits: bool
    across_classes: bool


def find_copies(dataset: FolderDataset, *, alike: float = ALIKE) -> tuple[Group, ...]:
    """Find groups of byte-identical pictures and of pictures that look the same, exact ones first.

    A group that looks the same also includes its identical copies.
    """
    by_digest = defaultdict(list)
    for i, picture in enumerate(dataset.pictures):
        by_digest[picture.digest].append(i)
    exact = [tuple(members) for members in by_digest.values() if len(members) > 1]
    linked = copy_groups(dataset, alike=alike)
    near = defaultdict(list)
    for i, number in enumerate(linked):
        near[int(number)].append(i)
    known = {frozenset(members) for members in exact}
    looks = [tuple(m) for m in near.values() if len(m) > 1 and frozenset(m) not in known]
    return tuple(
        [_group(dataset, members, exact=True) for members in exact]
        + [_group(dataset, members, exact=False) for members in looks]
    )


def copy_groups(dataset: FolderDataset, *, alike: float = ALIKE) -> IntArray:
    """Return a number (n,) per picture, equal for copies of each other, whether directly or through others."""
    parent = list(range(len(dataset.pictures)))

    def root_of(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, j in _pairs(dataset, alike):
        parent[max(root_of(i), root_of(j))] = min(root_of(i), root_of(j))
    return np.unique([root_of(i) for i in range(len(parent))], return_inverse=True)[1].astype(np.int64)


def verdict(dataset: FolderDataset, groups: Sequence[Group]) -> CopiesVerdict:
    """State what the copies mean: a score inflated by pictures known from training, contradictory labels."""
    held = [i for i, picture in enumerate(dataset.pictures) if picture.split in ("test", "validation")]
    leaked = {
        i for group in groups if group.across_splits for i in group.members
        if dataset.pictures[i].split in ("test", "validation")
    }  # fmt: skip
    spare = sum(len(group.members) - 1 for group in groups if group.exact)
    alike = [group for group in groups if not group.exact]
    look = sum(len({dataset.pictures[i].digest for i in group.members}) for group in alike)
    within = {i for group in alike for i in group.members}  # identical copies also have a group of their own
    mixed = sum(group.across_classes for group in groups if not (group.exact and group.members[0] in within))
    sentences = []
    if leaked:
        share = 100 * len(leaked) / len(held)
        sentences.append(
            f"Leakage: {len(leaked)} of {len(held)} held-out pictures ({share:.0f} %) occur in another split too, so a "
            "score on them is partly memory; they are left out of training here."
        )
    if mixed:
        groups_carry = "group of copies carries" if mixed == 1 else "groups of copies carry"
        sentences.append(f"{mixed} {groups_carry} different classes: labels differ.")
    if spare and "" in dataset.splits:
        sentences.append(
            f"{spare} of {len(dataset.pictures)} pictures are byte-identical copies of others: a random split would put"
            " copies on both sides; the split made here keeps them together."
        )
    elif spare and not leaked:
        sentences.append(f"{spare} of {len(dataset.pictures)} pictures are byte-identical copies within their split.")
    if look:
        sentences.append(
            f"{look} pictures look the same as others without being identical: re-saved, resized or one patient."
        )
    if few := {name: number for name, number in _totals(dataset).items() if number < MIN_PICTURES}:
        listed = ", ".join(f"{name} {number}" for name, number in few.items())
        sentences.append(
            f"Classes with fewer than {MIN_PICTURES} pictures cannot be learnt and tested both: {listed}; add pictures."
        )
    severity: Severity = "leak" if leaked or mixed else "warning" if sentences else "clean"
    return CopiesVerdict(
        severity, tuple(sentences) or ("No picture occurs twice, within a class or across; nothing leaks.",)
    )


def _totals(dataset: FolderDataset) -> dict[str, int]:
    found = Counter(picture.class_name for picture in dataset.pictures)
    return {name: found[name] for name in dataset.classes}


def _pairs(dataset: FolderDataset, alike: float) -> Iterator[tuple[int, int]]:
    first: dict[str, int] = {}
    for i, picture in enumerate(dataset.pictures):
        if (other := first.setdefault(picture.digest, i)) != i:
            yield other, i
    for start in range(0, len(dataset.prints), _BLOCK):
        close = dataset.prints[start : start + _BLOCK] @ dataset.prints.T >= alike
        for i, j in np.argwhere(close):
            if start + i < j:
                yield int(start + i), int(j)


def _group(dataset: FolderDataset, members: tuple[int, ...], *, exact: bool) -> Group:
    own = [dataset.pictures[i] for i in members]
    across_splits, across_classes = len({p.split for p in own}) > 1, len({p.class_name for p in own}) > 1
    return Group(members, exact, across_splits, across_classes)
