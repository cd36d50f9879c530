"""An explanation of a judgement: where the model listened, how the voice sounds, in plain words.

It describes the sound beside the judgement. That a voice is high and was judged happy does not
mean that it was judged happy because it is high.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from serein.explanation import Attention, Explanation, Moment, Prosody
from serein.features.prosody import ProsodyReference, differences
from serein.recognition.attention import Stretch, find_moments, join_attention
from serein.recognition.speaker import SpeakerProfile
from serein.results import most_probable

CLEAR_SEX = 0.75
"""Probability from which a voice is compared with those of its judged sex."""
USUAL_SPREAD = 0.5
"""Standard deviations within which a measurement counts as usual, if it is not audible anyway."""


@dataclass(frozen=True)
class _Words:
    """How one measure is put into words.

    Attributes
    ----------
    fact
        What was measured.
    subject, more, less
        What is more or less than usual, and the words for it.
    unit
        Of the difference.
    audible
        The least difference that is worth a word.
    scale
        What the measured number is multiplied by in the fact.
    """

    fact: str
    subject: str
    more: str
    less: str
    unit: str
    audible: float
    scale: float = 1.0


WORDS: dict[str, _Words] = {
    "pitch": _Words("median pitch {:.0f} Hz", "The voice", "higher", "lower", "semitone", 1.0),
    "pitch_range": _Words(
        "pitch range {:.0f} semitones", "The pitch range", "wider", "narrower", "semitone", 2.0
    ),
    "level": _Words("level {:.0f} dBFS", "The recording", "louder", "quieter", "dB", 2.0),
    "dynamics": _Words(
        "loudness range {:.0f} dB", "The loudness range", "wider", "narrower", "dB", 2.0
    ),
    "tempo": _Words(
        "{:.1f} syllable-like peaks a second", "The tempo", "faster", "slower", "%", 10.0
    ),
    "voiced_share": _Words(
        "voiced {:.0f} % of the time",
        "The voiced share",
        "larger",
        "smaller",
        "percentage point",
        5.0,
        100.0,
    ),
}

_USUAL: Mapping[str, str] = {
    "speaker": "usual for this speaker",
    "female": "usual for the women in the training data",
    "male": "usual for the men in the training data",
}


def explain_judgement(
    stretches: Sequence[Stretch],
    prosody: Prosody,
    *,
    duration: float,
    speech: bool,
    sex: Mapping[str, float] | None,
    speaker: SpeakerProfile | None,
    known: Mapping[str, ProsodyReference],
) -> Explanation:
    """Explain a judgement.

    Parameters
    ----------
    stretches
        The attention over each piece; empty where the model has none.
    prosody
        What was measured of the recording.
    duration
        Of the recording, in seconds.
    speech
        False where nothing, or no speech, was heard, of which there is nothing to tell.
    sex
        Probabilities of the sexes, or None where they are not judged.
    speaker
        The profile that was used.
    known
        What is usual for each sex.
    """
    attention = join_attention(stretches, duration=duration) if stretches else None
    heard = sum(stretch.length for stretch in stretches)
    moments = find_moments(attention, heard=heard, duration=duration) if attention else ()
    found = _reference(sex, speaker, known) if speech else None
    whom, reference = found or (None, None)
    if not speech or prosody.level is None:
        sentences = ["There is no speech in the recording to describe."]
    elif whom is None or reference is None:
        # A level by itself is the microphone's.
        facts = _facts("Measured", prosody, [name for name in WORDS if name != "level"])
        sentences = [_listening(attention, moments), facts, _why_alone(sex, known)]
    else:
        compared = _compared(prosody, reference, _USUAL[whom])
        sentences = [_listening(attention, moments), *compared]
    return Explanation(
        attention=attention,
        moments=moments,
        prosody=prosody,
        compared_with=whom,
        usual=None if reference is None else reference.usual,
        sentences=tuple(sentence for sentence in sentences if sentence),
    )


def _reference(
    sex: Mapping[str, float] | None,
    speaker: SpeakerProfile | None,
    known: Mapping[str, ProsodyReference],
) -> tuple[str, ProsodyReference] | None:
    """Whom the voice is compared with, and what is usual there."""
    if speaker is not None and speaker.prosody is not None:
        return "speaker", speaker.prosody
    if sex is None:
        return None
    name, probability = most_probable(sex)
    return (name, known[name]) if probability >= CLEAR_SEX and name in known else None


def _why_alone(sex: Mapping[str, float] | None, known: Mapping[str, ProsodyReference]) -> str:
    if known and sex is None:
        return "The model does not judge the sex, so the voice is compared with nobody."
    if sex is None or most_probable(sex)[0] not in known:
        return "The model does not know what is usual; a profile of 'serein enroll' does."
    return "Whether this is a woman or a man is not clear, so the voice is compared with nobody."


def _listening(attention: Attention | None, moments: Sequence[Moment]) -> str:
    if attention is None:
        return "The model does not say which moments weighed most."
    if not moments:
        return "No moment weighed much more than the others."
    stretches = (
        f"{moment.start:.2f} to {moment.end:.2f} s ({100 * moment.share:.0f} %)"
        for moment in moments
    )
    return f"The model listened most to {', '.join(stretches)}."


def _compared(prosody: Prosody, reference: ProsodyReference, usual: str) -> Iterator[str]:
    """What differs from the usual, a sentence each; then what does not, and what is unknown."""
    apart = differences(prosody, reference.usual)
    ordinary: list[str] = []
    said = usual
    for name, words in WORDS.items():
        if name not in apart:
            continue
        difference = apart[name]
        if abs(difference) < max(words.audible, USUAL_SPREAD * reference.spread.get(name, 0.0)):
            ordinary.append(name)
            continue
        more = words.more if difference > 0 else words.less
        amount = _amount(abs(difference), words.unit)
        yield f"{words.subject} is {amount} {more} than {said} ({_fact(name, prosody)})."
        said = "usual"
    yield _facts(f"About as {said}", prosody, ordinary)
    if prosody.pitch is None:
        yield "Hardly any of it is voiced, so nothing is said of the pitch."


def _facts(title: str, prosody: Prosody, names: Sequence[str]) -> str:
    """The measurements in one sentence; empty where there are none."""
    facts = [_fact(name, prosody) for name in names if getattr(prosody, name) is not None]
    return f"{title}: {', '.join(facts)}." if facts else ""


def _fact(name: str, prosody: Prosody) -> str:
    words = WORDS[name]
    return words.fact.format(words.scale * getattr(prosody, name))


def _amount(value: float, unit: str) -> str:
    number = f"{value:.0f}"
    return f"{number} {unit}" + ("s" if len(unit) > 2 and number != "1" else "")
