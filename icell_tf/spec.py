"""One description of a cell: what data sets write, networks are built from, and runs, exports and reports carry.

Images of cells lie in memory as (..., C), channels last: (B, Y, X, C) or (B, Z, Y, X, C) in a batch. Everything that
must know which axis is which, or which channel shows what, asks this module.
"""

import dataclasses
import json
import math
import numbers
from dataclasses import dataclass

FORMAT = 1  # of the JSON
AXES = ("YX", "ZYX")
CALLED = dict(zip(AXES, ("planes", "volumes"), strict=True))
PLANE = AXES[0]  # the axes along which cells are mirrored, and that pictures show: z is the microscope's
SIDES = tuple(2**power for power in range(2, 10))  # pixels that the networks can halve to SIDES[0], which they end with
SMALLEST_LONGEST_SIDE = 16
SMALL_IMAGE = 128**2  # pixels, or voxels: larger ones are worth other means of computing
REFERENCE, STRUCTURE = ROLES = ("reference", "structure")
CATEGORICAL, CONTINUOUS = KINDS = ("categorical", "continuous")
GENERATED = "generated"  # class K of eq. 14, after the structures
ALIGNMENTS = ("major_axis", "none")
NORMALIZATIONS = ("maximum", "percentile")
PREPROCESSING_VERSION = 2  # rises with every change that alters a picture


class SpecError(ValueError):
    """A description of cells that can't be used. The message names what is wrong with it."""


def _require(holds, message):
    if not holds:
        raise SpecError(message)


@dataclass(frozen=True)
class Channel:
    """One channel of an image. Attributes: name; role, "reference" (the cell's shape) or "structure"."""

    name: str
    role: str

    def __post_init__(self):
        _require(self.role in ROLES, f"channel {self.name!r} has role {self.role!r}, expected {' or '.join(ROLES)}")


MEMBRANE, NUCLEUS = "membrane", "nucleus"  # the reference channels that show the outlines of a cell and its nucleus
CHANNELS = (Channel(MEMBRANE, REFERENCE), Channel(NUCLEUS, REFERENCE), Channel("structure", STRUCTURE))


@dataclass(frozen=True)
class Covariate:
    """A condition of a cell beside its structure.

    Attributes:
      name: a text.
      kind: "categorical" or "continuous".
      levels: of a categorical one, their names.
      unit, range: of a continuous one, a text, and its lowest and highest value.
    """

    name: str
    kind: str
    levels: tuple[str, ...] = ()
    unit: str = ""
    range: tuple[float, float] | None = None

    def __post_init__(self):
        _require(self.kind in KINDS, f"covariate {self.name!r} is {self.kind!r}, expected {' or '.join(KINDS)}")
        object.__setattr__(self, "levels", tuple(self.levels))
        if self.range is not None:
            object.__setattr__(self, "range", tuple(map(float, self.range)))
        if self.kind == CATEGORICAL:
            fits = len(set(self.levels)) == len(self.levels) > 0 and self.range is None and not self.unit
            _require(fits, f"covariate {self.name!r} is categorical: it needs different levels, and no unit or range")
        else:
            fits = not self.levels and self.range is not None and len(self.range) == 2 and self.range[0] < self.range[1]
            _require(fits, f"covariate {self.name!r} is continuous: it needs a range (low, high), and no levels")


@dataclass(frozen=True)
class Preparation:
    """How a stack becomes an image; a model takes only cells with the preparation of those it was trained on.

    Attributes:
      alignment: "major_axis": the cell's major axis horizontal and its skewness positive (the paper's); "none": the
        cell's own orientation, only centred.
      normalization: the intensity that becomes 255. "maximum" (the paper's): the highest within the cell. "percentile":
        the 99.9th percentile of the cell, so that a few bright specks don't darken the rest; if it is not above the
        background, the highest.
      version: of the preprocessing.
    """

    alignment: str = "major_axis"
    normalization: str = "maximum"
    version: int = PREPROCESSING_VERSION

    def __post_init__(self):
        for name, choices in (("alignment", ALIGNMENTS), ("normalization", NORMALIZATIONS)):
            value = getattr(self, name)
            _require(value in choices, f"{name} is {value!r}, expected one of {', '.join(choices)}.")

    def __str__(self):
        return f"{self.alignment}, {self.normalization}, version {self.version}"


