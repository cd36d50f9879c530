"""Bundles: loaded whole or refused with a reason; a batch is judged as its clips are alone."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from serein.bundle import (
    CARD_FILE,
    DEFAULT_BUNDLE,
    Bundle,
    Voice,
    available_bundles,
    find_bundle,
    sha256_of,
)
from serein.bundle import files as files_module
from serein.errors import ArgumentInvalid, BundleInvalid
from tests.builders import EMBEDDING, LABELS, build_bundle, build_classical_bundle

FloatArray = npt.NDArray[np.float32]
MANIFEST = "manifest.json"


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_bundle(tmp_path_factory.mktemp("bundles") / "tiny")


@pytest.fixture
def folder(original: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(original, tmp_path / "copy"))


@pytest.fixture(scope="module")
def bundle(original: Path) -> Bundle:
    return Bundle.load(original)


def rewrite(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the manifest's JSON in place."""
    values = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    change(values)
    (folder / MANIFEST).write_text(json.dumps(values), encoding="utf-8")


def random_clips(lengths: list[int], dimensions: int = 24, seed: int = 0) -> list[FloatArray]:
    generator = np.random.default_rng(seed)
    return [
        generator.standard_normal((length, dimensions)).astype(np.float32) for length in lengths
    ]


def voice_of(bundle: Bundle, clips: int, *, seed: int = 0) -> Voice:
    """A speaker about whom something is known, with a level for each of so many clips."""
    generator = np.random.default_rng([seed, 1])
    return Voice(
        generator.normal(0, 0.5, bundle.profile_size).astype(np.float32),
        generator.uniform(0.8, 1.5, bundle.profile_size).astype(np.float32),
        generator.uniform(-6, 6, clips).astype(np.float32),
    )


def _only(speaker: Voice | None, clips: list[int]) -> Voice | None:
    return None if speaker is None else replace(speaker, levels=speaker.levels[clips])


def test_bundle_is_loaded_by_its_folder(original: Path) -> None:
    for model in (original, str(original)):
        bundle = Bundle.load(model)
        assert bundle.manifest.labels == LABELS
        assert bundle.folder == original
        assert bundle.card.startswith("# tiny")


def test_card_may_be_missing(folder: Path) -> None:
    (folder / CARD_FILE).unlink()
    assert Bundle.load(folder).card == ""


def test_fingerprint_tells_models_apart(tmp_path: Path, bundle: Bundle) -> None:
    other = Bundle.load(build_bundle(tmp_path / "other", seed=1))
    again = Bundle.load(build_bundle(tmp_path / "again"))
    assert bundle.fingerprint == again.fingerprint
    assert bundle.fingerprint != other.fingerprint
    assert bundle.fingerprint.startswith("tiny:")
    mean = bundle.manifest.normalization.mean + 1
    normalization = replace(bundle.manifest.normalization, mean=mean)
    features = replace(bundle.manifest.features, trim_below_peak=30.0)
    for change in ({"normalization": normalization}, {"features": features}):
        changed = Bundle(bundle.folder, replace(bundle.manifest, **change))
        assert changed.fingerprint != bundle.fingerprint


def remove_manifest(folder: Path) -> None:
    (folder / MANIFEST).unlink()


