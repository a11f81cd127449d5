"""Exports a trained model as a SavedModel, for TensorFlow Serving or plain TensorFlow, or as ONNX graphs."""

from absl import flags

from icell_tf.cli.command import define_folder
from icell_tf.export import onnx, saved_model
from icell_tf.inference.backends import PATTERN
from icell_tf.inference.loading import load
from icell_tf.messages import counted

DEFAULT_OUTPUTS = {"saved_model": saved_model.DEFAULT_DIRECTORY, "onnx": onnx.DEFAULT_DIRECTORY}
MODEL = define_folder(
    "model", None, "folder of a finished run of `icell train sampler` or `icell train conditional`", required=True
)
FORMAT = flags.DEFINE_enum(
    "format",
    "saved_model",
    DEFAULT_OUTPUTS,
    "saved_model: a folder for TensorFlow Serving; onnx: a folder with an ONNX graph for each function, which needs "
    "icell_tf[onnx] to write, and ONNX Runtime alone to run",
)
OUTPUT = define_folder(
    "output",
    None,
    "saved_model: folder of the model's versions; onnx: a new folder (default: "
    + " or ".join(DEFAULT_OUTPUTS.values())
    + ")",
)
VERSION = flags.DEFINE_integer(
    "version", None, "version of a SavedModel to write; by default the next one", lower_bound=1
)


def main():
    if VERSION.value is not None and FORMAT.value != "saved_model":
        raise ValueError(f"--version is for --format=saved_model: --format={FORMAT.value} has no versions")
    integrator, output = load(MODEL.value), OUTPUT.value or DEFAULT_OUTPUTS[FORMAT.value]
    if FORMAT.value == "onnx":
        path = onnx.export_onnx(integrator, output)
    else:
        path = saved_model.export_integrator(integrator, output, VERSION.value)
    print(
        f"exported {counted(len(integrator.structures), 'structure')}, {integrator.spec.described_shape} px, to {path}"
    )
    special = [character for character in PATTERN if character in str(path.resolve())]
    if special and FORMAT.value == "saved_model":
        print(
            f"icell_tf can load it from there, but TensorFlow Serving can't: TensorFlow takes {' '.join(special)} in a "
            "path for a pattern. Copy the folder to a path without, or mount it there, before you serve it."
        )
