"""Weights files of a run: what Keras saves of a model, and beside it its run's key, classes, checksums and metrics."""

import warnings
import zlib

import h5py
import numpy as np

from icell_tf.config import ConfigError
from icell_tf.messages import explain, reason, system_error

LAST, PREVIOUS, BEST = "last.weights.h5", "previous.weights.h5", "best.weights.h5"
NETWORKS = "networks.h5"  # in place of these, in the folder of a model that ships
RUN = "run"  # the group in the file that holds what is not the model's
ANSWERING = ("enc_r", "dec_r", "enc", "dec", "mean_gen_s", "mean_gen_r")  # networks that are used after training


def save_weights(model, path, key=0, metrics=()):
    """Writes a model's weights and its optimizers' state into one file.

    Args: path, which ends with .weights.h5; key, the `Run.key`; metrics, the state of an unfinished epoch's metrics, as
    `training.metric_state.read` returns it.
    """
    model.save_weights(path, overwrite=True)
    with h5py.File(path, "a") as file:
        group = file.create_group(RUN)
        group["key"], group["checksums"], group["metrics"] = key, _checksums(model), metrics
        if model.classes:
            group["classes"] = list(model.classes)


def load_weights(model, path, key=0):
    """Loads what `save_weights` wrote.

    Args: model, of the same networks, whose optimizers are loaded too if it is compiled; key, of the run that the
    weights must be of.

    Returns: the state of the metrics.

    Raises: ConfigError: if the file is damaged, or of another model or run, or of a model with other classes; for
      other structures see `models.growth`.
    """
    try:
        with h5py.File(path) as file:
            found = {name: values[()] for name, values in file[RUN].items()}
        if found["key"] != key:
            raise ValueError("it bears the key of another run")
        classes = tuple(name.decode() for name in found.get("classes", ()))
        if classes != model.classes:
            raise ValueError(f"its classes are {_listed(classes)}, the model's {_listed(model.classes)}")
        with warnings.catch_warnings(action="ignore", category=UserWarning):  # Keras', before it fails
            model.load_weights(path)
        checksums = _checksums(model)  # of an uncompiled model only the first, of the weights
        if list(found["checksums"][: len(checksums)]) != checksums:
            raise ValueError("its checksum is another")
        return found["metrics"]
    except (
        OSError,
        ValueError,
        RuntimeError,
        KeyError,
        AttributeError,
        TypeError,
        IndexError,
    ) as error:  # of h5py, Keras
        if system_error(error):
            raise ConfigError(explain(error)) from error
        raise ConfigError(
            f"{path} does not hold this model's weights: it is damaged, or of another run ({reason(error)}). Put back "
            "a copy of it, or start the run anew with --overwrite"
        ) from error


def save_networks(model, path, key):
    """Writes the weights of the networks of a model that are used after training, `ANSWERING`, and nothing else.

    Args: path, of the file; key, the `Run.key`.
    """
    with h5py.File(path, "w") as file:
        for name, network in answering(model).items():
            for number, values in enumerate(network.get_weights()):
                file.create_dataset(f"{name}/{number}", data=values, **_compression(values))
        file.create_group(RUN)["key"] = key


def load_networks(model, path, key):
    """Loads what `save_networks` wrote; the model's other networks stay as they are.

    Raises: ConfigError: if the file is damaged, or of another model or run.
    """
    try:
        with h5py.File(path) as file:
            if file[RUN]["key"][()] != key:
                raise ValueError("it bears the key of another run")
            for name, network in answering(model).items():
                network.set_weights([file[name][str(number)][()] for number in range(len(file[name]))])
    except (OSError, ValueError, RuntimeError, KeyError) as error:  # of h5py, Keras
        if system_error(error):
            raise ConfigError(explain(error)) from error
        raise ConfigError(f"{path} does not hold this model's networks ({reason(error)}): put back a copy") from error


def answering(model):
    """Returns the networks of a model that are used after training, {attribute: network}."""
    return {name: getattr(model, name) for name in ANSWERING if hasattr(model, name)}


def checksum(variables):
    """Returns a number that differs where the values of `tf.Variable`s do."""
    total = 0
    for variable in variables:
        total = zlib.crc32(np.ascontiguousarray(variable.numpy()), total)
    return total


def _compression(values):
    return {"compression": "gzip", "shuffle": True} if values.size > 1 else {}


def _listed(names):
    return ", ".join(names) or "none"


def _checksums(model):
    """Of the weights and, in a compiled model, of the optimizers' variables."""
    parts = [model.weights]
    if model.optimizers:
        parts.append([variable for optimizer in model.optimizers.values() for variable in optimizer.variables])
    return [checksum(part) for part in parts]