def cut_manifest(folder: Path) -> None:
    text = (folder / MANIFEST).read_text(encoding="utf-8")
    (folder / MANIFEST).write_text(text[: len(text) // 2], encoding="utf-8")


def no_text_at_all(folder: Path) -> None:
    (folder / MANIFEST).write_bytes(b"\xff\xfe\x00\x9f")


def endless_brackets(folder: Path) -> None:
    (folder / MANIFEST).write_text("[" * 100_000, encoding="utf-8")


def a_list(folder: Path) -> None:
    (folder / MANIFEST).write_text("[1, 2]", encoding="utf-8")


def remove_graph(folder: Path) -> None:
    (folder / "model.onnx").unlink()


def change_a_byte(folder: Path) -> None:
    content = bytearray((folder / "model.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.onnx").write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (remove_manifest, "no readable manifest.json"),
        (cut_manifest, "not valid JSON"),
        (no_text_at_all, "not valid JSON"),
        (endless_brackets, "not valid JSON"),
        (a_list, "manifest.json"),
        (remove_graph, "model.onnx is missing or cannot be read"),
        (change_a_byte, "sha256 differs"),
    ],
)
def test_damaged_bundle_is_refused_with_the_reason(
    folder: Path, damage: Callable[[Path], None], says: str
) -> None:
    damage(folder)
    with pytest.raises(BundleInvalid, match=says) as caught:
        Bundle.load(folder)
    assert caught.value.file == str(folder)


def set_graph(key: str, value: Any) -> Callable[[dict[str, Any]], object]:
    return lambda values: values["graphs"]["enrolled"].__setitem__(key, value)


def set_statistic(key: str, value: Any) -> Callable[[dict[str, Any]], object]:
    return lambda values: values["normalization"].__setitem__(key, value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda v: v.update(format="other"), "format 'other'"),
        (lambda v: v.update(format_version=2), "version 2; this Serein reads"),
        (lambda v: v["graphs"].pop("enrolled"), "'enrolled' is missing"),
        (lambda v: v.update(labels=["angry"]), "two or more"),
        (lambda v: v.update(labels=["angry", "angry"]), "each once"),
        (lambda v: v.update(labels="angry"), "labels must be a list"),
        (lambda v: v.update(labels=["angry", 3]), "labels must be a list"),
        (lambda v: v.update(minimum_confidence="high"), "high"),
        (lambda v: v.update(minimum_confidence=1.5), "minimum_confidence"),
        (lambda v: v.update(minimum_confidence=float("nan")), "minimum_confidence"),
        (lambda v: v.update(parameters=float("inf")), "infinity"),
        (lambda v: v["features"].update(colour="red"), "unknown key colour"),
        (lambda v: v["features"].update(kind="wavelets"), "wavelets"),
        (lambda v: v["features"].update(version=9), "version 9"),
        (lambda v: v["features"].update(bands=25), "normalization mean needs 25"),
        (lambda v: v.update(features=None), "feature specification"),
        (set_statistic("mean", [0.0]), "normalization mean needs 24 finite numbers"),
        (set_statistic("mean", [float("nan")] * 24), "mean needs 24 finite"),
        (set_statistic("mean", ["x"] * 24), "manifest.json"),
        (set_statistic("std", [1.0] * 23), "normalization std needs 24"),
        (set_statistic("std", [1e300] * 24), "std needs 24 finite"),
        (set_statistic("std", [0.0] * 24), "std must be positive"),
        (set_statistic("prior_clips", -1), "prior_clips"),
        (set_statistic("prior_clips", float("nan")), "prior_clips"),
        (set_graph("temperature", 0.0), "temperature must be positive"),
        (set_graph("temperature", float("nan")), "temperature must be positive"),
        (set_graph("temperature", float("inf")), "temperature must be positive"),
        (set_graph("sha256", "0" * 64), "sha256 differs"),
        (set_graph("file", "../model.onnx"), "plain file name"),
        (set_graph("file", "/etc/passwd"), "plain file name"),
        (set_graph("file", "sub/model.onnx"), "plain file name"),
        (set_graph("file", ".."), "plain file name"),
        (set_graph("file", ""), "plain file name"),
    ],
)
def test_wrong_manifest_is_refused_with_the_reason(
    folder: Path, change: Callable[[dict[str, Any]], object], says: str
) -> None:
    rewrite(folder, change)
    with pytest.raises(BundleInvalid, match=says) as caught:
        Bundle.load(folder)
    assert caught.value.file == str(folder)


