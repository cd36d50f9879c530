"""What the commands of the laboratory share: tables, features, and changed sounds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from serein.cli.output import complain

if TYPE_CHECKING:
    from serein.bundle import Bundle
    from serein.corpora import ScanReport, Utterance, UtteranceTable
    from serein.evaluation.conditions import Condition
    from serein.evaluation.crossvalidation import Measure
    from serein.features import FeatureSpec
    from serein.features.prosody import ProsodyReference
    from serein.training.data import Dataset
    from serein.training.sound import SoundOptions

Data = Annotated[
    list[str],
    typer.Option(
        "--data",
        metavar="TABLE",
        help="Utterance table (Parquet) or corpus=DIR; may be given several times.",
    ),
]
Workers = Annotated[
    int | None, typer.Option(min=1, help="Processes for decoding; by default one a core.")
]
Store = Annotated[
    Path | None,
    typer.Option(
        "--store",
        metavar="DIR",
        help="Where features are kept for the next time; by default the user's cache.",
    ),
]
NoStore = Annotated[
    bool, typer.Option("--no-store", help="Compute all features anew and keep none.")
]
Robust = Annotated[
    bool,
    typer.Option("--robustness", help="Also judge clips in noise, over telephones, codecs, ..."),
]
Noise = Annotated[
    Path | None,
    typer.Option(
        "--noise",
        metavar="DIR",
        help="Recordings for --robustness: every subfolder is a kind of noise, rooms/ holds "
        "responses of rooms. Half of them, the other half is for training.",
    ),
]
Enrol = Annotated[
    bool,
    typer.Option("--enrolment", help="Also tell what a profile of 1, 2, 5, ... clips gains."),
]


def load_tables(specs: Sequence[str], *, own_labels: bool = False) -> list[UtteranceTable]:
    """Read or scan every table, and say what a person should know of the scanned ones.

    With ``own_labels`` clips are called what their corpus calls them, canonical or not.
    """
    from serein.cli.console import counted
    from serein.corpora import load_table
    from serein.corpora.report import describe_unmapped

    reports: list[ScanReport] = []
    tables = []
    for spec in specs:
        with counted(f"scanning {spec}") as progress:
            tables.append(load_table(spec, progress=progress, on_scan=reports.append))
    for report in reports:
        unmapped = describe_unmapped(report.table.utterances) if own_labels else ()
        for warning in report.warnings:
            if warning not in unmapped:
                complain("warning", f"{report.corpus.name}: {warning}")
    if own_labels:
        from serein.training.regrouping import with_own_labels

        return [with_own_labels(table) for table in tables]
    return tables


def utterances_of(
    tables: Sequence[UtteranceTable], label_set: str | None = None
) -> tuple[Utterance, ...]:
    """The utterances of all tables, one after the other, in the classes of a label set."""
    from serein.training.regrouping import regroup_utterances

    return regroup_utterances(
        (utterance for table in tables for utterance in table.utterances), label_set
    )


def load_features(
    tables: Sequence[UtteranceTable],
    spec: FeatureSpec,
    *,
    sound: SoundOptions | None = None,
    label_set: str | None = None,
    workers: int | None,
    store: Path | None,
    no_store: bool,
) -> Dataset:
    """The features of all labelled clips, and a word about each that is left out.

    With ``sound`` also those of their changed copies, with ``label_set`` in its classes.

    Raises
    ------
    ArgumentInvalid
        A store is named and forbidden at once.
    """
    from serein.cli.console import counted
    from serein.errors import ArgumentInvalid
    from serein.training.data import load_dataset
    from serein.training.store import FeatureStore, user_store

    if no_store and store is not None:
        raise ArgumentInvalid("--store and --no-store contradict each other; give one of them")
    kept = None if no_store else user_store() if store is None else FeatureStore(store)
    with counted("computing features") as progress:
        dataset = load_dataset(
            tables, spec, sound=sound, workers=workers, progress=progress, store=kept
        ).regrouped(label_set)
    for warning in dataset.warnings:
        complain("warning", warning)
    left_out = sum(len(table) for table in tables) - len(dataset) - len(dataset.failures)
    if left_out:
        complain("warning", f"{left_out} clips have no canonical emotion and are left out")
    for error in dataset.failures:
        complain("warning", f"{error.message} It is left out.", file=error.file)
    return dataset


def measured_prosody(
    tables: Sequence[UtteranceTable], dataset: Dataset, indexes: Sequence[int]
) -> dict[str, ProsodyReference]:
    """How the speakers of the clips at ``indexes`` usually sound, by sex, with a bar."""
    from serein.cli.console import counted
    from serein.training.prosody import reference_prosody

    with counted("measuring voices") as progress:
        return reference_prosody(
            tables,
            [dataset.utterances[index] for index in indexes],
            sampling_rate=dataset.spec.sampling_rate,
            progress=progress,
        )


def wanted_conditions(robustness: bool, noise: Path | None) -> Sequence[Condition]:
    """The changes of sound that were asked for; none without ``--robustness`` or ``--noise``.

    Recordings are read here, so that a wrong folder is refused before anything is trained.
    """
    if not robustness and noise is None:
        return ()
    from serein.evaluation.conditions import conditions

    return conditions(noise)


def robustness_over(
    conditions: Sequence[Condition],
    tables: Sequence[UtteranceTable],
    labels: Sequence[str],
    workers: int | None,
) -> Measure | None:
    """What measures bundles under the conditions, with a bar; None without conditions."""
    if not conditions:
        return None

    def measure(jobs: Sequence[tuple[Bundle, Sequence[int]]], dataset: Dataset) -> dict[str, Any]:
        from serein.cli.console import counted
        from serein.evaluation.robustness import measure_robustness

        with counted("judging changed sounds") as progress:
            return measure_robustness(
                jobs,
                dataset,
                tables,
                conditions,
                labels=labels,
                workers=workers,
                progress=progress,
            )

    return measure


def enrolment_over(
    wanted: bool, utterances: Sequence[Utterance], labels: Sequence[str]
) -> Measure | None:
    """What measures bundles with profiles of few and more clips, with a bar; None if not wanted.

    Raises
    ------
    DataInvalid
        No speaker is known, so there is nobody to make a profile of.
    """
    if not wanted:
        return None
    from serein.errors import DataInvalid

    if all(one.speaker is None for one in utterances):
        raise DataInvalid(
            "--enrolment makes profiles of speakers, and the data name none; leave it out, or "
            "give a table with speakers"
        )

    def measure(jobs: Sequence[tuple[Bundle, Sequence[int]]], dataset: Dataset) -> dict[str, Any]:
        from serein.cli.console import counted
        from serein.evaluation.enrolment import measure_enrolment

        with counted("judging with profiles") as progress:
            return measure_enrolment(jobs, dataset, labels=labels, progress=progress)

    return measure
