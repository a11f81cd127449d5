import json
import os
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from benchmarks.accelerator import export_step
from benchmarks.accelerator.description import PRECISIONS, Description, require_different, started
from benchmarks.accelerator.import_weights import import_weights
from icell_tf.config import ConditionalConfig, ConfigError, ReferenceConfig
from icell_tf.runs.run import Run
from icell_tf.runs.trained import load_model

from ..conftest import REPOSITORY, SPEC

BATCH = 4
JAX_PYTHON = os.environ.get("ICELL_JAX_PYTHON", sys.executable)
RELEASED = dict(width=1 / 16, latent_dim=4, architecture="released", dark_start=True)


@pytest.fixture(autouse=True)
def products_as_before():
    """Undoes what an export sets for the whole process."""
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    yield
    tf.config.experimental.enable_tensor_float_32_execution(before)


@pytest.fixture(scope="module")
def has_jax():
    """Skips the test where no Python with jax is known."""
    if subprocess.run([JAX_PYTHON, "-c", "import jax"], capture_output=True).returncode:
        pytest.skip(f"{JAX_PYTHON} has no jax; set ICELL_JAX_PYTHON to a Python that has it")


def run_of(phase):
    """The `Run` of a tiny model that does all that a preset asks of a step."""
    reference = ReferenceConfig(**RELEASED, mmd_weight=0.3)
    if phase == "reference":
        return Run(phase, reference, SPEC, "tiny")
    informative = dict(generate_from="targets", reconstruct_from="targets", integration_weight=3.0)
    config = ConditionalConfig(**RELEASED, **informative, z_s_noise=0.1, independence_weight=0.5, standardize=True)
    return Run(phase, config, SPEC, "tiny", reference=reference)


def exported(phase, folder, precision="float32"):
    """Writes a tiny step with its state, and returns its model and `Description`."""
    keras.utils.set_random_seed(0)
    run = run_of(phase)
    model = export_step.build(run, precision)
    description, module = export_step.lower(model, run, "tiny", precision, BATCH)
    description.save(folder, module)
    export_step.write_state(folder / f"{description.name}.npz", model, description)
    return model, description


def test_a_description_has_all_that_a_step_reads_and_changes(tmp_path):
    """Phase 2 changes all weights and moments of its four networks, and none of Enc_r's."""
    model, description = exported("conditional", tmp_path)
    names = [given.name for given in description.inputs]
    assert names[:2] == ["structure", "x"] and len(set(names)) == len(names)
    changed = {names[index] for index in description.updated}
    assert not {name for name in changed if name.startswith("enc_r/")} and "x" not in changed
    for role, network in model.trained.items():
        count = sum(layer.name.startswith("standardization") for layer in network.layers) * 3
        assert sum(name.startswith(f"{role}/") for name in changed) == len(network.weights) - count
        moments = [name for name in changed if name.startswith(f"optimizer/{role}/")]
        assert len(moments) == 2 * len(network.trainable_weights) + 1  # and the count of steps
        assert f"optimizer/{role}/learning_rate" in set(names) - changed
    assert set(description.metrics) < set(model.metric_names) and "integration" in description.metrics
    values = dict(np.load(tmp_path / "tiny-conditional-float32.npz"))
    bias = model.dec.weights[-1]
    assert description.dark == f"dec/{len(model.dec.weights) - 1}" and np.array_equal(bias, export_step.DARK)
    rng = np.random.default_rng(0)
    for given in description.inputs:
        assert values[given.name].shape == started(given, rng).shape == given.shape
        assert values[given.name].dtype == started(given, rng).dtype
    assert Description.load(tmp_path / "tiny-conditional-float32.json") == description


def test_the_precisions_differ_in_their_products(tmp_path):
    found = {precision: exported("reference", tmp_path, precision)[1] for precision in PRECISIONS}
    require_different(found.values())
    convolutions = {
        precision: [product for product in each.arithmetic if product.startswith("convolution")]
        for precision, each in found.items()
    }
    kinds = {"bfloat16": "bf16 default", "tf32": "f32 default", "float32": "f32 highest"}
    assert convolutions == {precision: [f"convolution {kind}"] for precision, kind in kinds.items()}


