"""A conditional model that learns structures which an earlier one did not know."""

import dataclasses

import numpy as np
import pytest

from icell_tf.config import ConfigError
from icell_tf.runs import trained
from icell_tf.training import experiment


def test_a_model_learns_more_structures_from_the_weights_of_one_that_knows_fewer(
    reference_run, conditional_config, tmp_path
):
    few = dataclasses.replace(conditional_config, leave_out="tom20,zo1", epochs=1)
    old = experiment.train_conditional(few, reference_run, tmp_path / "few")
    still = dataclasses.replace(conditional_config, epochs=1, learning_rate=1e-12, grow_from=str(old))
    new = experiment.train_conditional(still, reference_run, tmp_path / "all")
    before, after = (trained.load_model(run_dir)[0] for run_dir in (old, new))
    assert len(after.spec.structures) == len(before.spec.structures) + 2
    rows = [after.spec.structures.index(name) for name in before.spec.structures]
    kernels = [next(layer for layer in m.dec.layers if "dense" in layer.name).kernel.numpy() for m in (before, after)]
    np.testing.assert_allclose(kernels[1][rows], kernels[0][: len(rows)], atol=1e-6)
    for one, other in zip(before.enc_d.get_weights(), after.enc_d.get_weights(), strict=True):
        if one.ndim > 1:  # not the moving statistics
            np.testing.assert_allclose(other, one, atol=1e-6)
    with pytest.raises(ConfigError, match="--grow_from: .*/all: the trained model knows tom20, zo1, which"):
        experiment.train_conditional(dataclasses.replace(few, grow_from=str(new)), reference_run, tmp_path / "none")
    assert not (tmp_path / "none").exists()
