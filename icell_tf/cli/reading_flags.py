"""The flags that say how microscope images are read, for train/fields.py and train/integrate.py."""

from absl import flags

from icell_tf.imaging.read.channels import CHANNEL_ROLES, SEGMENTATION_ROLES, parse_channels, parse_pixel_size

flags.disclaim_key_flags()  # --help lists them as those of the command that defines them here


def define_reading_flags(images, masks):
    """Defines --channels, --segmentation_channels, --pixel_size, --axes and --scene.

    Args: images, masks: what the command calls the files, for --help.

    Returns: a function without arguments, which returns {flag: value} once the flags are parsed.
    """
    which = "names, or indices from 0; a channel called 1 is name=1"
    texts = {
        "channels": f"of {images}, as membrane:0,nucleus:1[,structure:2]; {which}",
        "segmentation_channels": f"of {masks} with several channels, as cell:0,nucleus:1; {which}",
        "pixel_size": f"µm per pixel of {images}: one number, or z,y,x",
        "axes": f"of the array of {images}, and of {masks} with as many dimensions, such as CZYX",
        "scene": f"of {images} that hold several (positions, series): its name or number",
    }
    given = {name: flags.DEFINE_string(name, None, text) for name, text in texts.items()}

    def read():
        values = {name: flag.value for name, flag in given.items()}
        for name, roles in (("channels", CHANNEL_ROLES), ("segmentation_channels", SEGMENTATION_ROLES)):
            values[name] = parse_channels(values[name], roles, f"--{name}")
        return values | {"pixel_size": parse_pixel_size(values["pixel_size"])}

    return read
