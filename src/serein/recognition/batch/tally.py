"""How far a batch is."""

from __future__ import annotations

from dataclasses import dataclass

MOST_FAILURES = 10


@dataclass(frozen=True)
class Tally:
    """What was done so far.

    Attributes
    ----------
    files
        How many were done, with those that failed.
    failed
        How many could not be judged.
    seconds
        Of sound in the others.
    failures
        The first of the files that failed, at most ten, each with the reason.
    """

    files: int = 0
    failed: int = 0
    seconds: float = 0.0
    failures: tuple[tuple[str, str], ...] = ()

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.files + other.files,
            self.failed + other.failed,
            self.seconds + other.seconds,
            (self.failures + other.failures)[:MOST_FAILURES],
        )
