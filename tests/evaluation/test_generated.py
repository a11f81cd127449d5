"""Scores of generated cells and of memorisation, with cells whose scores are known."""

import numpy as np
import pytest
from scipy import ndimage

from icell_tf.evaluation import compared, generated, judge, memorisation, views
from icell_tf.evaluation.metrics import shapes
from icell_tf.spec import CellSpec
from tests.short_evaluation import by_name, coded_cells, spec_of

SIZE = 32
SPEC = CellSpec("YX", (SIZE, SIZE), (1, 1), ("tom20", "zo1"))
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
    return judge.train_judge(training(), steps=STEPS)


def training():
    images, y = two_structures(40, np.random.default_rng(0))
    return coded_cells(images, y, spec=SPEC)


def test_judge_recognises_cells_it_has_not_seen(trained):
    images, y = two_structures(20, np.random.default_rng(1))
    features, verdicts = trained.look(images)
    assert features.shape == (20, 64) and trained.structures == 2
    assert (verdicts == y).all()


def test_judge_is_the_same_again(trained):
    images, _ = two_structures(40, np.random.default_rng(0))
    again, other = (judge.train_judge(training(), seed, STEPS).features(images) for seed in (0, 1))
    assert np.array_equal(trained.features(images), again)
    assert not np.allclose(again, other, rtol=0.1)


def test_shrink_averages_blocks():
    images = np.zeros((1, 128, 128, 2), np.uint8)
    images[0, :2, :2, 1] = [[0, 255], [255, 0]]
    small = judge.shrink(images)
    assert small.shape == (1, 64, 64, 2) and small[0, 0, 0].tolist() == [0, 0.5]
    assert judge.shrink(images[:, :32, :32]).shape == (1, 32, 32, 2)
    assert judge.shrink(images[:, :16]).shape == (1, 8, 64, 2)
    assert judge.shrink(np.zeros((1, 4, 512, 2), np.uint8)).shape == (1, 1, 64, 2)


def test_a_judge_of_volumes_with_unequal_sides_sees_their_maximum_along_z(rng):
    images = rng.integers(0, 256, (12, 4, 16, 64, 3), np.uint8)
    cells = coded_cells(images, np.arange(12) % 2)
    judged = judge.train_judge(cells, steps=2)
    assert judged.network.inputs[0].shape == (None, 16, 64, 3)
    features, verdicts = judged.look(cells.spec.plane(images))
    assert features.shape == (12, 64) and set(verdicts) <= {0, 1}


def test_training_poses_are_the_four_mirrored_ones():
    images = np.tile(np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3), (40, 1, 1, 1))
    rngs = (np.random.default_rng(0) for _ in range(2))
    posed, again = (views.mirrored(images, views.draw_poses(40, rng), (1, 2)) for rng in rngs)
    expected = {np.flip(images[0], axes).tobytes() for axes in ((), (0,), (1,), (0, 1))}
    assert {image.tobytes() for image in posed} == expected
    assert np.array_equal(posed, again)


def test_shapes_of_discs():
    images = np.stack([disc(10), disc(8)])
    measured = shapes.measure_shapes(images, spec_of(images, 2, pixel_size=2.0))
    assert measured["cell_area"] == pytest.approx([4 * np.pi * 100, 4 * np.pi * 64], rel=0.1)
    assert measured["nucleus_to_cell"] == pytest.approx([9 / 100, 9 / 64], rel=0.3)
    assert measured["cell_eccentricity"] == pytest.approx([0, 0], abs=0.1)
    assert measured["fragments"] == pytest.approx([0, 0])
    oblong = CellSpec("YX", (SIZE, SIZE), (2.0, 1.0), ("tom20",))
    assert shapes.measure_shapes(images, oblong)["cell_area"] == pytest.approx(measured["cell_area"] / 2)


def test_a_cell_in_two_pieces_and_an_empty_image():
    two = np.maximum(disc(4, y=8, x=8), disc(4, y=24, x=24))
    measured = shapes.measure_shapes(np.stack([two, np.zeros_like(two)]), SPEC)
    assert measured["fragments"][0] == pytest.approx(0.5)
    assert np.isnan(measured["cell_area"][1])


def test_shape_distance_is_the_difference_of_shifted_shapes():
    def of(radius):
        return shapes.measure_shapes(np.stack([disc(radius)] * 5), SPEC)

    measured = {"generated": of(11), "held-out": of(9), "training": of(9), "reconstructed": of(9)}
    score = by_name(generated.shape_scores(measured))["cell_area_distance"]
    assert score.value == pytest.approx(of(11)["cell_area"][0] - of(9)["cell_area"][0])
    assert set(score.baselines.values()) == {0}


