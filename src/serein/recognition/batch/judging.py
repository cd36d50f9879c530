"""Judging a block: what every process does, whichever engine began it."""

from __future__ import annotations

import os
from collections.abc import Callable

from serein.audio import Source
from serein.errors import BundleInvalid, SereinError, WorkerDied
from serein.recognition.batch.blocks import Block
from serein.recognition.batch.entries import as_text, is_address
from serein.recognition.batch.parts import encode_part, schema_of, write_part
from serein.recognition.batch.remote import fetched
from serein.recognition.batch.rows import Row, row_of_error, row_of_prediction, rows_of_timeline
from serein.recognition.batch.tally import Tally
from serein.recognition.batch.task import Task
from serein.recognition.recognizer import UNLIMITED, load

Begin = Callable[[int, Tally], None]
"""Called with the index of the file that comes next, and what was done of the block."""


class BlockJudge:
    """Judges blocks of files with a model that is loaded once.

    Parameters
    ----------
    task
        What is done with each file.

    Raises
    ------
    BundleInvalid
        If the model is not there, or another one than at the start of the batch.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._recognizer = load(task.model)
        self._schema = schema_of(task)
        if self._recognizer.bundle.fingerprint != task.fingerprint:
            raise BundleInvalid(
                f"the model {task.model!r} has changed since the batch began; begin it anew",
                file=task.model,
            )
        self._recognizer.bundle.load_graphs()

    def judge(self, block: Block, *, begin: Begin | None = None) -> Tally:
        """Judge the files of a block and write its part; a file that fails is a row with its error.

        Parameters
        ----------
        begin
            Called before each file, and before the part is made.

        Raises
        ------
        DataInvalid
            If the part cannot be written.
        """
        content, tally = self.encode(block, begin=begin)
        write_part(self._task.output, block.part, content)
        return tally

    def encode(self, block: Block, *, begin: Begin | None = None) -> tuple[bytes, Tally]:
        """As :meth:`judge`, but give what is to be written as the part."""
        rows: list[Row] = []
        tally = Tally()
        for index, file in enumerate(block.files):
            if begin is not None:
                begin(index, tally)
            try:
                found = self._rows(file, hopeless=index in block.hopeless)
            except SereinError as error:
                rows.append(row_of_error(error, file))
                tally += Tally(1, 1, 0.0, ((as_text(file), error.message),))
            else:
                rows += found
                tally += Tally(1, 0, found[0]["duration"])
        if begin is not None:
            begin(len(block.files), tally)
        return encode_part(rows, self._schema), tally

    def _rows(self, file: str, *, hopeless: bool) -> list[Row]:
        if hopeless:
            raise WorkerDied(
                "Judging the file ended its process twice, for want of memory or by a fault in a "
                "decoder. Convert it to WAV, or cut it, and judge it alone with 'serein predict'.",
                file=file,
            )
        try:
            if not is_address(file):
                return self._judged(os.path.join(self._task.folder, file), file)  # noqa: PTH118
            # What is judged over time is held in no memory, and has no limit here or elsewhere.
            limits = self._recognizer.limits if self._task.timeline is None else UNLIMITED
            with fetched(file, limits) as source:
                return self._judged(source, file)
        except SereinError:
            raise
        except Exception as error:  # whatever it is, the files beside it are judged
            raise SereinError(
                f"The file could not be judged, which is a fault of Serein ({type(error).__name__}:"
                f" {error}). Please report it.",
                file=file,
            ) from error

    def _judged(self, source: Source, file: str) -> list[Row]:
        task, options = self._task, self._task.timeline
        if options is None:
            prediction = self._recognizer.predict(source, speaker=task.speaker)
            return [row_of_prediction(prediction, file, task.view)]
        timeline = self._recognizer.timeline(
            source,
            window=options.window,
            hop=options.hop,
            adapt=options.adapt,
            speaker=task.speaker,
        )
        return rows_of_timeline(timeline, file, task.view)
