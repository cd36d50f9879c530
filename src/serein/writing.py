"""Files that are there whole, or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from serein.errors import ArgumentInvalid


@contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file: under a hidden name beside its place, to which it moves once it is complete.

    Parameters
    ----------
    path
        Where the file is to be; what is there stays until then. A link stays a link, and what it
        points to is written. A device or a pipe, such as ``/dev/null``, is written to at once.

    Yields
    ------
    pathlib.Path
        Where it is written.

    Raises
    ------
    ArgumentInvalid
        If nothing can be written there.

    Examples
    --------
    >>> with written_whole("greeting.txt") as part:  # doctest: +SKIP
    ...     part.write_text("hello")
    """
    place = Path(path)
    try:
        if place.exists() and not (place.is_file() or place.is_dir()):
            yield place
            return
        target = Path(os.path.realpath(place))
        part = target.with_name(f".{secrets.token_hex(8)}.part")  # whose name is never too long
        try:
            yield part
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise ArgumentInvalid(
            f"{place} cannot be written ({error.strerror or error}); name a file in a folder that "
            "is there and may be written to",
            file=str(place),
        ) from error
