"""Models whose answers differ from cell to cell, for the tests of all formats."""

import functools
import math

import numpy as np
import pytest

from ..conftest import LATENT, SPEC


@pytest.fixture(scope="session")
def make_model():
    """A function to an `Integrator` of tiny networks with random weights; the same arguments give the same one.

    With `draws` it has generators, which draw in all poses by turns. Tests leave it alone.
    """
    import keras

    from icell_tf import networks
    from icell_tf.inference.backends import Networks
    from icell_tf.inference.generators import Generators
    from icell_tf.inference.integrator import Integrator
    from icell_tf.networks.generator import build_generator

    @functools.cache
    def make(spec=SPEC, draws=True, mirrored=False):
        k, options = len(spec.structures), {"latent_dim": LATENT, "width": 1 / 16, "architecture": "released"}
        built = [
            networks.build_reference_encoder(spec.shape, 2, **options),
            networks.build_conditional_encoder(spec.shape, 3, k, **options),
            networks.build_conditional_decoder(spec.shape, 3, k, **options),
        ]
        if draws:
            built.append(networks.build_reference_decoder(spec.shape, 2, **options))
            built.append(build_generator(spec.shape, 2, 2, width=1 / 16))
            built.append(build_generator(spec.shape, 3, 1, structures=k, width=1 / 16))
        rng = np.random.default_rng(0)
        for variable in (variable for network in built for variable in network.weights):
            *inputs, _ = variable.shape
            if inputs:
                variable.assign(rng.normal(0, 1.5 / math.sqrt(math.prod(inputs)), variable.shape))
            elif not variable.path.endswith(("moving_variance", "gamma")):
                variable.assign(rng.normal(0, 0.2, variable.shape))
        keras.utils.set_random_seed(0)  # as `seeds` has left it, whichever test comes first
        generators = Generators(spec, *built[3:], mirrored=True) if draws else None
        return Integrator(Networks(spec, *built[:3], mirrored, generators))

    return make
