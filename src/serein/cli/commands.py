"""The table of commands; the module of a command is imported when that command is called."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from serein.cli.plain import spare_checks
from serein.errors import ArgumentInvalid


@dataclass(frozen=True)
class Entry:
    """Where a command lives.

    Attributes
    ----------
    module
        Has ``register(app)``, which adds the command to an application, or else ``app``, an
        application that is itself the command.
    summary
        What ``serein --help`` says of it without importing it.
    """

    module: str
    summary: str


COMMANDS = {
    "predict": Entry("serein.cli.predict", "Judge which emotion is in each clip."),
    "timeline": Entry("serein.cli.timeline", "Judge emotion over time in a long recording."),
    "live": Entry("serein.cli.live", "Judge the voice at the microphone as it speaks."),
    "batch": Entry("serein.cli.batch", "Judge very many files into one table."),
    "enroll": Entry("serein.cli.enroll", "Make a speaker's profile from clips of the voice."),
    "models": Entry("serein.cli.models", "List models, describe one, copy one."),
    "doctor": Entry("serein.cli.doctor", "Say what is installed and what is missing."),
    "corpora": Entry("serein.cli.corpora", "List corpora, describe, download and scan them."),
    "train": Entry("serein.cli.train", "Train a model by a recipe."),
    "crossval": Entry("serein.cli.train", "Score a recipe by cross-validation."),
    "evaluate": Entry("serein.cli.evaluate", "Score a model on voices it did not hear."),
    "compare": Entry("serein.cli.evaluate", "Put several runs side by side."),
    "spotcheck": Entry("serein.cli.spotcheck", "Judge random clips: actual against predicted."),
}


class LazyGroup(TyperGroup):
    """A group that knows the names of its commands and imports the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import a command; None where there is no such."""
        if cmd_name not in self.commands and cmd_name in COMMANDS:
            self.commands[cmd_name] = _import_command(cmd_name)
        return self.commands.get(cmd_name)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the help's list from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in COMMANDS.items()])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that is called, and suggest one where there is none."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = get_close_matches(name, COMMANDS, n=1)
            advice = f"did you mean {near[0]!r}?" if near else "see 'serein --help'"
            raise ArgumentInvalid(f"there is no command {name!r}; {advice}")
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Call the command; what stops it passes through the command line library unseen."""
        try:
            return super().invoke(ctx)
        except (KeyboardInterrupt, OSError) as stop:
            raise _Stopped(stop) from stop


class _Stopped(Exception):
    """Carries an exception past the handlers of the command line library."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


# The base of all errors of usage has moved between versions of typer; this way leads to it.
_UsageError: Any = typer.BadParameter.__mro__[1]


def run(arguments: Sequence[str] | None = None) -> int:
    """Parse and call; returns the exit status and lets Serein's own errors through.

    Raises
    ------
    SereinError, OSError, KeyboardInterrupt
        As the command raised it.
    """
    from serein.cli.output import complain

    command = typer.main.get_command(app)
    spare_checks(command)
    words = None if arguments is None else list(arguments)
    try:
        status = command.main(args=words, prog_name="serein", standalone_mode=False)
    except _Stopped as stopped:
        raise stopped.cause from None
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help
            typer.echo(error.format_message(), err=True)
            return 2
        where = error.ctx.command_path if error.ctx is not None else "serein"
        complain("error", error.format_message())
        complain(f"see '{where} --help'")
        return 2
    return status if isinstance(status, int) else 0


def _import_command(name: str) -> Any:
    module = importlib.import_module(COMMANDS[name].module)
    home = typer.Typer(rich_markup_mode=None)
    if hasattr(module, "register"):
        module.register(home)
    else:
        home.add_typer(module.app, name=name)
    command = typer.main.get_group(home).commands[name]
    spare_checks(command)
    return command


app = typer.Typer(
    cls=LazyGroup,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Example: serein predict clip.wav",
)


@app.callback(invoke_without_command=True)
def _serein(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Hear speech and say which emotion is in it, how sure that is, and what to doubt.

    Results go to standard output, everything else to standard error. Exit status: 0 all well,
    1 some input failed, 2 wrong usage.
    """
    if version:
        from serein import __version__

        typer.echo(f"serein {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)
