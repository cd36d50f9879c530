"""Judging many files: found lazily, judged in processes, written as parts of one table."""

from serein.recognition.batch.batch import Engine, cores, run_batch
from serein.recognition.batch.blocks import Block, cut_into_blocks
from serein.recognition.batch.entries import Entry
from serein.recognition.batch.inputs import find_files
from serein.recognition.batch.judging import BlockJudge
from serein.recognition.batch.local import judge_locally
from serein.recognition.batch.tally import Tally
from serein.recognition.batch.task import Task, TimelineOptions

__all__ = [
    "Block",
    "BlockJudge",
    "Engine",
    "Entry",
    "Tally",
    "Task",
    "TimelineOptions",
    "cores",
    "cut_into_blocks",
    "find_files",
    "judge_locally",
    "run_batch",
]
