"""The detector and its scores, of draws whose quality is known."""

import dataclasses

import numpy as np
import pytest
from scipy import ndimage

from icell_tf.evaluation import detection, detector
from icell_tf.evaluation.detection import IN_CELLS, NEW, REAL
from icell_tf.evaluation.metrics.distances import probability_larger
from icell_tf.spec import CellSpec
from tests.made_up import OBLONG, VOLUMES, MadeUpCells, MadeUpModel
from tests.short_evaluation import by_name, coded_cells, spec_of

NAMES, SIZE, STEPS = ("tom20", "zo1"), 16, 80
SPEC = CellSpec("YX", (SIZE, SIZE), (1, 1), NAMES)
ROWS, COLUMNS = np.mgrid[:SIZE, :SIZE] - 7.5


def shapes(count, rng):
    """Round cells around round nuclei somewhere, (N, H, W, 2) in [0, 1]."""
    y, x = rng.uniform(-3, 3, (2, count, 1, 1))
    nucleus = np.hypot(ROWS - y, COLUMNS - x) < 3
    return np.stack([np.broadcast_to(np.hypot(ROWS, COLUMNS) < 7, nucleus.shape), nucleus], axis=-1) * 0.8


def structures(x_r, rng):
    """Grain in the nucleus, and around it, (N, H, W, K)."""
    nucleus = x_r[..., 1] > 0.1
    grain = rng.random(nucleus.shape) * (x_r[..., 0] > 0.1)
    return np.stack([grain * nucleus, grain * ~nucleus], axis=-1)


class Model:
    """Draws the structures as cells have them; `change` makes them worse."""

    structures, mirrored = NAMES, False

    def __init__(self, change=lambda images: images):
        self.change = change

    def draw(self, x_r, count, seed, y):
        rng = np.random.default_rng(seed)
        yield from (self.change(structures(x_r, rng))[np.arange(len(y)), ..., y] for _ in range(count))

    def sample(self, y, seed):
        rng = np.random.default_rng(seed)
        x_r = shapes(len(y), rng)
        shown = self.change(structures(x_r, rng))[np.arange(len(y)), ..., y]
        return {"x_rs": np.concatenate([x_r, shown[..., None]], axis=-1)}


def cells(count, seed):
    y = np.arange(count) % 2
    return coded_cells(np.rint(255 * Model().sample(y, seed)["x_rs"]).astype(np.uint8), y, spec=SPEC)


def blurred(images):
    return ndimage.gaussian_filter(images, 0.5, axes=(1, 2))


def test_true_draws_are_not_told_from_observed_cells():
    measured = detection.measure(Model(), cells(120, 1), cells(80, 2), (STEPS,))
    found = by_name(detection.scores(measured, NAMES))
    assert len(found) == 2 * (1 + len(NAMES))
    for sample in (IN_CELLS, NEW):
        auc = found[f"auc_of_{sample}_{STEPS}"]
        assert auc.interval[0] < 0.5 < auc.interval[1] + 0.05 and auc.value < 0.65 and auc.n == 80
        assert auc.landmarks["real cells"] < 0.65
        assert found[f"zo1_auc_of_{sample}_{STEPS}"].n == 40


@pytest.mark.parametrize(
    "change",
    [blurred, lambda images: images[..., ::-1], lambda images: np.roll(images, 1, axis=0)],
    ids=["blurred", "wrong structure", "of another cell"],
)
def test_worse_draws_are_found_out(change):
    rng, model = np.random.default_rng(0), Model(change)
    learnt, tested = (detection.observed_cells(cells(120, seed), rng) for seed in (1, 2))
    learnt, tested = detection.draw_inside(model, learnt, 4, rng), detection.draw_inside(model, tested, 1, rng)
    trained = detector.train_detector(learnt, STEPS)
    observed, drawn = (detector.verdicts(trained, x, tested.y, SPEC) for x in (tested.observed, tested.drawn[0]))
    assert probability_larger(observed, drawn) > 0.9


def test_a_detector_is_the_same_again_and_another_with_another_seed():
    examples = detection.observed_cells(cells(100, 1), np.random.default_rng(0))
    examples = detection.draw_inside(Model(), examples, 2, np.random.default_rng(0))
    of = [detector.train_detector(examples, 2, seed) for seed in (0, 0)] + [detector.build_detector(SPEC, 1)]
    said = [detector.verdicts(network, examples.observed, examples.y, SPEC) for network in of]
    assert np.array_equal(said[0], said[1]) and not np.allclose(said[0], said[2], rtol=0.01)


