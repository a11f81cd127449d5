"""What POST /integrate answers: a cell with every structure as OME-TIFF, picture, JSON or binary arrays."""

import json
import math
import tempfile
from pathlib import Path

import numpy as np
from fastapi import Response

from icell_tf.inference import pictures, stacks
from icell_tf.messages import counted
from icell_tf.serve.forms import JSON, PNG, TIFF
from icell_tf.serve.refusals import Refused
from icell_tf.serve.tensors import json_bytes, pack

MOST_BYTES = 2**29  # of an answer, before it is compressed
_BYTES_OF_NUMBER = {JSON: 20}  # as text; 4 in the other forms
GUESSES = "icell-guesses"  # header of files, which have no place for them
JUDGED = ("unknown", "distance")  # by a model that can tell; numbers of the cell, not arrays
_MOST_HEADER = 4000  # characters
DRAWINGS = {
    "structures": pictures.write_structures,
    "composite": pictures.write_composite,
    "slices": pictures.write_slices,
}


def check(upload, cell, integrator):
    """Refuses an answer that can't be given, or would be too large, before the model is asked. Raises: Refused."""
    if upload.picture == "slices" and "Z" not in integrator.spec.axes:
        raise Refused(400, "picture is 'slices', which are of volumes, but the model's cells are planes")
    if not upload.settings.original_frame or upload.media == PNG:  # pictures are of the model's frame
        return
    channels = cell.image.shape[-1] + len(integrator.structures) * (3 if upload.settings.samples else 1)
    pixels = channels * math.prod(cell.transform.source_shape)
    size = pixels * _BYTES_OF_NUMBER.get(upload.media, 4)
    if size > MOST_BYTES:
        raise Refused(
            400,
            f"in the stack's own pixels the answer has {counted(pixels, 'number')} in {counted(channels, 'channel')}, "
            f"{counted(size, 'byte')} as {upload.media}; at most {counted(MOST_BYTES, 'byte')} are answered: crop the "
            "stack to the cell, leave out `original_frame`, or ask for another format",
        )


def answer(upload, predicted, codes, guesses, integrator):
    """Returns the response.

    Args:
      upload: `forms.Upload`.
      predicted: `stacks.Prediction`.
      codes: {z_r and, of a cell with a structure channel, probabilities and, if the model can tell, JUDGED: array}.
      guesses: sentences on what was guessed in the files.
      integrator: gives spec and structures.
    """
    if upload.media in (PNG, TIFF):
        return _file(upload, predicted, guesses, integrator)
    judged = {name: codes[name].item() for name in JUDGED if name in codes}
    arrays = _arrays(upload, predicted, {name: code for name, code in codes.items() if name not in judged})
    about = judged | {
        "name": predicted.cell.name,
        "names": list(integrator.structures),
        "channels": list(integrator.spec.channel_names[: predicted.cell.image.shape[-1]]),
        "original_frame": upload.settings.original_frame,
        "pixel_size": list(_pixel_size(upload, predicted, integrator)),
        "spec": integrator.spec.to_dict(),
        "guesses": guesses,
    }
    if upload.media == JSON:
        return Response(json_bytes(arrays | about), media_type=JSON)
    return Response(pack(arrays, {name: json.dumps(value) for name, value in about.items()}), media_type=upload.media)


def _arrays(upload, predicted, codes):
    """The arrays of a JSON or binary answer; channels come last."""
    image = predicted.cell.image / np.float32(255)
    images = {"image": image, "structures": predicted.typical}
    if upload.settings.samples:
        images |= {"mean": predicted.mean, "std": predicted.std}
    if upload.settings.original_frame:
        restore = predicted.cell.transform.restore
        images = {name: np.moveaxis(restore(np.moveaxis(each, -1, 0)), 0, -1) for name, each in images.items()}
    return {name: np.ascontiguousarray(each, np.float32) for name, each in (images | codes).items()}


def _pixel_size(upload, predicted, integrator):
    return predicted.cell.transform.source_scale if upload.settings.original_frame else integrator.spec.pixel_size


def _file(upload, predicted, guesses, integrator):
    """The response with a file of the cell as the command writes it."""
    if upload.media == TIFF:
        write, ending = stacks.write_stack, ".ome.tif"
    else:
        write, ending = DRAWINGS[upload.picture], f"_{upload.picture}.png"
    with tempfile.TemporaryDirectory(prefix="icell-") as folder:
        path = Path(folder, "answer")
        write(path, predicted, integrator, upload.settings)
        content = path.read_bytes()
    while len(json.dumps(guesses)) > _MOST_HEADER:
        guesses = guesses[:-1]
    headers = {"content-disposition": f'inline; filename="{predicted.cell.name}{ending}"'}
    headers[GUESSES] = json.dumps(guesses)
    return Response(content, headers=headers, media_type=upload.media)
