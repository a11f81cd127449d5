"""Cuts single cells out of fields of view, with or without label images, and lists them in a manifest.csv.

icell fields field.ome.tif --channels=membrane:0,nucleus:1,structure:2 --structure=alpha-tubulin --output=cells
"""

from absl import app, flags

from icell_tf.cli.command import define_files, define_folder
from icell_tf.cli.reading_flags import define_reading_flags
from icell_tf.imaging.fields import cut, field_list
from icell_tf.imaging.fields.matching import Limits
from icell_tf.messages import counted

OUTPUT = define_folder("output", cut.DEFAULT_OUTPUT, f"folder for {cut.MANIFEST} and the cells")
STRUCTURE = flags.DEFINE_string("structure", "", "the labelled structure of all fields")
CELL_LABELS = define_files("cell_labels", "label image of the cells, one for each field")
NUCLEUS_LABELS = define_files("nucleus_labels", "label image of the nuclei, one for each field")
READING = define_reading_flags("a field", "label images", of_one_cell=False)
MAX_EXTENT = flags.DEFINE_float("max_extent", Limits.max_extent, "side of the frame that cells have to fit in, µm")
MIN_DIAMETER = flags.DEFINE_float(
    "min_diameter", Limits.min_diameter, "smaller cells are debris, and nuclei below half of it, µm", lower_bound=0
)
MARGIN = flags.DEFINE_float(
    "margin", cut.Settings.margin, "kept around each cell, for the background, µm", lower_bound=0
)
NUCLEUS_DIAMETER = flags.DEFINE_float(
    "nucleus_diameter", cut.Settings.nucleus_diameter, "typical, used without label images, µm", lower_bound=0
)
OVERWRITE = flags.DEFINE_bool("overwrite", False, "replace what an earlier run has written")


def main(argv):
    if len(argv) < 2:
        raise app.UsageError("give at least one FIELD: an image, or a fields.csv that lists images")
    limits = Limits(MIN_DIAMETER.value, MAX_EXTENT.value)
    settings = cut.Settings(limits, MARGIN.value, NUCLEUS_DIAMETER.value, OVERWRITE.value)
    given = (STRUCTURE.value, CELL_LABELS.value, NUCLEUS_LABELS.value)
    reading = READING()
    chosen = field_list.find_fields(argv[1:], *given, scale=reading.pop("pixel_size"), **reading)
    counts = cut.cut_fields(chosen, OUTPUT.value, settings)
    total = f", {cut.summary(counts)}" * (len(chosen) > 1)  # of one field it has been said
    print(f"{counted(len(chosen), 'field')}{total}: {OUTPUT.value}/{cut.MANIFEST}")
