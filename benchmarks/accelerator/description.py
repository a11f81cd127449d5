"""An exported training step: its HLO, and what is known of its inputs and outputs. Needs neither TensorFlow nor JAX.

A step NAME is two files: NAME.hlo, an HLO module as a serialized protobuf, and NAME.json, a `Description`.
"""

import collections
import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

PRECISIONS = ("bfloat16", "tf32", "float32")
PHASES = ("reference", "conditional")
SMALL = 4096  # values of a weight up to which the description holds them
_PRODUCT = re.compile(r"\b(convolution|dot)\((\w+)\[")
_OPERAND_PRECISION = re.compile(r"operand_precision=\{(\w+)")
_ALIAS = re.compile(r"\{(\d+)\}: \((\d+), \{\}")


@dataclass(frozen=True)
class Input:
    """An input of the step.

    Attributes:
      name: structure or x, of a batch; ROLE/NUMBER of a network's weight, the number in Keras' `get_weights`;
        optimizer/ROLE/VARIABLE; metric/NAME/VARIABLE.
      shape, dtype: of the array.
      start: how it is made before the first step: {"constant": c}, {"normal": [mean, std]}, {"uniform": [low, high]},
        {"integers": [low, high]} without high, or {"values": [...]}.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    start: dict


@dataclass(frozen=True)
class Description:
    """What a step computes, and what its inputs and outputs are.

    Attributes:
      preset, phase, precision, batch_size: of the step.
      inputs: in their order.
      metrics: the names of the first outputs, scalars: means since the counts of the metrics were 0.
      updated: the input that each output behind the metrics is the next value of.
      flops: of a step, at least, as `benchmarks/train_step.py` counts them.
      arithmetic: {"convolution f32 highest": count}, the products by operation, type and precision of their operands.
      epochs, cells: of the preset's schedule; cells is 0 where the data set has not the counts of Table S8.
      pixel_size: of the pictures, µm.
      learning_rate, cooldown, mirror: of the preset.
      dark: the weight that starts at the logits of the cells' mean intensities; "" if none does.
    """

    preset: str
    phase: str
    precision: str
    batch_size: int
    inputs: tuple[Input, ...]
    metrics: tuple[str, ...]
    updated: tuple[int, ...]
    flops: float
    arithmetic: dict
    epochs: int
    cells: int
    pixel_size: float
    learning_rate: float
    cooldown: float
    mirror: bool
    dark: str

    @property
    def name(self):
        """Of the step's files."""
        return name_of(self.preset, self.phase, self.precision)

    def save(self, folder, module):
        """Writes both files. Args: folder; module, the serialized HLO."""
        (Path(folder) / f"{self.name}.hlo").write_bytes(module)
        (Path(folder) / f"{self.name}.json").write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def load(cls, path):
        """Reads NAME.json. Raises: OSError, ValueError, TypeError: if there is none, or it is of another version."""
        content = json.loads(Path(path).read_text())
        inputs = tuple(Input(**each | {"shape": tuple(each["shape"])}) for each in content.pop("inputs"))
        return cls(inputs=inputs, **{k: tuple(v) if isinstance(v, list) else v for k, v in content.items()})


def name_of(preset, phase, precision):
    """Returns the name of a step's files."""
    return f"{preset}-{phase}-{precision}"


def start_of(values):
    """Returns how a weight like a fresh one is made, as in `Input`. Args: values, the fresh one."""
    if not values.size or (values == values.flat[0]).all():
        return {"constant": values.flat[0].item()}
    if values.size <= SMALL:
        return {"values": values.ravel().tolist()}
    return {"normal": [float(values.mean()), float(values.std())]}


def started(given, rng):
    """Returns the values of an `Input` before the first step. Args: given, an `Input`; rng, NumPy's generator."""
    ((kind, numbers),) = given.start.items()
    if kind == "values":
        return np.array(numbers, given.dtype).reshape(given.shape)
    if kind == "constant":
        return np.full(given.shape, numbers, given.dtype)
    if kind == "integers":
        return rng.integers(*numbers, given.shape).astype(given.dtype)
    low, high = numbers
    if kind == "normal":  # mean and deviation
        return (low + high * rng.standard_normal(given.shape, np.float32)).astype(given.dtype)
    return (low + (high - low) * rng.random(given.shape, np.float32)).astype(given.dtype)


def arithmetic(text):
    """Counts the products in an HLO module's text, see `Description`."""
    found = collections.Counter()
    for line in text.splitlines():
        product = _PRODUCT.search(line)
        if product:
            precision = _OPERAND_PRECISION.search(line)
            found[" ".join([*product.groups(), precision[1] if precision else "default"])] += 1
    return dict(sorted(found.items()))


def aliases(text):
    """Returns {output: input} of an HLO module's text: the outputs that are the next values of inputs."""
    return {int(output): int(given) for output, given in _ALIAS.findall(text.splitlines()[0])}


def require_different(descriptions):
    """Checks that steps which differ in precision alone don't compute the same. Raises: ValueError: if two do."""
    seen = {}
    for each in descriptions:
        key = (each.preset, each.phase, json.dumps(each.arithmetic, sort_keys=True))
        if key in seen and seen[key] != each.precision:
            raise ValueError(
                f"{each.preset}, {each.phase}: {seen[key]} and {each.precision} have the same products, "
                f"{each.arithmetic}: export them anew, each with its precision"
            )
        seen[key] = each.precision
