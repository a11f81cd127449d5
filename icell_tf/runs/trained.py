"""A trained model from its run's folder."""

from pathlib import Path

import numpy as np

from icell_tf.config import CHANGEABLE, ConfigError, differences
from icell_tf.models.factory import build_model
from icell_tf.runs.run import Run
from icell_tf.runs.weights import BEST, NETWORKS, load_networks, load_weights


def load_model(run_dir, weights=BEST, phases=()):
    """Returns a trained model from its run's directory, with its `Run`.

    Of a model that ships, the networks that only training needs have fresh weights.

    Args: run_dir; weights, the name of their file; phases, those that it may be of, none given: any.

    Raises: ConfigError: if the directory holds no run, or one without such weights, or one of another phase.
    """
    run, path = Run.load(run_dir), Path(run_dir) / weights
    if phases and run.phase not in phases:
        commands = " or ".join(f"`icell train {phase}`" for phase in phases)
        raise ConfigError(f"{run_dir} is a run of phase {run.phase!r}, not one of {commands}")
    networks = Path(run_dir) / NETWORKS
    if weights != BEST and networks.is_file():
        raise ConfigError(f"{run_dir} ships with one set of weights, {NETWORKS}: there are no {weights}")
    if not (path.is_file() or networks.is_file()):
        raise ConfigError(f"{run_dir} has no {weights}: its training has not completed an epoch yet")
    model = build_model(run)
    if path.is_file():
        load_weights(model, path, run.key)
    else:
        load_networks(model, networks, run.key)
    return model, run


def load_reference(model, run, run_dir=None):
    """Returns the model of phase 1 that a later phase was trained on.

    Args: model, with its Enc_r; run, of the later phase; run_dir, of phase 1, None: where it lay in training.

    Raises: ConfigError: there is no such run, it is another one, or it was trained further after phase 2 had started,
      so that its Dec_r does not fit the Enc_r of phase 2.
    """
    return _load_before("reference", run_dir or run.reference_dir, run, lambda found: (found.enc, model.enc_r))


def load_conditional(model, run):
    """As `load_reference`, of phase 2 for a run of phase 3."""
    return _load_before("conditional", run.conditional_dir, run, lambda found: (found.dec, model.dec))


def _load_before(phase, run_dir, run, shared):
    if not run_dir:
        raise ConfigError(f"its config.json names no folder of a run of `icell train {phase}`")
    model, found = load_model(run_dir, phases=(phase,))
    changed = differences(found.config, run.configs[phase], ignore=CHANGEABLE)
    changed += run.spec.differences(found.spec, ignore=("structures",) if phase == "reference" else ())
    if changed:
        raise ConfigError(f"{run_dir} is not the run that the model was trained on ({'; '.join(changed)})")
    theirs, ours = (network.get_weights() for network in shared(model))
    if not all(map(np.array_equal, theirs, ours)):
        changed = "has other weights than those that the model was trained on: it was trained further since"
        raise ConfigError(f"{run_dir} {changed}")
    return model
