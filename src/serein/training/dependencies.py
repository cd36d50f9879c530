"""The libraries that the laboratory needs and prediction does not."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.util import find_spec

from serein.errors import DependencyMissing

_NEEDED = ("torch", "accelerate", "sklearn", "skl2onnx", "onnx", "pyarrow")


def require_training() -> None:
    """Make sure that training can go on to its end.

    Raises
    ------
    DependencyMissing
        If a library is not installed.
    """
    require_libraries("training", _NEEDED)


def require_libraries(what: str, names: Iterable[str]) -> None:
    """Make sure that the libraries of the extra ``train`` are there which something needs.

    Raises
    ------
    DependencyMissing
        If a library is not installed.
    """
    if missing := [name for name in names if find_spec(name) is None]:
        raise DependencyMissing(
            f'{what} needs {", ".join(missing)}; install it with: pip install "serein[train]"'
        )
