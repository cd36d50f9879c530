"""EMOVO: ``dis-f1-b1``, emotion, speaker, sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path, PurePosixPath

from serein.corpora.readers.base import Clip, Corpus, Reading

_LABELS: dict[str, str | None] = {
    "dis": "disgusted",
    "gio": "happy",
    "neu": "neutral",
    "pau": "fearful",
    "rab": "angry",
    "sor": "surprised",
    "tri": "sad",
}
_SPEAKERS = ("f1", "f2", "f3", "m1", "m2", "m3")
# Brief, long, nonsense sentences and questions.
_SENTENCES = ("b1", "b2", "b3", "l1", "l2", "l3", "l4", "n1", "n2", "n3", "n4", "n5", "d1", "d2")
_NAME = re.compile(
    rf"({'|'.join(_LABELS)})-({'|'.join(_SPEAKERS)})-({'|'.join(_SENTENCES)})", re.IGNORECASE
)
_EXPECTED = frozenset("-".join(parts) for parts in product(_LABELS, _SPEAKERS, _SENTENCES))


def _parse(path: PurePosixPath) -> Clip | None:
    match = _NAME.fullmatch(path.stem)
    if match is None:
        return None
    emotion, speaker, sentence = (part.lower() for part in match.groups())
    return Clip(
        name=f"{emotion}-{speaker}-{sentence}",
        speaker=speaker,
        original_emotion=emotion,
        sex="female" if speaker.startswith("f") else "male",
        sentence=sentence,
    )


def _open(root: Path, paths: Sequence[PurePosixPath]) -> Reading:
    return Reading(_parse, expected=_EXPECTED)


EMOVO = Corpus(
    name="emovo",
    title="EMOVO, an Italian emotional speech corpus",
    languages=("it",),
    licence="free for research, to be cited",
    citation="Costantini et al., LREC 2014: 3501-3504",
    url="http://voice.fub.it/activities/corpora/emovo/index.html",
    layout=("f1/dis-f1-b1.wav", "dis-f1-b1.wav"),
    labels=_LABELS,
    lossy={"gio": "joy is taken as happy"},
    clips_by_emotion={str(label): 84 for label in _LABELS.values()},
    clips_by_speaker=dict.fromkeys(_SPEAKERS, 98),
    open=_open,
    obtain="download the archive from its page",
)
