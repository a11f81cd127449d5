import numpy as np
import pytest

from icell_tf.evaluation.metrics import correlation
from icell_tf.evaluation.pairs import Pairs
from tests.evaluation.test_integration import SIZE, cells


@pytest.mark.parametrize("held", [2**28, 5 * SIZE * SIZE * 4, 1])
def test_pairs_are_the_same_however_few_predictions_wait_in_memory(held, monkeypatch):
    monkeypatch.setattr("icell_tf.evaluation.pairs.HELD", held)
    test, predicted = cells(12, seed=0), np.random.default_rng(1).random((12, SIZE, SIZE, 3), np.float32)
    pairs = Pairs(test)
    for rows in test.batches(5):
        pairs.add(rows, predicted[rows])
    found = pairs.matrices()
    assert list(found) == ["tom20", "zo1"]
    for k, name in enumerate(found):
        (shown,) = np.nonzero(test.y == k)
        expected = correlation.pearson_of_pairs(test.images(shown)[..., 2], predicted[shown, ..., k])
        np.testing.assert_allclose(found[name][0], expected, atol=1e-6)
