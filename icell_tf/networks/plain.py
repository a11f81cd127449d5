"""The base of the layers that are faster than Keras' own, and a network's plain form, made of Keras' own layers."""

import keras


def default_name(prefix):
    """Returns the next of the names "adam", "adam_1" ..., which Keras gives to its own objects of this kind.

    TensorFlow sorts the terms of a sum by names. So names of another kind change the last bits of a training.
    """
    number = keras.backend.get_uid(prefix)
    return prefix if number == 1 else f"{prefix}_{number - 1}"


class FastLayer:
    """Base of a layer that derives from one of Keras, takes fewer arguments, and computes the same in less time.

    Attributes:
      keras_layer: the class of Keras.
      prefix: see `default_name`.
      fixed: the arguments of that class that can't be chosen.
      supported: the names of the arguments that can be chosen, besides name, dtype and trainable.

    Raises: TypeError: if the constructor gets another argument.
    """

    fixed, supported = {}, ()

    def __init__(self, *, name=None, **arguments):
        if refused := sorted(arguments.keys() - self._accepted()):
            raise TypeError(f"{type(self).__name__} does not support {', '.join(refused)}")
        super().__init__(name=name or default_name(self.prefix), **self.fixed, **arguments)

    def get_config(self):
        """Returns the arguments that the constructor takes."""
        return {name: value for name, value in super().get_config().items() if name in self._accepted()}

    def plain(self):
        """Returns the same layer as Keras computes it, with the same name and without weights."""
        return self.keras_layer.from_config(super().get_config())

    def _accepted(self):
        return {*self.supported, "name", "dtype", "trainable"}


def plain_form(network):
    """Returns an equal network of Keras' own layers, which computes by the same operations on every machine.

    Layers that are Keras' own stay; so do `LogProbability`, `Standardization` and `WhiteNoise`, which have
    no counterpart in Keras.

    Args: a Keras functional model. Returns: another one, with a copy of its weights.
    """

    def clone(layer):
        return layer.plain() if isinstance(layer, FastLayer) else type(layer).from_config(layer.get_config())

    plain = keras.models.clone_model(network, clone_function=clone)
    plain.set_weights(network.get_weights())
    return plain
