"""The version of the data set, the arguments of a build, as `tfds build --config='{...}'` takes them, and configs."""

import dataclasses
from collections.abc import Sequence

import tensorflow_datasets as tfds

from icell_tf import simulate
from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.manifest import splits
from icell_tf.spec import AXES, CellSpec, Preparation, SpecError
from icell_tf.structures import NAMES, STRUCTURES

NAME = "integrated_cell"
VERSION = "2.0.0"  # of the data set; RELEASE_NOTES in its builder say what each version changed
KINDS = ("simulated", "stacks", "paper_2d", "hipsc_single_cell")
ON_BAD_CELL = ("fail", "skip")
# The kinds that an argument is for. An argument that is not listed is for all kinds.
FOR_KINDS = dict.fromkeys(("alignment", "normalization", "on_bad_cell", "structures"), KINDS[1:])
FOR_KINDS |= {"axes": ("stacks", "hipsc_single_cell")}
FOR_KINDS |= dict.fromkeys(("cells_per_structure", "seed", "expected_draws"), ("simulated",))


@dataclasses.dataclass(eq=False)
class IntegratedCellConfig(tfds.core.BuilderConfig):
    """The arguments of a build: the keys of `tfds build --config='{"name": ..., ...}'`.

    Attributes:
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
      axes: (stacks, hipsc_single_cell) a letter of TCZYXS for each dimension of the files' arrays; needed where the
        files' own axes are wrong.
      cells_per_structure: (simulated) number of cells; 0: the counts of Table S8.
      seed: (simulated) another seed gives other cells.
      expected_draws: (simulated) number of draws whose mean is an expected localization of the test split; 0: none.
    """

    kind: str = "stacks"
    image_size: int | Sequence[int] = 256
    pixel_size: float | Sequence[float] = 0.317
    validation_fraction: float = 0.1
    test_fraction: float = 0.25
    alignment: str = "major_axis"
    normalization: str = "maximum"
    on_bad_cell: str = "fail"
    structures: Sequence[str] = ()
    axes: str = ""
    cells_per_structure: int = 0
    seed: int = 0
    expected_draws: int = 64

    def __post_init__(self):
        self._check_choice("kind", KINDS)
        self._check_choice("on_bad_cell", ON_BAD_CELL)
        if isinstance(self.structures, str) or not all(isinstance(name, str) for name in self.structures):
            raise ValueError(f'Config {self.name!r}: structures is {self.structures!r}, not a list: ["tom20", ...].')
        splits.check_fractions(self.validation_fraction, self.test_fraction)
        self.structures = list(self.structures)
        self._check_kinds()
        self._shape, self._pixel_size = self._sizes()
        spec = self.spec()
        if self.kind == "paper_2d" and spec.axes != "YX":
            raise ValueError(f"Config {self.name!r}: image_size is {self.image_size}, but paper_2d has pictures only.")
        self.frame, self.preparation = Frame(spec.shape, spec.pixel_size), spec.preparation

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
        return tuple(shape), tuple(map(float, pixel_size))

    def _check_choice(self, argument, choices):
        value = getattr(self, argument)
        if value not in choices:
            raise ValueError(f"Config {self.name!r}: {argument} is {value!r}, expected one of {', '.join(choices)}.")

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
        arguments = {name: getattr(self, name) for name in names}
        arguments |= {"image_size": self._shortest(self._shape), "pixel_size": self._shortest(self._pixel_size)}
        arguments |= {"preprocessing_version": self.preparation.version}
        return arguments | ({"simulator_version": simulate.SIMULATOR_VERSION} if self.simulated else {})

    def _shortest(self, sizes):
        """Returns a picture's equal sides as one number, so that [64, 64] and 64 are the same argument."""
        return sizes[0] if self.frame.axes == "YX" and len(set(sizes)) == 1 else list(sizes)


_TWENTIETHS = {"validation_fraction": 0.05, "test_fraction": 0.05}
CONFIGS = [
    IntegratedCellConfig(
        name="simulated",
        description="Simulated cells in the paper's frame, with its counts of each structure (Table S8).",
        kind="simulated",
        **_TWENTIETHS,
    ),
    IntegratedCellConfig(
        name="simulated_64",
        description="Simulated cells for the demo and for work without a GPU: 280 of each structure.",
        kind="simulated",
        image_size=64,
        pixel_size=0.6,
        validation_fraction=1 / 7,
        test_fraction=1 / 7,
        cells_per_structure=280,
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
