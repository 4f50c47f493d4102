"""Who asks: one person or program with their roles, and the one table of what each role may do.

Where nobody signs in, a name is enough and may do everything. Where people sign in (`sign_in_required`), the store
answers a `Principal` only, and every call that comes without one is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from pipeline.config import sign_in_limits, sign_in_required
from pipeline.errors import AccessError

Role = Literal["viewer", "technician", "reader", "second reader", "signer", "administrator", "machine"]
Right = Literal["view", "add", "identify", "export", "decide", "second", "sign", "delete", "administer", "unblinded"]
ROLES: Final[tuple[Role, ...]] = get_args(Role)[:-1]  # a person's; "machine" is the worker and the command line
RIGHTS: Final[Mapping[Role, frozenset[Right]]] = MappingProxyType(
    {
        "viewer": frozenset[Right]({"view"}),
        "technician": frozenset[Right]({"view", "add", "identify"}),
        "reader": frozenset[Right]({"view", "add", "identify", "export", "decide"}),
        "second reader": frozenset[Right]({"view", "second"}),
        "signer": frozenset[Right]({"view", "export", "decide", "sign"}),
        "administrator": frozenset[Right]({"view", "export", "delete", "administer"}),
        "machine": frozenset[Right](get_args(Right)),
    }
)
_MAY: Final[Mapping[Right, str]] = MappingProxyType(
    {
        "view": "look at studies",
        "add": "add recordings",
        "identify": "name studies and patients",
        "export": "take results away",
        "decide": "decide about beats",
        "second": "read a study a second time",
        "sign": "sign studies",
        "delete": "delete recordings",
        "administer": "see who did what",
        "unblinded": "see both readings before they are finished",
    }
)
SIGN_IN_FIRST: Final = "Nobody is signed in here; sign in first."


@dataclass(frozen=True)
class Principal:
    """Who asks.

    Attributes
    ----------
    name : str
        Written beside what they do; one person's only where people sign in. "" while nobody has said theirs.
    roles : frozenset of Role
        What they are here; `RIGHTS` says what that allows.
    key : str
        Of their sign-in, see `pipeline.store.access`; "" where nobody signs in.
    proved : datetime or None
        When the provider last saw their password or token, UTC; None if it does not say.
    until : datetime or None
        When they are signed out unless they do something, UTC; None without an end.
    """

    name: str
    roles: frozenset[Role]
    key: str = ""
    proved: datetime | None = None
    until: datetime | None = None

    def __bool__(self) -> bool:
        """Whether it is known who this is."""
        return bool(self.name)

    def may(self, right: Right) -> bool:
        """Whether it is known who this is, and one of their roles has the right."""
        return bool(self.name) and self.holds(right)

    def holds(self, right: Right) -> bool:
        """Whether one of their roles has the right."""
        return any(right in RIGHTS[role] for role in self.roles)

    def is_fresh(self, now: datetime | None = None) -> bool:
        """Whether they proved who they are shortly before `now`, as a signature demands; always, without a sign-in."""
        if not self.key:
            return True
        age = None if self.proved is None else (now or datetime.now(UTC)) - self.proved
        return age is not None and age <= timedelta(minutes=sign_in_limits().prove_again_min)


Who = Principal | str
LOCAL: Final = Principal("this machine", frozenset[Role]({"machine"}))  # the worker and the command line


def local(name: str) -> Principal:
    """Return somebody who says this name where nobody signs in: may do everything."""
    return Principal(name, frozenset(ROLES))


def principal(who: Who) -> Principal:
    """Return who asks.

    Parameters
    ----------
    who : Principal or str
        A name alone is enough where nobody signs in.

    Raises
    ------
    AccessError
        If people sign in here and this is a name alone, or if they were idle for too long.
    """
    if isinstance(who, str):
        if sign_in_required():
            raise AccessError(SIGN_IN_FIRST)
        return local(who)
    if sign_in_required() and who is not LOCAL and not who.key:
        raise AccessError(SIGN_IN_FIRST)
    if who.until is not None and datetime.now(UTC) > who.until:
        raise AccessError(
            f"You were signed out after {sign_in_limits().idle_min:g} minutes without a click; sign in again."
        )
    return who


def require(who: Who, right: Right) -> Principal:
    """Return who asks, if they have this right.

    Parameters
    ----------
    who : Principal or str
        See `principal`.
    right : Right
        What they are about to do.

    Raises
    ------
    AccessError
        If they have not, or nobody is signed in.
    """
    asking = principal(who)
    if not asking.holds(right):
        roles = " and ".join(sorted(asking.roles)) or "nobody"
        raise AccessError(f"As {roles} you may not {_MAY[right]}; ask an administrator for a role that may.")
    return asking


def require_fresh(asking: Principal) -> None:
    """Refuse a signature by somebody who proved who they are too long ago.

    Raises
    ------
    AccessError
        If so, or if the provider does not say when that was.
    """
    if not asking.is_fresh():
        most = sign_in_limits().prove_again_min
        raise AccessError(f"To sign, you must have signed in within the last {most:g} minutes; sign in again.")


def roles_of(
    claims: Mapping[str, Any], *, claim: str = "", table: Mapping[str, Collection[str]] | None = None
) -> frozenset[Role]:
    """Return the roles that a provider's claims and the table of this installation give somebody.

    Parameters
    ----------
    claims : mapping of str to object
        What the provider says of them.
    claim : str, optional
        Name of a claim that lists their roles or groups. With a table, what it lists is looked up there and is
        nothing else: a directory may well have a group called "administrator". Without one it is a role itself if it
        has a role's name.
    table : mapping of str to collection of str, optional
        Roles by group, by e-mail address (if the provider calls it verified, or says nothing of that) or by subject.
    """
    listed = claims.get(claim) if claim else None
    several = isinstance(listed, Collection) and not isinstance(listed, str)
    groups = [str(group) for group in listed or ()] if several else str(listed or "").split()
    known = [*groups, str(claims.get("sub", ""))]
    if claims.get("email_verified", True) is True:
        known.append(str(claims.get("email", "")))
    told = {role for name in known for role in table.get(name, ())} if table else set(groups)
    return frozenset(role for role in ROLES if role in told or role.replace(" ", "-") in told)
