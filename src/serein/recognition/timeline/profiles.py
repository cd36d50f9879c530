"""Speaker profiles from the recording itself: who speaks is compared with how they always do."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from serein.bundle import Bundle
from serein.recognition.judge import clip_statistics, make_profile
from serein.recognition.speaker import ClipStatistics, SpeakerProfile
from serein.recognition.timeline.engine import Heard
from serein.recognition.timeline.sampling import EvenSample

MOST_CLIPS = 128
"""Windows in a speaker's profile, taken evenly from the recording: more hardly change it."""


class Profiler:
    """Gathers what tells about each speaker of a recording.

    Parameters
    ----------
    bundle
        The model.
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._clips: dict[str | None, EvenSample[Sequence[ClipStatistics]]] = defaultdict(
            lambda: EvenSample(MOST_CLIPS)
        )

    def add(self, heard: Heard) -> None:
        """Take a window; one in which nobody speaks tells nothing."""
        if heard.window.label is None or heard.features is None or heard.judgement is None:
            return
        statistics = clip_statistics(self._bundle, [heard.features], judged=[heard.judgement])
        self._clips[heard.window.speaker].add(statistics)

    def profiles(self) -> dict[str | None, SpeakerProfile]:
        """A profile of each speaker that was heard; of everybody under None where none is told."""
        return {
            speaker: make_profile(self._bundle, [one for clip in kept.items for one in clip])
            for speaker, kept in self._clips.items()
        }
