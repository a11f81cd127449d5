"""What an evaluation looks at: a trained model with its run, its networks, its curves and its data set."""

from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from icell_tf.config import MAY_CHANGE, ConfigError, differences
from icell_tf.data.prepared import PreparedCells, open_prepared
from icell_tf.inference.integrator import Integrator
from icell_tf.inference.loading import integrator_of, load_conditional
from icell_tf.models.factory import build_model
from icell_tf.runs.history import read_history
from icell_tf.runs.run import Run
from icell_tf.runs.trained import load_model
from icell_tf.runs.weights import BEST


@dataclass(frozen=True, eq=False)
class Subject:
    """A trained model, with what its report needs.

    Attributes:
      integrator: the trained networks, for arrays.
      run: settings and cells of its phase 2.
      prepared: the data set it is evaluated on.
      name: the run's folder, as captions name it.
      networks: every network of both phases by its symbol in design and paper: enc_r, dec_r, enc_d_r, dec_d_r, enc_rs,
        dec_rs, enc_d_s, dec_d_rs.
      curves: {"reference": rows, "conditional": rows} of history.csv, as `read_history` returns them; no
        entry where there are none.
      reference_trained: whether dec_r, enc_d_r and dec_d_r have the weights of phase 1, whose folder may be gone.
    """

    integrator: Integrator
    run: Run
    prepared: PreparedCells
    name: str
    networks: dict[str, keras.Model] = field(default_factory=dict)
    curves: dict[str, list[dict]] = field(default_factory=dict)
    reference_trained: bool = False


def load_subject(run_dir, weights=BEST, dataset=None, data_dir=None, reference_dir=None):
    """Returns the `Subject` of a phase 2 run, with all networks of both phases, their curves and the data set.

    Args:
      run_dir: of the phase 2 run.
      weights: which of its weights; those of phase 1 are always its best.
      dataset, data_dir: see `open_prepared`.
      reference_dir: of the phase 1 run; None: where it lay in training. If it is gone from there, a line is printed,
        Dec_r and the discriminators of phase 1 are untrained, and the curves of phase 1 are missing.

    Raises: ConfigError, DatasetError: if the run, that of reference_dir or the data set can't be read.
    """
    model, run = load_conditional(run_dir, weights)
    curves = {"conditional": read_history(run_dir)}
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
    networks = {
        "enc_r": model.enc_r,
        "dec_r": reference.dec,
        "enc_d_r": reference.enc_d,
        "dec_d_r": reference.dec_d,
        "enc_rs": model.enc,
        "dec_rs": model.dec,
        "enc_d_s": model.enc_d,
        "dec_d_rs": model.dec_d,
    }
    prepared = open_prepared(run.config, dataset, data_dir)
    name = Path(run_dir).resolve().name
    return Subject(integrator_of(model, run), run, prepared, name, networks, curves, trained)


def _load_reference(model, run, folder):
    """Returns the phase 1 model that a phase 2 model was trained on, and its curves.

    Raises: ConfigError: there is none, or another one, or it was trained since: then Dec_r doesn't fit enc_r any more.
    """
    if not folder:
        raise ConfigError("the run does not say where it lay")
    reference, found = load_model(folder)
    if found.phase != "reference":
        raise ConfigError(f"{folder} is a run of phase {found.phase!r}, not of phase 1")
    changed = differences(found.config, run.reference, ignore=MAY_CHANGE)
    changed += differences(found.cells, run.cells, ignore=("structures", "dataset"))
    if changed:
        raise ConfigError(f"{folder} is not the run that the model was trained on ({'; '.join(changed)})")
    if not all(map(np.array_equal, reference.enc.get_weights(), model.enc_r.get_weights())):
        raise ConfigError(f"{folder} has other weights than those that the model was trained on: it was trained since")
    return reference, read_history(folder)
