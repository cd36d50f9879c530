"""Numbers as a reader sees them: per cent, points, intervals."""

from __future__ import annotations

from collections.abc import Sequence

NONE = "–"
MINUS = "−"


def per_cent(value: float | None) -> str:
    """A share with one decimal, ``47.8``; a dash where there is none."""
    return NONE if value is None else f"{100 * value:.1f}"


def whole(value: float | None) -> str:
    """A share in whole per cent, half a per cent upwards: ``48``."""
    return NONE if value is None else str(int(100 * value + 0.5))


def points(value: float | None, decimals: int = 1) -> str:
    """A difference of shares in points, with its sign: ``+3.2``, ``−0.5``, ``0.0``."""
    if value is None:
        return NONE
    text = f"{abs(100 * value):.{decimals}f}"
    if not text.strip("0."):
        return text
    return f"{MINUS if value < 0 else '+'}{text}"


def between(interval: Sequence[float] | None) -> str:
    """An interval of shares in whole per cent: ``45 to 51``."""
    return NONE if interval is None else f"{whole(interval[0])} to {whole(interval[1])}"


def points_between(interval: Sequence[float] | None) -> str:
    """An interval of differences in points, with their signs: ``−1.0 to +3.2``."""
    return NONE if interval is None else " to ".join(points(end) for end in interval)


def count(number: int) -> str:
    """A number with its thousands apart: ``7,442``."""
    return f"{number:,}"


def some(number: int, one: str, many: str) -> str:
    """A number and what is counted: ``1 clip``, ``7,442 clips``."""
    return f"{count(number)} {one if number == 1 else many}"
