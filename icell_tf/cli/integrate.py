"""Predicts every structure in a user's cells: prepared data sets, a manifest.csv, or stacks with their segmentation.

icell integrate --model=RUN_DIR --samples=8 cells/manifest.csv

A model that ships with icell_tf has example cells, which are taken where no input is given:

icell integrate --model=simulated_64
"""

from absl import app, flags

from icell_tf.cli.command import define_files, define_folder, define_model, define_seed
from icell_tf.cli.reading_flags import define_reading_flags
from icell_tf.inference import inputs, outputs, stacks
from icell_tf.inference.loading import load
from icell_tf.messages import counted
from icell_tf.runs import shipped
from icell_tf.runs.known import described
from icell_tf.viz import figures

MODEL = define_model("exported SavedModel")
OUTPUT = define_folder("output", outputs.DEFAULT_OUTPUT, "folder for the files")
SAMPLES = flags.DEFINE_integer("samples", 0, "draws to write, with their mean and standard deviation", lower_bound=0)
SEED = define_seed("seed of the draws")
ORIGINAL_FRAME = flags.DEFINE_bool("original_frame", False, "write stacks in the input's own pixels")
FORMAT = flags.DEFINE_enum("format", stacks.TIFF, list(stacks.ENDINGS), "of the stacks")
CONTRAST = flags.DEFINE_enum("contrast", "percentile", figures.CONTRASTS, "brightness of each panel")
OVERWRITE = flags.DEFINE_bool("overwrite", False, "replace existing files")
SEGMENTATION = define_files(
    "segmentation", f"file of masks for each stack; or {inputs.AUTO}: the stacks are 0 outside their cell"
)
READING = define_reading_flags("a stack", "files of masks")
SPLIT = flags.DEFINE_string("split", "test", "split of a prepared data set")
ON_BAD_CELL = flags.DEFINE_enum("on_bad_cell", "fail", ["fail", "skip"], "of a manifest: stop, or go on without it")
LIMIT = flags.DEFINE_integer("limit", None, "cells taken from a data set or a manifest", lower_bound=1)


def main(argv):
    model = shipped.resolve(MODEL.value)
    if len(argv) < 2 and not shipped.is_shipped(model):
        raise app.UsageError("give at least one INPUT: a prepared data set's folder, a manifest.csv or a stack")
    how = ORIGINAL_FRAME.value, CONTRAST.value, OVERWRITE.value, FORMAT.value
    settings = stacks.Settings(SAMPLES.value, SEED.value, *how)
    chosen = {"split": SPLIT.value, "limit": LIMIT.value, "on_bad_cell": ON_BAD_CELL.value}
    reading = inputs.Reading(tuple(SEGMENTATION.value), **READING(), **chosen)
    paths = argv[1:] or [model]
    outputs.check_output(inputs.known_names(paths, reading), OUTPUT.value, settings)
    integrator = load(model)
    cells = inputs.read_inputs(paths, integrator, reading)
    paths = outputs.integrate_cells(integrator, cells, OUTPUT.value, settings)
    found = f"{counted(len(cells), 'cell')}, {counted(len(integrator.structures), 'structure')} each"
    print(f"{found}: {counted(len(paths), 'file')} in {OUTPUT.value}")
    if integrator.known and any(path.name == outputs.CLASSES for path in paths):
        print(f"unknown structures in {outputs.CLASSES} are told {described(integrator.known)}")
