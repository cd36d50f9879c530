"""Attention over time as a strip of characters, and the axis under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from serein.explanation import Attention

BLOCKS = " ▁▂▃▄▅▆▇█"
_PLAIN = " .:-=+*%#"


def strip(attention: Attention, duration: float, width: int, *, blocks: bool) -> str:
    """A strip of `width` columns over a recording: the fuller, the more its moment weighed.

    Only what has no weight at all is blank.

    Parameters
    ----------
    duration
        Of the recording, in seconds.
    blocks
        Whether block characters can be printed; plain ones stand in for them.

    >>> from serein.explanation import Attention
    >>> strip(Attention(0.5, (0.0, 0.25, 0.5, 0.25)), 2.0, 4, blocks=False)
    ' =#='
    """
    borders = attention.hop * np.arange(len(attention.weights) + 1)
    summed = np.concatenate([[0.0], np.cumsum(attention.weights)])
    weights = np.diff(np.interp(np.linspace(0.0, duration, width + 1), borders, summed))
    scale = BLOCKS if blocks else _PLAIN
    # Sums leave crumbs where there is nothing.
    steps = np.ceil((len(scale) - 1) * weights / weights.max() - 1e-6).astype(int)
    return "".join(scale[step] for step in steps)


def time_axis(duration: float, width: int) -> str:
    """The times at the beginning, in the middle and at the end of so many columns.

    >>> time_axis(3.0, 20)
    '0 s    1.5 s   3.0 s'
    """
    begin, middle, end = "0 s", f"{duration / 2:.1f} s", f"{duration:.1f} s"
    line = begin + middle.center(width - 2 * len(begin)).rstrip()
    return line + end.rjust(width - len(line))
