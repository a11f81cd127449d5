"""The flags that say how microscope images are read, for `icell fields` and `icell integrate`."""

from absl import flags

from icell_tf.imaging.frame.masks import CHANNEL_THRESHOLD, LABEL, THRESHOLD
from icell_tf.imaging.one_stack import parse_reading

flags.disclaim_key_flags()  # --help lists them as those of the command that defines them here


def define_reading_flags(images, masks, of_one_cell=True):
    """Defines --channels, --segmentation_channels, --pixel_size, --axes, --scene and --mask_threshold.

    Where masks are of one cell, it also defines --mask_label and --channel_threshold.

    Args:
      images, masks: what the command calls the files, for --help.
      of_one_cell: whether masks are of one cell, so that its label can be chosen.

    Returns: a function without arguments, to be called once the flags are parsed. It returns a dict with the keys
      channels, segmentation_channels, pixel_size, axes and scene, and choices, the `Choices` of the other flags.
    """
    which = "names, or indices from 0; a channel called 1 is name=1"
    texts = {
        "channels": f"of {images}, as membrane:0,nucleus:1[,structure:2]; {which}",
        "segmentation_channels": f"of {masks} with several channels, as cell:0,nucleus:1; {which}",
        "pixel_size": f"µm per pixel of {images}: one number, or z,y,x",
        "axes": f"of the array of {images}, and of {masks} with as many dimensions, such as CZYX",
        "scene": f"name or number from 0 of the scene (position, series) in {images} with several",
    }
    inside = {THRESHOLD: f"of {masks} that are probabilities, as 0.5 or cell:0.5,nucleus:0.4: what is higher is inside"}
    if of_one_cell:
        inside[LABEL] = f"the cell's label in {masks} with several labels, as 2 or cell:2,nucleus:5"
        inside[CHANNEL_THRESHOLD] = f"of channels of {images} that are segmentations with soft edges, as membrane:127"
    given = {name: flags.DEFINE_string(name, None, text) for name, text in (texts | inside).items()}

    return lambda: parse_reading({name: flag.value for name, flag in given.items()})