@pytest.mark.parametrize("phase", ["reference", "conditional"])
def test_the_steps_of_pjrt_are_tensorflows(phase, tmp_path, has_jax):
    """After a step Adam's first moments are half the gradients; after three the means of all metrics are the same."""
    model, description = exported(phase, tmp_path)
    state = dict(np.load(tmp_path / f"{description.name}.npz"))
    batch = {name: tf.constant(state[name]) for name in ("structure", "x")}
    step, after = export_step.step_of(model), {}
    for number in (1, 2, 3):
        metrics = step(batch)
        if number == 1:
            after = {name: each.numpy() for name, each in export_step.variables_of(model).items() if name in state}
    path = str(tmp_path / description.name)
    command = [JAX_PYTHON, "-m", "benchmarks.accelerator.run_step", f"{path}.json", f"--state={path}.npz"]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(REPOSITORY)}

    def figures(*given):
        done = subprocess.run([*command, *given], capture_output=True, text=True, env=environment, check=True)
        return json.loads(done.stdout.splitlines()[-1])

    figures("--steps=1", f"--after={path}-after.npz")
    found = dict(np.load(f"{path}-after.npz"))
    moments = {name: np.abs(values).max() for name, values in after.items() if name.endswith("_momentum")}
    for name, largest in moments.items():
        # The bias before a BatchNorm has a gradient of 0, which is nothing but rounding.
        rounding = 1e-5 * max(each for other, each in moments.items() if other.split("/")[1] == name.split("/")[1])
        assert np.abs(found[name] - after[name]).max() <= 1e-3 * largest + rounding, name
    assert all(found[f"optimizer/{role}/iteration"] == 1 for role in model.trained)
    many = figures("--steps=3")["metrics"]
    assert many == pytest.approx({name: float(value) for name, value in metrics.items()}, rel=1e-3, abs=1e-5)


def test_training_by_pjrt_gives_the_weights_of_all_networks(tmp_path, has_jax):
    """Twelve cells are three steps; with no time for more, one epoch is trained."""
    model, description = exported("reference", tmp_path)
    cells = np.random.default_rng(0).integers(0, 256, (3 * BATCH, *SPEC.image_shape), np.uint8)
    np.savez(tmp_path / "cells.npz", x=cells, structure=np.zeros(len(cells), np.int32))
    command = [JAX_PYTHON, "-m", "benchmarks.accelerator.train", str(tmp_path / f"{description.name}.json")]
    given = [f"--cells={tmp_path / 'cells.npz'}", "--seconds=0", f"--out={tmp_path / 'weights.npz'}"]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(REPOSITORY)}
    subprocess.run([*command, *given], capture_output=True, check=True, env=environment)
    weights = dict(np.load(tmp_path / "weights.npz"))
    (curves,) = json.loads(str(weights.pop("curves")))
    assert np.isfinite(curves["reconstruction"]) and set(curves) == set(description.metrics)
    expected = {f"{role}/{i}" for role, network in model.trained.items() for i in range(len(network.weights))}
    assert set(weights) == expected and all(values.dtype == np.float16 for values in weights.values())
    means = SPEC.reference(cells).mean((0, 1, 2)) / 255
    assert weights[description.dark] == pytest.approx(np.log(means / (1 - means)), abs=0.01)


def test_weights_from_elsewhere_make_a_run(conditional_run, reference_run, conditional_config, tmp_path):
    model, run = load_model(conditional_run)
    weights = {
        f"{role}/{number}": values.astype(np.float16)
        for role, network in model.trained.items()
        for number, values in enumerate(network.get_weights())
        if not (role in ("enc", "dec") and network.weights[number].path.startswith("standardization"))
    }
    curves = json.dumps([{"reconstruction": 0.5}, {"reconstruction": 0.4}])
    import_weights(weights | {"curves": np.array(curves)}, conditional_config, tmp_path / "new", reference_run)
    made, of_run = load_model(tmp_path / "new")
    assert of_run.spec == run.spec and of_run.config.epochs == 2
    assert all(map(np.array_equal, made.enc_r.get_weights(), model.enc_r.get_weights()))
    for role, network in made.trained.items():
        for number, values in enumerate(network.get_weights()):
            if f"{role}/{number}" in weights:
                assert np.array_equal(values, weights[f"{role}/{number}"].astype(np.float32))
    (fitted,) = (weight for weight in made.enc.weights if weight.path.split("/")[-1] == "scale")
    assert not np.array_equal(fitted[0], np.eye(fitted.shape[-1]))
    with pytest.raises(ConfigError, match="has a run: give another directory"):
        import_weights(weights | {"curves": np.array(curves)}, conditional_config, tmp_path / "new", reference_run)
    wrong = {"enc/0": np.zeros(3), "curves": np.array(curves)}
    with pytest.raises(ValueError, match=r"weight enc/0 \(3,\) is none of this preset and phase"):
        import_weights(wrong, conditional_config, tmp_path / "wrong", reference_run)
