"""A run's settings and cells: the content of its config.json, which is enough to build its model again."""

import dataclasses
import json
import zlib
from dataclasses import dataclass
from pathlib import Path

from icell_tf.config import PHASES, ConfigError, ReferenceConfig
from icell_tf.files import atomic_write
from icell_tf.spec import Cells

CONFIG_FILE = "config.json"


@dataclass(frozen=True)
class Run:
    """The content of a run's config.json, from which its model can be built again.

    Attributes:
      phase: a key of `PHASES`.
      config: the phase's settings.
      cells: what it was trained on.
      reference: in phase 2, the settings of the run whose encoder it is built on.
      reference_dir: in phase 2, where that run lay; its curves and its decoder are not needed to use the model.
      key: a number that its weights files bear too, so that weights of another run are refused.
    """

    phase: str
    config: ReferenceConfig
    cells: Cells
    reference: ReferenceConfig | None = None
    reference_dir: str = ""
    key: int = 0

    def with_key(self):
        """Returns the run with its key, a hash of its settings and cells.

        The key does not depend on the run's folder, nor on `CHANGEABLE` settings.
        """
        hashed = dataclasses.replace(self.config, epochs=1, jit="auto"), self.phase, self.cells, self.reference
        return dataclasses.replace(self, key=zlib.crc32(repr(hashed).encode()))

    def save(self, run_dir):
        """Writes config.json, which lies beside the weights."""
        with atomic_write(Path(run_dir) / CONFIG_FILE) as partial:
            partial.write_text(json.dumps(dataclasses.asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, run_dir):
        """Reads config.json.

        Raises: ConfigError: if run_dir holds no run, or one that this version cannot read.
        """
        path = Path(run_dir) / CONFIG_FILE
        if not path.is_file():
            raise ConfigError(f"{run_dir} is not a run: it has no {CONFIG_FILE}. Give the directory of a training run")
        try:
            content = json.loads(path.read_text())
            cells = {**content["cells"], "structures": tuple(content["cells"]["structures"])}
            config = PHASES[content["phase"]](**content["config"])
            reference = content["reference"] and ReferenceConfig(**content["reference"])
            if (content["phase"] == "conditional") != bool(reference):
                raise ValueError(f"a run of phase {content['phase']!r} with reference {reference}")
            return cls(content["phase"], config, Cells(**cells), reference, content["reference_dir"], content["key"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ConfigError(
                f"{path} is not a configuration of this version of icell_tf ({error}): restore it, or train anew"
            ) from error
