"""The Integrated Cell: a conditional generative model of cell shape and structure localization.

Johnson, Donovan-Maiye and Maleckar (2017), "Generative Modeling with Conditional Autoencoders: Building an Integrated
Cell", arXiv 1705.00092.
"""

__version__ = "0.1.0"


def load(path, weights="best"):
    """Loads a trained model: a run's folder, an exported SavedModel, or the name of one that ships with the package.

    See `icell_tf.inference.loading.load`.

    TensorFlow is imported here and not with the package, so that the simulator's worker processes start fast.

    Example:
      >>> import icell_tf
      >>> model = icell_tf.load("simulated_64")
      >>> model.structures[8], model.spec.axes
      ('tom20', 'YX')
    """
    from icell_tf.inference import loading

    return loading.load(path, weights)
