"""The form of POST /integrate: a stack, its masks, and what the flags of `icell integrate` say, as fields."""

import re
from dataclasses import dataclass

from starlette.datastructures import UploadFile

from icell_tf.imaging.one_stack import AUTO, StackReading, parse_reading
from icell_tf.imaging.read.strangers import check_name
from icell_tf.inference.stacks import Settings
from icell_tf.serve.refusals import Refused
from icell_tf.serve.tensors import BINARY
from icell_tf.viz.figures import CONTRASTS

MOST_SAMPLES = 64
JSON, PNG, TIFF = "application/json", "image/png", "image/tiff"
FORMATS = {"json": JSON, "binary": BINARY, "png": PNG, "tiff": TIFF}
PICTURES = ("structures", "composite", "slices")
_FILES = {
    "stack": "one file of one cell: TIFF, OME-TIFF, PNG, CZI, LIF, ND2, .npy, .npz",
    "segmentation": f"file of masks; without it, or {AUTO}: the stack is 0 outside its cell, or, if "
    "segmentation_channels are given, the masks are channels of the stack",
}
_READING = {
    "channels": "of the stack, as membrane:0,nucleus:1[,structure:2]; names, or indices from 0",
    "segmentation_channels": "of the masks, as cell:0,nucleus:1",
    "pixel_size": "µm per pixel: one number, or z,y,x",
    "axes": "of the stack's array, such as CZYX",
    "scene": "name or number from 0 of the scene in a file with several",
    "mask_threshold": "of masks that are probabilities, as 0.5 or cell:0.5,nucleus:0.4",
    "mask_label": "the cell's label in masks with several labels, as 2 or cell:2,nucleus:5",
    "channel_threshold": "of channels that are segmentations with soft edges, as membrane:127",
}
_OUTPUT = {
    "samples": f"draws, of which mean and standard deviation are answered, up to {MOST_SAMPLES}",
    "seed": "of the draws",
    "contrast": f"of a picture: {', '.join(CONTRASTS)}",
    "original_frame": "true: arrays and OME-TIFF in the stack's own pixels",
    "format": f"{', '.join(FORMATS)}; without it, what the header Accept asks for, else json",
    "picture": f"of png: {', '.join(PICTURES)}, the last of volumes",
}
FIELDS = _FILES | _READING | _OUTPUT
_FLAG = re.compile(rf"--({'|'.join(sorted(FIELDS, key=len, reverse=True))})\b")
_SEED = re.compile(r"-?\d{1,18}")  # of 64 bits
_PROPERTIES = {name: {"type": "string", "description": text} for name, text in FIELDS.items()}
for _name in _FILES:
    _PROPERTIES[_name]["format"] = "binary"
_SCHEMA = {"type": "object", "required": ["stack"], "properties": _PROPERTIES}
DESCRIPTION = {"required": True, "content": {"multipart/form-data": {"schema": _SCHEMA}}}


@dataclass(frozen=True)
class Upload:
    """A request, its texts checked.

    Attributes:
      stack: an `UploadFile`.
      segmentation: the same of the masks; None: they are channels of the stack, or are found in it.
      reading: `StackReading`; its segmentation is (AUTO,) if the masks are found.
      settings: `Settings`.
      media: type of the answer, of FORMATS.
      picture: of PICTURES.
    """

    stack: UploadFile
    segmentation: UploadFile | None
    reading: StackReading
    settings: Settings
    media: str
    picture: str


def parse(form, accept) -> Upload:
    """Checks a form. Args: Starlette's `FormData`; the header Accept. Raises: Refused."""
    texts = {}
    for name, value in form.multi_items():
        if name not in FIELDS:
            raise Refused(400, f"there is no field {_said(name)}; the fields are {', '.join(FIELDS)}")
        if name in texts:
            raise Refused(400, f"the field {name} is given twice")
        if name not in _FILES and not isinstance(value, str):
            raise Refused(400, f"the field {name} is a file, but must be a text")
        texts[name] = value
    texts = {name: value for name, value in texts.items() if _is_given(value)}
    stack, segmentation = texts.get("stack"), texts.get("segmentation", AUTO)
    if not isinstance(stack, UploadFile):
        raise Refused(400, "there is no stack: send a form (multipart/form-data) with a file as its field stack")
    if isinstance(segmentation, str) and segmentation != AUTO:
        raise Refused(400, f"segmentation is {_said(segmentation)!r}, but must be a file, or {AUTO}")
    masks_within = segmentation == AUTO and "segmentation_channels" in texts
    try:
        for file in (stack, segmentation):
            if isinstance(file, UploadFile):
                check_name(shown_name(file))
        reading = StackReading(() if masks_within else (AUTO,), **parse_reading(texts))
    except ValueError as error:
        raise Refused(400, in_fields(str(error))) from error
    settings = Settings(
        _number(texts, "samples", MOST_SAMPLES),
        _number(texts, "seed"),
        _choice(texts, "original_frame", ("false", "true")) == "true",
        _choice(texts, "contrast", CONTRASTS, Settings.contrast),
    )
    media = FORMATS[_choice(texts, "format", tuple(FORMATS))] if "format" in texts else _accepted(accept)
    picture = _choice(texts, "picture", PICTURES)
    return Upload(stack, None if segmentation == AUTO else segmentation, reading, settings, media, picture)


def shown_name(file) -> str:
    """Returns the name of a file as it was sent, without folders and what can't be printed."""
    return _said(re.split(r"[/\\]", file.filename)[-1]) or "(without a name)"


def in_fields(sentence) -> str:
    """Returns an error's sentence with fields in place of flags."""
    return _FLAG.sub(r"`\1`", sentence)


def _said(text):
    return "".join(character if character.isprintable() else "_" for character in text)[:100]


def _is_given(value):
    """Whether a field is not one that was left empty in a form of a web page."""
    return bool(value) if isinstance(value, str) else bool(value.filename or value.size)


def _number(texts, name, most=None):
    text = texts.get(name, "0").strip()
    if not _SEED.fullmatch(text) or most is not None and not 0 <= int(text) <= most:
        expected = "a whole number" + f" from 0 to {most}" * (most is not None)
        raise Refused(400, f"{name} is {_said(text)!r}, but must be {expected}")
    return int(text)


def _choice(texts, name, choices, default=None):
    text = texts.get(name, default or choices[0])
    if text not in choices:
        raise Refused(400, f"{name} is {_said(text)!r}, but must be one of {', '.join(choices)}")
    return text


def _accepted(accept):
    """Returns the first media type of the header Accept that can be answered."""
    for part in accept.split(","):
        media = part.partition(";")[0].strip().lower()
        if media in FORMATS.values():
            return media
        if media in ("", "*/*", "application/*"):
            return JSON
        if media == "image/*":
            return PNG
    raise Refused(406, f"can't answer {_said(accept)}, but {', '.join(FORMATS.values())}")