@dataclass(frozen=True)
class CellSpec:
    """What the images of a data set, and the networks that are trained on them, show.

    Attributes:
      axes: "YX" or "ZYX".
      shape: pixels along each axis, powers of two from 4 to 512, of which the largest is at least 16.
      pixel_size: µm along each axis.
      channels: in the order of the images' last axis: the reference channels, then one of the structure.
      structures: the vocabulary; y is an index into it. Names are only ever appended, so that y keeps its meaning;
        `models.growth` copies by name what a model knows.
      covariates: conditions beside the structure; the networks take none yet.
      preparation: how the images were made from stacks.

    Raises: SpecError: if these do not fit together.
    """

    axes: str
    shape: tuple[int, ...]
    pixel_size: tuple[float, ...]
    structures: tuple[str, ...]
    channels: tuple[Channel, ...] = CHANNELS
    covariates: tuple[Covariate, ...] = ()
    preparation: Preparation = Preparation()

    def __post_init__(self):
        for name in ("shape", "pixel_size", "structures", "channels", "covariates"):
            values = getattr(self, name)
            _require(not isinstance(values, str), f"{name} is {values!r}, expected a list")
            object.__setattr__(self, name, tuple(values))
        _require(self.axes in AXES, f"axes are {self.axes!r}, expected {' or '.join(AXES)}")
        for name in ("shape", "pixel_size"):
            values = getattr(self, name)
            _require(len(values) == self.rank, f"{name} is {values}, expected a number for each axis of {self.axes}")
        require_halvable(self.shape)
        _require(self.structures, "there are no structures")
        sizes = all(isinstance(size, numbers.Real) and math.isfinite(size) and size > 0 for size in self.pixel_size)
        _require(sizes, f"pixel_size is {self.pixel_size}, expected numbers of µm above 0")
        object.__setattr__(self, "pixel_size", tuple(map(float, self.pixel_size)))
        roles = [channel.role for channel in self.channels]
        fits = len(roles) > 1 and roles == [REFERENCE] * (len(roles) - 1) + [STRUCTURE]
        _require(fits, f"channels have roles {roles}, expected reference channels and then one structure channel")
        covariates = tuple(covariate.name for covariate in self.covariates)
        named = {"channels": self.channel_names, "structures": self.structures, "covariates": covariates}
        for what, names in named.items():
            texts = all(isinstance(name, str) and name for name in names)
            _require(texts and len(set(names)) == len(names), f"{what} are {names}, expected different names")
        _require(GENERATED not in self.structures, f"a structure is called {GENERATED!r}, which is class K of eq. 14")

    @property
    def rank(self):
        """The number of spatial axes."""
        return len(self.axes)

    @property
    def pixel_sizes(self):
        """µm along each axis, by its letter."""
        return dict(zip(self.axes, self.pixel_size, strict=True))

    @property
    def mirrored_poses(self):
        """The axes of a batch to mirror along for each other pose of a cell: in the plane, never along z."""
        return poses_along(self.mirrored_axes)[1:]

    @property
    def mirrored_axes(self):
        """The axes of a batch along which cells may be mirrored."""
        return tuple(1 + self.axes.index(axis) for axis in PLANE)

    @property
    def plane_shape(self):
        """Pixels along y and x."""
        return self.shape[-len(PLANE) :]

    @property
    def plane_pixel_size(self):
        """µm along y and x."""
        return self.pixel_size[-len(PLANE) :]

    @property
    def pixel_width(self):
        """µm along x, the axis that scale bars lie along."""
        return self.pixel_size[self.axes.index("X")]

    def plane(self, images):
        """Returns what pictures show of images (..., C), in NumPy: volumes as their maximum along z."""
        return images.max(axis=-1 - self.rank) if "Z" in self.axes else images  # the channels come last

    @property
    def described_shape(self):
        """The image size as text, such as 256 x 256."""
        return " x ".join(map(str, self.shape))

    @property
    def channel_names(self):
        """The channels' names, in order."""
        return tuple(channel.name for channel in self.channels)

    @property
    def reference_names(self):
        """The names of the reference channels, in order."""
        return tuple(channel.name for channel in self.channels if channel.role == REFERENCE)

    @property
    def image_shape(self):
        """The shape of x_rs: a number an axis, and all channels."""
        return *self.shape, len(self.channels)

    @property
    def reference_shape(self):
        """The shape of x_r: a number an axis, and the reference channels."""
        return *self.shape, len(self.reference_names)

    def reference(self, images):
        """Returns the reference channels of images (..., C): x_r of x_rs. NumPy or TensorFlow."""
        return images[..., : len(self.reference_names)]

    def structure(self, images):
        """Returns the structure channel of images (..., C), without its axis. NumPy or TensorFlow."""
        return images[..., len(self.reference_names)]

    def channel(self, images, name):
        """Returns the channel of images (..., C) with a name, without its axis, or None if the cells have none."""
        return images[..., self.channel_names.index(name)] if name in self.channel_names else None

    def has_structure(self, image):
        """Whether an image has the structure channel, and not the reference channels alone."""
        return image.shape[-1] == len(self.channels)

    @property
    def classes(self):
        """The names of DecD_{r,s}'s logits: the structures, and class K, "generated" (eq. 14)."""
        return *self.structures, GENERATED

    def require_no_covariates(self):
        """Raises: SpecError: if there are covariates, which the networks don't take yet."""
        names = ", ".join(covariate.name for covariate in self.covariates)
        _require(not names, f"the cells have covariates ({names}), which the networks do not take yet")

    def differences(self, other, ignore=(), words="was {}, now {}"):
        """Returns a line for each attribute in which another description differs. Args: words: for both values."""
        names = [field.name for field in dataclasses.fields(self) if field.name not in ignore]
        pairs = [(name, getattr(self, name), getattr(other, name)) for name in names]
        return [f"{name} " + words.format(_text(old), _text(new)) for name, old, new in pairs if old != new]

    def to_dict(self):
        """Returns the content of the JSON."""
        return {"format": FORMAT, **json.loads(json.dumps(dataclasses.asdict(self)))}

    @classmethod
    def from_dict(cls, content):
        """Reads what `to_dict` returns. Raises: SpecError: if it is not that, or of another format."""
        _require(isinstance(content, dict), "it is no description of cells")
        content = dict(content)
        try:
            found = content.pop("format", None)
            _require(found == FORMAT, f"its format is {found}, and this version of icell_tf reads {FORMAT}")
            parts = {
                "channels": tuple(Channel(**channel) for channel in content.pop("channels")),
                "covariates": tuple(Covariate(**covariate) for covariate in content.pop("covariates")),
                "preparation": Preparation(**content.pop("preparation")),
            }
            return cls(**content, **parts)
        except (TypeError, KeyError, AttributeError) as error:
            raise SpecError(f"it is no description of cells ({error})") from error

    def __str__(self):
        sizes = self.pixel_size if len(set(self.pixel_size)) > 1 else self.pixel_size[:1]
        pixels = " x ".join(f"{size:g}" for size in sizes)
        return f"{self.described_shape} px at {pixels} µm, prepared with {self.preparation}"


