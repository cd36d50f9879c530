"""Kill nodes of a cluster, and runs on it, at random moments, and see that nothing is lost.

The cluster is one of this machine: a head that judges nothing, and two nodes of a core each. A run
that lost a node ends by itself; one that was killed is gone on with by ``--resume``.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.batch import COMMAND, make_clips, names, rows

STORE = 80 * 2**20  # bytes for the objects of a node
SOON = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 6,
}
"""A lost node is known as such after three seconds, rather than twenty."""


def main() -> None:
    """Kill as often as is asked for, and print what came of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=3000, help="WAV clips of 3 s that are made")
    parser.add_argument("--times", type=int, default=10, help="nodes, and runs, that are killed")
    parser.add_argument("--seed", type=int, default=0, help="of the moments of killing")
    options = parser.parse_args()
    generator = random.Random(options.seed)
    with tempfile.TemporaryDirectory(prefix="serein-") as folder, cluster() as machines:
        place = Path(folder)
        clips, whole, out = place / "clips", place / "undisturbed.parquet", place / "out.parquet"
        make_clips(clips, options.files)
        subprocess.run([*COMMAND, str(clips), "-o", str(whole)], check=True)
        command = [*COMMAND, str(clips), "-o", str(out), "--engine", "ray"]
        expected, lasting = rows(whole), seconds_of(command)
        assert rows(out) == expected
        print(f"{len(expected):,} files, {lasting:.1f} s on the cluster, load {os.getloadavg()[0]}")
        for what, disturb in (("a node", machines.lose_node), ("the run", end)):
            good = killed = 0
            for _ in range(options.times):
                shutil.rmtree(out, ignore_errors=True)
                moment = generator.uniform(0.3, lasting)
                status = run_disturbed(command, moment, disturb)
                if status < 0:
                    subprocess.run([*command, "--resume"], check=True, stderr=subprocess.DEVNULL)
                killed += status < 0 or not machines.whole
                right = rows(out) == expected and names(out) == ["parquet"]
                good += right
                print(f"  {what} at {moment:.1f} s: status {status}, {right}", flush=True)
                machines.complete()
            print(
                f"{what}: {killed} of {options.times} killed in time, {good} results as undisturbed"
            )


def seconds_of(command: list[str]) -> float:
    begin = time.monotonic()
    subprocess.run(command, check=True)
    return time.monotonic() - begin


def run_disturbed(
    command: list[str], moment: float, disturb: Callable[[subprocess.Popen[bytes]], None]
) -> int:
    """Begin a run and disturb it if it has not ended before; its exit status."""
    running = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        return running.wait(moment)
    except subprocess.TimeoutExpired:
        disturb(running)
    return running.wait()


def end(running: subprocess.Popen[bytes]) -> None:
    os.killpg(running.pid, signal.SIGKILL)


class Machines:
    """A head, which judges nothing, and two nodes."""

    def __init__(self, cluster: Any) -> None:
        self._cluster = cluster
        self._nodes: list[Any] = []

    @property
    def whole(self) -> bool:
        return len(self._nodes) == 2

    def complete(self) -> None:
        """Begin the nodes that are missing."""
        while not self.whole:
            node = self._cluster.add_node(num_cpus=1, object_store_memory=STORE, wait=False)
            self._nodes.append(node)
        self._cluster.wait_for_nodes()

    def lose_node(self, _: subprocess.Popen[bytes]) -> None:
        self._cluster.remove_node(self._nodes.pop(0), allow_graceful=False)


@contextmanager
def cluster() -> Iterator[Machines]:
    """A cluster that the commands find."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster

    logging.getLogger("ray").setLevel(logging.ERROR)
    head = {"num_cpus": 0, "object_store_memory": STORE, "include_dashboard": False}
    begun = Cluster(initialize_head=True, head_node_args={**head, "_system_config": SOON})
    try:
        os.environ["RAY_ADDRESS"] = begun.address
        machines = Machines(begun)
        machines.complete()
        yield machines
    finally:
        begun.shutdown()


if __name__ == "__main__":
    main()
