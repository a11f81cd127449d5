"""The base of the layers that are faster than Keras' own, and a network's plain form, made of Keras' own layers."""

import inspect

import keras

OPTIONS = ("name", "dtype", "trainable")  # that every layer takes


class FastLayer:
    """Base of a layer that derives from one of Keras, takes fewer arguments, and computes the same in less time.

    Attributes:
      keras_layer: the class of Keras.
    """

    def checked(self, options):
        """Returns the options of a constructor. Raises: TypeError: if one is not among `OPTIONS`."""
        if refused := sorted(options.keys() - set(OPTIONS)):
            raise TypeError(f"{type(self).__name__} does not support {', '.join(refused)}")
        return options

    def get_config(self):
        """Returns the arguments that the constructor takes."""
        accepted = (*inspect.signature(type(self).__init__).parameters, *OPTIONS)
        return {name: value for name, value in super().get_config().items() if name in accepted}

    def plain(self):
        """Returns the same layer as Keras computes it, with the same name and without weights."""
        return self.keras_layer.from_config(super().get_config())


def plain_form(network):
    """Returns an equal network of Keras' own layers, which computes by the same operations on every machine.

    `LogProbability` and `WhiteNoise` have no counterpart in Keras and stay.

    Args: a Keras functional model. Returns: another one, with a copy of its weights.
    """

    def clone(layer):
        return layer.plain() if isinstance(layer, FastLayer) else type(layer).from_config(layer.get_config())

    plain = keras.models.clone_model(network, clone_function=clone)
    plain.set_weights(network.get_weights())
    return plain
