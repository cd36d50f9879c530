"""What all tests share: real corpora, programs outside of Python, and an account of skips."""

from __future__ import annotations

import os
import shutil
import signal
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# A machine with other work to do is no fault of the code.
hypothesis.settings.register_profile("serein", deadline=None)
hypothesis.settings.load_profile("serein")

CORPORA = Path(
    os.environ.get("SEREIN_CORPORA")
    or Path(__file__).resolve().parents[2] / "shared" / "corpora"  # ../shared/corpora
)


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() in {"1", "true"}


def _missing_corpora(names: tuple[str, ...]) -> str | None:
    """The one reason for which tests on real corpora are skipped, or None."""
    if not CORPORA.is_dir():
        return "real corpora are missing (set SEREIN_CORPORA)"
    missing = [name for name in names if not (CORPORA / name).is_dir()]
    return f"real corpora are missing: {', '.join(missing)}" if missing else None


@pytest.fixture(scope="session")
def corpora_root() -> Path:
    """The folder of the real corpora; a test that asks for it is skipped where there is none."""
    reason = _missing_corpora(())
    if reason:
        pytest.skip(reason)
    return CORPORA


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is read from the user's cache, and nothing written into it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SEREIN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_is_heard() -> Iterator[None]:
    """What a shell runs in its background ignores SIGINT, and so would all that tests start."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("corpora"):
        reason = _missing_corpora(marker.args)
        if reason:
            pytest.skip(reason)
    for marker in item.iter_markers("needs"):
        for program in marker.args:
            if shutil.which(program):
                continue
            if _in_ci():
                # CI installs every program that tests need, so its absence is a defect there.
                pytest.fail(f"{program} is missing, .ci/run has to install it", pytrace=False)
            pytest.skip(f"{program} is missing")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Name every skipped test under the part whose absence skipped it."""
    skipped: dict[str, list[str]] = defaultdict(list)
    for report in terminalreporter.stats.get("skipped", []):
        # A skip at collection (importorskip) has the same shape as one in a test.
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        skipped[reason.removeprefix("Skipped: ")].append(report.nodeid)
    if not skipped:
        return
    terminalreporter.section("not tested, by what is missing")
    for reason, tests in sorted(skipped.items()):
        terminalreporter.write_line(f"{reason}: {len(tests)}")
        for test in sorted(tests):
            terminalreporter.write_line(f"    {test}")
