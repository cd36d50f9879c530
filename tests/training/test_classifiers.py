"""Classical models: their graphs agree with scikit-learn, and each does what its options say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from serein.bundle import Bundle, Graph, Manifest, Normalization, sha256_of
from serein.evaluation.quick import quick_recipe
from serein.features import FeatureSpec
from serein.labels import LABELS
from serein.training.classical import decision
from serein.training.classifier_recipe import classifier_options
from serein.training.classifiers import CLASSIFIERS, ClassifierKind
from serein.training.classifiers.graphs import Tree as GraphTree
from serein.training.classifiers.graphs import graph_of, log_softmax, logarithm, tree_sum
from serein.training.classifiers.kind import LEAST_PROBABILITY
from serein.training.data import Dataset
from serein.training.export import export_classifier
from serein.training.recipe import load_recipe

ROWS = FeatureSpec(kind="mfcc")
OPTIONS: dict[str, dict[str, Any]] = {
    "linear-svm": {"regularization": (0.1,)},
    "random-forest": {"minimum_leaf": (1,), "trees": 25, "leaves": 12, "feature_share": 0.3},
    "gradient-boosting": {"rounds": (8,), "minimum_leaf": 3, "feature_share": 0.3},
    "mlp": {"weight_decay": (0.1,), "hidden": (16, 8), "epochs": 40, "learning_rate": 0.01},
}
# Too coarse to learn single clips by heart.
COARSE: dict[str, dict[str, Any]] = {
    "linear-svm": {},
    "random-forest": {"minimum_leaf": (20,)},
    "gradient-boosting": {"minimum_leaf": 20},
    "mlp": {"hidden": (4,), "epochs": 10},
}
WITH_PROBABILITIES = [name for name in CLASSIFIERS if name != "linear-svm"]

Rows = npt.NDArray[np.float32]


def _blobs(labels: int, clips: int = 120, *, spread: float = 1.5) -> tuple[Rows, Any]:
    """Rows round a centre for each label, cut as normalised features are."""
    generator = np.random.default_rng(labels)
    targets = np.arange(clips) % labels
    centres = generator.normal(0, spread, (labels, ROWS.dimensions))
    rows = centres[targets] + generator.normal(size=(clips, ROWS.dimensions))
    return rows.clip(-8, 8).astype(np.float32), targets


def _fitted(name: str, rows: Rows, targets: Any, **changes: Any) -> tuple[ClassifierKind, Any]:
    kind = CLASSIFIERS[name]
    options = kind.options(**(OPTIONS[name] | changes))
    return kind, kind.fit(options, getattr(options, kind.chosen)[0], rows, targets, 0)


def _run(kind: ClassifierKind, model: Any, rows: Rows, labels: int, folder: Path) -> Any:
    """Logits as a bundle gives them."""
    spec = ROWS if rows.shape[1] == ROWS.dimensions else FeatureSpec(kind="functionals")
    export_classifier(kind, model, spec.dimensions, folder / "model.onnx")
    graph = Graph("model.onnx", sha256_of(folder / "model.onnx"), 1.0)
    ones = np.ones(spec.dimensions, np.float32)
    manifest = Manifest(
        name="rows",
        labels=LABELS[:labels],
        features=spec,
        normalization=Normalization(ones, ones, 2.0),
        graphs={"unknown": graph, "enrolled": graph},
        minimum_confidence=0.5,
        licence="CC0-1.0",
        parameters=1,
    )
    return Bundle(folder, manifest).run([row[None] for row in rows]).logits


@pytest.mark.parametrize("labels", [2, 3, 8])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_graph_agrees_with_scikit_learn(name: str, labels: int, tmp_path: Path) -> None:
    rows, targets = _blobs(labels)
    kind, model = _fitted(name, rows, targets)
    far = np.random.default_rng(1).normal(0, 3, (200, ROWS.dimensions)).astype(np.float32)
    asked = np.concatenate([rows, far.clip(-8, 8)])
    found = _run(kind, model, asked, labels, tmp_path)
    np.testing.assert_allclose(found, decision(kind, model, asked, labels), atol=1e-4)
    graph = onnx.load(tmp_path / "model.onnx")
    onnx.checker.check_model(graph)
    assert [value.name for value in graph.graph.input] == ["features"]
    assert [value.name for value in graph.graph.output] == ["logits"]


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_graph_agrees_on_real_features(name: str, functionals: Dataset, tmp_path: Path) -> None:
    values = np.concatenate([clip.values for clip in functionals.features])
    spread = np.maximum(values.std(axis=0), 1e-3)
    rows = ((values - values.mean(axis=0)) / spread).clip(-8, 8)
    targets = functionals.targets(functionals.labels)
    kind, model = _fitted(name, rows, targets)
    found = _run(kind, model, rows, 4, tmp_path)
    np.testing.assert_allclose(found, decision(kind, model, rows, 4), atol=1e-4)


@pytest.mark.parametrize("name", ["random-forest", "gradient-boosting"])
def test_a_row_on_a_threshold_goes_the_same_way(name: str, tmp_path: Path) -> None:
    """Features a rounding apart: their thresholds lie between two float32."""
    generator = np.random.default_rng(0)
    base = generator.normal(size=(60, ROWS.dimensions)).astype(np.float32)
    rows = np.concatenate([base, np.nextafter(base, np.float32(np.inf))])
    targets = np.repeat([0, 1], 60)
    kind, model = _fitted(name, rows, targets)
    found = _run(kind, model, rows, 2, tmp_path)
    np.testing.assert_allclose(found, decision(kind, model, rows, 2), atol=1e-4)


@pytest.mark.parametrize("name", WITH_PROBABILITIES)
@pytest.mark.parametrize("labels", [2, 4])
def test_logits_are_logarithms_of_probabilities(name: str, labels: int) -> None:
    rows, targets = _blobs(labels, spread=0.5)
    kind, model = _fitted(name, rows, targets)
    expected = np.log(model.predict_proba(rows.astype(np.float64)))
    lowest = np.log(LEAST_PROBABILITY)
    np.testing.assert_allclose(kind.logits(model, rows), np.maximum(expected, lowest), rtol=1e-12)


@pytest.mark.parametrize("labels", [2, 4])
def test_logits_of_the_linear_machine_are_its_margins(labels: int) -> None:
    rows, targets = _blobs(labels)
    kind, model = _fitted("linear-svm", rows, targets)
    margins = decision(kind, model, rows, labels)
    expected = model.decision_function(rows)
    if labels == 2:
        np.testing.assert_array_equal(margins, np.stack([-expected, expected], axis=1))
    else:
        np.testing.assert_array_equal(margins, expected)


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("held", [(0, 2), (1, 2, 4)])
def test_a_label_that_training_lacked_is_impossible(name: str, held: tuple[int, ...]) -> None:
    rows, targets = _blobs(len(held))
    kind, model = _fitted(name, rows, np.array(held)[targets])
    logits = decision(kind, model, rows, 5)
    assert np.isfinite(logits[:, held]).all()
    missing = [label for label in range(5) if label not in held]
    assert (logits[:, missing] == -np.inf).all()
    np.testing.assert_array_equal(logits.argmax(axis=1), model.predict(rows))


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_emotions_weigh_the_same(name: str) -> None:
    """Of two overlapping labels the one with nine times the clips is not always preferred."""
    generator = np.random.default_rng(0)
    targets = np.repeat([0, 1], [360, 40])
    rows = generator.normal(0, 1, (400, ROWS.dimensions)).astype(np.float32)
    rows[:, 0] += targets
    kind, model = _fitted(name, rows, targets, **COARSE[name])
    unseen = generator.normal(0, 1, (4000, ROWS.dimensions)).astype(np.float32)
    unseen[:2000, 0] += 1
    share = (decision(kind, model, unseen, 2).argmax(axis=1) == 1).mean()
    assert 0.3 < share < 0.7


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_same_seed_gives_the_same_file_on_any_number_of_threads(
    name: str, tmp_path: Path
) -> None:
    rows, targets = _blobs(4, 600)
    written = []
    for threads in (1, 2, 4):
        with threadpool_limits(threads):
            kind, model = _fitted(name, rows, targets)
        export_classifier(kind, model, ROWS.dimensions, tmp_path / f"{threads}.onnx")
        written.append((tmp_path / f"{threads}.onnx").read_bytes())
    assert written[0] == written[1] == written[2]


def test_fewer_rounds_are_the_first_ones_of_more() -> None:
    rows, targets = _blobs(3)
    kind = CLASSIFIERS["gradient-boosting"]
    options = kind.options(**(OPTIONS["gradient-boosting"] | {"rounds": (9, 2, 5)}))
    values = (2, 5, 9)
    for value, model in zip(
        values, kind.models(options, values, rows, targets, seed=4), strict=True
    ):
        anew = kind.fit(options, value, rows, targets, 4)
        assert model.n_iter_ == value
        np.testing.assert_array_equal(kind.logits(model, rows), kind.logits(anew, rows))


def test_parameters_are_the_numbers_that_were_fitted() -> None:
    rows, targets = _blobs(3)
    fitted = {name: _fitted(name, rows, targets) for name in CLASSIFIERS}
    counts = {name: kind.parameters(model) for name, (kind, model) in fitted.items()}
    assert counts["linear-svm"] == 3 * (ROWS.dimensions + 1)
    assert counts["mlp"] == 13 * 16 + 16 + 16 * 8 + 8 + 8 * 3 + 3
    # A tree of n leaves has n - 1 splits of two numbers; leaves hold shares, or one value.
    _, forest = fitted["random-forest"]
    leaves = [tree.get_n_leaves() for tree in forest.estimators_]
    assert max(leaves) <= 12
    assert counts["random-forest"] == sum(2 * (n - 1) + 3 * n for n in leaves)
    _, boosting = fitted["gradient-boosting"]
    nodes = [len(tree.nodes) for round_ in boosting._predictors for tree in round_]
    assert len(nodes) == 8 * 3
    assert counts["gradient-boosting"] == 3 + sum(2 * (n - 1) // 2 + (n + 1) // 2 for n in nodes)


def test_a_perceptron_runs_all_its_epochs() -> None:
    rows, targets = _blobs(2, spread=5.0)  # learnt at once: an early end would show
    _, model = _fitted("mlp", rows, targets)
    assert model.n_iter_ == 40


def _leaf(*values: float) -> GraphTree:
    """A tree that is one leaf."""
    nothing = np.array([-1])
    leaf = np.array([True])
    return GraphTree(nothing, nothing, leaf, nothing, np.zeros(1), np.array([values]))


def test_trees_of_one_leaf_add_up() -> None:
    import onnxruntime

    parts = [tree_sum([_leaf(0.25, 0.0), _leaf(0.0, 0.0), _leaf(0.5, 0.0)], np.zeros(2))]
    model = graph_of([*parts, logarithm()], dimensions=3, classes=2)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (logits,) = session.run(None, {"features": np.zeros((2, 3), np.float32)})
    expected = np.log([0.75, LEAST_PROBABILITY])
    np.testing.assert_allclose(logits, np.tile(expected, (2, 1)), rtol=1e-6)


def test_one_log_odds_makes_two_probabilities() -> None:
    import onnxruntime

    for odds in (-30.0, -1.0, 0.0, 2.5, 30.0):
        parts = [tree_sum([_leaf(odds)], np.zeros(1)), log_softmax(1)]
        model = graph_of(parts, dimensions=1, classes=2)
        session = onnxruntime.InferenceSession(model.SerializeToString())
        (logits,) = session.run(None, {"features": np.zeros((1, 1), np.float32)})
        second = -np.logaddexp(0, -odds)
        first = -np.logaddexp(0, odds)
        expected = np.maximum([first, second], np.log(LEAST_PROBABILITY))
        np.testing.assert_allclose(logits[0], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "recipe", ["functionals-svm", "functionals-forest", "functionals-boosting", "functionals-mlp"]
)
def test_quick_recipes_are_smaller_and_still_recipes(recipe: str) -> None:
    full = load_recipe(recipe)
    quick = quick_recipe(full)
    assert full.classifier is not None
    assert quick.classifier is not None
    assert quick == replace(full, classifier=quick.classifier)
    assert quick.classifier.name == full.classifier.name
    options = classifier_options(quick.classifier, "quick")
    kind = CLASSIFIERS[full.classifier.name]
    for name, value in kind.quick.items():
        assert getattr(options, name) == (tuple(value) if isinstance(value, list) else value)
