"""The cells that a model was trained on."""

from dataclasses import dataclass

# The paper's: alignment, normalization, version of the preprocessing.
DEFAULT_PREPARATION = "major_axis, maximum, 1"


@dataclass(frozen=True)
class Cells:
    """What a model has to know of the cells it was trained on.

    Attributes:
      structures: names, in the order of y.
      image_size: pixels along a side.
      pixel_size: µm a pixel.
      dataset: name, config and version of the data set.
      preparation: how stacks became pictures: alignment, normalization, version of the preprocessing.
    """

    structures: tuple[str, ...]
    image_size: int
    pixel_size: float
    dataset: str = ""
    preparation: str = DEFAULT_PREPARATION
