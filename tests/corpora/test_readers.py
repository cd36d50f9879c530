from __future__ import annotations

import re
from collections import Counter
from operator import attrgetter
from pathlib import PurePosixPath

import pytest

from serein.corpora import CORPORA, Corpus, find_corpus, scan
from serein.corpora.readers.base import Clip
from serein.errors import ArgumentInvalid, DataInvalid
from serein.filenames import AUDIO_EXTENSIONS
from serein.labels import LABELS
from tests.corpora.conftest import Plant

OWN = ("folder", "csv")
# Their labels stand in tables, which the tests of each write.
BY_TABLE = ("iemocap", "msp-podcast", "csv")
BY_NAME = [corpus for corpus in CORPORA.values() if corpus.name not in BY_TABLE]
name_of = attrgetter("name")


def test_the_corpora_of_the_interface() -> None:
    promised = (
        "ravdess crema-d tess savee emodb jl esd iemocap emovo nemo aesdd urdu msp-podcast folder "
        "csv"
    )
    assert set(promised.split()) | {"ravdess-song"} == set(CORPORA)


@pytest.mark.parametrize("corpus", CORPORA.values(), ids=name_of)
def test_description_is_consistent(corpus: Corpus) -> None:
    assert sum(corpus.clips_by_emotion.values()) == corpus.clips
    assert set(corpus.labels.values()) - {None} <= set(LABELS)
    if corpus.clips_by_emotion:
        assert {label or "" for label in corpus.labels.values()} == set(corpus.clips_by_emotion)
    if corpus.clips_by_speaker:
        assert sum(corpus.clips_by_speaker.values()) == corpus.clips
    assert set(corpus.lossy) <= set(corpus.labels)
    assert corpus.title
    assert corpus.licence
    assert corpus.layout


@pytest.mark.parametrize("corpus", CORPORA.values(), ids=name_of)
def test_whence_it_comes(corpus: Corpus) -> None:
    if corpus.name in OWN:
        assert (corpus.url, corpus.citation, corpus.archives, corpus.obtain) == ("", "", (), "")
        return
    assert corpus.citation
    assert corpus.languages
    assert corpus.url.startswith("http")
    assert corpus.archives or corpus.obtain
    assert not (corpus.archives and corpus.obtain)
    for archive in corpus.archives:
        assert archive.url.startswith("http")
        if archive.checksum is not None:
            assert re.fullmatch(r"md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}", archive.checksum)


@pytest.mark.parametrize(
    "name", ["ravdess", "ravdess-song", "crema-d", "savee", "jl", "esd", "emovo", "aesdd", "urdu"]
)
def test_expected_names_agree_with_the_counts(name: str, plant: Plant) -> None:
    corpus = find_corpus(name)
    root = plant("x.wav")
    reading = corpus.open(root, [])
    clips = [reading.parse(PurePosixPath(f"{stem}.wav")) for stem in reading.expected]
    found = [clip for clip in clips if isinstance(clip, Clip)]
    assert {clip.name for clip in found} == reading.expected
    assert len(found) == corpus.clips
    emotions = Counter(corpus.canonical(clip.original_emotion) or "" for clip in found)
    assert Counter(clip.speaker for clip in found) == corpus.clips_by_speaker
    assert emotions == corpus.clips_by_emotion


@pytest.mark.parametrize("corpus", BY_NAME, ids=name_of)
@pytest.mark.parametrize("extension", [*AUDIO_EXTENSIONS, ".WAV"])
def test_every_example_of_a_layout_is_read_with_any_extension(
    corpus: Corpus, extension: str, plant: Plant
) -> None:
    reading = corpus.open(plant("x.wav"), [])
    for example in corpus.layout:
        clip = reading.parse(PurePosixPath(example).with_suffix(extension))
        assert isinstance(clip, Clip)
        assert clip.original_emotion in corpus.labels
        assert not corpus.clips_by_speaker or clip.speaker in corpus.clips_by_speaker


