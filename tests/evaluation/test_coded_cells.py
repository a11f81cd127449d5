import numpy as np
import pytest

from icell_tf.evaluation.coded_cells import code_cells


def test_cells_have_their_codes_in_order(subject, cells):
    test = cells["test"]
    assert len(test) == subject.prepared.splits["test"] and test.split == "test"
    x_rs = test.x_rs([3])
    encoded = subject.integrator.encode(x_rs)
    np.testing.assert_allclose(test.z_s[3], encoded["z_s"][0], atol=1e-4)
    np.testing.assert_allclose(test.z_r_hat[3], encoded["z_r"][0], atol=1e-4)
    np.testing.assert_allclose(test.z_r[3], subject.integrator.encode_reference(x_rs[..., :2])["z_r"][0], atol=1e-4)
    assert [len(test.x_rs(rows)) for rows in test.batches(len(test) - 1)] == [len(test) - 1, 1]


def test_a_model_that_diverged_is_refused_by_name(prepared):
    class Diverged:
        def encode(self, x_rs):
            return {name: np.full((len(x_rs), 4), np.nan) for name in ("probabilities", "z_r", "z_s")}

        encode_reference = encode

    with pytest.raises(ValueError, match="--model: its probabilities of cells in split 'test' .*--learning_rate"):
        code_cells(Diverged(), prepared, "test")