def seen(judge, **images):
    """What is seen in samples, {name: (images, y)}, of which names have _ for -."""
    samples = {
        name.replace("_", "-"): compared.Sample(SPEC, np.asarray(y), lambda rows, of_sample=of_sample: of_sample[rows])
        for name, (of_sample, y) in images.items()
    }
    return {name: compared.look(sample, judge) for name, sample in samples.items()}


def seen_beside(judge, cells, y, generated_cells, generated_y=None):
    real = dict.fromkeys(("held_out", "training", "reconstructed"), (cells, y))
    return seen(judge, generated=(generated_cells, y if generated_y is None else generated_y), **real)


def test_real_cells_called_generated_get_the_best_scores(trained):
    cells, y = two_structures(20, np.random.default_rng(2))
    found = seen_beside(trained, cells, y, cells)
    scores = by_name(generated.judged_scores(found, 2))
    detail = generated.detail_score(found)
    assert scores["judge_accuracy"].value == scores["precision"].value == scores["recall"].value == 1
    assert scores["frechet_distance"].value == pytest.approx(0, abs=1e-3)
    assert detail.value == pytest.approx(detail.landmarks["real held-out cells"])
    assert found["generated"].shapes["cell_area"].shape == (20,)


def test_cells_of_the_wrong_structure_and_without_anything_get_the_worst(trained):
    cells, y = two_structures(20, np.random.default_rng(2))
    wrong = by_name(generated.judged_scores(seen_beside(trained, cells, y, cells, 1 - y), 2))
    assert wrong["judge_accuracy"].value == 0
    assert wrong["judge_accuracy_on_real_cells"].value == 1
    empty = by_name(generated.judged_scores(seen_beside(trained, cells, y, np.zeros_like(cells)), 2))
    assert empty["precision"].value == empty["recall"].value == 0
    assert empty["frechet_distance"].value > 100 * empty["frechet_distance"].baselines["real training cells"]


def test_draws_are_compared_with_the_cells_they_are_drawn_in(trained):
    cells, y = two_structures(20, np.random.default_rng(2))
    others, of_others = two_structures(20, np.random.default_rng(3))
    real = {"held_out": (cells, y), "training": (others, of_others)}
    true, wrong = (
        by_name(generated.drawn_scores(seen(trained, drawn=(drawn, y), **real), 2)) for drawn in (others, others[::-1])
    )
    blurred = ndimage.gaussian_filter(others, (0, 2, 2, 0))
    smooth = by_name(generated.drawn_scores(seen(trained, drawn=(blurred, y), **real), 2))
    assert true["judge_accuracy_of_draws"].value == 1 and wrong["judge_accuracy_of_draws"].value == 0
    distance = true["frechet_distance_of_draws"]
    assert distance.value == pytest.approx(distance.landmarks["real training cells"])
    assert smooth["frechet_distance_of_draws"].value > 2 * distance.value
    few = seen(trained, drawn=(cells[:3], y[:3]), held_out=(cells[:3], y[:3]), training=(others, of_others))
    assert set(by_name(generated.drawn_scores(few, 2))) == {"judge_accuracy_of_draws"}


def test_too_few_cells_for_neighbours_have_the_verdicts_alone(trained):
    cells, y = two_structures(3, np.random.default_rng(2))
    scores = generated.judged_scores(seen_beside(trained, cells, y, cells), 2)
    assert set(by_name(scores)) == {"judge_accuracy", "judge_accuracy_on_real_cells"}
    many, of_many = two_structures(20, np.random.default_rng(2))
    real = dict.fromkeys(("generated", "held_out", "reconstructed"), (many, of_many))
    few = seen(trained, training=(cells, y), **real)
    assert [score.name for score in generated.judged_scores(few, 2)] == [score.name for score in scores]


def test_detail_of_noise_and_of_nothing():
    noise = np.random.default_rng(0).integers(0, 255, (1, 64, 64), np.uint8)
    smooth = np.full((1, 64, 64), 100, np.uint8)
    assert compared.detail(noise)[0] > 0.4
    assert compared.detail(smooth)[0] == pytest.approx(0, abs=1e-6)
    assert compared.detail(smooth * 0)[0] == 0


@pytest.fixture
def whole(monkeypatch):
    """A function that makes all images of a `Sample` in batches of four."""
    monkeypatch.setattr(views.batches, "__defaults__", (4,))
    return lambda sample: np.concatenate(list(sample.planes(5)))


