"""Writes a trained model as a package for bioimage.io, the model zoo: one ZIP file.

It holds rdf.yaml, which describes the model, the weights of `integrate` as SavedModel and as ONNX, a test cell with the
structures that the model finds in it, a cover, and the model card.
"""

import dataclasses
import datetime
import re
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import tensorflow as tf
import yaml

from icell_tf import structures
from icell_tf.data.folders import find_prepared
from icell_tf.data.prepared import PreparedCells
from icell_tf.export.folders import never_overwrite, work_folder
from icell_tf.export.onnx import OPSET, require_converter, write_graph
from icell_tf.export.plain import plain_networks
from icell_tf.export.rdf import STRUCTURES, describe, readme
from icell_tf.files import sync
from icell_tf.imaging.frame.frame import Frame
from icell_tf.imaging.manifest.cells import BadCell
from icell_tf.imaging.ome import OmeTiff
from icell_tf.imaging.prepare import SimulatedId, prepare_simulated
from icell_tf.inference.inputs import check_prepared
from icell_tf.inference.loading import load
from icell_tf.reports import model_card
from icell_tf.runs import shipped
from icell_tf.runs.run import Run
from icell_tf.spec import CHANNELS
from icell_tf.viz.cover import draw_cover
from icell_tf.viz.figures import to_png

DEFAULT_FILE = "saved_models/bioimageio.zip"
FUNCTION = "integrate"
RDF, README, COVER = "rdf.yaml", "README.md", "cover.png"
INPUT, OUTPUT = "input", "output"  # test_input.npy for programs, sample_input.ome.tif for people
BUNDLE, ONNX = "saved_model.zip", "integrate.onnx"
SAVED_MODEL = "tensorflow_saved_model_bundle"  # as the specification calls it
LICENSE = "Apache-2.0"  # of this software, and so of models of simulated cells
IDENTIFIERS = "https://spdx.org/licenses"
SIMULATED = SimulatedId("alpha-tubulin", number=2, seed=-1)  # in no data set; round, and so good to see in the cover
_TRIES = 20  # cells from that one on, as not every cell fits into every frame


def export_package(run_dir, path, dataset=None, data_dir=None, license=None, authors=()):
    """Writes the package of a run to `path`, which appears complete or not at all.

    All that is in it becomes public with it, the test cell and the run's model card, too.

    Args:
      run_dir: folder of a run of phase 2 or 3, whose best weights are taken; or the name of a model that ships.
      path: of the file, which ends in .zip.
      dataset, data_dir: as of `find_prepared`; the first cell of this data set's test split is the package's test cell.
        None: a simulated cell is.
      license: the identifier of the model's licence, as SPDX lists them. None: Apache-2.0, for a model that was trained
        on simulated cells; other models need one.
      authors: who made the model, a text each: NAME, or NAME (GITHUB_USER), whom bioimage.io takes for a maintainer.

    Returns: the path.

    Raises:
      ValueError: the path does not end in .zip; a licence is missing; an author is not given so; there is no test
        cell, or it is not like the model's cells; the folder is an export.
      FileExistsError: the file exists. It is never overwritten.
      FileNotFoundError: there is no such run.
      ConfigError: it is no run, or one of phase 1.
      DatasetError: there is no such data set.
      ImportError: what writes ONNX is missing.
      OSError: it can't be written, as on a full disk.
    """
    path = Path(path)
    if path.suffix != ".zip":
        raise ValueError(f"--output is {path}, but a package of bioimage.io is one file whose name ends in .zip")
    never_overwrite(path)
    require_converter()
    run_dir = shipped.resolve(run_dir)
    integrator = load(run_dir)
    networks, run = plain_networks(integrator), Run.load(run_dir)
    about = {"authors": [_author(text) for text in authors], "license": _license(license, run)}
    x_r, source = find_test_cell(integrator.spec, dataset, data_dir)
    card = run_dir / model_card.CARD_FILE
    text = readme(integrator.spec, card.read_text(encoding="utf-8") if card.is_file() else "", source)
    parameters = sum(network.count_params() for network in _networks(networks))
    about = describe(integrator.spec, run, run_dir.resolve().name, parameters, integrator.known) | about
    with work_folder(path) as folder:
        work, package = folder / "content", folder / path.name
        work.mkdir()
        (work / README).write_text(text, encoding="utf-8")
        _write_files(integrator, networks, x_r, work)
        rdf = yaml.safe_dump(about | _described_files(about, work), sort_keys=False, allow_unicode=True)
        (work / RDF).write_text(rdf, encoding="utf-8")
        _pack(work, package)
        sync(package)
        never_overwrite(path)
        package.rename(path)
    return path


