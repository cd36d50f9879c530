"""What a scan has to say besides the table: what is missing and what is amiss."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from serein.corpora.readers import Corpus
from serein.corpora.table import Utterance, UtteranceTable

BlemishKind = Literal[
    "duplicate",
    "conflicting_twins",
    "silent",
    "misnamed",
    "unreadable",
    "copy",
    "left_out",
    "unknown_name",
]
_SHOWN = 5

_SENTENCES: dict[BlemishKind, tuple[str, str]] = {
    "duplicate": ("the same sound with the same label", "both stay"),
    "conflicting_twins": ("the same sound with different labels", "left out of training"),
    "silent": ("digital silence", "left out of training"),
    "misnamed": ("named against the corpus's own rule", "in the table all the same"),
    "unreadable": ("cannot be read", "not in the table"),
    "copy": ("copies of clips that are there already", "not in the table"),
    "left_out": ("left out", "not in the table"),
    "unknown_name": ("names that are not of this corpus", "not in the table"),
}


@dataclass(frozen=True)
class Blemish:
    """Files that are not as they should be, for one and the same reason.

    Parameters
    ----------
    kind
        What is amiss.
    paths
        The files concerned, relative to the scanned folder.
    detail
        The labels of twins, the error of an unreadable file, the reason of those left out.
    """

    kind: BlemishKind
    paths: tuple[str, ...]
    detail: str = ""

    @property
    def message(self) -> str:
        """One line for people, naming a handful of the files."""
        what, consequence = _SENTENCES[self.kind]
        files = f"{len(self.paths)} files" if len(self.paths) > 2 else "  =  ".join(self.paths)
        if len(self.paths) > 2:
            files += f" (such as {', '.join(self.paths[:2])})"
        detail = f" ({self.detail})" if self.detail else ""
        return f"{what}, {consequence}: {files}{detail}"


@dataclass(frozen=True)
class Missing:
    """What a complete corpus has and the scanned folder has not.

    Parameters
    ----------
    clips
        Number of clips missing.
    by_emotion, by_speaker
        Their number for each canonical label and each speaker that lacks some.
    names
        The clips' names, sorted, where they can be told.
    """

    clips: int
    by_emotion: Mapping[str, int]
    by_speaker: Mapping[str, int]
    names: tuple[str, ...]

    def messages(self, corpus: Corpus) -> tuple[str, ...]:
        """Lines for people; none if nothing is missing."""
        if not (self.clips or self.by_emotion or self.by_speaker or self.names):
            return ()
        lines = [f"{self.clips} of {corpus.clips} clips are missing"]
        if self.by_emotion:
            lines.append(f"missing by emotion: {_counts(self.by_emotion)}")
        if self.by_speaker:
            lines.append(f"missing by speaker: {_counts(self.by_speaker)}")
        if self.names:
            lines.append(f"missing clips: {_some(self.names)}")
        return tuple(lines)


@dataclass(frozen=True)
class ScanReport:
    """A scanned corpus: its table, what is missing, what is amiss."""

    table: UtteranceTable
    corpus: Corpus
    missing: Missing
    blemishes: tuple[Blemish, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether no clip of the corpus is missing."""
        return not self.missing.messages(self.corpus)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Everything a person should know before using the table, a line each."""
        blemishes = tuple(blemish.message for blemish in self.blemishes)
        return self.missing.messages(self.corpus) + self.notes + blemishes

    def as_dict(self) -> dict[str, Any]:
        """The report for ``--json``: counts, seconds, what is missing and amiss."""
        utterances = self.table.utterances
        return {
            "corpus": self.corpus.name,
            "root": self.table.root.as_posix(),
            "clips": len(utterances),
            "speakers": len({item.speaker for item in utterances if item.speaker}),
            "duration": round(sum(item.duration for item in utterances), 3),
            "emotions": dict(sorted(Counter(str(item.emotion) for item in utterances).items())),
            "complete": self.complete,
            "missing": asdict(self.missing),
            "blemishes": [asdict(blemish) for blemish in self.blemishes],
            "notes": list(self.notes),
        }


def find_missing(
    corpus: Corpus,
    utterances: Iterable[Utterance],
    *,
    found: Iterable[str],
    expected: Iterable[str],
) -> Missing:
    """Compare what was found with what a complete corpus has.

    Parameters
    ----------
    corpus
        The corpus, which knows the counts.
    utterances
        What was found and decodes.
    found, expected
        The names of those clips, and the names that ought to be there as far as known.
    """
    items = list(utterances)
    emotions = Counter(item.emotion or "" for item in items)
    speakers = Counter(item.speaker for item in items)
    by_emotion = {
        emotion or "no canonical label": count - emotions[emotion]
        for emotion, count in corpus.clips_by_emotion.items()
        if count > emotions[emotion]
    }
    by_speaker = {
        str(corpus.speaker(speaker)): lacking
        for speaker, count in corpus.clips_by_speaker.items()
        if (lacking := count - speakers[corpus.speaker(speaker)]) > 0
    }
    names = tuple(sorted(set(expected) - set(found)))
    return Missing(max(0, corpus.clips - len(items)), by_emotion, by_speaker, names)


def find_twins(utterances: Sequence[Utterance]) -> tuple[Blemish, ...]:
    """Silent clips and clips with the very same samples, conflicting ones first."""
    silent: list[str] = []
    same: defaultdict[str, list[Utterance]] = defaultdict(list)
    for item in utterances:
        if item.silent:
            silent.append(item.path)
        else:
            same[item.sha256].append(item)
    blemishes = [_twins(group) for group in same.values() if len(group) > 1]
    blemishes.sort(key=lambda blemish: (blemish.kind, blemish.paths))
    return (*blemishes, *([Blemish("silent", tuple(silent))] if silent else []))


def describe_unmapped(utterances: Iterable[Utterance]) -> tuple[str, ...]:
    """One sentence on the clips whose own label has no canonical one; none if all have."""
    labels = Counter(item.original_emotion for item in utterances if item.emotion is None)
    if not labels:
        return ()
    return (
        f"{labels.total()} clips have a label that fits no canonical one, stay in the table and "
        f"are left out of training: {_counts(dict(labels.most_common()))}",
    )


def describe_sexes(utterances: Iterable[Utterance]) -> tuple[str, ...]:
    """One sentence on speakers who are called female here and male there; none without such."""
    sexes: defaultdict[str, set[str]] = defaultdict(set)
    for item in utterances:
        if item.speaker is not None and item.sex is not None:
            sexes[item.speaker].add(item.sex)
    torn = sorted(speaker for speaker, found in sexes.items() if len(found) > 1)
    if not torn:
        return ()
    return (f"called female in one place and male in another: {_some(torn)}; mend the data",)


def _twins(group: Sequence[Utterance]) -> Blemish:
    paths = tuple(item.path for item in group)
    labels = sorted({item.original_emotion for item in group})
    speakers = sorted({str(item.speaker) for item in group})
    detail = "/".join(labels) + (f", speakers {', '.join(speakers)}" if len(speakers) > 1 else "")
    kind: BlemishKind = (
        "conflicting_twins" if len({item.emotion for item in group}) > 1 else "duplicate"
    )
    return Blemish(kind, paths, detail)


def _counts(counts: Mapping[str, int]) -> str:
    return _some([f"{name} {count}" for name, count in counts.items()], shown=12)


def _some(names: Sequence[str], *, shown: int = _SHOWN) -> str:
    rest = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {rest} more" if rest > 0 else "")
