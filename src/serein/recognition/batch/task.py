"""What a batch does with every file, as it is handed to the processes that judge."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from serein.errors import ArgumentInvalid
from serein.labels import SEXES, regroup
from serein.recognition.batch.entries import extension_of, is_address, without_file_scheme
from serein.recognition.recognizer import Recognizer
from serein.recognition.speaker import SpeakerProfile
from serein.recognition.timeline.layout import HOP, WINDOW, Layout

_TEXTS = (".csv", ".tsv", ".json", ".jsonl", ".txt", ".xlsx")
"""What is asked for in such a file is not what a folder of Parquet files is."""


@dataclass(frozen=True)
class TimelineOptions:
    """How recordings are judged over time; see :meth:`serein.Recognizer.timeline`."""

    window: float = WINDOW
    hop: float = HOP
    adapt: bool = False


@dataclass(frozen=True)
class Task:
    """What is done with every file, and where the result goes.

    Attributes
    ----------
    model
        Folder of the bundle.
    fingerprint
        Of that bundle: every process makes sure that it judges with the same.
    labels
        The emotions that the model knows.
    folder
        What relative paths are relative to.
    output
        Folder of the parts.
    view
        A label view that is added, or None.
    view_labels
        Its classes.
    speaker
        Profile of the speaker of all files, or None.
    timeline
        A row for every segment rather than for every file.
    """

    model: str
    fingerprint: str
    labels: tuple[str, ...]
    folder: Path
    output: Path
    view: str | None = None
    view_labels: tuple[str, ...] = ()
    speaker: SpeakerProfile | None = None
    timeline: TimelineOptions | None = None

    @classmethod
    def of(
        cls,
        recognizer: Recognizer,
        output: str | Path,
        *,
        view: str | None = None,
        speaker: SpeakerProfile | None = None,
        timeline: TimelineOptions | None = None,
    ) -> Task:
        """The task of judging with a recogniser, with paths relative to the current folder.

        Raises
        ------
        ArgumentInvalid
            If the view does not fit the model, a window or hop is out of range, or the output is
            no name for a folder of Parquet files here.
        """
        if timeline is not None:
            rate = recognizer.bundle.manifest.features.sampling_rate
            Layout(timeline.window, timeline.hop, rate)  # refuses what no file could be judged by
        return cls(
            model=str(recognizer.bundle.folder.absolute()),
            fingerprint=recognizer.bundle.fingerprint,
            labels=recognizer.labels,
            folder=Path.cwd(),
            output=_place(str(output)),
            view=view,
            view_labels=() if view is None else _classes_of(recognizer, view),
            speaker=speaker,
            timeline=timeline,
        )

    @property
    def options(self) -> dict[str, Any]:
        """What else than the model decides the result: a batch goes on with the same only."""
        speaker = None if self.speaker is None else json.dumps(self.speaker.as_dict())
        return {
            "labels": self.view,
            "speaker": speaker and hashlib.sha256(speaker.encode()).hexdigest()[:16],
            "timeline": None if self.timeline is None else asdict(self.timeline),
        }


def _place(output: str) -> Path:
    """Where the parts go."""
    output = without_file_scheme(output)
    if is_address(output):
        raise ArgumentInvalid(
            f"{output}: a result is written into a folder of this machine; name one, and copy it "
            "when it is whole"
        )
    if extension_of(output) in _TEXTS:
        raise ArgumentInvalid(
            f"{output}: a result is a folder of Parquet files, and no table of text; end its name "
            "in .parquet"
        )
    return Path(output).absolute()


def _classes_of(recognizer: Recognizer, view: str) -> tuple[str, ...]:
    recognizer.require_view(view)
    even = dict.fromkeys(recognizer.labels, 1.0 / len(recognizer.labels))
    sex = dict.fromkeys(SEXES, 1.0 / len(SEXES))
    return tuple(regroup(even, view, sex=sex, trained_on=recognizer.bundle.manifest.label_set)[0])
