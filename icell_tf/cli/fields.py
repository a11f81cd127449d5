"""Cuts single cells out of fields of view, with or without label images, and lists them in a manifest.csv."""

from absl import app, flags

from icell_tf.cli.command import define_folder, start
from icell_tf.imaging.fields import cut, field_list
from icell_tf.imaging.fields.matching import Limits
from icell_tf.imaging.read import channels

OUTPUT = define_folder("output", cut.DEFAULT_OUTPUT, f"folder for {cut.MANIFEST} and the cells")
STRUCTURE = flags.DEFINE_string("structure", "", "the labelled structure of all fields")
CELL_LABELS = flags.DEFINE_list("cell_labels", [], "label image of the cells, one for each field")
NUCLEUS_LABELS = flags.DEFINE_list("nucleus_labels", [], "label image of the nuclei, one for each field")
CHANNELS = flags.DEFINE_string("channels", None, "of a field, as membrane:0,nucleus:1[,structure:2]; names or numbers")
SEGMENTATION_CHANNELS = flags.DEFINE_string(
    "segmentation_channels", None, "of label images that have several, as cell:0,nucleus:1"
)
PIXEL_SIZE = flags.DEFINE_string("pixel_size", None, "µm per pixel of the fields: one number, or z,y,x")
AXES = flags.DEFINE_string(
    "axes", None, "axes of the fields' arrays, and of label images with as many dimensions, such as CZYX"
)
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
    common = {
        "channels": channels.parse_channels(CHANNELS.value, channels.CHANNEL_ROLES, "--channels"),
        "scale": channels.parse_pixel_size(PIXEL_SIZE.value),
        "axes": AXES.value,
        "segmentation_channels": channels.parse_channels(
            SEGMENTATION_CHANNELS.value, channels.SEGMENTATION_ROLES, "--segmentation_channels"
        ),
    }
    limits = Limits(MIN_DIAMETER.value, MAX_EXTENT.value)
    settings = cut.Settings(limits, MARGIN.value, NUCLEUS_DIAMETER.value, OVERWRITE.value)
    given = (STRUCTURE.value, CELL_LABELS.value, NUCLEUS_LABELS.value)
    chosen = field_list.find_fields(argv[1:], *given, **common)
    counts = cut.cut_fields(chosen, OUTPUT.value, settings)
    print(f"{len(chosen)} fields, {cut.summary(counts)}: {OUTPUT.value}/{cut.MANIFEST}")


def run():
    start(main, takes_arguments=True)
