"""``serein``: the entry point, and how every command ends.

Exit status: 0 all well; 1 some input failed, or something needed is missing (the other inputs are
still done); 2 wrong usage, which is also a model, a profile, a recipe, a label view or another
value that an option or argument names and that cannot be used; 130 after Ctrl-C; 141 where the
reader of standard output has gone, as a shell reports it of any other program.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from serein.cli.output import complain, prepare_streams
from serein.errors import (
    ArgumentInvalid,
    BundleInvalid,
    ProfileInvalid,
    RecipeInvalid,
    SereinError,
)

FAILED = 1
WRONG_USAGE = 2
INTERRUPTED = 130
PIPE_CLOSED = 141

_USAGE_ERRORS = (ArgumentInvalid, BundleInvalid, ProfileInvalid, RecipeInvalid)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Parameters
    ----------
    arguments
        What follows the program's name; by default what the process was given.
    """
    prepare_streams()
    try:
        # Imported here, so that Ctrl-C is answered from the first moment.
        from serein.cli.commands import run

        status = run(arguments)
        sys.stdout.flush()
    except KeyboardInterrupt:
        _end_line()
        complain("interrupted")
        return INTERRUPTED
    except SereinError as error:
        complain("error", error.message)
        return WRONG_USAGE if isinstance(error, _USAGE_ERRORS) else FAILED
    except OSError as error:
        if not _is_closed_pipe(error):
            complain("error", str(error))
            return FAILED
        _forget_output()
        return PIPE_CLOSED
    return status


def _is_closed_pipe(error: OSError) -> bool:
    import errno

    # Windows has no EPIPE: to write to a pipe without a reader is an invalid argument there.
    return isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL)


def _forget_output() -> None:
    """Let the interpreter flush into nothing, or it would complain about the pipe at its end."""
    sink = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, AttributeError, ValueError):
            try:
                os.dup2(sink, stream.fileno())
            except (OSError, AttributeError, ValueError):
                continue
    os.close(sink)


def _end_line() -> None:
    """Leave the terminal's own ``^C`` on a line of its own."""
    if sys.stderr.isatty():
        print(file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
