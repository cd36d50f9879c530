"""Readers of published corpora whose files are not at hand: names and tables in miniature."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from serein.corpora import ScanReport, scan
from serein.errors import DataInvalid
from tests.corpora.conftest import Plant


def left_out(report: ScanReport) -> dict[str, int]:
    """Number of files left out, by reason."""
    return {b.detail: len(b.paths) for b in report.blemishes if b.kind == "left_out"}


@pytest.mark.parametrize("path", ["DC_su07.wav", "DC/su07.wav", "AudioData/DC/su07.wav"])
def test_savee(plant: Plant, path: str) -> None:
    report = scan("savee", plant(path, f"{path.split('su')[0]}n30.wav"))
    neutral, found = report.table.utterances
    assert (found.speaker, found.sex, found.emotion) == ("savee-DC", "male", "surprised")
    assert (found.original_emotion, found.sentence, found.language) == ("su", "su07", "en")
    assert neutral.emotion == "neutral"
    assert report.blemishes == ()
    assert (report.missing.clips, report.missing.by_speaker["savee-DC"]) == (478, 118)
    assert "DC_su07" not in report.missing.names


def test_savee_knows_its_speakers_and_its_numbers(plant: Plant) -> None:
    report = scan("savee", plant("DC_a01.wav", "DC_a16.wav", "a01.wav", "XX/a02.wav"))
    assert [item.path for item in report.table.utterances] == ["DC_a01.wav"]
    (strange,) = report.blemishes
    assert strange.kind == "unknown_name"
    assert set(strange.paths) == {"DC_a16.wav", "a01.wav", "XX/a02.wav"}


@pytest.mark.parametrize("folder", ["", "wav/", "download/wav/"])
def test_emodb(plant: Plant, folder: str) -> None:
    report = scan("emodb", plant(f"{folder}16b10Lb.wav", f"{folder}03a01Wa.wav"))
    angry, bored = report.table.utterances
    assert (bored.speaker, bored.sex, bored.emotion) == ("emodb-16", "female", "bored")
    assert (bored.sentence, bored.original_emotion, bored.language) == ("b10", "L", "de")
    assert (angry.sex, angry.emotion) == ("male", "angry")
    assert report.missing.clips == 533
    assert report.missing.by_emotion["bored"] == 80
    assert report.missing.by_speaker["emodb-16"] == 70
    assert report.missing.names == ()


def test_jl(plant: Plant) -> None:
    folder = "Raw JL corpus (unchecked and unannotated)/JL(wav+txt)"
    labels = ("angry", "anxious", "concerned", "excited", "encouraging", "assertive", "apologetic")
    root = plant(*(f"{folder}/male2_{label}_15b_2.wav" for label in labels))
    (root / folder / "male2_angry_15b_2.txt").write_text("Sound the horn.\n", encoding="utf-8")
    report = scan("jl", root)
    found = {item.original_emotion: item for item in report.table.utterances}
    assert {label: item.emotion for label, item in found.items()} == {
        **{"angry": "angry", "anxious": "fearful", "concerned": "fearful", "excited": "happy"},
        **{"encouraging": "happy", "assertive": None, "apologetic": None},
    }
    angry = found["angry"]
    assert (angry.speaker, angry.sex, angry.sentence) == ("jl-male2", "male", "15")
    assert report.blemishes == ()
    assert report.notes == (
        "2 clips have a label that fits no canonical one, stay in the table and are left out of "
        "training: apologetic 1, assertive 1",
    )
    assert report.missing.by_emotion["no canonical label"] == 478


def test_jl_in_the_words_of_its_description(plant: Plant) -> None:
    labels = ("enthusiastic", "pensive", "worried")
    report = scan("jl", plant(*(f"female1_{label}_1a_1.wav" for label in labels)))
    assert [item.emotion for item in report.table.utterances] == ["happy", None, "fearful"]


@pytest.mark.parametrize(
    ("path", "split"),
    [
        ("0011/Angry/evaluation/0011_000351.wav", "evaluation"),
        ("Emotion Speech Dataset/0011/Angry/train/0011_000351.wav", "train"),
        ("0011/Angry/0011_000351.wav", None),
        ("0011_000351.wav", None),
    ],
)
def test_esd(plant: Plant, path: str, split: str | None) -> None:
    (found,) = scan("esd", plant(path)).table.utterances
    assert (found.speaker, found.sex, found.language) == ("esd-0011", "male", "en")
    assert (found.emotion, found.original_emotion) == ("angry", "Angry")
    assert (found.sentence, found.split) == ("en-001", split)


def test_esd_tells_emotion_and_sentence_by_the_number(plant: Plant) -> None:
    numbers = (1, 350, 351, 700, 701, 1050, 1051, 1400, 1401, 1750, 1751)
    report = scan("esd", plant(*(f"0001_{number:06d}.wav" for number in numbers)))
    found = [(item.original_emotion, item.sentence) for item in report.table.utterances]
    emotions = ("Neutral", "Angry", "Happy", "Sad", "Surprise")
    assert found == [(emotion, f"zh-{end}") for emotion in emotions for end in ("001", "350")]
    assert {item.sex for item in report.table.utterances} == {"female"}
    assert [b.paths for b in report.blemishes] == [("0001_001751.wav",)]


@pytest.mark.parametrize(
    "path", ["anger/a07 (3).wav", "a07 (3).wav", "anger/a07(3).wav", "anger/a07_3.wav"]
)
def test_aesdd(plant: Plant, path: str) -> None:
    report = scan("aesdd", plant(path))
    (found,) = report.table.utterances
    assert (found.speaker, found.sex, found.language) == ("aesdd-3", None, "el")
    assert (found.emotion, found.original_emotion, found.sentence) == ("angry", "anger", "07")
    assert report.missing.clips == 603
    assert "a07 (3)" not in report.missing.names


def test_aesdd_has_second_takes_and_improvisations(plant: Plant) -> None:
    root = plant("sadness/s01 (5)a.wav", "sadness/s01 (5)b.wav", "fear/f10 (01).wav", "s20 (6).wav")
    report = scan("aesdd", root)
    found = {item.path: item for item in report.table.utterances}
    assert len(found) == 4
    assert found["sadness/s01 (5)a.wav"].sentence == found["sadness/s01 (5)b.wav"].sentence == "01"
    assert found["fear/f10 (01).wav"].speaker == "aesdd-1"
    assert found["s20 (6).wav"].sentence is None
    (misnamed,) = report.blemishes
    assert (misnamed.kind, misnamed.detail) == ("misnamed", "read as f10 (1)")


def test_many_files_named_by_another_rule_are_one_warning(plant: Plant) -> None:
    report = scan("aesdd", plant(*(f"anger/a{number:02d}_1.wav" for number in range(1, 21))))
    (misnamed,) = report.blemishes
    assert len(misnamed.paths) == 20
    assert misnamed.detail == "the first read as a01 (1)"


@pytest.mark.parametrize("folder", ["Sad/", "", "URDU-Dataset-master/Sad/SM6/"])
def test_urdu(plant: Plant, folder: str) -> None:
    report = scan("urdu", plant(f"{folder}SM6_F4_S0100.wav", f"{folder}SF1_F1_H1.wav"))
    happy, sad = report.table.utterances
    assert (sad.speaker, sad.sex, sad.emotion) == ("urdu-SM6", "male", "sad")
    assert (happy.speaker, happy.sex, happy.emotion) == ("urdu-SF1", "female", "happy")
    assert (sad.language, sad.sentence) == ("ur", None)
    assert not {"SM6_F4_S0100", "SF1_F1_H01"} & set(report.missing.names)
    assert len(report.missing.names) == report.missing.clips == 398


EVALUATION = """% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]
C-E2:\tNeutral;\t()
C-E3:\tNeutral; Anger;\t(a remark: Sadness; who knows)
C-E4:\tNeutral;\t()
C-F1:\tSadness;\t(curious)
A-E3:\tval 3; act 2; dom  2;\t()
A-F1:\tval 3; act 2; dom  1;\t()

