"""Corpora: utterance tables, readers of known corpora, folds that keep speakers apart."""

from __future__ import annotations

from serein.corpora.leakage import TrainingChoice, check_leakage, for_training
from serein.corpora.load import load_table
from serein.corpora.readers import CORPORA, Corpus, find_corpus
from serein.corpora.report import Blemish, Missing, ScanReport
from serein.corpora.scan import scan
from serein.corpora.splits import (
    Fold,
    ValidationSplit,
    folds_as_dict,
    folds_from_dict,
    leave_one_speaker_out,
    parse_protocol,
    speaker_folds,
    split_validation,
)
from serein.corpora.table import Utterance, UtteranceTable

__all__ = [
    "CORPORA",
    "Blemish",
    "Corpus",
    "Fold",
    "Missing",
    "ScanReport",
    "TrainingChoice",
    "Utterance",
    "UtteranceTable",
    "ValidationSplit",
    "check_leakage",
    "find_corpus",
    "folds_as_dict",
    "folds_from_dict",
    "for_training",
    "leave_one_speaker_out",
    "load_table",
    "parse_protocol",
    "scan",
    "speaker_folds",
    "split_validation",
]
