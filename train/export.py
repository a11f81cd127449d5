"""Exports a trained model as a SavedModel, for TensorFlow Serving or for plain TensorFlow."""

from absl import app, flags
from command import define_folder, run

from icell_tf import export

MODEL = define_folder("model", None, "folder of a finished run of train/conditional.py", required=True)
OUTPUT = define_folder("output", export.DEFAULT_DIRECTORY, "folder of the model's versions")
VERSION = flags.DEFINE_integer("version", None, "version to write; by default the next one", lower_bound=1)


def main():
    integrator = export.load_integrator(MODEL.value)
    path = export.export_integrator(integrator, OUTPUT.value, VERSION.value)
    print(f"exported {len(integrator.structures)} structures, {integrator.image_size} px, to {path}")


if __name__ == "__main__":
    app.run(lambda argv: run(main, argv))
