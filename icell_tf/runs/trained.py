"""A trained model from its run's folder."""

from pathlib import Path

from icell_tf.config import ConfigError
from icell_tf.models.factory import build_model
from icell_tf.runs.run import Run
from icell_tf.runs.weights import BEST, load_weights


def load_model(run_dir, weights=BEST):
    """Returns a trained model from its run's directory, with its `Run`.

    Raises: ConfigError: if the directory holds no run, or one without such weights.
    """
    run, path = Run.load(run_dir), Path(run_dir) / weights
    if not path.is_file():
        raise ConfigError(f"{run_dir} has no {weights}: its training has not completed an epoch yet")
    model = build_model(run)
    load_weights(model, path, run.key)
    return model, run
