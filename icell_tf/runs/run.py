"""A run's settings and spec: the content of its config.json, which is enough to build its model again."""

import dataclasses
import json
import zlib
from dataclasses import dataclass
from pathlib import Path

from icell_tf.config import CHANGEABLE, PHASES, ConfigError, ReferenceConfig
from icell_tf.files import atomic_write
from icell_tf.spec import CellSpec

CONFIG_FILE = "config.json"


@dataclass(frozen=True)
class Run:
    """The content of a run's config.json, from which its model can be built again.

    Attributes:
      phase: a key of `PHASES`.
      config: the phase's settings.
      spec: the description of the cells it was trained on.
      dataset: their data set's name, config and version.
      cells: the fingerprint of their data set: see `PreparedCells.fingerprint`.
      reference: in phase 2, the settings of the run whose encoder it is built on.
      reference_dir: in phase 2, where that run lay; its curves and its decoder are not needed to use the model.
      key: a number that its weights files bear too, so that weights of another run are refused.
    """

    phase: str
    config: ReferenceConfig
    spec: CellSpec
    dataset: str = ""
    reference: ReferenceConfig | None = None
    reference_dir: str = ""
    key: int = 0
    cells: str = ""

    def with_key(self):
        """Returns the run with its key, a hash of its settings and of its cells.

        The key does not depend on the run's folder, nor on `CHANGEABLE` settings.
        """
        return dataclasses.replace(self, key=_key(self._content()))

    def _content(self):
        return {**dataclasses.asdict(self), "spec": self.spec.to_dict()}

    def save(self, run_dir):
        """Writes config.json, which lies beside the weights."""
        with atomic_write(Path(run_dir) / CONFIG_FILE) as partial:
            partial.write_text(json.dumps(self._content(), indent=2) + "\n")

    @classmethod
    def load(cls, run_dir):
        """Reads config.json.

        Raises: ConfigError: if run_dir holds no run, or one that this version cannot read, or that was edited.
        """
        path = Path(run_dir) / CONFIG_FILE
        if not path.is_file():
            raise ConfigError(f"{run_dir} is not a run: it has no {CONFIG_FILE}. Give the directory of a training run")
        try:
            content = json.loads(path.read_text())
            config = PHASES[content["phase"]](**content["config"])
            reference = content["reference"] and ReferenceConfig(**content["reference"])
            if (content["phase"] == "conditional") != bool(reference):
                raise ValueError(f"a run of phase {content['phase']!r} with reference {reference}")
            spec, dataset = CellSpec.from_dict(content["spec"]), content["dataset"]
            about = reference, content["reference_dir"], content["key"], content["cells"]
            run, fits = cls(content["phase"], config, spec, dataset, *about), content["key"] == _key(content)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            reason = f"it lacks {error}" if isinstance(error, KeyError) else error
            raise ConfigError(
                f"{path} is not a configuration of this version of icell_tf ({reason}): restore it, or train anew"
            ) from error
        if not fits:
            raise ConfigError(
                f"{path} was edited: its settings don't fit its key, {run.key}, which its weights have, too. Restore "
                "it; to train with other settings, give them as flags, with another --run_dir"
            )
        return run


def _key(content):
    """Hashes what config.json says of settings and cells, as it is written there."""
    hashed = {name: value for name, value in content.items() if name not in ("reference_dir", "key")}
    hashed["config"] = {name: value for name, value in content["config"].items() if name not in CHANGEABLE}
    return zlib.crc32(json.dumps(hashed, sort_keys=True).encode())
