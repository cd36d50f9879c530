"""Options that are plain text, without the library that typer checks all values with.

Since 0.29 typer hands every value to pydantic, whose import takes as long as that of numpy. Text
needs no check. Where a version of typer has no such hook, nothing happens and nothing breaks.
"""

from __future__ import annotations

from typing import Any


class _Unchecked:
    """Stands in the place of typer's own coercion until a value comes that needs it."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        several = param.multiple or param.nargs == -1
        if value is None:
            return () if several else None
        if param.type_descriptor.annotation in (str, list[str]):
            return list(value) if several else value
        param._runtime_param = None
        return param.get_runtime_param().coerce(value, param=param, ctx=ctx)


def spare_checks(command: Any) -> None:
    """Take text as it is in a command and in all commands below it."""
    get_params = command.get_params

    def get_spared(context: Any) -> list[Any]:
        # Only here the option --help, which every command makes for itself, is among them.
        params: list[Any] = get_params(context)
        for param in params:
            if getattr(param, "_runtime_param", _MISSING) is None:
                param._runtime_param = _Unchecked()
        return params

    command.get_params = get_spared
    for inner in getattr(command, "commands", {}).values():
        spare_checks(inner)


_MISSING = object()
