"""``serein doctor``: what is installed, what is missing, and how to get it."""

from __future__ import annotations

import importlib
import platform
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib import metadata, resources
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serein import __version__
from serein.cli.output import print_json, printable
from serein.errors import DependencyMissing, DeviceUnavailable, SereinError

if TYPE_CHECKING:
    from serein.audio.devices import Kind
    from serein.bundle import Bundle

# Where Serein runs without having been installed there are no metadata to read these from.
_CORE = ("av", "numpy", "onnxruntime", "rich", "soundfile", "soxr", "typer")
_NOT_FOR_USERS = {"all", "test"}
_REQUIREMENT = re.compile(
    r"([A-Za-z0-9._-]+)[^;>]*(?:>=\s*([0-9.]+))?[^;]*(?:;.*extra\s*==\s*"
    r"['\"]([\w-]+)['\"])?"
)


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes
    ----------
    name
        What it is.
    state
        ``ok``, ``missing``, ``old`` or ``broken``.
    found
        Its version, or what else there is to say.
    advice
        What to do where it is not ok.
    """

    name: str
    state: str
    found: str
    advice: str = ""


@dataclass(frozen=True)
class Examination:
    """Everything that the command prints."""

    serein: str
    python: str
    executable: str
    platform: str
    core: list[Check]
    optional: dict[str, list[Check]]
    model: list[Check]
    store: Check
    devices: list[Check]
    codecs: dict[str, Any] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        """Whether a clip can be judged."""
        return all(check.state == "ok" for check in (*self.core, *self.model))


def register(app: typer.Typer) -> None:
    """Add the command to an application."""
    app.command(epilog="Example: serein doctor")(doctor)


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Say what is installed, what is missing, and how to get it.

    The exit status is 0 unless something is amiss that every judgement needs.
    """
    examination = examine()
    if as_json:
        print_json(asdict(examination) | {"ok": examination.healthy})
    else:
        _print(examination)
    if not examination.healthy:
        raise typer.Exit(1)


def examine() -> Examination:
    """Look at this installation."""
    core, optional = _requirements()
    return Examination(
        serein=__version__,
        python=platform.python_version(),
        executable=sys.executable,
        platform=platform.platform(),
        core=[_check_core(name, minimum) for name, minimum in core.items()],
        optional={
            extra: [_check_optional(name, minimum, extra) for name, minimum in names.items()]
            for extra, names in optional.items()
        },
        model=list(_check_model()),
        store=_check_store(),
        devices=list(_check_devices()),
        codecs=_codecs(),
    )


def _requirements() -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    """Names and least versions of the core, and of each extra."""
    core: dict[str, str] = {}
    extras: dict[str, dict[str, str]] = {}
    try:
        lines = metadata.requires("serein") or []
    except metadata.PackageNotFoundError:
        lines = list(_CORE)
    for line in lines:
        if (match := _REQUIREMENT.match(line)) is None:
            continue
        name, minimum, extra = match.groups()
        if extra is None:
            core[name] = minimum or ""
        elif extra not in _NOT_FOR_USERS and name != "serein":
            extras.setdefault(extra, {})[name] = minimum or ""
    return core, extras


def _check_core(name: str, minimum: str) -> Check:
    advice = "pip install --force-reinstall serein"
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name == name:
            return Check(name, "missing", "", "pip install serein")
        return Check(name, "broken", str(error), advice)
    except Exception as error:  # whatever a damaged installation raises
        return Check(name, "broken", f"{type(error).__name__}: {error}", advice)
    return _check_version(name, minimum, f'pip install --upgrade "{name}>={minimum}"')


def _check_optional(name: str, minimum: str, extra: str) -> Check:
    # Only looked up: to import PyTorch takes seconds.
    return _check_version(name, minimum, f'pip install "serein[{extra}]"')


def _check_version(name: str, minimum: str, advice: str) -> Check:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Check(name, "missing", "", advice)
    if minimum and _numbers(version) < _numbers(minimum):
        return Check(name, "old", version, advice)
    return Check(name, "ok", version)


def _numbers(version: str) -> tuple[int, ...]:
    numbers = [int(number) for number in re.findall(r"\d+", version.partition("+")[0])]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _check_model() -> Iterator[Check]:
    advice = "pip install --force-reinstall serein"
    try:
        from serein.bundle import DEFAULT_BUNDLE, Bundle

        bundle = Bundle.load(DEFAULT_BUNDLE)
    except (SereinError, ImportError) as error:
        yield Check("bundled model", "broken", str(error), advice)
        return
    manifest = bundle.manifest
    yield Check("bundled model", "ok", f"{manifest.name}, its checksum holds")
    yield Check("licence of its weights", "ok", manifest.licence)
    yield _check_judgement(bundle)


