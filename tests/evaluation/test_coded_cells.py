import dataclasses

import numpy as np
import pytest

from icell_tf.evaluation.coded_cells import code_cells
from tests.short_evaluation import coded_cells


def test_cells_have_their_codes_in_order(subject, cells):
    test = cells["test"]
    assert len(test) == subject.prepared.splits["test"] and test.split == "test"
    x = test.x([3])
    encoded = subject.integrator.encode(x)
    np.testing.assert_allclose(test.z_s[3], encoded["z_s"][0], atol=1e-4)
    np.testing.assert_allclose(test.z_r_hat[3], encoded["z_r"][0], atol=1e-4)
    np.testing.assert_allclose(
        test.z_r[3], subject.integrator.encode_reference(test.spec.reference(x))["z_r"][0], atol=1e-4
    )
    assert [len(test.x(rows)) for rows in test.batches(len(test) - 1)] == [len(test) - 1, 1]
    assert test.truths == ("ceiling", "expected", "noise_free", "spread") and not cells["train"].truths
    assert test.expected([0, 1]).shape == (2, *test.spec.shape, 10) and cells["train"].expected([0]) is None
    assert test.noise_free([0]).shape == (1, *test.spec.image_shape) and test.ceiling.shape == (len(test), 10)


def test_images_are_read_when_they_are_looked_at_and_not_kept(cells):
    test, asked = cells["test"], []
    assert all(values.nbytes < 1000 * len(test) for values in vars(test).values() if isinstance(values, np.ndarray))
    test = dataclasses.replace(test, read=lambda *given: asked.append(given) or cells["test"].read(*given))
    assert test.images(np.array([2, 0])).shape == (2, *test.spec.image_shape)
    assert test.x(slice(3)).shape == (3, *test.spec.image_shape) and asked == [
        ([2, 0], ("image",)),
        (slice(3), ("image",)),
    ]


def test_means_are_those_of_all_cells_at_once(rng):
    images, y = rng.integers(0, 256, (120, 8, 16, 4, 3), np.uint8), np.arange(120) % 2
    cells = coded_cells(images, y, probabilities=np.eye(3)[y])
    np.testing.assert_array_equal(cells.mean_image, images.mean(axis=0, dtype=np.float64) / 255)
    for k in (0, 1):
        expected = images[y == k][..., 2].mean(axis=0).astype(np.float32)
        np.testing.assert_array_equal(cells.class_means[..., k], expected)
    assert cells.class_means.shape == (8, 16, 4, 3) and not cells.class_means[..., 2].any()


def test_planes_and_small_images_are_maxima_along_z(rng):
    images = rng.integers(0, 256, (5, 4, 16, 64, 3), np.uint8)
    cells = coded_cells(images)
    planes = images.max(axis=1)
    np.testing.assert_array_equal(cells.planes([3, 1]), planes[[3, 1]] / np.float32(255))
    np.testing.assert_array_equal(cells.seen_by(cells.spec.reference, [2]), planes[[2]][..., :2] / np.float32(255))
    (small,) = cells.averaged_down(16, cells.spec.plane)
    blocks = planes.reshape(5, 4, 4, 16, 4, 3).mean(axis=(2, 4)) / 255
    np.testing.assert_allclose(small, blocks, atol=1e-6)


def test_small_volumes_are_means_of_cubes(rng):
    images = rng.integers(0, 256, (5, 8, 32, 32, 3), np.uint8)
    cells = coded_cells(images)
    (small,) = cells.averaged_down(16, cells.spec.reference)
    cubes = images[..., :2].reshape(5, 4, 2, 16, 2, 16, 2, 2).mean(axis=(2, 4, 6)) / 255
    np.testing.assert_allclose(small, cubes, atol=1e-6)


def test_a_model_that_diverged_is_refused_by_name(prepared):
    class Diverged:
        def encode(self, x_rs):
            return {name: np.full((len(x_rs), 4), np.nan) for name in ("probabilities", "z_r", "z_s")}

        encode_reference = encode

    with pytest.raises(ValueError, match="--model: its probabilities of cells in split 'test' .*--learning_rate"):
        code_cells(Diverged(), prepared, "test")
