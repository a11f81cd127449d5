"""The weights of a run, read from its folder."""

import os
import warnings

from icell_tf.config import ConfigError

LAST, PREVIOUS, BEST = "last.weights.h5", "previous.weights.h5", "best.weights.h5"


def load_weights(model, path):
    """Loads what `save_weights` wrote. Raises: ConfigError: if the file is damaged, or is of another model."""
    try:
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # Keras', before it fails
            model.load_weights(path)
        model.check_loaded()
    except (OSError, ValueError, RuntimeError, KeyError) as error:  # what h5py and Keras raise
        raise ConfigError(
            f"{path} does not hold this model's weights: it is damaged, or of another run ({reason(error)}). Put back "
            "a copy of it, or start the run anew with --overwrite"
        ) from error


def reason(error):
    if getattr(error, "errno", None):
        return os.strerror(error.errno)
    return (str(error) or type(error).__name__).partition("\n")[0]
