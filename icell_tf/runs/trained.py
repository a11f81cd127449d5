"""A trained model from its run's folder."""

from pathlib import Path

from icell_tf.config import ConfigError
from icell_tf.models.factory import build_model
from icell_tf.runs.run import Run
from icell_tf.runs.weights import BEST, load_weights


def load_model(run_dir, weights=BEST, phase=None):
    """Returns a trained model from its run's directory, with its `Run`.

    Raises: ConfigError: if the directory holds no run, or one without such weights, or not one of a given phase.
    """
    run, path = Run.load(run_dir), Path(run_dir) / weights
    if phase and run.phase != phase:
        raise ConfigError(f"{run_dir} is a run of phase {run.phase!r}, not one of train/{phase}.py")
    if not path.is_file():
        raise ConfigError(f"{run_dir} has no {weights}: its training has not completed an epoch yet")
    model = build_model(run)
    load_weights(model, path, run.key)
    return model, run
