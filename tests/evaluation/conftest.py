"""The tiny corpus of the tests of training, and bundles of both kinds trained on it."""

from __future__ import annotations

from tests.training.conftest import (
    _one_thread,
    corpus,
    functionals,
    log_mel,
    network_bundle,
    svm_bundle,
)

__all__ = ["_one_thread", "corpus", "functionals", "log_mel", "network_bundle", "svm_bundle"]
