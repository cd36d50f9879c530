"""The model card: what a person must know before using a model."""

from __future__ import annotations

from collections.abc import Iterator

from serein.bundle import Manifest
from serein.labels import find_label_set

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
- It does not know whether a sound is speech. Music or noise gets an emotion too.
- Its scores differ between corpora, and will be lower on recordings unlike any of them.
"""


def model_card(manifest: Manifest) -> str:
    """The card of a bundle in Markdown, made from its manifest alone."""
    return "\n".join(_lines(manifest)) + "\n\n" + _LIMITS


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
            f"| {facts['title']} (`{name}`) | {facts['clips']} | {facts['speakers']} | "
            f"{', '.join(facts['languages'])} | {', '.join(facts['labels'])} | {facts['licence']} |"
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
    yield ""
    yield "Sources:"
    yield ""
    for facts in manifest.corpora.values():
        yield f"- {facts['title']}: {facts['citation']}"
    yield from _scores(manifest)


def _scores(manifest: Manifest) -> Iterator[str]:
    scores = manifest.scores
    if not scores:
        return
    yield ""
    yield "## Scores on speakers that the training never saw"
    yield ""
    yield (
        f"Protocol {scores['protocol']}; {scores['seeds']} seed(s). U: nothing is known of the "
        "speaker; E: a profile of all the speaker's clips, without labels. UAR is unweighted "
        "average recall, WA accuracy, ECE the calibration error in U, all in per cent; UAR in "
        "brackets: 95 % interval over speakers."
    )
    yield ""
    yield "| corpus | classes | speakers | clips | UAR U | WA U | UAR E | WA E | ECE |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for name, line in scores["corpora"].items():
        yield (
            f"| {name} | {len(line['classes'])} | {line['speakers']} | {line['clips']} | "
            f"{_interval(line, 'uar')} | {100 * line['wa']:.1f} | "
            f"{_interval(line, 'uar_enrolled')} | {100 * line['wa_enrolled']:.1f} | "
            f"{100 * line['ece']:.1f} |"
        )


def _interval(line: dict[str, object], key: str) -> str:
    value = 100 * float(str(line[key]))
    found = line.get(f"{key}_interval")
    if not isinstance(found, list):
        return f"{value:.1f}"
    return f"{value:.1f} ({100 * found[0]:.0f} to {100 * found[1]:.0f})"
