"""The description of a model for bioimage.io, the model zoo: the content of rdf.yaml, and README.md.

The specification of models, version 0.5: https://bioimage-io.github.io/spec-bioimage-io
"""

import re

from icell_tf.reports.model_card import LIMITS

FORMAT_VERSION = "0.5.12"
X_R, STRUCTURES = "x_r", "structures"  # the tensors, called as those of the function `integrate`
CITATION = {
    "text": "Johnson, Gregory R.; Donovan-Maiye, Rory M.; Maleckar, Mary M. (2017): Generative Modeling with "
    "Conditional Autoencoders: Building an Integrated Cell. arXiv:1705.00092",
    "doi": "10.48550/arXiv.1705.00092",
    "url": "https://arxiv.org/abs/1705.00092",
}
# Where one exists, a word of the zoo's own list.
TAGS = ("integrated-cell", "fluorescence-light-microscopy", "cells", "nuclei", "cell-membrane", "in-silico-labeling")
_FORBIDDEN = r"[^A-Za-z0-9_+\- ()]+"  # in names
_LONGEST = 64


def describe(spec, run, name, parameters, known=None):
    """Returns what rdf.yaml says of a model whatever its files: a dict of plain values.

    Args:
      spec: the `CellSpec`.
      run: its `Run`.
      name: of the run's folder.
      parameters: how many numbers the networks of `integrate` have.
      known: see `Description`.
    """
    k, volumes = len(spec.structures), "Z" in spec.axes
    config, cells = run.configs["conditional"], "volumes" if volumes else "pictures"
    return {
        "type": "model",
        "format_version": FORMAT_VERSION,
        "name": re.sub(_FORBIDDEN, "-", f"Integrated Cell {name}")[:_LONGEST],
        "description": f"Shows {k} structures in one cell, each where it typically lies, given {cells} of "
        f"{' and '.join(spec.reference_names)}: the Integrated Cell, trained with icell_tf. Takes single cells, "
        f"prepared as the training cells were: {spec.described_shape} pixels, alignment {spec.preparation.alignment}, "
        f"normalization {spec.preparation.normalization}.",
        "cite": [CITATION],
        "tags": [*TAGS, "3d" if volumes else "2d", "tensorflow", "onnx"],
        "inputs": [_tensor(spec, X_R, "One cell, values in [0, 1], 0 outside the cell", spec.reference_names)],
        "outputs": [_tensor(spec, STRUCTURES, "Each structure's typical localization in the cell", spec.structures)],
        "config": {
            "bioimageio": {
                "architecture_type": "adversarial autoencoder",
                "modality": "fluorescence microscopy",
                "target_structure": list(spec.structures),
                "task": "in-silico labeling",
                "out_of_scope_use": LIMITS,
                "model_parameter_count": parameters,
                "training": {
                    "training_epochs": config.epochs,
                    "training_batch_size": config.batch_size,
                    "initial_learning_rate": config.learning_rate,
                    "optimizer": "Adam",
                },
            },
            "icell_tf": {"dataset": run.dataset, "spec": spec.to_dict(), "known": known},
        },
    }


def readme(spec, card, cell):
    """Returns the text of README.md: the model card, and what a user of the package needs beside it.

    Args: the `CellSpec`; the text of the model card, "" if there is none; which cell the test cell is, in words.
    """
    axes = ", ".join(("batch", *spec.axes.lower(), "channel"))
    parts = {
        "Input and output": f"`{X_R}`: float32 in [0, 1], axes {axes}, channels {' and '.join(spec.reference_names)}, "
        f"of single cells in frames of {spec} (alignment, normalization, version), 0 outside the cell. "
        "`icell build` of icell_tf prepares cells so; raw images have to be prepared first, and 8-bit images divided "
        f"by 255.\n\n`{STRUCTURES}`: the same axes, a channel for each structure: {', '.join(spec.structures)}. "
        "Values in [0, 1]. It is each structure's typical localization in a cell of this shape, and no measurement.",
        "Test cell": f"`test_input.npy` is {cell}; `test_output.npy` is what the model finds in it.",
        "Validation": "`icell evaluate --model=RUN_DIR` measures the model on cells that it was not trained on; the "
        "scorecard, if there is one, has the result. Before you rely on the model in cells of your own, measure it on "
        "them: prepare cells with a tagged structure by `icell build`, and give them as `--dataset`.",
    }
    card = card or "# The Integrated Cell\n\nThe run had no model card.\n"
    return card.rstrip() + "\n" + "".join(f"\n## {heading}\n\n{body}\n" for heading, body in parts.items())


def _tensor(spec, name, description, channels):
    space = [
        {"type": "space", "id": axis.lower(), "size": size, "unit": "micrometer", "scale": scale}
        for axis, size, scale in zip(spec.axes, spec.shape, spec.pixel_size, strict=True)
    ]
    return {
        "id": name,
        "description": description,
        "axes": [{"type": "batch"}, *space, {"type": "channel", "channel_names": list(channels)}],
        "data": {"type": "float32", "range": [0.0, 1.0]},
    }
