"""What is usual of the training speakers: the right clips, fairly drawn, the same every time."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import soundfile

from serein.bundle import Bundle
from serein.corpora import Utterance, UtteranceTable
from serein.features.prosody import ProsodyReference, measure_prosody
from serein.training.prosody import reference_prosody
from serein.training.train import add_prosody
from tests.builders import build_bundle, tone

RATE = 16_000
PITCH = {("one", "female"): 240.0, ("two", "female"): 260.0, ("one", "male"): 110.0}


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> list[UtteranceTable]:
    """Corpus ``one`` has six women and two men, ``two`` has two women and one nobody knows."""
    counts = {("one", "female"): 6, ("one", "male"): 2, ("two", "female"): 2, ("two", None): 1}
    found: dict[str, list[Utterance]] = {"one": [], "two": []}
    folder = tmp_path_factory.mktemp("voices")
    for (corpus, sex), count in counts.items():
        (folder / corpus).mkdir(exist_ok=True)
        for number in range(count):
            path = f"{sex}{number}.wav"
            pitch = PITCH.get((corpus, str(sex)), 500.0) + number
            soundfile.write(folder / corpus / path, tone(pitch, 0.6, tilt=1.5), RATE)
            found[corpus].append(_utterance(corpus, path, sex))
    return [UtteranceTable(folder / name, name, tuple(all_)) for name, all_ in found.items()]


def _utterance(corpus: str, path: str, sex: str | None) -> Utterance:
    return Utterance(
        path=path,
        corpus=corpus,
        speaker=None,
        sex=sex,
        language=None,
        emotion="sad",
        original_emotion="sad",
        intensity=None,
        sentence=None,
        split=None,
        duration=0.6,
        sampling_rate=RATE,
        sha256=hashlib.sha256(f"{corpus} {path}".encode()).hexdigest(),
    )


def heard(tables: list[UtteranceTable]) -> list[Utterance]:
    return [one for table in tables for one in table.utterances]


def test_usual_is_measured_by_sex_without_levels(tables: list[UtteranceTable]) -> None:
    found = reference_prosody(tables, heard(tables), sampling_rate=RATE)
    assert list(found) == ["female", "male"]
    assert (found["female"].clips, found["male"].clips) == (8, 2)
    assert found["male"].usual.pitch == pytest.approx(110.5, rel=0.01)
    assert found["female"].usual.level is None
    measured = [
        measure_prosody(tone(110.0 + number, 0.6, tilt=1.5), sampling_rate=RATE)
        for number in range(2)
    ]
    expected = ProsodyReference.of([replace(one, level=None) for one in measured])
    assert found["male"].usual.as_dict() == pytest.approx(expected.usual.as_dict(), abs=0.01)


def test_corpora_take_turns(tables: list[UtteranceTable]) -> None:
    told: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        told.append((done, total))

    found = reference_prosody(tables, heard(tables), sampling_rate=RATE, clips=2, progress=progress)
    # One of either corpus, though one has three times as many.
    assert found["female"].clips == 2
    assert found["female"].usual.pitch == pytest.approx(252.0, abs=4.0)
    assert told == [(done, 4) for done in range(1, 5)]


def test_order_does_not_matter_and_what_is_not_heard_is_not_measured(
    tables: list[UtteranceTable],
) -> None:
    one = reference_prosody(tables, heard(tables), sampling_rate=RATE, clips=3)
    other = reference_prosody(tables[::-1], heard(tables)[::-1], sampling_rate=RATE, clips=3)
    assert one == other
    women = [utterance for utterance in heard(tables) if utterance.sex == "female"]
    assert list(reference_prosody(tables, women, sampling_rate=RATE)) == ["female"]
    assert reference_prosody(tables, [], sampling_rate=RATE) == {}


def test_bundle_keeps_it(tables: list[UtteranceTable], tmp_path: Path) -> None:
    loaded = Bundle.load(build_bundle(tmp_path / "tiny"))
    # The made-up corpora and scores say too little for a card.
    bundle = Bundle(loaded.folder, replace(loaded.manifest, corpora={}, scores={}))
    assert bundle.manifest.prosody == {}
    known = reference_prosody(tables, heard(tables), sampling_rate=RATE)
    again = add_prosody(bundle, known)
    assert again.manifest.prosody == known
    assert Bundle.load(tmp_path / "tiny").manifest.prosody == known
    # Nothing else has changed, and profiles made with it still fit.
    assert replace(again.manifest, prosody={}).as_dict() == bundle.manifest.as_dict()
    assert again.fingerprint == bundle.fingerprint
