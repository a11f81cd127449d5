import numpy as np
import pytest

from icell_tf.evaluation.metrics import distances


def test_frechet_distance_of_gaussians_is_the_analytic_one(rng):
    a, b = rng.standard_normal((2, 20000, 4))
    assert distances.frechet_distance(a, b) < 0.01
    shifted = b * [2, 1, 1, 1] + [0, 3, 0, 0]  # |m|^2 = 9; tr(C) terms: (1 - 2)^2
    assert distances.frechet_distance(a, shifted) == pytest.approx(10, rel=0.03)


def test_frechet_distance_has_a_known_bias_in_small_samples(rng):
    """The means of n draws differ by 2 D / n; covariances I + E by |E_a - E_b|^2 / 4, which is D (D + 1) / (2 n)."""
    n, dims = 200, 16
    found = np.mean([distances.frechet_distance(*rng.standard_normal((2, n, dims))) for _ in range(20)])
    assert found == pytest.approx(2 * dims / n + dims * (dims + 1) / (2 * n), rel=0.05)


def test_frechet_distance_with_fewer_cells_than_dimensions():
    a = np.random.default_rng(0).standard_normal((10, 64))
    assert distances.frechet_distance(a, a) == pytest.approx(0, abs=1e-4)
    assert distances.frechet_distance(a, a + 1) == pytest.approx(64, rel=1e-4)


def test_a_sample_covers_itself_and_nothing_far_away():
    a = np.random.default_rng(0).standard_normal((50, 5))
    assert distances.is_covered(a, a).all()
    assert not distances.is_covered(a + 100, a).any()


def test_precision_and_recall_tell_a_lost_mode_from_a_wrong_one(rng):
    real = np.concatenate([rng.standard_normal((100, 2)), rng.standard_normal((100, 2)) + 50])
    one_mode = rng.standard_normal((100, 2))
    assert distances.is_covered(one_mode, real).mean() > 0.8  # precise
    assert distances.is_covered(real, one_mode).mean() < 0.55  # half of the real ones can't be made


def test_mmd_of_one_distribution_is_about_zero_and_its_p_uniform(rng):
    tests = [distances.mmd_test(*rng.standard_normal((2, 30, 4)), rng, 99) for _ in range(40)]
    squared, p = np.transpose(tests)
    assert abs(squared.mean()) < 0.01  # unbiased
    assert np.mean(p <= 0.05) <= 0.15
    assert 0.35 < p.mean() < 0.65


def test_mmd_finds_another_mean_and_another_width(rng):
    a, b = rng.standard_normal((2, 200, 8))
    assert distances.mmd_test(a, b + 0.5, rng)[1] == pytest.approx(1 / 1000)
    assert distances.mmd_test(a, b * 1.5, rng)[1] == pytest.approx(1 / 1000)


def test_mmd_equals_the_sums_of_its_definition(rng):
    a, b = rng.standard_normal((4, 2)), rng.standard_normal((5, 2))
    pooled = np.concatenate([a, b])
    pairs = [(x, y) for i, x in enumerate(pooled) for y in pooled[:i]]
    width = np.median([np.square(x - y).sum() for x, y in pairs])

    def mean(p, q, same):
        pairs = ((x, y) for i, x in enumerate(p) for j, y in enumerate(q) if not (same and i == j))
        return np.mean([np.exp(-np.square(x - y).sum() / width) for x, y in pairs])

    expected = mean(a, a, True) + mean(b, b, True) - 2 * mean(a, b, False)
    assert distances.mmd_test(a, b, rng, 9)[0] == pytest.approx(expected)


def test_nearest_distances():
    found = distances.nearest_distances(np.array([[0.0, 0], [3, 4]]), np.array([[0.0, 1], [3, 4]]))
    assert found == pytest.approx([1, 0])


def test_the_probability_of_the_larger_is_the_share_of_pairs(rng):
    a, b = rng.integers(0, 5, (3, 20)), rng.integers(0, 5, (3, 30))
    pairs = (a[:, :, None] > b[:, None]) + (a[:, :, None] == b[:, None]) / 2
    np.testing.assert_allclose(distances.probability_larger(a, b, axis=1), pairs.mean(axis=(1, 2)))
    assert distances.probability_larger(a[0], b[0]) == pytest.approx(pairs[0].mean())


def test_interval_of_two_samples_holds_the_truth(rng):
    a, b = rng.standard_normal((2, 400))
    score = distances.two_sample_score("m", lambda x, y: x.mean() - y.mean(), a + 1, b, {"c": b + 2}, about="means")
    low, high = score.interval
    assert (score.value, score.n, score.about) == (pytest.approx(a.mean() + 1 - b.mean()), 400, "means")
    assert score.landmarks == {"c": pytest.approx(2)}
    assert low < 1 < high
    assert high - low == pytest.approx(2 * 1.96 * np.sqrt(2 / 400), rel=0.15)
    assert distances.two_sample_score("m", lambda x, y: x.mean() - y.mean(), a[:1], b, {}).interval is None
