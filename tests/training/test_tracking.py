from __future__ import annotations

import importlib.machinery
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from serein.errors import ArgumentInvalid, DependencyMissing
from serein.training import tracking
from serein.training.data import Dataset
from serein.training.network import EpochReport
from serein.training.tracking import TRACKERS, Tracking, plain_values
from serein.training.train import train_bundle
from tests.training import synthetic

CONFIGURATION = {"recipe": "tiny", "network": {"epochs": 2, "sizes": (4, 6)}, "seed": 3}
PLAIN = {"recipe": "tiny", "network.epochs": 2, "network.sizes": "4, 6", "seed": 3}

Curves = dict[str, list[tuple[int, float]]]


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A working folder that stays empty, and none of the variables that MLflow heeds."""
    for name in (*tracking._MLFLOW_SETTINGS, "MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.setenv(name, "")  # remembered as absent, whatever is set by then
        monkeypatch.delenv(name)
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    yield
    assert not list(here.iterdir())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "logs"


def track(tracker: str, folder: Path, *runs: str) -> Tracking:
    return Tracking(tracker, folder, configuration=CONFIGURATION, runs=runs)


def epochs(*losses: float) -> list[EpochReport]:
    return [
        EpochReport(number, len(losses), loss, {"unknown": loss / 4, "enrolled": loss / 2})
        for number, loss in enumerate(losses, start=1)
    ]


def curves(*losses: float) -> Curves:
    """What :func:`epochs` has to be read back as; the losses are exact in half precision."""
    shares = {"loss": 1.0, "validation/uar": 0.25, "validation/uar_enrolled": 0.5}
    return {
        name: [(step, share * loss) for step, loss in enumerate(losses, start=1)]
        for name, share in shares.items()
    }


def read_tensorboard(run: Path) -> Curves:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run)).Reload()
    return {
        name: [(event.step, event.value) for event in events.Scalars(name)]
        for name in events.Tags()["scalars"]
    }


def read_mlflow(store: Path) -> dict[str, tuple[str, dict[str, str], Curves]]:
    """Status, configuration and curves of every run by its name."""
    from mlflow import MlflowClient

    client = MlflowClient(store.as_uri())
    experiment = client.get_experiment_by_name(tracking.EXPERIMENT)
    assert experiment is not None
    found = {}
    for run in client.search_runs([experiment.experiment_id]):
        drawn: Curves = {}
        for name in run.data.metrics:
            points = client.get_metric_history(run.info.run_id, name)
            drawn[name] = sorted((point.step, point.value) for point in points)
        found[str(run.info.run_name)] = (run.info.status, run.data.params, drawn)
    return found


def test_every_training_is_a_run_of_tensorboard(folder: Path) -> None:
    with track("tensorboard", folder, "scores/fold-1") as log:
        for done in (*epochs(2.0, 1.0), *epochs(1.0, 0.5, 0.25)):
            log.report(done)
    assert read_tensorboard(folder / "scores" / "fold-1") == curves(2.0, 1.0)
    assert read_tensorboard(folder / "run-2") == curves(1.0, 0.5, 0.25)


def test_every_training_is_a_run_of_mlflow(folder: Path) -> None:
    with track("mlflow", folder, "scores/fold-1") as log:
        for done in (*epochs(2.0, 1.0), *epochs(1.0, 0.5, 0.25)):
            log.report(done)
    stored = {name: str(value) for name, value in PLAIN.items()}
    assert read_mlflow(folder / "mlruns") == {
        "scores/fold-1": ("FINISHED", stored, curves(2.0, 1.0)),
        "run-2": ("FINISHED", stored, curves(1.0, 0.5, 0.25)),
    }


def test_training_tells_of_its_epochs(folder: Path, tmp_path: Path, log_mel: Dataset) -> None:
    recipe = synthetic.network_recipe(epochs=2)
    split, _ = synthetic.split_by_actor(log_mel)
    told: list[EpochReport] = []
    with Tracking("mlflow", folder, configuration=recipe.as_dict(), runs=["tiny"]) as log:

        def report(done: EpochReport) -> None:
            told.append(done)
            log.report(done)

        train_bundle(recipe, log_mel, split, tmp_path / "bundle", report=report)
    ((name, (status, stored, drawn)),) = read_mlflow(folder / "mlruns").items()
    assert (name, status) == ("tiny", "FINISHED")
    assert stored["network.training.epochs"] == "2"
    assert drawn["loss"] == [(done.epoch, done.loss) for done in told]
    judged = [(done.epoch, done.validation["unknown"]) for done in told if done.validation]
    assert drawn["validation/uar"] == judged == [(2, told[1].validation["unknown"])]


def test_configuration_is_stored_as_hyperparameters(folder: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    with track("tensorboard", folder, "one") as log:
        log.report(epochs(1.0)[0])
    stored: dict[str, Any] = {}
    for file in (folder / "one").glob("*/events.*"):
        events = EventAccumulator(str(file.parent)).Reload()
        for content in events.PluginTagToContent("hparams").values():
            values = HParamsPluginData.FromString(content).session_start_info.hparams
            for name, value in values.items():
                stored[name] = getattr(value, value.WhichOneof("kind"))
    assert stored == PLAIN


def test_plain_values() -> None:
    values = {"a": {"b": {"c": 1.5}, "none": None}, "labels": ("sad", "happy"), "empty": ()}
    assert plain_values({**values, "quick": True, "path": Path("x")}) == {
        "a.b.c": 1.5,
        "labels": "sad, happy",
        "empty": "",
        "quick": True,
        "path": "x",
    }


@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt])
def test_broken_off_run_is_marked_and_closed(folder: Path, stop: type[BaseException]) -> None:
    import mlflow

    with pytest.raises(stop), track("mlflow", folder, "whole", "half") as log:  # noqa: PT012
        for done in (*epochs(1.0, 0.5), *epochs(1.0, 0.5)[:1]):
            log.report(done)
        raise stop
    assert mlflow.active_run() is None
    assert "MLFLOW_TRACKING_URI" not in os.environ
    found = read_mlflow(folder / "mlruns")
    assert {name: run[0] for name, run in found.items()} == {"whole": "FINISHED", "half": "FAILED"}
    assert found["half"][2] == curves(1.0)


def test_broken_off_run_of_tensorboard_is_written_and_closed(folder: Path) -> None:
    with pytest.raises(KeyboardInterrupt), track("tensorboard", folder, "half") as log:  # noqa: PT012
        log.report(epochs(1.0, 0.5)[0])
        assert log._tracker is not None
        writer = log._tracker.writer
        assert writer.all_writers is not None
        raise KeyboardInterrupt
    assert writer.all_writers is None  # as a closed one has none
    assert read_tensorboard(folder / "half") == curves(1.0)


def test_run_of_tensorboard_never_mixes_with_an_earlier_one(folder: Path) -> None:
    for loss in (1.0, 0.5):
        with track("tensorboard", folder, "one") as log:
            log.report(epochs(loss)[0])
    assert read_tensorboard(folder / "one") == curves(1.0)
    assert read_tensorboard(folder / "one-2") == curves(0.5)


@pytest.mark.parametrize("name", ["../../out", "/out", "..", "a:b/…/<c>", ""])
def test_no_name_leads_out_of_the_folder(folder: Path, tmp_path: Path, name: str) -> None:
    before = set(tmp_path.iterdir())
    with track("tensorboard", folder, name) as log:
        log.report(epochs(1.0)[0])
    assert set(tmp_path.iterdir()) - before == {folder}
    (file,) = (
        path for path in folder.rglob("events.*") if read_tensorboard(path.parent).get("loss")
    )
    assert file.parent != folder


def test_mlflow_logs_where_the_environment_says(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A folder that a URI has to spell otherwise.
    elsewhere = tmp_path / "a b%20c#d"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", elsewhere.as_uri())
    monkeypatch.setenv("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "false")
    with track("mlflow", folder, "one") as log:
        log.report(epochs(1.0)[0])
    assert list(read_mlflow(elsewhere)) == ["one"]
    assert not folder.exists()
    assert os.environ["MLFLOW_TRACKING_URI"] == elsewhere.as_uri()
    assert os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] == "false"


def test_run_that_the_caller_has_begun_stays_as_it_is(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "own").as_uri())
    with mlflow.start_run() as own:
        with track("mlflow", folder, "one") as log:
            log.report(epochs(1.0)[0])
        active = mlflow.active_run()
        assert active is not None
        assert active.info.run_id == own.info.run_id
        assert not mlflow.get_run(own.info.run_id).data.metrics


def test_refusal_of_mlflow_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "nonsense://nowhere")
    with (
        pytest.raises(ArgumentInvalid, match=r"nonsense://nowhere.*MLFLOW_TRACKING_URI"),
        track("mlflow", folder) as log,
    ):
        log.report(epochs(1.0)[0])


@pytest.mark.parametrize("tracker", TRACKERS)
def test_only_the_main_process_logs(
    folder: Path, tracker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from accelerate import PartialState

    monkeypatch.setitem(PartialState()._shared_state, "process_index", 1)
    with track(tracker, folder) as log:
        log.report(epochs(1.0)[0])
    assert not folder.exists()


@pytest.mark.parametrize("tracker", TRACKERS)
def test_nothing_is_written_before_the_first_epoch(folder: Path, tracker: str) -> None:
    with track(tracker, folder):
        pass
    assert not folder.exists()


@pytest.mark.parametrize(
    ("tracker", "found"),
    [
        *itertools.product(TRACKERS, [None]),
        ("tensorboard", importlib.machinery.ModuleSpec("tensorboard", None)),  # a folder's
    ],
)
def test_missing_package_is_told(
    folder: Path,
    tracker: str,
    found: importlib.machinery.ModuleSpec | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tracking, "find_spec", lambda name: found)
    with pytest.raises(DependencyMissing, match=rf'pip install "serein\[{tracker}\]"'):
        track(tracker, folder)


def test_unknown_tracker_is_refused_with_the_known_ones(folder: Path) -> None:
    with pytest.raises(ArgumentInvalid, match=r"'wandb'.*tensorboard, mlflow"):
        track("wandb", folder)
