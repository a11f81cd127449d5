"""What a training run is: frozen dataclasses, their presets, validation and JSON.

Every field's metadata holds its help text; the command-line flags are made from it (icell_tf/cli/command.py).
"""

import csv
import dataclasses
import math
from dataclasses import dataclass

GENERATE_FROM = ("estimates", "targets")
PRECISIONS = ("auto", "float32", "bfloat16", "float16")
SWITCH = ("auto", "on", "off")
CHANGEABLE = ("epochs", "jit")  # settings that may change when a run is continued
EPOCHS_HELP = (
    "passes over the training cells; a higher number continues a finished run, and with a cooldown the learning rate "
    "falls anew"
)


@dataclass(frozen=True)
class Architecture:
    """The differences between the paper's Tables S1 to S7 and the authors' released code.

    Attributes:
      output_norm: BatchNorm before the decoder's sigmoid.
      projection_norm: BatchNorm after the decoder's dense layer.
      first_stage_norm: BatchNorm in the image discriminator's first stage.
      dense_head: the image discriminator ends with white noise and a dense layer, not with a convolution.
      channel_slopes: PReLU learns one slope a channel, not one a layer.
      log_probabilities: the conditional decoder's input is log y, which is 0 and -25 for a one-hot vector.
    """

    output_norm: bool
    projection_norm: bool
    first_stage_norm: bool
    dense_head: bool
    channel_slopes: bool
    log_probabilities: bool


ARCHITECTURES = {
    "paper": Architecture(True, True, True, False, True, False),
    "released": Architecture(False, False, False, True, False, True),
}


class ConfigError(ValueError):
    """A setting that can't be used. The message names the field, its value and what is expected."""


def setting(default, text, choices=None):
    """A dataclass field with its help text and, where only some values are allowed, these."""
    return dataclasses.field(default=default, metadata={"help": text, "choices": choices})


def _require(config, name, holds, expected):
    if not holds:
        raise ConfigError(f"{name} is {getattr(config, name)!r}, but has to be {expected}")


def parse_fold(text):
    """Returns (2, 4) of 2/4. Raises: ConfigError: if the text is not PART/PARTS, of two parts or more."""
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts) and int(parts) >= 2):
        raise ConfigError(f"fold is {text!r}, but has to be PART/PARTS, such as 2/4 for the second of four")
    return int(part), int(parts)


def split_names(text):
    """Returns the names in a text, without the spaces around them. A name with a comma stands in double quotes.

    Raises: ValueError: a quotation mark is not closed.
    """
    try:
        return [name.strip() for line in csv.reader([text], strict=True, skipinitialspace=True) for name in line]
    except csv.Error as error:
        raise ValueError(f"{text!r} is no list of names: {error}") from error


def join_names(names):
    """Returns a text from which `split_names` reads these names."""
    return ",".join('"{}"'.format(name.replace('"', '""')) if {",", '"'} & set(name) else name for name in names)


@dataclass(frozen=True)
class TrainingConfig:
    """Settings that every phase has."""

    dataset: str = setting(
        "integrated_cell/simulated",
        "prepared data set: NAME/CONFIG, or the path of its folder; phases 2 and 3 have that of the run before",
    )
    train_split: str = setting("train", "split to train on, or a part of it as TFDS slices it: train[:640]")
    fold: str = setting(
        "", "PART/PARTS, such as 2/4: test on that part of all cells, divided by field of view, and train on the rest"
    )
    width: float = setting(1.0, "multiplier of the networks' widths")
    epochs: int = setting(150, EPOCHS_HELP)
    batch_size: int = setting(32, "cells a step, over all devices; the last partial batch of an epoch is dropped")
    learning_rate: float = setting(2e-4, "Adam's, for all networks")
    cooldown: float = setting(
        0.0,
        "learning rate schedule: the last part of the epochs (0 to 1), over which the rate falls linearly towards 0",
    )
    beta_1: float = setting(0.5, "Adam's decay of the first moment")
    dark_start: bool = setting(False, "start the decoder's output at the training cells' mean intensity, not at grey")
    norm_momentum: float = setting(
        0.9, "weight of the past statistics in BatchNorm's moving average; the batch has the rest"
    )
    balanced: bool = setting(False, "draw training cells so that every structure is equally frequent")
    mirror: bool = setting(False, "mirror training cells at random along either axis, four poses for one cell")
    init: str = setting(
        "",
        "folder of a run of this phase, or of a later one that has its networks, or name of a model that ships: start "
        "from its weights in place of random ones. Its cells, pixel size and structures may be others; structures are "
        "copied by their names",
    )
    seed: int = setting(0, "of weights, data order and noise")
    precision: str = setting(
        "auto",
        "of products and activations; auto: bfloat16 on GPUs that compute it fast and, for volumes and pictures above "
        "128 px, on such CPUs, else float32",
        PRECISIONS,
    )
    jit: str = setting("auto", "compile the step with XLA; auto: on a single GPU", SWITCH)

    def __post_init__(self):
        for field in dataclasses.fields(self):
            choices = field.metadata["choices"]
            if choices:
                _require(self, field.name, getattr(self, field.name) in choices, "one of " + ", ".join(choices))
        if self.fold:
            parse_fold(self.fold)
            _require(self, "train_split", self.train_split == "train", "train, whole, in a fold")
        self._require_numbers("width", "learning_rate", above=0)
        for name in ("beta_1", "norm_momentum"):
            _require(self, name, 0 <= getattr(self, name) < 1, "a number from 0 to below 1")
        _require(self, "cooldown", 0 <= self.cooldown <= 1, "a number from 0 to 1")
        _require(self, "batch_size", self.batch_size >= 2, "at least 2, because BatchNorm takes statistics over it")
        _require(self, "epochs", self.epochs >= 1, "at least 1")
        _require(self, "seed", 0 <= self.seed < 2**31, "an integer from 0 to 2^31 - 1")

    def _require_numbers(self, *names, above=None):
        expected = "a number, 0 or more" if above is None else f"a number above {above}"
        for name in names:
            value = getattr(self, name)
            _require(self, name, 0 <= value < math.inf and value != above, expected)


