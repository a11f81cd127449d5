"""The size of a model's ONNX graphs, how far their answers are from the SavedModel's, and how fast they come.

    python benchmarks/onnx_graphs.py --model=runs/small-sampler --batch_size=10

The cells are drawn from the model itself. Times are medians, from arrays to arrays, of both in turn. The machine has to
be idle, but for the ratios.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import throughput  # noqa: E402


def cells_of(model, count):
    """Returns {input: array} for all functions of an `Integrator`, from new cells of its own."""
    import numpy as np

    seed, draw, y = np.arange(count), np.arange(count), np.arange(count) % len(model.structures)
    x_rs = model.sample(y, seed)["x_rs"]
    codes = model.encode(x_rs)
    return {"x_r": model.spec.reference(x_rs), "x_rs": x_rs, "y": y, "seed": seed, "draw": draw} | codes


def compare(model, exported, graphs, count, rounds):
    """Returns a row for each graph.

    Args: `Integrator`; folders of its SavedModel and of its graphs; cells in a batch; calls that are timed.
    """
    import numpy as np
    import onnxruntime

    from icell_tf.export.onnx import noise_inputs
    from icell_tf.inference.backends import SavedModel

    served, values, rows = SavedModel(exported), cells_of(model, count), []
    for path in sorted(graphs.glob("*.onnx")):
        function = path.stem
        request = {
            spec.name: values[spec.name].astype(spec.dtype.as_numpy_dtype) for spec in model.networks.inputs[function]
        }
        given = {name: array for name, array in request.items() if name not in ("seed", "draw")}
        if given.keys() != request.keys():
            of_draw = {name: request[name] for name in ("draw", "y") if name in request}
            given |= noise_inputs(path, request["seed"], **of_draw)
        session = onnxruntime.InferenceSession(path)
        names = [output.name for output in session.get_outputs()]
        calls = {
            "SavedModel": lambda: _arrays(served.functions[function](**_tensors(request))),  # noqa: B023
            "ONNX": lambda: dict(zip(names, session.run(names, given), strict=True)),  # noqa: B023
        }
        expected, found = (call() for call in calls.values())
        times = throughput.interleaved(calls, rounds)
        rows.append(
            {
                "function": function,
                "MB": path.stat().st_size / 1e6,
                "largest difference": max(float(np.abs(found[name] - expected[name]).max()) for name in names),
                "SavedModel ms": 1000 * times["SavedModel"],
                "ONNX ms": 1000 * times["ONNX"],
                "ratio": times["ONNX"] / times["SavedModel"],
            }
        )
    return rows


def _tensors(arrays):
    import tensorflow as tf

    return {name: tf.constant(array) for name, array in arrays.items()}


def _arrays(tensors):
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="folder of a run of phase 2 or 3")
    parser.add_argument("--batch_size", type=int, default=10, help="cells")
    parser.add_argument("--rounds", type=int, default=20, help="calls of each that are timed")
    arguments = parser.parse_args()
    from icell_tf import load
    from icell_tf.export.onnx import export_onnx
    from icell_tf.export.saved_model import export_integrator

    model = load(arguments.model)
    with tempfile.TemporaryDirectory() as folder:
        exported = export_integrator(model, Path(folder, "saved_model"))
        graphs = export_onnx(model, Path(folder, "onnx"))
        rows = compare(model, exported, graphs, arguments.batch_size, arguments.rounds)
    print(throughput.table(rows))


if __name__ == "__main__":
    main()
