"""The evaluation against values worked out by hand, with an integrator and a data set made for it."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from icell_tf.config import FIRST_PREPARATION, Cells
from icell_tf.evaluation import metrics
from icell_tf.evaluation.report import METRICS_FILE, evaluate, table

NAMES, SIZE = ("tom20", "zo1", "lysosome"), 16


class FakeIntegrator:
    """Predicts structure k as the nucleus to the power of k + 1; the third channel's mean tells the class."""

    structures, image_size, pixel_size, preparation = NAMES, SIZE, 1.2, FIRST_PREPARATION

    def encode_reference(self, x_r):
        return {"z_r": x_r.mean(axis=(1, 2))}

    def integrate(self, x_r, samples=0, seed=0):
        structures = np.stack([x_r[..., 1] ** (k + 1) for k in range(len(NAMES))], axis=-1)
        return {"structures": structures, "mean": 1 - structures, **self.encode_reference(x_r)}

    def classify(self, x_rs):
        return {"probabilities": np.eye(len(NAMES))[np.rint(x_rs[..., 2].mean(axis=(1, 2))).astype(int)]}

    def reconstruct(self, x_rs):
        return {"x_rs_hat": x_rs}

    def sample(self, y, seed):
        return {"x_rs": np.full((len(y), SIZE, SIZE, 3), 0.5, np.float32)}


class FakePrepared:
    """Cells of the first two structures; with `expected`, each is just what the integrator predicts."""

    cells = Cells(NAMES, SIZE, 1.2, "fake/1.0.0")
    train_split = "train"

    def __init__(self, expected):
        self.expected = expected

    def examples(self, split, batch_size):
        rng = np.random.default_rng(len(split))
        image = rng.integers(1, 256, (4, SIZE, SIZE, 3), np.uint8)
        y = np.array([0, 0, 1, 1])
        image[..., 2] = np.where(y == 0, 20, 250)[:, None, None] + rng.integers(0, 5, (4, SIZE, SIZE))
        nucleus = image[..., 1] / np.float32(255)
        found = {"image": image, "structure": y}
        if self.expected:
            exact = np.stack([nucleus ** (k + 1) for k in range(len(NAMES))], axis=-1)
            found |= {"expected": np.rint(255 * exact).astype(np.uint8), "ceiling": np.full((4, len(NAMES)), 0.9)}
        yield from ({name: values[i : i + 2] for name, values in found.items()} for i in (0, 2))


def test_a_perfect_prediction_correlates_fully_with_what_is_expected(tmp_path):
    content, pictures = evaluate(FakeIntegrator(), FakePrepared(expected=True), tmp_path / "out", draws=2)
    assert content["accuracy"] == content["balanced_accuracy"] == 1
    assert content["confusion"] == [[2, 0, 0], [0, 2, 0], [0, 0, 0]]
    assert content["compared_with"] == "expected" and list(content["integration"]) == list(NAMES)
    for row in (*content["integration"].values(), content["integration_mean"]):
        assert row["model"] == pytest.approx(1, abs=1e-3)
        assert row["mean_of_draws"] == pytest.approx(-1, abs=1e-3)
        assert row["ceiling"] == pytest.approx(0.9)
        assert abs(row["class_mean"]) < 0.3
    assert json.loads((tmp_path / "out" / METRICS_FILE).read_text()) == content
    for path in pictures:
        with Image.open(path) as picture:
            assert picture.width > 100


def test_without_expectations_only_observed_structures_count(tmp_path):
    prepared = FakePrepared(expected=False)
    content, _ = evaluate(FakeIntegrator(), prepared, tmp_path, draws=2)
    assert content["compared_with"] == "observed"
    assert list(content["integration"]) == ["tom20", "zo1"]  # no test cell shows a lysosome
    cells = np.concatenate([batch["image"] for batch in prepared.examples("test", 4)])[2:] / np.float32(255)
    expected = metrics.pearson(cells[..., 1:2] ** 2, cells[..., 2:]).mean()
    assert content["integration"]["zo1"]["model"] == pytest.approx(expected, abs=1e-6)
    assert content["integration_mean"]["model"] == pytest.approx(
        np.mean([row["model"] for row in content["integration"].values()])
    )
    assert "NaN" not in (tmp_path / METRICS_FILE).read_text()


def test_the_nearest_neighbour_is_a_training_cell_of_the_structure(tmp_path):
    class Trained(FakePrepared):
        """Tests on the training cells, which are their own neighbours."""

        def examples(self, split, batch_size):
            return super().examples("train", batch_size)

    content, _ = evaluate(FakeIntegrator(), Trained(expected=False), tmp_path, draws=1)
    assert [row["nearest"] for row in content["integration"].values()] == pytest.approx([1, 1])


@pytest.mark.parametrize(
    "other",
    [{"structures": NAMES[::-1]}, {"image_size": 64}, {"pixel_size": 0.6}, {"preparation": "none, maximum, 1"}],
)
def test_a_data_set_of_other_cells_is_refused(tmp_path, other):
    prepared = FakePrepared(expected=True)
    prepared.cells = dataclasses.replace(prepared.cells, **other)
    with pytest.raises(ValueError, match="--dataset: fake/1.0.0 has .* but the model was trained on tom20"):
        evaluate(FakeIntegrator(), prepared, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_table_has_a_line_a_structure_and_a_dash_for_what_is_not_known():
    content = {"dataset": "d", "test_cells": 4, "accuracy": 0.5, "balanced_accuracy": 0.25, "compared_with": "expected"}
    content["integration"] = {"tom20": {"model": 0.123, "ceiling": 0.9}, "zo1": {"model": -0.5}}
    content["integration_mean"] = {"model": -0.188, "ceiling": 0.9}
    lines = table(content).splitlines()
    assert lines[0] == "d: 4 test cells" and "0.500, balanced 0.250" in lines[1]
    assert [line.split() for line in lines[3:]] == [
        ["model", "ceiling"],
        ["tom20", "0.123", "0.900"],
        ["zo1", "-0.500", "-"],
        ["mean", "-0.188", "0.900"],
    ]
