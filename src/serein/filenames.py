"""What the name of a file says of it."""

from __future__ import annotations

from pathlib import PurePath

AUDIO_EXTENSIONS: tuple[str, ...] = (
    *(".wav", ".flac", ".aiff", ".aif", ".au", ".sph", ".caf", ".w64"),
    *(".ogg", ".oga", ".opus", ".m4a", ".aac", ".mp3", ".mp4", ".webm", ".wma"),
)
"""File name extensions taken for sound, lossless ones first: that one of two copies is kept."""

VIDEO_EXTENSIONS: tuple[str, ...] = (
    *(".mkv", ".mov", ".avi", ".m4v", ".mpg", ".mpeg", ".flv", ".wmv"),
    *(".3gp", ".amr", ".mka", ".ape", ".wv"),
)
"""What else holds sound that can be judged, and no corpus has: videos, and what phones record."""


def is_audio(path: PurePath) -> bool:
    """Whether the file's name ends like a sound's.

    >>> is_audio(PurePath("calls/monday.MP3"))
    True
    """
    return path.suffix.lower() in AUDIO_EXTENSIONS


def is_recording(path: PurePath) -> bool:
    """Whether the file's name ends like a sound's or a video's.

    >>> is_recording(PurePath("calls/monday.mkv"))
    True
    """
    return path.suffix.lower() in (*AUDIO_EXTENSIONS, *VIDEO_EXTENSIONS)
