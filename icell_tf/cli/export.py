"""Exports a trained model: a SavedModel for TensorFlow Serving, ONNX graphs, or a package for bioimage.io.

icell export --model=RUN_DIR --format=onnx
"""

from absl import flags

from icell_tf.cli.command import define_data_dir, define_folder, define_model
from icell_tf.export import bioimageio, onnx, saved_model
from icell_tf.inference.backends import PATTERN
from icell_tf.inference.loading import load
from icell_tf.messages import counted

DEFAULT_OUTPUTS = {
    "saved_model": saved_model.DEFAULT_DIRECTORY,
    "onnx": onnx.DEFAULT_DIRECTORY,
    "bioimageio": bioimageio.DEFAULT_FILE,
}
MODEL = define_model()
FORMAT = flags.DEFINE_enum(
    "format",
    "saved_model",
    DEFAULT_OUTPUTS,
    "saved_model: a folder for TensorFlow Serving; onnx: a folder with an ONNX graph for each function, which needs "
    "icell_tf[onnx] to write, and ONNX Runtime alone to run; bioimageio: a package for the model zoo bioimage.io, one "
    "file, which needs icell_tf[onnx] to write, too",
)
OUTPUT = define_folder(
    "output",
    None,
    "saved_model: folder of the model's versions; onnx: a new folder; bioimageio: a new file, .zip (default: "
    + " or ".join(DEFAULT_OUTPUTS.values())
    + ")",
)
VERSION = flags.DEFINE_integer(
    "version", None, "version of a SavedModel to write; by default the next one", lower_bound=1
)

DATASET = flags.DEFINE_string(
    "dataset",
    None,
    "bioimageio: prepared data set whose first test cell goes into the package, and becomes public with it (default: a "
    "simulated cell does)",
)
DATA_DIR = define_data_dir()
LICENSE = flags.DEFINE_string(
    "license",
    None,
    f"bioimageio: the model's licence, an identifier in {bioimageio.IDENTIFIERS} (default, of models of simulated "
    f"cells only: {bioimageio.LICENSE})",
)
AUTHORS = flags.DEFINE_list(
    "authors", None, "bioimageio: who made the model, separated by commas, as Ann Lee, or Ann Lee (GITHUB_USER)"
)
OF_PACKAGES = DATASET, DATA_DIR, LICENSE, AUTHORS


def main():
    if VERSION.value is not None and FORMAT.value != "saved_model":
        raise ValueError(f"--version is for --format=saved_model: --format={FORMAT.value} has no versions")
    given = [f"--{flag.name}" for flag in OF_PACKAGES if flag.value is not None]
    if given and FORMAT.value != "bioimageio":
        raise ValueError(f"{', '.join(given)}: only for --format=bioimageio, not for --format={FORMAT.value}")
    output = OUTPUT.value or DEFAULT_OUTPUTS[FORMAT.value]
    if FORMAT.value == "bioimageio":
        path = bioimageio.export_package(
            MODEL.value, output, DATASET.value, DATA_DIR.value, LICENSE.value, AUTHORS.value or ()
        )
        print(
            f"exported a package for bioimage.io to {path}. The whole file becomes public when you upload it, also "
            "the test cell and the model card in it: look at them first."
        )
        return
    integrator = load(MODEL.value)
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
