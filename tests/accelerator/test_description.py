import dataclasses

import numpy as np
import pytest

from benchmarks.accelerator.description import (
    Description,
    Input,
    aliases,
    arithmetic,
    require_different,
    start_of,
    started,
)

HLO = """HloModule step, input_output_alias={ {1}: (2, {}, may-alias), {2}: (4, {}, may-alias) }, entry={(f32[4])}
  %a = f32[4,8]{1,0} dot(f32[4,2]{1,0} %x, f32[2,8]{1,0} %y), dims={1}, operand_precision={highest,highest}
  %b = bf16[4,8]{1,0} dot(bf16[4,2]{1,0} %x, bf16[2,8]{1,0} %y), lhs_contracting_dims={1}
  %c = f32[1,4,4,3]{3,2,1,0} convolution(f32[1,8,8,2]{3,2,1,0} %x, f32[4,4,2,3]{3,2,1,0} %k), dim_labels=b01f
  %d = f32[] add(f32[] %x, f32[] %y), metadata={op_name="dot/add"}
"""
STEP = Description(
    preset="tiny",
    phase="reference",
    precision="tf32",
    batch_size=4,
    inputs=(
        Input("structure", (4,), "int32", {"integers": [0, 10]}),
        Input("enc/0", (2,), "float32", {"constant": 0.0}),
    ),
    metrics=("reconstruction",),
    updated=(1,),
    flops=1e9,
    arithmetic={"dot f32 default": 1},
    epochs=2,
    cells=100,
    pixel_size=0.3,
    learning_rate=2e-4,
    cooldown=0.5,
    mirror=True,
    dark="",
)


def test_products_and_aliases_of_a_module():
    assert arithmetic(HLO) == {"convolution f32 default": 1, "dot bf16 default": 1, "dot f32 highest": 1}
    assert aliases(HLO) == {1: 2, 2: 4}


def test_steps_of_two_precisions_must_differ():
    other = dataclasses.replace(STEP, precision="float32", arithmetic={"dot f32 highest": 1})
    require_different([STEP, other, STEP, dataclasses.replace(STEP, phase="conditional")])
    with pytest.raises(ValueError, match="tiny, reference: tf32 and float32 have the same products"):
        require_different([STEP, dataclasses.replace(other, arithmetic=STEP.arithmetic)])


def test_a_description_is_read_as_it_was_written(tmp_path):
    STEP.save(tmp_path, b"module")
    assert Description.load(tmp_path / "tiny-reference-tf32.json") == STEP
    assert (tmp_path / "tiny-reference-tf32.hlo").read_bytes() == b"module"


def test_a_weight_starts_like_the_fresh_one():
    rng = np.random.default_rng(0)
    large = rng.normal(1, 0.02, (50, 200)).astype(np.float32)
    for fresh in (np.zeros((3, 2), np.float32), np.int64(7), np.arange(6, dtype=np.float32).reshape(2, 3)):
        given = Input("enc/0", fresh.shape, str(fresh.dtype), start_of(fresh))
        assert np.array_equal(started(given, rng), fresh) and started(given, rng).dtype == fresh.dtype
    made = started(Input("enc/0", large.shape, "float32", start_of(large)), rng)
    assert made.shape == large.shape and made.dtype == np.float32
    assert made.mean() == pytest.approx(1, abs=1e-3) and made.std() == pytest.approx(0.02, rel=0.05)
    assert not np.array_equal(made, large)


def test_a_batch_of_noise():
    rng = np.random.default_rng(0)
    structure, x = started(STEP.inputs[0], rng), started(Input("x", (4, 8), "float32", {"uniform": [0, 1]}), rng)
    assert structure.dtype == np.int32 and 0 <= structure.min() and structure.max() < 10
    assert x.dtype == np.float32 and 0 <= x.min() < x.max() <= 1
