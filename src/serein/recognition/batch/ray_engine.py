"""The engine of a cluster: actors of Ray Data that judge blocks, each with one model and thread.

The actors give back what the parts hold, and the process that began the run writes them. So the
nodes need no folder in common for the result, and a node that was cut off and goes on without
knowing of it cannot write into what a later run goes on with.
"""

from __future__ import annotations

import logging
import os
import pickle
import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from serein.errors import DependencyMissing, SereinError, WorkerDied
from serein.recognition.batch.batch import cores
from serein.recognition.batch.blocks import FATAL, Block
from serein.recognition.batch.judging import BlockJudge
from serein.recognition.batch.local import Report
from serein.recognition.batch.parts import write_part
from serein.recognition.batch.tally import Tally
from serein.recognition.batch.task import Task

_BLOCKS = 4096
"""Handed to Ray at once, at least: the names of a million files are some 100 MB."""
_BLOCKS_OF_A_WORKER = 64
"""At least, so that it judges for longer than it takes to begin it."""
_ATTEMPTS = 10
"""At a block, as nodes may be lost time and again; more only for files that end processes."""
_PATIENCE = 10.0  # seconds until a cluster answers
_OBJECT_STORE = 200 * 2**20
"""Bytes for objects of a Ray that is begun here; the blocks in it are a few kB each."""


def judge_on_ray(
    blocks: Iterator[Block], task: Task, *, workers: int, report: Report | None = None
) -> Tally:
    """Judge blocks in actors of a Ray cluster, and write their parts.

    The block of an actor that is lost with its process or its node is done again. A file that
    goes on to end the processes which judge it gets a row with the error ``worker_died``.

    Parameters
    ----------
    blocks
        Taken some thousands at a time.
    workers
        How many actors, of a processor each; those without a free one wait for it.

    Raises
    ------
    DependencyMissing
        If Ray is not installed.
    WorkerDied
        Actors cannot be begun, or end time and again.
    DataInvalid
        A part cannot be written.
    BundleInvalid
        The model has changed.
    """
    done = Tally()
    with ray_cluster():
        files = (path for path in Path(task.model).iterdir() if path.is_file())
        model = {path.name: path.read_bytes() for path in files}
        actors = _Actors(task, model, _begin_witness(), workers)
        while wave := list(islice(blocks, max(_BLOCKS, _BLOCKS_OF_A_WORKER * workers))):
            waiting = {block.part for block in wave}
            for part, content, tally in actors.judge(wave):
                write_part(task.output, part, content)
                waiting.discard(part)
                done += tally
                if report is not None:
                    report(done)
            if waiting:
                raise WorkerDied(
                    f"Ray ended without {len(waiting)} of {len(wave)} blocks; go on with --resume"
                )
    return done