@pytest.mark.parametrize(
    "key",
    [
        "format",
        "format_version",
        "name",
        "labels",
        "features",
        "normalization",
        "graphs",
        "minimum_confidence",
        "licence",
        "parameters",
        "corpora",
        "scores",
        "recipe",
    ],
)
def test_every_key_of_the_manifest_is_needed(folder: Path, key: str) -> None:
    rewrite(folder, lambda values: values.pop(key))
    with pytest.raises(BundleInvalid, match=f"'{key}' is missing"):
        Bundle.load(folder)


def test_file_that_is_no_graph_is_refused_though_its_checksum_is_right(folder: Path) -> None:
    (folder / "model.onnx").write_bytes(b"no graph at all")
    checksum = sha256_of(folder / "model.onnx")
    rewrite(folder, lambda v: [g.update(sha256=checksum) for g in v["graphs"].values()])
    bundle = Bundle.load(folder)
    with pytest.raises(BundleInvalid, match="no graph that can be run"):
        bundle.run(random_clips([10]))


def test_graph_of_other_labels_or_features_is_refused(tmp_path: Path) -> None:
    folder = build_bundle(tmp_path / "five", labels=("angry", "calm", "happy", "neutral", "sad"))
    rewrite(folder, lambda values: values["labels"].remove("calm"))
    bundle = Bundle.load(folder)
    with pytest.raises(BundleInvalid, match=r"shape \(5,\) for a clip; \(4,\) is needed"):
        bundle.run(random_clips([10, 12]))
    with pytest.raises(BundleInvalid, match="could not be run"):
        bundle.run(random_clips([10], dimensions=23))


def test_graph_for_one_row_is_not_given_many(tmp_path: Path) -> None:
    bundle = Bundle.load(build_classical_bundle(tmp_path / "rows"))
    with pytest.raises(BundleInvalid, match="takes one row a clip and its features have 3"):
        bundle.run(random_clips([3], dimensions=bundle.manifest.features.dimensions))


def replace_graph(folder: Path, nodes: list[onnx.NodeProto], output: str) -> None:
    """Put another graph into a bundle, with its right checksum."""
    inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", "t", 24])]
    outputs = [helper.make_tensor_value_info(output, TensorProto.FLOAT, None)]
    graph = helper.make_graph(nodes, "other", inputs, outputs)
    opset = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), folder / "model.onnx")
    checksum = sha256_of(folder / "model.onnx")
    rewrite(folder, lambda v: [g.update(sha256=checksum) for g in v["graphs"].values()])


@pytest.mark.parametrize(
    ("operation", "output", "says"),
    [("Relu", "other", "gives no logits"), ("ReduceSum", "logits", "one row for every clip")],
)
def test_graph_that_gives_something_else_is_refused(
    folder: Path, operation: str, output: str, says: str
) -> None:
    replace_graph(folder, [helper.make_node(operation, ["features"], [output])], output)
    with pytest.raises(BundleInvalid, match=says):
        Bundle.load(folder).run(random_clips([10, 10]))


def test_no_clips_are_an_error(bundle: Bundle) -> None:
    with pytest.raises(ArgumentInvalid, match="at least one clip"):
        bundle.run([])


@given(
    lengths=st.lists(st.sampled_from([1, 2, 7, 50, 51, 200]), min_size=2, max_size=8),
    seed=st.integers(0, 1000),
    enrolled=st.booleans(),
    data=st.data(),
)
@settings(max_examples=25, deadline=None)
def test_clips_of_a_batch_are_judged_as_each_alone(
    bundle: Bundle, lengths: list[int], seed: int, enrolled: bool, data: st.DataObject
) -> None:
    clips = random_clips(lengths, seed=seed)
    speaker = voice_of(bundle, len(clips), seed=seed) if enrolled else None
    order = data.draw(st.permutations(range(len(clips))))
    together = bundle.run([clips[index] for index in order], speaker=_only(speaker, order))
    assert together.attention is not None
    for row, index in enumerate(order):
        alone = bundle.run([clips[index]], speaker=_only(speaker, [index]))
        for name in ("logits", "sex", "embedding", "attention", "description"):
            found, expected = getattr(together, name)[row], getattr(alone, name)[0]
            np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-5)
        assert together.attention[row].shape == (lengths[index],)
        assert together.attention[row].sum() == pytest.approx(1.0, abs=1e-5)


