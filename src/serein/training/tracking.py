"""The curves of a training in TensorBoard or MLflow, by accelerate's trackers."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serein.errors import ArgumentInvalid, DependencyMissing

if TYPE_CHECKING:
    from accelerate.tracking import GeneralTracker

    from serein.training.network import EpochReport

TRACKERS = ("tensorboard", "mlflow")
EXPERIMENT = "serein"
"""What MLflow files the runs under, unless MLFLOW_EXPERIMENT_NAME says otherwise."""

# What the user has set stays.
_MLFLOW_SETTINGS = {
    "MLFLOW_ALLOW_FILE_STORE": "true",  # the one local store that needs no data base
    "MLFLOW_DISABLE_TELEMETRY": "true",  # it would report to its makers
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # between our results
}


class Tracking(ExitStack):
    """Logs every epoch; as a context manager it closes what it opened, whatever happens.

    Each training becomes a run: one tracking serves all seeds and folds of a cross-validation.
    Of a distributed training only the main process logs.

    Parameters
    ----------
    tracker
        One of :data:`TRACKERS`.
    folder
        Gets a folder for each run of TensorBoard, its name numbered where it is taken, or the
        store of MLflow, unless MLflow has been told of another (MLFLOW_TRACKING_URI).
    configuration
        Values that are stored with every run, nested ones as ``network.training.epochs``.
    runs
        Names of the runs, one for each training in turn, such as ``scores/fold-1``; further
        trainings are called ``run-`` and their number, counted from 1.

    Raises
    ------
    ArgumentInvalid
        The tracker is unknown; or, once it logs, MLflow refuses.
    DependencyMissing
        The tracker is not installed.
    """

    def __init__(
        self,
        tracker: str,
        folder: Path,
        *,
        configuration: Mapping[str, Any],
        runs: Iterable[str] = (),
    ) -> None:
        super().__init__()
        if tracker not in TRACKERS:
            raise ArgumentInvalid(f"unknown tracker {tracker!r}; known are {', '.join(TRACKERS)}")
        # A folder of logs that is called so is found as well, but has no origin.
        if (found := find_spec(tracker)) is None or found.origin is None:
            raise DependencyMissing(
                f'{tracker} is not installed; install it with: pip install "serein[{tracker}]"'
            )
        self._run = _tensorboard_run if tracker == "tensorboard" else _mlflow_run
        self._folder = folder
        self._configuration = plain_values(configuration)
        self._names = iter(runs)
        self._count = 0
        self._tracker: GeneralTracker | None = None

    def report(self, done: EpochReport) -> None:
        """Log an epoch; the first of a training begins its run."""
        from accelerate import PartialState

        if not PartialState().is_main_process:
            return
        if self._tracker is None or done.epoch == 1:
            self.close()
            self._count += 1
            name = next(self._names, f"run-{self._count}")
            self._tracker = self.enter_context(self._run(self._folder, name))
            self._tracker.store_init_configuration(self._configuration)
        values = {"loss": done.loss}
        if done.validation:
            values["validation/uar"] = done.validation["unknown"]
            values["validation/uar_enrolled"] = done.validation["enrolled"]
        self._tracker.log(values, step=done.epoch)


def plain_values(
    values: Mapping[str, Any], prefix: str = ""
) -> dict[str, bool | int | float | str]:
    """Nested values under dotted names; sequences as text, and None left out."""
    plain: dict[str, bool | int | float | str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            plain |= plain_values(value, f"{prefix}{name}.")
        elif isinstance(value, bool | int | float | str):
            plain[prefix + name] = value
        elif isinstance(value, Iterable):
            plain[prefix + name] = ", ".join(map(str, value))
        elif value is not None:
            plain[prefix + name] = str(value)
    return plain


@contextmanager
def _tensorboard_run(folder: Path, name: str) -> Iterator[GeneralTracker]:
    from accelerate.tracking import TensorBoardTracker

    # A fold may be named by anything, and must not lead out of the folder.
    parts = [re.sub(r"[^\w.-]+", "-", part).strip(".-") for part in name.split("/")]
    place = "/".join(filter(None, parts)) or "run"
    numbered = itertools.chain([place], (f"{place}-{number}" for number in itertools.count(2)))
    # Two trainings in one folder would be drawn as one curve.
    free = next(one for one in numbered if not (folder / one).exists())
    tracker = TensorBoardTracker(free, folder)
    tracker.start()
    try:
        yield tracker
    finally:
        tracker.finish()


@contextmanager
def _mlflow_run(folder: Path, name: str) -> Iterator[GeneralTracker]:
    for variable, value in _MLFLOW_SETTINGS.items():
        os.environ.setdefault(variable, value)
    import mlflow
    from accelerate.tracking import MLflowTracker
    from mlflow.exceptions import MlflowException

    with ExitStack() as cleaning:
        if not os.environ.get("MLFLOW_TRACKING_URI"):  # mlflow.set_tracking_uri sets it as well
            mlflow.set_tracking_uri((folder.absolute() / "mlruns").as_uri())
            cleaning.callback(mlflow.set_tracking_uri, None)  # type: ignore[arg-type]
        try:
            # Nested, lest a run that the caller has begun is in the way.
            tracker = MLflowTracker(EXPERIMENT, run_name=name, nested_run=True)
            tracker.start()
            try:
                yield tracker
            except BaseException:
                with suppress(MlflowException):
                    mlflow.end_run("FAILED")
                raise
            tracker.finish()
        except MlflowException as error:
            raise ArgumentInvalid(
                f"MLflow cannot log to {mlflow.get_tracking_uri()}: {error}; name another store by "
                "MLFLOW_TRACKING_URI"
            ) from error