@contextmanager
def ray_cluster() -> Iterator[int]:
    """Be connected with a cluster, or begin one of this machine where none is found.

    The cluster is that which this process is connected with already, or which the variable
    ``RAY_ADDRESS`` names, or which was begun on this machine by ``ray start``. Where the variable
    is ``local`` one is begun in any case.

    Yields
    ------
    int
        How many processors it has.

    Raises
    ------
    DependencyMissing
        If Ray is not installed.
    WorkerDied
        The cluster cannot be reached.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise DependencyMissing(
            'the engine ray needs Ray, which is not installed: pip install "serein[ray]"'
        ) from error
    ours = not ray.is_initialized()
    try:
        if ours:
            _connect()
        yield max(1, int(ray.cluster_resources().get("CPU", 1)))
    finally:
        if ours:
            ray.shutdown()


def _connect() -> None:
    import ray

    quiet: dict[str, Any] = {"logging_level": logging.WARNING, "log_to_driver": False}
    address = os.environ.get("RAY_ADDRESS")
    try:
        if address != "local":
            _require_listener(address or "")
            try:
                ray.init(address="auto", **quiet)
                return
            except ConnectionError:
                if address:
                    raise
        ray.init(
            address="local",
            num_cpus=cores(),
            object_store_memory=_OBJECT_STORE,
            include_dashboard=False,
            **quiet,
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise WorkerDied(
            f"Ray cannot be reached or begun ({_first_line(error)}); see that RAY_ADDRESS names a "
            "cluster that runs the same Ray and Python, or unset it"
        ) from error


def _require_listener(address: str) -> None:
    """Ray itself tries for minutes to reach what is not there."""
    place = urlsplit(address if "://" in address else f"//{address}")
    if place.hostname and place.port:
        socket.create_connection((place.hostname, place.port), _PATIENCE).close()


@dataclass(frozen=True)
class _Actors:
    """What judges waves of blocks: actors are begun for each wave, and lost ones anew."""

    task: Task
    model: Mapping[str, bytes]
    witness: Any
    count: int

    def judge(self, wave: list[Block]) -> Iterator[tuple[str, bytes, Tally]]:
        """Name and content of the part of each block, in no order, and what was done."""
        import ray

        try:
            with _quiet():
                for row in self._dataset(wave).iter_rows():
                    outcome = pickle.loads(row["outcome"])
                    if isinstance(outcome, SereinError):
                        raise outcome
                    yield outcome
        except ray.exceptions.RayError as error:
            raise WorkerDied(
                f"Ray has given up ({_first_line(error)}); what is written is whole: see to the "
                "cluster, and go on with --resume"
            ) from error

    def _dataset(self, wave: list[Block]) -> Any:
        from ray.data import ActorPoolStrategy, from_items

        # Pickled, as names of files need not be the UTF-8 that a table holds.
        items = [{"block": pickle.dumps(block)} for block in wave]
        return from_items(items, override_num_blocks=len(items)).map(
            RayJudge,
            fn_constructor_args=(self.task, self.model, self.witness),
            compute=ActorPoolStrategy(size=min(self.count, len(wave))),
            num_cpus=1,
        )


class RayJudge:
    """What an actor does: judges blocks with a model that is loaded for the first of them.

    Parameters
    ----------
    task
        What is done with each file.
    model
        The files of the bundle by name, as the node need not have it.
    witness
        The actor that knows what became of a block before.
    """

    def __init__(self, task: Task, model: Mapping[str, bytes], witness: Any) -> None:
        self._task, self._model, self._witness = task, model, witness
        self._judge: BlockJudge | None = None

    def __call__(self, row: Mapping[str, bytes]) -> dict[str, bytes]:
        """Judge a pickled block; the outcome is pickled too, and may be an error of Serein."""
        try:
            outcome: object = self._outcome(pickle.loads(row["block"]))
        except SereinError as error:
            # Of the witness's own errors Ray makes some of a class that cannot be pickled.
            outcome = getattr(error, "cause", error)
        return {"outcome": pickle.dumps(outcome)}

    def _outcome(self, block: Block) -> tuple[str, bytes, Tally]:
        import ray

        witness, number = self._witness, block.number
        again, hopeless = ray.get(witness.begin.remote(number))
        judge = self._judge or self._load()

        def tell(index: int, _: Tally) -> None:
            ray.get(witness.at.remote(number, index))

        # To tell of every file takes time, so it is done only where something happened before.
        block = replace(block, hopeless=hopeless)
        content, tally = judge.encode(block, begin=tell if again else None)
        ray.get(witness.end.remote(number))
        return block.part, content, tally

    def _load(self) -> BlockJudge:
        # Gone before anything is judged: an actor may be ended at any time.
        with TemporaryDirectory(prefix="serein-") as folder:
            for name, content in self._model.items():
                (Path(folder) / name).write_bytes(content)
            self._judge = BlockJudge(replace(self._task, model=folder))
        return self._judge


class Witness:
    """Knows in which file of a block its process was lost, and how often.

    Lives on the node of the process that began the run, and with it.
    """

    def __init__(self) -> None:
        self._attempts: Counter[int] = Counter()
        self._at: dict[int, int] = {}
        self._deaths: dict[int, Counter[int]] = {}

    def begin(self, number: int) -> tuple[bool, frozenset[int]]:
        """A block is begun: whether it was before, and which of its files are hopeless.

        Raises
        ------
        WorkerDied
            It was begun too often.
        """
        deaths = self._deaths.setdefault(number, Counter())
        if (index := self._at.pop(number, None)) is not None:
            deaths[index] += 1
        hopeless = frozenset(index for index, times in deaths.items() if times >= FATAL)
        self._attempts[number] += 1
        if self._attempts[number] > _ATTEMPTS + FATAL * len(hopeless):
            raise WorkerDied(
                f"the processes that judge {Block(number, ()).part} were killed {_ATTEMPTS} times; "
                "see that the nodes have memory and stay, and go on with --resume"
            )
        return self._attempts[number] > 1, hopeless

    def at(self, number: int, index: int) -> None:
        """The next file of a block is begun."""
        self._at[number] = index

    def end(self, number: int) -> None:
        """A block is done, and what was known of it forgotten."""
        self._at.pop(number, None)
        self._deaths.pop(number, None)


def _begin_witness() -> Any:
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    return (
        ray.remote(Witness)
        .options(num_cpus=0, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here)
        .remote()
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Ray Data neither draws nor tells how far it is: who runs a batch does."""
    from ray.data import DataContext

    context, log = DataContext.get_current(), logging.getLogger("ray.data")
    drawn, level = context.enable_progress_bars, log.level
    context.enable_progress_bars = False
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        context.enable_progress_bars = drawn
        log.setLevel(level)


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
