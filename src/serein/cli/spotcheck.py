"""``serein spotcheck``: random clips, what was meant against what the model hears."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from serein.cli.data import Data, load_tables
from serein.cli.output import complain, print_json, printable
from serein.cli.predict import AsJson, Model, open_model
from serein.errors import ArgumentInvalid, DataInvalid, DeviceUnavailable, SereinError
from serein.results import failure_as_dict

if TYPE_CHECKING:
    from serein import Prediction, Recognizer
    from serein.audio.sources import Samples
    from serein.corpora import Utterance, UtteranceTable
    from serein.training.recipe import Recipe
    from serein.training.sound import SoundChanges


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command(epilog="Example: serein spotcheck --data ravdess=corpora/ravdess -n 5 --play")(
        spotcheck
    )


def spotcheck(
    data: Data,
    count: Annotated[int, typer.Option("-n", "--count", min=1, help="Number of clips.")] = 3,
    model: Model = None,
    play: Annotated[bool, typer.Option("--play", help="Play each clip before its line.")] = False,
    augment: Annotated[
        str | None,
        typer.Option(
            "--augment",
            metavar="RECIPE",
            help="Change each clip as training by this recipe, one with [sound], hears it.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", metavar="DIR", help="New folder for the clips as they are judged."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Draw the same clips again; by default others.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Judge random clips of labelled data and show what was meant beside it.

    A clip of a voice that the model heard in training is marked, as it tests nothing.
    """
    from serein.evaluation.outcome import prepare_folder

    recognizer = open_model(model)
    changing = None if augment is None else _Changing.of(augment)
    tables = load_tables(data, own_labels=recognizer.bundle.manifest.own_labels)
    if output is not None:
        prepare_folder(output)
    generator = random.Random(seed)
    player = _Player() if play else None
    checks = _draw(tables, recognizer, count, generator)
    printer = _Json() if as_json else _Lines(checks, recognizer.labels)
    judged = []
    for number, check in enumerate(checks, start=1):
        try:
            outcome = _judge(check, recognizer, changing, generator)
        except SereinError as error:
            error.file = str(check.path)
            printer.failure(check, error)
            continue
        judged.append(outcome)
        if output is not None:
            _write(output / f"{number}-{check.path.stem}.wav", outcome)
        if player is not None:
            player.play(outcome)
        printer.line(outcome)
    if judged:
        printer.end(_summary(judged))
    if failed := len(checks) - len(judged):
        complain("error", f"{failed} of {len(checks)} clips failed")
        raise typer.Exit(1)


@dataclass(frozen=True)
class _Check:
    """A clip to be judged.

    ``actual`` is what was meant in the model's classes, or the canonical label where those have
    none for it. ``heard`` says whether the model was trained on the voice, None where nobody
    knows.
    """

    path: Path
    name: str
    actual: str
    known: bool
    heard: bool | None
    sampling_rate: int


@dataclass(frozen=True)
class _Judged:
    """A clip as it was judged; ``changed`` is what was judged if not the file as it is."""

    check: _Check
    prediction: Prediction
    change: str | None = None
    changed: tuple[Samples, int] | None = None

    @property
    def right(self) -> bool | None:
        """None where the model does not know the label."""
        return self.prediction.label == self.check.actual if self.check.known else None

    def sound(self) -> tuple[Samples, int]:
        """What was judged: mono samples, float32 (n,), and their rate in Hz."""
        from serein.audio import decode

        if self.changed is not None:
            return self.changed
        rate = self.check.sampling_rate
        return decode(self.check.path, sampling_rate=rate).samples, rate


@dataclass(frozen=True)
class _Changing:
    """How a recipe changes clips in training."""

    recipe: Recipe
    changes: SoundChanges

    @classmethod
    def of(cls, name: str) -> _Changing:
        from serein.training.recipe import load_recipe
        from serein.training.sound import SoundChanges

        recipe = load_recipe(name)
        if not recipe.sound.copies:
            raise ArgumentInvalid(
                f"the recipe {recipe.name!r} has no table [sound], so training by it hears every "
                "clip as it is; name a recipe that has one, or leave out --augment"
            )
        return cls(recipe, SoundChanges.of(recipe.sound))

    def hear(self, path: Path, generator: random.Random) -> tuple[str, tuple[Samples, int]]:
        """One of the copies of a clip, and the words for its change."""
        from serein.training.extraction import Clip, hear

        rate = self.recipe.features.sampling_rate
        number = generator.randint(1, self.recipe.sound.copies)
        _, change, samples = hear(Clip(path, number), rate, self.changes)
        return str(change), (samples, rate)


def _draw(
    tables: Sequence[UtteranceTable], recognizer: Recognizer, count: int, generator: random.Random
) -> list[_Check]:
    labelled = [
        (table.audio_path(one), one)
        for table in tables
        for one in table.utterances
        if one.emotion is not None
    ]
    if not labelled:
        raise DataInvalid("the data hold no clip with a canonical emotion; there is nothing to do")
    if len(labelled) < count:
        complain("warning", f"there are only {len(labelled)} labelled clips; all are judged")
    chosen = generator.sample(range(len(labelled)), min(count, len(labelled)))
    return _checks(labelled, chosen, recognizer)