def put_graph(folder: Path, graph: onnx.GraphProto, **features: Any) -> Bundle:
    """The bundle with another graph and its right checksum, and changed features."""
    opset = [helper.make_opsetid("", 17)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=9)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, folder / "model.onnx")
    checksum = sha256_of(folder / "model.onnx")
    rewrite(folder, lambda v: [g.update(sha256=checksum) for g in v["graphs"].values()])
    rewrite(folder, lambda v: v["features"].update(features))
    return Bundle.load(folder)


def masked_graph() -> onnx.GraphProto:
    """Means of four columns over the frames that are no padding, and the weights of that mean.

    The embedding is the number of frames that the graph was given, padding and all.
    """
    node = helper.make_node
    constants = {
        "zero": np.array(0),
        "one": np.array(1),
        "columns": np.eye(24, 4, dtype=np.float32),
        "last": np.array([2]),
        "second": np.array([1]),
        "empty": np.zeros((1, 1), dtype=np.float32),
    }
    nodes = [
        node("Shape", ["features"], ["shape"]),
        node("Gather", ["shape", "one"], ["frames"]),
        node("Range", ["zero", "frames", "one"], ["steps"]),
        node("Unsqueeze", ["lengths", "second"], ["length"]),
        node("Less", ["steps", "length"], ["heard"]),
        node("Cast", ["heard"], ["ones"], to=TensorProto.FLOAT),
        node("ReduceSum", ["ones", "second"], ["count"], keepdims=1),
        node("Div", ["ones", "count"], ["attention"]),
        node("Unsqueeze", ["attention", "last"], ["weights"]),
        node("Mul", ["features", "weights"], ["weighted"]),
        node("ReduceSum", ["weighted", "second"], ["pooled"], keepdims=0),
        node("MatMul", ["pooled", "columns"], ["logits"]),
        node("Cast", ["frames"], ["given"], to=TensorProto.FLOAT),
        node("Mul", ["count", "empty"], ["nothing"]),
        node("Add", ["nothing", "given"], ["embedding"]),
    ]
    shapes: dict[str, tuple[int, list[str | int]]] = {
        "features": (TensorProto.FLOAT, ["clips", "frames", 24]),
        "lengths": (TensorProto.INT64, ["clips"]),
        "logits": (TensorProto.FLOAT, ["clips", 4]),
        "attention": (TensorProto.FLOAT, ["clips", "frames"]),
        "embedding": (TensorProto.FLOAT, ["clips", 1]),
    }
    known = {name: helper.make_tensor_value_info(name, *shape) for name, shape in shapes.items()}
    return helper.make_graph(
        nodes,
        "masked",
        [known["features"], known["lengths"]],
        [known[name] for name in ("logits", "attention", "embedding")],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )


def test_a_graph_with_lengths_is_run_on_all_clips_at_once(folder: Path) -> None:
    bundle = put_graph(folder, masked_graph(), frames=40, masked=True)
    lengths = [3, 17, 1, 17, 9]
    clips = random_clips(lengths)
    together = bundle.run(clips)
    assert together.attention is not None
    assert together.embedding is not None
    # One call, in which the shorter ones are padded as far as the longest one goes.
    np.testing.assert_array_equal(together.embedding, np.full((5, 1), 17.0))
    for row, clip in enumerate(clips):
        np.testing.assert_allclose(together.logits[row], clip.mean(axis=0)[:4], atol=1e-6)
        # Nobody is told of the padding: the weights are those of the clip's own frames.
        np.testing.assert_allclose(together.attention[row], np.full(len(clip), 1 / len(clip)))
        alone = bundle.run([clip])
        np.testing.assert_allclose(alone.logits[0], together.logits[row], atol=1e-6)