def _text(value):
    if isinstance(value, tuple) and value and isinstance(value[0], Channel | Covariate):
        return ", ".join(part.name for part in value)
    return f"{value} ({CALLED[value]})" if value in AXES else value


def require_halvable(shape):
    """Raises: SpecError: if an image, of a shape in pixels along each axis, has sides that the networks don't take."""
    fits = len(shape) in map(len, AXES) and all(type(side) is int and side in SIDES for side in shape)
    _require(
        fits and max(shape) >= SMALLEST_LONGEST_SIDE,
        f"the image size is {' x '.join(map(str, shape))}, expected powers of two from {SIDES[0]} to {SIDES[-1]} px, "
        f"the largest at least {SMALLEST_LONGEST_SIDE}, along two or three axes",
    )


def poses_along(axes):
    """Returns the axes to mirror along for each of a cell's four poses, its own first. Args: two axes, y and x."""
    y, x = axes
    return (), (y,), (x,), (y, x)


def at_once(count, shape):
    """Returns how many images to compute at once: `count`, or fewer volumes, which have many pixels.

    Together they have no more pixels than `count` planes of 512 x 512, unless one volume alone has.

    Args: count: an integer. shape: pixels along each axis.
    """
    return max(1, min(count, count * SIDES[-1] ** len(PLANE) // math.prod(shape)))


def spatial_axes(images):
    """Returns the spatial axes of a batch of images, (B, ..., C): all but the first and the last."""
    return tuple(range(1, len(images.shape) - 1))


def image_axes(images):
    """Returns all axes of a batch of images but the first, over which a mean is one of each image."""
    return tuple(range(1, len(images.shape)))
