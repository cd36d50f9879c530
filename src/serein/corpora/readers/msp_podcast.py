"""MSP-Podcast: ``MSP-PODCAST_0001_0008``; everything else stands in ``labels_consensus.csv``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from serein.corpora.readers.base import (
    Clip,
    Corpus,
    LeftOut,
    Reading,
    find_beside,
    read_rows,
)
from serein.errors import DataInvalid
from serein.filenames import is_audio

_LABELS: dict[str, str | None] = {
    "A": "angry",
    "S": "sad",
    "H": "happy",
    "U": "surprised",
    "F": "fearful",
    "D": "disgusted",
    "C": None,
    "N": "neutral",
    "O": None,
    "X": None,
}
_TABLE = "Labels/labels_consensus.csv"
_COLUMNS = ("FileName", "EmoClass", "SpkrID", "Gender", "Split_Set")
_PREFIX = "MSP-PODCAST_"


def _open(root: Path, paths: Sequence[PurePosixPath]) -> Reading:
    table = find_beside(root, paths, _TABLE)
    sounds = {path.stem for path in paths if is_audio(path)}
    if table is None and any(name.startswith(_PREFIX) for name in sounds):
        raise DataInvalid(
            f"{root}: clips of MSP-Podcast, but no labels; they stand in {_TABLE}, which has to "
            "lie in the folder too",
            file=str(root),
        )
    clips = _read_clips(table) if table else {}

    def parse(path: PurePosixPath) -> Clip | LeftOut | None:
        if path.stem in clips:
            return clips[path.stem]
        known = path.stem.startswith(_PREFIX)
        return LeftOut(f"clips that {_TABLE} does not name") if known else None

    absent = len(clips.keys() - sounds)
    note = f"{absent} of the {len(clips)} clips that {_TABLE} names are not in the folder"
    return Reading(parse, notes=(note,) if absent else ())


def _read_clips(table: Path) -> dict[str, Clip]:
    clips = {}
    for file, emotion, speaker, sex, part in read_rows(table, columns=_COLUMNS):
        name = PurePosixPath(file).stem
        clips[name] = Clip(
            name=name,
            speaker=None if speaker.lower() == "unknown" else speaker,
            original_emotion=emotion,
            sex=sex.lower() if sex.lower() in ("female", "male") else None,
            split=part.lower() or None,
        )
    return clips


MSP_PODCAST = Corpus(
    name="msp-podcast",
    title="MSP-Podcast corpus",
    languages=("en",),
    licence="free for research, after a signed agreement",
    citation="Lotfian and Busso, IEEE Transactions on Affective Computing 10(4): 471-483, 2019",
    url="https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Podcast.html",
    layout=("Audios/MSP-PODCAST_0001_0008.wav", "Audio/MSP-PODCAST_0001_0008.wav"),
    labels=_LABELS,
    clips_by_emotion={},
    clips_by_speaker={},
    open=_open,
    obtain="ask for it as its page says; the institution has to sign an agreement",
)