def test_attention_in_steps_of_several_frames_is_cut_with_its_clip(folder: Path) -> None:
    graph = masked_graph()
    for node in graph.node:
        for names in (node.input, node.output):
            names[:] = ["fine" if name == "attention" else name for name in names]
    for name, value in (("begin", 0), ("end", 1000), ("axis", 1), ("stride", 3)):
        graph.initializer.append(numpy_helper.from_array(np.array([value]), name))
    slice_inputs = ["fine", "begin", "end", "axis", "stride"]
    graph.node.append(helper.make_node("Slice", slice_inputs, ["attention"]))
    bundle = put_graph(folder, graph, frames=40, masked=True)
    lengths = [3, 18, 1, 9]
    attention = bundle.run(random_clips(lengths)).attention
    assert attention is not None
    assert [len(weights) for weights in attention] == [1, 6, 1, 3]
    for weights, length in zip(attention, lengths, strict=True):
        np.testing.assert_allclose(weights, 1 / length)


def test_clips_of_a_graph_of_fixed_length_are_filled_up_with_zeros(folder: Path) -> None:
    weights = np.random.default_rng(3).normal(size=(12 * 24, 4)).astype(np.float32)
    nodes = [
        helper.make_node("Reshape", ["features", "row"], ["rows"]),
        helper.make_node("MatMul", ["rows", "weights"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "fixed",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["clips", 12, 24])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["clips", 4])],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array([-1, 12 * 24]), "row"),
        ],
    )
    bundle = put_graph(folder, graph, frames=12)
    clips = random_clips([12, 1, 5])
    found = bundle.run(clips, mode="enrolled").logits
    for row, clip in enumerate(clips):
        whole = np.zeros((12, 24), dtype=np.float32)
        whole[: len(clip)] = clip
        np.testing.assert_allclose(found[row], whole.reshape(-1) @ weights, atol=1e-4)
        np.testing.assert_allclose(bundle.run([clip]).logits[0], found[row], atol=1e-5)
    with pytest.raises(BundleInvalid, match="could not be run"):
        bundle.run(random_clips([13]))  # which its features never have


def test_unknown_speaker_is_one_with_zeros(bundle: Bundle) -> None:
    clips = random_clips([5, 9])
    nothing = np.zeros(bundle.profile_size, dtype=np.float32)
    unknown = bundle.run(clips)
    nobody = bundle.run(clips, speaker=Voice(nothing, nothing, nothing[:2]))
    np.testing.assert_array_equal(nobody.logits, unknown.logits)
    somebody = bundle.run(clips, speaker=voice_of(bundle, 2))
    assert np.abs(somebody.logits - unknown.logits).max() > 0.1
    assert somebody.description is not None
    assert unknown.description is not None
    np.testing.assert_array_equal(somebody.description, unknown.description)


def test_all_that_is_known_of_a_speaker_counts(bundle: Bundle) -> None:
    clips = random_clips([5, 9])
    voice = voice_of(bundle, 2)
    before = bundle.run(clips, speaker=voice).logits
    for name in ("center", "scale", "levels"):
        other: dict[str, Any] = {name: getattr(voice, name) + np.float32(1.5)}
        after = bundle.run(clips, speaker=replace(voice, **other)).logits
        assert (np.abs(after - before).max(axis=1) > 0.01).all()


def test_bundle_says_how_it_knows_a_speaker(bundle: Bundle, tmp_path: Path) -> None:
    plain = Bundle.load(build_bundle(tmp_path / "plain", described=False))
    rows = Bundle.load(build_classical_bundle(tmp_path / "rows"))
    assert [one.describes for one in (bundle, plain, rows)] == [True, False, False]
    # Mean and deviation of each of 24 bands, or the features themselves.
    assert bundle.profile_size == 48
    assert plain.profile_size == 24
    assert rows.profile_size == rows.manifest.features.dimensions
    clips = random_clips([5, 9])
    told = plain.run(clips, speaker=voice_of(plain, 2))
    np.testing.assert_array_equal(told.logits, plain.run(clips).logits)
    assert told.description is None


