"""The standardization of z_s in a run of phase 2."""

import numpy as np

from icell_tf.data.prepared import open_prepared
from icell_tf.networks import standardizations
from icell_tf.runs import trained


def test_the_standardization_of_z_s_that_is_saved_is_that_of_the_saved_weights(conditional_run, conditional_config):
    model, run = trained.load_model(conditional_run)
    prepared = open_prepared(run.config)
    saved = [layer.get_weights() for layer in standardizations(model.enc, model.dec)]
    assert len(saved) == 2 and not np.allclose(saved[0][-1], np.eye(run.config.latent_dim))
    changed = model.end_epoch(prepared.batches(prepared.train_split, conditional_config.batch_size))
    fitted = [layer.get_weights() for layer in standardizations(model.enc, model.dec)]
    assert len(changed) == sum(map(len, fitted))
    for before, after in zip(saved, fitted, strict=True):
        for values, others in zip(before, after, strict=True):
            np.testing.assert_allclose(values, others, atol=1e-4)
