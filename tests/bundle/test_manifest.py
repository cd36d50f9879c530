"""The manifest: what is written is read back, to the last bit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serein.bundle import MODES, Graph, Manifest, Normalization
from serein.errors import BundleInvalid
from serein.explanation import Prosody
from serein.features import FeatureSpec
from serein.features.prosody import ProsodyReference

positive = st.floats(2.0**-100, 2.0**100, width=32)
anything = st.floats(allow_nan=False, allow_infinity=False, width=32)


def manifest(mean: list[float], std: list[float], temperature: float = 1.0) -> Manifest:
    return Manifest(
        name="ünïcode",
        labels=("sad", "angry"),
        features=FeatureSpec(kind="log_mel", bands=len(mean), coefficients=1),
        normalization=Normalization(
            np.array(mean, dtype=np.float32), np.array(std, dtype=np.float32), 2.5
        ),
        graphs={mode: Graph(f"{mode}.onnx", "0" * 64, temperature) for mode in MODES},
        minimum_confidence=0.4,
        licence="CC0-1.0",
        parameters=12,
        corpora={"a": {"clips": 3, "labels": ["sad"]}},
        scores={"a": {"uar": 0.75}},
        recipe={"name": "r", "deep": {"list": [1, 2.5, None, True]}},
    )


@given(
    pairs=st.lists(st.tuples(anything, positive), min_size=1, max_size=8),
    temperature=st.floats(0.01, 100.0),
)
@settings(max_examples=50, deadline=None)
def test_numbers_survive_exactly(
    tmp_path_factory: pytest.TempPathFactory,
    pairs: list[tuple[float, float]],
    temperature: float,
) -> None:
    folder = tmp_path_factory.mktemp("manifest")
    written = manifest([mean for mean, _ in pairs], [std for _, std in pairs], temperature)
    written.write(folder)
    found = Manifest.read(folder)
    for name in ("mean", "std"):
        before, after = getattr(written.normalization, name), getattr(found.normalization, name)
        assert after.dtype == np.float32
        np.testing.assert_array_equal(after.view(np.uint32), before.view(np.uint32))
    assert found.graphs == written.graphs
    assert found.as_dict() == written.as_dict()


def test_everything_else_survives(tmp_path: Path) -> None:
    written = manifest([0.1, 0.2], [1.0, 2.0])
    written.write(tmp_path)
    found = Manifest.read(tmp_path)
    for name in (
        "name",
        "labels",
        "features",
        "minimum_confidence",
        "licence",
        "parameters",
        "corpora",
        "scores",
        "recipe",
    ):
        assert getattr(found, name) == getattr(written, name), name
    assert found.normalization.prior_clips == written.normalization.prior_clips


def test_the_order_of_the_labels_is_kept(tmp_path: Path) -> None:
    manifest([0.0], [1.0]).write(tmp_path)
    assert Manifest.read(tmp_path).labels == ("sad", "angry")


def test_label_set_is_that_of_the_recipe(tmp_path: Path) -> None:
    plain = manifest([0.0], [1.0])
    assert plain.label_set is None
    assert replace(plain, recipe={"labels": ["sad", "angry"]}).label_set is None
    replace(plain, recipe={"labels": "esd"}).write(tmp_path)
    assert Manifest.read(tmp_path).label_set == "esd"


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ("eight", "unknown label set 'eight'; the label sets are three"),
        ("three", "the label set 'three' has no sad, angry; its classes are negative, neutral"),
    ],
)
def test_label_set_that_is_not_the_models(tmp_path: Path, labels: str, told: str) -> None:
    replace(manifest([0.0], [1.0]), recipe={"labels": labels}).write(tmp_path)
    with pytest.raises(BundleInvalid, match=told):
        Manifest.read(tmp_path)


def test_numbers_are_written_as_a_person_would(tmp_path: Path) -> None:
    manifest([0.1], [0.3]).write(tmp_path)
    values = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert values["normalization"]["mean"] == [0.1]
    assert values["normalization"]["std"] == [0.3]
    assert values["format"] == "serein-bundle"
    assert values["name"] == "ünïcode"


def test_prosody_of_the_training_speakers_survives_and_may_be_absent(tmp_path: Path) -> None:
    women = ProsodyReference(30, Prosody(pitch=211.5, tempo=4.25), {"pitch": 3.5, "tempo": 20.0})
    replace(manifest([0.0], [1.0]), prosody={"female": women}).write(tmp_path)
    assert Manifest.read(tmp_path).prosody == {"female": women}
    path = tmp_path / "manifest.json"
    values = json.loads(path.read_text(encoding="utf-8"))
    del values["prosody"]
    path.write_text(json.dumps(values), encoding="utf-8")
    assert Manifest.read(tmp_path).prosody == {}


@pytest.mark.parametrize(
    ("prosody", "told"),
    [
        ([], "prosody must be a table"),
        ({"child": {}}, "female and male, not of 'child'"),
        ({"female": {"clips": 1}}, "'spread'"),
        ({"male": {"clips": 1, "usual": {"pitch": -1.0}, "spread": {}}}, "from 0 on"),
    ],
)
def test_damaged_prosody_is_refused(tmp_path: Path, prosody: Any, told: str) -> None:
    manifest([0.0], [1.0]).write(tmp_path)
    path = tmp_path / "manifest.json"
    values = json.loads(path.read_text(encoding="utf-8")) | {"prosody": prosody}
    path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(BundleInvalid, match=told):
        Manifest.read(tmp_path)
