"""Errors as a caller handles them; the tree itself is held by test_public_surface."""

from __future__ import annotations

import pickle

import pytest

from serein import errors


def test_argument_errors_are_also_value_errors() -> None:
    with pytest.raises(ValueError, match="outside"):
        raise errors.ArgumentInvalid("outside of what is allowed")


@pytest.mark.parametrize("error", [errors.NotFound, errors.BundleInvalid, errors.ArgumentInvalid])
def test_error_travels_between_processes(error: type[errors.SereinError]) -> None:
    arrived = pickle.loads(pickle.dumps(error("what was wrong", file="a.wav")))
    assert type(arrived) is error
    assert str(arrived) == arrived.message == "what was wrong"
    assert arrived.file == "a.wav"
    assert arrived.as_dict() == {"code": error.code, "message": "what was wrong"}


def test_file_is_unknown_unless_given() -> None:
    assert errors.NotAudio("no sound").file is None
