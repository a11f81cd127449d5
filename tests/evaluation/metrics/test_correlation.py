import numpy as np

from icell_tf.evaluation.metrics import correlation

RNG = np.random.default_rng(0)


def test_pearson_is_numpys_over_each_image_and_zero_of_a_constant_one():
    a, b = RNG.random((3, 6, 7, 2)), RNG.random((3, 6, 7, 2))
    expected = [[np.corrcoef(a[i, ..., k].ravel(), b[i, ..., k].ravel())[0, 1] for k in range(2)] for i in range(3)]
    np.testing.assert_allclose(correlation.pearson(a, b), expected)
    assert correlation.pearson(np.ones((1, 4, 4, 1)), RNG.random((1, 4, 4, 1))) == 0


def test_pearson_inside_a_mask_sees_nothing_outside():
    a, b, mask = RNG.random((2, 6, 7, 1)), RNG.random((2, 6, 7, 1)), RNG.random((2, 6, 7)) > 0.5
    expected = [[np.corrcoef(a[i, mask[i], 0], b[i, mask[i], 0])[0, 1]] for i in range(2)]
    np.testing.assert_allclose(correlation.pearson(a, b, mask), expected)
    outside = np.where(mask[..., None], b, 9.0)
    np.testing.assert_allclose(correlation.pearson(a, outside, mask), expected)


def test_correlations_of_volumes_are_over_all_their_pixels():
    a, b, mask = RNG.random((2, 3, 4, 5, 2)), RNG.random((2, 3, 4, 5, 2)), RNG.random((2, 3, 4, 5)) > 0.3
    flat_a, flat_b, flat_mask = (x.reshape(2, 12, 5, *x.shape[4:]) for x in (a, b, mask))
    np.testing.assert_allclose(correlation.pearson(a, b), correlation.pearson(flat_a, flat_b))
    np.testing.assert_allclose(correlation.pearson(a, b, mask), correlation.pearson(flat_a, flat_b, flat_mask))
    pairs = correlation.pearson_of_pairs(a[..., 0], b[..., 0])
    np.testing.assert_allclose(np.diagonal(pairs), correlation.pearson(a, b)[:, 0], rtol=1e-5)


def test_cell_mask_closes_small_gaps_leaves_the_outside_and_reaches_the_frames_edge():
    x = np.zeros((1, 16, 16, 2))
    x[0, 4:12, 4:12] = 0.3
    x[0, 7:9, 7:9] = 0
    expected = np.zeros((1, 16, 16), bool)
    expected[0, 4:12, 4:12] = True
    np.testing.assert_array_equal(correlation.cell_mask(x), expected)
    x[0, :, 4:12] = 0.3
    np.testing.assert_array_equal(correlation.cell_mask(x), x[..., 0] > 0)


def test_cell_mask_of_a_volume_closes_gaps_in_it():
    x = np.zeros((1, 12, 12, 12, 2))
    x[0, 2:10, 2:10, 2:10] = 0.3
    expected = x[..., 0] > 0
    x[0, 5:7, 5:7, 5:7] = 0
    np.testing.assert_array_equal(correlation.cell_mask(x), expected)


def test_the_interior_is_the_cell_without_two_pixels_of_rim():
    x_r = np.zeros((1, 16, 20, 2))
    x_r[0, 3:12, 4:17, 0] = 0.3
    expected = np.zeros((1, 16, 20), bool)
    expected[0, 5:10, 6:15] = True
    np.testing.assert_array_equal(correlation.interior(x_r), expected)
    volume = np.zeros((1, 9, 16, 16, 2))
    volume[0, 1:8, 3:12, 3:12] = 0.3
    assert correlation.interior(volume).sum() == 3 * 5 * 5
