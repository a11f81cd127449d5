"""One stack and its masks, as a user gives them to a command or sends them to a server -> the cell in its frame."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from icell_tf.imaging.fields.crop import crop_masks
from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.frame.masks import Choices, MaskError
from icell_tf.imaging.frame.preprocess import PreprocessedCell, check_version, preprocess
from icell_tf.imaging.read import print_guesses, read_masks, read_stack
from icell_tf.imaging.read.channels import (
    CHANNEL_ROLES,
    RAW_NAMES,
    REFERENCE_ROLES,
    SEGMENTATION_NAMES,
    SEGMENTATION_ROLES,
    choose_channels,
    parse_channels,
    parse_pixel_size,
    read_roles,
)
from icell_tf.spec import CHANNELS, NUCLEUS, CellSpec

AUTO = "auto"


@dataclass(frozen=True)
class StackReading:
    """How stacks are read; what is None is taken from the files.

    Attributes:
      segmentation: one file of masks for each stack, in the stacks' order; or AUTO, alone: each is 0 outside its cell.
      channels: {membrane, nucleus[, structure]: index or name} of a stack.
      segmentation_channels: {cell, nucleus: index or name} of a file of masks.
      pixel_size: µm, one number for y and x, or (z, y, x).
      axes: of a stack's array, such as CZYX.
      scene: of a stack whose file has several, by name or number.
      choices: what the user says about masks that are not 0 and one number.
    """

    segmentation: tuple[str, ...] = ()
    channels: dict[str, int | str] | None = None
    segmentation_channels: dict[str, int | str] | None = None
    pixel_size: tuple[float, ...] | None = None
    axes: str | None = None
    scene: str | None = None
    choices: Choices = Choices()


def parse_reading(texts) -> dict:
    """Reads how stacks are read from texts, as flags have them.

    Args: texts: {channels, segmentation_channels, pixel_size, axes, scene, mask_label, mask_threshold,
      channel_threshold: text or None}; any may be missing.
    Returns: the attributes of a `StackReading` but segmentation. Raises: ValueError: a text is not as it must be.
    """
    return {
        "channels": parse_channels(texts.get("channels"), CHANNEL_ROLES, "--channels"),
        "segmentation_channels": parse_channels(
            texts.get("segmentation_channels"), SEGMENTATION_ROLES, "--segmentation_channels"
        ),
        "pixel_size": parse_pixel_size(texts.get("pixel_size")),
        "axes": texts.get("axes"),
        "scene": texts.get("scene"),
        "choices": Choices.parse(texts, "--{}"),
    }


def require_stacks(spec: CellSpec, path):
    """Raises: ValueError: a model takes other channels than stacks are read as, or another preprocessing's cells."""
    if spec.channels != CHANNELS:
        raise ValueError(
            f"{path}: the model takes the channels {', '.join(spec.channel_names)}, but stacks and "
            f"manifests are read as {', '.join(CHANNEL_ROLES)}: prepare a data set, and give its folder"
        )
    check_version(spec.preparation)


def prepare_stack(
    path, segmentation, spec: CellSpec, reading: StackReading | None = None, tell=print_guesses
) -> PreprocessedCell:
    """Reads a stack of one cell and brings it into the frame of a model.

    Args:
      path: the stack.
      segmentation: its file of masks, which may be the stack; None: the stack is 0 outside its cell.
      spec: of the model's cells.
      reading: `StackReading`, but its segmentation.
      tell: is called with a file and the sentences on what was guessed in it, as soon as they are known.

    Raises: ValueError, ImportError, OSError: as `read_stack`, or the masks or the stack can't be used.
    """
    reading = reading or StackReading()
    require_stacks(spec, path)
    if not segmentation and (reading.choices.mask_label or reading.choices.mask_threshold):
        raise ValueError(
            f"{path}: --mask_label and --mask_threshold say what is inside masks, but --segmentation={AUTO} takes "
            "none: leave them out, or give files of masks"
        )
    stack = read_stack(path, axes=reading.axes, scale=reading.pixel_size, scene=reading.scene)
    roles, guesses = choose_channels(stack, reading.channels, RAW_NAMES, REFERENCE_ROLES, "--channels")
    tell(path, stack.guesses + guesses)
    planes = read_roles(stack, {role: roles[role] for role in CHANNEL_ROLES if role in roles})
    planes = [reading.choices.channel(plane, role) for role, plane in planes.items()]
    try:
        if segmentation:
            masks = _read_segmentation(segmentation, stack, reading, tell)
        else:
            masks = crop_masks(planes, planes[REFERENCE_ROLES.index(NUCLEUS)])
            planes = [np.where(masks[0], plane, 0) for plane in planes]  # specks outside are no background
        cell = preprocess(planes, *masks, stack.scale, Frame(spec.shape, spec.pixel_size), spec.preparation)
    except MaskError as error:
        file = f"{segmentation}: " if segmentation and Path(segmentation) != Path(path) else ""
        raise ValueError(f"{path}: {file}{error}") from error
    except ValueError as error:
        raise ValueError(f"{path}: {str(error).removeprefix(f'{path}: ')}") from error
    tell(path, cell.guesses)
    return cell


def _read_segmentation(path, image, reading, tell):
    """Returns cell and nucleus mask of a stack."""
    found = read_masks(path, image, reading.pixel_size is not None, axes=reading.axes)
    tell(path, found.guesses)  # before an error that other axes may explain
    given = reading.segmentation_channels, SEGMENTATION_NAMES, SEGMENTATION_ROLES, "--segmentation_channels"
    roles, guesses = choose_channels(found, *given)
    tell(path, guesses)
    masks = read_roles(found, {role: roles[role] for role in SEGMENTATION_ROLES})
    return [reading.choices.mask(mask, role) for role, mask in masks.items()]
