"""Corpora: utterance tables, readers of known corpora, folds that keep speakers apart."""

from __future__ import annotations

from serein.corpora.leakage import TrainingChoice, check_leakage, for_training, marks
from serein.corpora.load import load_table
from serein.corpora.protocols import (
    PROTOCOLS,
    Protocol,
    leave_one_corpus_out,
    official_folds,
    parse_protocol,
    random_folds,
)
from serein.corpora.readers import CORPORA, Corpus, find_corpus
from serein.corpora.report import Blemish, Missing, ScanReport
from serein.corpora.scan import scan
from serein.corpora.speakers import leave_one_speaker_out, speaker_folds, stratified_folds
from serein.corpora.splits import (
    Fold,
    ValidationSplit,
    folds_as_dict,
    folds_from_dict,
    split_validation,
)
from serein.corpora.table import OwnUtterance, RegroupedUtterance, Utterance, UtteranceTable

__all__ = [
    "CORPORA",
    "PROTOCOLS",
    "Blemish",
    "Corpus",
    "Fold",
    "Missing",
    "OwnUtterance",
    "Protocol",
    "RegroupedUtterance",
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
    "leave_one_corpus_out",
    "leave_one_speaker_out",
    "load_table",
    "marks",
    "official_folds",
    "parse_protocol",
    "random_folds",
    "scan",
    "speaker_folds",
    "split_validation",
    "stratified_folds",
]
