"""One's own recordings in folders: ``[SPLIT/][SPEAKER/]EMOTION/file.wav``."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import takewhile
from pathlib import Path, PurePosixPath

from serein.corpora.readers.base import Clip, Corpus, LeftOut, Reading
from serein.corpora.readers.words import EMOTIONS, LOSSY, PARTS, known_emotions
from serein.errors import DataInvalid
from serein.filenames import is_audio

_LAYOUT = (
    "happy/one.wav",
    "anna/happy/one.wav",
    "train/anna/happy/one.wav",
    "happy/anna/one.wav",
)
_MOST_NAMES = 2  # an emotion and a speaker


def _parse(path: PurePosixPath, *, shared: int) -> Clip | LeftOut:
    """What the folders of a path say; so many of them, the uppermost, are those of every sound."""
    # A folder around everything, as archives have it, tells nothing of any one sound.
    folders = path.parts[min(shared, max(0, _names(path.parts[:-1]) - _MOST_NAMES)) : -1]
    parts = [PARTS[folder.casefold()] for folder in folders if folder.casefold() in PARTS]
    names = [folder for folder in folders if folder.casefold() not in PARTS]
    if not names:
        return LeftOut("sounds that lie in no folder which could name their emotion")
    if len(names) > _MOST_NAMES:
        return LeftOut(
            "sounds that lie deeper than [SPLIT/][SPEAKER/]EMOTION, so that nobody can tell which "
            "folder is the speaker: scan the folder that holds the speakers, or write a table (csv)"
        )
    speaker, emotion = (None, *names)[-2:]
    if speaker is not None and _is_emotion(speaker) and not _is_emotion(str(emotion)):
        emotion, speaker = speaker, emotion
    return Clip(
        name=str(path.with_suffix("")),
        speaker=speaker,
        original_emotion=str(emotion),
        split=parts[-1] if parts else None,
    )


def _names(folders: Sequence[str]) -> int:
    return sum(folder.casefold() not in PARTS for folder in folders)


def _shared(paths: Sequence[PurePosixPath]) -> int:
    """The number of uppermost folders that all paths have in common."""
    levels = zip(*(path.parts[:-1] for path in paths), strict=False)
    return sum(1 for _ in takewhile(lambda level: len(set(level)) == 1, levels))


def _is_emotion(folder: str) -> bool:
    return folder.casefold() in EMOTIONS


def _open(root: Path, paths: Sequence[PurePosixPath]) -> Reading:
    sounds = [path for path in paths if is_audio(path)]
    parse = partial(_parse, shared=_shared(sounds))
    clips = [clip for path in sounds if isinstance(clip := parse(path), Clip)]
    if clips and not any(_is_emotion(clip.original_emotion) for clip in clips):
        found = sorted({clip.original_emotion for clip in clips})
        raise DataInvalid(
            f"{root}: no folder is named by an emotion that is known; found {', '.join(found[:8])}"
            f"{' and more' if len(found) > 8 else ''}. The layout is [SPLIT/][SPEAKER/]EMOTION/"
            f"file.wav, such as {' or '.join(_LAYOUT)}; known words are {known_emotions()}. "
            "Labels of one's own go into a table (csv)",
            file=str(root),
        )
    return Reading(parse)


FOLDER = Corpus(
    name="folder",
    title="one's own recordings, in folders named by emotion",
    languages=(),
    licence="that of the recordings",
    commercial=True,  # as far as their owner allows, who is the user
    citation="",
    url="",
    layout=_LAYOUT,
    labels=EMOTIONS,
    lossy=LOSSY,
    clips_by_emotion={},
    clips_by_speaker={},
    open=_open,
)
