"""The two adversarial autoencoders and the sampler, as Keras models with a training step of their own."""

from icell_tf.models.conditional import ConditionalModel
from icell_tf.models.reference import ReferenceModel
from icell_tf.models.sampler import SamplerModel

__all__ = ["ConditionalModel", "ReferenceModel", "SamplerModel"]
