"""The subject of an evaluation: a trained model with its run, its networks, its curves and its data set."""

from dataclasses import dataclass, field
from pathlib import Path

import keras

from icell_tf.config import ConfigError
from icell_tf.data.builder.config import SIMULATED
from icell_tf.data.prepared import PreparedCells, open_prepared
from icell_tf.inference.integrator import Integrator
from icell_tf.inference.loading import integrator_of
from icell_tf.messages import show
from icell_tf.models.factory import build_model
from icell_tf.runs.history import read_history
from icell_tf.runs.run import Run
from icell_tf.runs.trained import load_conditional, load_model, load_reference
from icell_tf.runs.weights import BEST


@dataclass(frozen=True, eq=False)
class Subject:
    """A trained model, with all that its report needs.

    Attributes:
      integrator: the trained networks, for arrays.
      run: settings and spec of its last phase, 2 or 3.
      prepared: the data set it is evaluated on.
      name: of the run's folder, for captions.
      networks: every network of phases 1 and 2 by its symbol in the paper: enc_r, dec_r, enc_d_r, dec_d_r, enc_rs,
        dec_rs, enc_d_s, dec_d_rs.
      curves: {phase: rows of history.csv}, as `read_history` returns them; without the phases whose runs were not
        found.
      reference_trained: whether dec_r, enc_d_r and dec_d_r have trained weights: they lie in the run of phase 1 only.
    """

    integrator: Integrator
    run: Run
    prepared: PreparedCells
    name: str
    networks: dict[str, keras.Model] = field(default_factory=dict)
    curves: dict[str, list[dict]] = field(default_factory=dict)
    reference_trained: bool = False


def load_subject(run_dir, weights=BEST, dataset=None, data_dir=None, reference_dir=None):
    """Loads a run of phase 2 or 3 as a `Subject`.

    Args:
      run_dir: of the run.
      weights: the file of its weights. Of the phases before, the best weights are loaded.
      dataset, data_dir: see `open_prepared`.
      reference_dir: of the phase 1 run; None is where it lay in training. If it does not lie there any more, a line is
        printed, the discriminators of phase 1 (and in phase 2 Dec_r) stay untrained, and the curves of phase 1 are left
        out. So it is with a phase 2 run that is not found.

    Raises: ConfigError, DatasetError: the run, a given reference_dir or the data set can't be read.
    """
    model, run = load_model(run_dir, weights, ("conditional", "sampler"))
    curves, reference, conditional = {run.phase: read_history(run_dir)}, None, model
    try:
        reference = load_reference(model, run, reference_dir)
        curves["reference"] = read_history(reference_dir or run.reference_dir)
    except ConfigError as error:
        if reference_dir:
            raise ConfigError(f"--reference: {error}") from error
        show(f"Without the curves and discriminators of phase 1: {error}. Give its folder with --reference=RUN_DIR.")
    if run.phase == "sampler":
        try:
            conditional = load_conditional(model, run)
            curves["conditional"] = read_history(run.conditional_dir)
        except ConfigError as error:
            show(f"Without the curves and discriminators of phase 2: {error}.")
            conditional = build_model(run.before("conditional"))
    trained = reference is not None
    if not trained:
        reference = build_model(run.before("reference"))
    dec_r = getattr(model, "dec_r", reference.dec)
    networks = {"enc_r": model.enc_r, "dec_r": dec_r, "enc_d_r": reference.enc_d, "dec_d_r": reference.dec_d}
    networks |= {"enc_rs": model.enc, "dec_rs": model.dec, "enc_d_s": conditional.enc_d, "dec_d_rs": conditional.dec_d}
    prepared, name = open_prepared(run.config, dataset, data_dir), Path(run_dir).resolve().name
    if prepared.dataset == run.dataset and not has_cells_of(run, prepared):
        show(
            f"Warning: {prepared.dataset} has other cells or other splits than when {run_dir} was trained on it: its "
            "test cells may have been training cells."
        )
    integrator = integrator_of(model, run.mirrored, run.from_targets, run.mirrored_draws)
    return Subject(integrator, run, prepared, name, networks, curves, trained)


def has_cells_of(run, prepared):
    """Whether `PreparedCells` are those that a run was trained on.

    Those of a simulated data set are, too, if they were made on another processor: they then differ by rounding.
    """
    same_simulation = prepared.dataset == run.dataset and run.dataset.rpartition("/")[0] in SIMULATED
    return prepared.fingerprint == run.cells or same_simulation
