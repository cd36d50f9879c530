"""The model card: what a person must know before using a model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from serein.bundle import Manifest
from serein.labels import find_label_set
from serein.training.card_commands import reproduction
from serein.training.card_scores import score_sections

_LIMITS = """\
## What it must not be used for

The model judges how acted speech sounds, not what anybody feels. It must not decide anything about
a person: not their hiring, grading, credit, health, credibility or treatment. In the European Union
emotion recognition at work and in education is forbidden by Article 5 of the AI Act (Regulation
2024/1689), except for medical or safety reasons.

## Limits

- It was trained on actors who read short sentences in quiet rooms. Spontaneous speech, other
  languages, children and voices altered by illness are outside of what it has heard.
- It knows only the labels above. A voice that carries none of them, or several, still gets one,
  and the confidence is then usually low: `decided` is false where the expected accuracy is under
  the level given above.
{speech}
- Its scores differ between corpora, and will be lower on recordings unlike any of them.
"""

_TELLS_SPEECH = """\
- It warns of `no_speech` where it takes a sound for noise or music rather than for speech. It may
  err, most of all with singing, babies and animals, and with speech under loud noise."""

_TAKES_ALL_FOR_SPEECH = """\
- It does not know whether a sound is speech. Music or noise gets an emotion too."""


def model_card(manifest: Manifest, *, tells_speech: bool) -> str:
    """The card of a bundle in Markdown, made from its manifest and what its graph can do.

    Parameters
    ----------
    manifest
        Of the bundle.
    tells_speech
        Whether the graph judges if a sound is speech, see `serein.bundle.Bundle.tells_speech`.
    """
    limits = _LIMITS.replace("{speech}", _TELLS_SPEECH if tells_speech else _TAKES_ALL_FOR_SPEECH)
    end = "".join(f"{line}\n" for line in reproduction(manifest))
    return "\n".join(_lines(manifest)) + "\n\n" + limits + end


def _lines(manifest: Manifest) -> Iterator[str]:
    features = manifest.features
    yield f"# {manifest.name}"
    yield ""
    yield f"{manifest.recipe.get('title', 'A speech emotion recognition model')}."
    yield ""
    yield f"- **Judges:** {', '.join(manifest.labels)}"
    if manifest.label_set is not None:
        losses = "; ".join(find_label_set(manifest.label_set).losses)
        yield f"- **Label set:** `{manifest.label_set}`: {losses}"
    yield (
        f"- **Input:** speech at {features.sampling_rate} Hz, mono, as {features.kind} features "
        "that do not depend on the gain of the recording"
    )
    yield f"- **Size:** {manifest.parameters:,} parameters"
    yield f"- **Licence of the weights:** {manifest.licence}"
    yield (
        f"- **Decided** from an expected accuracy of {manifest.minimum_confidence:.0%}; "
        f"temperature {manifest.graphs['unknown'].temperature:.3g} for an unknown speaker, "
        f"{manifest.graphs['enrolled'].temperature:.3g} for an enrolled one"
    )
    yield ""
    yield "## Trained on"
    yield ""
    yield "| corpus | clips | speakers | languages | labels | licence |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for name, facts in manifest.corpora.items():
        yield (
            f"| {facts['title']} (`{name}`{_part(facts)}) | {facts['clips']} | "
            f"{facts['speakers']} | {', '.join(facts['languages'])} | "
            f"{', '.join(facts['labels'])} | {facts['licence']} |"
        )
    lossy = [
        f"- `{name}`: {own}: {why}"
        for name, facts in manifest.corpora.items()
        for own, why in facts["lossy"].items()
    ]
    if lossy:
        yield ""
        yield "Where a label of a corpus says more than ours:"
        yield ""
        yield from lossy
    cited = [facts for facts in manifest.corpora.values() if facts["citation"]]
    if cited:  # own recordings have nothing to be cited
        yield ""
        yield "Sources:"
        yield ""
        yield from (f"- {facts['title']}: {facts['citation']}" for facts in cited)
    yield from score_sections(manifest.scores)


def _part(facts: Mapping[str, Any]) -> str:
    """Which part of the model learned from a corpus, where a head was put on an embedding."""
    return f", for the {facts['part']}" if "part" in facts else ""
