"""Times as a picture tells them."""

from __future__ import annotations

_STEPS = (
    *(0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30),
    *(60, 120, 300, 600, 900, 1800),
    *(3600, 7200, 10800, 21600),
)


def clock(seconds: float, duration: float, step: float = 1.0) -> str:
    """A time in a recording: ``m:ss``, or ``h:mm:ss`` where it lasts an hour or longer.

    Parameters
    ----------
    seconds
        The time.
    duration
        Seconds that the whole recording lasts.
    step
        Seconds between the times that are told; under one they get a decimal.
    """
    tenths = round(seconds * 10) if step < 1 else round(seconds) * 10
    whole, decimal = divmod(tenths, 10)
    minutes, second = divmod(whole, 60)
    fraction = f".{decimal}" if step < 1 else ""
    if duration < 3600:
        return f"{minutes}:{second:02}{fraction}"
    return f"{minutes // 60}:{minutes % 60:02}:{second:02}{fraction}"


def length(seconds: float) -> str:
    """How long something lasts: ``4.2 s``, ``10:32 min`` or ``1:02:03 h``."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{clock(whole, whole)} {'min' if whole < 3600 else 'h'}"


def ticks(duration: float, most: float) -> tuple[float, list[float]]:
    """The times that are written at an axis.

    Parameters
    ----------
    duration
        Seconds, over 0.
    most
        Steps that there is room for.

    Returns
    -------
    step, times
        Seconds from one to the next, and each of them.
    """
    step = next((one for one in _STEPS if duration / one <= most), _STEPS[-1])
    while duration / step > most:
        step *= 2
    return step, [count * step for count in range(int(duration / step + 1e-9) + 1)]