def forget_the_center(graph: onnx.GraphProto) -> None:
    del graph.input[[one.name for one in graph.input].index("center")]
    for node in graph.node:
        node.input[:] = ["description" if name == "center" else name for name in node.input]


def take_any_size(graph: onnx.GraphProto) -> None:
    (center,) = (one for one in graph.input if one.name == "center")
    center.type.tensor_type.shape.dim[1].dim_param = "size"


def take_a_number(graph: onnx.GraphProto) -> None:
    (center,) = (one for one in graph.input if one.name == "center")
    del center.type.tensor_type.shape.dim[1]


@pytest.mark.parametrize("damage", [forget_the_center, take_any_size, take_a_number])
def test_description_that_nothing_can_be_compared_with_is_refused(
    folder: Path, damage: Callable[[onnx.GraphProto], None]
) -> None:
    graph = onnx.load(folder / "model.onnx").graph
    damage(graph)
    bundle = put_graph(folder, graph)
    with pytest.raises(BundleInvalid, match="describes clips and takes no center of them: export"):
        bundle.profile_size  # noqa: B018
    with pytest.raises(BundleInvalid, match="describes clips and takes no center of them: export"):
        bundle.run(random_clips([10]))


def test_description_of_another_size_than_its_center_is_refused(folder: Path) -> None:
    graph = onnx.load(folder / "model.onnx").graph
    graph.node.append(helper.make_node("Concat", ["description"] * 2, ["longer"], axis=1))
    (output,) = (one for one in graph.output if one.name == "description")
    for node in graph.node:
        names = node.output if "description" in node.output else []
        names[:] = ["short" for _ in names]
        if "longer" in node.output:
            node.output[:] = ["description"]
        node.input[:] = ["short" if name == "description" else name for name in node.input]
    output.type.tensor_type.shape.dim[1].dim_value = 96
    bundle = put_graph(folder, graph)
    with pytest.raises(BundleInvalid, match=r"description of shape \(96,\) for a clip; \(48,\) is"):
        bundle.run(random_clips([10]))


def test_random_lengths_do_give_different_logits(bundle: Bundle) -> None:
    logits = bundle.run(random_clips([5, 50, 100])).logits
    assert np.abs(np.diff(logits, axis=0)).max() > 0.5


def test_outputs_are_there_as_the_graph_has_them(tmp_path: Path, bundle: Bundle) -> None:
    clips = random_clips([30, 40])
    full = bundle.run(clips)
    assert full.logits.shape == (2, len(LABELS))
    assert full.sex is not None
    assert full.sex.shape == (2, 2)
    assert full.embedding is not None
    assert full.embedding.shape == (2, EMBEDDING)
    assert full.speech is None
    assert not bundle.tells_speech
    bare = Bundle.load(build_bundle(tmp_path / "bare", sex=False, embedding=False)).run(clips)
    assert bare.sex is None
    assert bare.embedding is None
    hearing = Bundle.load(build_bundle(tmp_path / "hearing", speech=True))
    assert hearing.tells_speech
    speech = hearing.run(clips).speech
    assert speech is not None
    assert speech.shape == (2,)
    for row, clip in enumerate(clips):
        alone = hearing.run([clip]).speech
        assert alone is not None
        assert alone[0] == pytest.approx(speech[row], abs=1e-5)


