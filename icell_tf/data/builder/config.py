"""The version of the data set, the arguments of a build, as `icell build --config='{...}'` takes them, and configs."""

import dataclasses
import difflib
import re
from collections.abc import Sequence

import tensorflow_datasets as tfds

from icell_tf import simulate
from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.frame.masks import BY_CONFIG, CHANNEL_THRESHOLD, THRESHOLD, Choices
from icell_tf.imaging.manifest import splits
from icell_tf.imaging.manifest.spelling import SIMILAR_NAMES, SUSPECT
from icell_tf.imaging.read.axes import check_letters
from icell_tf.spec import AXES, CellSpec, Preparation, SpecError
from icell_tf.structures import NAMES, STRUCTURES, canonical_name, name_problem

NAME = "integrated_cell"
VERSION = "3.0.0"  # of the data set; RELEASE_NOTES in its builder say what each version changed
KINDS = ("simulated", "stacks", "paper_2d", "hipsc_single_cell")
ON_BAD_CELL = ("fail", "skip")
# The kinds that an argument is for. An argument that is not listed is for all kinds.
FOR_KINDS = dict.fromkeys(("alignment", "normalization", "on_bad_cell", "structures", "similar_names"), KINDS[1:])
FOR_KINDS |= dict.fromkeys(("axes", THRESHOLD, CHANNEL_THRESHOLD), ("stacks", "hipsc_single_cell"))
COUNTS = ("cells_per_structure", "seed", "expected_draws", "observations")
FOR_KINDS |= dict.fromkeys(COUNTS, ("simulated",)) | {"truth": ("stacks",)}
_NAME = re.compile(r"(?=.*[A-Za-z_])\w[\w.-]{0,99}", re.ASCII)  # 1.0.0 would be taken for a version
PIXEL_SIZES = 0.001, 100  # µm; what lies outside is no microscope's
_LARGEST_SIMULATED = 2.5  # µm a pixel: larger ones show no nuclei


