"""The devices that a run is trained on: those of this machine, or of all machines in TF_CONFIG."""

import contextlib
import functools
import json
import os
import re
import signal
import threading
import zlib
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from icell_tf.config import ConfigError
from icell_tf.messages import show
from icell_tf.training.errors import GO_ON, TrainingError
from icell_tf.training.rendezvous import wait_for

VARIABLE = "TF_CONFIG"
EXAMPLE = '{"cluster": {"worker": ["host-0:12345", "host-1:12345"]}, "task": {"type": "worker", "index": 0}}'
JOBS = ("chief", "worker")
# What TensorFlow raises, within some 20 s, when it has lost another machine.
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.FailedPreconditionError,
    tf.errors.InternalError,
)


@dataclass(frozen=True)
class Cluster:
    """The machines of a run, with one process each, and the index of this one: machine 0 is the chief."""

    hosts: tuple[str, ...]
    index: int


def read_cluster(text):
    """Reads the value of TF_CONFIG, in TensorFlow's format, such as EXAMPLE; "" or None if the variable is not set.

    Returns: a `Cluster`; None without the variable, or with only one machine in it. Raises: ConfigError.
    """
    if not text:
        return None
    try:
        content = json.loads(text)
        jobs, task = content["cluster"], content["task"]
        addresses = {job: list(hosts) for job, hosts in jobs.items()}
        kind, index = task["type"], int(task["index"])
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        found = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
        raise _refusal(f"is {text!r}, which can't be used ({found})") from error
    if others := sorted(set(addresses) - set(JOBS)):
        raise _refusal(f"has a job {others[0]!r} in its cluster, but training takes only {' and '.join(JOBS)}")
    if not 0 <= index < len(addresses.get(kind, ())):
        named = ", ".join(f"{len(hosts)} of {job!r}" for job, hosts in addresses.items()) or "none"
        raise _refusal(f"says that this is task {index} of {kind!r}, but its cluster has {named}")
    if len(addresses.get("chief", ())) > 1:
        raise _refusal(f"has {len(addresses['chief'])} chiefs, but one machine writes the run")
    hosts = [host for job in JOBS for host in addresses.get(job, ())]
    wrong = [host for host in hosts if not _is_address(host) or hosts.count(host) > 1]
    if wrong:
        raise _refusal(f"has the address {wrong[0]!r}, but each machine needs one of its own, HOST:PORT")
    chiefs = len(addresses.get("chief", ())) if kind == "worker" else 0
    return Cluster(tuple(hosts), index + chiefs) if len(hosts) > 1 else None


def _is_address(host):
    port = host.rpartition(":")[2] if isinstance(host, str) else ""
    return port.isdecimal() and 0 < int(port) < 2**16


def _refusal(found):
    return ConfigError(f"the environment variable {VARIABLE} {found}. Give it as {EXAMPLE}, or unset it")


def in_cluster():
    """Whether TF_CONFIG lists several machines. Raises: ConfigError: if it can't be read."""
    return read_cluster(os.environ.get(VARIABLE)) is not None


def make_strategy():
    """Returns MirroredStrategy over all GPUs, or all logical CPUs, if there is more than one; else the default."""
    gpus, cpus = tf.config.list_logical_devices("GPU"), tf.config.list_logical_devices("CPU")
    if len(gpus) > 1:
        return tf.distribute.MirroredStrategy()
    if not gpus and len(cpus) > 1:  # the collectives fail in synchronised BatchNorm there
        return tf.distribute.MirroredStrategy(
            [device.name for device in cpus], cross_device_ops=tf.distribute.ReductionToOneDevice()
        )
    return tf.distribute.get_strategy()


def connect():
    """Returns the `Workers` of this run; with TF_CONFIG, waits until all machines in it have been started.

    It must be called before TensorFlow is used in any other way. Raises: ConfigError, TrainingError.
    """
    cluster = read_cluster(os.environ.get(VARIABLE))
    return _connected(cluster) if cluster else Workers(make_strategy())


@functools.cache  # a process can connect only once
def _connected(cluster):
    workers, own = Workers(None, cluster), cluster.hosts[cluster.index]
    name = f"machine {cluster.index + 1} of {workers.count} ({own})"
    role = "the chief, which writes the run" if workers.is_chief else "which writes nothing"
    others = [host for host in cluster.hosts if host != own]
    show(
        f"The environment variable {VARIABLE} says that {workers.count} machines train together. This is {name}, "
        f"{role}; waiting for the same command on {', '.join(others)}. To train on this machine alone, end this with "
        f"Ctrl-C, and put env -u {VARIABLE} before the command."
    )
    wait_for(others, own, VARIABLE)
    with workers.explain_lost_worker(), _interruptible():
        workers.strategy = tf.distribute.MultiWorkerMirroredStrategy()
        workers.gather([0])  # returns once all have started
    return workers


@contextlib.contextmanager
def _interruptible():
    """Within, Ctrl-C ends the process even while it waits in TensorFlow; after, SIGTERM ends it again.

    TensorFlow sets a handler of its own for SIGTERM when it connects, which does not end the process.
    """
    if threading.current_thread() is not threading.main_thread():  # only that one may set signal handlers
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


