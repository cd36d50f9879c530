"""The readers on the real corpora; each is scanned once a session, all in about 40 seconds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from serein.corpora import CORPORA, ScanReport, check_leakage, parse_protocol, scan
from serein.corpora import for_training as choose

pytestmark = pytest.mark.corpora

HOURS = {"ravdess": 1.5, "crema-d": 5.3, "tess": 1.6, "emovo": 0.5, "nemo": 3.1}
BLEMISHES = {
    "ravdess": {
        (
            "duplicate",
            "Actor_07/03-01-03-01-02-01-07",
            "Actor_07/03-01-03-01-02-02-07",
        )
    },
    "crema-d": {
        ("conflicting_twins", "AudioWAV/1006_TIE_HAP_XX", "AudioWAV/1006_TIE_NEU_XX"),
        ("conflicting_twins", "AudioWAV/1013_WSI_DIS_XX", "AudioWAV/1013_WSI_SAD_XX"),
        ("conflicting_twins", "AudioWAV/1017_IWW_ANG_XX", "AudioWAV/1017_IWW_FEA_XX"),
        ("silent", "AudioWAV/1076_MTI_SAD_XX"),
    },
    "tess": {("misnamed", "OA_bite_neutral")},
    "emovo": set(),
    "nemo": set(),
}
Reports = Callable[[str], ScanReport]


@pytest.fixture(scope="session")
def report(corpora_root: Path) -> Reports:
    """The report of a real corpus, scanned at the first call."""

    @cache
    def scanned(name: str) -> ScanReport:
        return scan(name, corpora_root / name)

    return scanned


@pytest.mark.parametrize("name", HOURS)
def test_counts_and_blemishes(name: str, report: Reports) -> None:
    corpus, found = CORPORA[name], report(name)
    utterances = found.table.utterances
    assert found.complete
    assert found.notes == ()
    assert len(utterances) == corpus.clips
    assert Counter(item.emotion for item in utterances) == corpus.clips_by_emotion
    assert Counter(item.speaker for item in utterances) == {
        f"{name}-{speaker}": count for speaker, count in corpus.clips_by_speaker.items()
    }
    assert sum(item.duration for item in utterances) / 3600 == pytest.approx(HOURS[name], abs=0.06)
    assert {item.sampling_rate for item in utterances} == {16000}
    assert None not in {item.sex for item in utterances}
    assert None not in {item.sentence for item in utterances}
    assert {
        (blemish.kind, *(path.removesuffix(".opus") for path in blemish.paths))
        for blemish in found.blemishes
    } == BLEMISHES[name]


def test_listeners_votes(report: Reports) -> None:
    utterances = report("crema-d").table.utterances
    agreement = 0.0
    for item in utterances:
        assert item.votes is not None
        assert sum(item.votes.values()) == pytest.approx(1)
        agreement += item.votes[str(item.emotion)]
    # Single listeners hear the intended label from the voice alone in 40 % of the cases.
    assert agreement / len(utterances) == pytest.approx(0.40, abs=0.02)


def test_joint_folds_of_all_corpora(report: Reports) -> None:
    utterances = [item for name in HOURS for item in report(name).table.utterances]
    assert len(choose(utterances).kept) == len(utterances) - 7
    folds = parse_protocol("speakers:6", utterances).folds
    assert sorted(index for fold in folds for index in fold.test) == list(range(len(utterances)))
    for fold in folds:
        check_leakage(utterances, fold)
        assert fold.warnings == ()
    assert {utterances[i].speaker for i in folds[5].test if utterances[i].corpus == "ravdess"} == {
        *("ravdess-21", "ravdess-22", "ravdess-23", "ravdess-24")
    }
