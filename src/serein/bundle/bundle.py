"""A model as a folder: manifest, ONNX graph, card; loaded, verified and run."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from serein.bundle.manifest import CARD_FILE, MANIFEST_FILE, Graph, Manifest, Mode
from serein.errors import ArgumentInvalid, BundleInvalid
from serein.features.spectral import FloatArray

DEFAULT_BUNDLE = "bundled"

NumberArray = npt.NDArray[Any]

_NOTHING = np.zeros(0, dtype=np.float32)


@dataclass(frozen=True)
class Output:
    """What a graph gives for a batch of clips.

    Attributes
    ----------
    logits
        Shape (clips, labels).
    sex
        Logits of female and male, shape (clips, 2), or None.
    embedding
        Shape (clips, dimensions), or None.
    attention
        Weight of each step of a clip over time, shape (steps,), summing to 1; or None.
    """

    logits: FloatArray
    sex: FloatArray | None
    embedding: FloatArray | None
    attention: tuple[FloatArray, ...] | None


class Bundle:
    """A loaded model.

    A graph has the input ``features``, normalised, float32: (clips, frames, dimensions) with clips
    of one length, or (clips, dimensions) where the features have one row. With an input
    ``lengths``, int64, (clips,), zeros may stand behind so many frames of each clip. With an
    input ``relative``, shaped as the features, it takes them as normalised by the training
    speakers beside those normalised by the clip's own, or zeros where that one is unknown;
    without, whichever of the two is known best. It gives ``logits`` and perhaps ``sex``,
    ``embedding`` and ``attention``.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self._sessions: dict[str, Any] = {}
        self._lock = Lock()

    @classmethod
    def load(cls, model: str | Path = DEFAULT_BUNDLE) -> Bundle:
        """Load a bundle by name or folder, and verify that its files are those it was made of.

        Raises
        ------
        BundleInvalid
            If there is none, or a file is missing or differs from its checksum.
        """
        folder = find_bundle(model)
        manifest = Manifest.read(folder)
        for graph in set(manifest.graphs.values()):
            _verify(folder, graph)
        return cls(folder, manifest)

    @cached_property
    def fingerprint(self) -> str:
        """Name and checksum of graphs, features and normalisation: what a profile belongs to."""
        manifest = self.manifest
        digest = hashlib.sha256(repr(manifest.features).encode())
        for graph in manifest.graphs.values():
            digest.update(graph.sha256.encode())
        for statistics in (manifest.normalization.mean, manifest.normalization.std):
            digest.update(statistics.tobytes())
        return f"{manifest.name}:{digest.hexdigest()[:16]}"

    @property
    def card(self) -> str:
        """The text of the model card; empty if the bundle has none."""
        path = self.folder / CARD_FILE
        return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

    @property
    def judges_sex(self) -> bool:
        """Whether the model also judges the speaker's sex."""
        return "sex" in self._outputs("unknown")

    def takes_relative(self, mode: Mode) -> bool:
        """Whether the graph wants the features relative to the speaker beside the plain ones."""
        return "relative" in self._inputs(mode)

    def run(
        self,
        clips: Sequence[FloatArray],
        *,
        relative: Sequence[FloatArray] | None = None,
        mode: Mode = "unknown",
    ) -> Output:
        """Run the graph on clips of any lengths at once.

        Parameters
        ----------
        clips
            Normalised features of each, shape (frames, dimensions).
        relative
            The same relative to the speaker, for a graph that :meth:`takes_relative`; None for
            an unknown speaker.
        mode
            The graph to use: for an unknown or for an enrolled speaker.
        """
        if not clips:
            raise ArgumentInvalid("at least one clip is needed")
        session = self._session(self.manifest.graphs[mode].file)
        ranks = {node.name: len(node.shape) for node in session.get_inputs()}
        names = self._outputs(mode)
        found: dict[str, list[FloatArray]] = {name: [_NOTHING] * len(clips) for name in names}
        lengths = [len(clip) for clip in clips]
        clips = [self.manifest.features.pad(clip) for clip in clips]
        if relative is not None:
            relative = [self.manifest.features.pad(clip) for clip in relative]
        for rows in [list(range(len(clips)))] if "lengths" in ranks else _of_one_length(clips):
            feed = {"features": _stacked([clips[row] for row in rows])}
            if "lengths" in ranks:
                feed["lengths"] = np.array([lengths[row] for row in rows], dtype=np.int64)
            if "relative" in ranks:
                feed["relative"] = (
                    np.zeros_like(feed["features"])
                    if relative is None
                    else _stacked([relative[row] for row in rows])
                )
            if ranks.get("features") == 2:
                feed = self._single_rows(feed)
            for name, values in zip(names, self._call(session, names, feed), strict=True):
                for row, value in zip(rows, values, strict=True):
                    found[name][row] = value
        if "lengths" in ranks and "attention" in found:
            found["attention"] = [
                weights[:length]
                for weights, length in zip(found["attention"], lengths, strict=True)
            ]
        return self._output(found)

    def _single_rows(self, feed: Mapping[str, NumberArray]) -> dict[str, NumberArray]:
        if feed["features"].shape[1] != 1:
            raise BundleInvalid(
                f"the model {self.manifest.name!r} takes one row a clip and its features have "
                f"{feed['features'].shape[1]}: export it again",
                file=str(self.folder),
            )
        return {name: values[:, 0] for name, values in feed.items()}

    def _call(
        self, session: Any, names: Sequence[str], feed: Mapping[str, NumberArray]
    ) -> list[FloatArray]:
        try:
            values: list[FloatArray] = session.run(names, feed)
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise BundleInvalid(
                f"the model {self.manifest.name!r} could not be run ({error}); its manifest and "
                "graph do not fit together: export it again",
                file=str(self.folder),
            ) from error
        if any(np.shape(value)[:1] != feed["features"].shape[:1] for value in values):
            raise BundleInvalid(
                f"the model {self.manifest.name!r} does not give one row for every clip: export it "
                "again",
                file=str(self.folder),
            )
        return values

    def _output(self, found: Mapping[str, list[FloatArray]]) -> Output:
        wanted = (len(self.manifest.labels),)
        shape = found["logits"][0].shape if "logits" in found else None
        if shape != wanted:
            raise BundleInvalid(
                f"the model {self.manifest.name!r} gives "
                + ("no logits" if shape is None else f"logits of shape {shape} for a clip")
                + f"; {wanted} is needed for its labels: export it again",
                file=str(self.folder),
            )

        def stacked(name: str) -> FloatArray | None:
            return np.stack(found[name]) if name in found else None

        attention = tuple(found["attention"]) if "attention" in found else None
        return Output(np.stack(found["logits"]), stacked("sex"), stacked("embedding"), attention)

    def _inputs(self, mode: Mode) -> set[str]:
        session = self._session(self.manifest.graphs[mode].file)
        return {node.name for node in session.get_inputs()}

    def _outputs(self, mode: Mode) -> list[str]:
        session = self._session(self.manifest.graphs[mode].file)
        return [node.name for node in session.get_outputs()]

    def _session(self, file: str) -> Any:
        with self._lock:
            if file not in self._sessions:
                self._sessions[file] = _open_session(self.folder / file)
            return self._sessions[file]

    def export(self, target: Path) -> Path:
        """Copy the bundle into a new or empty folder, and return it."""
        require_vacant(target)
        target.mkdir(parents=True, exist_ok=True)
        files = {graph.file for graph in self.manifest.graphs.values()} | {MANIFEST_FILE, CARD_FILE}
        for name in sorted(files):
            if (self.folder / name).is_file():
                shutil.copyfile(self.folder / name, target / name)
        return target


