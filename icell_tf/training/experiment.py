"""A run from its configuration: data set, models, training, resuming, and loading what was trained."""

import contextlib
import dataclasses
import zlib
from pathlib import Path

import keras
import tensorflow as tf

from icell_tf.config import MAY_CHANGE, ConfigError, differences
from icell_tf.data.prepared import open_prepared
from icell_tf.models.factory import build_model
from icell_tf.reports import model_card
from icell_tf.runs import history, weights
from icell_tf.runs.run import CONFIG_FILE, Run
from icell_tf.runs.trained import load_model
from icell_tf.training import checkpoints, devices, loop
from icell_tf.training.acceleration import Acceleration, spread_over_cores


def train_reference(config, run_dir, data_dir=None, overwrite=False, deterministic=False):
    """Trains phase 1, or goes on with it, and returns the run's directory.

    Args:
      config: a `ReferenceConfig`.
      run_dir: where config.json, weights, curves and TensorBoard's files go.
      data_dir: where prepared data sets lie; None is TFDS' default.
      overwrite: start anew, and remove the run that lies in run_dir.
      deterministic: on a GPU, take only operations that add up in one order; on a CPU all do.

    With TF_CONFIG, all machines in it train together, each with its own copy of the data, or a shared one; the chief
    alone reads and writes run_dir.

    Raises: ConfigError, DatasetError: before anything is written. TrainingError: if training breaks down. Stopped:
      after a signal, once the step is saved.
    """

    def find():
        prepared = open_prepared(config, data_dir=data_dir)
        return Run("reference", config, prepared.cells), prepared

    _spread_over_cores(config, data_dir)
    return _train(find, run_dir, None, overwrite, deterministic)


def train_conditional(config, reference_dir, run_dir, data_dir=None, overwrite=False, deterministic=False):
    """Trains phase 2 on the reference model of phase 1, or goes on with it; see `train_reference`.

    Raises: ConfigError: also if the reference run's cells were prepared otherwise, or its fold or its latent dimension
      is another.
    """
    _spread_over_cores(config, data_dir)
    return _train(
        lambda: _conditional_run(config, reference_dir, data_dir), run_dir, reference_dir, overwrite, deterministic
    )


def _conditional_run(config, reference_dir, data_dir):
    """Returns the `Run` and its `PreparedCells`, checked against the reference run."""
    reference = Run.load(reference_dir)
    if reference.phase != "reference":
        raise ConfigError(f"--reference: {reference_dir} is a run of phase {reference.phase!r}, not of phase 1")
    prepared = open_prepared(config, data_dir=data_dir)
    changed = differences(reference.cells, prepared.cells, ignore=("structures", "dataset"))
    if changed:
        raise ConfigError(
            f"--reference: {reference_dir} was trained on cells prepared otherwise than those of {prepared.folder} "
            f"({'; '.join(changed)}): train phase 1 on them"
        )
    if reference.config.fold != config.fold:
        raise ConfigError(
            f"fold is {config.fold!r}, but {reference_dir} was trained with fold {reference.config.fold!r}, so that it "
            "knows cells that are held out here: train phase 1 with the same --fold"
        )
    if reference.config.latent_dim != config.latent_dim:
        raise ConfigError(f"latent_dim is {config.latent_dim}, but {reference_dir} has {reference.config.latent_dim}")
    rows, epochs = history.read_history(reference_dir), reference.config.epochs
    if rows and rows[-1]["epoch"] + 1 < epochs:
        print(
            f"Warning: {reference_dir} is trained for {rows[-1]['epoch'] + 1} of {epochs} epochs. Once it is trained "
            "on, this run won't fit it any more."
        )
    run = Run("conditional", config, prepared.cells, reference.config, str(Path(reference_dir).resolve()))
    return run, prepared


def _spread_over_cores(config, data_dir):
    if not devices.in_cluster():  # whose machines have to be connected before a data set is opened
        spread_over_cores(open_prepared(config, data_dir=data_dir).image_size)


def _train(find, run_dir, reference_dir, overwrite, deterministic):
    """Args: find, a function that returns a `Run` and its `PreparedCells`; the others as of `train_conditional`."""
    workers = devices.connect()
    with workers.losses_told():
        run, prepared = workers.together(find)
        described = dataclasses.replace(run, reference_dir=""), prepared.splits, overwrite  # it may lie elsewhere there
        workers.check_equal("settings or data", zlib.crc32(repr(described).encode()))
        memory_told = loop.memory_told(run.config.batch_size, workers.strategy.num_replicas_in_sync)
        with memory_told, contextlib.ExitStack() as held:
            workers.on_chief(lambda: held.enter_context(checkpoints.taken(run_dir)))
            _train_together(workers, run, prepared, Path(run_dir), reference_dir, overwrite, deterministic)
    return run_dir


