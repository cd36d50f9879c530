"""The engine of one machine: processes that judge blocks, each with one model and one thread."""

from __future__ import annotations

import os
import signal
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Any

from serein.errors import SereinError, WorkerDied
from serein.recognition.batch.blocks import FATAL, Block
from serein.recognition.batch.judging import BlockJudge
from serein.recognition.batch.tables import load_pyarrow
from serein.recognition.batch.tally import Tally
from serein.recognition.batch.task import Task

Report = Callable[[Tally], None]
"""Called every now and then with what was done so far."""

_REPORTED = 0.2  # seconds
_PATIENCE = 10.0  # seconds that a process has to end
_MOST_ON_WINDOWS = 60  # so many processes it waits for at most
_STILLBORN = 3  # so many processes in a row that end before they are ready are enough
_ONE_THREAD = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)


def judge_locally(
    blocks: Iterator[Block], task: Task, *, workers: int, report: Report | None = None
) -> Tally:
    """Judge blocks in processes of this machine; each writes the parts of its own blocks.

    The block of a process that is killed is done again. A file in which that happens twice gets a
    row with the error ``worker_died``.

    Parameters
    ----------
    blocks
        Taken one by one when a process is free.
    workers
        How many processes; on Windows at most 60.

    Raises
    ------
    WorkerDied
        Processes cannot be begun, or end while they write.
    DataInvalid
        A part cannot be written.
    BundleInvalid
        The model has changed.
    """
    pool = _Pool(blocks, task, report or (lambda tally: None))
    return pool.run(min(workers, _MOST_ON_WINDOWS) if os.name == "nt" else workers)


@dataclass(frozen=True)
class _Begun:
    """A process is about to judge a file, or where all are judged to write the part."""

    index: int
    tally: Tally


@dataclass
class _Worker:
    """A process, the block that it has in hand, and how far it is with it."""

    process: BaseProcess
    block: Block
    begun: _Begun | None = None
    ready: bool = False


@dataclass
class _Pool:
    blocks: Iterator[Block]
    task: Task
    report: Report
    done: Tally = field(default_factory=Tally)
    again: deque[Block] = field(default_factory=deque)
    deaths: Counter[tuple[int, int]] = field(default_factory=Counter)
    stillborn: int = 0
    workers: dict[Connection[Any, Any], _Worker] = field(default_factory=dict)

    def run(self, count: int) -> Tally:
        try:
            while True:
                while len(self.workers) < count and (block := self._next()) is not None:
                    self._start(block)
                if not self.workers:
                    return self.done
                heard = wait(list(self.workers), _REPORTED)
                for connection in [one for one in self.workers if one in heard]:
                    self._hear(connection)
                under_way = [one.begun.tally for one in self.workers.values() if one.begun]
                self.report(sum(under_way, self.done))
        finally:
            self._stop()

    def _next(self) -> Block | None:
        return self.again.popleft() if self.again else next(self.blocks, None)

    def _start(self, block: Block) -> None:
        # Not forked: this process may hold threads, of a progress display or of a network library.
        context = get_context("spawn")
        try:
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(theirs, self.task), daemon=True)
            with _heirs_of_one_thread():
                process.start()
        except OSError as error:
            raise WorkerDied(
                f"no {len(self.workers) + 1} processes can be begun ({error.strerror or error}); "
                "try again with fewer --workers"
            ) from error
        theirs.close()  # so that the pipe ends when the process does
        self.workers[ours] = _Worker(process, block)

    def _hear(self, connection: Connection[Any, Any]) -> None:
        worker = self.workers[connection]
        try:
            message = connection.recv()
        except (EOFError, OSError):
            self._bury(connection)
            return
        if isinstance(message, _Begun):
            worker.begun = message
        elif isinstance(message, SereinError):
            raise message
        elif isinstance(message, Tally):
            self.done += message
            worker.begun = None
            self._hand(connection, self._next())
        else:
            worker.ready = True
            self.stillborn = 0
            self._hand(connection, worker.block)

    def _hand(self, connection: Connection[Any, Any], block: Block | None) -> None:
        """Give a process its next block, or let it go."""
        if block is None:
            self._part_with(connection)
            return
        self.workers[connection].block = block
        with suppress(OSError):  # it was killed, and its pipe says so next
            connection.send(block)

    def _bury(self, connection: Connection[Any, Any]) -> None:
        """Have the block of a process that was killed done again."""
        worker = self.workers[connection]
        self._part_with(connection)
        block = worker.block
        if not worker.ready:
            self.stillborn += 1
        elif worker.begun is not None:
            index = worker.begun.index
            self.deaths[block.number, index] += 1
            if self.deaths[block.number, index] >= FATAL:
                if index == len(block.files):
                    raise WorkerDied(
                        f"processes end while they write {block.part}; see that there is memory, "
                        "and go on with --resume"
                    )
                block = replace(block, hopeless=block.hopeless | {index})
        if self.stillborn >= _STILLBORN:
            raise WorkerDied(
                "processes that judge files are killed before they have loaded the model, perhaps "
                "for want of memory; try again with fewer --workers. In a script of your own, what "
                'is run must stand under if __name__ == "__main__"'
            )
        self.again.append(block)

    def _part_with(self, connection: Connection[Any, Any]) -> None:
        """Let a process end; it does when its pipe is closed."""
        process = self.workers.pop(connection).process
        connection.close()
        process.join(_PATIENCE)
        if process.is_alive():
            process.kill()
            process.join()

    def _stop(self) -> None:
        for worker in self.workers.values():
            worker.process.kill()
        for connection in list(self.workers):
            self._part_with(connection)


def _serve(connection: Connection[Any, Any], task: Task) -> None:
    """What a process does: judge block after block until its pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that began it answers Ctrl-C
    Thread(target=_follow_parent, daemon=True).start()
    with suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            _spare_pandas()
            judge = BlockJudge(task)
            connection.send(None)
            while True:
                block = connection.recv()
                tally = judge.judge(
                    block, begin=lambda index, tally: connection.send(_Begun(index, tally))
                )
                connection.send(tally)
        except SereinError as error:
            connection.send(error)


class _WithoutPandas:
    """Finds modules before all others do, and says of pandas that it is not there."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


def _spare_pandas() -> None:
    """Keep pyarrow from importing pandas where it is installed: 0.3 s and 40 MB for nothing.

    It tries once, with the first array, and remembers.
    """
    sys.meta_path.insert(0, _WithoutPandas)
    try:
        load_pyarrow()[0].array([0])
    finally:
        sys.meta_path.remove(_WithoutPandas)


def _follow_parent() -> None:
    """End this process with the one that began it, also if that is killed."""
    if (parent := parent_process()) is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _heirs_of_one_thread() -> Iterator[None]:
    """Processes begun meanwhile have one thread for numpy, and do not hear Ctrl-C.

    There is a process a core: more threads would only quarrel. An interrupt is not lost; it is
    held back until the process is begun.
    """
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    masked = hasattr(signal, "pthread_sigmask")
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if masked else set()
    try:
        yield
    finally:
        if masked:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
