"""Options read strictly from plain values: unknown keys and wrong types are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from serein.errors import SereinError

Options = TypeVar("Options")


def from_mapping(
    cls: type[Options],
    values: Mapping[str, Any],
    *,
    where: str,
    error: type[SereinError],
) -> Options:
    """Build a dataclass from a mapping, as read from TOML or JSON.

    Parameters
    ----------
    cls
        A dataclass whose fields are numbers, strings, booleans, tuples of them, or dataclasses;
        or one of these or None, or one of these or a tuple, such as ``str | tuple[str, ...]``.
    where
        What the mapping is, for messages: ``recipe 'mine', [training]``.
    error
        What to raise: with a sentence that names the key and what is allowed.
    """
    if not isinstance(values, Mapping):
        raise error(f"{where} must be a table of keys and values, not {values!r}")
    hints = get_type_hints(cls)
    known = {field.name: field for field in fields(cls)}  # type: ignore[arg-type]
    if unknown := sorted(set(values) - set(known)):
        raise error(f"{where}: unknown key {', '.join(unknown)}; known keys are {', '.join(known)}")
    required = {
        name
        for name, field in known.items()
        if field.default is MISSING and field.default_factory is MISSING
    }
    if missing := sorted(required - set(values)):
        raise error(f"{where}: the key {', '.join(missing)} is missing")
    converted = {
        name: _convert(value, hints[name], f"{where}: {name}", error)
        for name, value in values.items()
    }
    return cls(**converted)


def _convert(value: Any, wanted: Any, where: str, error: type[SereinError]) -> Any:
    if get_origin(wanted) in (Union, UnionType):
        if value is None and type(None) in get_args(wanted):
            return None
        return _convert_union(value, wanted, where, error)
    if is_dataclass(wanted):
        return from_mapping(wanted, value, where=where, error=error)  # type: ignore[arg-type]
    if get_origin(wanted) is tuple:
        if not isinstance(value, list | tuple):
            raise error(f"{where} must be a list, not {value!r}")
        return tuple(_convert(item, get_args(wanted)[0], where, error) for item in value)
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if get_origin(wanted) is dict:
        wanted = dict
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise error(f"{where} must be {_NAMES.get(wanted, wanted.__name__)}, not {value!r}")
    return value


_NAMES = {
    str: "a text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    dict: "a table",
}


def _convert_union(value: Any, union: Any, where: str, error: type[SereinError]) -> Any:
    parts = [part for part in get_args(union) if part is not type(None)]
    if len(parts) == 1:
        return _convert(value, parts[0], where, error)
    single, several = parts
    if isinstance(value, list | tuple):
        return _convert(value, several, where, error)
    try:
        return _convert(value, single, where, error)
    except error:
        raise error(f"{where} must be {_NAMES[single]} or a list, not {value!r}") from None
