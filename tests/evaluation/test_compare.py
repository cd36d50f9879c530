from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from serein.errors import ArgumentInvalid, DataInvalid
from serein.evaluation import Judged, score
from serein.evaluation.compare import COMPARISON_FILE, COMPARISON_PAGE, compare
from serein.evaluation.outcome import METRICS_FILE
from serein.evaluation.predictions import PREDICTIONS_FILE, write_predictions
from serein.evaluation.scores import MEANS, SUFFIX, Strata
from serein.metrics import DRAWS
from tests.evaluation.judgements import HEAD, answer, voices, write_run
from tests.training.synthetic import LABELS

NAMES = [f"s-{number}" for number in range(8)]
SUFFIXES = tuple(SUFFIX.values())

Write = Callable[..., Path]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A good run, a poor one, and one that is hardly better than the poor one."""
    root = tmp_path_factory.mktemp("runs")
    rights = {"good": 0.9, "poor": 0.6, "middle": 0.62}
    return {
        name: write_run(root / name, voices(NAMES, right), recipe=name, parameters=place)
        for place, (name, right) in enumerate(rights.items())
    }


@pytest.fixture
def run(tmp_path: Path) -> Write:
    def write(name: str, judged: Sequence[Judged], **head: Any) -> Path:
        return write_run(tmp_path / name, judged, **head)

    return write


def _pair(found: dict[str, Any]) -> dict[str, Any]:
    (pair,) = found["pairs"]
    assert isinstance(pair, dict)
    return pair


def test_a_run_does_not_differ_from_its_equal(run: Write, tmp_path: Path) -> None:
    judged = voices(NAMES, 0.7)
    found = compare([run("a", judged), run("b", judged[::-1])], tmp_path / "out")
    pair = _pair(found)
    for suffix in SUFFIXES:
        assert pair["difference" + suffix] == 0
        assert pair["interval" + suffix] == [0, 0]
        assert pair["p" + suffix] == 1
    assert found["left_out"] == {"a": 0, "b": 0}
    assert found["warnings"] == []
    one, two = found["runs"]
    assert one == two | {"name": "a"}


def test_a_better_run_is_told_from_chance(runs: dict[str, Path], tmp_path: Path) -> None:
    pair = _pair(compare([runs["good"], runs["poor"]], tmp_path / "out"))
    assert (pair["first"], pair["second"]) == ("good", "poor")
    for suffix in SUFFIXES:
        assert pair["difference" + suffix] == pytest.approx(0.3, abs=0.1)
        low, high = pair["interval" + suffix]
        assert 0 < low < pair["difference" + suffix] < high
        # Eight speakers can agree by chance once in so many; the draws alone would say 0.001.
        assert pair["p" + suffix] == 2 / 2**8 > 2 / (DRAWS + 1)


def test_rounding_is_no_difference(run: Write, tmp_path: Path) -> None:
    """As many errors on another emotion: the recalls are the same, but added in other order."""
    runs = {
        hard: [
            answer(
                emotion,
                "happy" if emotion == hard and number else emotion,
                path=f"{name}/{emotion}-{number}.wav",
                speaker=name,
            )
            for name in NAMES
            for emotion in LABELS
            for number in range(3)
        ]
        for hard in ("angry", "sad")
    }
    assert len({Strata.of(judged).uar("unknown") for judged in runs.values()}) == 2
    pair = _pair(compare([run(name, judged) for name, judged in runs.items()], tmp_path / "out"))
    for suffix in SUFFIXES:
        assert pair["difference" + suffix] == 0
        assert pair["interval" + suffix] == [0, 0]
        assert pair["p" + suffix] == 1


def test_differences_are_those_of_a_slow_paired_bootstrap(
    runs: dict[str, Path], tmp_path: Path
) -> None:
    pair = _pair(compare([runs["middle"], runs["poor"]], tmp_path / "out"))
    for mode, suffix in SUFFIX.items():
        hits = []  # of each speaker and emotion, in the order of the speakers' names
        for right in (0.62, 0.6):
            judged = voices(NAMES, right)
            said = [one.classes[int(getattr(one, mode).argmax())] for one in judged]
            meant = [one.utterance.emotion for one in judged]
            same = [a == b for a, b in zip(said, meant, strict=True)]
            hits.append(np.reshape(same, (len(NAMES), len(LABELS), -1)))
            uar = balanced_accuracy_score(meant, said)
            assert hits[-1].mean() == pytest.approx(uar)
        expected = hits[0].mean() - hits[1].mean()
        assert pair["difference" + suffix] == pytest.approx(expected)
        drawn = np.random.default_rng(0).integers(0, len(NAMES), (DRAWS, len(NAMES)))
        # The same speakers of both; what differs by less than rounding does not differ.
        apart = np.round([hits[0][row].mean() - hits[1][row].mean() for row in drawn], 9)
        low, high = np.quantile(apart, [0.025, 0.975])
        assert pair["interval" + suffix] == pytest.approx([low, high])
        smaller = min((apart <= 0).sum(), (apart >= 0).sum())
        p = min(1, 2 * (smaller + 1) / (DRAWS + 1))
        assert pair["p" + suffix] == pytest.approx(p)
    assert pair["p"] > 0.01


def test_the_order_of_two_runs_turns_the_sign(runs: dict[str, Path], tmp_path: Path) -> None:
    one = compare([runs["good"], runs["middle"]], tmp_path / "one")
    two = compare([runs["middle"], runs["good"]], tmp_path / "two")
    for suffix in SUFFIXES:
        low, high = _pair(one)["interval" + suffix]
        assert _pair(two)["difference" + suffix] == -_pair(one)["difference" + suffix]
        assert _pair(two)["interval" + suffix] == pytest.approx([-high, -low])
        assert _pair(two)["p" + suffix] == _pair(one)["p" + suffix]
    assert two["runs"] == one["runs"][::-1]


def test_three_runs_make_three_pairs(runs: dict[str, Path], tmp_path: Path) -> None:
    folders = [runs[name] for name in ("good", "middle", "poor")]
    found = compare(folders, tmp_path / "out")
    pairs = [(pair["first"], pair["second"]) for pair in found["pairs"]]
    assert pairs == [("good", "middle"), ("good", "poor"), ("middle", "poor")]
    differences = [pair["difference"] for pair in found["pairs"]]
    assert differences[1] == pytest.approx(differences[0] + differences[2])
    # A pair is the same whoever else is there.
    alone = compare(folders[1:], tmp_path / "alone")
    assert _pair(alone) == found["pairs"][2]


def test_what_is_written_is_what_is_returned(runs: dict[str, Path], tmp_path: Path) -> None:
    output = tmp_path / "new" / "out"
    found = compare([runs["good"], runs["poor"]], output)
    text = (output / COMPARISON_FILE).read_text(encoding="utf-8")
    assert json.loads(text) == found
    assert "NaN" not in text
    assert (output / COMPARISON_PAGE).stat().st_size > 0
    assert {path.name for path in output.iterdir()} == {COMPARISON_FILE, COMPARISON_PAGE}
    assert set(found) == {
        *("runs", "clips", "speakers", "left_out", "corpora", "pairs", "warnings")
    }
    assert (found["clips"], found["speakers"]) == (len(NAMES) * 4 * 5, len(NAMES))


def test_each_run_is_described_and_scored(runs: dict[str, Path], tmp_path: Path) -> None:
    found = compare([runs["good"], runs["poor"]], tmp_path / "out")
    for place, (line, right) in enumerate(zip(found["runs"], (0.9, 0.6), strict=True)):
        expected = score(voices(NAMES, right))
        assert line["recipe"] == line["name"]
        assert line["parameters"] == place
        assert (line["title"], line["protocol"]) == (HEAD["title"], HEAD["protocol"])
        for suffix in SUFFIXES:
            for name in MEANS:
                assert line[name + suffix] == pytest.approx(expected[name + suffix])
            assert line[f"uar{suffix}_interval"] == expected[f"uar{suffix}_interval"]
        own = found["corpora"]["ravdess"]
        assert (own["classes"], own["clips"], own["speakers"]) == ([*LABELS], 160, 8)
        inner = own["runs"][place]
        assert inner["name"] == line["name"]
        for name in ("uar", "uar_interval", "uar_enrolled", "uar_enrolled_interval", "recalls"):
            assert inner[name] == expected[name]


def test_only_the_clips_that_both_have_judged_are_scored(run: Write, tmp_path: Path) -> None:
    good, poor = voices(NAMES, 0.9), voices(NAMES, 0.5)
    # Each is as bad as can be where the other has not been.
    wrong = [answer("angry", "sad", path=f"{n}.wav", speaker="s-0") for n in range(30)]
    one = run("one", [*good, *wrong], speakers_kept_apart=True)
    two = run("two", poor[20:])
    found = compare([one, two], tmp_path / "out")
    assert found["clips"] == len(poor) - 20
    assert found["speakers"] == len(NAMES) - 1
    assert found["left_out"] == {"one": 20 + 30, "two": 0}
    assert found["runs"][0]["uar"] == pytest.approx(score(good[20:])["uar"])
    (warning,) = found["warnings"]
    assert f"{len(poor) - 20} clips" in warning
    alone = compare([run("a", good[20:]), run("b", poor[20:])], tmp_path / "alone")
    for key in ("difference", "interval", "p"):
        assert _pair(found)[key] == _pair(alone)[key]


def test_clips_of_two_corpora_may_have_one_path(run: Write, tmp_path: Path) -> None:
    both = [*voices(NAMES, 0.8), *voices(NAMES, 0.4, corpus="emovo", chance=1)]
    found = compare([run("a", both), run("b", both[:160])], tmp_path / "out")
    assert found["left_out"] == {"a": 160, "b": 0}
    assert list(found["corpora"]) == ["ravdess"]
    assert _pair(found)["difference"] == 0


def test_corpora_weigh_the_same(run: Write, tmp_path: Path) -> None:
    """A gain on a small corpus is worth as much as the same loss on a large one."""
    classes = ("bored", "sad")
    small = ["e-0", "e-1", "e-2"]
    folders = []
    for name, (large_right, small_right) in {"a": (0.9, 0.5), "b": (0.7, 0.8)}.items():
        judged = [
            *voices(NAMES, large_right),
            *voices(small, small_right, corpus="emovo", classes=classes, clips=3),
        ]
        folders.append(run(name, judged))
    found = compare(folders, tmp_path / "out")
    lines = found["corpora"]
    assert [lines[corpus]["classes"] for corpus in lines] == [["bored", "sad"], [*LABELS]]
    differences = [line["runs"][0]["uar"] - line["runs"][1]["uar"] for line in lines.values()]
    assert _pair(found)["difference"] == pytest.approx(np.mean(differences))
    assert differences[0] < 0 < differences[1]


def test_too_few_speakers_leave_chance_untold(run: Write, tmp_path: Path) -> None:
    folders = [run(name, voices(NAMES[:2], right)) for name, right in (("a", 0.9), ("b", 0.2))]
    pair = _pair(compare(folders, tmp_path / "out"))
    for suffix in SUFFIXES:
        assert pair["difference" + suffix] > 0.3
        assert pair["interval" + suffix] is None
        assert pair["p" + suffix] is None


@pytest.mark.parametrize("turned", [False, True])
def test_of_several_seeds_the_first_is_taken(turned: bool, run: Write, tmp_path: Path) -> None:
    first, second = voices(NAMES, 0.8, seed=1), voices(NAMES, 0.1, seed=2, chance=5)
    both = [*second, *first] if turned else [*first, *second]
    several = run("several", both, seeds=2)
    found = compare([several, run("one", first)], tmp_path / "out")
    assert _pair(found)["difference"] == 0
    assert found["left_out"] == {"several": 0, "one": 0}


def test_what_makes_a_comparison_unfair_is_said(run: Write, tmp_path: Path) -> None:
    judged = voices(NAMES[:3], 0.8)
    flattering = run("a", judged, protocol="random (speakers leak)", speakers_kept_apart=False)
    quick = run("b", judged, quick=True)
    found = compare([flattering, quick], tmp_path / "out")
    differ, flatters, no_score = found["warnings"]
    assert "random (speakers leak), speakers:2" in differ
    assert flatters.startswith("a: random (speakers leak)")
    assert no_score.startswith("b: ")
    assert "quick" in no_score


# What is refused


def _other(one: Judged, **changes: Any) -> Judged:
    return replace(one, utterance=replace(one.utterance, **changes))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda one: _other(one, emotion="sad"), "angry by s-0 .*sad by s-0"),
        (lambda one: _other(one, speaker="s-9"), "by s-0 .*by s-9"),
        (lambda one: _other(one, speaker=None), "by s-0 .*by None"),
        (lambda one: replace(one, classes=("angry", "bored", "happy", "sad")), "angry, bored"),
    ],
)
def test_runs_that_disagree_on_a_clip(
    change: Callable[[Judged], Judged], told: str, run: Write, tmp_path: Path
) -> None:
    judged = [one for one in voices(NAMES, 0.8) if one.utterance.emotion == "angry"]
    one, two = run("one", judged), run("two", [change(clip) for clip in judged])
    with pytest.raises(DataInvalid, match=f"disagree on s-0/angry-0.wav of ravdess .*{told}"):
        compare([one, two], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_runs_that_share_no_clip(run: Write, tmp_path: Path) -> None:
    one, two = run("one", voices(NAMES[:4], 0.8)), run("two", voices(NAMES[4:], 0.8))
    with pytest.raises(DataInvalid, match="no clip was judged in all of one, two"):
        compare([one, two], tmp_path / "out")


def test_one_run_is_no_comparison(runs: dict[str, Path], tmp_path: Path) -> None:
    for folders in ([], [runs["good"]]):
        with pytest.raises(ArgumentInvalid, match="two runs or more"):
            compare(folders, tmp_path / "out")


def test_the_same_folder_twice(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = runs["good"]
    monkeypatch.chdir(good.parent)
    for again in (good, good / ".." / "good", Path("good")):
        with pytest.raises(ArgumentInvalid, match="given twice"):
            compare([good, runs["poor"], again], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_runs_are_called_by_what_tells_them_apart(
    run: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = voices(NAMES[:3], 0.8)
    for name in ("x/svm/run", "y/svm/run", "y/cnn/run", "other"):
        run(name, judged)

    def names(*folders: str) -> list[str]:
        output = tmp_path / f"out-{len(list(tmp_path.iterdir()))}"
        found = compare([tmp_path / folder for folder in folders], output)
        assert list(found["left_out"]) == [line["name"] for line in found["runs"]]
        return [line["name"] for line in found["runs"]]

    assert names("x/svm/run", "y/cnn/run") == ["svm/run", "cnn/run"]
    assert names("x/svm/run", "y/svm/run", "other")[:2] == ["x/svm/run", "y/svm/run"]
    monkeypatch.chdir(tmp_path / "other")
    found = compare([Path(), tmp_path / "x/svm/run"], tmp_path / "here")
    assert [line["name"] for line in found["runs"]] == ["other", "run"]


def test_a_taken_output(runs: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    for taken in (tmp_path, runs["good"]):
        before = sorted(taken.iterdir())
        with pytest.raises(ArgumentInvalid, match="not an empty folder"):
            compare([runs["good"], runs["poor"]], taken)
        assert sorted(taken.iterdir()) == before


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[1, 2]", "{}", '{"recipe": "x"}', "\ud800"),
        *("null", "3", "true", "NaN"),
        json.dumps(" ".join(HEAD)),  # a text in which every key is found
        pytest.param("[" * 100_000, id="too deep"),
        pytest.param('{"recipe":' * 100_000, id="too deep a table"),
    ],
)
def test_damaged_metrics(text: str, runs: dict[str, Path], run: Write, tmp_path: Path) -> None:
    broken = run("broken", voices(NAMES[:3], 0.8))
    (broken / METRICS_FILE).write_bytes(text.encode("utf-8", errors="surrogatepass"))
    with pytest.raises(DataInvalid, match="broken") as caught:
        compare([runs["good"], broken], tmp_path / "out")
    assert caught.value.file == str(broken)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("key", ["recipe", "protocol", "speakers_kept_apart", "parameters"])
def test_metrics_that_lack_something(
    key: str, runs: dict[str, Path], run: Write, tmp_path: Path
) -> None:
    old = run("old", voices(NAMES[:3], 0.8))
    values = json.loads((old / METRICS_FILE).read_text(encoding="utf-8"))
    del values[key]
    (old / METRICS_FILE).write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(DataInvalid, match=f"old: its metrics lack a usable {key}; run it again"):
        compare([runs["good"], old], tmp_path / "out")


@pytest.mark.parametrize("key", ["recipe", "protocol"])
@pytest.mark.parametrize("value", [["x"], {"x": 1}, None, 3])
def test_metrics_that_name_nothing(
    key: str, value: Any, runs: dict[str, Path], run: Write, tmp_path: Path
) -> None:
    odd = run("odd", voices(NAMES[:3], 0.8), **{key: value})
    with pytest.raises(DataInvalid, match=f"odd: its metrics lack a usable {key}; run it again"):
        compare([runs["good"], odd], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_folder_of_something_else(runs: dict[str, Path], run: Write, tmp_path: Path) -> None:
    for folder in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(DataInvalid, match=f"no readable {METRICS_FILE}"):
            compare([runs["good"], folder], tmp_path / "out")
    without = run("without", voices(NAMES[:3], 0.8))
    (without / PREDICTIONS_FILE).unlink()
    with pytest.raises(DataInvalid, match="no such table"):
        compare([without, runs["good"]], tmp_path / "out")


def test_a_run_without_any_judgement(runs: dict[str, Path], run: Write, tmp_path: Path) -> None:
    empty = run("empty", voices(NAMES[:3], 0.8))
    write_predictions([], empty / PREDICTIONS_FILE)
    with pytest.raises(DataInvalid, match="holds no judgement"):
        compare([runs["good"], empty], tmp_path / "out")
