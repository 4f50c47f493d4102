"""The page of paper that a recording was read from: its photo and the page network's opinion, kept beside the signal.

They lie in the recording's own folder, so that what deletes the recording deletes them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pipeline._util.files import write_bytes, write_json
from pipeline.errors import DataError
from pipeline.principal import Who, require
from pipeline.store.permits import permitted
from pipeline.store.recordings import recording_folder
from pipeline.store.stored_files import read_json

_PHOTO: Final = "page.jpg"
_HEAT: Final = "page-heat.jpg"
_FACTS: Final = "page.json"


@dataclass(frozen=True)
class PageSource:
    """A page, and what the page network says of it.

    Attributes
    ----------
    photo : bytes
        The page with the lines as they were read, JPEG; empty unless it was to be kept, for a page may name somebody.
    heat : bytes
        The page under the heat of its leads, JPEG; empty without a class or a photo.
    class_name : str
        A class of the page network; "" if it cannot say.
    p : mapping of str to float
        Calibrated probability by class.
    confident : bool
        Whether the largest probability reaches the network's threshold.
    known : bool
        Whether the page is one that the network was trained on.
    why_none : str
        Why there is no class; "" if there is one.
    limits : str
        What the network's answer is worth, a sentence or two from its evaluation.
    """

    photo: bytes
    heat: bytes = b""
    class_name: str = ""
    p: Mapping[str, float] = field(default_factory=dict)
    confident: bool = False
    known: bool = False
    why_none: str = ""
    limits: str = ""


def save_page_source(digest: str, source: PageSource, *, reader: Who = "") -> None:
    """Keep the page of a stored recording.

    Parameters
    ----------
    digest : str
        SHA-256 of the recording.
    source : PageSource
        The page.
    reader : Principal or str, optional
        Who asks.

    Raises
    ------
    DataError
        If the recording is not stored, or the disk is full or cannot be written.
    """
    permitted(reader, "add")
    folder = recording_folder(digest)
    if folder is None or not folder.is_dir():
        raise DataError("The recording of this page is not on this machine.")
    facts = {
        "class_name": source.class_name,
        "p": dict(source.p),
        "confident": source.confident,
        "known": source.known,
        "why_none": source.why_none,
        "limits": source.limits,
    }
    write_bytes(folder / _PHOTO, source.photo, private=True)
    write_bytes(folder / _HEAT, source.heat, private=True)
    write_json(folder / _FACTS, facts, private=True)


def load_page_source(digest: str, *, reader: Who = "") -> PageSource | None:
    """Return the page that a recording was read from; None for other recordings."""
    require(reader, "view")
    folder = recording_folder(digest)
    facts = None if folder is None else read_json(folder / _FACTS)
    if folder is None or facts is None:
        return None
    try:
        return PageSource(
            photo=(folder / _PHOTO).read_bytes(),
            heat=(folder / _HEAT).read_bytes(),
            class_name=str(facts["class_name"]),
            p={str(name): float(p) for name, p in facts["p"].items()},
            confident=bool(facts["confident"]),
            known=bool(facts["known"]),
            why_none=str(facts["why_none"]),
            limits=str(facts.get("limits", "")),
        )
    except (OSError, KeyError, TypeError, ValueError, AttributeError):
        return None
