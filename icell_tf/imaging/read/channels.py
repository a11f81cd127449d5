"""Which channel plays which role: the roles, the names of their channels, and how commands and tables give them."""

import functools
import itertools
import math
import re

import numpy as np

from icell_tf.imaging.read.source import StackError
from icell_tf.spec import CHANNELS, MEMBRANE, NUCLEUS, REFERENCE, STRUCTURE
from icell_tf.structures import KNOWN, canonical_name

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
_OWNER = {"cell": MEMBRANE, "nucleus": NUCLEUS}  # which channel of an image shows what a mask outlines
_ROLE_OF_NAME = {name: role for role, names in RAW_NAMES.items() for name in names}
_ROLE_OF_NAME |= {name: _OWNER[mask] for mask, names in SEGMENTATION_NAMES.items() for name in names}
_NUMBER = re.compile(r"(channel|ch|c)?[\s:=_-]*[\d:]*", re.IGNORECASE)  # C=1, Ch 2, Channel:0:3, or nothing
_COLOURS = set("red green blue cyan magenta yellow white gray grey".split())


def parse_channels(text, roles, where) -> dict[str, int | str] | None:
    """Reads "membrane:0,nucleus:DNA" as {"membrane": 0, "nucleus": "DNA"}; None stays None.

    Digits are an index from 0, an int; anything else is a name, a str. "name=1" is the name "1".

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
    channels = {role.strip(): _index_or_name(channel.strip()) for role, _, channel in pairs}
    complete = set(roles[:2]) <= set(channels) <= set(roles) and "" not in channels.values()
    if not complete or len(channels) != len(pairs):
        optional = "".join(f"; {role} may follow" for role in roles[2:])
        raise ValueError(f"{where} is {text!r}, but must look like {expected}{optional}")
    return channels


def _index_or_name(text):
    return int(text) if _is_number(text) else text.removeprefix("name=")


def _is_number(text):
    text = text.strip()
    return text.isascii() and text.isdecimal()


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


def has_meaning(name) -> bool:
    """Whether a channel's name says what it shows: not a number like C=1, Ch 2 or Channel:0:3, a colour, or nothing."""
    return not (_NUMBER.fullmatch(name.strip()) or name.strip().lower() in _COLOURS)


def find_channel(channels, names) -> int | None:
    """Returns the index of the channel that has the best of the names, in any case; None if none has one of them.

    Raises: ValueError: several channels have that name.
    """
    lower = [channel.strip().lower() for channel in channels]
    best = next((name for name in names if name in lower), None)
    found = [i for i, name in enumerate(lower) if name == best]
    if len(found) > 1:
        which = ", ".join(f"{i}: {channels[i]}" for i in found)
        raise ValueError(f"several channels are called {best} ({which}), in whatever case")
    return found[0] if found else None


def choose_channels(stack, given, names, required, flag) -> tuple[dict[str, int], tuple[str, ...]]:
    """Finds the channel of each role: as given, else by the names in the file, else by their order.

    Args:
      stack: a `Stack`.
      given: {role: index or name}, as `parse_channels` returns them; or None.
      names: {role: the names of its channel, the best first}.
      required: the roles that need a channel. Channels without names are these, in this order, if there are as many.
      flag: the flag that gives the channels, for messages.

    Returns: {role: index}, of the roles that have a channel, and a sentence on each thing that the user has to check.

    Raises: StackError: a required role has no channel, a role may have one of several, or two roles have one channel.
    """
    if given is not None:
        roles = {role: _given_index(stack, role, channel, flag) for role, channel in given.items()}
        said = {role: index for role, index in roles.items() if not isinstance(given[role], str)}
        guesses = contradictions(stack, said, flag)
    else:
        roles, guesses = _found_channels(stack, names, required, flag)
    for index in roles.values():
        same = [role for role in roles if roles[role] == index]
        if len(same) > 1:
            raise StackError(
                f"{stack.path}: {' and '.join(same)} are both channel {index}, but each needs a channel of its own: "
                f"give others with {flag}. {_listed(stack)}"
            )
    return roles, guesses


def _given_index(stack, role, channel, flag):
    """Returns the index of a given channel; refuses digits that are the name of another channel."""
    if isinstance(channel, str):
        return stack.channel_number(channel)
    called = [i for i, name in enumerate(stack.channels) if _is_number(name) and int(name) == channel]  # 02 is one, too
    if not called or channel in called:
        return stack.channel_number(channel)
    own = stack.channels[channel] if channel < len(stack.channels) else ""
    other = f", for channel {channel} {role}:name={own}" if own else ""
    name = stack.channels[called[0]].strip()
    raise StackError(
        f"{stack.path}: {flag} has {role}:{channel}. Digits are an index from 0, but channel {called[0]} is called "
        f"{name}: for that one give {role}:name={name}{other}. {_listed(stack)}"
    )


