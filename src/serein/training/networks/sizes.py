"""Checks that the options of several networks share."""

from __future__ import annotations

from serein.errors import ArgumentInvalid

LARGEST = 65_536
"""Units, channels or kernels of a layer; whoever asks for more has slipped."""


def require_sizes(**sizes: int | tuple[int, ...]) -> None:
    """Make sure that sizes lie from 1 to 65,536, and that lists of them are not empty.

    Raises
    ------
    ArgumentInvalid
        Names the option and what is allowed.
    """
    for name, size in sizes.items():
        if isinstance(size, tuple):
            if not size or not 1 <= min(size) <= max(size) <= LARGEST:
                raise ArgumentInvalid(f"{name} needs one or more numbers from 1 to {LARGEST}")
        elif not 1 <= size <= LARGEST:
            raise ArgumentInvalid(f"{name} must lie between 1 and {LARGEST}")


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
