"""Exports a trained model as a SavedModel, for TensorFlow Serving or for plain TensorFlow.

icell export --model=RUN_DIR
"""

from absl import flags

from icell_tf.cli.command import define_folder
from icell_tf.export import saved_model
from icell_tf.inference.backends import PATTERN
from icell_tf.inference.loading import load
from icell_tf.messages import counted

MODEL = define_folder(
    "model", None, "folder of a finished run of `icell train sampler` or `icell train conditional`", required=True
)
OUTPUT = define_folder("output", saved_model.DEFAULT_DIRECTORY, "folder of the model's versions")
VERSION = flags.DEFINE_integer("version", None, "version to write; by default the next one", lower_bound=1)


def main():
    integrator = load(MODEL.value)
    path = saved_model.export_integrator(integrator, OUTPUT.value, VERSION.value)
    print(
        f"exported {counted(len(integrator.structures), 'structure')}, {integrator.spec.described_shape} px, to {path}"
    )
    if special := [character for character in PATTERN if character in str(path.resolve())]:
        print(
            f"icell_tf can load it from there, but TensorFlow Serving can't: TensorFlow takes {' '.join(special)} in a "
            "path for a pattern. Copy the folder to a path without, or mount it there, before you serve it."
        )
