"""The public names and the tree of errors are what they are said to be."""

from __future__ import annotations

import inspect
import re
from types import ModuleType
from typing import cast

import pytest

import serein
from serein import errors
from serein.errors import SereinError

# Promised to users of the library, the command line and the service.
PROMISED_CODES = {
    "bundle_invalid",
    "dependency_missing",
    "empty",
    "not_a_file",
    "not_audio",
    "not_finite",
    "not_found",
    "too_large",
    "too_long_duration",
    "truncated",
    "unsupported",
}


def public_names() -> set[str]:
    names = {name for name in dir(serein) if not name.startswith("_")}
    return {name for name in names if not isinstance(getattr(serein, name), ModuleType)}


def error_classes() -> list[type[SereinError]]:
    """Every class that ``serein.errors`` defines."""
    values = [value for value in vars(errors).values() if inspect.isclass(value)]
    own = [value for value in values if value.__module__ == errors.__name__]
    return cast("list[type[SereinError]]", own)


def parent_of(error: type[SereinError]) -> str | None:
    parents = [base.__name__ for base in error.__bases__ if issubclass(base, SereinError)]
    assert len(parents) <= 1, (
        f"{error.__name__} hangs from {parents}, the tree has one branch for each"
    )
    return parents[0] if parents else None


def drawn_tree() -> dict[str, tuple[str | None, str | None]]:
    """Parent and code of each error as the docstring of ``serein.errors`` draws them."""
    drawn: dict[str, tuple[str | None, str | None]] = {}
    branch: list[str] = []
    row = re.compile(
        r" {4}((?:│   |    )*)((?:├── |└── )?)([A-Z]\w+)(?: {2,}([a-z_]+)(?= {2,}|$))?"
    )
    for line in inspect.cleandoc(errors.__doc__ or "").splitlines():
        match = row.match(line)
        if match is None:
            continue
        rails, fork, name, code = match.groups()
        depth = len(rails) // 4 + bool(fork)
        branch[depth:] = [name]
        drawn[name] = (branch[depth - 1] if depth else None, code)
    return drawn


def test_all_names_what_is_reachable() -> None:
    assert set(serein.__all__) - {"__version__"} == public_names()
    assert len(serein.__all__) == len(set(serein.__all__))


@pytest.mark.parametrize("name", serein.__all__)
def test_public_name_resolves_and_is_described(name: str) -> None:
    assert inspect.getdoc(getattr(serein, name))


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = serein.no_such_name


def test_every_error_hangs_from_the_one_root() -> None:
    for error in error_classes():
        assert issubclass(error, SereinError), f"{error.__name__} is outside of the tree"
        assert (parent_of(error) is None) == (error is SereinError)


def test_error_codes_are_distinct_and_complete() -> None:
    leaves = [error for error in error_classes() if not error.__subclasses__()]
    for error in leaves:
        assert "code" in vars(error), f"{error.__name__} has no code of its own"
    codes = [error.code for error in error_classes() if "code" in vars(error)]
    assert sorted(codes) == sorted(set(codes))
    assert set(codes) >= PROMISED_CODES


def test_tree_of_errors_is_drawn_as_it_is() -> None:
    drawn = drawn_tree()
    assert set(drawn) == {error.__name__ for error in error_classes()}
    for error in error_classes():
        parent, code = drawn[error.__name__]
        assert parent == parent_of(error)
        # Branches are drawn without a code: nobody raises them.
        assert code == (None if error.__subclasses__() else error.code)


def test_error_keeps_its_message_and_file() -> None:
    error = errors.NotFound("there is nothing at 'a.wav'", file="a.wav")
    assert str(error) == error.message == "there is nothing at 'a.wav'"
    assert error.file == "a.wav"
    assert error.as_dict() == {"code": "not_found", "message": error.message}
