"""Configs as JSON values and back; every key and type is checked."""

import dataclasses
import difflib
import json
import typing
from typing import Any, Literal, TypeVar

from dcgan_core.errors import UserError

T = TypeVar("T")  # a dataclass


def to_dict(config: Any) -> dict[str, Any]:
    """The config as plain JSON values, nested configs and tuples included."""
    return dict(json.loads(json.dumps(dataclasses.asdict(config))))


def from_dict(cls: type[T], values: dict[str, Any], where: str = "config") -> T:
    """Builds `cls` from plain JSON values; `where` names the file or option in errors."""
    if not isinstance(values, dict):
        raise UserError(f"{where}: expected named values, got {values!r}")
    hints = {key: _field(cls, key, where) for key in values}
    fields = dataclasses.fields(typing.cast(Any, cls))
    needed = (f.name for f in fields if f.default is f.default_factory is dataclasses.MISSING)
    if missing := [name for name in needed if name not in values]:
        raise UserError(f"{where}: missing key {missing[0]!r}")
    return cls(**{key: _check(value, hints[key], f"{where}: {key}") for key, value in values.items()})


def override(config: T, assignments: list[str]) -> T:
    """A copy of `config` with every `key=value` applied; `architecture.kernel=4` reaches into a nested config.

    All are applied before the result is checked: values that only fit together can be changed together.
    """
    values, where = to_dict(config), "`settings`"
    for assignment in assignments:
        key, _, text = assignment.partition("=")
        if not text:
            raise UserError(f"{where} {assignment}: write key=value")
        *path, last = key.strip().split(".")
        part, cls = values, type(config)
        for name in path:
            cls = _field(cls, name, f"{where} {key}")
            if not dataclasses.is_dataclass(cls):
                raise UserError(f"{where} {key}: {name!r} has no parts")
            part = part[name]
        hint = _field(cls, last, f"{where} {key}")
        if dataclasses.is_dataclass(hint):
            raise UserError(f"{where} {key}: set one of its parts, such as {last}.{dataclasses.fields(hint)[0].name}=…")
        part[last] = _check(_parse(text.strip(), hint), hint, f"{where} {key}")
    return from_dict(type(config), values, where)


def _field(cls: type, name: str, where: str) -> Any:
    """The type of a config's field."""
    hints = typing.get_type_hints(cls)
    if name not in hints:
        raise UserError(f"{where}: unknown key {name!r}{did_you_mean(name, hints)}")
    return hints[name]


def _parse(text: str, hint: Any) -> Any:
    if hint is str or typing.get_origin(hint) is Literal:
        return text
    if typing.get_origin(hint) is tuple and not text.startswith("["):
        text = f"[{text}]"
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text  # not a number: _check says which type was expected


def _check(value: Any, hint: Any, where: str) -> Any:
    """`value` as the type `hint` asks for, or a UserError that says what was expected."""
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return value if isinstance(value, hint) else from_dict(hint, value, where)
    if origin is Literal:
        if value not in options:
            raise UserError(f"{where}: expected one of {', '.join(map(repr, options))}, got {value!r}")
        return value
    if origin is tuple:
        if not isinstance(value, (list, tuple)):
            raise UserError(f"{where}: expected a list such as 64,128,256, got {value!r}")
        return tuple(_check(item, options[0], where) for item in value)
    if hint is float and type(value) is int and abs(value) < 2**1000:  # larger ones are no float
        return float(value)
    if not isinstance(value, hint) or (isinstance(value, bool) and hint is not bool):
        raise UserError(f"{where}: expected {hint.__name__}, got {value!r}")
    return value


def did_you_mean(word: str, known: typing.Iterable[str]) -> str:
    """` (did you mean 'x'?)` if one of `known` is close, and always the list of all."""
    known = sorted(known)
    close = difflib.get_close_matches(word, known, n=1)
    return (f" (did you mean {close[0]!r}?)" if close else "") + f"; there are: {', '.join(known)}"
