"""IEMOCAP: ``Ses01F_impro01_M000``, dialogue and utterance; labels and votes in text files."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from serein.corpora.readers.base import Clip, Corpus, LeftOut, Reading
from serein.errors import DataInvalid
from serein.filenames import is_audio

_LABELS: dict[str, str | None] = {
    "ang": "angry",
    "hap": "happy",
    "exc": "happy",
    "sad": "sad",
    "neu": "neutral",
    "fea": "fearful",
    "sur": "surprised",
    "dis": "disgusted",
    "fru": None,
    "oth": None,
    "xxx": None,
}
# What listeners chose from; frustration and other have no canonical label.
_VOTES = {
    "anger": "angry",
    "happiness": "happy",
    "excited": "happy",
    "sadness": "sad",
    "neutral": "neutral",
    "fear": "fearful",
    "surprise": "surprised",
    "disgust": "disgusted",
}
_SEXES = {"F": "female", "M": "male"}
# The letter at the end is the speaker's. The one in the dialogue's name is of whoever wore the
# markers, and stands before the utterances of both.
_UTTERANCE = re.compile(r"(Ses0([1-5]))[FM]_\w+_([FM])\d{3}")
_DIALOGUE = re.compile(r"Ses0[1-5][FM]_(impro|script)\w+")
_SUMMARY = re.compile(r"\[[\d. -]+\]\t(\w+)\t(\w+)\t")
# The listeners are C-E1, C-E2, ...; C-F1 and C-M1 are the actors themselves.
_LISTENER = re.compile(r"C-E\d+:\t([^(]*)")
_FOLDER = "EmoEvaluation"


@dataclass(frozen=True)
class _Judgement:
    label: str
    votes: Mapping[str, float] | None


def _open(root: Path, paths: Sequence[PurePosixPath]) -> Reading:
    judgements: dict[str, _Judgement] = {}
    for file in _find_evaluations(root, paths):
        judgements |= _read_evaluation(file)
    if not judgements and any(is_audio(path) and _UTTERANCE.fullmatch(path.stem) for path in paths):
        raise DataInvalid(
            f"{root}: utterances of IEMOCAP, but no labels; they stand in "
            f"Session1/dialog/{_FOLDER}/*.txt and so on, which have to lie in the folder too",
            file=str(root),
        )

    def parse(path: PurePosixPath) -> Clip | LeftOut | None:
        match = _UTTERANCE.fullmatch(path.stem)
        if match is None:
            whole = _DIALOGUE.fullmatch(path.stem)
            return LeftOut("whole dialogues, whose utterances are read") if whole else None
        if path.stem not in judgements:
            return LeftOut(f"utterances that no file of {_FOLDER} names")
        session, number, letter = match.groups()
        judgement = judgements[path.stem]
        return Clip(
            name=path.stem,
            speaker=f"{session}{letter}",
            original_emotion=judgement.label,
            sex=_SEXES[letter],
            split=f"session{number}",
            votes=judgement.votes,
        )

    return Reading(parse, expected=frozenset(judgements))


def _find_evaluations(root: Path, paths: Sequence[PurePosixPath]) -> list[Path]:
    """The summaries below the folder, or beside it where only a session's sounds are scanned."""
    inside = [root / p for p in paths if p.suffix == ".txt" and p.parent.name == _FOLDER]
    above = (base / "dialog" / _FOLDER for base in (root.resolve().parents[:2]))
    return inside or [file for folder in above for file in sorted(folder.glob("Ses*.txt"))]


def _read_evaluation(path: Path) -> dict[str, _Judgement]:
    """The utterances of one dialogue; a block of lines each, its summary first."""
    try:
        # The listeners' own remarks, which nothing is made of, are not all in one encoding.
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise DataInvalid(f"{path}: cannot be read: {error}", file=str(path)) from error
    judgements = {}
    for block in re.split(r"\n(?=\[)", text):
        lines = block.splitlines()
        summary = _SUMMARY.match(lines[0]) if lines else None
        if summary is not None:
            name, label = summary.groups()
            judgements[name] = _Judgement(label, _count_votes(lines[1:]))
    return judgements


def _count_votes(lines: Sequence[str]) -> Mapping[str, float] | None:
    """Shares among the votes that have a canonical label; one for two emotions counts half each."""
    counts: defaultdict[str, float] = defaultdict(float)
    for line in lines:
        match = _LISTENER.match(line)
        chosen = [part.strip().lower() for part in match[1].split(";")] if match else []
        words = [word for word in chosen if word]
        for word in words:
            if word in _VOTES:
                counts[_VOTES[word]] += 1 / len(words)
    total = sum(counts.values())
    return {label: count / total for label, count in counts.items()} if total else None


IEMOCAP = Corpus(
    name="iemocap",
    title="Interactive Emotional Dyadic Motion Capture Database",
    languages=("en",),
    licence="free for research, after a signed agreement",
    citation="Busso et al., Language Resources and Evaluation 42(4): 335-359, 2008",
    url="https://sail.usc.edu/iemocap/",
    layout=(
        "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M000.wav",
        "Session1/sentences/wav/Ses01M_script01_1/Ses01M_script01_1_F004.wav",
    ),
    labels=_LABELS,
    lossy={"exc": "excitement is taken as happy"},
    clips_by_emotion={
        **{"angry": 1103, "happy": 1636, "sad": 1084, "neutral": 1708, "fearful": 40},
        **{"surprised": 107, "disgusted": 2, "": 4359},
    },
    clips_by_speaker={},
    open=_open,
    obtain="ask for it with the form on its page; the agreement is to be signed",
)