class Workers:
    """The processes that train a run together, one a machine; without TF_CONFIG there is one.

    The code that tells workers apart is here and in `store.RunStore`. They agree by collectives: all workers have to
    call the same methods in the same order.

    Attributes: strategy, over the devices of all workers; count, of the workers; index, of this one.
    """

    def __init__(self, strategy, cluster=None):
        self.strategy, self.cluster = strategy, cluster
        self.count, self.index = (len(cluster.hosts), cluster.index) if cluster else (1, 0)

    @property
    def is_chief(self):
        """Whether this is the process that writes the run."""
        return self.index == 0

    def sum(self, values):
        """Returns the sum over all workers of an array or list of numbers of any shape, in NumPy."""
        values = np.asarray(values)
        if self.count == 1:
            return values
        return self._sum(tf.constant(values.ravel())).numpy().reshape(values.shape)

    @functools.cached_property
    def _sum(self):
        def of_replica(values):
            context = tf.distribute.get_replica_context()
            first = context.replica_id_in_sync_group % (self.strategy.num_replicas_in_sync // self.count) == 0
            return context.all_reduce("SUM", tf.where(first, values, tf.zeros_like(values)))

        @tf.function(reduce_retracing=True)
        def of_workers(values):
            return self.strategy.experimental_local_results(self.strategy.run(of_replica, args=(values,)))[0]

        return of_workers

    def gather(self, values):
        """Returns every worker's integers, (workers, N). Args: values, (N,), of this one."""
        rows = np.zeros([self.count, len(values)], np.int64)
        rows[self.index] = values
        return self.sum(rows)

    def together(self, act):
        """Calls a function on all workers; returns this worker's result once all are done.

        Raises: what the function raises here; TrainingError: if it failed on another worker.
        """
        if self.count == 1:
            return act()
        result = failure = None
        try:
            result = act()
        except Exception as error:  # raised below, once the others know
            failure = error
        failed = np.flatnonzero(self.gather([failure is not None])[:, 0])
        if failure:
            raise failure
        if len(failed):
            raise TrainingError(f"{self._hosts(failed)} failed, and says why there; nothing is wrong here")
        return result

    def on_chief(self, act):
        """Calls a function on the chief only, as `together` otherwise. Returns: None on the other workers."""
        return self.together(act if self.is_chief else lambda: None)

    def check_equal(self, what, value):
        """Raises: ConfigError: if a value, compared by its repr, differs between workers. Args: what, its name."""
        numbers = self.gather([zlib.crc32(repr(value).encode())])[:, 0]
        if np.any(numbers != numbers[0]):
            raise ConfigError(
                f"{self._hosts(np.flatnonzero(numbers != numbers[0]))} was started with other {what} than "
                f"{self._hosts([0])}: start the same command, with the same data and versions, on every machine of "
                f"{VARIABLE}"
            )

    def check_batch_size(self, batch_size):
        """Raises: ConfigError: if the devices can't share a batch evenly."""
        replicas = self.strategy.num_replicas_in_sync
        if batch_size % replicas:
            where = f" on the {self.count} machines of {VARIABLE}" if self.cluster else ""
            raise ConfigError(f"batch_size is {batch_size}, which {replicas} devices{where} cannot share evenly")

    def broadcast(self, model):
        """Gives a compiled model on every worker the chief's weights and optimizer state."""
        optimizers = [variable for optimizer in model.optimizers.values() for variable in optimizer.variables]
        self.agree(model.weights + optimizers)

    def agree(self, variables):
        """Gives variables on every worker the chief's values."""
        if self.count > 1:
            for variable in variables:
                variable.assign(self.of_chief(variable.numpy()))

    def of_chief(self, values):
        """Returns the chief's array on every worker. Args: values, of the same shape and type on all."""
        return self.sum(values if self.is_chief else np.zeros_like(values))

    def mean(self, values):
        """Returns the mean over all workers of an array."""
        return self.sum(values) / self.count

    def distribute(self, batches):
        """Returns this worker's share of `Batches`, which are the same on all workers."""
        return batches if self.count == 1 else batches.share(self.index, self.count)

    def part_of_device(self, batch):
        """Returns the part of this worker's batch for the device that computes. Args: {name: tensor (B, ...)}."""
        devices = self.strategy.num_replicas_in_sync // self.count
        if devices == 1:
            return batch
        number = tf.distribute.get_replica_context().replica_id_in_sync_group % devices

        def part(values):
            count = values.shape[0] or tf.shape(values)[0]
            return values[count * number // devices : count * (number + 1) // devices]

        return {name: part(values) for name, values in batch.items()}

    @contextlib.contextmanager
    def explain_lost_worker(self):
        """Says that a machine was lost, where TensorFlow only says that a collective failed. Raises: TrainingError."""
        try:
            yield
        except LOST as error:
            if self.count == 1:
                raise
            raise TrainingError(
                f"lost a machine of {VARIABLE}, or could not reach it, or failed here ({_reason(error)}). Start the "
                f"command again on every machine: {GO_ON}, from what was saved last"
            ) from error

    def _hosts(self, numbers):
        return " and ".join(f"machine {number + 1} ({self.cluster.hosts[number]})" for number in numbers)


def _reason(error):
    """TensorFlow's message without the position in the graph."""
    told = error.message.partition("aborted by: ")[2] or error.message
    return " ".join(re.split("The error could be|Additional GRPC|Check earlier logs", told)[0].split())[:300]


ALONE = Workers(None)
