"""Processes that compute features: one a core, one thread each, gone with their parent."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any

from serein.errors import DataInvalid

MOST_WORKERS = 61
"""Windows waits for so many processes at most."""


def worker_count(wanted: int | None, tasks: int) -> int:
    """As many processes as are wanted, by default one a core, and no more than there are tasks."""
    return max(1, min(wanted or os.cpu_count() or 1, tasks, MOST_WORKERS))


@contextmanager
def worker_pool(
    count: int, *, begin: Callable[..., None] | None = None, arguments: tuple[Any, ...] = ()
) -> Iterator[ProcessPoolExecutor]:
    """A pool of so many processes, each of which first calls ``begin(*arguments)``.

    Raises
    ------
    DataInvalid
        A process was killed, or could not be begun.
    """
    # Not forked: the parent may hold threads of torch or of a progress display.
    pool = ProcessPoolExecutor(
        count,
        mp_context=get_context("spawn"),
        initializer=_begin,
        initargs=(begin, arguments),
    )
    try:
        with pool:
            yield pool
    except BrokenProcessPool as error:
        raise DataInvalid(
            "a process that computed features was killed, perhaps for want of memory; try again "
            "with fewer --workers. In a script of your own, what is run must stand under "
            'if __name__ == "__main__"'
        ) from error


def _begin(begin: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    Thread(target=_follow_parent, daemon=True).start()
    _use_one_thread()
    if begin is not None:
        begin(*arguments)


def _follow_parent() -> None:
    """End this process with the one that began it, which a pool does not do if that is killed."""
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)


def _use_one_thread() -> None:
    """Keep numpy to one thread, as there is a process a core: more of them only quarrel."""
    try:
        from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
    except ImportError:
        return
    threadpool_limits(1)
