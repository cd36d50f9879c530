"""A model as a folder: manifest, ONNX graph, card; loaded, verified and run."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import numpy.typing as npt

from serein.bundle.files import DEFAULT_BUNDLE, find_bundle, require_vacant, verify
from serein.bundle.manifest import CARD_FILE, MANIFEST_FILE, Manifest, Mode
from serein.errors import ArgumentInvalid, BundleInvalid
from serein.features.spectral import FloatArray

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
    speech
        Logit of whether it is speech, positive if so, shape (clips,), or None.
    embedding
        Shape (clips, dimensions), or None.
    attention
        Weight of each step of a clip over time, shape (steps,), summing to 1; or None.
    description
        Shape (clips, description), of zero mean and unit variance over training clips, or None.
    """

    logits: FloatArray
    sex: FloatArray | None
    speech: FloatArray | None
    embedding: FloatArray | None
    attention: tuple[FloatArray, ...] | None
    description: FloatArray | None


@dataclass(frozen=True)
class Voice:
    """What a graph is told of an enrolled speaker.

    Attributes
    ----------
    center, scale
        What the speaker's descriptions lie around, and one by their spread, (description,).
    levels
        How many dB each clip is louder than is usual for the speaker, (clips,).
    """

    center: FloatArray
    scale: FloatArray
    levels: FloatArray


class Bundle:
    """A loaded model.

    A graph has the input ``features``, normalised, float32: (clips, frames, dimensions) with clips
    of one length, or (clips, dimensions) where the features have one row. With an input
    ``lengths``, int64, (clips,), zeros may stand behind so many frames of each clip. It gives
    ``logits`` and perhaps ``sex``, ``speech``, ``embedding`` and ``attention``.

    A speaker is known in one of two ways. Either the features are normalised by the speaker
    instead of by the training speakers; or the graph also gives a ``description`` of every clip,
    of zero mean and unit variance over the training clips, and takes what the speaker's
    descriptions lie around, ``center``, and one by their spread, ``scale``, (clips, description)
    each, and ``level``, (clips,), the dB by which a clip is louder than usual: zeros all, where
    the speaker is unknown.
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
            verify(folder, graph)
        return cls(folder, manifest)

    def load_graphs(self) -> None:
        """Load now what is else loaded when it is first needed; the folder may go afterwards."""
        for graph in self.manifest.graphs.values():
            self._session(graph.file)

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

    @property
    def embeds(self) -> bool:
        """Whether the model gives an embedding."""
        return "embedding" in self._outputs("unknown") and "embedding" in self._outputs("enrolled")

    @property
    def tells_speech(self) -> bool:
        """Whether the model also judges if a sound is speech at all."""
        return "speech" in self._outputs("unknown")

    @property
    def describes(self) -> bool:
        """Whether a speaker is known by descriptions of clips rather than by their features."""
        return "description" in self._outputs("unknown")

    @property
    def profile_size(self) -> int:
        """Number of dimensions of a speaker profile."""
        if not self.describes:
            return self.manifest.features.dimensions
        return self._description_size(self._session(self.manifest.graphs["enrolled"].file))

    def run(
        self,
        clips: Sequence[FloatArray],
        *,
        speaker: Voice | None = None,
        mode: Mode = "unknown",
    ) -> Output:
        """Run the graph on clips of any lengths at once.

        Parameters
        ----------
        clips
            Normalised features of each, shape (frames, dimensions).
        speaker
            Of a graph that :meth:`describes`; None for an unknown speaker.
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
        for rows in [list(range(len(clips)))] if "lengths" in ranks else _of_one_length(clips):
            feed = {"features": _stacked([clips[row] for row in rows])}
            if "lengths" in ranks:
                feed["lengths"] = np.array([lengths[row] for row in rows], dtype=np.int64)
            if "description" in names:
                feed |= self._voice(session, speaker, rows)
            if ranks.get("features") == 2:
                feed = self._single_rows(feed)
            for name, values in zip(names, self._call(session, names, feed), strict=True):
                for row, value in zip(rows, values, strict=True):
                    found[name][row] = value
        if "lengths" in ranks and "attention" in found:
            longest = max(len(clip) for clip in clips)
            # A step may be several frames long; those of the padding have no weight.
            found["attention"] = [
                weights[: -(-length * len(weights) // longest)]
                for weights, length in zip(found["attention"], lengths, strict=True)
            ]
        return self._output(found)

    def _voice(
        self, session: Any, speaker: Voice | None, rows: Sequence[int]
    ) -> dict[str, NumberArray]:
        """What the graph is told of the speaker, for these of the clips."""
        size, clips = self._description_size(session), len(rows)
        if speaker is None:
            nothing = np.zeros((clips, size), dtype=np.float32)
            return {"center": nothing, "scale": nothing, "level": nothing[:, 0]}
        return {
            "center": np.broadcast_to(speaker.center, (clips, size)),
            "scale": np.broadcast_to(speaker.scale, (clips, size)),
            "level": speaker.levels[list(rows)],
        }

    def _description_size(self, session: Any) -> int:
        sizes = [node.shape[1:] for node in session.get_inputs() if node.name == "center"]
        if len(sizes) != 1 or len(sizes[0]) != 1 or not isinstance(sizes[0][0], int):
            raise BundleInvalid(
                f"the model {self.manifest.name!r} describes clips and takes no center of them: "
                "export it again",
                file=str(self.folder),
            )
        size: int = sizes[0][0]
        return size

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
        wanted: dict[str, tuple[int, ...]] = {"logits": (len(self.manifest.labels),), "speech": ()}
        if "description" in found:
            wanted["description"] = (self.profile_size,)
        for name, shape in wanted.items():
            given = found[name][0].shape if name in found else None
            if given != shape and (given is not None or name == "logits"):
                raise BundleInvalid(
                    f"the model {self.manifest.name!r} gives "
                    + (f"no {name}" if given is None else f"{name} of shape {given} for a clip")
                    + f"; {shape or 'one number'} is needed: export it again",
                    file=str(self.folder),
                )

        def stacked(name: str) -> FloatArray | None:
            return np.stack(found[name]) if name in found else None

        attention = tuple(found["attention"]) if "attention" in found else None
        return Output(
            np.stack(found["logits"]),
            stacked("sex"),
            stacked("speech"),
            stacked("embedding"),
            attention,
            stacked("description"),
        )

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
