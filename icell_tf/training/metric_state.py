"""The state of a model's metrics within an epoch, which is saved so that a resumed epoch has the same curves."""

import numpy as np


def read(model):
    """Returns sum and count of every metric since the epoch began, over all replicas, (metrics, 2) in NumPy.

    Of several machines, each has only its own replicas' values: the result then assumes the same ones on the others.
    """
    sums = [[np.mean([part.numpy() for part in parts]) for parts in pair] for pair in _parts(model)]
    return np.array(sums) * np.float32(model.distribute_strategy.num_replicas_in_sync)


def write(model, values):
    """Sets the metrics of a model to what `read` returned; every replica gets an equal share."""
    shares = np.array(values, np.float32) / np.float32(model.distribute_strategy.num_replicas_in_sync)
    for pair, row in zip(_parts(model), shares, strict=True):
        for parts, share in zip(pair, row, strict=True):
            for part in parts:
                part.assign(share)


def _parts(model):
    """Sum and count of every metric, each as the variables of this machine's replicas."""
    local = model.distribute_strategy.experimental_local_results
    return [(local(tracker.total.value), local(tracker.count.value)) for tracker in model.metrics]
