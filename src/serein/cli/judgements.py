"""Judgements for people: a table with bars for one clip, a line each for many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from serein.cli.attention import BLOCKS, strip, time_axis
from serein.cli.console import bar, can_print, console, print_line
from serein.cli.output import complain, printable
from serein.cli.predict import Outcomes, quiet_or_progress
from serein.colours import colours_of
from serein.errors import SereinError
from serein.results import InputWarning, LabelView, Prediction, most_probable

if TYPE_CHECKING:
    from rich.console import Console

LONG_BAR = 32  # columns
SHORT_BAR = 10
NAMED_EACH = 3
"""A warning is printed for each clip up to so many, for more of them once."""

NO_SPEECH = "no speech heard"
"""What stands in the place of an emotion where there is no voice."""


class WarningSummary:
    """Collects the warnings of clips and prints them on standard error in plain words."""

    def __init__(self) -> None:
        self._found: dict[str, list[tuple[str, str]]] = defaultdict(list)

    def add(self, file: str, warnings: tuple[InputWarning, ...]) -> None:
        """Take the warnings of a clip."""
        for warning in warnings:
            self._found[warning.code].append((file, warning.message))

    def print(self) -> None:
        """Print them: each of a few, one of many."""
        for code, found in self._found.items():
            for file, message in found if len(found) <= NAMED_EACH else ():
                complain("warning", f"{_words(code)}: {message}", file=file)
            if len(found) > NAMED_EACH:
                file, message = found[0]
                what = f"{_words(code)}: {len(found)} clips, such as {printable(file)}"
                complain("warning", f"{what}: {message}")


def print_judgements(outcomes: Outcomes, total: int, *, view: str, top: int | None) -> int:
    """Print each judgement when it is ready and return how many files failed."""
    out = console()
    printer = _Printer(out, view, top)
    warnings = WarningSummary()
    failed = 0
    with quiet_or_progress(total) as progress:
        for done, (file, outcome) in enumerate(outcomes, start=1):
            if isinstance(outcome, SereinError):
                failed += 1
                progress.clear()
                complain("error", outcome.message + _hint(file), file=file)
            else:
                lines = printer.table(outcome) if total == 1 else printer.lines(outcome)
                progress.clear()
                for line in lines:
                    print_line(out, line)
                out.file.flush()
                warnings.add(file, outcome.warnings)
            progress.show(done)
    warnings.print()
    return failed


class _Printer:
    def __init__(self, out: Console, view: str, top: int | None) -> None:
        self._view = view
        self._top = top
        self._blocks = can_print(out, "█▏▎▍▌▋▊▉" + BLOCKS)
        self._dot = "·" if can_print(out, "·") else "-"

    def table(self, prediction: Prediction) -> list[Text]:
        """One clip: what it is, then a bar for each class."""
        view = prediction.view(self._view)
        sex = [] if doubt_of(prediction) == NO_SPEECH else _sex(prediction)
        facts = [f"{prediction.duration:.1f} s", *sex, f"model {prediction.model}"]
        if prediction.enrolled:
            facts.append("enrolled speaker")
        lines = [
            Text.assemble(
                (printable(prediction.file or ""), "bold"),
                *((f"  {self._dot}  {fact}", "dim") for fact in facts),
            ),
            _verdict(prediction, view),
            Text(),
        ]
        width = max(map(len, view.probabilities))
        colours = colours_of(view.probabilities)
        for name, probability in self._ranked(view):
            lines.append(
                Text.assemble(
                    f"  {name:{width}}  ",
                    (bar(probability, LONG_BAR, blocks=self._blocks), colours[name]),
                    f" {probability:6.1%}",
                )
            )
        if view.dropped >= 0.0005:
            what = f"  {view.dropped:.1%} lay on labels that the view {view.name!r} leaves out"
            lines.append(Text(what, "dim"))
        return [*lines, *self._explanation(prediction, width)]

    def lines(self, prediction: Prediction) -> list[Text]:
        """One clip of many: a line, and another one where it is explained."""
        lines = [self._line(prediction)]
        if prediction.explanation is not None:
            lines.append(Text("    " + " ".join(prediction.explanation.sentences), "dim"))
        return lines

    def _explanation(self, prediction: Prediction, width: int) -> list[Text]:
        """A strip of the attention under the bars, with its times, then the sentences."""
        explanation = prediction.explanation
        if explanation is None:
            return []
        lines = [Text()]
        if explanation.attention is not None:
            shown = strip(explanation.attention, prediction.duration, LONG_BAR, blocks=self._blocks)
            lines.append(Text.assemble(f"  {'attention':{width}}  ", (shown, "cyan")))
            margin = " " * (max(width, len("attention")) + 4)
            lines.append(Text(margin + time_axis(prediction.duration, LONG_BAR), "dim"))
        lines += [Text(f"  {sentence}") for sentence in explanation.sentences]
        note = "This describes the sound; it does not say why the model judged as it did."
        return [*lines, Text(f"  {note}", "dim")]

    def _line(self, prediction: Prediction) -> Text:
        """The classes, a bar, the sex, the file's name, what to doubt."""
        view = prediction.view(self._view)
        width = max(map(len, view.probabilities))
        style = colour_of(view.label, view.probabilities) if prediction.decided else "dim"
        text = Text.assemble(
            (f"{view.label:{width}}", style),
            f" {view.confidence:4.0%} ",
            (bar(view.confidence, SHORT_BAR, blocks=self._blocks), style),
        )
        for name, probability in self._ranked(view)[1 : self._top or 1]:
            text.append(f"  {name:{width}} {probability:4.0%}", "dim")
        for sex in _sex(prediction):
            text.append(f"  {sex:11}", "dim")
        doubts = [_words(one.code) for one in prediction.warnings if one.code != "no_speech"]
        doubt = doubt_of(prediction)
        if doubt == NO_SPEECH:  # in the columns of the emotion and the sex
            text = Text(f"{doubt:{text.cell_len}}", "yellow")
        elif doubt is not None:
            doubts.insert(0, doubt)
        text.append(f"  {printable(prediction.file or '')}")
        if doubts:
            text.append(f"  ({', '.join(doubts)})", "yellow")
        return text

    def _ranked(self, view: LabelView) -> list[tuple[str, float]]:
        return sorted(view.probabilities.items(), key=lambda item: -item[1])[: self._top]