def _found_channels(stack, names, required, flag):
    """Finds channels by their names in the file, or by their order if the file has no names for them."""
    example = f"{flag}={','.join(f'{role}:{i}' for i, role in enumerate(required))}"
    channels = list(stack.channels)
    if len(channels) == len(required) and all(map(_NUMBER.fullmatch, channels)) and channels == sorted(channels):
        taken = ", ".join(f"{role}:{i}" for i, role in enumerate(required))
        guess = f"its channels have no names; taken in their order as {taken}. If not, say so ({flag})."
        return {role: i for i, role in enumerate(required)}, (guess,)
    found = {}
    for role in names:
        try:
            found[role] = find_channel(channels, names[role])
        except ValueError as error:
            raise StackError(
                f"{stack.path}: can't tell which channel is {role}: {error}. Give {example}, with its numbers."
            ) from None
    missing = [role for role in required if found[role] is None]
    if missing:
        raise StackError(
            f"{stack.path}: can't tell which channel is {' and which is '.join(missing)}. {_listed(stack)} Give "
            f"{example} with its numbers or names; a channel called 1 is name=1."
        )
    roles = {role: index for role, index in found.items() if index is not None}
    return roles, () if names is SEGMENTATION_NAMES else rivals(channels, roles, flag)


def rivals(channels, roles, where) -> tuple[str, ...]:
    """Says which other channels of an image have a name of the same role, such as hoechst beside dna.

    Args: channels: the names. roles: {role: index}. where: what gives another channel, for the sentence.
    Returns: a sentence for each role that has such a channel. (Masks have them, in an order of preference.)
    """
    found = []
    for role in roles:
        named = [i for i, name in enumerate(channels) if name.strip().lower() in RAW_NAMES[role]]
        if len(named) > 1:
            listed = ", ".join(f"{i}: {channels[i]}" for i in named if i != roles[role])
            taken = f"channel {roles[role]}: {channels[roles[role]]} is taken for {role}"
            found.append(f"{taken}, though it could be {listed}. If it is, say so ({where}).")
    return tuple(found)


def contradictions(stack, roles, said) -> tuple[str, ...]:
    """Compares the file's own names with the roles or names that the user gives its channels.

    Args:
      stack: a `Stack`; its names may be the user's.
      roles: {role: index}, a role of an image or of masks.
      said: where the user says it, for the sentence: "--channels" or "name_dict". This one is used.

    Returns: a sentence if they differ in meaning, else nothing. Names without meaning are not compared.
    """
    own = stack.source.channels
    if len(own) != len(stack.channels):
        return ()
    found = []
    for role, index in roles.items():
        name, given = own[index].strip(), stack.channels[index].strip()
        known = _role(name)
        if known:
            differs = known != _OWNER.get(role, role)
        else:
            differs = role in REFERENCE_ROLES + SEGMENTATION_ROLES and given.lower() != name.lower()
        if has_meaning(name) and differs:
            found.append(f"channel {index} is {role} by {said}, and called {name!r} in the file")
    return (f"{'; '.join(found)}: {said} is followed.",) if found else ()


def other_structure(stack, roles, structure) -> tuple[str, ...]:
    """Compares the known structure that a file's channel is called with the one that the user names.

    Args: stack: a `Stack`. roles: {role: index}. structure: its name, in any spelling, or "".
    Returns: a sentence if they differ, else nothing.
    """
    index, own = roles.get(STRUCTURE_ROLE), stack.source.channels
    if not structure or index is None or len(own) != len(stack.channels):
        return ()
    found = canonical_name(own[index])
    if found not in KNOWN or found == canonical_name(structure):
        return ()
    return (f"channel {index} is given as the structure {structure}, and called {own[index]!r} in the file.",)


def read_roles(stack, roles) -> dict[str, np.ndarray]:
    """Reads the channels of roles, {role: (Z, Y, X)}. Raises: StackError: two of them hold the same voxels."""
    channels = {role: stack.channel(index) for role, index in roles.items()}
    refuse_copies(stack.path, channels)
    return channels


def refuse_copies(path, channels):
    """Raises a `StackError` if two of the channels {role: (Z, Y, X)} hold the same voxels."""
    for (role, first), (other, second) in itertools.combinations(channels.items(), 2):
        equal = functools.partial(np.array_equal, equal_nan=first.dtype.kind == second.dtype.kind == "f")
        if first.shape == second.shape and all(map(equal, first, second)):
            raise StackError(
                f"{path}: the channels of {role} and {other} hold the same voxels, but must differ. Is one saved "
                "twice, or a grey picture as colours? Check which channel is which (--channels and "
                "--segmentation_channels, or a manifest's name_dict)."
            )


def _role(name):
    """Returns the role that a name stands for, in images and masks, or None."""
    return _ROLE_OF_NAME.get(name.strip().lower())


def _listed(stack):
    return f"Its channels are {stack.listed}."
