"""Shows what varies along dimensions of the latent codes, or what lies between two cells.

icell traverse --model=RUN_DIR --dimensions=1,2 --structures=tom20
icell traverse --model=RUN_DIR --from=CELL_ID --to=CELL_ID
"""

from absl import flags

from icell_tf.cli.command import define_data_dir, define_folder, define_model, define_names
from icell_tf.data.folders import find_prepared
from icell_tf.data.prepared import PreparedCells
from icell_tf.inference import latent_walks
from icell_tf.inference.latent_space import PATHS
from icell_tf.inference.loading import load
from icell_tf.runs import shipped
from icell_tf.runs.run import Run

MODEL = define_model("exported SavedModel")
CODE = flags.DEFINE_enum("code", None, latent_walks.CODES, "code to walk in (default: z_r; from cell to cell: both)")
DIMENSIONS = flags.DEFINE_list("dimensions", ["1"], "numbered from 1: one, two for a plane, or more")
STRUCTURES = define_names("structures", "shown, such as tom20,zo1 (default: the given cell's, or else all)")
CELL = flags.DEFINE_string("cell", None, "id of the cell to start from (default: the mean cell, with all codes 0)")
FROM = flags.DEFINE_string("from", None, "id of the first cell, to walk from it to another")
TO = flags.DEFINE_string("to", None, "id of the last cell")
PATH = flags.DEFINE_enum("path", "slerp", PATHS, "from cell to cell: spherical or straight")
RANGE = flags.DEFINE_float("range", 3.0, "standard deviations to either side of the mean", lower_bound=0.1)
STEPS = flags.DEFINE_integer("steps", 7, "cells along the way", lower_bound=2)
DATASET = flags.DEFINE_string("dataset", None, "that has the cells (default: that of the run; an export needs it)")
DATA_DIR = define_data_dir()
OUTPUT = define_folder("output", latent_walks.DEFAULT_OUTPUT, "folder for the files")
OVERWRITE = flags.DEFINE_bool("overwrite", False, "replace existing files")


def main():
    if (FROM.value is None) != (TO.value is None) or (FROM.value and CELL.value):
        raise ValueError("--from and --to go together, and without --cell")
    integrator = load(MODEL.value)
    given = [(flag.name, flag.value) for flag in (CELL, FROM, TO) if flag.value is not None]
    cells = []
    if given:
        dataset = DATASET.value or Run.load(shipped.resolve(MODEL.value)).config.dataset
        prepared = PreparedCells(find_prepared(dataset, DATA_DIR.value))
        cells = [latent_walks.find_cell(integrator, prepared, cell_id, f"--{name}") for name, cell_id in given]
    own = integrator.structures
    names = STRUCTURES.value or [own[cell.structure] for cell in cells if cell.structure is not None] or own
    where = (STEPS.value, OUTPUT.value, OVERWRITE.value)
    if FROM.value:
        codes = (CODE.value,) if CODE.value else latent_walks.CODES
        paths = latent_walks.interpolate(integrator, cells, codes, names, PATH.value, *where)
    else:
        start, code = (*cells, latent_walks.mean_cell(integrator))[0], CODE.value or "z_r"
        paths = latent_walks.traverse(integrator, start, code, DIMENSIONS.value, names, RANGE.value, *where)
    print("\n".join(f"wrote {path}" for path in paths))
