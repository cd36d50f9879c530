from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest

from serein.training.graft import graft
from serein.training.logistic import Affine
from tests.builders import EMBEDDING, LABELS, build_bundle

Outputs = dict[str, npt.NDArray[np.float32]]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_bundle(tmp_path_factory.mktemp("base") / "base", speech=True) / "model.onnx"


def _head(seed: int, *, inputs: int = EMBEDDING + len(LABELS), labels: int = 3) -> Affine:
    generator = np.random.default_rng(seed)
    return Affine(generator.normal(size=(inputs, labels)), generator.normal(size=labels))


def _run(path: Path, clips: int = 3) -> Outputs:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    generator = np.random.default_rng(0)
    sizes = {"clips": clips, "frames": 40}
    feed = {
        node.name: generator.normal(
            size=[sizes.get(size, size) for size in node.shape],
        ).astype(np.float32)
        for node in session.get_inputs()
    }
    names = [node.name for node in session.get_outputs()]
    return dict(zip(names, session.run(names, feed), strict=True))


def _expected(head: Affine, before: Outputs) -> npt.NDArray[np.float64]:
    return head.logits(np.concatenate([before["embedding"], before["logits"]], axis=1))


def test_only_the_logits_are_others(source: Path, tmp_path: Path) -> None:
    head = _head(1)
    graft(source, head, tmp_path / "new.onnx")
    before, after = _run(source), _run(tmp_path / "new.onnx")
    assert list(after) == list(before)
    assert {"sex", "speech", "embedding", "attention"} <= set(after)
    for name in set(after) - {"logits"}:
        np.testing.assert_array_equal(after[name], before[name])
    np.testing.assert_allclose(after["logits"], _expected(head, before), rtol=1e-4, atol=1e-4)


def test_a_head_may_be_put_on_a_head(source: Path, tmp_path: Path) -> None:
    first, second = _head(1), _head(2, inputs=EMBEDDING + 3, labels=5)
    graft(source, first, tmp_path / "first.onnx")
    graft(tmp_path / "first.onnx", second, tmp_path / "second.onnx")
    before, after = _run(tmp_path / "first.onnx"), _run(tmp_path / "second.onnx")
    np.testing.assert_allclose(after["logits"], _expected(second, before), rtol=1e-4, atol=1e-3)


def test_what_else_reads_the_former_logits_still_does(source: Path, tmp_path: Path) -> None:
    model = onnx.load(str(source))
    model.graph.node.append(onnx.helper.make_node("Neg", ["logits"], ["opposite"]))
    model.graph.output.append(
        onnx.helper.make_tensor_value_info("opposite", onnx.TensorProto.FLOAT, ["clips", 4])
    )
    onnx.save(model, tmp_path / "source.onnx")
    graft(tmp_path / "source.onnx", _head(1), tmp_path / "new.onnx")
    before, after = _run(tmp_path / "source.onnx"), _run(tmp_path / "new.onnx")
    np.testing.assert_array_equal(after["opposite"], before["opposite"])


def test_the_shape_is_told(source: Path, tmp_path: Path) -> None:
    graft(source, _head(1), tmp_path / "new.onnx")
    session = onnxruntime.InferenceSession(
        str(tmp_path / "new.onnx"), providers=["CPUExecutionProvider"]
    )
    shapes = {node.name: node.shape for node in session.get_outputs()}
    assert shapes["logits"][1] == 3
