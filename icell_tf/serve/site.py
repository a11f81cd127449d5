"""The explorer: a page that shows what a model finds in cells, as a static folder or on a server.

In a static folder the model runs in the browser; on a server the page asks it. explorer.json tells the page which.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from icell_tf import structures
from icell_tf.export.folders import complete_folder
from icell_tf.export.onnx import export_onnx, require_converter
from icell_tf.inference.inputs import Reading, is_stack, read_inputs
from icell_tf.runs import shipped
from icell_tf.serve.runtime import FOLDER, read_runtime

FORMAT = 1  # of explorer.json
BACK_ENDS = ("onnx", "rest")
DEFAULT_NAME = "integrator"  # of the model, in a server's URLs
PAGE = Path(__file__).parent / "page"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
LICENCE = "onnxruntime-licence.txt"  # beside the page
DRAWING = ("sample", "draw", "integrate_draw")


@dataclass(frozen=True)
class Cells:
    """The cells that the page offers.

    Attributes:
      examples: those that ship with the model.
      given: those of data sets and manifests, which become public with the page.
    """

    examples: list = field(default_factory=list)
    given: list = field(default_factory=list)

    @property
    def all(self):
        """Both, the examples first."""
        return [*self.examples, *self.given]


def find_cells(model, inputs, integrator, limit=None):
    """Reads the cells that the page offers.

    Args:
      model: folder of the model; one that ships has examples.
      inputs: prepared data sets' folders, and manifests.
      integrator: gives the description of the cells.
      limit: of cells from each.

    Returns: `Cells`.
    Raises: ValueError, FileNotFoundError: as `read_inputs`; or an input is a stack.
    """
    for path in map(Path, inputs):
        if path.exists() and is_stack(path):
            raise ValueError(
                f"--cells: {path} is a stack: give a prepared data set's folder, or a manifest.csv that lists the "
                "stack with its masks"
            )
    reading = Reading(limit=limit)
    examples = read_inputs([model], integrator, reading) if shipped.is_shipped(model) else []
    return Cells(examples, read_inputs(inputs, integrator, reading) if inputs else [])


def write_site(integrator, name, directory, cells=None, backend="onnx", package=None):
    """Writes the page as a folder for any web server. It appears complete or not at all.

    Args:
      integrator: for the back end onnx made from networks, not loaded from an export.
      name: of the model, for people.
      directory: a new folder.
      cells: `Cells`.
      backend: "onnx": the model runs in the browser; "rest": the page asks a server at the same address.
      package: of onnxruntime-web, a .tgz of npm; None: the one that was installed with icell_tf.

    Returns: its path.

    Raises:
      FileExistsError: the folder exists. It is never overwritten.
      FileNotFoundError, ValueError: as `read_runtime`; the integrator was loaded from an export.
      ImportError: a package is missing.
      OSError: it can't be written, as on a full disk.
    """
    directory, cells = Path(directory), cells or Cells()
    if directory.exists():
        raise FileExistsError(f"{directory} exists and is not overwritten: give another --output, or remove it")
    runs_here = backend == "onnx"
    if runs_here:
        require_converter()
        integrator.networks  # noqa: B018  raises, before anything is written
    runtime = read_runtime(package) if runs_here else {}
    files = cell_files(cells, integrator.spec)
    with complete_folder(directory) as folder:
        for file in page_files().values():
            if runs_here or file.name != LICENCE:
                (folder / file.name).write_bytes(file.read_bytes())
        files |= {f"{FOLDER}/{file}": content for file, content in runtime.items()}
        for path, content in files.items():
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).write_bytes(content)
        if runs_here:
            export_onnx(integrator, folder / "model")
        about = describe(integrator, name, cells, backend)
        (folder / "explorer.json").write_text(json.dumps(about) + "\n", encoding="utf-8")
    return directory


def page_files():
    """Returns {name: path} of the page's own files."""
    return {path.name: path for path in sorted(PAGE.iterdir()) if path.suffix in TYPES or path.name == LICENCE}


