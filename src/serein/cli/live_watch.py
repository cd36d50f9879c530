"""``serein live`` without an end: what is heard, who judges it, and where it is shown."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from serein.cli.keys import reading_keys
from serein.cli.live_lines import JsonLines, PlainLines
from serein.cli.live_session import Session
from serein.cli.live_sound import from_file, from_microphone
from serein.cli.output import complain, print_json, printable
from serein.cli.predict import source_of
from serein.errors import AudioError
from serein.labels import SEXES
from serein.recognition.recognizer import UNLIMITED
from serein.recognition.timeline.layout import Layout
from serein.recognition.timeline.results import Window
from serein.results import failure_as_dict

if TYPE_CHECKING:
    from serein import Recognizer, SpeakerProfile
    from serein.audio.devices import Device
    from serein.cli.live_session import Display
    from serein.cli.live_sound import Heard

_RECORDING = "recording"
_READING = "reading"


@dataclass(frozen=True)
class Watch:
    """How a sound is judged and shown while it is heard.

    Attributes
    ----------
    recognizer, profile
        Who judges, and the profile of who speaks, if there is one.
    window, hop
        Seconds: length of a window, and from the beginning of one to that of the next.
    as_json
        Show each window as a JSON object.
    top
        How many labels a person sees; all bars, or one label in a line, if None.
    labels
        The label view, or None.
    """

    recognizer: Recognizer
    profile: SpeakerProfile | None
    window: float
    hop: float
    as_json: bool
    top: int | None
    labels: str | None

    def __post_init__(self) -> None:
        # What does not fit is refused before a microphone is on or a file is open.
        Layout(self.window, self.hop, self.recognizer.bundle.manifest.features.sampling_rate)

    def microphone(self, device: Device) -> bool:
        """Judge what a microphone hears until somebody quits; that is never a failure."""
        with from_microphone(device.number) as heard:
            self._judge(heard, _RECORDING)
        return False

    def file(self, file: str) -> bool:
        """Judge a file at its own pace; whether it failed, which has been said then."""
        try:
            with from_file(source_of(file), file, limits=UNLIMITED) as heard:
                self._judge(heard, _READING)
                for doubt in heard.doubts():
                    complain("warning", doubt, file=file)
        except AudioError as error:
            error.file = file
            if self.as_json:
                print_json(failure_as_dict(error))
            else:
                complain("error", error.message, file=file)
            return True
        return False

    def _judge(self, heard: Heard, doing: str) -> None:
        stream = self.recognizer.stream(
            sampling_rate=heard.sampling_rate,
            window=self.window,
            hop=self.hop,
            speaker=self.profile,
        )
        if doing == _RECORDING and not self._on_screen:
            complain(f"listening to {printable(heard.name)!r}; Ctrl-C ends it")
        display = self._display(heard.name, doing)
        with reading_keys() as keys:
            Session(heard, stream, display, keys, view=self._view).run()

    def _display(self, name: str, doing: str) -> Display:
        if self.as_json:
            return JsonLines(self.labels)
        if not self._on_screen:
            return PlainLines(self._view, self.top)
        from serein.cli.live_screen import Screen

        return Screen(name, doing, self._classes(), view=self._view, top=self.top)

    @property
    def _on_screen(self) -> bool:
        return not self.as_json and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"

    @property
    def _view(self) -> str:
        return self.labels or "all"

    def _classes(self) -> tuple[str, ...]:
        """The classes of the label view, before anything was judged."""
        labels = self.recognizer.labels
        window = Window(
            start=0.0,
            end=self.window,
            speech=1.0,
            probabilities=dict.fromkeys(labels, 1.0 / len(labels)),
            sex=dict.fromkeys(SEXES, 1.0 / len(SEXES)),
            label_set=self.recognizer.bundle.manifest.label_set,
        )
        view = window.view(self._view)
        return () if view is None else tuple(view.probabilities)
