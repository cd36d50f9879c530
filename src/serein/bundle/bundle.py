"""A model as a folder: manifest, ONNX graph, card; loaded, verified and run."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from serein.bundle.manifest import CARD_FILE, MANIFEST_FILE, Graph, Manifest, Mode
from serein.errors import ArgumentInvalid, BundleInvalid
from serein.features.spectral import FloatArray

DEFAULT_BUNDLE = "bundled"


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
        Weight of each step over time, summing to 1 within a clip and zero on padding, shape
        (clips, steps), or None.
    """

    logits: FloatArray
    sex: FloatArray | None
    embedding: FloatArray | None
    attention: FloatArray | None


class Bundle:
    """A loaded model.

    A graph has the input ``features``, normalised, float32. With a second input ``lengths`` (int64,
    (clips,)) it takes (clips, frames, dimensions), padded with zeros; without, one row a clip,
    (clips, dimensions). With an input ``relative``, shaped like ``features``, it takes the features
    normalised by the training speakers and by the clip's own, or zeros where that one is unknown;
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

    @property
    def fingerprint(self) -> str:
        """Name and checksum: what a speaker profile remembers of its model."""
        return f"{self.manifest.name}:{self.manifest.graphs['unknown'].sha256[:16]}"

    @property
    def card(self) -> str:
        """The text of the model card; empty if the bundle has none."""
        path = self.folder / CARD_FILE
        return path.read_text(encoding="utf-8") if path.is_file() else ""

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
        names = self._inputs(mode)
        if "lengths" in names:
            lengths = np.array([len(clip) for clip in clips], dtype=np.int64)
            feed = {"features": _padded(clips), "lengths": lengths}
        else:
            feed = {"features": np.concatenate(clips, axis=0)}
        if "relative" in names:
            plain = feed["features"]
            feed["relative"] = np.zeros_like(plain) if relative is None else _padded(relative)
        outputs = [node.name for node in session.get_outputs()]
        try:
            found = dict(zip(outputs, session.run(outputs, feed), strict=True))
        except Exception as error:  # onnxruntime's exceptions share no base class
            raise BundleInvalid(
                f"the model {self.manifest.name!r} could not be run: {error}", file=str(self.folder)
            ) from error
        logits, wanted = found.get("logits"), (len(clips), len(self.manifest.labels))
        if logits is None or logits.shape != wanted:
            raise BundleInvalid(
                f"the model {self.manifest.name!r} gives "
                + ("no logits" if logits is None else f"logits of shape {logits.shape}")
                + f"; {wanted} is needed for its labels: export it again",
                file=str(self.folder),
            )
        return Output(logits, found.get("sex"), found.get("embedding"), found.get("attention"))

    def _inputs(self, mode: Mode) -> set[str]:
        session = self._session(self.manifest.graphs[mode].file)
        return {node.name for node in session.get_inputs()}

    def _session(self, file: str) -> Any:
        with self._lock:
            if file not in self._sessions:
                self._sessions[file] = _open_session(self.folder / file)
            return self._sessions[file]

    def export(self, target: Path) -> Path:
        """Copy the bundle into a new or empty folder, and return it."""
        if target.exists() and (not target.is_dir() or any(target.iterdir())):
            raise ArgumentInvalid(f"{target} exists and is not an empty folder; name another one")
        target.mkdir(parents=True, exist_ok=True)
        files = {graph.file for graph in self.manifest.graphs.values()} | {MANIFEST_FILE, CARD_FILE}
        for name in sorted(files):
            if (self.folder / name).is_file():
                shutil.copyfile(self.folder / name, target / name)
        return target


def _padded(clips: Sequence[FloatArray]) -> FloatArray:
    longest = max(len(clip) for clip in clips)
    padded = np.zeros((len(clips), longest, clips[0].shape[1]), dtype=np.float32)
    for row, clip in zip(padded, clips, strict=True):
        row[: len(clip)] = clip
    return padded


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


def sha256_of(path: Path) -> str:
    """Checksum of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verify(folder: Path, graph: Graph) -> None:
    path = folder / graph.file
    if not path.is_file():
        raise BundleInvalid(f"{path} is missing; get the bundle again", file=str(folder))
    if sha256_of(path) != graph.sha256:
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
