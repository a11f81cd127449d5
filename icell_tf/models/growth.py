"""Networks that start from trained ones of other structures: what stands for a structure is copied by its name."""

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
    for name in NETWORKS:
        copy_weights(getattr(model, name), model.spec, getattr(old, name), old.spec)


def copy_weights(network, spec, source, source_spec):
    """Gives a network the weights of a trained one that has the same layers, but may be of other structures.

    Weights that stand for a class are copied by its name. What stands for a new one keeps its start, and what stands
    for one that the network does not know is left out. So for the structures that both know it computes the same.

    Args:
      network, spec: the network, and the `CellSpec` of the cells that it is for.
      source, source_spec: the trained one, and that of its cells.
    """
    named, of_source = _names_of_weights(network, spec), _names_of_weights(source, source_spec)
    for weight, trained in zip(network.weights, source.weights, strict=True):
        if id(weight) not in named:
            weight.assign(trained)
            continue
        axis, names = named[id(weight)]
        trained_names = of_source[id(trained)][1]
        shared = [name for name in trained_names if name in names]
        values, found = (np.moveaxis(each.numpy(), axis, 0) for each in (weight, trained))
        values[[names.index(name) for name in shared]] = found[[trained_names.index(name) for name in shared]]
        weight.assign(np.moveaxis(values, 0, axis))
    if any(isinstance(layer, LogProbability) for layer in network.layers):
        _keep_sum_of_logarithms(_first_dense(network), spec.structures, _first_dense(source), source_spec.structures)


def same_layers(network, spec, source, source_spec):
    """Whether two networks have the same layers, but for the axes that stand for classes. Args: see `copy_weights`."""
    return _layers(network, spec) == _layers(source, source_spec)


def _require_growth(model, old):
    unknown = [name for name in old.spec.structures if name not in model.spec.structures]
    if unknown:
        raise ConfigError(
            f"the trained model knows {', '.join(unknown)}, which the new one does not: its structures are "
            f"{', '.join(model.spec.structures)}. Structures are only ever added"
        )
    if differences := old.spec.differences(model.spec, ignore=("structures",)):
        raise ConfigError(f"the trained model is of other cells: {'; '.join(differences)}")
    pairs = [(getattr(model, name), model.spec, getattr(old, name), old.spec) for name in NETWORKS]
    if not all(same_layers(*pair) for pair in pairs):
        raise ConfigError(
            "the trained model's networks differ from the new one's in more than the structures: give the new run the "
            "same architecture, width, latent_dim and standardize"
        )


def _layers(network, spec):
    """What the layers of a network compute, without the axes that stand for classes."""
    named = _names_of_weights(network, spec)

    def shape(weight):
        axis = named[id(weight)][0] if id(weight) in named else None
        return tuple(size for position, size in enumerate(weight.shape) if position != axis)

    return [(type(layer).__name__, [shape(weight) for weight in layer.weights]) for layer in network.layers]


def _names_of_weights(network, spec):
    """Returns {id of a weight: (the axis along which it has a part for each name, the names)}, where classes are."""
    find = {"enc_rs": _of_encoder, "dec_rs": _of_decoder, "dec_d_rs": _of_discriminator}
    find |= dict.fromkeys(("gen_s", "mean_gen_s", "critic_s"), _of_layers_after_y)
    found = [(weight, axis, names) for weight, axis, names in find.get(network.name, _of_none)(network, spec)]
    for layer in standardizations(network):
        found += [(weight, 0, spec.structures) for weight in (layer.offset, layer.scale)]
    return {id(weight): (axis, names) for weight, axis, names in found}


def _of_none(network, spec):
    return []


def _of_encoder(network, spec):
    norm = network.get_layer("y_logits")
    logits = next(layer for layer in network.layers if layer.output is norm.input)
    return [(weight, _last(weight), spec.structures) for weight in (*norm.weights, *logits.weights)]


def _of_decoder(network, spec):
    kernel = _first_dense(network).kernel  # its rows are of y, z_r and z_s
    codes = range(kernel.shape[0] - len(spec.structures))
    return [(kernel, 0, (*spec.structures, *codes))]


def _of_discriminator(network, spec):
    verdict = [layer for layer in network.layers if layer.weights][-1]
    return [(weight, _last(weight), spec.classes) for weight in verdict.weights]


def _of_layers_after_y(network, spec):
    after = [layer for layer in network.layers if layer.weights and layer.input is network.input["y"]]
    return [(layer.kernel, 0, spec.structures) for layer in after]


def _last(weight):
    return len(weight.shape) - 1


def _first_dense(network):
    return next(layer for layer in network.layers if isinstance(layer, keras.layers.Dense))


def _keep_sum_of_logarithms(dense, structures, trained, trained_structures):
    """Makes the bias keep the images of the structures that both know, whose input says log 0 for all others.

    Args: the layer that takes log y, and its structures; the trained one, and its structures.
    """
    new = [row for row, name in enumerate(structures) if name not in trained_structures]
    left_out = [row for row, name in enumerate(trained_structures) if name not in structures]
    added, lost = dense.kernel.numpy()[new].sum(axis=0), trained.kernel.numpy()[left_out].sum(axis=0)
    dense.bias.assign(dense.bias - MIN_LOG_PROBABILITY * (added - lost))
