"""Options from plain values: what is not meant is refused, with its place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from serein.errors import RecipeInvalid
from serein.options import from_mapping


@dataclass(frozen=True)
class Inner:
    size: int = 3


@dataclass(frozen=True)
class Outer:
    name: str
    rate: float = 0.5
    count: int = 1
    on: bool = False
    limit: float | None = None
    sizes: tuple[int, ...] = ()
    inner: Inner = field(default_factory=Inner)
    notes: dict[str, Any] = field(default_factory=dict)
    words: str | tuple[str, ...] = ()


def read(values: Any) -> Outer:
    return from_mapping(Outer, values, where="recipe 'mine'", error=RecipeInvalid)


def test_everything_given_is_taken() -> None:
    found = read(
        {
            "name": "x",
            "rate": 0.1,
            "count": 4,
            "on": True,
            "limit": 2.5,
            "sizes": [1, 2],
            "inner": {"size": 7},
            "notes": {"a": 1},
        }
    )
    assert found == Outer("x", 0.1, 4, True, 2.5, (1, 2), Inner(7), {"a": 1})


def test_what_is_left_out_has_its_default() -> None:
    assert read({"name": "x"}) == Outer("x")


def test_a_whole_number_is_a_number() -> None:
    found = read({"name": "x", "rate": 2, "limit": 3})
    assert (found.rate, found.limit) == (2.0, 3.0)
    assert isinstance(found.rate, float)
    assert isinstance(found.limit, float)


def test_nothing_is_allowed_where_it_is_meant() -> None:
    assert read({"name": "x", "limit": None}).limit is None


def test_one_or_a_list_of_them() -> None:
    assert read({"name": "x", "words": "all"}).words == "all"
    assert read({"name": "x", "words": ["a", "b"]}).words == ("a", "b")
    assert read({"name": "x", "words": []}).words == ()


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "the key name is missing"),
        ({"name": "x", "nmae": 1}, "unknown key nmae; known keys are name, rate"),
        ({"name": 3}, "name must be a text, not 3"),
        ({"name": None}, "name must be a text"),
        ({"name": "x", "rate": "fast"}, "rate must be a number, not 'fast'"),
        ({"name": "x", "rate": True}, "rate must be a number"),
        ({"name": "x", "count": 1.5}, "count must be a whole number"),
        ({"name": "x", "count": True}, "count must be a whole number"),
        ({"name": "x", "on": 1}, "on must be true or false"),
        ({"name": "x", "limit": "none"}, "limit must be a number"),
        ({"name": "x", "sizes": 3}, "sizes must be a list"),
        ({"name": "x", "sizes": [1, "2"]}, "sizes must be a whole number, not '2'"),
        ({"name": "x", "inner": {"sise": 1}}, "inner: unknown key sise"),
        ({"name": "x", "inner": {"size": "big"}}, "inner: size must be a whole number"),
        ({"name": "x", "inner": 3}, "inner must be a table"),
        ({"name": "x", "notes": []}, "notes must be a table"),
        ({"name": "x", "words": 3}, "words must be a text or a list, not 3"),
        ({"name": "x", "words": None}, "words must be a text or a list, not None"),
        ({"name": "x", "words": ["a", 3]}, "words must be a text, not 3"),
        ({"name": "x", "limit": [1.0]}, "limit must be a number, not [1.0]"),
        ([], "must be a table of keys and values"),
        (None, "must be a table of keys and values"),
    ],
)
def test_what_is_not_meant_is_refused_with_its_place(values: Any, says: str) -> None:
    with pytest.raises(RecipeInvalid) as caught:
        read(values)
    assert says in caught.value.message
    assert "recipe 'mine'" in caught.value.message
