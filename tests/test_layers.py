"""Imports run only downwards; the floors of the house are declared here and nowhere else."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "src" / "serein"

# From the ground up. A room is a module or a package right below `serein`; "" is serein/__init__.py
# itself, which opens the doors to recognition and knows nothing above it.
FLOORS: tuple[tuple[str, ...], ...] = (
    (
        "errors",
        "filenames",
        "labels",
        "explanation",
        "results",
        "metrics",
        "options",
        "colours",
        "drawing",
        "writing",
    ),
    ("audio",),
    ("features",),
    ("bundle",),
    ("recognition", "corpora"),
    ("",),
    ("training",),
    ("evaluation",),
    ("cli", "server", "__main__"),
)

# Who may import whom on the same floor; whoever is not named here knows no neighbour.
NEIGHBOURS: dict[str, set[str]] = {
    "colours": {"labels"},
    "labels": {"errors"},
    "metrics": {"errors", "labels"},
    "options": {"errors"},
    "writing": {"errors"},
    "results": {"errors", "explanation", "labels"},
    "cli": {"server"},
    "__main__": {"cli"},
}

HEIGHT = {room: height for height, floor in enumerate(FLOORS) for room in floor}


def module_name(path: Path, package: Path) -> str:
    """``serein.audio.decode`` for ``package/audio/decode.py``."""
    parts = ["serein", *path.relative_to(package).with_suffix("").parts]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(module: str) -> str:
    """``audio`` for ``serein.audio.decode``, "" for ``serein``."""
    return module.partition(".")[2].partition(".")[0]


def imported_modules(path: Path, package: Path) -> Iterator[tuple[int, str]]:
    """Line and absolute name of each of our modules that a file imports, whatever the spelling."""
    module = module_name(path, package)
    anchor = module if path.name == "__init__.py" else module.rpartition(".")[0]

    def absolute(name: str, level: int) -> str:
        if not level:
            return name
        base = anchor.split(".")[: len(anchor.split(".")) - level + 1]
        return ".".join([*base, name] if name else base)

    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        names: list[str] = []
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            source = absolute(node.module or "", node.level)
            # `from serein import audio` means the room, `from serein import load` the front door.
            names = [
                f"serein.{alias.name}" if source == "serein" and alias.name in HEIGHT else source
                for alias in node.names
            ]
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            function = node.func
            called = function.attr if isinstance(function, ast.Attribute) else ""
            called = function.id if isinstance(function, ast.Name) else called
            name = node.args[0].value
            if called in {"import_module", "__import__"} and isinstance(name, str):
                level = len(name) - len(name.lstrip("."))
                names = [absolute(name.lstrip("."), level)]
        for name in names:
            if name == "serein" or name.startswith("serein."):
                yield line, name


def violations(package: Path) -> list[str]:
    """Every breach of the floors, as lines that a person can act on."""
    found = []
    for path in sorted(package.rglob("*.py")):
        room = room_of(module_name(path, package))
        place = path.relative_to(package).as_posix()
        if room not in HEIGHT:
            found.append(f"{place}: the room {room!r} stands on no floor, declare it in FLOORS")
            continue
        for line, target in imported_modules(path, package):
            other = room_of(target)
            if other == room:
                continue
            if other not in HEIGHT:
                found.append(f"{place}:{line}: {target} stands on no floor, declare it in FLOORS")
            elif HEIGHT[other] > HEIGHT[room]:
                found.append(f"{place}:{line}: {target} is above {room or 'serein'}")
            elif HEIGHT[other] == HEIGHT[room] and other not in NEIGHBOURS.get(room, set()):
                found.append(f"{place}:{line}: {room or 'serein'} must not know {target}")
    return found


def test_imports_run_only_downwards() -> None:
    assert violations(PACKAGE) == []


def test_neighbours_share_a_floor_and_form_no_circle() -> None:
    for room, others in NEIGHBOURS.items():
        for other in others:
            assert HEIGHT[room] == HEIGHT[other]
            assert room not in NEIGHBOURS.get(other, set())


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("recognition/recognizer.py", "from serein.corpora import table"),
        ("recognition/recognizer.py", "import serein.training.fit"),
        ("recognition/recognizer.py", "from ..evaluation.report import write"),
        ("recognition/__init__.py", "from ..corpora import table"),
        ("corpora/table.py", "from .. import recognition"),
        ("audio/decode.py", "def f():\n    from serein import features"),
        ("audio/decode.py", "import importlib\nimportlib.import_module('serein.bundle')"),
        ("features/spec.py", "from serein import load"),
        ("errors.py", "from .labels import VIEWS"),
        ("server/app.py", "from serein.cli import main"),
        ("__init__.py", "from .training import fit"),
        ("cellar/wine.py", "x = 1"),
        ("audio/decode.py", "from serein.cellar import wine"),
    ],
)
def test_planted_breach_is_caught(tmp_path: Path, file: str, source: str) -> None:
    planted = tmp_path / file
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text(source, encoding="utf-8")
    assert len(violations(tmp_path)) == 1


@pytest.mark.parametrize(
    ("file", "source"),
    [
        (
            "recognition/recognizer.py",
            "from serein import bundle, results\nfrom ..audio import vad",
        ),
        ("recognition/stream.py", "from .timeline import smooth\nfrom . import recognizer"),
        ("training/fit.py", "from serein.corpora.table import read\nfrom serein import load"),
        ("cli/main.py", "from serein.server import app\nimport serein, numpy"),
        ("results.py", "from .labels import regroup"),
        ("__init__.py", "from .recognition import Recognizer"),
    ],
)
def test_downward_import_is_let_through(tmp_path: Path, file: str, source: str) -> None:
    planted = tmp_path / file
    planted.parent.mkdir(parents=True, exist_ok=True)
    planted.write_text(source, encoding="utf-8")
    assert violations(tmp_path) == []
