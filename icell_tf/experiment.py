"""A run from its configuration: data set, models, training, resuming, and loading what was trained."""

import dataclasses
import zlib
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from icell_tf import checkpoints, devices, networks, training
from icell_tf.acceleration import Acceleration, spread_over_cores
from icell_tf.config import CONFIG_FILE, ConfigError, Run, differences
from icell_tf.data import PreparedCells, find_prepared
from icell_tf.evaluation.cells import Subject
from icell_tf.integrator import Integrator
from icell_tf.models import ConditionalModel, ReferenceModel


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
        prepared = prepared_of(config, data_dir=data_dir)
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
    prepared = prepared_of(config, data_dir=data_dir)
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
    run = Run("conditional", config, prepared.cells, reference.config, str(Path(reference_dir).resolve()))
    return run, prepared


def prepared_of(config, dataset=None, data_dir=None):
    """Returns the `PreparedCells` that a phase's config is trained and evaluated on.

    Args:
      config: of either phase.
      dataset: another prepared data set, to evaluate on; None is the config's.
      data_dir: where prepared data sets lie; None is TFDS' default.

    Raises: DatasetError: if there is none.
    """
    names = getattr(config, "leave_out", "")  # phase 1 sees no structures
    leave_out = tuple(names.split(",")) if names else ()
    return PreparedCells(find_prepared(dataset or config.dataset, data_dir), config.train_split, config.fold, leave_out)


def build_model(run, mean_logits=None):
    """Returns a run's model with fresh weights, not compiled.

    Args:
      run: what to build.
      mean_logits: of the three channels' mean intensities, where the decoder starts from if the config has
        `dark_start`; not needed for a model whose weights are loaded.
    """
    model = _build_networks(run, mean_logits)
    for network in model.trained.values():
        networks.set_norm_momentum(network, run.config.norm_momentum)
    return model


def _build_networks(run, mean_logits):
    config, size, structures = run.config, run.cells.image_size, len(run.cells.structures)
    shape = dict(width=config.width, architecture=config.architecture)
    weights = dict(
        gamma_enc=config.gamma_enc, gamma_dec=config.gamma_dec, mmd_weight=config.mmd_weight, seed=config.seed
    )
    noise = dict(white_noise=config.white_noise)
    start = (mean_logits or (0.0, 0.0, 0.0)) if config.dark_start else None
    if run.phase == "reference":
        return ReferenceModel(
            _reference_encoder(config, size),
            networks.build_reference_decoder(size, config.latent_dim, output_logits=start and start[:-1], **shape),
            networks.build_latent_discriminator(config.latent_dim, name="enc_d_r"),
            networks.build_image_discriminator(size, channels=2, outputs=1, name="dec_d_r", **shape, **noise),
            **weights,
        )
    return ConditionalModel(
        _reference_encoder(run.reference, size),
        networks.build_conditional_encoder(size, structures, config.latent_dim, **shape),
        networks.build_conditional_decoder(size, structures, config.latent_dim, output_logits=start, **shape),
        networks.build_latent_discriminator(config.latent_dim, name="enc_d_s"),
        networks.build_image_discriminator(size, 3, structures + 1, name="dec_d_rs", **shape, **noise),
        generate_from=config.generate_from,
        integration_weight=config.integration_weight,
        **weights,
    )


def _reference_encoder(config, image_size):
    return networks.build_reference_encoder(image_size, config.latent_dim, config.width, config.architecture)


def load_model(run_dir, weights=checkpoints.BEST):
    """Returns a trained model from its run's directory, with its `Run`.

    Raises: ConfigError: if the directory holds no run, or one without such weights.
    """
    run, path = Run.load(run_dir), Path(run_dir) / weights
    if not path.is_file():
        raise ConfigError(f"{run_dir} has no {weights}: its training has not completed an epoch yet")
    model = build_model(run)
    checkpoints.load_weights(model, path)
    return model, run


def load_integrator(run_dir, weights=checkpoints.BEST):
    """Returns the `Integrator` of a phase 2 run. Raises: ConfigError: if it is another phase's, or has no weights."""
    return _integrator(*_load_conditional(run_dir, weights))


def load_subject(run_dir, weights=checkpoints.BEST, dataset=None, data_dir=None, reference_dir=None):
    """Returns what the evaluation looks at: a phase 2 run with all its networks, its curves and its data set.

    Args:
      run_dir: of the phase 2 run.
      weights: which of its weights; those of phase 1 are always its best.
      dataset, data_dir: see `prepared_of`.
      reference_dir: of the phase 1 run, if it isn't where it lay in training. Where it lay in training and is not any
        more, Dec_r and the discriminators of phase 1 are untrained, its curves are missing, and a line is printed.

    Raises: ConfigError, DatasetError: if the run, that of reference_dir or the data set can't be read.
    """
    model, run = _load_conditional(run_dir, weights)
    curves = {"conditional": checkpoints.read_history(run_dir)}
    reference = None
    try:
        reference, curves["reference"] = _load_reference(model, run, reference_dir or run.reference_dir)
    except ConfigError as error:
        if reference_dir:
            raise ConfigError(f"--reference: {error}") from error
        print(f"Without phase 1, its curves and its decoder: {error}. Say where it lies with --reference=RUN_DIR.")
    trained = reference is not None
    if not trained:
        reference = build_model(Run("reference", run.reference, run.cells))
    networks_of_both = {
        "enc_r": model.enc_r,
        "dec_r": reference.dec,
        "enc_d_r": reference.enc_d,
        "dec_d_r": reference.dec_d,
        "enc_rs": model.enc,
        "dec_rs": model.dec,
        "enc_d_s": model.enc_d,
        "dec_d_rs": model.dec_d,
    }
    prepared = prepared_of(run.config, dataset, data_dir)
    name = Path(run_dir).resolve().name
    return Subject(_integrator(model, run), run, prepared, name, networks_of_both, curves, trained)


