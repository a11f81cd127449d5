"""The arguments of a build: which are refused, and which decide what a data set holds."""

import pytest

from icell_tf.data.builder import config as module
from icell_tf.data.builder.config import IntegratedCellConfig
from icell_tf.imaging.frame.frame import Frame
from icell_tf.spec import Preparation
from icell_tf.structures import NAMES
from tests.building import STACKS, TINY_3D


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "paper"}, "kind is 'paper'.* simulated, stacks"),
        ({"image_size": 100}, "'stacks': image_size is 100, .* 100 x 100, expected powers of two"),
        ({"image_size": [8, 8]}, r"image_size is \[8, 8\], .* largest at least 16"),
        ({"pixel_size": 0}, "'stacks': .*pixel_size 0: pixel_size is .* above 0"),
        ({"image_size": "64"}, r"'stacks': image_size is '64' .* expected a whole number .* \[z, y, x\]"),
        ({"image_size": 32.0}, r"image_size is 32.0 .* expected a whole number"),
        ({"image_size": True}, r"image_size is True .* expected a whole number"),
        ({"image_size": [32]}, r"image_size is \[32\] .* expected a whole number"),
        ({"image_size": [8, 8, 8, 32]}, r"image_size is .* expected a whole number"),
        ({"pixel_size": "1"}, r"pixel_size '1': expected .* one number of µm"),
        ({"pixel_size": [1.0, 2.0, 2.0]}, r"image_size is 32 and pixel_size \[1.0, 2.0, 2.0\]: .* as long"),
        ({"image_size": [8, 32, 32], "pixel_size": [1.0, 2.0]}, "pixel_size .* as long"),
        ({"kind": "paper_2d", "image_size": [8, 32, 32]}, "paper_2d has pictures only"),
        ({"alignment": "minor_axis"}, "'stacks': .*alignment is 'minor_axis'.* major_axis, none"),
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


@pytest.mark.parametrize(
    ("image_size", "pixel_size", "axes", "shape", "sizes", "stored"),
    [
        (32, 1, "YX", (32, 32), (1.0, 1.0), (32, 1.0)),
        ([32, 32], [1.0, 1.0], "YX", (32, 32), (1.0, 1.0), (32, 1.0)),
        ([32, 64], 0.5, "YX", (32, 64), (0.5, 0.5), ([32, 64], 0.5)),
        (64, [0.5, 1.0], "YX", (64, 64), (0.5, 1.0), (64, [0.5, 1.0])),
        ([16, 32, 64], 0.5, "ZYX", (16, 32, 64), (0.5, 0.5, 0.5), ([16, 32, 64], [0.5, 0.5, 0.5])),
        ((16, 16, 16), (2, 1, 1), "ZYX", (16, 16, 16), (2.0, 1.0, 1.0), ([16, 16, 16], [2.0, 1.0, 1.0])),
    ],
)
def test_sizes_are_given_for_all_axes_or_one_by_one(image_size, pixel_size, axes, shape, sizes, stored):
    given = {"image_size": image_size, "pixel_size": pixel_size, "normalization": "percentile", "axes": "CZYX"}
    config = IntegratedCellConfig(**STACKS | given)
    spec = config.spec(("golgi", "tom20"))
    assert (spec.axes, spec.shape, spec.pixel_size, spec.structures) == (axes, shape, sizes, ("golgi", "tom20"))
    assert spec.preparation == config.preparation == Preparation("major_axis", "percentile")
    assert config.frame == Frame(shape, sizes)
    arguments = config.arguments()
    assert (arguments["image_size"], arguments["pixel_size"], arguments["axes"]) == (*stored, "CZYX")


def test_simulated_configs_are_known_without_a_build():
    found = {name: (config.cells, config.spec().shape) for name, config in module.SIMULATED.items()}
    assert found == {
        "integrated_cell/simulated": (6077, (256, 256)),
        "integrated_cell/simulated_64": (2800, (64, 64)),
    }
    assert all(config.spec().structures == NAMES for config in module.SIMULATED.values())
    tiny = IntegratedCellConfig(**TINY_3D)
    assert tiny.cells == 40 and tiny.spec().axes == "ZYX"
