from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

import serein
from serein.recognition import Recognizer
from tests.builders import build_bundle, build_classical_bundle

BUILDERS: dict[str, Callable[[Path], Path]] = {
    "network": build_bundle,
    "plain": partial(build_bundle, described=False),
    "classical": build_classical_bundle,
}


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("recognition")
    return {name: build(root / name) for name, build in BUILDERS.items()}


@pytest.fixture(scope="session")
def recognizer(folders: dict[str, Path]) -> Recognizer:
    """The recogniser of the network."""
    return serein.load(folders["network"])


@pytest.fixture(scope="session", params=list(BUILDERS))
def either(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Recognizer:
    """A recogniser of each kind in turn."""
    return serein.load(folders[request.param])