def _write_files(integrator, networks, x_r, work):
    spec, found = integrator.spec, integrator.integrate(x_r)[STRUCTURES]
    for name, images, channels in ((INPUT, x_r, spec.reference_names), (OUTPUT, found, spec.structures)):
        np.save(work / f"test_{name}.npy", images)
        (image,) = images
        with OmeTiff(work / f"sample_{name}.ome.tif", image.nbytes) as tiff:
            tiff.add(np.moveaxis(image, -1, 0), channels, spec.pixel_size, compression=None)
    cell, in_cell = (spec.plane(image) for (image,) in (x_r, found))
    colors = structures.colors(spec.structures)
    to_png(draw_cover(cell, in_cell, colors, spec.structures, spec.pixel_width), work / COVER)
    _write_bundle(networks, work / BUNDLE)
    write_graph(networks, FUNCTION, work / ONNX, outputs=(STRUCTURES,))


def _write_bundle(networks, path):
    """Writes a SavedModel with one signature, from x_r to the structures alone, as programs of bioimage.io expect."""
    module = tf.Module(name=FUNCTION)
    module.weights = [variable.value for network in _networks(networks) for variable in network.variables]

    @tf.function(input_signature=networks.inputs[FUNCTION])
    def integrate(x_r):
        return {STRUCTURES: networks.functions[FUNCTION](x_r)[STRUCTURES]}

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        tf.saved_model.save(module, folder, {tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY: integrate})
        _pack(Path(folder), path)


def _pack(folder, path):
    """Puts a folder's content into a ZIP file, as it is: weights can't be compressed."""
    with zipfile.ZipFile(path, "w") as package:
        for file in sorted(folder.rglob("*")):
            package.write(file, file.relative_to(folder))


def _described_files(about, work):
    """What rdf.yaml says of the files in the folder `work`, and when they were written."""

    def file(name, **details):
        return {"source": name, "sha256": shipped.hash_of(work / name), **details}

    tensors = {
        f"{name}s": [
            {**tensor, "test_tensor": file(f"test_{name}.npy"), "sample_tensor": file(f"sample_{name}.ome.tif")}
        ]
        for name in (INPUT, OUTPUT)
        for tensor in about[f"{name}s"]
    }
    return tensors | {
        "documentation": file(README),
        "covers": [file(COVER)],
        "weights": {
            SAVED_MODEL: file(BUNDLE, tensorflow_version=tf.__version__),
            "onnx": file(ONNX, opset_version=OPSET, parent=SAVED_MODEL),
        },
        "timestamp": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def _license(given, run):
    if given is None and not model_card.of_simulated_cells(run):
        raise ValueError(
            f"--license: say under which licence others may use a model that was trained on {run.dataset}, by its "
            f"identifier in {IDENTIFIERS}, such as CC-BY-4.0"
        )
    if given is not None and not re.fullmatch(r"[A-Za-z0-9.+-]+", given):
        raise ValueError(f"--license is {given!r}, expected an identifier in {IDENTIFIERS}, such as CC-BY-4.0")
    return given or LICENSE


def _author(text):
    """What rdf.yaml says of an author, from NAME or NAME (GITHUB_USER)."""
    found = re.fullmatch(r"\s*([^/\\()]*[^/\\()\s])\s*(?:\(([A-Za-z0-9-]+)\))?\s*", text)
    if not found:
        raise ValueError(f"--authors: {text!r}, expected a name without slashes, as Ann Lee, or Ann Lee (GITHUB_USER)")
    name, user = found.groups()
    return {"name": name} | ({"github_user": user} if user else {})


def find_test_cell(spec, dataset=None, data_dir=None):
    """Returns x_r (1, ..., R) of a package's test cell, and which cell it is, in words.

    Args: the model's `CellSpec`; dataset, data_dir, and Raises: as of `export_package`.
    """
    if dataset is None:
        return _simulated_cell(spec), "a simulated cell, which is in no data set"
    prepared = PreparedCells(find_prepared(dataset, data_dir))
    check_prepared(prepared.spec, spec, prepared.folder, "give the model's own data set, or one that was prepared so")
    split = "test" if "test" in prepared.splits else next(iter(prepared.splits))
    x_rs, _ = prepared.first(split, 1)
    return spec.reference(x_rs), f"the first cell of the split {split} of {prepared.dataset}"


def _simulated_cell(spec):
    remedy = "give the prepared data set whose first test cell becomes public with the package"
    if spec.channels != CHANNELS:
        raise ValueError(f"--dataset: cells with channels {', '.join(spec.channel_names)} can't be simulated: {remedy}")
    frame = Frame(spec.shape, spec.pixel_size)
    for i in range(_TRIES):
        cell = dataclasses.replace(SIMULATED, number=SIMULATED.number + i)
        try:
            record, _ = prepare_simulated(cell, frame, spec.preparation)
        except BadCell as error:
            refused = error
            continue
        return spec.reference(record["image"])[None] / np.float32(255)
    raise ValueError(
        f"--dataset: no simulated cell can be the test cell: none of {_TRIES} fits the model's frame, {spec} "
        f"({refused.reason}): {remedy}"
    )


def _networks(networks):
    """The networks that `integrate` uses."""
    return networks.enc_r, networks.dec_rs