[10.0100 - 11.3925]\tSes01F_impro01_M000\texc\t[2.5000, 2.5000, 2.5000]
C-E2:\tExcited;\t()
C-E3:\tHappiness;\t()
C-E4:\tFrustration;\t()

[12.0000 - 13.0000]\tSes01F_impro01_M001\txxx\t[2.5000, 2.5000, 2.5000]
C-E2:\tOther;\t()
C-E3:\tFrustration;\t()
"""


def iemocap(plant: Plant, *utterances: str) -> Path:
    """A first session with one dialogue."""
    wav = "Session1/sentences/wav/Ses01F_impro01"
    root = plant(*(f"{wav}/{name}.wav" for name in utterances))
    folder = root / "Session1" / "dialog" / "EmoEvaluation"
    (folder / "Categorical").mkdir(parents=True)
    (folder / "Ses01F_impro01.txt").write_text(EVALUATION, encoding="utf-8")
    # What each listener said lies beside it, in a format of its own.
    (folder / "Categorical" / "Ses01F_impro01_e2_cat.txt").write_bytes(b"Ses01F_impro01_F000 \xff")
    return root


def test_iemocap(plant: Plant) -> None:
    names = ("Ses01F_impro01_F000", "Ses01F_impro01_M000", "Ses01F_impro01_M001")
    report = scan("iemocap", iemocap(plant, *names))
    neutral, excited, unclear = report.table.utterances
    assert (neutral.speaker, neutral.sex) == ("iemocap-Ses01F", "female")
    # The dialogue is named by the woman, but he speaks.
    assert (excited.speaker, excited.sex) == ("iemocap-Ses01M", "male")
    assert {item.split for item in report.table.utterances} == {"session1"}
    assert (excited.emotion, excited.original_emotion) == ("happy", "exc")
    assert (unclear.emotion, unclear.original_emotion) == (None, "xxx")
    assert neutral.votes == pytest.approx({"neutral": 2.5 / 3, "angry": 0.5 / 3})
    assert (excited.votes, unclear.votes) == ({"happy": 1.0}, None)
    assert report.notes[0].endswith("left out of training: xxx 1")
    assert (report.missing.clips, report.missing.names) == (10036, ())
    assert report.missing.by_emotion["no canonical label"] == 4358


def test_iemocap_by_halves(plant: Plant) -> None:
    root = iemocap(plant, "Ses01F_impro01_F000", "Ses01F_impro01_F099")
    plant("Session1/dialog/wav/Ses01F_impro01.wav", "Session1/notes.wav")
    report = scan("iemocap", root)
    assert len(report.table) == 1
    assert left_out(report) == {
        "whole dialogues, whose utterances are read": 1,
        "utterances that no file of EmoEvaluation names": 1,
    }
    assert report.missing.names == ("Ses01F_impro01_M000", "Ses01F_impro01_M001")
    # The labels are found from the folder of the sounds too.
    for folder in ("Session1/sentences", "Session1/sentences/wav"):
        assert len(scan("iemocap", root / folder).table) == 1


def test_iemocap_without_labels(plant: Plant) -> None:
    root = plant("Session2/sentences/wav/Ses02M_script01_1/Ses02M_script01_1_F004.wav")
    with pytest.raises(DataInvalid, match=r"no labels; they stand in .*EmoEvaluation"):
        scan("iemocap", root)
    plant("elsewhere/other.wav")
    with pytest.raises(DataInvalid, match="no clip of iemocap among 1 files"):
        scan("iemocap", root / "elsewhere")


CONSENSUS = """FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set
MSP-PODCAST_0001_0008.wav,N,2.2,4.0,2.6,30,Male,Test1
MSP-PODCAST_0001_0009.wav,C,3.7,3.5,3.7,39,Female,Development
MSP-PODCAST_0002_0001.wav,U,3.0,3.0,3.0,Unknown,Unknown,Train
"""


@pytest.mark.parametrize("folder", ["Audios", "Audio"])
def test_msp_podcast(plant: Plant, folder: str) -> None:
    names = ("0001_0008", "0001_0009", "0002_0001")
    root = plant(*(f"{folder}/MSP-PODCAST_{name}.wav" for name in names))
    (root / "Labels").mkdir()
    (root / "Labels" / "labels_consensus.csv").write_text(CONSENSUS, encoding="utf-8")
    for scanned in (root, root / folder):
        report = scan("msp-podcast", scanned)
        neutral, contempt, surprised = report.table.utterances
        assert (neutral.speaker, neutral.sex) == ("msp-podcast-30", "male")
        assert (neutral.emotion, neutral.split) == ("neutral", "test1")
        assert (contempt.emotion, contempt.original_emotion) == (None, "C")
        assert (contempt.sex, contempt.split) == ("female", "development")
        assert (surprised.emotion, surprised.speaker, surprised.sex) == ("surprised", None, None)
        assert report.complete
        assert report.notes == (
            "1 clips have a label that fits no canonical one, stay in the table and are left out "
            "of training: C 1",
        )


def test_msp_podcast_of_another_version(plant: Plant) -> None:
    root = plant("Audios/MSP-PODCAST_0001_0008.wav", "Audios/MSP-PODCAST_9999_0001.wav")
    with pytest.raises(DataInvalid, match=r"no labels; they stand in Labels/labels_consensus.csv"):
        scan("msp-podcast", root)
    (root / "labels_consensus.csv").write_text(CONSENSUS, encoding="utf-8")
    report = scan("msp-podcast", root)
    assert len(report.table) == 1
    assert report.complete
    assert left_out(report) == {"clips that Labels/labels_consensus.csv does not name": 1}
    assert report.notes == (
        "2 of the 3 clips that Labels/labels_consensus.csv names are not in the folder",
    )


def test_no_corpus_is_taken_for_another(plant: Plant) -> None:
    """Names of all corpora in one folder: each reader takes its own, the others are strange."""
    names = {
        "ravdess": "03-01-03-01-01-01-02.wav",
        "ravdess-song": "03-02-03-01-01-01-02.wav",
        "crema-d": "1001_DFA_ANG_XX.wav",
        "tess": "OAF_back_angry.wav",
        "savee": "DC_a01.wav",
        "emodb": "03a01Fa.wav",
        "jl": "female1_angry_10a_1.wav",
        "esd": "0011_000351.wav",
        "emovo": "dis-f1-b1.wav",
        "nemo": "EB0_anger_1.wav",
        "aesdd": "a01 (1).wav",
        "urdu": "SM1_F1_A01.wav",
    }
    root = plant(*names.values())
    for corpus, name in names.items():
        report = scan(corpus, root)
        assert [item.path for item in report.table.utterances] == [name]
        kinds = Counter(blemish.kind for blemish in report.blemishes)
        assert set(kinds) <= {"unknown_name", "left_out"}
