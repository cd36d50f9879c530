"""One's own recordings in folders: ``[SPLIT/][SPEAKER/]EMOTION/file.wav``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from serein.corpora.readers.base import Clip, Corpus, LeftOut, Reading, is_audio
from serein.corpora.readers.words import EMOTIONS, LOSSY, PARTS, known_emotions
from serein.errors import DataInvalid

_LAYOUT = (
    "happy/one.wav",
    "anna/happy/one.wav",
    "train/anna/happy/one.wav",
    "happy/anna/one.wav",
)
_DEEPEST = 3
"""So many folders above a file are looked at: one each for emotion, speaker and split."""


def _parse(path: PurePosixPath) -> Clip | LeftOut:
    folders = path.parts[:-1][-_DEEPEST:]
    parts = [PARTS[folder.casefold()] for folder in folders if folder.casefold() in PARTS]
    names = [folder for folder in folders if folder.casefold() not in PARTS]
    if not names:
        return LeftOut("sounds that lie in no folder which could name their emotion")
    *above, emotion = names
    speaker = above[-1] if above else None
    if speaker is not None and _is_emotion(speaker) and not _is_emotion(emotion):
        emotion, speaker = speaker, emotion
    return Clip(
        name=str(path.with_suffix("")),
        speaker=speaker,
        original_emotion=emotion,
        split=parts[-1] if parts else None,
    )


def _is_emotion(folder: str) -> bool:
    return folder.casefold() in EMOTIONS


def _open(root: Path, paths: Sequence[PurePosixPath]) -> Reading:
    clips = [clip for path in paths if is_audio(path) and isinstance(clip := _parse(path), Clip)]
    if clips and not any(_is_emotion(clip.original_emotion) for clip in clips):
        found = sorted({clip.original_emotion for clip in clips})
        raise DataInvalid(
            f"{root}: no folder is named by an emotion that is known; found {', '.join(found[:8])}"
            f"{' and more' if len(found) > 8 else ''}. The layout is [SPLIT/][SPEAKER/]EMOTION/"
            f"file.wav, such as {' or '.join(_LAYOUT)}; known words are {known_emotions()}",
            file=str(root),
        )
    return Reading(_parse)


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
