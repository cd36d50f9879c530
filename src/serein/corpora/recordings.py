"""Recordings to change sounds with: noises by their sources, and how rooms respond."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import Literal

from serein.audio import active_span, decode
from serein.audio.perturbation import read_response
from serein.audio.sources import Samples
from serein.errors import DataInvalid
from serein.filenames import AUDIO_EXTENSIONS, is_audio

ROOMS = "rooms"
"""The subfolder of a folder of noises that holds impulse responses of rooms."""

MOST_RECORDINGS = 150
"""So many recordings of a source are used at most, chosen by a hash of their names."""

LONGEST_RECORDING = 30.0
"""Seconds of a noise recording that are used, from its beginning."""

Half = Literal["training", "test"]
"""What a recording is for, so that nothing is tested with what was trained with."""

_CHECKED_AT = 16_000  # Hz
_TAKE = re.compile(r"-[A-Z]$")  # ESC calls the parts of one recording 1-211527-A, -B, ...


def half_of(path: Path) -> Half:
    """Which half a recording belongs to, by a hash of its name alone.

    So it stays there whatever lies beside it and wherever it is copied to. Parts of one recording,
    as ESC-50 names them, stay together.
    """
    name = _TAKE.sub("", path.stem)
    return "training" if hashlib.sha256(name.encode()).digest()[-1] % 2 else "test"


def noise_sources(
    folder: str | Path, *, half: Half | None = None
) -> list[tuple[str, tuple[Path, ...]]]:
    """The name of each source of noise in a folder, and its recordings.

    Every subfolder is a source, with all that is below it, and so are the files that lie in the
    folder itself. The subfolder ``rooms`` is none.

    Parameters
    ----------
    folder
        Of sounds, or of folders of them.
    half
        Only recordings of that half, see `half_of`; a source without any is left out.

    Raises
    ------
    DataInvalid
        If there is no such folder, neither noise nor rooms in it, or a silent recording.
    AudioError
        If a recording cannot be read.
    """
    root = _existing(folder)
    below = [path for path in sorted(root.iterdir()) if path.is_dir() and path.name != ROOMS]
    found = [(root.name, [path for path in sorted(root.iterdir()) if _is_sound(path)])]
    found += [(path.name, _sounds(path)) for path in below]
    if not any(paths for _, paths in found) and not (root / ROOMS).is_dir():
        raise _no_sound(root)
    sources = []
    for name, paths in found:
        wanted = [path for path in paths if half in (None, half_of(path))]
        used = sorted(wanted, key=lambda path: _hash(path.relative_to(root)))[:MOST_RECORDINGS]
        for path in used:
            _require_sound(path, _read_noise(path, _CHECKED_AT))
        if used:
            sources.append((name, tuple(sorted(used))))
    return sources


def room_responses(folder: str | Path, *, half: Half | None = None) -> list[tuple[str, Path]]:
    """The impulse responses below a folder, each with its name, in the order of the names.

    Parameters
    ----------
    folder
        Of sounds, or of folders of them.
    half
        Only responses of that half, see `half_of`.

    Raises
    ------
    DataInvalid
        If there is no such folder, no sound in it, or a silent one.
    AudioError
        If a response cannot be read.
    """
    root = _existing(folder)
    paths = _sounds(root)
    if not paths:
        raise _no_sound(root)
    for path in paths:
        _require_sound(path, read_response(path, sampling_rate=_CHECKED_AT))
    return [
        (path.relative_to(root).with_suffix("").as_posix(), path)
        for path in paths
        if half in (None, half_of(path))
    ]


@lru_cache(maxsize=MOST_RECORDINGS)
def noise_recording(path: Path, sampling_rate: int) -> Samples:
    """A noise without the silence at its ends, kept in memory for the next clip.

    Parameters
    ----------
    path
        Of a recording.
    sampling_rate
        Hz of the result, float32 (n,).
    """
    return _read_noise(path, sampling_rate)


@lru_cache(maxsize=64)
def room_response(path: Path, sampling_rate: int) -> Samples:
    """The impulse response of a room, kept in memory for the next clip.

    Parameters
    ----------
    path
        Of a response.
    sampling_rate
        Hz of the result, float32 (n,).
    """
    return read_response(path, sampling_rate=sampling_rate)


def _read_noise(path: Path, sampling_rate: int) -> Samples:
    samples = decode(path, sampling_rate=sampling_rate).samples
    begin, end = active_span(samples[: round(LONGEST_RECORDING * sampling_rate)], sampling_rate)
    return samples[begin:end].copy()


def _existing(folder: str | Path) -> Path:
    root = Path(folder).resolve()
    if not root.is_dir():
        raise DataInvalid(
            f"{folder}: is no folder; give one of sound files, or one of folders of them",
            file=str(folder),
        )
    return root


def _sounds(root: Path) -> list[Path]:
    """Every sound below a folder, sorted."""
    return sorted(path for path in root.rglob("*") if _is_sound(path))


def _is_sound(path: Path) -> bool:
    hidden = path.name.startswith(".")  # also what macOS adds to archives: ._name.wav
    return is_audio(path) and not hidden and path.is_file()


def _require_sound(path: Path, samples: Samples) -> None:
    if not samples.any():
        raise DataInvalid(f"{path}: is silent; take it out of the folder", file=str(path))


def _no_sound(root: Path) -> DataInvalid:
    return DataInvalid(
        f"{root}: no sound is in it; looked for files such as {', '.join(AUDIO_EXTENSIONS[:2])} "
        "and .opus, there and in the folders below",
        file=str(root),
    )


def _hash(path: Path) -> bytes:
    return hashlib.sha256(path.as_posix().encode()).digest()
