"""Whether somebody may write a file: what `pipeline.store.access.writing_as` is to the database."""

from __future__ import annotations

from pipeline.principal import Principal, Right, Who, require


def permitted(who: Who, right: Right) -> Principal:
    """Return who asks, if they may write now what no transaction guards.

    Parameters
    ----------
    who : Principal or str
        Who asks.
    right : Right
        What they are about to do.

    Raises
    ------
    AccessError
        If they have not the right, were idle for too long, or have signed out, wherever that was.
    """
    asking = require(who, right)
    if asking.key:
        from pipeline.store.access import require_signed_in  # SQLAlchemy is not for those who only look

        require_signed_in(asking)
    return asking
