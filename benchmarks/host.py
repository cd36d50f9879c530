"""What the benchmarks need of the machine, and what they tell of it. Imports nothing heavy."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

THREAD_SETTINGS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
)
"""Read only once, when numpy, PyTorch and numba are imported."""

ROOT = Path(__file__).resolve().parents[1]


def run_step(module: str, *arguments: object) -> dict[str, Any]:
    """Run a module in a fresh interpreter, on one thread; the object that it prints as JSON."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    environment = {**os.environ, **dict.fromkeys(THREAD_SETTINGS, "1")}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with status {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def pin() -> None:
    """Keep this process to one core, where the system can."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def memory() -> dict[str, float]:
    """Resident memory of this process in MB: the ``peak`` since it began, and ``now``.

    The kernel's own figures where it tells them, as those of `resource` begin with the memory of
    the process that started this one. Only the peak is known elsewhere, and not on Windows.
    """
    status = Path("/proc/self/status")
    if status.is_file():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        kilobytes = {"peak": lines["VmHWM"], "now": lines["VmRSS"]}
        return {name: int(told.split()[0]) * 1024 / 1e6 for name, told in kilobytes.items()}
    if sys.platform == "win32":
        return {"peak": float("nan"), "now": float("nan")}
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    return {"peak": most, "now": float("nan")}


def load() -> float | None:
    """Processes that wanted to run in the last minute, on average."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def facts(libraries: Sequence[str]) -> dict[str, Any]:
    """What the figures depend on.

    Parameters
    ----------
    libraries
        Whose versions are told.
    """
    versions = {}
    for name in libraries:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "load": load(),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "versions": versions,
    }


def processor() -> str:
    """Name of the processor."""
    listed = Path("/proc/cpuinfo")
    if listed.is_file():
        for line in listed.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def told(machine: Mapping[str, Any]) -> str:
    """The facts in three lines."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, load {machine['load']}\n"
        f"{machine['platform']}, Python {machine['python']}\n{versions}"
    )
