"""Trained runs, loaded for what is done with them: an integrator to use, or all there is, to be evaluated."""

from icell_tf.config import ConfigError
from icell_tf.inference.integrator import Integrator
from icell_tf.runs.trained import load_model
from icell_tf.runs.weights import BEST


def load_integrator(run_dir, weights=BEST):
    """Returns the `Integrator` of a phase 2 run. Raises: ConfigError: if it is another phase's, or has no weights."""
    return integrator_of(*load_conditional(run_dir, weights))


def load_conditional(run_dir, weights):
    model, run = load_model(run_dir, weights)
    if run.phase != "conditional":
        raise ConfigError(f"{run_dir} is a run of phase {run.phase!r}, not one of train/conditional.py")
    return model, run


def integrator_of(model, run):
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
