"""Scores of generated cells and of memorisation, with cells whose scores are known."""

import numpy as np
import pytest

from icell_tf.evaluation import generated, judge, memorisation
from icell_tf.evaluation.metrics import shapes
from tests.short_evaluation import by_name, coded_cells

SIZE = 32
STEPS = 25  # of the judge's training


def disc(radius, nucleus=3, size=SIZE, y=None, x=None):
    """A round cell around a round nucleus: uint8 (H, W, 3)."""
    rows, columns = np.mgrid[:size, :size]
    distance = np.hypot(rows - (y or size / 2), columns - (x or size / 2))
    return np.stack([distance <= radius, distance <= nucleus, distance <= radius / 2], axis=-1).astype(np.uint8) * 200


def two_structures(n, rng):
    """Noisy cells (n, H, W, 3) of two structures, in the middle and around it."""
    images, y = rng.integers(0, 60, (n, SIZE, SIZE, 3), np.uint8), np.arange(n) % 2
    rows, columns = np.mgrid[:SIZE, :SIZE]
    middle = np.hypot(rows - SIZE / 2, columns - SIZE / 2) < 6
    images[y == 0, ..., 2] += (120 * middle).astype(np.uint8)
    images[y == 1, ..., 2] += (120 * ~middle).astype(np.uint8)
    return images, y


@pytest.fixture(scope="module")
def trained():
    return judge.train_judge(*two_structures(40, np.random.default_rng(0)), structures=2, steps=STEPS)


def test_judge_recognises_cells_it_has_not_seen(trained):
    images, y = two_structures(20, np.random.default_rng(1))
    features, verdicts = trained.look(images)
    assert features.shape == (20, 64) and trained.structures == 2
    assert (verdicts == y).all()


def test_judge_is_the_same_again(trained):
    images, y = two_structures(40, np.random.default_rng(0))
    again, other = (judge.train_judge(images, y, 2, seed, STEPS).features(images) for seed in (0, 1))
    assert np.array_equal(trained.features(images), again)
    assert not np.allclose(again, other, rtol=0.1)


def test_shrink_averages_blocks():
    images = np.zeros((1, 128, 128, 2), np.uint8)
    images[0, :2, :2, 1] = [[0, 255], [255, 0]]
    small = judge.shrink(images)
    assert small.shape == (1, 64, 64, 2) and small[0, 0, 0].tolist() == [0, 0.5]
    assert judge.shrink(images[:, :32, :32]).shape == (1, 32, 32, 2)


def test_training_poses_are_the_four_mirrored_ones():
    images = np.tile(np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3), (40, 1, 1, 1))
    posed, again = (judge.mirrored_at_random(images, np.random.default_rng(0)) for _ in range(2))
    expected = {np.flip(images[0], axes).tobytes() for axes in ((), (0,), (1,), (0, 1))}
    assert {image.tobytes() for image in posed} == expected
    assert np.array_equal(posed, again)


def test_shapes_of_discs():
    measured = shapes.measure_shapes(np.stack([disc(10), disc(8)]), pixel_size=2.0)
    assert measured["cell_area"] == pytest.approx([4 * np.pi * 100, 4 * np.pi * 64], rel=0.1)
    assert measured["nucleus_to_cell"] == pytest.approx([9 / 100, 9 / 64], rel=0.3)
    assert measured["cell_eccentricity"] == pytest.approx([0, 0], abs=0.1)
    assert measured["fragments"] == pytest.approx([0, 0])


def test_a_cell_in_two_pieces_and_an_empty_image():
    two = np.maximum(disc(4, y=8, x=8), disc(4, y=24, x=24))
    measured = shapes.measure_shapes(np.stack([two, np.zeros_like(two)]), 1.0)
    assert measured["fragments"][0] == pytest.approx(0.5)
    assert np.isnan(measured["cell_area"][1])


def test_shape_distance_is_the_difference_of_shifted_shapes():
    def of(radius):
        return shapes.measure_shapes(np.stack([disc(radius)] * 5), 1.0)

    measured = {"generated": of(11), "held-out": of(9), "training": of(9), "reconstructed": of(9)}
    score = by_name(generated.shape_scores(measured))["cell_area_distance"]
    assert score.value == pytest.approx(of(11)["cell_area"][0] - of(9)["cell_area"][0])
    assert set(score.baselines.values()) == {0}


def compared_with(cells, y, generated_cells):
    return generated.ComparedCells(generated_cells, y, cells, y, cells, cells)


