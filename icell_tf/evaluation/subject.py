"""The subject of an evaluation: a trained model with its run, its networks, its curves and its data set."""

from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from icell_tf.config import CHANGEABLE, ConfigError, differences
from icell_tf.data.prepared import PreparedCells, open_prepared
from icell_tf.inference.integrator import Integrator
from icell_tf.inference.loading import integrator_of
from icell_tf.messages import show
from icell_tf.models.factory import build_model
from icell_tf.runs.history import read_history
from icell_tf.runs.run import Run
from icell_tf.runs.trained import load_model
from icell_tf.runs.weights import BEST


@dataclass(frozen=True, eq=False)
class Subject:
    """A trained model, with all that its report needs.

    Attributes:
      integrator: the trained networks, for arrays.
      run: settings and spec of its phase 2.
      prepared: the data set it is evaluated on.
      name: of the run's folder, for captions.
      networks: every network of both phases by its symbol in the paper: enc_r, dec_r, enc_d_r, dec_d_r, enc_rs,
        dec_rs, enc_d_s, dec_d_rs.
      curves: {"reference": rows, "conditional": rows} of history.csv, as `read_history` returns them; without
        "reference" if the run of phase 1 was not found.
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
    """Loads a phase 2 run as a `Subject`.

    Args:
      run_dir: of the phase 2 run.
      weights: the file of its weights. Of phase 1, the best weights are loaded.
      dataset, data_dir: see `open_prepared`.
      reference_dir: of the phase 1 run; None is where it lay in training. If it does not lie there any more, a line is
        printed, Dec_r and the discriminators of phase 1 stay untrained, and the curves of phase 1 are left out.

    Raises: ConfigError, DatasetError: the run, a given reference_dir or the data set can't be read.
    """
    model, run = load_model(run_dir, weights, "conditional")
    curves = {"conditional": read_history(run_dir)}
    reference = None
    try:
        reference, curves["reference"] = _load_reference(model, run, reference_dir or run.reference_dir)
    except ConfigError as error:
        if reference_dir:
            raise ConfigError(f"--reference: {error}") from error
        show(f"Without the curves and the decoder of phase 1: {error}. Give its folder with --reference=RUN_DIR.")
    trained = reference is not None
    if not trained:
        reference = build_model(Run("reference", run.reference, run.spec))
    networks = {"enc_r": model.enc_r, "dec_r": reference.dec, "enc_d_r": reference.enc_d, "dec_d_r": reference.dec_d}
    networks |= {"enc_rs": model.enc, "dec_rs": model.dec, "enc_d_s": model.enc_d, "dec_d_rs": model.dec_d}
    prepared, name = open_prepared(run.config, dataset, data_dir), Path(run_dir).resolve().name
    if prepared.dataset == run.dataset and prepared.fingerprint != run.cells:
        show(
            f"Warning: {prepared.dataset} has other cells or other splits than when {run_dir} was trained on it: its "
            "test cells may have been training cells."
        )
    integrator = integrator_of(model, run.config.mirror)
    return Subject(integrator, run, prepared, name, networks, curves, trained)


def _load_reference(model, run, run_dir):
    """Returns the phase 1 model that a phase 2 model was trained on, and its curves.

    Raises: ConfigError: there is no such run, it is another one, or it was trained further after phase 2 had started,
      so that its Dec_r does not fit the Enc_r of phase 2.
    """
    if not run_dir:
        raise ConfigError("its config.json names no folder of phase 1")
    reference, found = load_model(run_dir, phase="reference")
    changed = differences(found.config, run.reference, ignore=CHANGEABLE)
    changed += run.spec.differences(found.spec, ignore=("structures",))
    if changed:
        raise ConfigError(f"{run_dir} is not the run that the model was trained on ({'; '.join(changed)})")
    if not all(map(np.array_equal, reference.enc.get_weights(), model.enc_r.get_weights())):
        changed = "has other weights than those that the model was trained on: it was trained further since"
        raise ConfigError(f"{run_dir} {changed}")
    return reference, read_history(run_dir)