def cell_files(cells, spec):
    """Returns {path: bytes}, a file of safetensors a cell, with what `cellfile.js` checks. Raises: ImportError."""
    safetensors = _safetensors() if cells.all else None
    return {
        cell_path(i): safetensors.save(
            {"image": np.ascontiguousarray(cell.image)},
            {"name": cell.name, "spec": json.dumps(spec.to_dict())}
            | ({"structure": cell.structure} if cell.structure else {}),
        )
        for i, cell in enumerate(cells.all)
    }


def cell_path(i):
    """Returns where the i-th cell lies, as the page asks for it."""
    return f"cells/{i}.safetensors"


def _safetensors():
    try:
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(f"the explorer needs safetensors ({error}): pip install 'icell_tf[serve]'") from error
    return safetensors.numpy


def describe(integrator, name, cells, backend, predict=f"v1/models/{DEFAULT_NAME}"):
    """Returns the content of explorer.json.

    Args:
      integrator, name, cells, backend: as `write_site`.
      predict: URL of the model on a server, relative to the page; TensorFlow Serving takes no more than JSON.
    """
    about = json.loads(integrator.backend.description.to_json())
    names, runs_here = integrator.structures, backend == "onnx"
    noise = integrator.networks.noise if runs_here else None
    return {
        "format": FORMAT,
        "backend": backend,
        "binary": False,
        "upload": False,
        "predict": predict,
        "graphs": {function: f"model/{function}.onnx" for function in integrator.networks.inputs} if runs_here else {},
        "model": {"name": name, "description": about, "known": about.get("known")},
        "structures": [
            {
                "name": structure,
                "display": structures.display(structure),
                "description": structures.description(structure),
                "color": list(color),
            }
            for structure, color in zip(names, structures.colors(names), strict=True)
        ],
        "noise": {
            function: {spec.name: spec.shape[1:].as_list() for spec in noise.specs(function)}
            for function in (DRAWING if runs_here else ())
        },
        "cells": _cells(integrator, cells.all),
        "examples": len(cells.examples),
    }


def _cells(integrator, cells):
    if not cells:
        return []
    x_r = np.stack([integrator.spec.reference(cell.image) for cell in cells]) / np.float32(255)
    z_r = integrator.encode_reference(x_r)["z_r"]
    return [
        {
            "name": cell.name,
            "structure": cell.structure,
            "file": cell_path(i),
            "z_r": _rounded(z_r[i]),
            "map": _rounded(place),
        }
        for i, (cell, place) in enumerate(zip(cells, principal_components(z_r), strict=True))
    ]


def _rounded(values):
    return [round(float(value), 5) for value in values]


def principal_components(codes):
    """Returns the first two principal components of codes, (N, Z) -> (N, 2); 0 where there are fewer.

    The largest part of each direction is positive, so that the same codes always give the same map.
    """
    centred, found = codes - codes.mean(axis=0), np.zeros((len(codes), 2))
    _, _, directions = np.linalg.svd(centred, full_matrices=False)
    for i, direction in enumerate(directions[:2]):
        found[:, i] = centred @ direction * np.sign(direction[np.abs(direction).argmax()])
    return found


def router(service, cells=None):
    """Returns the routes of the page on a server: "/", its files, /explorer.json, and the cells.

    Args: service: a `Service`; cells: `Cells`.
    """
    from fastapi import APIRouter, Response

    routes, cells, settings = APIRouter(include_in_schema=False), cells or Cells(), service.settings
    integrator = service.integrator
    about = describe(integrator, settings.name, cells, "rest", f"v1/models/{settings.name}")
    about |= {"binary": True, "upload": True}
    answers = {file: (path.read_bytes(), TYPES[path.suffix]) for file, path in page_files().items() if file != LICENCE}
    answers["explorer.json"] = json.dumps(about).encode(), "application/json"
    files = cell_files(cells, integrator.spec)
    answers |= {path: (content, "application/x-safetensors") for path, content in files.items()}
    answers[""] = answers["index.html"]

    def answer(content, media_type):
        return lambda: Response(content, media_type=media_type, headers={"Cache-Control": "no-cache"})

    for path, given in answers.items():
        routes.add_api_route(f"/{path}", answer(*given), methods=["GET", "HEAD"])
    return routes


def model_name(model):
    """Returns what people call a model: the name of its folder, not the number of a version in it."""
    folder = Path(model).resolve()
    return folder.parent.name if folder.name.isdecimal() else folder.name
