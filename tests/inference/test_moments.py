import numpy as np
import pytest

from icell_tf.inference.moments import Moments


@pytest.mark.parametrize("shape", [(3, 8, 8, 2), (3, 4, 8, 8, 2)])
def test_mean_and_deviation_are_numpys_and_arrays_are_left_alone(shape):
    draws = np.random.default_rng(0).random((5, *shape), np.float32)
    kept, moments = draws.copy(), Moments()
    for drawn in draws:
        moments.add(drawn)
    np.testing.assert_array_equal(draws, kept)
    np.testing.assert_allclose(moments.mean, draws.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(moments.std, draws.std(axis=0), atol=1e-6)
    one = Moments()
    one.add(draws[0])
    assert (one.std == 0).all() and one.mean.dtype == np.float32
