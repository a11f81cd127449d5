"""The two adversarial autoencoders, as Keras models with a training step of their own."""

from icell_tf.models.conditional import ConditionalModel
from icell_tf.models.reference import ReferenceModel

__all__ = ["ConditionalModel", "ReferenceModel"]
