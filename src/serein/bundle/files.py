"""Where the files of bundles lie, and whether they are those that belong to them."""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path

from serein.bundle.manifest import MANIFEST_FILE, Graph
from serein.errors import ArgumentInvalid, BundleInvalid

DEFAULT_BUNDLE = "bundled"


def require_vacant(folder: Path) -> None:
    """Make sure that nothing would be overwritten.

    Raises
    ------
    ArgumentInvalid
        If the folder exists and is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ArgumentInvalid(f"{folder} exists and is not an empty folder; name another one")


def sha256_of(path: Path) -> str:
    """Checksum of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify(folder: Path, graph: Graph) -> None:
    """Make sure that a graph is the file that the manifest names.

    Raises
    ------
    BundleInvalid
        If it is missing, or another one.
    """
    path = folder / graph.file
    try:
        found = sha256_of(path)
    except OSError as error:
        raise BundleInvalid(
            f"{path} is missing or cannot be read ({error.strerror}); get the bundle again",
            file=str(folder),
        ) from error
    if found != graph.sha256:
        raise BundleInvalid(
            f"{path} is not the file that the manifest names (its sha256 differs); it is damaged "
            "or was changed: get the bundle again",
            file=str(folder),
        )


def _packaged() -> Path:
    return Path(str(resources.files("serein"))) / "bundles"


def available_bundles() -> dict[str, Path]:
    """Names and folders of the bundles that are part of the package, the default one first."""
    folder = _packaged()
    found = (
        {path.parent.name: path.parent for path in sorted(folder.glob(f"*/{MANIFEST_FILE}"))}
        if folder.is_dir()
        else {}
    )
    return dict(sorted(found.items(), key=lambda item: item[0] != DEFAULT_BUNDLE))


def find_bundle(model: str | Path) -> Path:
    """The folder of a bundle given by name or path.

    Raises
    ------
    BundleInvalid
        If there is none.
    """
    if isinstance(model, str) and model in (known := available_bundles()):
        return known[model]
    path = Path(model)
    if path.is_dir():
        return path
    names = ", ".join(available_bundles()) or "none in this installation"
    raise BundleInvalid(
        f"there is no model {str(model)!r}: give a bundle's folder or one of these names: {names}",
        file=str(model),
    )
