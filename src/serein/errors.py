"""The one tree of errors.

Whatever a lower library raises is mapped into this tree at the boundary where it is called, so that
``except serein.SereinError`` is all that a caller has to write::

    SereinError
    ├── AudioError                a sound that cannot be judged
    │   ├── NotFound              not_found
    │   ├── NotAFile              not_a_file
    │   ├── EmptyFile             empty
    │   ├── NotAudio              not_audio
    │   ├── Truncated             truncated
    │   ├── Unsupported           unsupported
    │   ├── NotFinite             not_finite
    │   ├── TooLarge              too_large
    │   └── TooLongDuration       too_long_duration
    ├── BundleInvalid             bundle_invalid
    ├── ProfileInvalid            profile_invalid
    ├── DependencyMissing         dependency_missing
    ├── DeviceUnavailable         device_unavailable
    ├── WorkerDied                worker_died
    ├── DataInvalid               data_invalid      (corpora, tables, splits)
    ├── DownloadFailed            download_failed
    ├── RecipeInvalid             recipe_invalid
    └── ArgumentInvalid           argument_invalid  (also a ValueError)
"""

from __future__ import annotations

from typing import ClassVar


class SereinError(Exception):
    """Base of every error that Serein raises on purpose.

    Parameters
    ----------
    message
        What was wrong, what is allowed, what to do.
    file
        The file concerned, as the caller gave it, or None.
    """

    code: ClassVar[str] = "error"

    def __init__(self, message: str, *, file: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.file = file

    def as_dict(self) -> dict[str, str]:
        """The ``error`` object of the command line and the service."""
        return {"code": self.code, "message": self.message}


class AudioError(SereinError):
    """A sound that cannot be judged."""


class NotFound(AudioError):
    """There is nothing at the path."""

    code = "not_found"


class NotAFile(AudioError):
    """The path leads to a directory or another thing that is not a file."""

    code = "not_a_file"


class EmptyFile(AudioError):
    """The file has no bytes, or no samples."""

    code = "empty"


class NotAudio(AudioError):
    """The bytes are no sound in any container that is known."""

    code = "not_audio"


class Truncated(AudioError):
    """The file ends too early, and too little of it decodes to be judged."""

    code = "truncated"


class Unsupported(AudioError):
    """A sound, but of a kind that is not read: an unknown codec, an impossible sampling rate."""

    code = "unsupported"


class NotFinite(AudioError):
    """Samples that are NaN or infinite."""

    code = "not_finite"


class TooLarge(AudioError):
    """More bytes than the limit."""

    code = "too_large"


class TooLongDuration(AudioError):
    """More seconds than the limit."""

    code = "too_long_duration"


class BundleInvalid(SereinError):
    """A model bundle that is missing, incomplete, damaged or of an unknown format."""

    code = "bundle_invalid"


class ProfileInvalid(SereinError):
    """A speaker profile that is damaged, or was made with another model."""

    code = "profile_invalid"


class DependencyMissing(SereinError):
    """An optional library that this call needs is not installed."""

    code = "dependency_missing"


class DeviceUnavailable(SereinError):
    """A microphone or a loudspeaker that is not there, is busy, or was unplugged."""

    code = "device_unavailable"


class WorkerDied(SereinError):
    """A process that judged files was killed; of a file, that it ended its process twice."""

    code = "worker_died"


class DataInvalid(SereinError):
    """A corpus, an utterance table or a split that cannot be used."""

    code = "data_invalid"


class DownloadFailed(SereinError):
    """A remote file or a corpus that could not be fetched, or that only a person can fetch."""

    code = "download_failed"


class RecipeInvalid(SereinError):
    """A recipe with an unknown key, a wrong type or a combination that cannot work."""

    code = "recipe_invalid"


class ArgumentInvalid(SereinError, ValueError):
    """An argument outside of what is allowed."""

    code = "argument_invalid"