@dataclass(frozen=True)
class ReferenceConfig(TrainingConfig):
    """Settings of phase 1, the model of cell and nuclear shape. Defaults: the paper's (section 3.3)."""

    architecture: str = setting("paper", "networks as in the paper's tables or its released code", ARCHITECTURES)
    latent_dim: int = setting(16, "dimensions of z_r, and in phase 2 of z_s")
    gamma_enc: float = setting(1e-4, "weight of the latent discriminator in the encoder's objective")
    gamma_dec: float = setting(1e-5, "weight of the image discriminator in the decoder's objective")
    mmd_weight: float = setting(0.0, "weight in the encoder's objective of the codes' discrepancy from their prior")
    white_noise: float = setting(0.05, "standard deviation of the noise on the image discriminator's input")

    def __post_init__(self):
        super().__post_init__()
        _require(self, "latent_dim", self.latent_dim >= 1, "at least 1")
        self._require_numbers("gamma_enc", "gamma_dec", "mmd_weight", "white_noise")


def _leave_out():
    return setting(
        "",
        "structures to train without, separated by commas, a name with a comma in double quotes; the evaluation then "
        "measures if they are seen as unknown",
    )


def _require_names(config, name):
    try:
        fits = all(split_names(getattr(config, name)))
    except ValueError:
        fits = False
    _require(config, name, fits, 'names separated by commas; one that has a comma in double quotes, "a, b"')


@dataclass(frozen=True)
class ConditionalConfig(ReferenceConfig):
    """Settings of phase 2, the model of structure localization given the shape. Defaults: the paper's."""

    epochs: int = setting(220, EPOCHS_HELP)
    leave_out: str = _leave_out()
    grow_from: str = setting(
        "",
        "folder of a run of phase 2, on the same run of phase 1, that knows fewer structures: start from its weights, "
        "copied by the names of the structures",
    )
    generate_from: str = setting(
        "estimates",
        "what x_gen is made from: y_hat and z_r_hat (the paper's Algorithm 2) or y and z_r (the released code)",
        GENERATE_FROM,
    )
    integration_weight: float = setting(
        0.0,
        "weight, in the decoder's objective, of the reconstruction loss of the image decoded from y, z_r and z_s = 0 "
        "(Algorithm 3)",
    )
    reconstruct_from: str = setting(
        "estimates",
        "what x_hat is made from in training, beside z_s: y_hat and z_r_hat (the paper's Algorithm 2), or y and z_r, "
        "and the encoder then learns from the structure channel of x_hat alone",
        GENERATE_FROM,
    )
    reconstruction_weight: float = setting(1.0, "weight of the reconstruction loss in the encoder's objective")
    z_s_noise: float = setting(
        0.0, "share of noise in the variance of the z_s that x_hat is made from in training, 0 to below 1"
    )
    independence_weight: float = setting(
        0.0,
        "weight in the encoder's objective of what z_s tells about structure and shape, among the cells of a device",
    )
    standardize: bool = setting(
        False,
        "take z_s to mean 0 and covariance I in each structure, without correlation with z_r, after every epoch",
    )

    def __post_init__(self):
        super().__post_init__()
        _require_names(self, "leave_out")
        _require(self, "grow_from", not (self.grow_from and self.init), "empty where init is given")
        self._require_numbers("integration_weight", "reconstruction_weight", "independence_weight")
        _require(self, "z_s_noise", 0 <= self.z_s_noise < 1, "a number from 0 to below 1")


