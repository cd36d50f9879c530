"""Little of a cross-validation: enough to prove that the way works."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from serein.corpora import Utterance, UtteranceTable
from serein.training.recipe import Recipe

QUICK_EPOCHS = 2
QUICK_CLIPS = 48
"""Clips of each table that ``--quick`` keeps, and most sounds that are not speech."""


def quick_recipe(recipe: Recipe) -> Recipe:
    """The recipe with two epochs, or little to fit: enough to prove the way, not to score."""
    if recipe.classifier is not None:
        return replace(recipe, classifier=recipe.classifier.quick())
    if recipe.network is None:
        return recipe
    training = replace(recipe.network.training, epochs=QUICK_EPOCHS, clips_per_epoch=0)
    sound = replace(recipe.sound, non_speech=min(recipe.sound.non_speech, QUICK_CLIPS))
    return replace(recipe, network=replace(recipe.network, training=training), sound=sound)


def quick_table(table: UtteranceTable) -> UtteranceTable:
    """A few clips, of as many speakers and emotions as there is room for.

    Speakers take turns with one clip each, and begin with different emotions.
    """
    speakers = sorted({str(one.speaker) for one in table.utterances})
    emotions = sorted({str(one.emotion) for one in table.utterances})
    counts: Counter[tuple[str, str]] = Counter()

    def turn(utterance: Utterance) -> int:
        speaker, emotion = str(utterance.speaker), str(utterance.emotion)
        counts[speaker, emotion] += 1
        first = (emotions.index(emotion) + speakers.index(speaker)) % len(emotions)
        return counts[speaker, emotion] * len(emotions) + first

    turns = [turn(one) for one in table.utterances]
    order = sorted(range(len(turns)), key=turns.__getitem__)[:QUICK_CLIPS]
    return replace(table, utterances=tuple(table.utterances[index] for index in sorted(order)))
