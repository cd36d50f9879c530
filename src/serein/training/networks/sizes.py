"""Checks that the options of several networks share."""

from __future__ import annotations

from serein.errors import ArgumentInvalid


def require_sizes(**sizes: int | tuple[int, ...]) -> None:
    """Make sure that sizes are positive, and that lists of them are not empty.

    Raises
    ------
    ArgumentInvalid
        Names the option and what is allowed.
    """
    for name, size in sizes.items():
        if isinstance(size, tuple):
            if not size or min(size) < 1:
                raise ArgumentInvalid(f"{name} needs one or more numbers of at least 1")
        elif size < 1:
            raise ArgumentInvalid(f"{name} must be at least 1")


def require_shares(**shares: float) -> None:
    """Make sure that shares to drop lie from 0 to below 1.

    Raises
    ------
    ArgumentInvalid
        Names the option and what is allowed.
    """
    for name, share in shares.items():
        if not 0 <= share < 1:
            raise ArgumentInvalid(f"{name} must be at least 0 and below 1")