@dataclass(frozen=True)
class SamplerConfig(TrainingConfig):
    """Settings of phase 3, sharp draws of cells and structures, which the paper does not have."""

    width: float = setting(0.5, "multiplier of the networks' widths")
    epochs: int = setting(80, EPOCHS_HELP)
    batch_size: int = setting(8, "cells a step, over all devices; the last partial batch of an epoch is dropped")
    learning_rate: float = setting(6e-4, "Adam's, for the generators; the critics have twice as much")
    cooldown: float = setting(
        0.4,
        "learning rate schedule: the last part of the epochs (0 to 1), over which the rate falls linearly towards 0",
    )
    dark_start: bool = setting(True, "start the generators' output at the training cells' mean intensity, not at grey")
    norm_momentum: float = setting(
        0.99, "weight of the past statistics in BatchNorm's moving average; the batch has the rest"
    )
    mirror: bool = setting(
        True, "mirror training cells at random along either axis and, in square frames, the diagonal: eight poses"
    )
    leave_out: str = _leave_out()
    adversarial_weight: float = setting(0.00125, "weight of the critics in the generators' objectives; the score has 1")
    penalty_weight: float = setting(0.05, "weight of the squared slope of the critics in their objectives (R1 and R2)")

    def __post_init__(self):
        super().__post_init__()
        _require_names(self, "leave_out")
        self._require_numbers("adversarial_weight", "penalty_weight")


PHASES = {"reference": ReferenceConfig, "conditional": ConditionalConfig, "sampler": SamplerConfig}
_TINY = dict(width=0.25, architecture="released", learning_rate=8e-4, dark_start=True, cooldown=0.5, mirror=True)
# With this momentum the statistics still show the start of training after ten epochs, which is too long for the demo.
_SMALL = dict(**_TINY, dataset="integrated_cell/simulated_64", norm_momentum=0.99)
# 16 numbers are few for the shape of a volume: see docs/paper.md.
_SMALL_3D = _SMALL | dict(dataset="integrated_cell/simulated_3d", batch_size=16, latent_dim=64)
_DEMO = dict(**_TINY, dataset="integrated_cell/simulated_demo")
_COMPACT = dict(**_TINY, dataset="integrated_cell/simulated", norm_momentum=0.99)
# z_s holds what the shape leaves open: see docs/paper.md.
_INFORMATIVE = dict(
    generate_from="targets",
    integration_weight=3.0,
    reconstruct_from="targets",
    reconstruction_weight=100.0,
    z_s_noise=0.1,
    independence_weight=0.5,
    standardize=True,
)
PRESETS = {
    "paper": {"reference": ReferenceConfig(), "conditional": ConditionalConfig(), "sampler": SamplerConfig()},
    "small": {
        "reference": ReferenceConfig(**_SMALL, epochs=80, mmd_weight=0.3),
        "conditional": ConditionalConfig(**_SMALL, **_INFORMATIVE, epochs=80),
        "sampler": SamplerConfig(dataset=_SMALL["dataset"], width=0.25, epochs=32),
    },
    "small_3d": {
        "reference": ReferenceConfig(**_SMALL_3D, epochs=24, mmd_weight=0.3),
        "conditional": ConditionalConfig(**_SMALL_3D, **_INFORMATIVE | {"integration_weight": 12.0}, epochs=40),
        "sampler": SamplerConfig(dataset=_SMALL_3D["dataset"], width=0.25, epochs=8),
    },
    "paper_3d": {phase: config(dataset=_SMALL_3D["dataset"]) for phase, config in PHASES.items()},
    # The paper's frame and counts at a quarter of its widths, in 20 CPU hours on two cores, and 12 for phase 3.
    "compact": {
        "reference": ReferenceConfig(**_COMPACT, epochs=48, mmd_weight=0.3),
        "conditional": ConditionalConfig(**_COMPACT, **_INFORMATIVE, epochs=72),
        "sampler": SamplerConfig(dataset=_COMPACT["dataset"], width=0.25, epochs=8),
    },
    "demo": {
        "reference": ReferenceConfig(**_DEMO, epochs=15),
        "conditional": ConditionalConfig(**_DEMO, **_INFORMATIVE, epochs=12),
        "sampler": SamplerConfig(dataset=_DEMO["dataset"], width=0.25, epochs=5),
    },
}


def differences(old, new, ignore=()):
    """Returns a line for each field in which two dataclass instances of one type differ."""
    names = [f.name for f in dataclasses.fields(old) if f.name not in ignore]
    return [f"{n} was {getattr(old, n)}, now {getattr(new, n)}" for n in names if getattr(old, n) != getattr(new, n)]