def _load_reference(model, run, lies):
    """Returns the phase 1 model that a phase 2 model was trained on, and its curves.

    Raises: ConfigError: if none lies there, or another, or the same trained on: then Dec_r doesn't fit enc_r any more.
    """
    if not lies:
        raise ConfigError("the run does not say where it lay")
    reference, found = load_model(lies)
    if found.phase != "reference":
        raise ConfigError(f"{lies} is a run of phase {found.phase!r}, not of phase 1")
    changed = differences(found.config, run.reference, ignore=("epochs",))
    changed += differences(found.cells, run.cells, ignore=("structures", "dataset"))
    if changed:
        raise ConfigError(f"{lies} is not the run that the model was trained on ({'; '.join(changed)})")
    if not all(map(np.array_equal, reference.enc.get_weights(), model.enc_r.get_weights())):
        raise ConfigError(f"{lies} has other weights than those that the model was trained on: it was trained since")
    return reference, checkpoints.read_history(lies)


def _load_conditional(run_dir, weights):
    model, run = load_model(run_dir, weights)
    if run.phase != "conditional":
        raise ConfigError(f"{run_dir} is a run of phase {run.phase!r}, not one of train/conditional.py")
    return model, run


def _integrator(model, run):
    cells = run.cells
    return Integrator(
        model.enc_r,
        model.enc,
        model.dec,
        cells.structures,
        cells.pixel_size,
        cells.preparation,
        mirrored=run.config.mirror,
    )


def _spread_over_cores(config, data_dir):
    if not devices.in_cluster():  # whose machines have to be connected before a data set is opened
        spread_over_cores(prepared_of(config, data_dir=data_dir).image_size)


def _train(find, run_dir, reference_dir, overwrite, deterministic):
    """Args: find, a function that returns a `Run` and its `PreparedCells`; the others as of `train_conditional`."""
    workers = devices.connect()
    with workers.losses_told():
        run, prepared = workers.together(find)
        described = dataclasses.replace(run, reference_dir=""), prepared.splits, overwrite  # it may lie elsewhere there
        workers.check_equal("settings or data", zlib.crc32(repr(described).encode()))
        _train_together(workers, run, prepared, Path(run_dir), reference_dir, overwrite, deterministic)
    return run_dir


def _train_together(workers, run, prepared, run_dir, reference_dir, overwrite, deterministic):
    config = run.config
    workers.check_shares(config.batch_size)
    acceleration = workers.together(lambda: Acceleration.of(config, workers.strategy.num_replicas_in_sync))
    workers.check_equal("devices", zlib.crc32(repr(acceleration).encode()))
    go_on = workers.is_chief and (run_dir / CONFIG_FILE).is_file() and not overwrite
    workers.on_chief(lambda: go_on and _check_same_run(run, run_dir))
    steps = prepared.steps_per_epoch(config.batch_size)
    encoder = workers.together(lambda: reference_dir and load_model(reference_dir)[0].enc.get_weights())

    if deterministic and tf.config.list_logical_devices("GPU"):  # a CPU is so without
        tf.config.experimental.enable_op_determinism()
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
    workers.on_chief(lambda: go_on and training.settle(run_dir, step, steps))
    if step >= config.epochs * steps:
        print(
            f"{run_dir} is trained for {step // steps} epochs already; --epochs with a higher number continues it, "
            "--overwrite starts it anew."
        )
        return

    workers.on_chief(lambda: _prepare_directory(run, run_dir, overwrite))
    if step and workers.is_chief:
        within = f" and step {step % steps} of {steps}" if step % steps else ""
        print(f"Resuming {run_dir} after epoch {step // steps}{within}.")
    print(acceleration, _promise(deterministic))
    training.fit(model, run, prepared, run_dir, workers)


def _prepare_directory(run, run_dir, overwrite):
    """Makes the run's directory with its config.json; clears what lies in it if that is asked for."""
    try:
        run_dir.mkdir(parents=True, exist_ok=True)
        if overwrite and (run_dir / CONFIG_FILE).is_file():
            checkpoints.clear(run_dir)
        run.save(run_dir)
    except OSError as error:
        raise ConfigError(f"--run_dir: {run_dir} can't be written to ({error}); give another directory") from error


def _promise(deterministic):
    """What the same seed gives."""
    if tf.config.list_logical_devices("GPU") and not deterministic:
        return "On a GPU the same seed gives the same run up to rounding; with --deterministic, bit for bit."
    return "The same seed gives the same run, bit for bit, on this machine with these threads and these versions."


def _check_same_run(run, run_dir):
    """Refuses to go on with a run under other settings, which would be neither the old run nor the new one."""
    old = Run.load(run_dir)
    other = "give another directory, or --overwrite to start anew there"
    if old.phase != run.phase:
        raise ConfigError(f"--run_dir: {run_dir} holds a run of phase {old.phase!r}; {other}")
    changed = differences(old.config, run.config, ignore=("epochs",)) + differences(old.cells, run.cells)
    if run.reference:
        changed += [f"the reference run's {line}" for line in differences(old.reference, run.reference)]
    if changed:
        raise ConfigError(f"--run_dir: {run_dir} holds a run with other settings ({'; '.join(changed)}); {other}")
