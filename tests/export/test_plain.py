"""What is exported of a model."""

import numpy as np

from icell_tf.export.plain import plain_networks
from icell_tf.networks.plain import FastLayer


def test_all_networks_are_plain_and_have_the_weights(make_model):
    model = make_model()
    plain = plain_networks(model)
    assert plain.description == model.networks.description and plain.noise.shapes == model.networks.noise.shapes
    for network, original in zip(plain.networks, model.networks.networks, strict=True):
        assert not any(isinstance(layer, FastLayer) for layer in network.layers)
        for found, expected in zip(network.get_weights(), original.get_weights(), strict=True):
            np.testing.assert_array_equal(found, expected)
