"""Evaluation: protocols that keep speakers apart, and scores of what is shipped."""

from serein.evaluation.crossvalidation import FoldDone, crossvalidate
from serein.evaluation.scoring import Judged, judge_clips, score

__all__ = ["FoldDone", "Judged", "crossvalidate", "judge_clips", "score"]
