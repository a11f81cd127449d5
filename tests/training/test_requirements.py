"""The disk and the memory that training takes, against what it has taken."""

import dataclasses

import pytest

from icell_tf.models import factory
from icell_tf.runs.run import Run
from icell_tf.spec import CellSpec
from icell_tf.structures import NAMES
from icell_tf.training import requirements

from .test_doctor import configs

SPEC = CellSpec("YX", (32, 32), (1.2, 1.2), NAMES)


def test_the_disk_that_a_run_needs_is_that_of_four_saves(tmp_path):
    of_run = configs()
    model = factory.build_model(Run("conditional", of_run["conditional"], SPEC, reference=of_run["reference"]))
    model.compile()
    model.save_weights(tmp_path / "last.weights.h5")
    saved = requirements.estimate("conditional", of_run, SPEC).saved
    assert saved == pytest.approx(4 * (tmp_path / "last.weights.h5").stat().st_size, rel=0.15)  # headers


@pytest.mark.parametrize(
    "size, width, batch_size, phase, measured",
    [
        (64, 0.25, 32, "reference", 0.93),
        (64, 0.25, 32, "conditional", 0.94),
        (256, 1.0, 8, "reference", 2.82),
        (256, 1.0, 8, "conditional", 3.09),
    ],
)
def test_the_estimate_of_memory_is_near_what_was_measured(size, width, batch_size, phase, measured):
    """Against the peak, in GiB, of a process of benchmarks/train_step.py, which has no data set."""
    spec = CellSpec("YX", (size, size), (0.6, 0.6), NAMES)
    found = requirements.estimate(phase, configs("paper", width=width, batch_size=batch_size), spec)
    needed = (requirements.PROCESS + found.state + found.activations) / requirements.GIB
    assert needed == pytest.approx(measured, rel=0.3)


def test_training_integration_decodes_once_more():
    with_it = configs()
    without = with_it | {"conditional": dataclasses.replace(with_it["conditional"], integration_weight=0.0)}
    more, less = (requirements.estimate("conditional", each, SPEC).activations for each in (with_it, without))
    stages = 2 * 4 * 4 * 64 + 3 * 8 * 8 * 32 + 3 * 16 * 16 * 16 + 32 * 32 * 3  # dense and PReLU; three each; logits
    assert more - less == 32 * 4 * (10 + 16 + (10 + 16 + 16) + stages)  # log y, z_s taken back, the three as one


def test_layers_put_out_half_as_much_in_bfloat16():
    full, half = (requirements.estimate("reference", configs(precision=p), SPEC) for p in ("float32", "bfloat16"))
    assert (half.saved, half.state) == (full.saved, full.state)
    assert half.activations == pytest.approx(full.activations / 2, rel=0.1)
