"""The libraries that training needs and prediction does not."""

from __future__ import annotations

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
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise DependencyMissing(
            f'training needs {", ".join(missing)}; install it with: pip install "serein[train]"'
        )