def test_cells_that_a_model_generates(make_integrator, whole, monkeypatch):
    integrator = make_integrator(mirrored=True)
    rng = np.random.default_rng(0)
    images, y = rng.integers(0, 255, (6, SIZE, SIZE, 3), np.uint8), [0, 1, 2, 2, 1, 0]
    cells = coded_cells(images, y, truths={"noise_free": images})
    monkeypatch.setattr(compared, "ENOUGH", 10)
    samples = compared.samples(integrator, cells, cells)
    made = whole(samples["generated"])
    assert len(made) == len(samples["generated"].y) == 12
    assert (samples["generated"].y[:6] == y).all()
    assert len(np.unique(made.reshape(12, -1), axis=0)) == 12
    assert np.array_equal(made, whole(samples["generated"]))  # the same when they are made again
    heldout = whole(samples["held-out"])
    assert np.array_equal(np.sort(heldout, axis=None), np.sort(images, axis=None))
    assert not np.array_equal(heldout, images)  # mirrored
    assert np.array_equal(whole(samples["noise-free"]), heldout)
    drawn = whole(samples["drawn"])
    assert np.array_equal(drawn[..., :2], heldout[..., :2]) and not np.array_equal(drawn[..., 2], heldout[..., 2])
    (structures,) = integrator.draw(heldout[:4, ..., :2].astype(np.float32) / 255, 1, np.arange(4))
    np.testing.assert_allclose(drawn[:4, ..., 2], 255 * structures[np.arange(4), ..., y[:4]], atol=0.6)
    x_rs_hat = integrator.reconstruct(heldout.astype(np.float32) / 255)["x_rs_hat"]
    np.testing.assert_allclose(whole(samples["reconstructed"]), 255 * x_rs_hat, atol=0.6)
    monkeypatch.setattr(integrator, "mirrored", False)
    monkeypatch.setattr(compared, "ENOUGH", 6)
    plain = compared.samples(integrator, cells, cells)
    assert np.array_equal(whole(plain["held-out"]), images)
    monkeypatch.setattr(compared, "MOST", 4)
    few = compared.samples(integrator, cells, cells)
    assert {name: len(sample.y) for name, sample in few.items()} == {"generated": 8, **dict.fromkeys(list(few)[1:], 4)}
    taken = whole(plain["training"])
    assert np.array_equal(np.sort(taken, axis=None), np.sort(images, axis=None))
    rows = [[(cell == image).all() for image in images].index(True) for cell in taken]
    assert np.array_equal(plain["training"].y, np.array(y)[rows])


def test_copies_of_training_cells_are_found_also_mirrored(trained, rng):
    real, heldout = (np.stack([disc(r, y=y, x=x) for r, y, x in rng.uniform(6, 20, (3, n)).T]) for n in (40, 30))
    copies, y = np.flip(real[:20], 1), np.zeros(30, int)
    found = seen(trained, generated=(copies, y[:20]), held_out=(heldout, y), reconstructed=(heldout, y))
    cells = coded_cells(real, spec=SPEC)
    distances = memorisation.measure(found, cells, trained, mirrored=True)
    scores = by_name(memorisation.scores(distances, SPEC.reference_names))
    assert distances["pixels"]["generated"] == pytest.approx(np.zeros(20), abs=1e-3)
    for space in ("pixels", "features"):
        assert scores[f"{space}_copies"].value == 1
        assert scores[f"{space}_farther"].value == pytest.approx(0)
        assert scores[f"{space}_distance_ratio"].value < 0.05
    assert "membrane and nucleus, smoothed" in scores["pixels_copies"].about
    unmirrored = memorisation.measure(found, cells, trained, mirrored=False)
    assert by_name(memorisation.scores(unmirrored, SPEC.reference_names))["pixels_copies"].value < 0.5


def test_the_nearest_training_cell_is_of_all_parts(trained, rng, monkeypatch):
    images, y = two_structures(30, rng)
    found = seen_beside(trained, *two_structures(10, rng), images[5:15])
    whole = memorisation.measure(found, coded_cells(images, spec=SPEC), trained, mirrored=True)
    monkeypatch.setattr(memorisation, "SEEN", 7)
    parts = memorisation.measure(found, coded_cells(images, spec=SPEC), trained, mirrored=True)
    for space, samples in whole.items():
        for name, distances in samples.items():
            np.testing.assert_allclose(parts[space][name], distances, atol=1e-3)


def test_held_out_cells_are_no_copies():
    distances = np.random.default_rng(0).gamma(4, size=(3, 1000))
    samples = dict(zip(("generated", "held-out", "reconstructed"), distances, strict=True))
    scores = by_name(memorisation.scores({"pixels": samples}, SPEC.reference_names))
    for name, expected in (("copies", 0.01), ("farther", 0.5), ("distance_ratio", 1)):
        low, high = scores[f"pixels_{name}"].interval
        assert low <= expected <= high