@dataclasses.dataclass(eq=False)
class IntegratedCellConfig(tfds.core.BuilderConfig):
    """The arguments of a build: the keys of `icell build --config='{"name": ..., ...}'`.

    Attributes:
      name: of the config; it becomes a folder's.
      kind: "simulated"; "stacks": a user's own, listed in manifest.csv in the manual_dir; "paper_2d" or
        "hipsc_single_cell": a public collection, as downloaded into the manual_dir.
      image_size: pixels: a number, for a square picture; or a list, [y, x] for a picture, [z, y, x] for a volume. See
        `CellSpec.shape`.
      pixel_size: µm per pixel: a number for all axes, or a list with a number an axis.
      validation_fraction, test_fraction: shares of each structure's cells, by field of view.
      alignment, normalization: (not simulated) see `Preparation`.
      on_bad_cell: (not simulated) "fail": a cell that can't be used stops the build, before anything is written;
        "skip": the build goes on without it and lists it in set_aside.csv.
      structures: (not simulated) the only names that structures may have; empty: any name.
      similar_names: (not simulated) "suspect": a cell is bad if the name of its structure is rare and resembles
        another; "allow": no name is suspected. See `spelling.misspelt`.
      axes: (stacks, hipsc_single_cell) a letter of TCZYXS for each dimension of the files' arrays; needed where the
        files' own axes are wrong.
      mask_threshold: (stacks, hipsc_single_cell) for masks with more than two values; what is higher is inside: a
        number for both masks, or a text such as "cell:0.5,nucleus:0.4".
      channel_threshold: (stacks, hipsc_single_cell) for channels that are segmentations with more than two values; what
        is higher is inside: a text such as "membrane:127,nucleus:127".
      truth: (stacks) whether truth.csv, beside manifest.csv, lists several structures of the same cells: records hold
        them all, and the splits are by field of view across structures. See `truth.add_truth`.
      cells_per_structure: (simulated) number of cells; 0: the counts of Table S8.
      seed: (simulated) another seed gives other cells.
      expected_draws: (simulated) number of draws whose mean is an expected localization of the test split; 0: none.
      observations: (simulated) number of images of each structure in some test cells as a camera would show them; 0:
        none. 32 images of 100 cells take minutes at 64 px, also of volumes, and hours at 256 px.
    """

    name: str = ""
    kind: str = "stacks"
    image_size: int | Sequence[int] = 256
    pixel_size: float | Sequence[float] = 0.317
    validation_fraction: float = 0.1
    test_fraction: float = 0.25
    alignment: str = "major_axis"
    normalization: str = "maximum"
    on_bad_cell: str = "fail"
    structures: Sequence[str] = ()
    similar_names: str = SUSPECT
    axes: str = ""
    mask_threshold: float | str = ""
    channel_threshold: str = ""
    truth: bool = False
    cells_per_structure: int = 0
    seed: int = 0
    expected_draws: int = 64
    observations: int = 0

    def __new__(cls, *_, **given):
        """Refuses a key that is no argument."""
        known = [field.name for field in dataclasses.fields(cls)]
        for key in [key for key in given if key not in known]:
            near = difflib.get_close_matches(key, known, 1)
            guess = f"did you mean {near[0]}" if near else f"expected one of {', '.join(cls.__annotations__)}"
            raise ValueError(f"Config {given.get('name')!r}: {key!r} is no argument: {guess}.")
        return super().__new__(cls)

    def __post_init__(self):
        self._refuse_unless(
            isinstance(self.name, str) and _NAME.fullmatch(self.name),
            "name",
            "1 to 100 of a-z, A-Z, 0-9, _, - and ., with a letter, and neither - nor . first: it names a folder",
        )
        self._refuse_unless(not self.version and not self.supported_versions, "version", f"none: it is {VERSION}")
        self._check_choice("kind", KINDS)
        self._check_choice("on_bad_cell", ON_BAD_CELL)
        self._check_choice("similar_names", SIMILAR_NAMES)
        self._check_structures()
        self._refuse_unless(type(self.truth) is bool, "truth", "true or false")
        try:
            splits.check_fractions(self.validation_fraction, self.test_fraction)
        except ValueError as error:
            raise ValueError(f"Config {self.name!r}: {error}") from None
        for name in COUNTS:
            value = getattr(self, name)
            self._refuse_unless(type(value) is int and 0 <= value < 2**31, name, "a whole number from 0 to 2^31 - 1")
        fits = isinstance(self.axes, str) and (not self.axes or check_letters(self.axes))
        self._refuse_unless(fits, "axes", "different letters of TCZYXS, Y and X among them, one for each dimension")
        self._check_kinds()
        texts = {name: str(getattr(self, name)) for name in (THRESHOLD, CHANNEL_THRESHOLD)}
        self.choices = Choices.parse(texts, f"Config {self.name!r}: {{}}", BY_CONFIG)
        self._shape, self._pixel_size = self._sizes()
        spec = self.spec()
        if self.kind == "paper_2d" and spec.axes != "YX":
            raise ValueError(f"Config {self.name!r}: image_size is {self.image_size}, but paper_2d has pictures only.")
        self.frame, self.preparation = Frame(spec.shape, spec.pixel_size), spec.preparation

    def _refuse_unless(self, holds, argument, expected):
        if not holds:
            raise ValueError(f"Config {self.name!r}: {argument} is {getattr(self, argument)!r}, expected {expected}.")

    def _check_structures(self):
        names = self.structures
        fits = isinstance(names, list | tuple) and all(isinstance(name, str) for name in names)
        self._refuse_unless(fits, "structures", 'a list of names, such as ["tom20", "golgi"]; [] allows any name')
        problems = [problem for name in names if (problem := name_problem(name))]
        if problems:
            raise ValueError(f"Config {self.name!r}: structures has {problems[0]}.")
        self._refuse_unless(
            len(set(map(canonical_name, names))) == len(names), "structures", "different structures, each once"
        )
        self.structures = list(names)

    def _sizes(self):
        """Returns pixels, and µm, along each axis."""
        shape, pixel_size = self.image_size, self.pixel_size
        shape = [shape] * len("YX") if type(shape) is int else shape
        lists = isinstance(shape, list | tuple)
        pixel_size = [pixel_size] * len(shape) if lists and type(pixel_size) in (int, float) else pixel_size
        fits = lists and all(type(side) is int for side in shape) and isinstance(pixel_size, list | tuple)
        fits = fits and all(type(size) in (int, float) for size in pixel_size)
        if not fits or len(pixel_size) != len(shape) or len(shape) not in map(len, AXES):
            raise ValueError(
                f"Config {self.name!r}: image_size is {self.image_size!r} and pixel_size {self.pixel_size!r}: expected "
                "a whole number of px, for a square picture, or a list of them, [y, x] or [z, y, x]; and one number of "
                "µm for all axes, or a list that is as long."
            )
        low, high = PIXEL_SIZES[0], self.largest_pixel
        self._refuse_unless(
            all(low <= size <= high for size in pixel_size), "pixel_size", f"numbers of µm from {low} to {high}"
        )
        return tuple(shape), tuple(map(float, pixel_size))

    def _check_choice(self, argument, choices):
        self._refuse_unless(getattr(self, argument) in choices, argument, f"one of {', '.join(choices)}")

    def _check_kinds(self):
        """Refuses an argument that is given but has no effect on this kind of build."""
        for field in dataclasses.fields(self):
            kinds = FOR_KINDS.get(field.name, KINDS)
            if self.kind not in kinds and getattr(self, field.name) not in (field.default, []):
                raise ValueError(
                    f"Config {self.name!r}: {field.name} is not for kind {self.kind}, only for {', '.join(kinds)}."
                )

    @property
    def simulated(self) -> bool:
        """Whether the cells are simulated."""
        return self.kind == "simulated"

    @property
    def largest_pixel(self) -> float:
        """The largest pixel_size that is accepted, µm."""
        return _LARGEST_SIMULATED if self.simulated else PIXEL_SIZES[1]

    @property
    def cells(self) -> int:
        """The number of cells of a simulated data set."""
        return sum(self.cells_per_structure or structure.total for structure in STRUCTURES)

    def spec(self, names=NAMES) -> CellSpec:
        """Returns the description of the cells.

        Args: names: of the structures; the simulated ones are known before a build, the others when it has listed its
          cells.
        Raises: SpecError: the arguments or names can't be used.
        """
        axes = next(axes for axes in AXES if len(axes) == len(self._shape))
        try:
            preparation = Preparation(self.alignment, self.normalization)
            return CellSpec(axes, self._shape, self._pixel_size, names, preparation=preparation)
        except SpecError as error:
            given = f"image_size is {self.image_size}, pixel_size {self.pixel_size}"
            raise SpecError(f"Config {self.name!r}: {given}: {error}") from error

    def arguments(self) -> dict:
        """Everything that decides the content of the records, except a user's files; metadata.json stores it."""
        names = ["kind", "image_size", "pixel_size", "validation_fraction", "test_fraction", "alignment"]
        names += ["normalization"] + [name for name, kinds in FOR_KINDS.items() if self.kind in kinds]
        arguments = {name: getattr(self, name) for name in names if name != "truth" or self.truth}
        arguments |= {"image_size": self._shortest(self._shape), "pixel_size": self._shortest(self._pixel_size)}
        arguments |= {"preprocessing_version": self.preparation.version}
        return arguments | ({"simulator_version": simulate.SIMULATOR_VERSION} if self.simulated else {})

    def _shortest(self, sizes):
        """Returns a picture's equal sides as one number, so that [64, 64] and 64 are the same argument."""
        return sizes[0] if self.frame.axes == "YX" and len(set(sizes)) == 1 else list(sizes)


