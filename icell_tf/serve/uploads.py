"""POST /integrate: a stack as it comes from the microscope -> every structure, by the checks of `icell integrate`."""

import asyncio
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from fastapi import APIRouter, Request, Response

from icell_tf.files import safe_names, stem
from icell_tf.imaging.read.strangers import Limits, check_name
from icell_tf.inference.inputs import InputCell
from icell_tf.inference.moments import Moments
from icell_tf.inference.stacks import SHOWN, Prediction
from icell_tf.messages import counted
from icell_tf.serve import answers, forms
from icell_tf.serve.apart import Bounds, run_apart
from icell_tf.serve.refusals import Refused
from icell_tf.serve.stacks import read_stack

WAITING = 8  # stacks that wait for each that is read; if there are more, clients are told to come again
BYTES_A_PIXEL = 4  # of the largest that is taken
MEMORY_A_PIXEL = 16  # bytes that reading may take; a volume of 16 bits takes 9
_RESPONSES = {
    "200": {"description": "the cell", "content": {media: {} for media in forms.FORMATS.values()}},
    "4XX": {"description": '{"error": sentence}'},
}


def router(service):
    """Returns the route of a `Service`."""
    routes, reader = APIRouter(tags=["Stacks"]), Reader(service.settings)
    about = {"requestBody": forms.DESCRIPTION, "responses": _RESPONSES}

    @routes.post("/integrate", openapi_extra=about, response_class=Response)
    async def integrate(request: Request):
        """Predicts every structure in the cell of a stack, as `icell integrate` does."""
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise Refused(415, "the body must be a form (multipart/form-data), with a file as its field stack")
        async with request.form(max_files=2, max_fields=len(forms.FIELDS)) as form:
            upload = forms.parse(form, request.headers.get("accept", "*/*"))
            cell, guesses = await reader.read(upload, service.integrator.spec)
        answers.check(upload, cell, service.integrator)
        predicted, codes = await _predict(service, cell, upload.settings)
        return await service.run(answers.answer, upload, predicted, codes, guesses, service.integrator)

    return routes


class Reader:
    """Reads stacks, a few at once, each in a process of its own. Args: `Settings` of the server."""

    def __init__(self, settings):
        pixels = settings.max_megapixels * 2**20
        self._limits = Limits(pixels, BYTES_A_PIXEL * pixels)
        self._bounds = Bounds(2**30 + MEMORY_A_PIXEL * pixels, settings.stack_seconds)
        self._most = settings.stacks_at_once * (1 + WAITING)
        self._threads, self._reading = ThreadPoolExecutor(settings.stacks_at_once, thread_name_prefix="stacks"), 0

    async def read(self, upload, spec):
        """Returns an upload's `InputCell`, and the sentences on what was guessed. Raises: Refused."""
        if self._reading >= self._most:
            sentence = f"the server reads or holds {counted(self._reading, 'stack')} already"
            raise Refused(503, sentence, {"retry-after": "10"})
        self._reading += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, upload, spec)
        finally:
            self._reading -= 1

    def _read(self, upload, spec):
        with tempfile.TemporaryDirectory(prefix="icell-") as folder:  # which only this user may read
            name = forms.shown_name(upload.stack)
            stack = segmentation = _saved(upload.stack, folder, "stack")
            shown = {stack: name}
            if upload.segmentation:
                segmentation = _saved(upload.segmentation, folder, "segmentation")
                shown[segmentation] = forms.shown_name(upload.segmentation)
            elif upload.reading.segmentation:
                segmentation = None
            try:
                image, transform, guesses = run_apart(
                    read_stack, stack, segmentation, spec, upload.reading, self._limits, bounds=self._bounds
                )
            except ValueError as error:
                sentence = _with_names(str(error), shown)
                raise Refused(400, sentence if name in sentence else f"{name}: {sentence}") from error
        cell = InputCell(safe_names([stem(name)])[0], name, image, None, transform)
        return cell, [_with_names(guess, shown) for guess in guesses]


def _saved(file, folder, name):
    """Writes a file that was sent under a name of our own; returns its path."""
    path = Path(folder, name + check_name(forms.shown_name(file)))
    file.file.seek(0)
    with open(path, "xb") as copy:
        shutil.copyfileobj(file.file, copy)
    return str(path)


def _with_names(sentence, shown):
    """Returns a sentence with the names of files as they were sent, and with fields in place of flags."""
    for path, name in shown.items():
        sentence = sentence.replace(path, name)
    return forms.in_fields(sentence)


async def _predict(service, cell, settings):
    """Asks the model. Returns: a `Prediction`; and codes, as `answers.answer` takes them."""
    image = cell.image[None] / np.float32(255)
    spec, x_r = service.integrator.spec, service.integrator.spec.reference(image)
    found = await service.call("integrate", {"x_r": x_r})
    codes = {"z_r": found["z_r"][0]}
    if spec.has_structure(image):
        classes = await service.call("classify", {"x_rs": image})
        codes |= {name: classes[name][0] for name in ("probabilities", *answers.JUDGED) if name in classes}
    first, moments = [], Moments()
    for start in range(0, settings.samples, service.cells):
        draws = np.arange(start, min(start + service.cells, settings.samples))
        values = {"x_r": np.repeat(x_r, len(draws), axis=0), "seed": np.full(len(draws), settings.seed), "draw": draws}
        for drawn in (await service.call("integrate_draw", values))["structures"]:
            moments.add(drawn)
            first += [drawn] * (len(first) < SHOWN)
    mean, std = (moments.mean, moments.std) if settings.samples else (None, None)
    return Prediction(cell, found["structures"][0], settings.samples, first, mean, std), codes
