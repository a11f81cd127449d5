"""Requests that must be answered 200, with the numbers that the answers must have."""

import dataclasses
import io
import json

import numpy as np
import tifffile

from icell_tf.imaging.one_stack import StackReading, parse_reading, prepare_stack
from icell_tf.serve.tensors import BINARY, pack, unpack
from icell_tf.simulate import simulate_cell

PREDICT = "/v1/models/integrator:predict"
JSON = "application/json"
TOLERANCE = 1e-4  # sums of float32 differ in their last digits with the number of cells in a batch
BOUNDARY = "----of-a-form"
CELLS = 3


@dataclasses.dataclass(frozen=True)
class Good:
    """A request and its answer. Attributes: name; path; headers; body; outputs: {name: array}, in the column form."""

    name: str
    path: str
    headers: tuple
    body: bytes
    outputs: dict

    def check(self, headers, body):
        """Raises: AssertionError: the answer has other numbers."""
        if headers["content-type"] == BINARY:
            found, _ = unpack(body)
        else:
            found = json.loads(body)
            found = _columns(found.get("outputs", found.get("predictions", found)), self.outputs)
        for name, expected in self.outputs.items():
            array = np.asarray(found[name])
            assert array.shape == expected.shape, (self.name, name)
            np.testing.assert_allclose(array, expected, rtol=0, atol=TOLERANCE, err_msg=f"{self.name}: {name}")


def _columns(answer, outputs):
    """Returns JSON's answer in the column form with names, which are left out of an only output."""
    if isinstance(answer, dict):
        return answer
    if isinstance(answer[0], dict):
        return {name: [row[name] for row in answer] for name in outputs}
    return {name: answer for name in outputs}


def inputs_of(integrator, seed, count):
    """Returns {name of an input: array} of all inputs that functions have, for `count` cells."""
    rng = np.random.default_rng(seed)
    spec, structures = integrator.spec, len(integrator.structures)
    x_rs = rng.random((count, *spec.image_shape), np.float32)
    codes = rng.standard_normal((2, count, integrator.latent_dim)).astype(np.float32)
    probabilities = rng.dirichlet(np.ones(structures), count).astype(np.float32)
    y, seeds, draws = rng.integers(0, structures, count), rng.integers(0, 2**40, count), rng.integers(0, 9, count)
    given = {"x_rs": x_rs, "x_r": spec.reference(x_rs), "probabilities": probabilities, "z_r": codes[0]}
    return given | {"z_s": codes[1], "y": y, "seed": seeds, "draw": draws}


def predictions(functions, integrator, seed=0):
    """Returns requests of every function, each in binary form, as JSON by columns, and as JSON by rows."""
    found = []
    for number, function in enumerate(functions.values()):
        given = inputs_of(integrator, seed + number, 1 + number % CELLS)
        values = {name: given[name] for name in function.inputs}
        outputs = {name: array.numpy() for name, array in function.call(**values).items()}
        outputs = {name: array for name, array in outputs.items() if array.dtype.kind in "iuf"}
        found += [Good(f"{function.name}, {form}", *made, outputs) for form, made in _forms(function.name, values)]
    return found


def _forms(name, values):
    binary = pack(values, {"signature_name": name})
    yield "binary", (PREDICT, (("Content-Type", BINARY), ("Accept", BINARY)), binary)
    columns = {"inputs": {key: array.tolist() for key, array in values.items()}}
    rows = {"instances": [dict(zip(values, row, strict=True)) for row in zip(*columns["inputs"].values(), strict=True)]}
    for form, content in (("columns", columns), ("rows", rows)):
        body = json.dumps({"signature_name": name} | content).encode()
        yield form, (PREDICT, (("Content-Type", JSON),), body)


def stack(spec, seed=0, kind="tif"):
    """Returns the bytes of a simulated cell's stack: membrane, nucleus, and both masks, as .tif or .npy."""
    cell = simulate_cell(seed, 0, spec.pixel_size[-1])
    voxels = np.stack([*cell.channels[:2], *np.uint16([cell.cell_mask, cell.nucleus_mask])])
    file = io.BytesIO()
    if kind == "npy":
        np.save(file, voxels)
        return file.getvalue()
    z, y, x = cell.scale
    about = {"axes": "CZYX", "Channel": {"Name": ["membrane", "dna", "cell mask", "nucleus mask"]}}
    for axis, size in (("X", x), ("Y", y), ("Z", z)):
        about |= {f"PhysicalSize{axis}": size, f"PhysicalSize{axis}Unit": "µm"}
    tifffile.imwrite(file, voxels, ome=True, compression="zlib", metadata=about)
    return file.getvalue()


def form(parts, boundary=BOUNDARY):
    """Returns a body of multipart/form-data. Args: parts: (name, file's name or None, bytes)."""
    body = b""
    for name, filename, content in parts:
        file = "" if filename is None else f'; filename="{filename}"\r\nContent-Type: application/octet-stream'
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        body += head.encode("utf-8") + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode()


CONTENT_TYPE = ("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
FIELDS = {"channels": "membrane:0,nucleus:1", "segmentation_channels": "cell:2,nucleus:3"}


def fields(texts=None):
    """Returns the parts of `form` for texts by name."""
    return [(name, None, text.encode()) for name, text in (FIELDS if texts is None else texts).items()]


def uploads(integrator, folder, seed=0):
    """Returns requests of POST /integrate, as binary and as JSON. Args: folder: for files."""
    found = []
    for number, (media, name) in enumerate(((BINARY, "binary"), (JSON, "JSON"))):
        content = stack(integrator.spec, seed + number)
        path = folder / f"{seed}-{number}.tif"
        path.write_bytes(content)
        outputs = expected_of(path, integrator)
        body = form([("stack", path.name, content), *fields()])
        found.append(Good(f"upload, {name}", "/integrate", (CONTENT_TYPE, ("Accept", media)), body, outputs))
    return found


def expected_of(path, integrator):
    """Returns what POST /integrate answers for a stack with masks in it, by the functions that the command calls."""
    reading = StackReading(**parse_reading(FIELDS))
    image = prepare_stack(str(path), str(path), integrator.spec, reading).image / np.float32(255)
    found = integrator.integrate(integrator.spec.reference(image[None]))
    return {"image": image, "structures": found["structures"][0], "z_r": found["z_r"][0]}
