"""What the tests of training stand on: one tiny corpus a session."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from serein.bundle import Bundle
from serein.corpora import UtteranceTable
from serein.training.data import Dataset
from serein.training.train import train_bundle
from tests.training import synthetic


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Results to the last digit, and no quarrel over the machine's cores."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> UtteranceTable:
    return synthetic.corpus_of(tmp_path_factory)


@pytest.fixture(scope="session")
def log_mel(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return synthetic.dataset_of(tmp_path_factory, synthetic.LOG_MEL)


@pytest.fixture(scope="session")
def functionals(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return synthetic.dataset_of(tmp_path_factory, synthetic.FUNCTIONALS)


@pytest.fixture(scope="session")
def svm_bundle(tmp_path_factory: pytest.TempPathFactory, functionals: Dataset) -> Bundle:
    split, _ = synthetic.split_by_actor(functionals)
    folder = tmp_path_factory.mktemp("bundles") / "svm"
    return train_bundle(synthetic.svm_recipe(), functionals, split, folder, seed=3)


@pytest.fixture(scope="session")
def network_bundle(tmp_path_factory: pytest.TempPathFactory, log_mel: Dataset) -> Bundle:
    split, _ = synthetic.split_by_actor(log_mel)
    folder = tmp_path_factory.mktemp("bundles") / "network"
    return train_bundle(synthetic.network_recipe(), log_mel, split, folder, seed=3)