def _check_judgement(bundle: Bundle) -> Check:
    """Judge a sample clip, which takes every core part along."""
    from serein.recognition import Recognizer

    samples = sorted((resources.files("serein") / "samples").iterdir(), key=lambda item: item.name)
    clips = [item for item in samples if item.name.endswith(".flac")]
    if not clips:
        return Check("sample clips", "broken", "none", "pip install --force-reinstall serein")
    try:
        recognizer = Recognizer(bundle)
        content = clips[0].read_bytes()
        recognizer.predict(content)
        begin = time.perf_counter()
        recognizer.predict(content)
        milliseconds = 1000 * (time.perf_counter() - begin)
    except (SereinError, ImportError) as error:
        return Check("sample clips", "broken", str(error), "pip install --force-reinstall serein")
    found = f"{len(clips)}; one was judged in {milliseconds:.1f} ms"
    return Check("sample clips", "ok", found)


def _check_store() -> Check:
    """Say where features are kept from one training to the next, and how much that takes."""
    name = "features for training"
    try:
        from serein.training.store import user_store

        store = user_store()
    except DependencyMissing:
        return Check(name, "missing", "", 'pip install "serein[train]"')
    except ImportError as error:  # of the core
        return Check(name, "broken", str(error))
    return Check(name, "ok", f"{store.folder} ({store.size() / 1e6:,.1f} MB)")


def _check_devices() -> Iterator[Check]:
    """Say what ``serein live`` would record from and play on."""
    kinds: tuple[Kind, ...] = ("microphone", "loudspeaker")
    for kind in kinds:
        try:
            from serein.audio.devices import find_device

            yield Check(kind, "ok", find_device(kind).name)
        except (DependencyMissing, DeviceUnavailable) as error:
            yield Check(kind, "missing", "", error.message)
        except ImportError as error:  # of the core
            yield Check(kind, "broken", str(error))


def _codecs() -> dict[str, Any]:
    found: dict[str, Any] = {}
    try:
        import soundfile

        found["libsndfile"] = {
            "version": soundfile.__libsndfile_version__,
            "formats": sorted(soundfile.available_formats()),
        }
    except (ImportError, OSError):
        found["libsndfile"] = None
    try:
        import av

        wanted = ("aac", "alac", "amrnb", "flac", "mp3", "opus", "vorbis", "wmav2")
        major, minor, micro = av.library_versions["libavcodec"]
        found["FFmpeg"] = {
            "version": f"libavcodec {major}.{minor}.{micro}",
            "formats": [name for name in wanted if name in av.codecs_available],
        }
    except (ImportError, OSError):
        found["FFmpeg"] = None
    return found


def _print(examination: Examination) -> None:
    from rich.table import Table
    from rich.text import Text

    from serein.cli.console import can_print, console, print_table

    out = console()
    colours = {"ok": "green", "missing": "yellow", "old": "yellow", "broken": "red"}
    mark = "✓" if can_print(out, "✓") else "ok"

    def section(title: str, checks: list[Check]) -> None:
        table = Table(box=None, show_header=False, title=title, title_justify="left")
        table.title_style = "bold"
        for check in checks:
            state = mark if check.state == "ok" else check.state
            told = "  ".join(part for part in (check.found, check.advice) if part)
            table.add_row(Text(state, colours[check.state]), check.name, printable(told))
        print_table(out, table)
        out.print()

    out.print(f"Serein {examination.serein}", style="bold")
    out.print(f"Python {examination.python} ({printable(examination.executable)})")
    out.print(f"{examination.platform}\n")
    section("To judge", examination.core)
    section("Model", examination.model)
    section(
        "Sounds",
        [
            Check(name, "ok", f"{value['version']}: {', '.join(value['formats'])}")
            if value
            else Check(name, "broken", "")
            for name, value in examination.codecs.items()
        ],
    )
    section("Devices", examination.devices)
    section("Cache", [examination.store])
    for extra, checks in examination.optional.items():
        section(f"Optional: {extra}", checks)
    out.print("All is well." if examination.healthy else "Something that is needed is amiss.")