def test_unknown_corpus() -> None:
    with pytest.raises(ArgumentInvalid, match=r"'ravdes' .* ravdess, ravdess-song, crema-d, tess"):
        find_corpus("ravdes")


@pytest.mark.parametrize("folder", ["Actor_05/", "", "audio_speech_actors_01-24/Actor_05/"])
def test_ravdess(plant: Plant, folder: str) -> None:
    stem = f"{folder}03-01-07-02-01-02-05"
    (found,) = scan("ravdess", plant(f"{stem}.wav")).table.utterances
    assert found.path == f"{stem}.wav"
    assert (found.corpus, found.speaker, found.sex) == ("ravdess", "ravdess-05", "male")
    assert (found.emotion, found.original_emotion) == ("disgusted", "disgust")
    assert (found.intensity, found.sentence, found.language) == ("strong", "1", "en")
    assert (found.duration, found.sampling_rate, found.silent) == (0.05, 8000, False)


def test_ravdess_leaves_out_song_and_video_and_says_so(plant: Plant) -> None:
    root = plant(
        "03-01-03-01-01-01-02.wav",
        "03-02-03-01-01-01-02.wav",
        "01-01-03-01-01-01-02.wav",
        "Actor_02/02-01-03-01-01-01-02.wav",
    )
    report = scan("ravdess", root)
    assert [item.path for item in report.table.utterances] == ["03-01-03-01-01-01-02.wav"]
    left_out = {b.detail: len(b.paths) for b in report.blemishes if b.kind == "left_out"}
    assert left_out == {
        "video files, whose sound is that of the audio files": 2,
        "sung clips, to be read as the corpus ravdess-song": 1,
    }


def test_ravdess_song_has_the_voices_of_ravdess(plant: Plant) -> None:
    root = plant("Actor_05/03-02-06-02-01-02-05.wav", "Actor_05/03-01-06-02-01-02-05.wav")
    report = scan("ravdess-song", root)
    (found,) = report.table.utterances
    assert (found.corpus, found.speaker, found.sex) == ("ravdess-song", "ravdess-05", "male")
    assert (found.emotion, found.intensity, found.sentence) == ("fearful", "strong", "1")
    assert [b.detail for b in report.blemishes] == [
        "spoken clips, to be read as the corpus ravdess"
    ]
    assert report.missing.clips == 1011
    assert report.missing.by_speaker["ravdess-05"] == 43
    assert "ravdess-18" not in report.missing.by_speaker
    (spoken,) = scan("ravdess", root).table.utterances
    assert spoken.speaker == found.speaker


@pytest.mark.parametrize("folder", ["AudioWAV", "AudioMP3", "."])
def test_crema_d_with_its_tables(plant: Plant, folder: str) -> None:
    extension = "mp3" if folder == "AudioMP3" else "wav"
    root = plant(f"{folder}/1001_IEO_ANG_HI.{extension}", f"{folder}/1040_ITH_SAD_X.{extension}")
    (root / "processedResults").mkdir()
    (root / "VideoDemographics.csv").write_text(
        '"ActorID","Age","Sex"\n1001,51,"Male"\n1040,40,"Female"\n', encoding="utf-8"
    )
    (root / "processedResults" / "tabulatedVotes.csv").write_text(
        '"","A","D","F","H","N","S","fileName"\n'
        '"100001",3,0,0,0,1,0,"1001_IEO_ANG_HI"\n'
        '"103234",0,0,0,0,0,0,"1040_ITH_SAD_XX"\n'
        '"200001",0,9,0,0,0,0,"1001_IEO_ANG_HI"\n'
        '"300001",0,0,9,0,0,0,"1001_IEO_ANG_HI"\n',
        encoding="utf-8",
    )
    # The tables are found from the folder of the sounds too.
    for scanned in {root, root / folder}:
        report = scan("crema-d", scanned)
        first, second = report.table.utterances
        assert (first.speaker, first.sex, first.emotion) == ("crema-d-1001", "male", "angry")
        assert (first.intensity, first.sentence) == ("high", "IEO")
        assert first.votes == dict.fromkeys(first.votes or (), 0.0) | {
            "angry": 0.75,
            "neutral": 0.25,
        }
        assert (second.sex, second.intensity, second.votes) == ("female", None, None)
        assert report.notes == ()


