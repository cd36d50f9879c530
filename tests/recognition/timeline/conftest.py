from __future__ import annotations

import pytest

import serein
from serein.recognition import Recognizer
from tests.builders import build_bundle, speech_like
from tests.recognition.timeline.recordings import RATE


@pytest.fixture(scope="session")
def hearing(tmp_path_factory: pytest.TempPathFactory) -> Recognizer:
    """A recogniser whose model tells speech from other sounds."""
    return serein.load(build_bundle(tmp_path_factory.mktemp("hearing") / "tiny", speech=True))


@pytest.fixture(scope="session")
def enrolled(hearing: Recognizer) -> serein.SpeakerProfile:
    """Somebody whom that model knows."""
    return hearing.enroll([(speech_like(1.5, seed=seed), RATE) for seed in range(4)])
