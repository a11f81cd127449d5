"""Writes the functions of an Integrator as ONNX graphs, which ONNX Runtime answers without TensorFlow."""

import json
from pathlib import Path

import numpy as np
import tensorflow as tf

from icell_tf import __version__
from icell_tf.export.folders import complete_folder, never_overwrite
from icell_tf.export.plain import plain_networks
from icell_tf.files import atomic_write
from icell_tf.inference.backends import DESCRIPTION_FILE
from icell_tf.inference.integrator import integers
from icell_tf.inference.noise import OF_STRUCTURE, Noise

DEFAULT_DIRECTORY = "saved_models/onnx"
OPSET = 17
BATCH = "batch"  # the name of the axis


def export_onnx(integrator, directory=DEFAULT_DIRECTORY):
    """Writes a folder with an ONNX graph for each of the Integrator's functions, and integrator.json.

    The folder appears complete or not at all. See `write_graph` for the graphs.

    Args:
      integrator: made from networks, not loaded from an export.
      directory: a new folder.

    Returns: its path.

    Raises:
      ValueError: the integrator was loaded from an export.
      FileExistsError: the folder exists. It is never overwritten.
      ImportError: tf2onnx or onnx is missing.
      OSError: it can't be written, as on a full disk.
    """
    directory = Path(directory)
    never_overwrite(directory)
    require_converter()
    networks = plain_networks(integrator)
    with complete_folder(directory) as folder:
        for function in networks.inputs:
            write_graph(networks, function, folder / f"{function}.onnx")
        (folder / DESCRIPTION_FILE.name).write_text(networks.description.to_json(), encoding="utf-8")
    return directory


def write_graph(networks, function, path, outputs=None):
    """Writes one function as an ONNX graph, atomically.

    Inputs and outputs have the function's names and types, and an axis `batch` first. In place of `seed` and `draw`,
    functions that draw take the noise itself, see `Noise`. Outputs are numbers: the names of the structures are in the
    metadata. The graph checks nothing of what it is given.

    The metadata are texts: `function`; `icell_tf`, its version; and as JSON `structures`, in the order of y, and what
    integrator.json has, see `Description`.

    Args:
      networks: `plain_networks` of an `Integrator`.
      function: a name, such as "integrate"; see `Networks.functions`.
      path: of the file.
      outputs: names of the outputs that the graph has; None: all that are numbers.

    Raises: ImportError: tf2onnx or onnx is missing. OSError: it can't be written.
    """
    onnx, tf2onnx = require_converter()
    noise = networks.noise.specs(function)
    given = [spec for spec in networks.inputs[function] if spec.name not in ("seed", "draw")]
    method = getattr(networks, f"{function}_from" if noise else function)

    def numbers(*values):
        drawn = [{spec.name: value for spec, value in zip(noise, values[len(given) :], strict=True)}] if noise else []
        found = method(*values[: len(given)], *drawn)
        wanted = [name for name, value in found.items() if value.dtype != tf.string] if outputs is None else outputs
        return {name: found[name] for name in wanted}

    signature = given + noise
    graph = tf.function(numbers, input_signature=signature, autograph=False)
    model, _ = tf2onnx.convert.from_function(graph, signature, opset=OPSET)
    for tensor in (*model.graph.input, *model.graph.output):
        first, *_ = tensor.type.tensor_type.shape.dim
        first.dim_param = BATCH
    about = json.loads(networks.description.to_json())
    texts = {name: json.dumps(value) for name, value in {"structures": networks.structures, **about}.items()}
    onnx.helper.set_model_props(model, {"function": function, "icell_tf": __version__, **texts})
    onnx.checker.check_model(model)  # tf2onnx leaves an operation that it can't convert as it is
    with atomic_write(path) as partial:
        onnx.save(model, partial)


def noise_inputs(path, seed, draw=0, y=None):
    """Returns the noise with which a graph answers as the SavedModel and the `Integrator` do for a seed and a draw.

    Args:
      path: of integrate_draw.onnx, draw.onnx or sample.onnx; its inputs tell which noise the model takes.
      seed: (B,) integers.
      draw: number of the draw, an integer or (B,); `sample` has one draw a seed, and takes none.
      y: (B,) indices of structures, for all but integrate_draw.

    Returns: {name of an input: array}.

    Raises: ValueError: the graph takes no noise, or is none of `write_graph`; seeds, draws or y are no integers; y is
      missing, not as many as seeds, or no index of a structure. ImportError: onnx or tf2onnx is missing.

    Example: with `session = onnxruntime.InferenceSession("saved_models/onnx/integrate_draw.onnx")`,
      `session.run(None, {"x_r": x_r} | noise_inputs("saved_models/onnx/integrate_draw.onnx", seed=[0] * len(x_r)))`.
    """
    onnx, _ = require_converter()
    from google.protobuf.message import DecodeError  # onnx' reader

    try:
        model = onnx.load(path, format="protobuf")  # whatever its name ends in
    except DecodeError as error:
        raise ValueError(f"{path} is no ONNX graph, or a damaged one ({error}): copy or export it again") from error
    metadata = {each.key: each.value for each in model.metadata_props}
    function = metadata.get("function")
    shapes = {
        each.name: tuple(axis.dim_value for axis in each.type.tensor_type.shape.dim)[1:] for each in model.graph.input
    }
    if function not in ("integrate_draw", "draw", "sample"):
        raise ValueError(f"{path} takes no noise: only integrate_draw.onnx, draw.onnx and sample.onnx of an export do")
    seed, draw = integers(seed, "seed"), integers(draw, "draw")
    if seed.ndim != 1:
        raise ValueError(f"seed must be a list of integers, one a cell, but has shape {seed.shape}")
    structures = len(json.loads(metadata["structures"]))
    if function == "integrate_draw":
        shapes = {name: shape[1:] if name.startswith(OF_STRUCTURE) else shape for name, shape in shapes.items()}
    elif np.shape(y) != seed.shape:
        raise ValueError(f"{path} draws one structure in a cell: give a y for each seed, {seed.shape}, not {y}")
    elif not ((integers(y, "y") >= 0) & (integers(y, "y") < structures)).all():
        raise ValueError(f"y must be a list of structure indices in 0..{structures - 1}, but is {y}")
    given = {"integrate_draw": (seed, draw), "draw": (y, seed, draw), "sample": (y, seed)}[function]
    noise = Noise(structures, shapes)
    made = getattr(noise, function)(*(tf.constant(np.broadcast_to(part, seed.shape), tf.int64) for part in given))
    return {name: value.numpy() for name, value in made.items()}


def require_converter():
    """Returns the modules onnx and tf2onnx. Raises: ImportError: one is missing."""
    try:
        import onnx
        import tf2onnx
    except ImportError as error:
        raise ImportError(f"ONNX needs tf2onnx and onnx ({error}): pip install 'icell_tf[onnx]'") from error
    return onnx, tf2onnx
