"""The utterance table: what is known of every clip of a corpus, as one Parquet file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from serein.errors import DataInvalid, DependencyMissing
from serein.labels import CLASSES, LABELS, SEXES

if TYPE_CHECKING:
    import pyarrow

FORMAT_VERSION = "1"
"""Version of the table's columns and metadata; a table of another version is refused."""

_VERSION_KEY = b"serein.table_version"
_ROOT_KEY = b"serein.root"
_CORPUS_KEY = b"serein.corpus"
_RESCAN = "write it with: serein corpora scan NAME DIR -o TABLE.parquet"


@dataclass(frozen=True)
class Utterance:
    """One clip: where it lies, who speaks, what is meant and what it holds.

    Parameters
    ----------
    path
        Path relative to the scanned folder, with forward slashes; absolute only where a table of
        one's own has it so.
    corpus
        Name of the corpus, such as ``ravdess``.
    speaker
        Speaker with the corpus before it, such as ``ravdess-05``; None if unknown.
    sex
        ``female``, ``male``, or None if unknown.
    language
        ISO 639-1 code, such as ``en``.
    emotion
        Canonical label, one of :data:`serein.labels.LABELS`; None where none fits.
    original_emotion
        The corpus's own label, as it spells it.
    intensity
        The corpus's own degree of intensity, or None.
    sentence
        Identity of what is said: a code, a word or a text; None if unknown.
    split
        The corpus's own part (``train``, ``test``, ...), or None.
    duration
        Length in seconds.
    sampling_rate
        Samples per second of the file, in Hz.
    sha256
        Hash of the decoded samples: float32, little-endian, channels interleaved, at the file's
        own rate. Two files with the same samples have the same hash, whatever their containers.
    silent
        True where no sample reaches -80 dB of full scale.
    votes
        Share of the listeners who heard each canonical label; sums to 1. None without listeners.

    Raises
    ------
    DataInvalid
        A label or sex that is not among the canonical ones.
    """

    path: str
    corpus: str
    speaker: str | None
    sex: str | None
    language: str | None
    emotion: str | None
    original_emotion: str
    intensity: str | None
    sentence: str | None
    split: str | None
    duration: float
    sampling_rate: int
    sha256: str
    silent: bool = False
    votes: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        unknown = {self.emotion, *(self.votes or ())} - {None, *self._labels()}
        if unknown:
            label = sorted(map(str, unknown))[0]
            raise DataInvalid(
                f"{self.path}: {label!r} is not a canonical emotion; allowed are "
                f"{', '.join(LABELS)}, or none where nothing fits",
                file=self.path,
            )
        if self.sex not in (None, *SEXES):
            raise DataInvalid(
                f"{self.path}: sex {self.sex!r} is not known; allowed are "
                f"{' and '.join(SEXES)}, or none if unknown",
                file=self.path,
            )

    def _labels(self) -> tuple[str, ...]:
        return LABELS


@dataclass(frozen=True)
class RegroupedUtterance(Utterance):
    """A clip that a label set has regrouped: its emotion and votes are of the set's classes."""

    def _labels(self) -> tuple[str, ...]:
        return (*LABELS, *CLASSES)


@dataclass(frozen=True)
class OwnUtterance(Utterance):
    """A clip whose emotion is what its corpus calls it, in small letters, canonical or not."""

    def _labels(self) -> tuple[str, ...]:
        return (self.original_emotion.strip().lower(),)


