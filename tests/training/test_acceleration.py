"""Precision, loss scales and XLA: the same step in other arithmetic."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from icell_tf import networks
from icell_tf.config import ARCHITECTURES, ConfigError, ReferenceConfig
from icell_tf.runs.weights import load_weights, save_weights
from icell_tf.training import acceleration, machine
from icell_tf.training.acceleration import Acceleration
from tests.models.conftest import LATENT, SIZE, STRUCTURES, make_batch, make_model, make_prior

MIXED = ("bfloat16", "float16")
# Of a loss, relative: 8 and 11 bits of mantissa, through some ten layers.
ROUNDING = {"bfloat16": 0.03, "float16": 0.005}


def built(precision, phase="reference", architecture="paper", **compiled):
    keras.utils.set_random_seed(0)
    how = Acceleration(precision, jit=False)
    with how.building():
        model = make_model(phase, architecture, white_noise=0.0)
    model.compile(loss_scale=how.loss_scale, **compiled)
    return model


def losses(model):
    return {name: float(tf.reduce_mean(values)) for name, values in model.update(make_batch(), make_prior()).items()}


def test_auto_on_a_cpu_is_float32_without_xla_and_says_so():
    how = Acceleration.of(ReferenceConfig())
    assert how == Acceleration("float32", jit=False)
    assert str(how).startswith("Computes in float32 on the CPU, ")
    assert str(how).endswith("without XLA.")


@pytest.mark.parametrize(("flags", "precision"), [("sse2 avx512_bf16", "bfloat16"), ("sse2 avx512f", "float32")])
def test_auto_for_volumes_and_large_pictures_on_a_cpu(monkeypatch, flags, precision):
    monkeypatch.setattr(machine, "_lines", lambda path: ["model name\t: CPU", f"flags\t\t: {flags}"])
    for large in ((32, 64, 64), (8, 16, 16), (256, 256)):
        assert Acceleration.of(ReferenceConfig(), shape=large) == Acceleration(precision, jit=False)
    for small in ((64, 64), (128, 128)):
        assert Acceleration.of(ReferenceConfig(), shape=small) == Acceleration("float32", jit=False)
    assert Acceleration.of(ReferenceConfig(precision="float32"), shape=(32, 64, 64)).precision == "float32"


def test_a_processor_that_says_nothing_has_no_bfloat16(monkeypatch):
    monkeypatch.setattr(machine, "_lines", lambda path: [])
    assert not machine.has_bfloat16() and machine.processor()


@pytest.mark.parametrize("capability, precision", [((9, 0), "bfloat16"), ((7, 5), "float32")])
def test_auto_on_a_gpu(monkeypatch, capability, precision):
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: ["GPU"] if kind == "GPU" else ["CPU"])
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["GPU"])
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: {"compute_capability": capability})
    assert Acceleration.of(ReferenceConfig()) == Acceleration(precision, jit=True)
    assert Acceleration.of(ReferenceConfig(), replicas=2) == Acceleration(precision, jit=False)
    assert Acceleration.of(ReferenceConfig(precision="float16", jit="off")) == Acceleration("float16", jit=False)
    with pytest.raises(ConfigError, match="jit is 'on', but TensorFlow can't compile a step on 2 devices"):
        Acceleration.of(ReferenceConfig(jit="on"), replicas=2)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("phase", ["reference", "conditional"])
@pytest.mark.parametrize("precision", MIXED)
def test_mixed_precision_rounds_and_does_nothing_else(precision, phase, architecture):
    plain, mixed = losses(built("float32", phase, architecture)), built(precision, phase, architecture)
    found = losses(mixed)
    for name in plain:
        if not name.endswith("accuracy"):
            assert found[name] == pytest.approx(plain[name], rel=ROUNDING[precision], abs=1e-3), name
    assert found["reconstruction"] != plain["reconstruction"]  # or else nothing was rounded
    state = [variable for optimizer in mixed.optimizers.values() for variable in optimizer.variables]
    assert {variable.dtype for variable in [*mixed.weights, *state] if "int" not in variable.dtype} == {"float32"}
    assert int(mixed.step) == 1


def test_precision_is_that_of_training_alone(tmp_path):
    mixed, plain = built("bfloat16", "conditional", "released"), built("float32", "conditional", "released")
    assert keras.config.dtype_policy().name == "float32"
    mixed.update(make_batch(), make_prior())
    save_weights(mixed, tmp_path / "mixed.weights.h5")
    load_weights(plain, tmp_path / "mixed.weights.h5")
    for trained, loaded in zip(mixed.weights, plain.weights, strict=True):
        np.testing.assert_array_equal(trained, loaded)


def test_a_structure_that_is_surely_another_is_finite_in_float16():
    with Acceleration("float16", jit=False).building():
        decoder = networks.build_conditional_decoder(
            (SIZE, SIZE), 3, STRUCTURES, LATENT, width=1 / 16, architecture="released"
        )
    code = np.zeros((2, LATENT), np.float32)
    y_onehot = np.eye(STRUCTURES, dtype=np.float32)[:2]
    assert np.isfinite(decoder({"y": y_onehot, "z_r": code, "z_s": code})).all()


def test_a_step_whose_gradients_overflow_is_skipped_by_its_network_and_counted_and_kept_with_the_weights(tmp_path):
    model, other = built("float16"), built("float16")
    encoder, decoder = model.optimizers["enc"], model.optimizers["dec"]
    encoder.dynamic_scale.assign(2.0**127)
    before = {role: [np.array(weight) for weight in net.trainable_weights] for role, net in model.trained.items()}
    model.update(make_batch(), make_prior())

    def moved(role):
        after = model.trained[role].trainable_weights
        return any((old != np.array(new)).any() for old, new in zip(before[role], after, strict=True))

    assert [role for role in model.trained if not moved(role)] == ["enc"]
    assert float(encoder.dynamic_scale) == 2.0**126 and float(decoder.dynamic_scale) == 2.0**15
    assert int(encoder.iterations) == 0 and int(decoder.iterations) == 1
    assert int(model.step) == 1
    save_weights(model, tmp_path / "own.weights.h5")
    load_weights(other, tmp_path / "own.weights.h5")
    assert int(other.step) == 1 and float(other.optimizers["enc"].dynamic_scale) == 2.0**126


def test_xla_computes_the_same_step():
    plain, compiled = built("float32"), built("float32", jit=True)
    step = tf.function(compiled.update, jit_compile=compiled.jit_compile)  # draws of noise are others in XLA
    found = {name: float(tf.reduce_mean(values)) for name, values in step(make_batch(), make_prior()).items()}
    assert compiled.jit_compile
    assert found == pytest.approx(losses(plain), rel=1e-4)


@pytest.fixture
def threads(monkeypatch):
    """What is set of TensorFlow's threads: {"intra": an operation's, "inter": operations at a time}."""
    found = {}
    for name in ("intra", "inter"):
        setter = f"set_{name}_op_parallelism_threads"
        monkeypatch.setattr(tf.config.threading, setter, lambda number, name=name: found.update({name: number}))
    for name in machine.THREADS:
        monkeypatch.delenv(name, raising=False)
    return found


@pytest.mark.parametrize(
    ("cores", "given", "shape", "expected"),
    [
        (2, "auto", (128, 128), {"intra": 1, "inter": 2}),
        (2, "auto", (256, 256), {}),
        (2, "auto", None, {}),
        (2, "auto", (8, 16, 16), {}),  # not measured
        (8, "auto", (64, 64), {}),
        (8, "4", 256, {"intra": 4, "inter": 8}),
        (8, 3, None, {"intra": 3, "inter": 8}),
    ],
)
def test_threads_are_those_asked_for_or_those_measured_to_be_fast(threads, monkeypatch, cores, given, shape, expected):
    monkeypatch.setattr(machine, "cores", lambda: cores)
    acceleration.set_threads(given, shape)
    assert threads == expected
    threads.clear()
    monkeypatch.setenv(machine.THREADS[1], "3")
    acceleration.set_threads(given, shape)
    assert threads == (expected if given != "auto" else {})  # auto leaves those that the environment sets


@pytest.mark.parametrize("given", ["0", "-1", "many", ""])
def test_threads_that_are_no_number_are_refused(threads, given):
    with pytest.raises(ConfigError, match=f"threads_per_operation is '{given}'"):
        acceleration.set_threads(given, (64, 64))


def test_threads_are_set_before_tensorflow_computes():
    tf.constant(1.0)
    with pytest.raises(ConfigError, match="threads_per_operation can't be set any more"):
        acceleration.set_threads(17)
    acceleration.set_threads("auto", (64, 64))