def test_a_detector_sees_each_plane_of_a_volume():
    assert detector.build_detector(VOLUMES).inputs[0].shape == (None, 16, 16, 8 * 3)
    volumes = np.zeros((2, *VOLUMES.image_shape), np.uint8)
    volumes[0, 1, ..., 2] = volumes[1, 2, ..., 2] = 200  # the same maximum along z
    first, second = detector.verdicts(detector.build_detector(VOLUMES), volumes, np.zeros(2, int), VOLUMES)
    assert abs(first - second) > 1e-4


def test_draws_are_of_the_structure_that_the_cell_shows_and_differ():
    real = detection.observed_cells(cells(100, 1), np.random.default_rng(0))
    drawn = detection.draw_inside(Model(), real, 3, np.random.default_rng(0)).drawn
    assert drawn.shape == (3, 100, SIZE, SIZE, 3) and np.array_equal(drawn[0, ..., :2], real.observed[..., :2])
    nucleus = real.observed[..., 1] > 0
    assert np.array_equal((drawn[1, ..., 2] * nucleus).any(axis=(1, 2)), real.y == 0)
    assert (drawn[0, 0] != drawn[1, 0]).any() and (drawn[0, 2] != drawn[0, 22]).any()
    new = detection.draw_new(Model(), real, 2, np.random.default_rng(0)).drawn
    assert len(np.unique(new.reshape(200, -1), axis=0)) == 200


def test_halves_pair_different_cells_of_one_structure():
    real = detection.observed_cells(cells(101, 1), np.random.default_rng(0))
    halved = detection.halves(real, np.random.default_rng(0))
    assert len(halved.y) == 50 and halved.drawn.shape == (1, 50, SIZE, SIZE, 3)
    both = np.concatenate([halved.observed, halved.drawn[0]])
    assert len(np.unique(both.reshape(100, -1), axis=0)) == 100
    for images in (halved.observed, halved.drawn[0]):
        assert np.array_equal((images[..., 2] * (images[..., 1] > 0)).any(axis=(1, 2)), halved.y == 0)


def test_poses_keep_what_is_there_and_turn_square_frames_only(rng):
    images = rng.integers(1, 255, (40, SIZE, SIZE, 3), np.uint8)
    images[:, :2] = images[:, -2:] = images[:, :, :2] = images[:, :, -2:] = 0
    before, posed = images.copy(), detector.posed(images, SPEC, np.random.default_rng(0))
    assert np.array_equal(images, before)
    for image, other in zip(images, posed, strict=True):
        assert np.array_equal(np.sort(image, axis=None), np.sort(other, axis=None))
    oblong = np.zeros((40, 16, 64, 3), np.uint8)
    oblong[:, 4:12, 16:48] = 1
    for image in detector.posed(oblong, spec_of(oblong, 1), np.random.default_rng(0)):
        rows, columns = (np.flatnonzero(image.any(axis=axes)) for axes in ((1, 2), (0, 2)))
        assert len(rows) == 8 and len(columns) == 32


@pytest.mark.parametrize("spec, structures", [(VOLUMES, 3), (OBLONG, 1)], ids=["volumes", "oblong"])
def test_cells_of_any_shape_and_one_structure(spec, structures, rng, monkeypatch):
    monkeypatch.setattr(detection, "KEPT", 1)  # where memory is short the fewest cells are kept, with a draw each
    spec = dataclasses.replace(spec, structures=spec.structures[:structures])
    made = MadeUpCells(spec, {"validation": 110, "test": 20})
    validation, test = (
        coded_cells(made.read(split, slice(None))["image"], made.labels(split)["structure"], spec=spec)
        for split in ("validation", "test")
    )
    trained = detector.train_detector(detection.halves(detection.observed_cells(validation, rng), rng), 1)
    monkeypatch.setattr(detection, "train_detector", lambda examples, steps, seed: trained)
    found = detection.measure(MadeUpModel(spec), validation, test, (2,))
    assert set(found.verdicts) == {(sample, 2) for sample in (IN_CELLS, NEW, REAL)}
    of_scores = by_name(detection.scores(found, spec.structures))
    assert len(of_scores) == 2 * (1 + structures)
    assert all(0 <= score.value <= 1 for score in of_scores.values())


def test_few_validation_cells_teach_a_detector_nothing():
    assert not detection.why_not({"train": 10, "validation": detection.ENOUGH})
    for splits in ({"train": 1000, "test": 1000}, {"train": 1000, "validation": 99}):
        assert str(splits.get("validation", 0)) in detection.why_not(splits)
