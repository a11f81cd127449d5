"""Makes a run of weights that `train.py` trained on another machine, for evaluation and all that a run is for.

    python -m benchmarks.accelerator.import_weights reference.npz --preset=compact --phase=reference \\
        --run_dir=runs/compact-reference
    python -m benchmarks.accelerator.import_weights conditional.npz --preset=compact --phase=conditional \\
        --reference=runs/compact-reference --run_dir=runs/compact-conditional

The preset's data set has to be prepared. It fits what needs all training cells: the standardization of z_s. The moments
of Adam don't come along, so nothing should train the run further.
"""

import argparse
import dataclasses
import json

import numpy as np

from benchmarks.accelerator.description import PHASES
from benchmarks.accelerator.export_step import variables_of
from icell_tf.config import PRESETS, ConfigError
from icell_tf.models.factory import build_model
from icell_tf.runs.trained import load_model
from icell_tf.training import experiment, metric_state
from icell_tf.training.store import RunStore


def import_weights(weights, config, run_dir, reference_dir=None, data_dir=None):
    """Makes a complete run.

    Args:
      weights: {name of a weight: values, "curves": JSON}, as `train.py` writes them.
      config: the settings that they were trained with; epochs are those of the curves.
      run_dir: a new folder, or an empty one.
      reference_dir: of the run of phase 1, for phase 2.
      data_dir: where prepared data sets lie.

    Raises: ConfigError, DatasetError: if the folder has a run, or the cells don't fit. ValueError: if weights don't.
    """
    curves = json.loads(str(weights["curves"]))
    config = dataclasses.replace(config, epochs=len(curves))
    run, prepared = experiment.find_run(config, reference_dir, data_dir)
    run, store = run.with_key(), RunStore(run_dir)
    with store.lock():
        store.find(run, False)
        if store.continues:
            raise ConfigError(f"--run_dir: {run_dir} has a run: give another directory")
        model = build_model(run, prepared.mean_logits() if config.dark_start else None)
        if reference_dir:
            model.enc_r.set_weights(load_model(reference_dir)[0].enc.get_weights())
        model.compile(config.learning_rate, config.beta_1)
        variables = variables_of(model)
        for name in weights.keys() - {"curves"}:
            if name not in variables or variables[name].shape != weights[name].shape:
                raise ValueError(f"weight {name} {weights[name].shape} is none of this preset and phase: give its own")
            variables[name].assign(weights[name].astype(np.float32))
        for optimizer in model.optimizers.values():
            optimizer.iterations.assign(config.epochs * prepared.steps_per_epoch(config.batch_size))
        model.end_epoch(prepared.batches(prepared.train_split, config.batch_size))
        store.begin(run, False)
        for epoch, row in enumerate(curves):
            store.write_curves({"epoch": epoch, **row})
        store.commit(model, metric_state.read(model))
        store.keep_best()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", help="of `train.py`, .npz")
    parser.add_argument("--preset", choices=PRESETS, required=True)
    parser.add_argument("--phase", choices=PHASES, required=True)
    parser.add_argument("--run_dir", required=True, help="folder of the run, new")
    parser.add_argument("--reference", help="folder of the run of phase 1, for phase 2")
    parser.add_argument("--data_dir", help="where prepared data sets lie")
    arguments = parser.parse_args()
    if (arguments.phase == "conditional") != bool(arguments.reference):
        parser.error("--reference: phase 2 needs the run of phase 1, and phase 1 takes none")
    config = PRESETS[arguments.preset][arguments.phase]
    with np.load(arguments.weights) as weights:
        import_weights(dict(weights), config, arguments.run_dir, arguments.reference, arguments.data_dir)
    print(f"{arguments.run_dir}: a run with the weights of {arguments.weights}")


if __name__ == "__main__":
    main()
