import numpy as np
import pytest

from icell_tf.evaluation.metrics.permutation import own_and_others, shape_test


def test_own_and_others_by_hand():
    own, others = own_and_others(np.array([[3.0, 1, 2], [0, 5, 4], [6, 6, 0]]))
    np.testing.assert_allclose(own, [3, 5, 0])
    np.testing.assert_allclose(others, [1.5, 2, 6])
    own, others = own_and_others(np.array([[0.5]]))
    assert own == 0.5 and np.isnan(others).all()


def test_a_prediction_that_fits_its_own_cell_best_has_the_least_p():
    test = shape_test([np.eye(12), np.eye(9)], permutations=999)
    np.testing.assert_allclose(test.gains, np.ones(21))
    assert test.p == 1 / 1000 and test.permutations == 999


def test_p_is_that_of_all_orders_counted():
    pairs = np.array([[0.9, 0.3, 0.1], [0.2, 0.4, 0.6], [0.5, 0.0, 0.7]])
    # Of the six orders only the identity has a trace of 2.0; the next is 1.4.
    assert shape_test([pairs], permutations=9999).p == pytest.approx(1 / 6, abs=0.015)
    assert shape_test([pairs[::-1]], permutations=9999).p == pytest.approx(1, abs=0.3)


def test_predictions_that_ignore_the_shape_gain_nothing():
    pairs = np.tile(np.random.default_rng(0).random((20, 1)), 20)  # one image for all cells
    test = shape_test([pairs], permutations=99)
    np.testing.assert_allclose(test.gains, 0, atol=1e-12)
    assert test.p == 1


def test_p_is_uniform_without_an_effect(rng):
    p = [shape_test([rng.random((8, 8)), rng.random((5, 5))], 199, seed).p for seed in range(200)]
    assert np.quantile(p, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.08)


def test_the_seed_decides_and_single_cells_do_not_count():
    pairs = np.random.default_rng(1).random((10, 10))
    first, again, with_single = (shape_test(m, 99) for m in ([pairs], [pairs], [pairs, np.ones((1, 1))]))
    assert first.p == again.p == with_single.p and len(with_single.gains) == 10
    with pytest.raises(ValueError, match="needs two cells"):
        shape_test([np.ones((1, 1))])
