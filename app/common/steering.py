"""What is done to analyses that belong to everybody: who adds recordings may, who only looks may not."""

from __future__ import annotations

from app.common import cache, sign_in
from pipeline.errors import AccessError
from pipeline.principal import Right
from pipeline.store.permits import permitted
from pipeline.worker import Job

ONLY = "Those who add recordings can do this."


def may_steer() -> bool:
    """Whether whoever is here may stop analyses, resume them and take them off the list."""
    return sign_in.looking().holds("add")


def why_not() -> str | None:
    """What a button says that is disabled because `may_steer` is false."""
    return None if may_steer() else ONLY


def ask(job: Job) -> None:
    """Asks for an analysis; one that was cancelled, refused or has stopped is resumed only for who may."""
    if _may("add") or (cache.worker().status(job).state == "absent" and _may("view")):
        cache.worker().ask(job)


def cancel(job: Job) -> None:
    """Cancels an analysis for everybody, if that is allowed."""
    if _may("add"):
        cache.worker().cancel(job)


def remove(job: Job) -> None:
    """Takes an unfinished analysis off the list, if that is allowed."""
    if _may("add"):
        cache.worker().remove(job)


def _may(right: Right) -> bool:
    """Tell whether whoever is here has the right and has not signed out in another window."""
    try:
        permitted(sign_in.looking(), right)
    except AccessError:
        return False
    return True
