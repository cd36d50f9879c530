"""Evaluation: protocols that keep speakers apart, and scores of what is shipped."""

from serein.evaluation.crossvalidation import FoldDone, crossvalidate
from serein.evaluation.evaluate import evaluate
from serein.evaluation.judging import Judged, judge_clips
from serein.evaluation.scores import score

__all__ = ["FoldDone", "Judged", "crossvalidate", "evaluate", "judge_clips", "score"]