def test_speech_is_one_number_for_a_clip(folder: Path) -> None:
    model = onnx.load(folder / "model.onnx")
    model.graph.node.append(helper.make_node("Identity", ["sex"], ["speech"]))
    model.graph.output.append(helper.make_tensor_value_info("speech", TensorProto.FLOAT, None))
    onnx.save(model, folder / "model.onnx")
    checksum = sha256_of(folder / "model.onnx")
    rewrite(folder, lambda v: [g.update(sha256=checksum) for g in v["graphs"].values()])
    with pytest.raises(BundleInvalid, match=r"gives speech of shape \(2,\) for a clip; one number"):
        Bundle.load(folder).run(random_clips([10]))


def test_rows_without_time_are_judged_as_each_alone(tmp_path: Path) -> None:
    bundle = Bundle.load(build_classical_bundle(tmp_path / "rows"))
    rows = random_clips([1] * 5, dimensions=bundle.manifest.features.dimensions)
    together = bundle.run(rows)
    assert together.attention is None
    for index, row in enumerate(rows):
        np.testing.assert_allclose(together.logits[index], bundle.run([row]).logits[0], atol=1e-5)
    # Each mode has a graph of its own.
    enrolled = bundle.run(rows, mode="enrolled").logits
    assert np.abs(together.logits - enrolled).max() > 0.1


def test_graphs_that_were_loaded_need_no_folder(tmp_path: Path) -> None:
    bundle = Bundle.load(build_classical_bundle(tmp_path / "rows"))
    bundle.load_graphs()
    shutil.rmtree(bundle.folder)
    rows = random_clips([1], dimensions=bundle.manifest.features.dimensions)
    assert bundle.run(rows).logits.shape == bundle.run(rows, mode="enrolled").logits.shape


def test_export_is_a_bundle_of_the_same_files(original: Path, tmp_path: Path) -> None:
    (target := tmp_path / "empty").mkdir()
    bundle = Bundle.load(original)
    for wanted in (target, tmp_path / "new" / "deeper"):
        exported = Bundle.load(bundle.export(wanted))
        assert exported.folder == wanted
        assert exported.fingerprint == bundle.fingerprint
        for path in original.iterdir():
            assert (wanted / path.name).read_bytes() == path.read_bytes()


def test_export_overwrites_nothing(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    for target in (tmp_path / "full", tmp_path / "file"):
        with pytest.raises(ArgumentInvalid, match="not an empty folder"):
            bundle.export(target)
    assert [path.name for path in (tmp_path / "full").iterdir()] == ["mine.txt"]


def test_bundles_of_the_package_are_found_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("alpha", DEFAULT_BUNDLE, "zeta"):
        build_bundle(tmp_path / name, name=name)
    (tmp_path / "no-bundle").mkdir()
    monkeypatch.setattr(files_module, "_packaged", lambda: tmp_path)
    assert list(available_bundles()) == [DEFAULT_BUNDLE, "alpha", "zeta"]
    assert find_bundle("zeta") == tmp_path / "zeta"
    assert Bundle.load("zeta").manifest.name == "zeta"
    assert Bundle.load().manifest.name == DEFAULT_BUNDLE
    with pytest.raises(BundleInvalid, match="one of these names: bundled, alpha, zeta"):
        Bundle.load("omega")


def test_installation_without_bundles_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files_module, "_packaged", lambda: tmp_path / "nothing")
    assert available_bundles() == {}
    with pytest.raises(BundleInvalid, match="none in this installation") as caught:
        Bundle.load()
    assert caught.value.file == DEFAULT_BUNDLE


def test_bundles_of_the_package_are_whole() -> None:
    if not available_bundles():
        pytest.skip("the package has no bundle")
    for name in available_bundles():
        bundle = Bundle.load(name)
        assert bundle.card
        assert bundle.manifest.name == name
        frames = random_clips([1], dimensions=bundle.manifest.features.dimensions)
        assert np.isfinite(bundle.run(frames).logits).all()


def test_checksum_is_that_of_the_standard(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")  # the example of FIPS 180-4
    assert sha256_of(tmp_path / "abc") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
