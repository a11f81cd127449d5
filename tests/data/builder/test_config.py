"""The arguments of a build: which are refused, and which decide what a data set holds."""

import pytest

from icell_tf.data.builder.config import IntegratedCellConfig
from tests.building import STACKS


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "paper"}, "kind is 'paper'.* simulated, stacks"),
        ({"image_size": 100}, "image_size is 100.* power of two"),
        ({"pixel_size": 0}, "pixel_size"),
        ({"test_fraction": 1.0}, "test_fraction"),
        ({"seed": 1}, "seed .*stacks.* simulated"),
        ({"expected_draws": 0}, "expected_draws .*stacks"),
        ({"kind": "paper_2d", "axes": "YX"}, "axes .*paper_2d.* stacks, hipsc_single_cell"),
        ({"kind": "simulated", "structures": ["tom20"]}, "structures .*simulated.* stacks, "),
        ({"kind": "simulated", "alignment": "none"}, "alignment .*simulated"),
    ],
)
def test_bad_arguments_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        IntegratedCellConfig(**STACKS | changes)


def test_arguments_for_other_kinds_may_stand_at_their_defaults():
    config = IntegratedCellConfig(name="x", kind="paper_2d", axes="", seed=0, cells_per_structure=0)
    assert "seed" not in config.arguments() and "structures" in config.arguments()
    assert not IntegratedCellConfig(name="x", kind="simulated", structures=[]).structures