def _hint(file: str) -> str:
    """What to write in the place of a directory."""
    if not Path(file).is_dir():
        return ""
    return f" For all sounds of one kind in it write {printable(str(Path(file) / '*.wav'))}."


def doubt_of(prediction: Prediction) -> str | None:
    """Why the label is not to be relied upon, in a few words for people; None where it is."""
    if any(warning.code == "no_speech" for warning in prediction.warnings):
        return NO_SPEECH
    return None if prediction.decided else "not sure"


def _verdict(prediction: Prediction, view: LabelView) -> Text:
    doubt = doubt_of(prediction)
    if doubt is None:
        return Text.assemble(
            (view.label, f"bold {colour_of(view.label, view.probabilities)}"),
            f", {view.confidence:.0%} sure",
        )
    likely = f"most likely {view.label} ({view.confidence:.0%})"
    if doubt == NO_SPEECH:
        likely = f"were it a voice, {likely}"
    return Text.assemble((doubt, "bold yellow"), f"; {likely}")


def _sex(prediction: Prediction) -> list[str]:
    if prediction.sex is None:
        return []
    name, probability = most_probable(prediction.sex)
    return [f"{name} {probability:4.0%}"]


def colour_of(name: str, classes: Iterable[str] = ()) -> str:
    """The colour in which a class is shown beside the others of its model or view."""
    return colours_of([*classes, name])[name]


def _words(code: str) -> str:
    return code.replace("_", " ")