@dataclass(frozen=True)
class UtteranceTable:
    """The utterances of one corpus and the folder that their paths are relative to.

    >>> table = UtteranceTable(Path("somewhere"), "ravdess", ())
    >>> len(table)
    0
    """

    root: Path
    corpus: str
    utterances: tuple[Utterance, ...]

    def __len__(self) -> int:
        return len(self.utterances)

    def audio_path(self, utterance: Utterance) -> Path:
        """Where the clip lies on this machine."""
        return self.root / utterance.path

    def write(self, path: str | Path) -> None:
        """Write the table as Parquet, making the folders that lead to it.

        Raises
        ------
        DataInvalid
            The file cannot be written.
        DependencyMissing
            pyarrow is not installed.
        """
        arrow, parquet = load_pyarrow()
        schema = _schema().with_metadata(
            {
                _VERSION_KEY: FORMAT_VERSION.encode(),
                _ROOT_KEY: self.root.resolve().as_posix().encode(),
                _CORPUS_KEY: self.corpus.encode(),
            }
        )
        rows = [asdict(utterance) for utterance in self.utterances]
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            parquet.write_table(arrow.Table.from_pylist(rows, schema=schema), path)
        except OSError as error:
            raise DataInvalid(f"{path}: cannot be written: {error}", file=str(path)) from error

    @classmethod
    def read(cls, path: str | Path, *, root: str | Path | None = None) -> UtteranceTable:
        """Read a table that :meth:`write` wrote.

        Parameters
        ----------
        path
            The Parquet file.
        root
            The folder of the clips, where it has moved since the scan.

        Raises
        ------
        DataInvalid
            There is no such file, it is no utterance table, it is of another version, or the
            folder of its clips is gone.
        DependencyMissing
            pyarrow is not installed.
        """
        table = _read_parquet(Path(path))
        metadata = table.schema.metadata
        corpus = metadata[_CORPUS_KEY].decode()
        folder = Path(root) if root is not None else Path(metadata[_ROOT_KEY].decode())
        if not folder.is_dir():
            raise DataInvalid(
                f"{path}: its clips lay in {folder}, which is not there any more; scan them where "
                f"they are now: serein corpora scan {corpus} DIR -o {path}",
                file=str(path),
            )
        utterances = tuple(_utterance(row) for row in table.to_pylist())
        return cls(folder, corpus, utterances)


def load_pyarrow() -> tuple[ModuleType, ModuleType]:
    """The modules ``pyarrow`` and ``pyarrow.parquet``.

    Raises
    ------
    DependencyMissing
        They are not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise DependencyMissing(
            'utterance tables need pyarrow, which is not installed: pip install "serein[corpora]"'
        ) from error
    return pyarrow, pyarrow.parquet


def _schema() -> pyarrow.Schema:
    arrow, _ = load_pyarrow()
    text = arrow.string()
    types = {
        "duration": arrow.float64(),
        "sampling_rate": arrow.int32(),
        "silent": arrow.bool_(),
        "votes": arrow.map_(text, arrow.float64()),
    }
    required = {"path", "corpus", "original_emotion", "duration", "sampling_rate", "sha256"}
    schema: pyarrow.Schema = arrow.schema(
        [
            arrow.field(field.name, types.get(field.name, text), field.name not in required)
            for field in fields(Utterance)
        ]
    )
    return schema


def _read_parquet(path: Path) -> pyarrow.Table:
    """The columns of a table, checked for presence, type and version."""
    arrow, parquet = load_pyarrow()
    if not path.is_file():
        raise DataInvalid(f"{path}: there is no such table; {_RESCAN}", file=str(path))
    try:
        table: pyarrow.Table = parquet.read_table(path)
    except (arrow.ArrowException, OSError) as error:
        raise DataInvalid(
            f"{path}: cannot be read as Parquet ({error}); {_RESCAN}", file=str(path)
        ) from error
    metadata = table.schema.metadata or {}
    if not {_VERSION_KEY, _ROOT_KEY, _CORPUS_KEY} <= metadata.keys():
        raise DataInvalid(f"{path}: is no utterance table of Serein; {_RESCAN}", file=str(path))
    version = metadata[_VERSION_KEY].decode()
    if version != FORMAT_VERSION:
        raise DataInvalid(
            f"{path}: is of table version {version}, this Serein reads {FORMAT_VERSION}; {_RESCAN}",
            file=str(path),
        )
    schema = _schema()
    missing = [name for name in schema.names if name not in table.schema.names]
    if missing:
        raise DataInvalid(
            f"{path}: lacks the column {', '.join(missing)}; {_RESCAN}", file=str(path)
        )
    try:
        return table.select(schema.names).cast(schema.with_metadata(metadata))
    except (arrow.ArrowException, ValueError) as error:
        raise DataInvalid(
            f"{path}: a column has an unexpected type ({error}); {_RESCAN}", file=str(path)
        ) from error


def _utterance(row: dict[str, Any]) -> Utterance:
    votes = row.pop("votes")
    return Utterance(**row, votes=None if votes is None else dict(votes))
