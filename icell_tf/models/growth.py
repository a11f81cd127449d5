"""Models that learn new structures: what a trained model knows, for a model with a longer vocabulary."""

import keras
import numpy as np

from icell_tf.config import ConfigError
from icell_tf.networks import standardizations
from icell_tf.networks.blocks import MIN_LOG_PROBABILITY, LogProbability

NETWORKS = ("enc_r", "enc", "dec", "enc_d", "dec_d")


def grow(model, old):
    """Gives a conditional model the weights of a trained one that knows fewer structures, or has them in another order.

    Weights that stand for a class are copied by its name; what stands for a new structure keeps its start. So y_hat's
    logits of the old structures, their decoded images, the codes, and DecD_{r,s}'s logits of the old classes stay as
    they were. The optimizers stay as they are.

    Args:
      model: the new `ConditionalModel`, of networks that are otherwise equal.
      old: the trained one.

    Raises: ConfigError: if the old model knows a structure that the new one doesn't, or differs in anything else;
      nothing is copied then.
    """
    _require_growth(model, old)
    new_names, old_names = _names_of_weights(model), _names_of_weights(old)
    for network in NETWORKS:
        for weight, before in zip(getattr(model, network).weights, getattr(old, network).weights, strict=True):
            if id(weight) not in new_names:
                weight.assign(before)
                continue
            axis, names = new_names[id(weight)]
            _, names_before = old_names[id(before)]
            values = np.moveaxis(weight.numpy(), axis, 0)
            values[[names.index(name) for name in names_before]] = np.moveaxis(before.numpy(), axis, 0)
            weight.assign(np.moveaxis(values, 0, axis))
    _take_back_new_logarithms(model, old)


def _require_growth(model, old):
    unknown = [name for name in old.spec.structures if name not in model.spec.structures]
    if unknown:
        raise ConfigError(
            f"the trained model knows {', '.join(unknown)}, which the new one does not: its structures are "
            f"{', '.join(model.spec.structures)}. Structures are only ever added"
        )
    if differences := old.spec.differences(model.spec, ignore=("structures",)):
        raise ConfigError(f"the trained model is of other cells: {'; '.join(differences)}")
    new, before = ([_layers(each, network) for network in NETWORKS] for each in (model, old))
    if new != before:
        raise ConfigError(
            "the trained model's networks differ from the new one's in more than the structures: give the new run the "
            "same architecture, width, latent_dim and standardize"
        )


def _layers(model, network):
    """What the layers of a network compute, without the axes that stand for classes."""
    named = _names_of_weights(model)

    def shape(weight):
        axis = named[id(weight)][0] if id(weight) in named else None
        return tuple(size for position, size in enumerate(weight.shape) if position != axis)

    layers = getattr(model, network).layers
    return [(type(layer).__name__, [shape(weight) for weight in layer.weights]) for layer in layers]


def _names_of_weights(model):
    """Returns {id of a weight: (the axis along which it has a part for each name, the names)}, where classes are."""
    structures, classes = model.spec.structures, model.spec.classes
    norm = model.enc.get_layer("y_logits")
    logits = next(layer for layer in model.enc.layers if layer.output is norm.input)
    verdict = [layer for layer in model.dec_d.layers if layer.weights][-1]
    kernel = _first_dense(model.dec).kernel  # its rows are of y, z_r and z_s
    rows = (*structures, *range(kernel.shape[0] - len(structures)))
    named = [(weight, structures) for weight in (*norm.weights, *logits.weights)]
    named += [(weight, classes) for weight in verdict.weights]
    found = {id(weight): (len(weight.shape) - 1, names) for weight, names in named} | {id(kernel): (0, rows)}
    for layer in standardizations(model.enc, model.dec):
        found |= {id(weight): (0, structures) for weight in (layer.offset, layer.scale)}
    return found


def _first_dense(network):
    return next(layer for layer in network.layers if isinstance(layer, keras.layers.Dense))


def _take_back_new_logarithms(model, old):
    """Takes what a new structure adds to the images of the others, whose input says log 0 for it, out of the bias."""
    if not any(isinstance(layer, LogProbability) for layer in model.dec.layers):
        return
    code = _first_dense(model.dec)
    new = [row for row, name in enumerate(model.spec.structures) if name not in old.spec.structures]
    code.bias.assign(code.bias - MIN_LOG_PROBABILITY * code.kernel.numpy()[new].sum(axis=0))
