"""JSON files as frozen dataclasses: the types of a class's fields are the schema, read and written by one codec.

A field is a number, a text, a flag, a `Literal`, a dataclass, `X | None`, `tuple[X, ...]`, `tuple[X, Y]` or
`Mapping[str, X]`. A field with a default may be missing in a file, and is not written while it has its default. A field
with `metadata={"key": "class"}` has that name in the file. A class with a `SCHEMA` is written with it first, and is
read only from files of that schema.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from pipeline.errors import DataError

DIGITS: Final = 5
_SHOWN: Final = 3  # of the fields that a file lacks
_KEY: Final = "key"

T = TypeVar("T")
_Decode = Callable[[Any, str], Any]


def to_json(value: Any) -> Any:
    """Turn a dataclass, or what may be in its fields, into dict, list, str, int, float, bool and None."""
    if isinstance(value, str | int | float | NoneType):
        return value
    if isinstance(value, Mapping):
        return {name: to_json(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [to_json(item) for item in value]
    kept = [each for each in fields(value) if not _is_default(value, each)]
    written = {_name(each): to_json(getattr(value, each.name)) for each in kept}
    return {"schema": value.SCHEMA, **written} if hasattr(value, "SCHEMA") else written


def from_json(cls: type[T], raw: Any, *, what: str = "The content", again: str = "write it again") -> T:
    """Return the dataclass that `to_json` made `raw` of.

    Parameters
    ----------
    cls : type
        A frozen dataclass.
    raw : dict, list, str, int, float, bool or None
        As `json.loads` gives it.
    what : str, optional
        What an error calls the file.
    again : str, optional
        What an error tells the reader to do.

    Returns
    -------
    T
        The dataclass.

    Raises
    ------
    DataError
        If `raw` is of another schema, lacks a field, has one that is not known, or one of another type.
    """
    try:
        found: T = _decoder(cast("Hashable", cls))(raw, "")
    except _Malformed as error:
        raise DataError(f"{what} {error}; {again}.") from error
    return found


def read_as(cls: type[T], path: Path, *, again: str, what: str = "") -> T:
    """Read a JSON file as a dataclass.

    Parameters
    ----------
    cls : type
        A frozen dataclass.
    path : Path
        The file.
    again : str
        What an error tells the reader to do.
    what : str, optional
        What an error calls the file; its name if "".

    Returns
    -------
    T
        The dataclass.

    Raises
    ------
    DataError
        If it cannot be read, is not JSON, or does not hold a `cls` (as `from_json` says).
    """
    name = what or path.name
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{name} cannot be read as JSON; {again}.") from error
    return from_json(cls, raw, what=name, again=again)


def rounded(value: T, digits: int = DIGITS) -> T:
    """Return the same value with floats of so many digits, and None for those that are not finite."""
    found: Any = value
    if isinstance(value, float):
        found = round(float(value), digits) if math.isfinite(value) else None
    elif isinstance(value, Mapping):
        found = {name: rounded(item, digits) for name, item in value.items()}
    elif isinstance(value, tuple):
        found = tuple(rounded(item, digits) for item in value)
    elif is_dataclass(value) and not isinstance(value, type):
        found = replace(value, **{each.name: rounded(getattr(value, each.name), digits) for each in fields(value)})
    return found  # type: ignore[no-any-return]


class _Malformed(Exception):  # noqa: N818 - it never leaves this module
    """What is wrong with a file, to be said after its name."""


@cache
def _decoder(kind: Any) -> _Decode:
    """Return what turns a raw value, found at a place of the file, into a `kind`."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType) and len(inner) == 2 and inner[1] is NoneType:
        decode = _decoder(inner[0])
        return lambda raw, at: None if raw is None else decode(raw, at)
    if origin is Literal:
        return lambda raw, at: _checked(raw, at, raw in inner, f"one of {', '.join(map(repr, inner))}")
    if origin is tuple:
        return _sequence(inner)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(_decoder(inner[1]))
    if is_dataclass(kind):
        return _record(kind)
    accepted, words = _PLAIN[kind]
    return lambda raw, at: _checked(raw, at, type(raw) in accepted, words)


_PLAIN: Final[Mapping[Any, tuple[tuple[type, ...], str]]] = {
    str: ((str,), "a text"),
    int: ((int,), "a whole number"),
    float: ((float, int), "a number"),
    bool: ((bool,), "true or false"),
}


def _checked(raw: Any, at: str, is_right: bool, words: str) -> Any:
    if not is_right:
        raise _Malformed(f"should have {words} at {at or 'its top'}, not {_short(raw)}")
    return raw


def _sequence(inner: Sequence[Any]) -> _Decode:
    if len(inner) == 2 and inner[1] is Ellipsis:
        decode = _decoder(inner[0])
        return lambda raw, at: tuple(
            decode(item, f"{at}[{i}]") for i, item in enumerate(_checked(raw, at, isinstance(raw, list), "a list"))
        )
    decoders = [_decoder(each) for each in inner]

    def fixed(raw: Any, at: str) -> tuple[Any, ...]:
        words = f"a list of {len(decoders)}"
        _checked(raw, at, isinstance(raw, list) and len(raw) == len(decoders), words)
        return tuple(decode(item, f"{at}[{i}]") for i, (decode, item) in enumerate(zip(decoders, raw, strict=True)))

    return fixed


def _mapping(decode: _Decode) -> _Decode:
    return lambda raw, at: {
        name: decode(item, _below(at, name))
        for name, item in _checked(raw, at, isinstance(raw, dict), "an object").items()
    }


def _record(cls: Any) -> _Decode:
    hints, schema = get_type_hints(cls), getattr(cls, "SCHEMA", None)
    known = {_name(each): (each.name, _decoder(hints[each.name])) for each in fields(cls)}
    required = [_name(each) for each in fields(cls) if each.default is MISSING]

    def decode(raw: Any, at: str) -> Any:
        if schema is not None:
            found = raw.get("schema") if isinstance(raw, dict) else None
            if found != schema:
                raise _Malformed(f"is of another version: it has the schema {_short(found)}, not {schema!r}")
            raw = {name: item for name, item in raw.items() if name != "schema"}
        _checked(raw, at, isinstance(raw, dict), "an object")
        if missing := [_below(at, name) for name in required if name not in raw]:
            raise _Malformed(f"lacks {', '.join(missing[:_SHOWN])}")
        if strangers := [_below(at, name) for name in raw if name not in known]:
            raise _Malformed(f"has {strangers[0]}, which is not known")
        return cls(**{known[name][0]: known[name][1](item, _below(at, name)) for name, item in raw.items()})

    return decode


def _name(each: Any) -> str:
    return str(each.metadata.get(_KEY, each.name))


def _is_default(value: Any, each: Any) -> bool:
    return each.default is not MISSING and getattr(value, each.name) == each.default


def _below(at: str, name: str) -> str:
    return f"{at}.{name}" if at else name


def _short(raw: Any) -> str:
    text = repr(raw)
    return text if len(text) <= 40 else f"{text[:40]}..."