def _checks(
    labelled: Sequence[tuple[Path, Utterance]], chosen: Sequence[int], recognizer: Recognizer
) -> list[_Check]:
    from serein.evaluation.evaluate import unheard_clips
    from serein.training.regrouping import left_out_as, regroup_utterances

    utterances = [one for _, one in labelled]
    manifest = recognizer.bundle.manifest
    unheard = set(unheard_clips(recognizer.bundle, utterances))
    classes = regroup_utterances((utterances[index] for index in chosen), manifest.label_set)
    checks = []
    for index, regrouped in zip(chosen, classes, strict=True):
        path, one = labelled[index]
        heard = index not in unheard
        told = heard or (bool(manifest.heard) and one.speaker is not None)
        checks.append(
            _Check(
                path=path,
                name=one.path,
                actual=regrouped.emotion or left_out_as(one, manifest.label_set),
                known=regrouped.emotion in recognizer.labels,
                heard=heard if told else None,
                sampling_rate=one.sampling_rate,
            )
        )
    return checks


def _judge(
    check: _Check,
    recognizer: Recognizer,
    changing: _Changing | None,
    generator: random.Random,
) -> _Judged:
    file = str(check.path)
    if changing is None:
        return _Judged(check, recognizer.predict(file))
    change, changed = changing.hear(check.path, generator)
    return _Judged(check, replace(recognizer.predict(changed), file=file), change, changed)


def _summary(judged: Sequence[_Judged]) -> str:
    counted = [one.right for one in judged if one.right is not None]
    text = f"{sum(counted)} of {len(counted)} right"
    heard = sum(one.check.heard is True for one in judged)
    unsure = sum(one.check.heard is None for one in judged)
    if heard:
        text += f"; {heard} of a voice that the model heard in training, which tests nothing"
    if unsure:
        text += f"; {unsure} of a voice that it may have heard, as far as anybody can tell"
    return text


def _write(path: Path, judged: _Judged) -> None:
    import soundfile

    samples, rate = judged.sound()
    with path.open("wb") as file:
        # As floats, because noise and gain may go beyond full scale.
        soundfile.write(file, samples, rate, format="WAV", subtype="FLOAT")


class _Player:
    """Lets clips be heard; who has no loudspeaker still wants the judgements."""

    def __init__(self) -> None:
        from serein.audio.devices import devices

        self._there = True
        # What is not installed is said before anything is judged.
        with suppress(DeviceUnavailable):
            devices()

    def play(self, judged: _Judged) -> None:
        from serein.audio import microphone

        if not self._there:
            return
        try:
            microphone.play(*judged.sound())
        except DeviceUnavailable as error:
            complain("warning", f"nothing is played: {error.message}")
            self._there = False


class _Json:
    """One object a line."""

    def failure(self, check: _Check, error: SereinError) -> None:
        print_json(failure_as_dict(error) | {"actual": check.actual})

    def line(self, judged: _Judged) -> None:
        value = judged.prediction.as_dict() | {
            "actual": judged.check.actual,
            "right": judged.right,
            "heard": judged.check.heard,
        }
        if judged.change is not None:
            value["change"] = judged.change
        print_json(value)

    def end(self, text: str) -> None:
        complain(text)


class _Lines:
    """A table whose lines come as the clips are judged."""

    def __init__(self, checks: Sequence[_Check], labels: Sequence[str]) -> None:
        from rich.cells import cell_len

        from serein.cli.console import can_print, console

        self._out = console()
        self._marks = can_print(self._out, "✓✗")
        columns = (
            ("file", *(printable(check.name) for check in checks)),
            ("actual", *(check.actual for check in checks)),
            ("predicted", *labels),
            ("per cent",),
        )
        self._widths = [max(map(cell_len, column)) for column in columns]
        self._print([column[0] for column in columns], [], style="bold")

    def failure(self, check: _Check, error: SereinError) -> None:
        complain("error", error.message, file=str(check.path))

    def line(self, judged: _Judged) -> None:
        from serein.cli.judgements import doubt_of

        check, prediction = judged.check, judged.prediction
        cells = [printable(check.name), check.actual, prediction.label]
        rest = [self._verdict(judged.right)]
        if (doubt := doubt_of(prediction)) is not None:
            rest.append((f"({doubt})", "yellow"))
        if judged.change is not None:
            rest.append((judged.change, "cyan"))
        if check.heard:
            rest.append(("(voice heard in training)", "yellow"))
        self._print([*cells, f"{100 * prediction.confidence:8.1f}"], rest)

    def end(self, text: str) -> None:
        typer.echo(text)

    def _verdict(self, right: bool | None) -> tuple[str, str]:
        if right is None:
            return "not known to the model", "yellow"
        if right:
            return "✓ right" if self._marks else "right", "green"
        return "✗ wrong" if self._marks else "wrong", "red"

    def _print(
        self, cells: Sequence[str], rest: Sequence[tuple[str, str]], *, style: str = ""
    ) -> None:
        from rich.text import Text

        from serein.cli.console import print_line

        line = Text()
        for word, width in zip(cells, self._widths, strict=True):
            cell = Text(word, style)
            cell.pad_right(width + 2 - cell.cell_len)
            line.append_text(cell)
        for word, colour in rest:
            line.append(f"{word}  ", colour)
        print_line(self._out, line)
        self._out.file.flush()