def _of_one_length(clips: Sequence[FloatArray]) -> list[list[int]]:
    """Indexes of the clips, those of one length together.

    Nothing is padded, so a clip is judged among others just as alone, and the graph needs no
    masks, which would cost a quarter of its time.
    """
    groups: dict[int, list[int]] = {}
    for index, clip in enumerate(clips):
        groups.setdefault(len(clip), []).append(index)
    return list(groups.values())


def _stacked(clips: Sequence[FloatArray]) -> FloatArray:
    """Clips as one array, (clips, frames, dimensions), with zeros behind the shorter ones."""
    longest = max(len(clip) for clip in clips)
    return np.stack(
        [
            clip if len(clip) == longest else np.pad(clip, ((0, longest - len(clip)), (0, 0)))
            for clip in clips
        ]
    )


def _open_session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    # These graphs take a millisecond or two: threads cost more than they bring, and whoever
    # judges many clips runs many sessions' calls side by side.
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base class
        raise BundleInvalid(
            f"{path} is no graph that can be run: {error}", file=str(path)
        ) from error


def require_vacant(folder: Path) -> None:
    """Make sure that nothing would be overwritten.

    Raises
    ------
    ArgumentInvalid
        If the folder exists and is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ArgumentInvalid(f"{folder} exists and is not an empty folder; name another one")


def sha256_of(path: Path) -> str:
    """Checksum of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verify(folder: Path, graph: Graph) -> None:
    path = folder / graph.file
    try:
        found = sha256_of(path)
    except OSError as error:
        raise BundleInvalid(
            f"{path} is missing or cannot be read ({error.strerror}); get the bundle again",
            file=str(folder),
        ) from error
    if found != graph.sha256:
        raise BundleInvalid(
            f"{path} is not the file that the manifest names (its sha256 differs); it is damaged "
            "or was changed: get the bundle again",
            file=str(folder),
        )


def _packaged() -> Path:
    return Path(str(resources.files("serein"))) / "bundles"


def available_bundles() -> dict[str, Path]:
    """Names and folders of the bundles that are part of the package, the default one first."""
    folder = _packaged()
    found = (
        {path.parent.name: path.parent for path in sorted(folder.glob(f"*/{MANIFEST_FILE}"))}
        if folder.is_dir()
        else {}
    )
    return dict(sorted(found.items(), key=lambda item: item[0] != DEFAULT_BUNDLE))


def find_bundle(model: str | Path) -> Path:
    """The folder of a bundle given by name or path.

    Raises
    ------
    BundleInvalid
        If there is none.
    """
    if isinstance(model, str) and model in (known := available_bundles()):
        return known[model]
    path = Path(model)
    if path.is_dir():
        return path
    names = ", ".join(available_bundles()) or "none in this installation"
    raise BundleInvalid(
        f"there is no model {str(model)!r}: give a bundle's folder or one of these names: {names}",
        file=str(model),
    )
