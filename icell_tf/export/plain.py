"""What is exported of an Integrator: its networks in their plain form."""

from icell_tf.inference.backends import Networks
from icell_tf.inference.generators import Generators
from icell_tf.networks import plain_form


def plain_networks(integrator):
    """Returns the `Networks` of an `Integrator` in their plain form: the same graph, whatever machine exports.

    Raises: ValueError: the integrator was loaded from an export, which holds functions only.
    """
    networks = integrator.networks
    about, (enc_r, enc_rs, dec_rs, *drawing) = networks.description, map(plain_form, networks.networks)
    generators = Generators(about.spec, *drawing, networks.generators.mirrored) if drawing else None
    settings = about.mirrored, generators, about.from_targets, networks.known
    return Networks(about.spec, enc_r, enc_rs, dec_rs, *settings)