def test_crema_d_without_its_tables(plant: Plant) -> None:
    report = scan("crema-d", plant("1001_DFA_NEU_XX.flac"))
    (found,) = report.table.utterances
    assert (found.sex, found.votes) == (None, None)
    assert [note.split()[0] for note in report.notes] == [
        "VideoDemographics.csv",
        "processedResults/tabulatedVotes.csv",
    ]


def test_crema_d_with_a_damaged_table(plant: Plant) -> None:
    root = plant("1001_DFA_NEU_XX.wav")
    (root / "VideoDemographics.csv").write_text("Actor;Sex\n", encoding="utf-8")
    with pytest.raises(DataInvalid, match=r"VideoDemographics.csv: lacks the column 'ActorID'"):
        scan("crema-d", root)
    (root / "VideoDemographics.csv").write_bytes(b"ActorID,Sex\n1001,\xff\xfe\n")
    with pytest.raises(DataInvalid, match="cannot be read"):
        scan("crema-d", root)


@pytest.mark.parametrize("folder", ["", "OAF_Pleasant_surprise/", "TESS/OAF_angry/"])
def test_tess(plant: Plant, folder: str) -> None:
    report = scan("tess", plant(f"{folder}OAF_bite_ps.wav", f"{folder}OA_bite_neutral.wav"))
    plain, odd = report.table.utterances
    assert (plain.emotion, plain.original_emotion, plain.sentence) == ("surprised", "ps", "bite")
    assert (odd.speaker, odd.sex, odd.emotion) == ("tess-OAF", "female", "neutral")
    (misnamed,) = (blemish for blemish in report.blemishes if blemish.kind == "misnamed")
    assert misnamed.paths == (f"{folder}OA_bite_neutral.wav",)
    assert misnamed.detail == "read as OAF_bite_neutral"
    # The word is known, so the twelve clips of it that lack can be named.
    assert len(report.missing.names) == 12
    assert "OAF_bite_neutral" not in report.missing.names


@pytest.mark.parametrize("folder", ["", "m2/", "EMOVO/m2/"])
def test_emovo(plant: Plant, folder: str) -> None:
    (found,) = scan("emovo", plant(f"{folder}gio-m2-n3.wav")).table.utterances
    assert (found.speaker, found.sex, found.language) == ("emovo-m2", "male", "it")
    assert (found.emotion, found.original_emotion, found.sentence) == ("happy", "gio", "n3")


@pytest.mark.parametrize("folder", ["samples/", ""])
def test_nemo(plant: Plant, folder: str) -> None:
    root = plant(f"{folder}MK0_surprised_7.wav", f"{folder}WR0_sadness_7.wav")
    report = scan("nemo", root)
    first, second = report.table.utterances
    assert (first.speaker, first.sex, first.emotion) == ("nemo-MK0", "female", "surprised")
    assert (second.speaker, second.sex, second.emotion) == ("nemo-WR0", "male", "sad")
    assert (first.sentence, first.language) == ("7", "pl")
    assert report.missing.names == ()
    assert report.notes[0].startswith("data.tsv is not there")

    (root / "data.tsv").write_text(
        "file_id\temotion\tnormalized_text\tspeaker_id\n"
        "MK0_surprised_7.wav\tsurprised\tzażółć gęślą jaźń\t   MK0\n"
        "WR0_sadness_7.wav\tsadness\tzażółć gęślą jaźń\tWR0\n"
        "WR0_anger_7.wav\tanger\tzażółć gęślą jaźń\tWR0\n",
        encoding="utf-8",
    )
    report = scan("nemo", root)
    assert {item.sentence for item in report.table.utterances} == {"zażółć gęślą jaźń"}
    assert report.missing.names == ("WR0_anger_7",)