_TWENTIETHS = {"validation_fraction": 0.05, "test_fraction": 0.05}
# Of simulated_64 and simulated_3d: the same cells in the same splits.
_SEVENTHS = {"validation_fraction": 1 / 7, "test_fraction": 1 / 7, "pixel_size": 0.6}
_SEVENTHS |= {"cells_per_structure": 280, "observations": 32}
CONFIGS = [
    IntegratedCellConfig(
        name="simulated",
        description="Simulated cells in the paper's frame, with its counts of each structure (Table S8).",
        kind="simulated",
        **_TWENTIETHS,
    ),
    IntegratedCellConfig(
        name="simulated_64",
        description="Simulated cells for work without a GPU: 280 of each structure.",
        kind="simulated",
        image_size=64,
        **_SEVENTHS,
    ),
    IntegratedCellConfig(
        name="simulated_3d",
        description="The cells of simulated_64 as volumes of 32 x 64 x 64 px.",
        kind="simulated",
        image_size=(32, 64, 64),
        **_SEVENTHS,
    ),
    IntegratedCellConfig(
        name="simulated_demo",
        description="Simulated cells for the demo, prepared in minutes: 120 of each structure.",
        kind="simulated",
        image_size=64,
        pixel_size=0.6,
        validation_fraction=1 / 12,
        test_fraction=1 / 12,
        cells_per_structure=120,
        expected_draws=16,
        observations=4,
    ),
    IntegratedCellConfig(
        name="paper_2d",
        description="The paper's own collection of projected cells, in its frame.",
        kind="paper_2d",
        **_TWENTIETHS,
    ),
    IntegratedCellConfig(
        name="hipsc_single_cell",
        description="The Allen Institute's hiPSC Single-Cell Image Dataset, split by field of view.",
        kind="hipsc_single_cell",
        **_TWENTIETHS,
    ),
]
SIMULATED = {f"{NAME}/{config.name}": config for config in CONFIGS if config.simulated}
