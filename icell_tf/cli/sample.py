"""Draws new cells in chosen structures.

icell sample --model=RUN_DIR --structures=tom20,zo1
"""

from absl import flags

from icell_tf.cli.command import define_folder, define_model, define_names, define_seed
from icell_tf.inference import outputs, stacks
from icell_tf.inference.loading import load
from icell_tf.messages import counted

MODEL = define_model("exported SavedModel")
STRUCTURES = define_names("structures", "names of structures, such as tom20,zo1 (default: all)")
COUNT = flags.DEFINE_integer("n", 8, "cells a structure", lower_bound=1)
SEED = define_seed("seed of the first cell; cell i has seed + i")
OUTPUT = define_folder("output", "sampled", "folder for the files")
FORMAT = flags.DEFINE_enum("format", stacks.TIFF, list(stacks.ENDINGS), "of the stacks")
OVERWRITE = flags.DEFINE_bool("overwrite", False, "replace existing files")


def main():
    integrator = load(MODEL.value)
    names = STRUCTURES.value or integrator.structures
    how = SEED.value, OVERWRITE.value, FORMAT.value
    paths = outputs.sample_cells(integrator, names, COUNT.value, OUTPUT.value, *how)
    print(
        f"{counted(COUNT.value, 'cell')} of each of {', '.join(names)}: {counted(len(paths), 'file')} in {OUTPUT.value}"
    )
