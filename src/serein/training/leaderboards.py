"""Judgements of clips on both leaderboards: by themselves, and with their speakers' profiles."""

from __future__ import annotations

from collections.abc import Sequence

from serein.bundle import Bundle, Mode
from serein.recognition import Judgement, clip_statistics, judge, make_profile
from serein.training.data import Dataset


def judge_on_both(
    bundle: Bundle, dataset: Dataset, indexes: Sequence[int]
) -> dict[Mode, list[Judgement]]:
    """Judge clips on both leaderboards, in the order of ``indexes``.

    On E a speaker's profile is made of all the speaker's clips among ``indexes``, without their
    labels and without silent ones; a clip of an unknown speaker is judged as on U.
    """
    clips = [dataset.features[index] for index in indexes]
    unknown = dict(zip(indexes, judge(bundle, clips), strict=True))
    enrolled = dict(unknown)
    for group in dataset.by_speaker(indexes).values():
        # As Recognizer.enroll does: a silent clip tells nothing of a voice.
        sounding = [index for index in group if not dataset.utterances[index].silent]
        if not sounding:
            continue
        voices = clip_statistics(bundle, [dataset.features[index] for index in sounding])
        profile = make_profile(bundle, voices)
        found = judge(bundle, [dataset.features[index] for index in group], speaker=profile)
        enrolled |= dict(zip(group, found, strict=True))
    return {
        "unknown": [unknown[index] for index in indexes],
        "enrolled": [enrolled[index] for index in indexes],
    }
