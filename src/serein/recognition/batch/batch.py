"""A batch from its inputs to its result, whichever engine judges."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Protocol

from serein.errors import ArgumentInvalid
from serein.recognition.batch.blocks import Block, cut_into_blocks
from serein.recognition.batch.entries import Entry, Seen
from serein.recognition.batch.local import Report, judge_locally
from serein.recognition.batch.parts import opened
from serein.recognition.batch.tally import Tally
from serein.recognition.batch.task import Task


class Engine(Protocol):
    """Judges blocks somewhere, and comes back when all their parts are written."""

    def __call__(
        self, blocks: Iterator[Block], task: Task, *, workers: int, report: Report | None = None
    ) -> Tally:
        """See :func:`serein.recognition.batch.local.judge_locally`."""
        ...


def run_batch(
    entries: Iterable[Entry],
    task: Task,
    *,
    workers: int | None = None,
    resume: bool = False,
    report: Report | None = None,
    engine: Engine = judge_locally,
) -> tuple[Tally, Tally]:
    """Judge many files and write a table of the results, as a folder of Parquet files.

    Parameters
    ----------
    entries
        The files; one that is named twice is judged once.
    task
        What is done with each, and where the result goes.
    workers
        How many processes judge; by default one for every core that this one may use.
    resume
        Go on with a result that is there: its files are not judged again.
    report
        Called every now and then with what was done, in this run and before.

    Returns
    -------
    tuple
        What was done before, and what was done now.

    Raises
    ------
    ArgumentInvalid
        No file is named; the output is there already, is being written, or was made in another way.
    DataInvalid
        The result cannot be written, or not be read to go on with it.
    WorkerDied
        Processes that judge cannot be begun.
    """
    count = cores() if workers is None else workers
    if count < 1:
        raise ArgumentInvalid(f"workers is at least 1, not {count}")
    source = iter(entries)
    first = next(source, None)
    if first is None:
        raise ArgumentInvalid(
            "no file was found to judge: name sound files, folders with some in them, patterns, or "
            "tables with a column 'path'"
        )
    with opened(task, resume=resume) as written:
        before = Tally(written.files, written.failed)

        def told(tally: Tally) -> None:
            if report is not None:
                report(before + tally)

        told(Tally())
        blocks = cut_into_blocks(
            _fresh(chain([first], source), written.seen), workers=count, first=written.following
        )
        return before, engine(blocks, task, workers=count, report=told)


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _fresh(entries: Iterable[Entry], seen: Seen) -> Iterator[Entry]:
    return (entry for entry in entries if seen.add(entry.file))
