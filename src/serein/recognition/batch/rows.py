"""The columns of a batch's result, and the rows that a file becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from serein.errors import SereinError
from serein.labels import SEXES
from serein.recognition.batch.entries import as_text
from serein.recognition.batch.tables import load_pyarrow
from serein.recognition.batch.task import Task
from serein.recognition.timeline.results import Timeline, Window
from serein.results import Prediction

if TYPE_CHECKING:
    import pyarrow

Row = dict[str, Any]


def columns_of(task: Task) -> pyarrow.Schema:
    """The columns, the same in every part.

    ``file``; of a time line ``start``, ``end`` and ``speaker``; ``label``, ``confidence``,
    ``decided``; ``probability_L`` for each label; ``female``, ``male``; ``speech``; with a label
    view ``view_label``, ``view_confidence``, ``view_dropped`` and ``view_probability_L`` for each
    of its classes; ``warnings``, the codes; ``duration`` of the file in seconds; ``error_code``
    and ``error_message``, null for a file that was judged.

    Raises
    ------
    DependencyMissing
        If pyarrow is not installed.
    """
    arrow, _ = load_pyarrow()
    text, number, truth = arrow.string(), arrow.float64(), arrow.bool_()
    fields: list[tuple[str, Any]] = [("file", text)]
    if task.timeline is not None:
        fields += [("start", number), ("end", number), ("speaker", text)]
    fields += [("label", text), ("confidence", number), ("decided", truth)]
    fields += [(f"probability_{label}", number) for label in task.labels]
    fields += [(name, number) for name in (*SEXES, "speech")]
    if task.view is not None:
        fields += [("view_label", text), ("view_confidence", number), ("view_dropped", number)]
        fields += [(f"view_probability_{label}", number) for label in task.view_labels]
    fields += [("warnings", arrow.list_(text)), ("duration", number)]
    fields += [("error_code", text), ("error_message", text)]
    schema: pyarrow.Schema = arrow.schema(fields)
    return schema


def row_of_prediction(prediction: Prediction, file: str, view: str | None) -> Row:
    """The row of a file that was judged as a whole."""
    return _about_file(prediction, file) | _judged(prediction, view)


def rows_of_timeline(timeline: Timeline, file: str, view: str | None) -> list[Row]:
    """A row for each segment; a file in which nobody speaks has one, without a judgement."""
    about = _about_file(timeline, file)
    if not timeline.segments:
        return [about | {"decided": False}]
    return [
        about
        | {"start": segment.start, "end": segment.end, "speaker": segment.speaker}
        | _judged(segment, view)
        for segment in timeline.segments
    ]


def row_of_error(error: SereinError, file: str) -> Row:
    """The row of a file that could not be judged."""
    return {
        "file": as_text(file),
        "error_code": error.code,
        "error_message": as_text(error.message),
    }


def _about_file(judged: Prediction | Timeline, file: str) -> Row:
    return {
        "file": as_text(file),
        "warnings": [warning.code for warning in judged.warnings],
        "duration": judged.duration,
    }


def _judged(judged: Prediction | Window, view: str | None) -> Row:
    row: Row = {
        "label": judged.label,
        "confidence": judged.confidence,
        "decided": judged.decided,
        "speech": judged.speech,
    }
    for label, probability in (judged.probabilities or {}).items():
        row[f"probability_{label}"] = probability
    row |= judged.sex or {}
    regrouped = None if view is None else judged.view(view)
    if regrouped is not None:
        row |= {
            "view_label": regrouped.label,
            "view_confidence": regrouped.confidence,
            "view_dropped": regrouped.dropped,
        }
        for label, probability in regrouped.probabilities.items():
            row[f"view_probability_{label}"] = probability
    return row
