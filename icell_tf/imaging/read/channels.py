"""Which channel plays which role: the roles, the names of their channels, and how commands and tables give them."""

import math

from icell_tf.spec import CHANNELS, REFERENCE, STRUCTURE

CHANNEL_ROLES = tuple(channel.name for channel in CHANNELS)
REFERENCE_ROLES = tuple(channel.name for channel in CHANNELS if channel.role == REFERENCE)  # those that a cell needs
(STRUCTURE_ROLE,) = (channel.name for channel in CHANNELS if channel.role == STRUCTURE)
SEGMENTATION_ROLES = ("cell", "nucleus")
# The names of a role's channel, the best first. A filled mask goes before one that may be a shell.
_RAW_NAMES = (
    "membrane cell_membrane cell",
    "dna dna_dye nucleus hoechst dapi",
    "structure struct gfp egfp",
)
RAW_NAMES = {role: tuple(names.split()) for role, names in zip(CHANNEL_ROLES, _RAW_NAMES, strict=True)}
_MASK_NAMES = {
    "cell": "membrane_segmentation_fill membrane_segmentation cell_segmentation cell_seg membrane_seg cell membrane",
    "nucleus": "dna_segmentation_fill dna_segmentation nucleus_segmentation dna_seg nucleus_seg nuc_seg nucleus dna",
}
SEGMENTATION_NAMES = {role: names.split() for role, names in _MASK_NAMES.items()}


def parse_channels(text, roles, where):
    """Reads "membrane:0,nucleus:DNA" as {"membrane": "0", "nucleus": "DNA"}; None stays None.

    Args:
      text: a pair for each role.
      roles: all roles; the first two are required.
      where: the source of the text, for errors: "--channels" or "the column channels".

    Raises: ValueError: a role is unknown or given twice, or one of the first two is missing.
    """
    if text is None:
        return None
    expected = ",".join(f"{role}:NAME_OR_NUMBER" for role in roles[:2])
    pairs = [part.partition(":") for part in text.split(",")]
    channels = {role.strip(): channel.strip() for role, _, channel in pairs}
    complete = set(roles[:2]) <= set(channels) <= set(roles) and all(channels.values())
    if not complete or len(channels) != len(pairs):
        optional = "".join(f"; {role} may follow" for role in roles[2:])
        raise ValueError(f"{where} is {text!r}, but must look like {expected}{optional}")
    return channels


def parse_pixel_size(text):
    """Reads "0.2" or "z,y,x" in µm as a tuple; None stays None. Raises: ValueError: it is neither."""
    if text is None:
        return None
    try:
        sizes = tuple(float(part) for part in text.split(","))
    except ValueError:
        sizes = ()
    if len(sizes) not in (1, 3) or not all(math.isfinite(size) and size > 0 for size in sizes):
        raise ValueError(f"--pixel_size is {text!r}, but must be µm per pixel, as 0.2, or as z,y,x: 0.5,0.2,0.2")
    return sizes


def find_channel(channels, names):
    """Returns the number of the channel that has the best of the names, in any case, or None if there is none."""
    lower = [channel.strip().lower() for channel in channels]
    return next((lower.index(name) for name in names if name in lower), None)


def channels_by_name(stack, names, required, flag) -> dict[str, str]:
    """Finds channels by their names in the file, or by their order if the file has no names.

    Args:
      stack: a `Stack`. Channels without names are the required ones, in this order, if there are as many.
      names: {role: the names of its channel, the best first}.
      required: the roles that need a channel.
      flag: the flag that gives the channels instead, for errors.

    Returns: {role: number}, of the roles that have a channel. Raises: ValueError: a required role has no channel.
    """
    if list(stack.channels) == [str(i) for i in range(len(required))]:
        return {role: str(i) for i, role in enumerate(required)}
    found = {role: find_channel(stack.channels, names[role]) for role in names}
    missing = [role for role in required if found[role] is None]
    if missing:
        raise ValueError(
            f"{stack.path}: can't tell which channel is {' and which is '.join(missing)}; its channels are "
            f"{', '.join(f'{i}: {name}' for i, name in enumerate(stack.channels))}: "
            f"give {flag}={','.join(f'{role}:{i}' for i, role in enumerate(required))} with its numbers or names"
        )
    return {role: str(number) for role, number in found.items() if number is not None}
