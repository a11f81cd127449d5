"""The flags that say how microscope images are read, for train/fields.py and train/integrate.py."""

from absl import flags

from icell_tf.imaging.read.channels import CHANNEL_ROLES, SEGMENTATION_ROLES, parse_channels, parse_pixel_size

flags.disclaim_key_flags()  # --help lists them as those of the command that defines them here


def define_reading_flags(images, masks):
    """Defines --channels, --segmentation_channels, --pixel_size and --axes.

    Args: images, masks: what the command calls the files, for --help.

    Returns: a function without arguments, which returns {flag: value} once the flags are parsed.
    """
    channels = flags.DEFINE_string(
        "channels", None, f"of {images}, as membrane:0,nucleus:1[,structure:2]; names or numbers"
    )
    segmentation_channels = flags.DEFINE_string(
        "segmentation_channels", None, f"of {masks} with several channels, as cell:0,nucleus:1; names or numbers"
    )
    pixel_size = flags.DEFINE_string("pixel_size", None, f"µm per pixel of {images}: one number, or z,y,x")
    axes = flags.DEFINE_string(
        "axes", None, f"of the array of {images}, and of {masks} with as many dimensions, such as CZYX"
    )
    return lambda: {
        "channels": parse_channels(channels.value, CHANNEL_ROLES, "--channels"),
        "segmentation_channels": parse_channels(
            segmentation_channels.value, SEGMENTATION_ROLES, "--segmentation_channels"
        ),
        "pixel_size": parse_pixel_size(pixel_size.value),
        "axes": axes.value,
    }
