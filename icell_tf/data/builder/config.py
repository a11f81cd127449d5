"""The version of the data set, and the arguments of a build, as `tfds build --config='{...}'` takes them."""

import dataclasses
from collections.abc import Sequence

import tensorflow_datasets as tfds

from icell_tf import simulate
from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.frame.preprocess import PREPROCESSING_VERSION, Preparation
from icell_tf.imaging.manifest import splits

VERSION = "1.2.0"  # of the data set; RELEASE_NOTES in its builder say what each version changed
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
      image_size: side of the pictures, px; a power of two from 32 to 512.
      pixel_size: resolution of the pictures, µm/px.
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
    image_size: int = 256
    pixel_size: float = 0.317
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
        if self.image_size not in (32, 64, 128, 256, 512):
            raise ValueError(
                f"Config {self.name!r}: image_size is {self.image_size}, expected a power of two from 32 to 512 px."
            )
        if isinstance(self.structures, str) or not all(isinstance(name, str) for name in self.structures):
            raise ValueError(f'Config {self.name!r}: structures is {self.structures!r}, not a list: ["tom20", ...].')
        splits.check_fractions(self.validation_fraction, self.test_fraction)
        self.structures = list(self.structures)
        self._check_kinds()
        self.frame = Frame(self.image_size, float(self.pixel_size))
        self.preparation = Preparation(self.alignment, self.normalization)

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

    def arguments(self) -> dict:
        """Everything that decides the content of the records, except a user's files; metadata.json stores it."""
        names = ["kind", "image_size", "pixel_size", "validation_fraction", "test_fraction", "alignment"]
        names += ["normalization"] + [name for name, kinds in FOR_KINDS.items() if self.kind in kinds]
        arguments = {name: getattr(self, name) for name in names}
        arguments |= {"pixel_size": float(self.pixel_size), "preprocessing_version": PREPROCESSING_VERSION}
        return arguments | ({"simulator_version": simulate.SIMULATOR_VERSION} if self.simulated else {})


class _Temporary:
    def __init__(self, size, cell_count):
        self.size, self.cell_count = size, cell_count

    def spec(self):
        from icell_tf.spec import CellSpec
        from icell_tf.structures import NAMES

        return CellSpec("YX", (self.size, self.size), (0.6, 0.6), NAMES)


SIMULATED = {"integrated_cell/simulated": _Temporary(256, 6077), "integrated_cell/simulated_64": _Temporary(64, 2800)}
