"""The threshold beyond which a trained model calls a cell unknown, with its measured rates: known.npz.

`icell evaluate` writes it into the run's folder, and what is exported of the run carries it.
"""

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from icell_tf.config import ConfigError
from icell_tf.files import atomic_write
from icell_tf.messages import reason, show, system_error
from icell_tf.runs.weights import checksum

KNOWN_FILE = "known.npz"  # in a run's folder


@dataclass(frozen=True, eq=False)
class Known:
    """What the classifier says of training cells, and the distance to them beyond which a cell is called unknown.

    Attributes:
      logits: (N, K) float32, `inference.unknown.centred_logits` of training cells.
      threshold: the largest distance at which a cell is accepted as showing one of the structures.
      accepted: the share of the validation cells that are. The threshold was chosen on them.
      rates: what was measured on test cells: `accepted`, the share of those with known structures that are accepted;
        `rejected`, the share of those with structures left out of training that are called unknown, or None where none
        was left out. Each is {"value", "interval": [low, high], 95%, "n": cells}, `rejected` also with "structures".
    """

    logits: np.ndarray
    threshold: float
    accepted: float
    rates: dict

    @property
    def about(self):
        """All but the logits, as JSON types; see `inference.backends.Description`."""
        return {name: value for name, value in vars(self).items() if name != "logits"}

    def save(self, run_dir, classifier):
        """Writes known.npz, in place of an earlier one. Returns: its path. Args: the run's folder; its Enc_rs."""
        path, about = Path(run_dir) / KNOWN_FILE, json.dumps(self.about)
        with atomic_write(path) as partial, partial.open("wb") as file:
            np.savez_compressed(file, logits=self.logits, about=about, weights=checksum(classifier.weights))
        return path


def read_known(run_dir, classifier):
    """Returns the `Known` of a run's folder.

    Args: the folder; the run's Enc_rs, a network.

    Returns: None where there is no known.npz, or, with a line, where it is about other weights.
    Raises: ConfigError: the file is damaged.
    """
    path = Path(run_dir) / KNOWN_FILE
    if not path.is_file():
        return None
    remedy = f"`icell evaluate --model={run_dir} --parts=unseen` writes it anew"
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:  # NumPy closes no damaged one
            known, weights = Known(file["logits"], **json.loads(file["about"].item())), int(file["weights"])
    except (OSError, ValueError, TypeError, KeyError, EOFError, zipfile.BadZipFile) as error:
        if system_error(error):  # such as a file that may not be read
            raise
        raise ConfigError(f"{path} is damaged ({reason(error)}): remove it; {remedy}") from error
    if weights != checksum(classifier.weights):
        show(
            f"{path} is left out, so no cell is called unknown: it is about other weights, as after further training; "
            f"{remedy}, for the weights that are best on validation."
        )
        return None
    return known


def described(about):
    """Says in a phrase what was measured of a threshold. Args: `Known.about`."""
    accepted, rejected = about["rates"]["accepted"], about["rates"]["rejected"]
    phrase = f"by a threshold that accepts {_share(accepted)} with known structures"
    if rejected:
        phrase += f" and rejects {_share(rejected)} with {', '.join(rejected['structures'])}, left out of training"
    return phrase


def _share(rate):
    low, high = rate["interval"]
    return f"{rate['value']:.1%} ({low:.1%} to {high:.1%}) of {rate['n']} test cells"