def test_real_cells_called_generated_get_the_best_scores(trained):
    cells, y = two_structures(20, np.random.default_rng(2))
    compared = compared_with(cells, y, cells)
    scores = by_name(generated.judged_scores(compared, trained))
    detail = generated.detail_score(compared)
    assert scores["judge_accuracy"].value == scores["precision"].value == scores["recall"].value == 1
    assert scores["frechet_distance"].value == pytest.approx(0, abs=1e-3)
    assert detail.value == pytest.approx(detail.landmarks["real held-out cells"])
    assert generated.measure_all_shapes(compared, 1.0)["generated"]["cell_area"].shape == (20,)


def test_cells_of_the_wrong_structure_and_without_anything_get_the_worst(trained):
    cells, y = two_structures(20, np.random.default_rng(2))
    wrong = by_name(generated.judged_scores(generated.ComparedCells(cells, 1 - y, cells, y, cells, cells), trained))
    assert wrong["judge_accuracy"].value == 0
    assert wrong["judge_accuracy_on_real_cells"].value == 1
    empty = by_name(generated.judged_scores(compared_with(cells, y, np.zeros_like(cells)), trained))
    assert empty["precision"].value == empty["recall"].value == 0
    assert empty["frechet_distance"].value > 100 * empty["frechet_distance"].baselines["real training cells"]


def test_too_few_cells_for_neighbours_have_the_verdicts_alone(trained):
    cells, y = two_structures(3, np.random.default_rng(2))
    scores = generated.judged_scores(compared_with(cells, y, cells), trained)
    assert set(by_name(scores)) == {"judge_accuracy", "judge_accuracy_on_real_cells"}
    many, y = two_structures(20, np.random.default_rng(2))
    few = generated.ComparedCells(many, y, many, y, training=cells, reconstructed=many)
    assert [score.name for score in generated.judged_scores(few, trained)] == [score.name for score in scores]


def test_detail_of_noise_and_of_nothing():
    noise = np.random.default_rng(0).integers(0, 255, (1, 64, 64), np.uint8)
    smooth = np.full((1, 64, 64), 100, np.uint8)
    assert generated.detail(noise)[0] > 0.4
    assert generated.detail(smooth)[0] == pytest.approx(0, abs=1e-6)
    assert generated.detail(smooth * 0)[0] == 0


def test_cells_that_a_model_generates(make_integrator, monkeypatch):
    integrator = make_integrator(mirrored=True)
    rng = np.random.default_rng(0)
    images, y = rng.integers(0, 255, (6, SIZE, SIZE, 3), np.uint8), [0, 1, 2, 2, 1, 0]
    cells = coded_cells(images, y)
    monkeypatch.setattr(generated, "ENOUGH", 10)
    compared = generated.generate(integrator, cells, cells)
    assert len(compared.generated) == len(compared.generated_y) == 12
    assert (compared.generated_y[:6] == y).all()
    assert len(np.unique(compared.generated.reshape(12, -1), axis=0)) == 12
    assert np.array_equal(np.sort(compared.heldout, axis=None), np.sort(images, axis=None))
    assert not np.array_equal(compared.heldout, images)  # mirrored
    monkeypatch.setattr(integrator, "mirrored", False)
    monkeypatch.setattr(generated, "ENOUGH", 6)
    plain = generated.generate(integrator, cells, cells)
    assert np.array_equal(plain.heldout, images)


def test_copies_of_training_cells_are_found_also_mirrored(trained, rng):
    training, heldout = (np.stack([disc(r, y=y, x=x) for r, y, x in rng.uniform(6, 20, (3, n)).T]) for n in (40, 30))
    copies, y = np.flip(training[:20], 1), np.zeros(30, int)
    compared = generated.ComparedCells(copies, y[:20], heldout, y, training, heldout)
    distances = memorisation.measure(compared, training, trained, mirrored=True)
    scores = by_name(memorisation.scores(distances))
    assert distances["pixels"]["generated"] == pytest.approx(np.zeros(20), abs=1e-3)
    for space in ("pixels", "features"):
        assert scores[f"{space}_copies"].value == 1
        assert scores[f"{space}_farther"].value == pytest.approx(0)
        assert scores[f"{space}_distance_ratio"].value < 0.05
    unmirrored = memorisation.scores(memorisation.measure(compared, training, trained, mirrored=False))
    assert by_name(unmirrored)["pixels_copies"].value < 0.5


def test_held_out_cells_are_no_copies():
    distances = np.random.default_rng(0).gamma(4, size=(3, 1000))
    samples = dict(zip(("generated", "held-out", "reconstructed"), distances, strict=True))
    scores = by_name(memorisation.scores({"pixels": samples}))
    for name, expected in (("copies", 0.01), ("farther", 0.5), ("distance_ratio", 1)):
        low, high = scores[f"pixels_{name}"].interval
        assert low <= expected <= high
