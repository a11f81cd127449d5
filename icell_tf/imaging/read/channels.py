"""What commands are told and how it is read: channels, pixel sizes, and names of files."""

import math

CHANNEL_ROLES = ("membrane", "nucleus", "structure")
SEGMENTATION_ROLES = ("cell", "nucleus")


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


def parse_channels(text, roles, where):
    """Reads "membrane:0,nucleus:DNA" as {"membrane": "0", "nucleus": "DNA"}; None stays None.

    Args:
      text: a pair for each role.
      roles: the roles there are, of which the first two are needed.
      where: the text stands, for errors: "--channels" or "the column channels".

    Raises:
      ValueError: a role is unknown or given twice, or one of the first two is missing.
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


def channels_by_name(stack, names, required, flag) -> dict[str, str]:
    """Channels by their names in the file; the first ones, in the order of the roles, where the file has no names.

    Args:
      stack: a `Stack`.
      names: {role: the names its channel goes by, the best first}.
      required: the roles that there must be a channel for.
      flag: by which the channels are given instead, for errors.

    Returns:
      {role: number}, of the roles that have a channel.

    Raises:
      ValueError: a required one has none.
    """
    lower = [channel.strip().lower() for channel in stack.channels]
    if lower == [str(i) for i in range(len(lower))] and len(lower) == len(required):
        return {role: str(i) for i, role in enumerate(required)}
    found = {role: next((name for name in names[role] if name in lower), None) for role in names}
    missing = [role for role in required if found[role] is None]
    if missing:
        raise ValueError(
            f"{stack.path}: can't tell which channel is {' and which is '.join(missing)}; its channels are "
            f"{', '.join(f'{i}: {name}' for i, name in enumerate(stack.channels))}: "
            f"give {flag}={','.join(f'{role}:{i}' for i, role in enumerate(required))} with its numbers or names"
        )
    return {role: str(lower.index(name)) for role, name in found.items() if name is not None}