def _train_together(workers, run, prepared, run_dir, reference_dir, overwrite, deterministic):
    config = run.config
    workers.check_shares(config.batch_size)
    acceleration = workers.together(lambda: Acceleration.of(config, workers.strategy.num_replicas_in_sync))
    workers.check_equal("devices", zlib.crc32(repr(acceleration).encode()))
    run = dataclasses.replace(run, config=acceleration.recorded_in(config)).with_key()
    go_on = workers.on_chief(lambda: not overwrite and _is_run(run_dir))
    run = workers.together(lambda: _continued(run, run_dir) if go_on else run)
    steps = prepared.steps_per_epoch(config.batch_size)
    encoder = workers.together(lambda: reference_dir and load_model(reference_dir)[0].enc.get_weights())

    if deterministic and tf.config.list_logical_devices("GPU"):  # a CPU is so without
        tf.config.experimental.enable_op_determinism()
    acceleration.set_products()
    keras.utils.set_random_seed(config.seed)
    with workers.strategy.scope(), acceleration.building():
        model = build_model(run, prepared.mean_logits() if config.dark_start else None)
        if encoder:
            model.enc_r.set_weights(encoder)
        model.compile(config.learning_rate, config.beta_1, jit=acceleration.jit, loss_scale=acceleration.loss_scale)
    # Outside the scope: Keras makes an optimizer on the way, to look at, and there its variables wait for all machines.
    workers.on_chief(lambda: go_on and checkpoints.resume(model, run_dir))
    workers.share(model)
    step = int(model.step.numpy())
    workers.on_chief(lambda: go_on and loop.settle(run_dir, step, steps))
    if step >= config.epochs * steps:
        print(
            f"{run_dir} is trained for {step // steps} epochs already; a higher --epochs continues it, --overwrite "
            "starts it anew."
        )
        return

    workers.on_chief(lambda: _prepare_directory(run, run_dir, overwrite))
    if step and workers.is_chief:
        within = f" and step {step % steps} of {steps}" if step % steps else ""
        print(f"Resuming {run_dir} after epoch {step // steps}{within}.")
    print(acceleration, _promise(deterministic, workers))
    loop.fit(model, run, prepared, run_dir, workers)


def _prepare_directory(run, run_dir, overwrite):
    """Writes the run's config.json; clears what lies in its directory if that is asked for."""
    try:
        if overwrite:
            model_card.forget(run_dir)
            checkpoints.clear(run_dir)
        run.save(run_dir)
    except OSError as error:
        raise checkpoints.unwritable(run_dir, error) from error


def _promise(deterministic, workers):
    """What the same seed gives."""
    if workers.strategy.num_replicas_in_sync > 1:
        return "On several devices the same seed gives the same run up to rounding."
    if tf.config.list_logical_devices("GPU") and not deterministic:
        return "On a GPU the same seed gives the same run up to rounding; with --deterministic, bit for bit."
    return "The same seed gives the same run, bit for bit, on this machine with these threads and these versions."


def _is_run(run_dir):
    """Whether a run lies in a directory. Raises: ConfigError: if its weights do, but not what they are of."""
    left = [name for name in (weights.LAST, weights.PREVIOUS) if (run_dir / name).is_file()]
    found = (run_dir / CONFIG_FILE).is_file()
    if left and not found:
        raise ConfigError(
            f"--run_dir: {run_dir} has {left[0]} without {CONFIG_FILE}: put that back, give another directory, or "
            "--overwrite to start anew there"
        )
    return found


def _continued(run, run_dir):
    """Returns a run with the key of the one that lies in a folder.

    Raises: ConfigError: if that has other settings: going on would be neither the old run nor the new one.
    """
    old = Run.load(run_dir)
    other = "give another directory, or --overwrite to start anew there"
    if old.phase != run.phase:
        raise ConfigError(f"--run_dir: {run_dir} holds a run of phase {old.phase!r}; {other}")
    changed = differences(old.config, run.config, ignore=MAY_CHANGE) + differences(old.cells, run.cells)
    if run.reference:
        changed += [f"the reference run's {line}" for line in differences(old.reference, run.reference)]
    if changed:
        raise ConfigError(f"--run_dir: {run_dir} holds a run with other settings ({'; '.join(changed)}); {other}")
    if old.config.jit not in (run.config.jit, "auto"):
        print(f"Warning: jit was {old.config.jit}, now {run.config.jit}: the run goes on, equal up to rounding.")
    return dataclasses.replace(run, key=old.key)
