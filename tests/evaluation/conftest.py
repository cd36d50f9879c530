"""The tiny corpus of the tests of training, and bundles of both kinds trained on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.training.conftest import (
    _one_thread,
    corpus,
    functionals,
    log_mel,
    network_bundle,
    svm_bundle,
)

__all__ = ["_one_thread", "corpus", "functionals", "log_mel", "network_bundle", "svm_bundle"]


@pytest.fixture
def no_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the drawing of pages that nobody looks at: it takes longer than such a training.

    What a fixture of a whole module runs, and so the pages of a run of every kind, is drawn.
    """

    def write(metrics: dict[str, Any], path: Path) -> None:
        path.write_text(str(metrics["protocol"]), encoding="utf-8")

    monkeypatch.setattr("serein.evaluation.report.write_report", write)
