"""A run's settings and spec: the content of its config.json, which is enough to build its model again."""

import dataclasses
import json
import zlib
from dataclasses import dataclass
from pathlib import Path

from icell_tf.config import CHANGEABLE, PHASES, ConditionalConfig, ConfigError, ReferenceConfig, TrainingConfig
from icell_tf.files import atomic_write
from icell_tf.spec import CellSpec

CONFIG_FILE = "config.json"
CARD_FILE = "model_card.md"  # also in a run's folder; see reports.model_card
PHASE_3 = ("conditional", "conditional_dir")  # what stands in config.json of that phase only
FOLDERS = ("reference_dir", "conditional_dir")


@dataclass(frozen=True)
class Run:
    """The content of a run's config.json, from which its model can be built again.

    Attributes:
      phase: a key of `PHASES`.
      config: the phase's settings.
      spec: the description of the cells it was trained on.
      dataset: their data set's name, config and version.
      cells: the fingerprint of their data set: see `PreparedCells.fingerprint`.
      reference: from phase 2 on, the settings of the run of phase 1 that it is built on.
      reference_dir: where that run lay; its curves and its discriminators are not needed to use the model.
      conditional, conditional_dir: in phase 3, the same of its run of phase 2.
      key: a number that its weights files bear too, so that weights of another run are refused.
    """

    phase: str
    config: TrainingConfig
    spec: CellSpec
    dataset: str = ""
    reference: ReferenceConfig | None = None
    reference_dir: str = ""
    key: int = 0
    cells: str = ""
    conditional: ConditionalConfig | None = None
    conditional_dir: str = ""

    @property
    def configs(self):
        """The settings of this phase and of those before, by phase."""
        before = {"reference": self.reference, "conditional": self.conditional}
        return {phase: config for phase, config in before.items() if config} | {self.phase: self.config}

    @property
    def mirrored(self):
        """Whether the networks that Algorithm 3 uses were trained on all poses of a cell."""
        return self.configs.get("conditional", self.config).mirror

    @property
    def mirrored_draws(self):
        """Whether the generators of phase 3 were trained on all poses of a cell."""
        return self.phase == "sampler" and self.config.mirror

    @property
    def from_targets(self):
        """Whether the decoder of phase 2 has seen no estimates of y and z_r: see `Description`."""
        return getattr(self.configs.get("conditional"), "reconstruct_from", "") == "targets"

    def before(self, phase):
        """Returns the `Run` of an earlier phase, with what is known of it."""
        about = self.configs[phase], self.spec, self.dataset
        return Run(phase, *about, *((self.reference, self.reference_dir) if phase == "conditional" else ()))

    def with_key(self):
        """Returns the run with its key, a hash of its settings and of its cells.

        The key does not depend on the run's folder, nor on `CHANGEABLE` settings.
        """
        return dataclasses.replace(self, key=_key(self._content()))

    def _content(self):
        content = {**dataclasses.asdict(self), "spec": self.spec.to_dict()}
        return content if self.conditional else {k: v for k, v in content.items() if k not in PHASE_3}

    def save(self, run_dir):
        """Writes config.json, which lies beside the weights.

        In place of an earlier one it has that one's settings only: a run that is continued keeps its key, and settings
        that came with a later version are no part of it.
        """
        content, path = self._content(), Path(run_dir) / CONFIG_FILE
        earlier = json.loads(path.read_text()) if path.is_file() else content
        for part in ("config", "reference", "conditional"):
            if content.get(part):
                content[part] = {name: value for name, value in content[part].items() if name in earlier[part]}
        with atomic_write(path) as partial:
            partial.write_text(json.dumps(content, indent=2) + "\n")

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
            conditional = content.get("conditional") and ConditionalConfig(**content["conditional"])
            phases = [phase for phase, known in (("reference", reference), ("conditional", conditional)) if known]
            if [*phases, content["phase"]] != list(PHASES)[: len(phases) + 1]:
                raise ValueError(f"a run of phase {content['phase']!r} on phases {phases}")
            spec, dataset = CellSpec.from_dict(content["spec"]), content["dataset"]
            about = reference, content["reference_dir"], content["key"], content["cells"]
            before = conditional, content.get("conditional_dir", "")
            run, fits = cls(content["phase"], config, spec, dataset, *about, *before), content["key"] == _key(content)
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
    hashed = {name: value for name, value in content.items() if name not in (*FOLDERS, "key")}
    hashed["config"] = {name: value for name, value in content["config"].items() if name not in CHANGEABLE}
    return zlib.crc32(json.dumps(hashed, sort_keys=True).encode())
