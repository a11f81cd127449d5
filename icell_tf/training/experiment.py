"""A run from its configuration: data set, model, training, resuming."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from icell_tf.config import PHASES, ConfigError
from icell_tf.data.prepared import open_prepared
from icell_tf.messages import counted, show
from icell_tf.models.factory import build_model
from icell_tf.runs import history
from icell_tf.runs.run import Run
from icell_tf.runs.trained import load_model, load_reference
from icell_tf.training import acceleration, devices, loop, metric_state
from icell_tf.training.acceleration import AUTO
from icell_tf.training.errors import explain_out_of_memory
from icell_tf.training.start import start
from icell_tf.training.store import RunStore


def train_reference(config, run_dir, **how):
    """Trains phase 1, or continues it, and returns the run's directory.

    With TF_CONFIG, all machines in it train together, each with its own copy of the data, or a shared one; the chief
    alone reads and writes run_dir.

    Args:
      config: a `ReferenceConfig`.
      run_dir: where config.json, weights, curves and TensorBoard's files go.
      **how: what is no setting of the run:

        - data_dir: where prepared data sets lie; None is TFDS' default.
        - overwrite: start anew, and remove the run that lies in run_dir.
        - deterministic: on a GPU, use only operations that add up in one order; on a CPU all do.
        - threads: that share an operation on the CPU; see `acceleration.set_threads`.
        - cache: "on" keeps decoded cells in memory, "off" reads them whenever they are needed, "auto" keeps those of a
          split where they take at most a quarter of the memory that is free. The run is the same.
        - card: writes the run's model card, as the module icell_tf.reports.model_card does with its functions `forget`
          and `record_training`. None writes no card.

    Raises: ConfigError, DatasetError: before anything is written. TrainingError: if training fails. Stopped: after a
      signal, once the step is saved.
    """
    return _train(config, None, run_dir, **how)


def train_conditional(config, reference_dir, run_dir, **how):
    """Trains phase 2 on the reference model of phase 1, or continues it; see `train_reference`.

    Raises: ConfigError: also if the reference run's cells were prepared in another way, or its fold or its latent
      dimension differs.
    """
    return _train(config, reference_dir, run_dir, **how)


def train_sampler(config, conditional_dir, run_dir, reference_dir=None, **how):
    """Trains phase 3 on the model of phase 2, or continues it; see `train_reference`.

    Args: reference_dir, of the run of phase 1 that phase 2 was trained on; None is where it lay then.

    Raises: ConfigError: also if the conditional run's cells, its fold or its structures are others, or its run of phase
      1 is not found.
    """
    return _train(config, conditional_dir, run_dir, reference_dir, **how)


def _train(
    config,
    before_dir,
    run_dir,
    reference_dir=None,
    data_dir=None,
    overwrite=False,
    deterministic=False,
    threads=AUTO,
    cache=AUTO,
    card=None,
):
    if overwrite:
        _keep_sources(config, run_dir, before_dir, reference_dir)
    in_cluster = devices.in_cluster()  # whose machines have to be connected before a data set is opened
    acceleration.set_threads(threads, None if in_cluster else open_prepared(config, data_dir=data_dir).spec.shape)
    workers = devices.connect()
    replicas, store = workers.strategy.num_replicas_in_sync, RunStore(run_dir, workers)
    with workers.explain_lost_worker():
        run, prepared = workers.together(lambda: find_run(config, before_dir, data_dir, reference_dir))
        workers.check_equal(
            "settings or data",
            (run.configs, run.spec, run.dataset, run.cells, prepared.splits, overwrite),
        )
        with explain_out_of_memory(config.batch_size, replicas), store.lock():
            workers.check_batch_size(config.batch_size)
            how = workers.together(lambda: acceleration.Acceleration.of(config, replicas, run.spec.shape))
            workers.check_equal("devices", how)
            arithmetic = {"precision": how.precision, "jit": "on" if how.jit else "off"}  # kept when it is continued
            run = dataclasses.replace(run, config=dataclasses.replace(config, **arithmetic)).with_key()
            store.find(run, overwrite)
            fresh = not workers.of_chief(np.array(store.has_weights, np.int32))
            trained = workers.together(lambda: _load_before(run, before_dir, reference_dir))
            model = _build(run, prepared, trained, how, deterministic, workers, fresh)
            metrics = _resume(model, store)
            _warn_of_change(model, trained, before_dir)
            steps, step = prepared.steps_per_epoch(config.batch_size), int(model.step.numpy())
            store.repair(step, steps)
            if step >= config.epochs * steps:
                done = f"{run_dir} is trained for {counted(step // steps, 'epoch')} already"
                show(f"{done}; more epochs continue it, --overwrite starts it anew.")
                return run_dir
            store.begin(run, overwrite, card)
            if step and workers.is_chief:
                within = f" and step {step % steps} of {steps}" if step % steps else ""
                show(f"Resuming {run_dir} after epoch {step // steps}{within}.")
            show(f"{how} {_reproducibility(deterministic, replicas)}")
            loop.fit(model, run, prepared, store, metrics, card, cache)
    return run_dir


def _keep_sources(config, run_dir, *before):
    """Refuses to overwrite a run that this one starts from. Raises: ConfigError."""
    named = [*before, config.init, getattr(config, "grow_from", "")]
    if Path(run_dir).resolve() in [Path(folder).expanduser().resolve() for folder in named if folder]:
        raise ConfigError(
            f"--overwrite would remove {run_dir}, and with it trained weights that this run starts from: give another "
            "--run_dir"
        )


def find_run(config, before_dir, data_dir=None, reference_dir=None):
    """Returns the `Run` that a config describes, and its `PreparedCells`.

    Args: config: of any phase; before_dir, reference_dir: runs of the phases before, None: there are none; data_dir.
    Raises: ConfigError: the run of the phase before does not fit.
    """
    prepared = open_prepared(config, data_dir=data_dir)
    prepared.check()
    phases, phase = list(PHASES), next(name for name, kind in PHASES.items() if type(config) is kind)
    about = dict(spec=prepared.spec, dataset=prepared.dataset, cells=prepared.fingerprint)
    if before_dir is None:
        return Run(phase, config, **about), prepared
    number = phases.index(phase)
    flag, before = f"--{phases[number - 1]}", Run.load(before_dir)
    if before.phase != phases[number - 1]:
        raise ConfigError(f"{flag}: {before_dir} is a run of phase {before.phase!r}, not of phase {number}")
    left_out = getattr(before.config, "leave_out", "")
    if phase == "sampler" and left_out != config.leave_out:
        raise ConfigError(
            f"leave_out is {config.leave_out!r}, but {before_dir} was trained with {left_out!r}: give the same "
            "--leave_out"
        )
    changed = before.spec.differences(prepared.spec, ignore=("structures",) if phase == "conditional" else ())
    if changed:
        raise ConfigError(
            f"{flag}: {before_dir} was trained on cells of {before.dataset}, which were prepared in another way than "
            f"those of {prepared.folder} ({'; '.join(changed)}): train phase {number} on these, too, or this phase on "
            "those"
        )
    if before.config.fold != config.fold:
        raise ConfigError(
            f"fold is {config.fold!r}, but {before_dir} was trained with fold {before.config.fold!r}, and so on "
            f"cells that are held out here: train phase {number} with the same --fold"
        )
    if phase == "conditional" and before.config.latent_dim != config.latent_dim:
        there = before.config.latent_dim
        raise ConfigError(
            f"latent_dim is {config.latent_dim}, but {before_dir} has {there}: give --latent_dim={there}, or train "
            f"phase 1 with --latent_dim={config.latent_dim}"
        )
    rows, epochs = history.read_history(before_dir), before.config.epochs
    if rows and rows[-1]["epoch"] + 1 < epochs:
        show(
            f"Warning: {before_dir} is trained for {rows[-1]['epoch'] + 1} of {counted(epochs, 'epoch')}. If it is "
            "trained further, this run won't fit it any more."
        )
    reference_dir = str(Path(reference_dir).resolve()) if reference_dir else before.reference_dir
    folders = {"reference_dir": reference_dir, f"{before.phase}_dir": str(Path(before_dir).resolve())}
    return Run(phase, config, **about, **before.configs, **folders), prepared


def _build(run, prepared, trained, how, deterministic, workers, fresh):
    """Returns a run's compiled model, with the trained networks of the phases before.

    Args: trained, their weights by name in the model; fresh, whether no weights will be loaded: only then the cells
    are read for the start of what draws images.
    """
    config = run.config
    if deterministic and tf.config.list_logical_devices("GPU"):  # a CPU always is
        tf.config.experimental.enable_op_determinism()
    how.set_products()
    keras.utils.set_random_seed(config.seed)
    dark = workers.together(prepared.mean_logits) if config.dark_start and fresh else None
    with workers.strategy.scope(), how.building():
        model = build_model(run, dark)
        for name, weights in trained.items():
            getattr(model, name).set_weights(weights)
        model.compile(config.learning_rate, config.beta_1, jit=how.jit, loss_scale=how.loss_scale)
        if fresh:
            workers.together(lambda: start(model, run))
    return model


def _load_before(run, before_dir, reference_dir):
    """Returns the weights of the trained networks of the phases before, by name in the model. Raises: ConfigError."""
    if run.phase == "reference":
        return {}
    model, before = load_model(before_dir)
    if run.phase == "conditional":
        return {"enc_r": model.enc.get_weights()}
    try:
        reference = load_reference(model, before, reference_dir)
    except ConfigError as error:
        raise ConfigError(f"--reference: phase 3 needs the run of phase 1 of {before_dir}: {error}") from error
    networks = {"enc_r": model.enc_r, "dec_r": reference.dec, "enc": model.enc, "dec": model.dec}
    return {name: network.get_weights() for name, network in networks.items()}


def _warn_of_change(model, trained, before_dir):
    """Says so where a continued run has other weights of the phases before than now lie in their runs.

    Args: trained, the weights of the phases before by name in the model, as they lie there now.
    """
    kept = {name: getattr(model, name).get_weights() for name in trained}
    if not all(all(map(np.array_equal, kept[name], weights)) for name, weights in trained.items()):
        show(
            f"Warning: {before_dir} was trained further after this run had begun. This run goes on with the weights of "
            "its beginning; --overwrite starts it anew."
        )


def _resume(model, store):
    """Gives a model the run's last state; returns that of the metrics. Outside the strategy's scope.

    Keras makes an optimizer when it loads weights, and within the scope its variables would wait for the other workers.
    """
    metrics = store.resume(model)
    store.workers.broadcast(model)
    return store.workers.of_chief(metric_state.read(model) if metrics is None else metrics)


def _reproducibility(deterministic, replicas):
    """Says how far the same seed gives the same run."""
    if replicas > 1:
        return "On several devices the same seed gives the same run up to rounding."
    if tf.config.list_logical_devices("GPU") and not deterministic:
        return "On a GPU the same seed gives the same run up to rounding; with --deterministic, bit for bit."
    return "The same seed gives the same run, bit for bit, on this machine with these threads and these versions."
