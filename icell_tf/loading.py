"""Trained runs, loaded for what is done with them: an integrator to use, or all there is, to be evaluated."""

from pathlib import Path

import numpy as np

from icell_tf import checkpoints
from icell_tf.config import MAY_CHANGE, ConfigError, Run, differences
from icell_tf.evaluation.cells import Subject
from icell_tf.experiment import build_model, load_model, prepared_of
from icell_tf.integrator import Integrator


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
    changed = differences(found.config, run.reference, ignore=MAY_CHANGE)
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
